"""Outputs whose window holds zeros alone: exactly 0, where sums that slide leave their rounding.

A look at one pixel of each window tells most tiles that have none.
"""

from ...codegen import jit
from ...codegen.packing import fetch
from .tile import L


@jit.jit()
def may_be_empty(f, fill, layout, scratch, base, tile):
    """Whether any pixel is 0 of those of which every window of a tile holds one."""
    plane, y, x, height, width = tile
    taps, step, at = (layout[L.taps_y], layout[L.taps_x]), layout[L.dilation_x], base
    for row in range(taps[0] // 2, height + taps[0] - 1, taps[0]):
        top = y - layout[L.lead_y] + min(row, height - 1 + taps[0] // 2)
        down = top, 1, 1, layout[L.rows_in], 1, layout[L.border_y]
        for column in range(taps[1] // 2 * step, width + (taps[1] - 1) * step, taps[1] * step):
            for phase in range(min(step, width)):
                last = (width - 1 - phase) // step * step + taps[1] // 2 * step
                place = min(column, last) + phase
                left, border = x - layout[L.lead_x] + place, layout[L.border_x]
                along = left, 1, 1, layout[L.columns_in], layout[L.channels], border
                target = at, 0, 0
                fetch(
                    f, layout[L.reads], (plane,), down, along, fill, scratch, target, True, True
                )  # fmt: skip
                if scratch[at] == 0:
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
