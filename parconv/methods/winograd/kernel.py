"""The kernel of the Winograd method: blocks of patches, transformed, multiplied and back.

A unit is a block of patches of one group, for some vectors of its outputs.  Its inputs, of all the
group's channels, are transformed unless the unit before left them in scratch.

`layout` describes the problem as numbers, whose names are below.
"""

import numpy as np

from ...codegen import jit
from ...codegen.borders import source_index
from ...codegen.elements import write
from ...codegen.layout import Layout
from ...codegen.packing import within
from .product import PATCHES as PATCHES_AT_ONCE, VECTORS, multiply
from .transforms import transform_inputs, transform_outputs
from .turn import SQUARE_BYTES, copy_in, copy_out, same_kind, turn_in, turn_out

L = Layout(
    "which", "outputs", "inputs", "points", "rows_out", "columns_out", "rows_in", "columns_in",
    "lead_y", "lead_x", "border_y", "border_x", "groups", "channels", "outputs_each",
    "patches_y", "patches_x", "patches", "blocks", "block", "longest", "splits", "split",
    "lanes", "row", "step", "in_plane", "out_plane", "taps_plane", "in_at", "out_at",
)  # fmt: skip
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
    """The inputs of ``count`` patches side by side, ``used`` channels a vector, border applied.

    Apart from `packing.fetch`: what is a pixel there is a vector of channels here.
    """
    image, y, x = place
    lanes, size, patch = layout[L.lanes], layout[L.columns_in], layout[L.outputs]
    top, left = patch * y - layout[L.lead_y], patch * x - layout[L.lead_x]
    width = patch * (count - 1) + layout[L.inputs]
    begin, end = within((left, 1, width, size))
    quick = used == lanes and (
        way == COPY or (way == TURN and end - begin >= SQUARE_BYTES // scratch.itemsize)
    )
    for n in range(layout[L.inputs]):
        row, at = source_index(top + n, layout[L.rows_in], layout[L.border_y]), n * layout[L.row]
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
            pixel = source_index(left + column, size, layout[L.border_x])
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
    lanes, patch = layout[L.lanes], layout[L.outputs]
    width = min(patch * count, layout[L.columns_out] - patch * x)
    quick = used == lanes and (
        way == COPY or (way == TURN and width >= SQUARE_BYTES // scratch.itemsize)
    )
    for n in range(min(patch, layout[L.rows_out] - patch * y)):
        row, at = patch * y + n, n * layout[L.row]
        target = _place(out, image, output, row, patch * x)
        if quick and way == TURN:
            turn_out(out, target, out.strides[1] // out.itemsize, width, scratch, at)
        elif quick:
            copy_out(out, target, out.strides[3] // out.itemsize, width, scratch, at)
        else:
            for column in range(width):
                for lane in range(used):
                    value = scratch[at + column * lanes + lane]
                    write(out, (image, output + lane, row, patch * x + column), value)


@jit.jit()
def _run(layout, patch, last):
    """Where a patch lies, (image, row, column of patches), and how many go by together from it."""
    row, x = patch // layout[L.patches_x], patch % layout[L.patches_x]
    count = min(min(layout[L.patches_x] - x, last - patch), layout[L.longest])
    return (row // layout[L.patches_y], row % layout[L.patches_y], x), count


@jit.jit()
def _inputs(f, fill, layout, scratch, group, first, last):
    """Transform the inputs of patches ``[first, last)``, all channels of a group."""
    lanes, channels, way = layout[L.lanes], layout[L.channels], _way(f, scratch)
    which = layout[L.which]
    for channel in range(0, channels, lanes):
        used = min(lanes, channels - channel)
        target, patch = layout[L.in_at] + channel // lanes * layout[L.step], first
        while patch < last:
            place, count = _run(layout, patch, last)
            _pack(f, fill, layout, scratch, way, place, group * channels + channel, used, count)
            at = target + (patch - first) * lanes
            transform_inputs(which, scratch, 0, layout[L.row], at, layout[L.in_plane], count)
            patch += count


@jit.jit()
def _outputs(out, layout, scratch, output, outputs, first, last):
    """Transform sums back and store so many outputs of patches ``[first, last)``."""
    lanes, which, way = layout[L.lanes], layout[L.which], _way(out, scratch)
    for done in range(0, outputs, lanes):
        used = min(lanes, outputs - done)
        source, patch = layout[L.out_at] + done // lanes * layout[L.step], first
        while patch < last:
            place, count = _run(layout, patch, last)
            at = source + (patch - first) * lanes
            transform_outputs(which, scratch, 0, layout[L.row], at, layout[L.out_plane], count)
            _deliver(out, layout, scratch, way, place, output + done, used, count)
            patch += count


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill the outputs of units ``[start, stop)``, and nothing else.

    The register tile is called from here: each level of calls above it would compile it again.
    """
    lanes, each, step = layout[L.lanes], layout[L.outputs_each], layout[L.step]
    vectors, ready = (each + lanes - 1) // lanes, np.int64(-1)
    plane, vector_step = layout[L.taps_plane], layout[L.points] * layout[L.taps_plane]
    for unit in range(start, stop):
        part, begin = unit // layout[L.splits], unit % layout[L.splits] * layout[L.split]
        group, first = part % layout[L.groups], part // layout[L.groups] * layout[L.block]
        last = min(first + layout[L.block], layout[L.patches])
        if part != ready:
            _inputs(f, fill, layout, scratch, group, first, last)
            ready = part
        wanted, patches = min(layout[L.split], vectors - begin), last - first
        tiles = (patches + PATCHES_AT_ONCE - 1) // PATCHES_AT_ONCE
        tall = (patches + tiles - 1) // tiles
        for point in range(layout[L.points]):
            source = layout[L.in_at] + point * layout[L.in_plane]
            target = layout[L.out_at] + point * layout[L.out_plane]
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
                        (min(tall, patches - patch), wanted - vector, layout[L.channels]),
                        fetched < VECTORS,
                    )  # fmt: skip
        outputs = min(wanted * lanes, each - begin * lanes)
        _outputs(out, layout, scratch, group * each + begin * lanes, outputs, first, last)
