"""A tile that holds NaN or infinity: by the taps themselves, so that neither spreads.

Columns first, then rows, each result from its own pixels, in order of the taps.
"""

from ...codegen import jit
from ...codegen.packing import fetch, put, store
from .tile import L


@jit.jit()
def _add(scratch, target, source, tap, count):
    for n in range(count):
        scratch[target + n] += tap * scratch[source + n]


@jit.jit()
def _columns(f, taps, fill, layout, scratch, base, tile, row, columns):
    """The column factor over ``high`` rows from ``row`` on."""
    plane, x = tile[0], tile[2] - layout[L.lead_x]
    pixels, step = base + layout[L.mend_at], layout[L.panel_step]
    border = layout[L.columns_in], layout[L.channels], layout[L.border_x]
    rows = layout[L.high] + layout[L.taps_y] - 1
    down = row - layout[L.lead_y], 1, rows, layout[L.rows_in], 1, layout[L.border_y]
    for left in range(0, columns, layout[L.panel]):
        count = min(layout[L.panel], columns - left)
        across, target = (x + left, 1, count, *border), (pixels, step, 0)
        fetch(f, layout[L.reads], (plane,), down, across, fill, scratch, target, True, True)
        for n in range(layout[L.high]):
            out = base + layout[L.flags_at] + n * layout[L.flags_step] + left
            put(scratch, out, 1, count, 0.0)
            for tap in range(layout[L.taps_y]):
                weight = taps[layout[L.taps_at] + tap]
                _add(scratch, out, pixels + (n + tap) * step, weight, count)


@jit.jit()
def mend(f, taps, fill, out, layout, scratch, base, tile, wanted):
    """Rows ``wanted`` of a tile = (plane, first row and column, rows, columns) of results."""
    plane, _, x, _, width = tile
    step, row_taps = layout[L.dilation_x], layout[L.taps_at] + layout[L.taps_y]
    columns = width + (layout[L.taps_x] - 1) * step
    sums = base + layout[L.line_at]
    for first in range(wanted[0], wanted[1], layout[L.high]):
        _columns(f, taps, fill, layout, scratch, base, tile, first, columns)
        for n in range(min(layout[L.high], wanted[1] - first)):
            line = base + layout[L.flags_at] + n * layout[L.flags_step]
            put(scratch, sums, 1, width, 0.0)
            for tap in range(layout[L.taps_x]):
                _add(scratch, sums, line + tap * step, taps[row_taps + tap], width)
            below, across = (first + n, 1, 1), (x, 1, width)
            store(scratch, (sums, 0, 0), out, layout[L.writes], (plane,), below, across)
