"""The kernel of the Winograd method: blocks of patches, transformed, multiplied and back.

A unit is a block of patches of one group, for some vectors of its outputs.  Its inputs, of all the
group's channels, are transformed unless the unit before left them in scratch.

`layout` describes the problem to compiled code as int64 numbers, indexed by the names below.
"""

import numpy as np

from ...codegen import jit
from ...codegen.borders import source_index
from ...codegen.elements import write
from .product import PATCHES as PATCHES_AT_ONCE, VECTORS, multiply
from .transforms import transform_inputs, transform_outputs
from .turn import SQUARE_BYTES, copy_in, copy_out, same_kind, turn_in, turn_out

FIELDS = (
    WHICH, OUTPUTS, INPUTS, POINTS, ROWS_OUT, COLUMNS_OUT, ROWS_IN, COLUMNS_IN, LEAD_Y, LEAD_X,
    BORDER_Y, BORDER_X, GROUPS, CHANNELS, OUTPUTS_EACH, PATCHES_Y, PATCHES_X, PATCHES, BLOCKS,
    BLOCK, LONGEST, SPLITS, SPLIT, LANES, ROW, STEP, IN_PLANE, OUT_PLANE, TAPS_PLANE, IN_AT, OUT_AT,
) = range(31)  # fmt: skip
APART, TURN, COPY = range(3)  # how vectors of channels are moved: one by one, or as in `turn`


@jit.jit()
def _way(array, scratch):
    """How its vectors of channels are moved."""
    whole = same_kind(array, scratch)
    for stride in array.strides:
        whole = whole and stride % array.itemsize == 0
    if not whole:
        return APART
    if array.strides[1] == array.itemsize:
        return COPY
    return TURN if array.strides[3] == array.itemsize else APART


@jit.jit()
def _place(array, image, channel, row, column):
    """In elements."""
    return (
        image * array.strides[0]
        + channel * array.strides[1]
        + row * array.strides[2]
        + column * array.strides[3]
    ) // array.itemsize


@jit.jit()
def _pack(f, fill, layout, scratch, way, place, channel, used, count):
    """The inputs of ``count`` patches side by side, ``used`` channels a vector, border applied."""
    image, y, x = place
    lanes, size, patch = layout[LANES], layout[COLUMNS_IN], layout[OUTPUTS]
    top, left = patch * y - layout[LEAD_Y], patch * x - layout[LEAD_X]
    width = patch * (count - 1) + layout[INPUTS]
    begin = min(max(-left, 0), width)
    end = max(min(size - left, width), begin)
    quick = used == lanes and (
        way == COPY or (way == TURN and end - begin >= SQUARE_BYTES // scratch.itemsize)
    )
    for n in range(layout[INPUTS]):
        row, at = source_index(top + n, layout[ROWS_IN], layout[BORDER_Y]), n * layout[ROW]
        if row < 0:
            for column in range(width):
                for lane in range(used):
                    scratch[at + column * lanes + lane] = fill[channel + lane]
            continue
        if quick and end > begin:
            source = _place(f, image, channel, row, left + begin)
            if way == TURN:
                step = f.strides[1] // f.itemsize
                turn_in(f, source, step, end - begin, scratch, at + begin * lanes)
            else:
                step = f.strides[3] // f.itemsize
                copy_in(f, source, step, end - begin, scratch, at + begin * lanes)
        for column in range(width):
            if quick and begin <= column < end:
                continue
            pixel = source_index(left + column, size, layout[BORDER_X])
            to = at + column * lanes
            for lane in range(used):
                if pixel < 0:
                    scratch[to + lane] = fill[channel + lane]
                else:
                    scratch[to + lane] = f[image, channel + lane, row, pixel]


@jit.jit()
def _deliver(out, layout, scratch, way, place, output, used, count):
    """The outputs of ``count`` patches side by side, of ``used`` channels."""
    image, y, x = place
    lanes, patch = layout[LANES], layout[OUTPUTS]
    width = min(patch * count, layout[COLUMNS_OUT] - patch * x)
    quick = used == lanes and (
        way == COPY or (way == TURN and width >= SQUARE_BYTES // scratch.itemsize)
    )
    for n in range(min(patch, layout[ROWS_OUT] - patch * y)):
        row, at = patch * y + n, n * layout[ROW]
        target = _place(out, image, output, row, patch * x)
        if quick and way == TURN:
            turn_out(out, target, out.strides[1] // out.itemsize, width, scratch, at)
        elif quick:
            copy_out(out, target, out.strides[3] // out.itemsize, width, scratch, at)
        else:
            for column in range(width):
                for lane in range(used):
                    value = scratch[at + column * lanes + lane]
                    write(out, (image, output + lane, row, patch * x + column), value, value)


@jit.jit()
def _run(layout, patch, last):
    """Where a patch lies, (image, row, column of patches), and how many go by together from it."""
    row, x = patch // layout[PATCHES_X], patch % layout[PATCHES_X]
    count = min(min(layout[PATCHES_X] - x, last - patch), layout[LONGEST])
    return (row // layout[PATCHES_Y], row % layout[PATCHES_Y], x), count


@jit.jit()
def _inputs(f, fill, layout, scratch, group, first, last):
    """Transform the inputs of patches ``[first, last)``, all channels of a group."""
    lanes, channels, way = layout[LANES], layout[CHANNELS], _way(f, scratch)
    for channel in range(0, channels, lanes):
        used = min(lanes, channels - channel)
        target, patch = layout[IN_AT] + channel // lanes * layout[STEP], first
        while patch < last:
            place, count = _run(layout, patch, last)
            _pack(f, fill, layout, scratch, way, place, group * channels + channel, used, count)
            at = target + (patch - first) * lanes
            transform_inputs(layout[WHICH], scratch, 0, layout[ROW], at, layout[IN_PLANE], count)
            patch += count


@jit.jit()
def _outputs(out, layout, scratch, output, outputs, first, last):
    """Transform sums back and store so many outputs of patches ``[first, last)``."""
    lanes, way = layout[LANES], _way(out, scratch)
    for done in range(0, outputs, lanes):
        used = min(lanes, outputs - done)
        source, patch = layout[OUT_AT] + done // lanes * layout[STEP], first
        while patch < last:
            place, count = _run(layout, patch, last)
            at = source + (patch - first) * lanes
            transform_outputs(layout[WHICH], scratch, 0, layout[ROW], at, layout[OUT_PLANE], count)
            _deliver(out, layout, scratch, way, place, output + done, used, count)
            patch += count


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill the outputs of units ``[start, stop)``, and nothing else.

    The register tile is called from here: each level of calls above it would compile it again.
    """
    lanes, each, step = layout[LANES], layout[OUTPUTS_EACH], layout[STEP]
    vectors, ready = (each + lanes - 1) // lanes, np.int64(-1)
    plane, vector_step = layout[TAPS_PLANE], layout[POINTS] * layout[TAPS_PLANE]
    for unit in range(start, stop):
        part, begin = unit // layout[SPLITS], unit % layout[SPLITS] * layout[SPLIT]
        group, first = part % layout[GROUPS], part // layout[GROUPS] * layout[BLOCK]
        last = min(first + layout[BLOCK], layout[PATCHES])
        if part != ready:
            _inputs(f, fill, layout, scratch, group, first, last)
            ready = part
        wanted, patches = min(layout[SPLIT], vectors - begin), last - first
        tiles = (patches + PATCHES_AT_ONCE - 1) // PATCHES_AT_ONCE
        tall = (patches + tiles - 1) // tiles
        for point in range(layout[POINTS]):
            source = layout[IN_AT] + point * layout[IN_PLANE]
            target = layout[OUT_AT] + point * layout[OUT_PLANE]
            weights = (group * vectors + begin) * vector_step + point * plane
            for vector in range(0, wanted, VECTORS):
                # the first tiles fetch the weights of the next ones, a vector each
                ahead = weights + (vector + VECTORS) * vector_step
                if vector + VECTORS >= wanted:
                    ahead = weights + plane
                for patch in range(0, patches, tall):
                    fetched = patch // tall
                    multiply(
                        scratch, source + patch * lanes, taps, weights + vector * vector_step,
                        ahead + fetched * vector_step, target + vector * step + patch * lanes,
                        (step, vector_step, step),
                        (min(tall, patches - patch), wanted - vector, layout[CHANNELS]),
                        fetched < VECTORS,
                    )  # fmt: skip
        outputs = min(wanted * lanes, each - begin * lanes)
        _outputs(out, layout, scratch, group * each + begin * lanes, outputs, first, last)
