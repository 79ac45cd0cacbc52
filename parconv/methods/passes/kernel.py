"""The kernel of the passes: a block of rows down all columns, then across them.

The rows under a block are packed into a panel of columns: element type converted, the border of the
rows applied.  From it the column factors make strips of sums, as many rows high as a vector has
lanes, turned so that a strip's column is a vector.  What lies left and right of the image is copied
from those columns, as the border says; then the row factors run along the strips, whose sums are
turned back and stored.  Rows that a dilation separates are walked one phase after another.

`layout` describes the problem as numbers, whose names are below.
"""

from ...codegen import jit, machine
from ...codegen.borders import CONSTANT, source_column
from ...codegen.foreign import as_sums
from ...codegen.layout import Layout
from ...codegen.packing import aligned_after, fetch, store
from ...codegen.runs import convert_run
from ..separable.along import NAMES, along_columns, along_rows
from ..separable.turn import turn

L = Layout(
    *NAMES, "rows_out", "columns_out", "rows_in", "columns_in", "lead_y", "lead_x",
    "dilation_y", "border_y", "border_x", "block", "tile", "before", "after", "constants_at",
    "block_at", "sums_at", "rows_at", "rows_step", "panel_at", "panel_step", "turned_at",
    "strip_step", "product_step", "end",
)  # fmt: skip


@jit.jit()
def _set_constants(taps, fill, layout, scratch, base):
    """What the column factors make of the border's constant, wherever it lies."""
    panel, block = base + layout[L.panel_at], base + layout[L.block_at]
    for n in range(layout[L.taps_y] - 1 + layout[L.lanes]):
        for lane in range(layout[L.lanes]):
            scratch[panel + n * layout[L.panel_step] + lane] = fill[0]
    for product in range(layout[L.products]):
        along_columns(taps, layout, scratch, panel, layout[L.panel_step], product, block)
        scratch[base + layout[L.constants_at] + product] = scratch[block]


@jit.jit()
def _down(f, taps, fill, layout, scratch, base, plane, y, height):
    """The column factors over ``height`` rows of all columns, turned."""
    lanes = layout[L.lanes]
    block, panel = base + layout[L.block_at], base + layout[L.panel_at]
    first = base + layout[L.turned_at] + layout[L.before] * lanes
    rows, reads = height + layout[L.taps_y] - 1, layout[L.reads]
    step, border = layout[L.dilation_y], layout[L.border_y]
    down = y - layout[L.lead_y], step, rows, layout[L.rows_in], 1, border
    for x in range(0, layout[L.columns_in], layout[L.tile]):
        columns = min(layout[L.tile], layout[L.columns_in] - x)
        across = x, 1, columns, layout[L.columns_in], 1, layout[L.border_x]
        target = panel, layout[L.panel_step], 0
        fetch(f, reads, (plane,), down, across, fill, scratch, target, True, True)
        for column in range(0, columns, lanes):
            for strip in range((height + lanes - 1) // lanes):
                for product in range(layout[L.products]):
                    at = panel + strip * lanes * layout[L.panel_step] + column
                    target = first + strip * layout[L.strip_step] + product * layout[L.product_step]
                    along_columns(taps, layout, scratch, at, layout[L.panel_step], product, block)
                    turn(scratch, block, target + (x + column) * lanes, lanes)


@jit.jit()
def _around(layout, scratch, base, height):
    """What lies left and right of the image, of each strip and product."""
    lanes, size, border = layout[L.lanes], layout[L.columns_in], layout[L.border_x]
    strips = (height + lanes - 1) // lanes
    for outside in range(layout[L.before] + layout[L.after]):
        place = outside if outside < layout[L.before] else outside + size
        column = source_column(place - layout[L.before], size, layout[L.channels], border)
        for product in range(layout[L.products]):
            constant = scratch[base + layout[L.constants_at] + product]
            for strip in range(strips):
                at = base + layout[L.turned_at] + strip * layout[L.strip_step]
                at += product * layout[L.product_step]
                if column < 0:
                    for lane in range(lanes):
                        scratch[at + place * lanes + lane] = constant
                else:
                    source = at + (layout[L.before] + column) * lanes
                    convert_run(scratch, source, scratch, at + place * lanes, lanes)


@jit.jit()
def _across(taps, layout, scratch, base, strip):
    """The row factors over a strip, turned back to rows."""
    lanes, chunk = layout[L.lanes], layout[L.chunk]
    sums, rows = base + layout[L.sums_at], base + layout[L.rows_at]
    first = base + layout[L.turned_at] + strip * layout[L.strip_step]
    first += (layout[L.before] - layout[L.lead_x]) * lanes
    for column in range(0, layout[L.columns_out], chunk):
        at = first + column * lanes
        along_rows(taps, layout, scratch, at, layout[L.product_step], lanes, sums)
        for part in range(0, chunk, lanes):
            turn(scratch, sums + part * lanes, rows + column + part, layout[L.rows_step])


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else."""
    f, out = as_sums(f, scratch), as_sums(out, scratch)
    base = aligned_after(scratch, 0, machine.CACHE_LINE)
    source = base + layout[L.rows_at], layout[L.rows_step], 0
    across, writes = (0, 1, layout[L.columns_out]), layout[L.writes]
    lanes, step = layout[L.lanes], layout[L.dilation_y]
    if layout[L.border_x] == CONSTANT:
        _set_constants(taps, fill, layout, scratch, base)
    while start < stop:
        plane, top = start // layout[L.rows_out], start % layout[L.rows_out]
        bottom = min(layout[L.rows_out], top + stop - start)
        start += bottom - top
        for phase in range(top, min(top + step, bottom)):
            for y in range(phase, bottom, layout[L.block] * step):
                height = min(layout[L.block], (bottom - y + step - 1) // step)
                _down(f, taps, fill, layout, scratch, base, plane, y, height)
                _around(layout, scratch, base, height)
                for strip in range((height + lanes - 1) // lanes):
                    _across(taps, layout, scratch, base, strip)
                    first = strip * lanes
                    down = y + first * step, step, min(lanes, height - first)
                    store(scratch, source, out, writes, (plane,), down, across)
