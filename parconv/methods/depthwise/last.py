"""The part of the kernel for images and results whose channels lie side by side."""

import numpy as np

from ...codegen import jit, machine
from .channels import MASK, STORE, STREAM, channel_tiles
from .numbers import L


@jit.jit()
def side_by_side(array, layout):
    """Whether channels are runs of elements, of a vector at least."""
    size, (b, c, y, x) = array.itemsize, array.strides
    enough = layout[L.outputs] >= machine.VECTOR_BYTES // size
    return enough and c == size and b % size == y % size == x % size == 0


@jit.jit()
def _streamed(out, layout):
    """Whether vectors of every pixel lie as stores past the caches need."""
    length = machine.VECTOR_BYTES
    return (
        layout[L.past_caches]
        and machine.FILLS_LINES
        and out.ctypes.data % length == out.strides[0] % length == 0
        and out.strides[2] % length == out.strides[3] % length == 0
    )


@jit.jit()
def all_channels(f, taps, out, layout, scratch, start, stop):
    """Planes ``[start, stop)``."""
    channels, lanes = layout[L.outputs], machine.VECTOR_BYTES // out.itemsize
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
        for y in range(0, layout[L.rows_out], layout[L.high]):
            _rows(f, taps, out, layout, scratch, b, y, vectors)


@jit.jit()
def _rows(f, taps, out, layout, scratch, b, y, vectors):
    """The rows of a tile, from ``y`` on, of some channels."""
    element, stride, columns = out.itemsize, layout[L.stride], layout[L.columns_out]
    row, pixel = f.strides[2] // element, f.strides[3] // element
    steps = out.strides[2] // element, out.strides[3] // element
    top = y * stride - layout[L.lead_y]
    source = (b * f.strides[0] + top * f.strides[2]) // element
    target = b * out.strides[0] // element + y * steps[0]
    height = min(layout[L.high], layout[L.rows_out] - y)
    left, right = _whole(layout)
    border, inner = layout[L.border_tile], layout[L.tile]
    for start, stop, tile in ((0, left, border), (left, right, inner), (right, columns, border)):
        column = start * stride - layout[L.lead_x]
        image = row, pixel, top, layout[L.rows_in], column, layout[L.columns_in]
        for at, count, how, mask in vectors:
            below = layout[L.high] * stride * row - count * (machine.VECTOR_BYTES // element)
            if count and start < stop:
                channel_tiles(
                    tile, f, source + column * pixel + at, image,
                    scratch, 0, taps, (layout[L.taps_at] + at, layout[L.outputs]), out,
                    (height, stop - start, target + start * steps[1] + at, *steps, how, mask),
                    (layout[L.last_ahead], below), count,
                )  # fmt: skip


@jit.jit()
def _whole(layout):
    """The columns of output whose filters lie inside the rows, from first to last."""
    stride, columns = layout[L.stride], layout[L.columns_out]
    left = min(-(-max(layout[L.lead_x], 0) // stride), columns)
    right = (layout[L.columns_in] + layout[L.lead_x] - layout[L.size]) // stride + 1
    return left, max(min(right, columns), left)
