"""Compiled ends of the product: pixels into columns, and sums into the output.

`layout` describes the problem as numbers, whose names are below.
"""

from ...codegen.foreign import as_sums
from ...codegen.layout import ENDS, Layout
from ...codegen.packing import fetch, store

L = Layout(
    *ENDS, "rows_in", "columns_in", "rows_out", "columns_out", "lead_y", "lead_x", "stride_y",
    "stride_x", "dilation_y", "dilation_x", "taps_y", "taps_x", "border_y", "border_x",
    "groups", "inputs", "outputs", "rows", "run",
)  # fmt: skip


def columns(f, fill, layout, scratch, group, first, last):
    """The pixels under every tap of a group's channels, tap by tap, for some rows of outputs.

    Rows ``[first, last)`` are counted over all images.
    """
    f, at, width = as_sums(f, scratch), 0, layout[L.columns_out]
    for channel in range(group * layout[L.inputs], (group + 1) * layout[L.inputs]):
        for tap in range(layout[L.taps_y] * layout[L.taps_x]):
            top = tap // layout[L.taps_x] * layout[L.dilation_y] - layout[L.lead_y]
            left = tap % layout[L.taps_x] * layout[L.dilation_x] - layout[L.lead_x]
            across = left, layout[L.stride_x], width, layout[L.columns_in], 1, layout[L.border_x]
            line = first
            while line < last:
                image, y = line // layout[L.rows_out], line % layout[L.rows_out]
                rows = min(layout[L.rows_out] - y, last - line)
                y, step = top + y * layout[L.stride_y], layout[L.stride_y]
                down = y, step, rows, layout[L.rows_in], 1, layout[L.border_y]
                target = at, width, 0
                fetch(
                    f, layout[L.reads], (image, channel), down, across, fill[channel:], scratch,
                    target, True, True,
                )  # fmt: skip
                at += rows * width
                line += rows


def deliver(out, layout, sums, group, first, last):
    """Store a group's sums, filter by filter, for the same rows."""
    out, at, width = as_sums(out, sums), 0, layout[L.columns_out]
    for output in range(group * layout[L.outputs], (group + 1) * layout[L.outputs]):
        for line in range(first, last):
            image, row = line // layout[L.rows_out], line % layout[L.rows_out]
            where, down, across = (image, output), (row, 1, 1), (0, 1, width)
            store(sums, (at, 0, 0), out, layout[L.writes], where, down, across)
            at += width
