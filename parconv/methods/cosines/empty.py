"""Outputs whose window holds zeros alone: exactly 0, where sums that slide leave their rounding.

A look at one pixel of each window tells most tiles that have none, and its neighbours the others:
of bytes every 256th may be 0 by chance.
"""

from ...codegen import jit
from ...codegen.packing import fetch
from .tile import L


@jit.jit()
def _is_zero(f, fill, layout, scratch, at, place):
    """Whether a pixel = (plane, row, column) is."""
    plane, row, column = place
    down = row, 1, 1, layout[L.rows_in], 1, layout[L.border_y]
    along = column, 1, 1, layout[L.columns_in], layout[L.channels], layout[L.border_x]
    fetch(f, layout[L.reads], (plane,), down, along, fill, scratch, (at, 0, 0), True, True)
    return scratch[at] == 0


@jit.jit()
def _are_zeros(f, fill, layout, scratch, at, place, step):
    """Whether a pixel and those on one side of it are, of half of a window."""
    plane, row, column = place
    for n in range(layout[L.taps_x] // 2 + 1):
        if not _is_zero(f, fill, layout, scratch, at, (plane, row, column + n * step)):
            return False
    return True


@jit.jit()
def may_be_empty(f, fill, layout, scratch, base, tile):
    """Whether any window of a tile may hold zeros alone.

    Every window holds one of the pixels that are looked at, and half of its columns on one side.
    """
    plane, y, x, height, width = tile
    taps, step = (layout[L.taps_y], layout[L.taps_x]), layout[L.dilation_x]
    for row in range(taps[0] // 2, height + taps[0] - 1, taps[0]):
        top = y - layout[L.lead_y] + min(row, height - 1 + taps[0] // 2)
        for column in range(taps[1] // 2 * step, width + (taps[1] - 1) * step, taps[1] * step):
            for phase in range(min(step, width)):
                last = (width - 1 - phase) // step * step + taps[1] // 2 * step
                pixel = plane, top, x - layout[L.lead_x] + min(column, last) + phase
                for side in (-step, step):
                    if _are_zeros(f, fill, layout, scratch, base, pixel, side):
                        return True
    return False


@jit.jit()
def count_zeros(layout, scratch, base, pixels, rows, part, wanted):
    """Zeros above one another in some columns; a flag for each as many as the filter's rows."""
    counts, flags = base + layout[L.counts_at] + part[0], base + layout[L.flags_at] + part[0]
    for row in range(rows):
        at = pixels + row * layout[L.panel_step]
        for column in range(part[1]):
            count = scratch[counts + column] + 1.0 if scratch[at + column] == 0 else 0.0
            scratch[counts + column] = count
        if wanted:
            at = flags + row * layout[L.flags_step]
            for column in range(part[1]):
                scratch[at + column] = 1.0 if scratch[counts + column] >= layout[L.taps_y] else 0.0


@jit.jit()
def widen(layout, scratch, base, rows, columns):
    """Flags of columns become those of results: whether all columns under the filter have one."""
    step, halo = layout[L.dilation_x], layout[L.taps_x] - 1
    for row in range(rows):
        flags = base + layout[L.flags_at] + row * layout[L.flags_step]
        for phase in range(step):
            count = 0
            for column in range(phase, columns, step):
                count = count + 1 if scratch[flags + column] != 0 else 0
                if column >= halo * step:
                    scratch[flags + column - halo * step] = 1.0 if count > halo else 0.0


@jit.jit()
def clear(layout, scratch, base, row, first, columns):
    """0 for each result with a flag, of a strip from ``row`` and of columns from ``first`` on."""
    row = row % layout[L.high]
    for n in range(layout[L.lanes]):
        flags = base + layout[L.flags_at] + (row + n) * layout[L.flags_step] + first
        out = base + layout[L.rows_at] + n * layout[L.rows_step]
        for column in range(columns):
            if scratch[flags + column] != 0:
                scratch[out + column] = 0.0
