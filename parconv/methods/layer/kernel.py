"""The kernel of layers: runs of outputs under blocks of filters, tile by tile.

The maps that a unit reads are staged in the worker's scratch, with the border applied and the
element type converted, or read in place where they can be.  Tiles read pixels there; those of rows
narrower than a vector, and others where it pays, are packed first, panel by panel.

`layout` describes the problem as numbers, whose names are below.
"""

import numpy as np

from ...codegen import jit, machine
from ...codegen.borders import CONSTANT, source_index
from ...codegen.foreign import as_sums
from ...codegen.layout import ENDS, OWN, Layout
from ...codegen.packing import copy, copy_one, store_planes, stream_row
from ...codegen.runs import has_runs
from ...codegen.simd import store_fence
from . import streak as s
from .copying import gather, halve_rows
from .numbers import put
from .tile import PARTED, PLACE, STREAM, VECTORS, tile
from .words import PAIR, join, pair, widened

L = Layout(
    *ENDS, "batch", "rows_in", "columns_in", "rows_out", "columns_out", "lead_y", "lead_x",
    "stride_y", "stride_x", "dilation_y", "dilation_x", "taps_y", "taps_x", "border_y", "border_x",
    "inputs", "groups", "group_outputs", "blocks", "block_filters", "whole_blocks", "lanes",
    "large", "inside", "parts", "images", "unit_rows", "length_y", "tracks_y", "length_x",
    "tracks_x", "channel_step", "packed", "channels", "words", "flip", "stage_at", "panel_at",
    "results_at", "wide_at", "together", "gathered",
    tables=("starts_y", "places_y", "starts_x", "places_x"),
)  # fmt: skip

PACKED_TAPS = 128  # at a time: their part of a panel stays in the first-level cache


@jit.jit()
def _bordered(f, fill, layout, scratch, at, image, channel, row, column):
    """A pixel of the extended image, of a row inside it."""
    column = source_index(column, layout[L.columns_in], layout[L.border_x])
    if column < 0:
        scratch[at] = fill[channel]
    else:
        copy_one(f, layout[L.reads], (image, channel, row, column), scratch, at)


@jit.jit()
def _stage(f, fill, layout, scratch, image, images, channel, y, height, rim):
    """Everything that rows ``[y, y + height)`` of some images need, border applied.

    ``rim``: whether columns outside the image are to be written, which a constant needs only once.

    Apart from `packing.fetch`, with which the kernel took 8 % longer to compile and a layer of
    3 channels of 112 x 112 with every second output 4 % more time (Zen 3 VM, 2026-11).
    """
    channels, sy, sx = layout[L.inputs], layout[L.stride_y], layout[L.stride_x]
    length, row_step = layout[L.length_x], layout[L.length_x] * layout[L.tracks_x]
    rows = layout[L.length_y] - layout[L.unit_rows] + height
    flat, f_row, others = has_runs(f), f.strides[2] // f.itemsize, layout[L.reads] != OWN
    for slot in range(images * channels):
        b, c = image + slot // channels, channel + slot % channels
        for track in range(layout[L.tracks_x] * layout[L.tracks_y]):
            track_x, track_y = track // layout[L.tracks_y], track % layout[L.tracks_y]
            top = y * sy + layout[layout[L.starts_y] + track_y] - layout[L.lead_y]
            left = layout[layout[L.starts_x] + track_x] - layout[L.lead_x]
            # rows [above, below) and columns [first, last) of the track lie in the image
            above = min(max(-(top // sy), 0), rows)
            below = min(max((layout[L.rows_in] - top + sy - 1) // sy, above), rows)
            first = min(max(-(left // sx), 0), length)
            last = min(max((layout[L.columns_in] - left + sx - 1) // sx, first), length)
            at = layout[L.stage_at] + slot * layout[L.channel_step] + track_x * length
            at += track_y * layout[L.length_y] * row_step
            inside, source = at + above * row_step + first, left + first * sx
            source += b * (f.strides[0] // f.itemsize) + c * (f.strides[1] // f.itemsize)
            source += (top + above * sy) * f_row
            halves = flat and sx == 2 and last - first > layout[L.lanes]
            plain = others or (flat and sx == 1) or halves
            if plain and (others or sx == 1):
                copy(
                    f, layout[L.reads], (b, c), (top + above * sy, sy, below - above),
                    (left + first * sx, sx, last - first), scratch, (inside, row_step, 0),
                )  # fmt: skip
            elif plain:
                halve_rows(
                    f, source, sy * f_row, scratch, inside, row_step, below - above, last - first
                )  # fmt: skip
            for n in range(rows):
                skipped = last - first if plain and above <= n < below else 0
                if skipped and not rim:
                    continue
                row = source_index(top + n * sy, layout[L.rows_in], layout[L.border_y])
                if row < 0:
                    begin = at + n * row_step
                    scratch[begin : begin + length] = fill[c]
                    continue
                for outside in range(length - skipped):
                    place = outside if outside < first or skipped == 0 else outside + skipped
                    _bordered(
                        f, fill, layout, scratch, at + n * row_step + place, b, c, row,
                        left + place * sx,
                    )  # fmt: skip


@jit.jit()
def _cut(layout, scratch, images):
    """Cut staged maps into words; where tiles read, and elements from a channel to the next there.

    The words of two channels share their lanes, the low ones first, the high ones a map later.
    Where channels are odd, the last has a neighbour that is not its image's, whose weights are 0.
    """
    inputs, step, words = layout[L.inputs], layout[L.channel_step], layout[L.words]
    if words == 0:
        return layout[L.stage_at], step
    begin = layout[L.stage_at] + layout[L.images] * inputs * step
    target = begin
    for image in range(images):
        for channel in range(0, inputs, PAIR):
            source = layout[L.stage_at] + (image * inputs + channel) * step
            high = target + step if words > 1 else np.int64(0)
            pair(scratch, source, source + step, target, high, step, layout[L.flip])
            target += words * step
    return begin, words * step


@jit.jit()
def _chart_taps(layout, scratch, in_place, channel_step, tap_step):
    """The table of where taps meet pixels: elements from those of the first one."""
    at = 0
    for c in range(layout[L.channels]):
        for row in range(layout[L.taps_y]):
            for column in range(layout[L.taps_x]):
                if in_place:
                    place = row * layout[L.dilation_y] * tap_step + column * layout[L.dilation_x]
                else:
                    place = layout[layout[L.places_y] + row] * tap_step
                    place += layout[layout[L.places_x] + column]
                put(scratch, at, c * channel_step + place)
                at += 1


@jit.jit()
def _chart(layout, scratch, in_place, steps, images, height, known):
    """The tables of a unit's pixels: of taps, then of vectors of outputs, and how many those are.

    ``steps``: elements from image to image, channel to channel, row to row of the image, and
    between rows of outputs.  ``known``: vectors that stand there, if any, of other images or
    another height, which but for the last are the same.
    """
    image_step, channel_step, tap_step, row_step = steps
    width, lanes = layout[L.columns_out], layout[L.lanes]
    at = layout[L.channels] * layout[L.taps_y] * layout[L.taps_x]
    if known == 0:
        _chart_taps(layout, scratch, in_place, channel_step, tap_step)
    # a run of outputs is a row, or a plane whose rows follow one another
    run = height * width if row_step == width else width
    rows, count = height * width // run, -(-images * height * width // lanes)
    if run < lanes:
        return known
    first = max(0, min(known, count) - 1)
    line, x = first * lanes // run, first * lanes % run
    image, row = line // rows, line % rows
    for vector in range(first, count):
        size, start = min(lanes, run - x), image * image_step + row * row_step + x
        x += lanes
        if x >= run:
            x -= run
            row += 1
            if row == rows:
                row, image = 0, image + 1
        alone = size == lanes or image == images
        following = image * image_step + row * row_step - size
        put(scratch, at + vector * PLACE, start)
        put(scratch, at + vector * PLACE + 1, start if alone else following)
        put(scratch, at + vector * PLACE + 2, size)
    return count


@jit.jit()
def _pack(f, layout, scratch, in_place, source, panel, steps, pixel, size, run, runs):
    """The panel of ``size`` outputs from ``pixel`` on: their pixels, tap by tap.

    Outputs come in runs that meet neighbouring pixels, ``runs`` in an image.
    """
    lanes, pitch = layout[L.lanes], VECTORS * layout[L.lanes]
    count = layout[L.channels] * layout[L.taps_y] * layout[L.taps_x]
    for tap in range(0, count, PACKED_TAPS):
        taps, target = min(PACKED_TAPS, count - tap), panel + tap * pitch
        line, x = pixel // run, pixel % run
        image, row = line // runs, line % runs
        done = 0
        while done < size:
            part = min(size - done, run - x, lanes)
            at = source + image * steps[0] + row * steps[3] + x
            gather(f, scratch, in_place, at, tap, target + done, pitch, part, taps)
            done += part
            x += part
            if x == run:
                x, row = 0, row + 1
            if row == runs:
                row, image = 0, image + 1


@jit.jit()
def _join(taps, layout, scratch, offsets_at, filters, count):
    """The sums of words that tiles left in scratch, if any, as those of some filters in int64."""
    pitch, low, wide = VECTORS * layout[L.lanes], layout[L.results_at], layout[L.wide_at]
    high = low + filters * pitch if layout[L.words] > 1 else np.int64(0)
    for n in range(filters if layout[L.words] else 0):
        join(scratch, low, high, wide, count, np.int64(taps[offsets_at + n]))
        low, wide = low + pitch, wide + 2 * pitch
        high += pitch if high else np.int64(0)


@jit.jit()
def _deliver(out, layout, results, b, o, filters, y, height, first, count):
    """Convert and store results of a tile.

    They are ``count`` outputs of some filters from the ``first`` of those of image ``b``'s rows
    ``[y, y + height)``, and of the next images'.
    """
    width, pitch = layout[L.columns_out], VECTORS * layout[L.lanes]
    plane, out = height * width, as_sums(out, results)
    begin = layout[L.wide_at] // 2 if layout[L.words] else layout[L.results_at]
    run = plane if has_runs(out) and out.strides[2] == width * out.itemsize else width
    done = 0
    while done < count:
        image, pixel = b + (first + done) // plane, (first + done) % plane
        row, column = y + pixel // width, pixel % width
        part = min(count - done, run - pixel % run)
        source, index = (begin + done, pitch, 0), (image, o, row, column)
        store_planes(results, source, out, layout[L.writes], index, (filters, part))
        done += part


@jit.jit()
def _stream(own, layout, scratch, filters, planes):
    """The sums of some filters that wait in scratch, past the caches, whole lines of each plane.

    ``planes`` = where the first filter's outputs of the first image begin, elements from filter to
    filter and image to image, images, and outputs of each.
    """
    target, filter_step, image_step, images, plane = planes
    for n in range(filters):
        source = layout[L.results_at] + n * layout[L.gathered]
        for image in range(images):
            place = target + n * filter_step + image * image_step
            stream_row(scratch, source + image * plane, own, place, plane, filter_step)


@jit.jit()
def _lies_apart(f, layout):
    """Whether rows, channels and images follow one another in memory, as far apart as you like.

    So whatever lies a vector behind a row's end of any image but the last is the array's, too.
    """
    row = layout[L.columns_in] * f.itemsize
    channel = (layout[L.rows_in] - 1) * f.strides[2] + row
    image = (f.shape[1] - 1) * f.strides[1] + channel
    return f.strides[2] >= row and f.strides[1] >= channel and f.strides[0] >= image


@jit.jit()
def _spare(layout, f_row, top, height):
    """Elements that an image's last channel has behind the last vector of rows of outputs.

    Rows ``height`` from row ``top`` of the image on, where all taps meet the image.
    """
    width, lanes = layout[L.columns_out], layout[L.lanes]
    row = top + (height - 1) * layout[L.stride_y] + (layout[L.taps_y] - 1) * layout[L.dilation_y]
    column = width - layout[L.lead_x] + (layout[L.taps_x] - 1) * layout[L.dilation_x]
    behind = (layout[L.rows_in] - 1 - row) * f_row + layout[L.columns_in] - column
    return behind - (-height * width) % lanes


@jit.jit()
def _ahead(f, layout, wanted, unit, outputs, turns):
    """Where the pixels of a unit begin, in bytes; rows, one a channel, and lines for each tile.

    Tiles of as many outputs take so many turns each.  No lines where they are not wanted.
    """
    if not wanted:
        return np.int64(0), np.int64(1), np.int64(0)
    parts, unit_rows, stride = layout[L.parts], layout[L.unit_rows], layout[L.stride_y]
    channels, groups, pitch = layout[L.inputs], layout[L.groups], VECTORS * layout[L.lanes]
    row = unit // groups % parts * unit_rows * stride - layout[L.lead_y]
    row = min(max(row, 0), layout[L.rows_in])
    rows = min(layout[L.rows_in] - row, unit_rows * stride)
    fetched = unit // groups // parts * f.strides[0]
    fetched += unit % groups * channels * f.strides[1] + row * f.strides[2]
    tile_bytes = (outputs + pitch - 1) // pitch * machine.CACHE_LINE
    return fetched, -(-channels // turns), (rows * f.strides[2] + tile_bytes - 1) // tile_bytes


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill units ``[start, stop)`` of ``out``, and nothing else.

    A unit is a block of filters, counted over the groups and then over the runs of outputs.
    """
    f, own = as_sums(f, scratch), as_sums(out, scratch)
    lanes, width, blocks, groups, parts, unit_rows = (
        layout[L.lanes], layout[L.columns_out], layout[L.blocks], layout[L.groups], layout[L.parts],
        layout[L.unit_rows],
    )  # fmt: skip
    channels, pitch, words = layout[L.inputs], VECTORS * lanes, layout[L.words]
    count = layout[L.channels] * layout[L.taps_y] * layout[L.taps_x]
    offsets_at = layout[L.groups] * layout[L.group_outputs] * count
    f_image, f_channel, f_row = (
        f.strides[0] // f.itemsize, f.strides[1] // f.itemsize, f.strides[2] // f.itemsize
    )  # fmt: skip
    out_image, out_filter = own.strides[0] // own.itemsize, own.strides[1] // own.itemsize
    # a run of outputs in place is a row, or the rows of a unit where they follow one another
    least = layout[L.rows_out] - (parts - 1) * unit_rows
    least = least * width if layout[L.stride_y] * f_row == width else width
    readable = layout[L.inside] != 0 and layout[L.reads] == OWN and has_runs(f)
    readable = readable and _lies_apart(f, layout) and least >= lanes
    writable = words == 0 and layout[L.writes] == OWN and has_runs(own)
    writable = writable and own.strides[2] == width * own.itemsize
    streams = (
        layout[L.large] != 0
        and machine.FILLS_LINES
        and own.ctypes.data % machine.VECTOR_BYTES == 0
        and own.strides[0] % machine.VECTOR_BYTES == 0
        and own.strides[1] % machine.VECTOR_BYTES == 0
    )
    whole = (own.ctypes.data | own.strides[0] | own.strides[1]) % own.itemsize == 0
    gathers = layout[L.gathered] != 0 and writable and whole
    dense = has_runs(f) and f.strides[2] <= 2 * layout[L.columns_in] * f.itemsize
    # % of the peak without / so, images in the last-level cache, one core (Zen 5, 2026-11): 3x3 64
    # -> 64 of 28 x 28 86 / 94, with a border 81 / 86, 1x1 64 -> 64 of 28 x 48 60 / 88
    fetches = layout[L.images] == 1 and dense
    streaks = count == layout[L.channels] and layout[L.group_outputs] <= s.FILTERS
    streaks = streaks and readable and writable and layout[L.stride_y] * f_row == width
    rimmed, rim_constant = np.int64(0), fill[0]
    charted, known = (False, np.int64(-1), np.int64(-1)), np.int64(0)
    while start < stop:
        unit, first_block = start // blocks, start % blocks
        part, group = unit // groups, unit % groups
        last_block = min(blocks, first_block + stop - start)
        start += last_block - first_block
        image, y = part // parts * layout[L.images], part % parts * unit_rows
        height = min(layout[L.rows_out] - y, unit_rows)
        images = min(layout[L.batch] - image, layout[L.images])
        top = y * layout[L.stride_y] - layout[L.lead_y]
        in_place = readable and (
            streaks
            or layout[L.packed] != 0
            or image + images < layout[L.batch]
            or _spare(layout, f_row, top, height) >= 0
        )
        if in_place:
            source = image * f_image + group * channels * f_channel - layout[L.lead_x] + top * f_row
            steps = f_image, f_channel, f_row, layout[L.stride_y] * f_row
        else:
            constant = fill[group * channels]  # parts of complex images lie in groups of their own
            rimmed = rimmed if constant == rim_constant else np.int64(0)
            rim_constant = constant
            rim = layout[L.border_x] != CONSTANT or images * height > rimmed
            rimmed = max(rimmed, images * height)
            _stage(f, fill, layout, scratch, image, images, group * channels, y, height, rim)
            source, step = _cut(layout, scratch, images)
            row_step = layout[L.length_x] * layout[L.tracks_x]
            steps = layout[L.channels] * step, step, row_step, row_step
        if charted != (in_place, images, height):
            known = known if charted[0] == in_place else np.int64(0)
            known = _chart(layout, scratch, in_place, steps, images, height, known)
            charted = in_place, images, height
        plane = height * width
        run = plane if steps[3] == width else width
        packed = run < lanes or layout[L.packed] != 0
        # blocks of filters that see a tile's pixels before the next tile's are looked at
        together = last_block - first_block if packed else layout[L.together]
        gathered = gathers and not packed
        together = 1 if gathered else together
        # whether vectors of one tap lie one after another, and all taps equally far apart
        even = not packed and images == 1 and run == plane and count == layout[L.channels]
        pieces = 1 if packed or even else 2
        # each tile fetches a part of what the next unit of the band will read
        fetched, rows_ahead, lines_ahead = _ahead(
            f, layout, fetches and start < stop, start // blocks, images * plane,
            min(last_block - first_block, together),
        )  # fmt: skip
        target = image * out_image + y * width
        if streaks:
            first = group * layout[L.group_outputs]
            s.streak(
                f, source, (f_image, f_channel), taps, first * count,
                (images, count, layout[L.group_outputs], plane), own, target + first * out_filter,
                (out_image, out_filter),
            )  # fmt: skip
            first_block = last_block
        begin = target
        while first_block < last_block:
            chunk = min(last_block, first_block + together)
            left, inside, vector, target = images * plane, np.int64(0), np.int64(0), begin
            while left > 0:
                vectors = VECTORS if left > (VECTORS - 1) * lanes else 1
                size = min(left, vectors * lanes)
                for word in range(max(words, 1) if packed else 0):
                    _pack(
                        f, layout, scratch, in_place, source + word * layout[L.channel_step],
                        layout[L.panel_at] + word * count * pitch, steps, vector * lanes, size, run,
                        plane // run,
                    )  # fmt: skip
                near = min(size, plane - inside)
                flags = STREAM if streams and (target + inside) % lanes == 0 else 0
                flags = flags if near == vectors * lanes else PARTED
                parted = (packed or even) and inside + size <= 2 * plane
                direct = writable and not gathered and (flags != PARTED or parted)
                flags = flags if direct else 0
                # nothing is stored at an address that may be no memory's, not even by an empty mask
                jump = out_image - plane if near < size else np.int64(0)
                at, step = source + vector * lanes if even else source, steps[1]
                following = layout[L.channel_step]
                if packed:
                    at, step, following = layout[L.panel_at], pitch, count * pitch
                block = first_block
                while block < chunk:
                    whole = block < layout[L.whole_blocks]
                    filters = layout[L.block_filters] if whole else layout[L.block_filters] - 1
                    tiles = min(chunk, layout[L.whole_blocks] if whole else blocks) - block
                    tiles = tiles if direct else 1
                    first = block * layout[L.block_filters] - max(block - layout[L.whole_blocks], 0)
                    first += group * layout[L.group_outputs]
                    target_at = layout[L.results_at] + (vector * lanes if gathered else 0)
                    target_step = layout[L.gathered] if gathered else pitch
                    if direct:
                        target_at, target_step = target + inside + first * out_filter, out_filter
                    for word in range(max(words, 1)):
                        tile(
                            f, scratch, in_place and not packed, (at + word * following, step),
                            (0, count + vector * PLACE), taps, first * count, count, own, direct,
                            (target_at + word * filters * pitch, target_step, jump),
                            (filters, vectors, pieces, tiles, flags, near, size),
                            (fetched, f.strides[1], rows_ahead, lines_ahead),
                        )  # fmt: skip
                    _join(taps, layout, scratch, offsets_at + first, filters, vectors * lanes)
                    if not (direct or gathered):
                        _deliver(
                            out, layout, widened(scratch), image, first, filters, y, height,
                            vector * lanes, size,
                        )  # fmt: skip
                    block += tiles
                fetched += lines_ahead * machine.CACHE_LINE
                left -= size
                vector += vectors
                inside += size
                while inside >= plane:
                    inside -= plane
                    target += out_image
            planes = begin + first * out_filter, out_filter, out_image, images, plane
            _stream(own, layout, scratch, filters if gathered else 0, planes)
            first_block, lines_ahead = chunk, np.int64(0)
    store_fence()
