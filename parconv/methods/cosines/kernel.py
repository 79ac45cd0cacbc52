"""The kernel of the cosine sums: tiles of results, some rows at a time, down and then along.

The rows that enter the filter and those that leave it are packed into panels of columns: element
type converted, border applied.  Sums that slide down columns leave rows, which are turned so that
the same loop slides along them, and turned back.  Every tile begins with pixels of 0 and slides its
first window in, so its bits depend on its own pixels alone.

`layout` describes the problem as numbers, whose names `tile` has.
"""

from ...codegen import jit, machine
from ...codegen.foreign import as_sums
from ...codegen.packing import aligned_after, fetch, put, store
from ...codegen.runs import has_runs
from .empty import clear, count_zeros, may_be_empty, widen
from .mend import mend
from .slide import NUMBERS, SUMS, slide
from .tile import L
from .turn import deliver, turn


@jit.jit()
def _pack(f, fill, layout, scratch, at, tile, first, rows, columns, outside):
    """Rows of a tile from its ``first`` on; 0 in so many that lie before its windows."""
    plane, y, x = tile[0], tile[1] - layout[L.lead_y] + first, tile[2] - layout[L.lead_x]
    down = y, 1, rows, layout[L.rows_in], 1, layout[L.border_y]
    border = layout[L.columns_in], layout[L.channels], layout[L.border_x]
    across, target = (x + columns[0], 1, columns[1], *border), (at, layout[L.panel_step], 0)
    fetch(f, layout[L.reads], (plane,), down, across, fill, scratch, target, True, True)
    for row in range(outside):
        put(scratch, at + row * layout[L.panel_step], 1, columns[1], 0.0)


@jit.jit()
def _down(f, taps, fill, layout, scratch, base, tile, columns, first, rows, empty):
    """So many steps down all columns of a tile, to strips from when the filter lies in it."""
    lanes, step, halo = layout[L.lanes], layout[L.panel_step], layout[L.taps_y] - 1
    enter, leave = base + layout[L.enter_at], base + layout[L.leave_at]
    block, strips = base + layout[L.block_at], base + layout[L.strips_at]
    wanted, zero = first >= halo, (base + layout[L.zero_at], 0)
    out = (block, lanes) if wanted else (-1, 0)
    for left in range(0, columns, layout[L.panel]):
        part = left, min(layout[L.panel], columns - left)
        before = max(1 - first, 0)
        _pack(f, fill, layout, scratch, enter, tile, first - 1, rows + 1, part, before)
        if wanted:
            above = first - halo - 2
            before = max(-above, 0)
            _pack(f, fill, layout, scratch, leave, tile, above, rows + 1, part, before)
        if empty:
            count_zeros(layout, scratch, base, enter + step, rows, part, wanted)
        for column in range(left, left + part[1], lanes):
            place = column - left
            gone = (leave + place, step) if wanted else zero
            sums = base + layout[L.down_at] + column * SUMS
            slide(
                scratch, (enter + place, step), gone, taps, 0, (base, sums), out, rows // 2
            )  # fmt: skip
            if wanted:
                target = strips + column * lanes, lanes, layout[L.strip_step]
                turn(scratch, block, target, rows // lanes)


@jit.jit()
def _begin(taps, layout, scratch, base, strip):
    """The first window of a strip, of each phase of a dilation or channel of a pixel."""
    lanes, step, halo = layout[L.lanes], layout[L.dilation_x], layout[L.taps_x] - 1
    pixel, zero = step * lanes, (base + layout[L.zero_at], 0)
    for phase in range(step):
        sums = base + layout[L.across_at] + phase * SUMS * lanes
        put(scratch, sums, 1, SUMS * lanes, 0.0)
        for first in range(0, halo, layout[L.run]):
            pairs = min(layout[L.run], halo - first) // 2
            enter = strip + phase * lanes + (first - 1) * pixel, pixel
            slide(scratch, enter, zero, taps, NUMBERS * lanes, (base, sums), (-1, 0), pairs)


@jit.jit()
def _along(taps, out, layout, scratch, base, strip, tile, row, wanted, empty):
    """The results of a strip, turned back and stored; whether the last sums are finite."""
    plane, _, x, _, width = tile
    lanes, step, halo = layout[L.lanes], layout[L.dilation_x], layout[L.taps_x] - 1
    sums, rows, pixel = base + layout[L.sums_at], base + layout[L.rows_at], step * lanes
    begin, end = max(row, wanted[0]), min(row + lanes, wanted[1])
    source = rows + (begin - row) * layout[L.rows_step], layout[L.rows_step], 0
    below, count = (begin, 1, max(end - begin, 0)), (width + 2 * step - 1) // (2 * step) * 2
    out_row = out.strides[1] // out.itemsize
    place = plane * (out.strides[0] // out.itemsize) + row * out_row + x
    stored = layout[L.stored] and has_runs(out) and not empty and below[2] == lanes
    _begin(taps, layout, scratch, base, strip)
    for first in range(0, count, layout[L.run]):
        pairs = min(layout[L.run], count - first) // 2
        for phase in range(step):
            start, last = strip + phase * lanes, base + layout[L.across_at] + phase * SUMS * lanes
            enter = start + (first + halo - 1) * pixel, pixel
            leave = start + (first - 2) * pixel, pixel
            target = sums + phase * lanes, pixel
            slide(
                scratch, enter, leave, taps, NUMBERS * lanes, (base, last), target, pairs
            )  # fmt: skip
        columns = min(2 * pairs * step, width - first * step)
        if stored and columns % lanes == 0:
            deliver(scratch, sums, out, (place + first * step, out_row, lanes), columns // lanes)
            continue
        turned = rows, layout[L.rows_step], lanes
        turn(scratch, sums, turned, (columns + lanes - 1) // lanes)
        if empty:
            clear(layout, scratch, base, row - tile[1], first * step, columns)
        across = x + first * step, 1, columns
        store(scratch, source, out, layout[L.writes], (plane,), below, across)
    found = 0.0
    for n in range(step):
        for lane in range(lanes):
            found += scratch[base + layout[L.across_at] + n * SUMS * lanes + lane] * 0
    return found == 0


@jit.jit()
def _tile(f, taps, fill, out, layout, scratch, base, tile, wanted):
    """Rows ``wanted`` of a tile = (plane, first row and column, rows, columns) of results.

    False where a pixel or a result is not finite: so are all sums from there on.
    """
    _, y, _, height, width = tile
    lanes, halo, step = layout[L.lanes], layout[L.taps_y] - 1, layout[L.dilation_x]
    count = (width + 2 * step - 1) // (2 * step) * 2
    columns = ((count + layout[L.taps_x] - 1) * step + lanes - 1) // lanes * lanes
    put(scratch, base + layout[L.down_at], 1, columns * SUMS, 0.0)
    put(scratch, base + layout[L.counts_at], 1, columns, 0.0)
    empty = may_be_empty(f, fill, layout, scratch, base, tile)
    for first in range(0, halo, layout[L.high]):
        rows = min(layout[L.high], halo - first)
        _down(f, taps, fill, layout, scratch, base, tile, columns, first, rows, empty)
    for first in range(0, height, layout[L.high]):
        rows = min(layout[L.high], (height - first + lanes - 1) // lanes * lanes)
        _down(f, taps, fill, layout, scratch, base, tile, columns, halo + first, rows, empty)
        if empty:
            widen(layout, scratch, base, rows, columns)
        for row in range(0, rows, lanes):
            strip, top = base + layout[L.strips_at] + row // lanes * layout[L.strip_step], y + first
            if not _along(
                taps, out, layout, scratch, base, strip, tile, top + row, wanted, empty
            ):  # fmt: skip
                return False
    found = 0.0
    for column in range(0, columns, lanes):
        for lane in range(lanes):
            found += scratch[base + layout[L.down_at] + column * SUMS + lane] * 0
    return found == 0


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else."""
    f, out = as_sums(f, scratch), as_sums(out, scratch)
    base = aligned_after(scratch, 0, machine.CACHE_LINE)
    rows, block = layout[L.rows_out], layout[L.block]
    put(scratch, base + layout[L.zero_at], 1, layout[L.lanes], 0.0)
    for strip in range(layout[L.high] // layout[L.lanes]):
        before = 2 * layout[L.dilation_x] * layout[L.lanes]
        at = base + layout[L.strips_at] + strip * layout[L.strip_step] - before
        put(scratch, at, 1, before, 0.0)
    while start < stop:
        plane, top = start // rows, start % rows
        first = top // block * block
        height = min(block, rows - first)
        bottom = min(first + height, top + stop - start)
        start += bottom - top
        for x in range(0, layout[L.columns_out], layout[L.tile]):
            tile = plane, first, x, height, min(layout[L.tile], layout[L.columns_out] - x)
            if not _tile(f, taps, fill, out, layout, scratch, base, tile, (top, bottom)):
                mend(f, taps, fill, out, layout, scratch, base, tile, (top, bottom))
