"""Rows of results from rows of sums of columns: what lies beside the image, then along the rows.

`layout` describes a problem as numbers, whose names are below, for all kernels of equal taps.
"""

from ...codegen import jit
from ...codegen.layout import ENDS, Layout
from ...codegen.packing import store
from ...codegen.runs import has_runs
from .across import across, seen_as
from .beside import copy_beside, number_columns

L = Layout(
    *ENDS, "rows_out", "columns_out", "rows_in", "columns_in", "lead_y", "lead_x", "dilation_y",
    "dilation_x", "taps_y", "span_x", "border_y", "border_x", "channels", "large", "lanes",
    "stored", "tile", "batch", "begin", "begin_x", "first_x", "second_x", "third_x", "rest_x",
    "step", "reach", "ahead", "packed_at", "down_at", "part_at", "again_at", "across_at",
    "sources_at", "rows_at", "rows_step", "beside", "end",
)  # fmt: skip


@jit.jit()
def outside(layout):
    """How many columns left and right of the image outputs need."""
    last = layout[L.columns_out] + layout[L.span_x] - 1 - layout[L.lead_x]
    return max(layout[L.lead_x], 0), max(last - layout[L.columns_in], 0)


@jit.jit()
def number(layout, scratch, base):
    """Tell which columns of the image those beside it stand for."""
    at, size = base + layout[L.sources_at], layout[L.columns_in]
    number_columns(scratch, at, size, outside(layout), layout[L.channels], layout[L.border_x])


@jit.jit()
def fill_beside(scratch, layout, table, place, rows, left, columns, constant):
    """Numbers of those columns, from those of the image in the rows.

    ``place`` = where column 0 is, elements from row to row; ``table``: that of what tells which
    columns these are.
    """
    size, (row, step) = layout[L.columns_in], place
    before, end, first = outside(layout)[0], left + columns, max(layout[L.columns_in], left)
    copy_beside(scratch, table, before + left, row, (left, min(0, end)), rows, step, constant)
    n = before + first - size
    copy_beside(scratch, table, n, row, (first, end), rows, step, constant)


@jit.jit()
def deliver(
    out, constant, taps, scale, layout, scratch, base, row_at, size, plane, row, x, flags
):  # fmt: skip
    """``size`` = (rows, columns) of results from rows of sums, whose column 0 is at ``row_at``.

    They are those of a plane from ``row`` and column ``x`` on.  ``constant``: the sum of a column
    beside the image, where there is no pixel; ``scale``, ``flags``: see `across`.
    """
    (rows, width), left, place = size, x - layout[L.lead_x], (row_at, layout[L.step])
    if layout[L.beside]:
        columns, table = width + layout[L.span_x] - 1, base + layout[L.sources_at]
        fill_beside(scratch, layout, table, place, rows, left, columns, constant)
    made = 0, scale
    make(out, taps, made, layout, scratch, base, row_at, size, plane, row, x, flags)


@jit.jit(inline="always")
def steps_along(layout):
    """In which neighbours are added up."""
    return layout[L.first_x], layout[L.second_x], layout[L.third_x], layout[L.rest_x]


@jit.jit(inline="always")
def make(out, taps, made, layout, scratch, base, row_at, size, plane, row, x, flags):
    """The same of sums that lie beside the image, too; ``made``: see `across`."""
    (rows, width), apart, lanes = size, layout[L.dilation_y], layout[L.lanes]
    left, step = x - layout[L.lead_x], layout[L.step]
    begin = (layout[L.begin_x] + x) // layout[L.channels] % max(layout[L.second_x], 1)
    steps = (1, 1, 1, 0) if layout[L.reach] else steps_along(layout)  # by rows: added up already
    how = layout[L.dilation_x], *steps, begin
    parts = base + layout[L.part_at], base + layout[L.again_at]
    results = seen_as(scratch, base + layout[L.across_at], taps)
    out_row, target = out.strides[1] // out.itemsize, -1
    if layout[L.stored] and has_runs(out) and width >= lanes + flags[0]:
        target = plane * (out.strides[0] // out.itemsize) + row * out_row + x
    across(
        taps, made, scratch, (row_at + left, step), parts, how, out, (target, apart * out_row),
        (results, step), size, flags,
    )  # fmt: skip
    if target < 0:
        left_here, down = (0, step, 0), (row, apart, rows)
        store(results, left_here, out, layout[L.writes], (plane,), down, (x, 1, width))
