"""Few holes: what they take from sums of weights is added up, and the rest divides.

Row by row, so that all that a row of results needs lies in the first-level cache.
"""

from ...codegen import jit, machine
from ...codegen.layout import OWN
from ...codegen.packing import aligned_after, put, rows_alike, store
from ...codegen.runs import has_runs
from .holes import in_parts, list_holes, scatter
from .names import BATCH, TILE, L
from .quotients import divide_row, mend_row, put_row, weak_in

MEND = 8  # operations on a tap of a weak vector in the time of a vector that the method sums


@jit.jit()
def _take(taps, layout, scratch, table, columns_in, first, last):
    """Add up rows of taps where holes of rows ``[first, last)`` of a block are."""
    step, every, listed = layout[L.step], layout[L.rows], layout[L.list_at]
    words, count = layout[L.bits_step] * scratch.itemsize // 8 - 1, 0
    for y in range(first, last):
        bits = layout[L.bits_at] + y * layout[L.bits_step]
        count = list_holes(scratch, bits, words, listed, count, y * step)
    beyond = first * step + columns_in + layout[L.span_x] - 1 + layout[L.lanes]
    number = in_parts(scratch, listed, count, beyond)
    for v in range(every):
        target = layout[L.taken_at] - v * step - layout[L.span_x] + 1
        row = table + layout[L.column] + v * layout[L.taps_step]
        scatter(scratch, listed, number, taps, row, layout[L.span_x], target)


@jit.jit()
def _divide(taps, out, layout, scratch, table, numbers, place, size, first):
    """Divide some columns of a row's sums, ``size`` = (row, columns), and store results.

    ``place``: of these, (plane, y, x); ``first``: the first of these columns in the block.  What
    comes back is the number of vectors that have weak pixels.
    """
    (row, columns), (plane, y, x), step = size, place, layout[L.step]
    lanes, weak, line, exact = layout[L.lanes], layout[L.list_at], layout[L.row_at], layout[L.exact]
    source = (
        layout[L.sums_at] + row * layout[L.sums_step] + first,
        layout[L.taken_at] + row * step + first, step,
    )  # fmt: skip
    column, vectors = (table, layout[L.column]), (columns + lanes - 1) // lanes
    divide_row(scratch, source, taps, column, line, weak, numbers, exact, vectors)
    found = weak_in(scratch, weak)
    if found:
        bits = layout[L.bits_at] + row * layout[L.bits_step]
        pitch, single = layout[L.bits_step] * scratch.itemsize, layout[L.rows] == 1
        holes = bits, pitch, layout[L.span_y], layout[L.span_x], first
        rows = table + layout[L.column], 0 if single else layout[L.taps_step], int(single)
        mend_row(scratch, source, taps, column, line, weak, numbers, exact, holes, rows)
    if layout[L.writes] != OWN or not has_runs(out):
        store(scratch, (line, 0, 0), out, layout[L.writes], (plane,), (y, 1, 1), (x, 1, columns))
        return found
    at = plane * (out.strides[0] // out.itemsize) + y * (out.strides[1] // out.itemsize) + x
    skip = aligned_after(out, at, machine.VECTOR_BYTES)
    streams = layout[L.large] and machine.FILLS_LINES and columns >= lanes + skip
    alike = rows_alike(out, machine.VECTOR_BYTES)
    put_row(scratch, line, out, at, columns, skip, int(streams and alike))
    return found


@jit.jit()
def subtract(taps, out, layout, scratch, table, numbers, place, size):
    """Fill a block of ``size`` = (rows, columns) from ``place`` on; False: many pixels are weak."""
    (rows, columns), (plane, y, x), step = size, place, layout[L.step]
    rows_in, columns_in = rows + layout[L.span_y] - 1, columns + layout[L.span_x] - 1
    above, tile, weak = layout[L.above], TILE // scratch.itemsize, 0
    most = rows * (columns // layout[L.lanes] + 1) * MEND // (layout[L.span_y] * layout[L.span_x])
    put(scratch, layout[L.weights_at], 1, above * step, scratch.dtype.type(0))
    for first in range(0, rows_in, BATCH):
        last, start = min(first + BATCH, rows_in), layout[L.weights_at] + (above + first) * step
        put(scratch, start, 1, (last - first) * step, scratch.dtype.type(0))
        _take(taps, layout, scratch, table, columns_in, first, last)
        ready = max(0, first - layout[L.span_y] + 1), last - layout[L.span_y] + 1
        for column in range(0, columns, tile):
            width = min(tile, columns - column)
            for row in range(ready[0], ready[1]):
                end = plane, y + row, x + column
                part = row, width
                weak += _divide(taps, out, layout, scratch, table, numbers, end, part, column)
            if weak > most:
                return False
    return True
