"""The kernel of the depthwise method: planes of output, a few rows at a time.

A block of rows is computed into scratch, where rows follow one another as in a dense result, and
leaves it in runs of cache lines.  Images whose rows lie flat are read in place where the machine
loads under masks; else a block's rows are first copied between zeros.  Images and results whose
channels lie side by side take `channels` instead.

`layout` describes the problem to compiled code as int64 numbers, indexed by the names below.
"""

import numpy as np

from ... import jit, machine
from ...simd import store_fence
from ..direct.runs import convert_run
from .channels import MASK, PIXELS, STORE, STREAM, tiles
from .stream import stream_lines
from .sweep import MASKED, sweep

FIELDS = (
    OUTPUTS, MULTIPLIER, ROWS, COLUMNS, ROWS_IN, COLUMNS_IN, LEAD_Y, LEAD_X, SIZE, STRIDE, BLOCK,
    LARGE, AHEAD, COPY_AT, COPY_ROW, COPY_LEAD, TOGETHER, TAPS_AT, TILE, STRIPS,
) = range(20)  # fmt: skip
HEADER = len(FIELDS)
# Of each strip: its kind, its first output, where its last vector begins and where its masks are.
KIND, LEFT, LAST, MASKS_AT, STRIP = range(5)


@jit.jit()
def _flat(array):
    """Whether rows are runs of elements."""
    size, (b, c, y, x) = array.itemsize, array.strides
    return x == size and b % size == c % size == y % size == 0


@jit.jit()
def _dense(out):
    """Whether all planes are one run of elements."""
    (images, planes, rows, columns), size = out.shape, out.itemsize
    return (
        out.strides[3] == size
        and (rows == 1 or out.strides[2] == columns * size)
        and (planes == 1 or out.strides[1] == rows * columns * size)
        and (images == 1 or out.strides[0] == planes * rows * columns * size)
    )


@jit.jit()
def _copy(f, flat, layout, scratch, at, b, c, first, rows):
    """Rows ``[first, first + rows)`` of a plane, as far as they exist, between zeros."""
    for row in range(max(first, 0), min(first + rows, layout[ROWS_IN])):
        target = at + (row - first) * layout[COPY_ROW] + layout[COPY_LEAD]
        if flat:
            source = (b * f.strides[0] + c * f.strides[1] + row * f.strides[2]) // f.itemsize
            convert_run(f, source, scratch, target, layout[COLUMNS_IN])
        else:
            for x in range(layout[COLUMNS_IN]):
                scratch[target + x] = f[b, c, row, x]


@jit.jit()
def _leave(scratch, base, out, run, begin, end, large):
    """Elements ``[begin, end)`` from the base on leave for their places, ``run`` on in ``out``."""
    line = machine.CACHE_LINE // out.itemsize
    if large:
        first = min(-(-begin // line) * line, end)
        convert_run(scratch, base + begin, out, run + begin, first - begin)
        whole = (end - first) // line
        stream_lines(scratch, base + first, out, run + first, whole)
        begin = first + whole * line
    convert_run(scratch, base + begin, out, run + begin, end - begin)


@jit.jit()
def _channels_in_lanes(f, taps, out, layout, scratch, start, stop):
    """Planes ``[start, stop)`` of images whose channels lie side by side."""
    element, size, stride = out.itemsize, layout[SIZE], layout[STRIDE]
    channels, rows_in, columns_in = layout[OUTPUTS], layout[ROWS_IN], layout[COLUMNS_IN]
    row, pixel = f.strides[2] // element, f.strides[3] // element
    lanes = machine.VECTOR_BYTES // element
    out_pixel = out.strides[3] // element
    streamed = layout[LARGE] and (
        out.ctypes.data % machine.VECTOR_BYTES == out.strides[0] % machine.VECTOR_BYTES == 0
        and out.strides[2] % machine.VECTOR_BYTES == out.strides[3] % machine.VECTOR_BYTES == 0
    )
    for n in range(lanes):
        scratch[n] = 0
    # pixels [left, right) are read without a look at the columns
    left = min(-(-max(layout[LEAD_X], 0) // stride), layout[COLUMNS])
    right = (columns_in + layout[LEAD_X] - size) // stride + 1
    right = max(min(right, layout[COLUMNS]), left)
    while start < stop:
        b, first = start // channels, start % channels
        last = min(channels, first + stop - start)
        start += last - first
        # whole vectors of channels, then the rest in one that ends with the channels
        full = (last - first) // lanes
        rest = (last - first) % lanes
        rest_at = min(last - rest, channels - lanes)
        mask = ((1 << rest) - 1) << (last - rest - rest_at)
        vectors = (first, full, 0), (rest_at, np.int64(rest > 0), mask)
        for y in range(layout[ROWS]):
            top = y * stride - layout[LEAD_Y]
            above = min(max(-top, 0), size)
            height = min(size, rows_in - top) - above
            if height <= 0:
                for c in range(first, last):
                    for x in range(layout[COLUMNS]):
                        out[b, c, y, x] = 0
                continue
            source = (b * f.strides[0] + (top + above) * f.strides[2]) // element
            target = (b * out.strides[0] + y * out.strides[2]) // element
            filters = channels, size, height, np.int64(above > 0)
            taps_at = layout[TAPS_AT] + above * size * channels
            x = 0
            while x < layout[COLUMNS]:
                whole = left <= x and x + PIXELS <= right
                column = x * stride - layout[LEAD_X]
                image = row, pixel, stride, column, columns_in, (size - above) * row
                for at, count, mask in vectors:
                    if count:
                        how = MASK if mask else STREAM if streamed and at % lanes == 0 else STORE
                        to = target + x * out_pixel + at, out_pixel, how, mask
                        tiles(
                            layout[TILE] if whole else 0, f, source + column * pixel + at, image,
                            scratch, 0, taps, taps_at + at, filters, out, to, count,
                        )  # fmt: skip
                x += PIXELS if whole else 1


@jit.jit()
def _last(array):
    """Whether channels are runs of elements."""
    size, (b, c, y, x) = array.itemsize, array.strides
    return c == size and b % size == y % size == x % size == 0


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Planes ``[start, stop)``, counted over all images."""
    wide = layout[MULTIPLIER] == 1 and layout[OUTPUTS] >= machine.VECTOR_BYTES // out.itemsize
    if wide and _last(f) and _last(out):
        _channels_in_lanes(f, taps, out, layout, scratch, start, stop)
        store_fence()
        return
    size, stride, columns = layout[SIZE], layout[STRIDE], layout[COLUMNS]
    element = out.itemsize
    flat, dense = _flat(f), _dense(out)
    in_place = MASKED and flat
    image_row = f.strides[2] // element if in_place else layout[COPY_ROW]
    line = machine.CACHE_LINE // element
    base = -(scratch.ctypes.data // element) % line
    copy_at = base + layout[COPY_AT]
    copy_left = copy_at + layout[COPY_LEAD] - layout[LEAD_X]
    # elements [begin, filled) from the base on wait to leave; the base stands for a line of `out`
    run = start * layout[ROWS] * columns
    begin = (out.ctypes.data // element + run) % line if dense else 0
    run -= begin
    filled = begin
    unit = start
    while unit < stop:
        b, o = unit // layout[OUTPUTS], unit % layout[OUTPUTS]
        c = o // layout[MULTIPLIER]
        plane_at = b * (f.strides[0] // element) + c * (f.strides[1] // element) - layout[LEAD_X]
        taps_at = o * size * size
        together = layout[TOGETHER] if in_place and dense else 1
        planes = min(stop - unit, layout[OUTPUTS] - o, together)
        y = 0
        while y < layout[ROWS]:
            height = min(layout[BLOCK], layout[ROWS] - y)
            first = y * stride - layout[LEAD_Y]
            if not in_place:
                rows_in = (height - 1) * stride + size
                _copy(f, flat, layout, scratch, copy_at, b, c, first, rows_in)
            for n in range(layout[STRIPS]):
                strip = HEADER + n * STRIP
                left = layout[strip + LEFT]
                rows = image_row, first, layout[ROWS_IN], columns, layout[strip + LAST] - left
                target = base + filled + left
                if in_place:
                    sweep(
                        layout[strip + KIND], f, plane_at + left * stride, f.strides[1] // element,
                        rows, taps, taps_at, scratch, target, (height, planes),
                        layout, layout[strip + MASKS_AT], layout[AHEAD],
                    )  # fmt: skip
                else:
                    source = copy_left - first * image_row + left * stride
                    sweep(
                        layout[strip + KIND], scratch, source, 0,
                        rows, taps, taps_at, scratch, target, (height, planes),
                        layout, layout[strip + MASKS_AT], 0,
                    )  # fmt: skip
            filled += planes * height * columns
            if not dense:
                at = base
                for row in range(y, y + height):
                    for x in range(columns):
                        out[b, o, row, x] = scratch[at + x]
                    at += columns
                filled = 0
            elif filled >= line:
                whole = filled // line * line
                _leave(scratch, base, out, run, begin, whole, layout[LARGE])
                for n in range(filled - whole):
                    scratch[base + n] = scratch[base + whole + n]
                run += whole
                filled -= whole
                begin = 0
            y += height
        unit += planes
    if dense:
        _leave(scratch, base, out, run, begin, filled, layout[LARGE])
    store_fence()
