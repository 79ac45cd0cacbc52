"""The kernel of layers: runs of outputs under blocks of filters, tile by tile.

The maps that a unit reads are staged in the worker's scratch, with the border applied and the
element type converted, or read in place where they can be.  Rows of outputs of at least a vector
are computed from there; the pixels of narrower ones are packed first, panel by panel.

`layout` describes the problem to compiled code as int64 numbers, indexed by the names below.
"""

import numpy as np

from ... import jit, machine
from ...borders import CONSTANT, source_index
from ...simd import store_fence
from ..direct.elements import read, write
from ..direct.runs import convert_run, has_runs, lies_flat
from .copying import gather, halve_run
from .numbers import put
from .tile import PLACE, STREAM, VECTORS, tile

FIELDS = (
    BATCH, ROWS_IN, COLUMNS_IN, ROWS_OUT, COLUMNS_OUT, LEAD_Y, LEAD_X, STRIDE_Y, STRIDE_X,
    DILATION_Y, DILATION_X, TAPS_Y, TAPS_X, BORDER_Y, BORDER_X, INPUTS, GROUPS, GROUP_OUTPUTS,
    BLOCKS, BLOCK_FILTERS, WHOLE_BLOCKS, LANES, LARGE, INSIDE, UNITS, PARTS, IMAGES,
    UNIT_ROWS, LENGTH_Y, TRACKS_Y, LENGTH_X, TRACKS_X, CHANNEL_STEP,
    STAGE_AT, PANEL_AT, RESULTS_AT, STARTS_Y, PLACES_Y, STARTS_X, PLACES_X,
) = range(40)  # fmt: skip


@jit.jit()
def _stage(f, fill, layout, scratch, image, images, channel, y, height, rim):
    """Everything that rows ``[y, y + height)`` of some images need, border applied.

    ``rim``: whether columns outside the image are to be written, which a constant needs only once.
    """
    channels, stride = layout[INPUTS], layout[STRIDE_X]
    length, row_step = layout[LENGTH_X], layout[LENGTH_X] * layout[TRACKS_X]
    rows = layout[LENGTH_Y] - layout[UNIT_ROWS] + height
    flat = has_runs(f)
    strides = (
        f.strides[0] // f.itemsize, f.strides[1] // f.itemsize, f.strides[2] // f.itemsize
    )  # fmt: skip
    for track_x in range(layout[TRACKS_X]):
        left = layout[layout[STARTS_X] + track_x] - layout[LEAD_X]
        # places [first, last) of the track lie in the image
        first = min(max(-(left // stride), 0), length)
        last = min(max((layout[COLUMNS_IN] - left + stride - 1) // stride, first), length)
        column, count = left + first * stride, last - first
        for n in range(layout[TRACKS_Y] * rows):
            track_y, row = n // rows, n % rows
            top = layout[layout[STARTS_Y] + track_y] - layout[LEAD_Y]
            source_row = source_index(
                top + (y + row) * layout[STRIDE_Y], layout[ROWS_IN], layout[BORDER_Y]
            )
            row_at = layout[STAGE_AT] + (track_y * layout[LENGTH_Y] + row) * row_step
            row_at += track_x * length
            for slot in range(images * channels):
                at = row_at + slot * layout[CHANNEL_STEP]
                b, c = image + slot // channels, channel + slot % channels
                if source_row < 0:
                    for place in range(length):
                        scratch[at + place] = fill[0]
                    continue
                source = b * strides[0] + c * strides[1] + source_row * strides[2] + column
                if flat and stride == 1:
                    convert_run(f, source, scratch, at + first, count)
                elif flat and stride == 2 and count > layout[LANES]:
                    halve_run(f, source, scratch, at + first, count)
                else:
                    for place in range(first, last):
                        index = b, c, source_row, left + place * stride
                        scratch[at + place] = read(f, index, 0, scratch)
                if not rim:
                    continue
                for outside in range(length - count):
                    place = outside if outside < first else outside + count
                    pixel = source_index(
                        left + place * stride, layout[COLUMNS_IN], layout[BORDER_X]
                    )
                    if pixel < 0:
                        scratch[at + place] = fill[0]
                    else:
                        scratch[at + place] = read(f, (b, c, source_row, pixel), 0, scratch)


@jit.jit()
def _chart(layout, scratch, in_place, steps, images, height):
    """The tables of a unit's pixels: offsets of the taps, then places of vectors of outputs.

    ``steps``: elements from image to image, channel to channel, row to row of the image, and
    between rows of outputs.
    """
    image_step, channel_step, tap_step, row_step = steps
    width, lanes = layout[COLUMNS_OUT], layout[LANES]
    at = 0
    for c in range(layout[INPUTS]):
        for row in range(layout[TAPS_Y]):
            for column in range(layout[TAPS_X]):
                if in_place:
                    place = row * layout[DILATION_Y] * tap_step + column * layout[DILATION_X]
                else:
                    place = layout[layout[PLACES_Y] + row] * tap_step
                    place += layout[layout[PLACES_X] + column]
                put(scratch, at, c * channel_step + place)
                at += 1
    # a run of outputs is a row, or a plane whose rows follow one another
    run = height * width if row_step == width else width
    rows = height * width // run
    if run < lanes:
        return
    for vector in range(-(-images * height * width // lanes)):
        line, x = vector * lanes // run, vector * lanes % run
        first = line // rows * image_step + line % rows * row_step + x
        line += 1
        following = line // rows * image_step + line % rows * row_step
        count = min(lanes, run - x)
        alone = count == lanes or line == images * rows
        put(scratch, at, first)
        put(scratch, at + 1, first if alone else following - count)
        put(scratch, at + 2, count)
        at += PLACE


@jit.jit()
def _deliver(out, layout, scratch, b, o, filters, y, height, first, count):
    """Convert and store results that a tile left in scratch.

    They are ``count`` outputs of some filters from the ``first`` of those of image ``b``'s rows
    ``[y, y + height)``, and of the next images'.
    """
    width, pitch = layout[COLUMNS_OUT], VECTORS * layout[LANES]
    plane, flat = height * width, has_runs(out)
    run = plane if out.strides[2] == width * out.itemsize else width
    strides = (
        out.strides[0] // out.itemsize, out.strides[1] // out.itemsize,
        out.strides[2] // out.itemsize,
    )  # fmt: skip
    done = 0
    while done < count:
        image, pixel = b + (first + done) // plane, (first + done) % plane
        row, column = y + pixel // width, pixel % width
        part = min(count - done, run - pixel % run)
        for n in range(filters):
            at = layout[RESULTS_AT] + n * pitch + done
            if flat:
                target = image * strides[0] + (o + n) * strides[1] + row * strides[2] + column
                convert_run(scratch, at, out, target, part)
            else:
                for i in range(part):
                    index = image, o + n, row + (column + i) // width, (column + i) % width
                    write(out, index, scratch[at + i], scratch[at + i])
        done += part


@jit.jit()
def _lies_apart(f, layout):
    """Whether rows, channels and images follow one another in memory, as far apart as you like.

    So whatever lies a vector behind a row's end of any image but the last is the array's, too.
    """
    row = layout[COLUMNS_IN] * f.itemsize
    channel = (layout[ROWS_IN] - 1) * f.strides[2] + row
    image = (f.shape[1] - 1) * f.strides[1] + channel
    return f.strides[2] >= row and f.strides[1] >= channel and f.strides[0] >= image


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill units ``[start, stop)`` of ``out``, and nothing else.

    A unit is a block of filters, counted over the groups and then over the runs of outputs.
    """
    lanes, width, blocks, groups = (
        layout[LANES], layout[COLUMNS_OUT], layout[BLOCKS], layout[GROUPS]
    )  # fmt: skip
    channels, count = layout[INPUTS], layout[INPUTS] * layout[TAPS_Y] * layout[TAPS_X]
    image_steps = (
        f.strides[0] // f.itemsize, f.strides[1] // f.itemsize, f.strides[2] // f.itemsize
    )  # fmt: skip
    readable = layout[INSIDE] != 0 and lies_flat(f, scratch) and _lies_apart(f, layout)
    follow = layout[STRIDE_Y] * image_steps[2] == width  # a plane's rows, in memory
    readable = readable and (layout[ROWS_OUT] * width if follow else width) >= lanes
    writable = lies_flat(out, scratch) and out.strides[2] == width * out.itemsize
    aligned = (
        out.ctypes.data % machine.VECTOR_BYTES == 0
        and out.strides[0] % machine.VECTOR_BYTES == 0
        and out.strides[1] % machine.VECTOR_BYTES == 0
    )
    out_image, out_filter = out.strides[0] // out.itemsize, out.strides[1] // out.itemsize
    row_step = layout[LENGTH_X] * layout[TRACKS_X]
    pitch = VECTORS * lanes
    rimmed, charted = np.int64(0), (False, np.int64(-1), np.int64(-1))
    while start < stop:
        unit, block = start // blocks, start % blocks
        run, group = unit // groups, unit % groups
        last_block = min(blocks, block + stop - start)
        start += last_block - block
        parts, total = layout[PARTS], layout[UNITS]
        image, y, height, images = run // parts, np.int64(0), layout[ROWS_OUT], np.int64(1)
        if parts > 1:
            y = layout[ROWS_OUT] * (run % parts) // parts
            height = layout[ROWS_OUT] * (run % parts + 1) // parts - y
        else:
            image = layout[BATCH] * run // total
            images = layout[BATCH] * (run + 1) // total - image
        in_place = readable and image + images < layout[BATCH]
        if in_place:
            source = image * image_steps[0] + group * channels * image_steps[1] - layout[LEAD_X]
            source += (y * layout[STRIDE_Y] - layout[LEAD_Y]) * image_steps[2]
            steps = (
                image_steps[0], image_steps[1], image_steps[2], layout[STRIDE_Y] * image_steps[2]
            )  # fmt: skip
        else:
            rim = layout[BORDER_X] != CONSTANT or images * height > rimmed
            rimmed = max(rimmed, images * height)
            _stage(f, fill, layout, scratch, image, images, group * channels, y, height, rim)
            source = layout[STAGE_AT]
            steps = channels * layout[CHANNEL_STEP], layout[CHANNEL_STEP], row_step, row_step
        if charted != (in_place, images, height):
            _chart(layout, scratch, in_place, steps, images, height)
            charted = in_place, images, height
        plane, pixels = height * width, images * height * width
        narrow = (plane if steps[3] == width else width) < lanes
        pixel = np.int64(0)
        while pixel < pixels:
            left = pixels - pixel
            vectors = VECTORS if left > (VECTORS - 1) * lanes else 1
            size = min(left, vectors * lanes)
            if narrow:
                done = 0
                while done < size:
                    line, x = (pixel + done) // width, (pixel + done) % width
                    part = min(size - done, width - x)
                    at = line // height * steps[0] + line % height * steps[3] + x
                    gather(scratch, source + at, 0, layout[PANEL_AT] + done, pitch, part, count)
                    done += part
            direct = writable and size == vectors * lanes and pixel % plane + size <= plane
            target = (image + pixel // plane) * out_image + y * width + pixel % plane
            flags = STREAM if layout[LARGE] and aligned and target % lanes == 0 else 0
            now = block
            while now < last_block:
                whole = now < layout[WHOLE_BLOCKS]
                filters = layout[BLOCK_FILTERS] if whole else layout[BLOCK_FILTERS] - 1
                first = now * layout[BLOCK_FILTERS] - max(now - layout[WHOLE_BLOCKS], 0)
                first += group * layout[GROUP_OUTPUTS]
                tiles = min(last_block, layout[WHOLE_BLOCKS] if whole else blocks) - now
                tiles = tiles if direct else 1
                tile(
                    f, scratch, in_place, (layout[PANEL_AT] if narrow else source, pitch),
                    (0, count + pixel // lanes * PLACE), taps, first * count, count, out, direct,
                    (target + first * out_filter if direct else layout[RESULTS_AT],
                     out_filter if direct else pitch),
                    (filters, vectors, 1 if narrow else 2, tiles, flags if direct else 0),
                )  # fmt: skip
                if not direct:
                    _deliver(out, layout, scratch, image, first, filters, y, height, pixel, size)
                now += tiles
            pixel += size
    store_fence()
