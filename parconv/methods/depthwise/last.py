"""The part of the kernel for images and results whose channels lie side by side."""

import numpy as np

from ...codegen import jit, machine
from . import numbers as n
from .channels import MASK, STORE, STREAM, channel_tiles


@jit.jit()
def side_by_side(array, layout):
    """Whether channels are runs of elements, of a vector at least."""
    size, (b, c, y, x) = array.itemsize, array.strides
    enough = layout[n.OUTPUTS] >= machine.VECTOR_BYTES // size
    return enough and c == size and b % size == y % size == x % size == 0


@jit.jit()
def _streamed(out, layout):
    """Whether vectors of every pixel lie as stores past the caches need."""
    length = machine.VECTOR_BYTES
    return (
        layout[n.LARGE]
        and machine.FILLS_LINES
        and out.ctypes.data % length == out.strides[0] % length == 0
        and out.strides[2] % length == out.strides[3] % length == 0
    )


@jit.jit()
def all_channels(f, taps, out, layout, scratch, start, stop):
    """Planes ``[start, stop)``."""
    channels, lanes = layout[n.OUTPUTS], machine.VECTOR_BYTES // out.itemsize
    whole = STREAM if _streamed(out, layout) else STORE
    for lane in range(lanes):
        scratch[lane] = 0
    while start < stop:
        b, first = start // channels, start % channels
        last = min(channels, first + stop - start)
        start += last - first
        # whole vectors of channels, then the rest in one that ends with the channels
        full, rest = (last - first) // lanes, (last - first) % lanes
        at = min(last - rest, channels - lanes)
        mask = ((1 << rest) - 1) << (last - rest - at)
        how = whole if first % lanes == 0 else STORE
        vectors = (first, full, how, 0), (at, np.int64(rest > 0), MASK, mask)
        for y in range(0, layout[n.ROWS], layout[n.HIGH]):
            _rows(f, taps, out, layout, scratch, b, y, vectors)


@jit.jit()
def _rows(f, taps, out, layout, scratch, b, y, vectors):
    """The rows of a tile, from ``y`` on, of some channels."""
    element, stride, columns = out.itemsize, layout[n.STRIDE], layout[n.COLUMNS]
    row, pixel = f.strides[2] // element, f.strides[3] // element
    steps = out.strides[2] // element, out.strides[3] // element
    top = y * stride - layout[n.LEAD_Y]
    source = (b * f.strides[0] + top * f.strides[2]) // element
    target = b * out.strides[0] // element + y * steps[0]
    height = min(layout[n.HIGH], layout[n.ROWS] - y)
    left, right = _whole(layout)
    border, inner = layout[n.BORDER_TILE], layout[n.TILE]
    for start, stop, tile in ((0, left, border), (left, right, inner), (right, columns, border)):
        column = start * stride - layout[n.LEAD_X]
        image = row, pixel, top, layout[n.ROWS_IN], column, layout[n.COLUMNS_IN]
        for at, count, how, mask in vectors:
            below = layout[n.HIGH] * stride * row - count * (machine.VECTOR_BYTES // element)
            if count and start < stop:
                channel_tiles(
                    tile, f, source + column * pixel + at, image,
                    scratch, 0, taps, (layout[n.TAPS_AT] + at, layout[n.OUTPUTS]), out,
                    (height, stop - start, target + start * steps[1] + at, *steps, how, mask),
                    (layout[n.LAST_AHEAD], below), count,
                )  # fmt: skip


@jit.jit()
def _whole(layout):
    """The columns of output whose filters lie inside the rows, from first to last."""
    stride, columns = layout[n.STRIDE], layout[n.COLUMNS]
    left = min(-(-max(layout[n.LEAD_X], 0) // stride), columns)
    right = (layout[n.COLUMNS_IN] + layout[n.LEAD_X] - layout[n.SIZE]) // stride + 1
    return left, max(min(right, columns), left)
