"""Few holes: what they take from sums of weights is added up, and the rest divides.

Row by row, so that all that a row of results needs lies in the first-level cache.
"""

from ...codegen import jit
from ...codegen.packing import store
from .holes import clear, in_parts, list_holes, scatter
from .names import BATCH, L
from .quotients import divide_row
from .targets import ends_of, place_of

MEND = 8  # operations on a tap of a weak pixel in the time of a vector that the method sums


@jit.jit()
def _take(taps, layout, scratch, table, tile, rows, at):
    """Add up rows of taps where holes of a tile's ``rows`` = [first, last) are, from ``at`` on.

    ``tile``: the first column, and how many have holes that tell.
    """
    (column, columns), (first, last), step = tile, rows, layout[L.taken_step]
    every, listed, count = layout[L.rows], layout[L.list_at], 0
    for y in range(first, last):
        clear(scratch, layout[L.weights_at] + (layout[L.above] + y) * step, step)
        bits = layout[L.bits_at] + y * layout[L.bits_step]
        count = list_holes(scratch, bits, column, columns, listed, count, y * step)
    beyond = first * step + columns + layout[L.span_x] - 1 + layout[L.lanes]
    number = in_parts(scratch, listed, count, beyond)
    for v in range(every):
        target = at - v * step - layout[L.span_x] + 1
        row = table + layout[L.column] + v * layout[L.taps_step]
        scatter(scratch, listed, number, taps, row, layout[L.span_x], target)


@jit.jit()
def _divide(taps, out, layout, scratch, table, numbers, place, size, at, ends):
    """Divide some of a row's sums and store results.

    ``place``: of these, (plane, y, x); ``size`` = (row, first column, columns) in the block;
    ``at``: where what holes take from them begins; ``ends``: whether they go straight into ``out``,
    past the caches, and how many come before vectors are aligned.  What comes back is the number
    of weak pixels.
    """
    (row, first, columns), (plane, y, x), (flat, streams, skip) = size, place, ends
    slot, line, exact = layout[L.list_at], layout[L.row_at], layout[L.exact]
    source = layout[L.sums_at] + row * layout[L.sums_step] + first, at, layout[L.taken_step]
    column, single = (table, layout[L.column]), layout[L.rows] == 1
    bits, pitch = layout[L.bits_at] + row * layout[L.bits_step], layout[L.bits_step]
    holes = bits, pitch * scratch.itemsize, layout[L.span_y], layout[L.span_x], first
    rows = table + layout[L.column], 0 if single else layout[L.taps_step], int(single)
    if flat:
        end = place_of(out, plane, y, x)
        return divide_row(
            scratch, source, taps, column, slot, numbers, holes, rows, out, end, (columns, skip),
            (exact, streams),
        )  # fmt: skip
    found = divide_row(
        scratch, source, taps, column, slot, numbers, holes, rows, scratch, line, (columns, 0),
        (exact, 0),
    )  # fmt: skip
    store(scratch, (line, 0, 0), out, layout[L.writes], (plane,), (y, 1, 1), (x, 1, columns))
    return found


@jit.jit()
def subtract(taps, out, layout, scratch, table, numbers, corner, size):
    """Fill a block of ``size`` = (rows, columns) from ``corner`` on; False: many pixels are weak.

    Tile by tile of columns, so that what holes take stays in the first-level cache.  Tiles are cut
    by the block alone: where it is stored changes neither the order in which holes take their parts
    nor which pixels are weak.
    """
    (rows, columns), (plane, y, x), step = size, corner, layout[L.taken_step]
    halo, weak, tile = layout[L.span_y] - 1, 0, layout[L.tile]
    most = rows * (columns // layout[L.lanes] + 1) * MEND // (layout[L.span_y] * layout[L.span_x])
    flat, streams, skip = ends_of(
        out, (layout[L.writes], layout[L.large], layout[L.lanes]), corner, columns
    )  # fmt: skip
    # whole vectors of results begin where what is taken from them is aligned
    at = layout[L.taken_at] + (-skip) % layout[L.lanes]
    clear(scratch, layout[L.weights_at], layout[L.above] * step)
    for column in range(0, columns, tile):
        width = min(tile, columns - column)
        seen, ends = (column, width + layout[L.span_x] - 1), (flat, streams, min(skip, width))
        for first in range(0, rows + halo, BATCH):
            last = min(first + BATCH, rows + halo)
            _take(taps, layout, scratch, table, seen, (first, last), at)
            for row in range(max(0, first - halo), last - halo):
                place, part = (plane, y + row, x + column), (row, column, width)
                weak += _divide(
                    taps, out, layout, scratch, table, numbers, place, part, at + row * step, ends
                )
            if weak > most:
                return False
    return True
