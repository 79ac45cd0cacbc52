"""The part of the kernel for few channels that lie side by side: rows as flat runs of numbers.

A row of an image whose channels lie last is one run, and so is one of results; a tap meets the same
channel so many numbers further on.  Rows are copied between columns of zeros, and vectors of
neighbouring numbers sweep down them, with the bits of `strip`.  Taps repeat along a row, and are
kept as often as whole vectors hold whole pixels.

A result whose rows are shorter than a vector, or no runs, is computed in scratch.
"""

from ...codegen import jit
from ...codegen.foreign import as_line
from ...codegen.packing import put
from ...codegen.runs import convert_run
from .falling import fall
from .numbers import L
from .spread import spread_pixels


@jit.jit(inline="always")
def _dense(array):
    """Whether pixels of a row follow one another, with their channels."""
    size, channels = array.itemsize, array.shape[1]
    steps = array.strides
    flat = steps[1] == size or channels == 1
    return flat and steps[3] == channels * size and steps[0] % size == steps[2] % size == 0


@jit.jit()
def flat_rows(f, taps, out, layout, scratch, start, stop):
    """Rows of all channels ``[start, stop)``, counted over the images."""
    while start < stop:
        b, y = start // layout[L.rows_out], start % layout[L.rows_out]
        height = min(layout[L.block], layout[L.rows_out] - y, stop - start)
        step, top = layout[L.sift], y * layout[L.stride_y] - layout[L.lead_y]
        # rows of the copy that lie in the image: [begin, end)
        count = (height - 1) * layout[L.stride] + layout[L.reach]
        begin = min(max((step - 1 - top) // step, 0), count)
        end = min(max((layout[L.rows_in] - top + step - 1) // step, begin), count)
        for row in range(begin, end):
            _copy_row(f, layout, scratch, row * layout[L.pitch], b, top + row * step)
        _results(taps, out, layout, scratch, (begin, end), (b, y), height)
        start += height


@jit.jit()
def _copy_row(f, layout, scratch, at, b, row):
    """Once for all taps or once for every second one, between zeros."""
    wide, cells, step = layout[L.outputs], layout[L.cells], layout[L.stride_x]
    for n in range(layout[L.copies]):
        left = n - layout[L.lead_x]
        begin = min(max((step - 1 - left) // step, 0), cells)
        end = min(max((layout[L.columns_in] - left + step - 1) // step, begin), cells)
        put(scratch, at, 1, begin * wide, scratch.dtype.type(0))
        place = at + begin * wide
        _copy_pixels(f, layout, scratch, place, b, row, left + begin * step, end - begin)
        put(scratch, at + end * wide, 1, (cells - end) * wide, scratch.dtype.type(0))
        at += cells * wide


@jit.jit()
def _copy_pixels(f, layout, scratch, at, b, row, first, count):
    """So many pixels of a row, each of its channels for all of its filters."""
    each, step, channels = layout[L.multiplier], layout[L.stride_x], f.shape[1]
    if not _dense(f):
        for x in range(first, first + count * step, step):
            for c in range(channels):
                put(scratch, at, 1, each, f[b, c, row, x])
                at += each
        return
    image = as_line(f, scratch)
    source = (b * f.strides[0] + row * f.strides[2]) // f.itemsize + first * channels
    if each == step == 1:
        convert_run(image, source, scratch, at, count * channels)
        return
    # vectors that reach beyond a pixel, as long as the image goes on
    vectors = (channels + layout[L.lanes] - 1) // layout[L.lanes]
    reach = (vectors * layout[L.lanes] + channels - 1) // channels
    more = (layout[L.rows_in] - 1 - row) * max(f.strides[2] // f.strides[3], 0)
    whole = max(min(count, (layout[L.columns_in] + more - first - reach) // step + 1), 0)
    steps = step * channels, layout[L.outputs]
    spread_pixels(each, channels, image, source, scratch, at, steps, vectors, whole)
    at += whole * layout[L.outputs]
    for n in range(whole, count):
        for c in range(channels):
            put(scratch, at, 1, each, image[source + n * step * channels + c])
            at += each


@jit.jit()
def _results(taps, out, layout, scratch, inside, where, height):
    """Rows of results from the copies: in place, or by way of scratch."""
    (begin, end), (b, y), phases = inside, where, layout[L.phases]
    result, step = as_line(out, scratch), out.strides[2] // out.itemsize
    target = (b * out.strides[0] + y * out.strides[2]) // out.itemsize
    direct = layout[L.columns] == layout[L.columns_out] and _dense(out)
    if not direct:
        result, target = scratch, layout[L.results_at]
        step = layout[L.columns] * layout[L.outputs]
    for phase in range(min(phases, height)):
        first = (begin - phase + phases - 1) // phases
        rows = -first, (end - phase + phases - 1) // phases - first
        size = (height - phase + phases - 1) // phases, target + phase * step, phases * step
        _row(taps, layout, scratch, phase * layout[L.pitch], rows, result, size)
    if not direct:
        for row in range(height):
            for x in range(layout[L.columns_out]):
                for o in range(layout[L.outputs]):
                    place = target + row * step + x * layout[L.outputs] + o
                    out[b, o, y + row, x] = scratch[place]


@jit.jit()
def _row(taps, layout, scratch, image, rows, result, size):
    """Sweeps of all vectors of a row: segments, then one that ends with the row."""
    lanes, (height, target, step) = layout[L.lanes], size
    steps = layout[L.phases] * layout[L.pitch], layout[L.second], layout[L.third]
    count = layout[L.columns] * layout[L.outputs]
    whole, segment = count // lanes, layout[L.segment]
    for vector in range(0, whole, segment):
        at = vector * lanes
        fall(
            layout[L.tile], scratch, image + at, steps, rows, taps, 0, result,
            (height, target + at, step), min(segment, whole - vector),
        )  # fmt: skip
    if count % lanes:
        at, first = count - lanes, segment * layout[L.size] ** 2 * lanes
        fall(
            layout[L.tile], scratch, image + at, steps, rows, taps, first, result,
            (height, target + at, step), 1,
        )  # fmt: skip
