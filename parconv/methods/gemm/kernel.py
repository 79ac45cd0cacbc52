"""Compiled ends of the product: pixels into columns, and sums into the output.

`layout` describes the problem as numbers, whose names are below.
"""

from ...codegen import jit
from ...codegen.borders import source_index
from ...codegen.elements import read, write
from ...codegen.layout import Layout
from ...codegen.runs import convert_rows, convert_run, has_runs

L = Layout(
    "rows_in", "columns_in", "rows_out", "columns_out", "lead_y", "lead_x", "stride_y",
    "stride_x", "dilation_y", "dilation_x", "taps_y", "taps_x", "border_y", "border_x",
    "groups", "inputs", "outputs", "rows", "run",
)  # fmt: skip


@jit.jit()
def _inside(first, step, count, size):
    """Which of ``count`` indices ``step`` apart lie in an axis: [begin, end)."""
    begin = min(max(-(first // step), 0), count)
    return begin, max(min((size - first + step - 1) // step, count), begin)


@jit.jit()
def _pixel(f, fill, layout, scratch, image, channel, row, column):
    """Of the extended image."""
    row = source_index(row, layout[L.rows_in], layout[L.border_y])
    column = source_index(column, layout[L.columns_in], layout[L.border_x])
    if row < 0 or column < 0:
        return fill[channel]
    return read(f, (image, channel, row, column), 0, scratch)


@jit.jit()
def _plane(f, fill, layout, scratch, image, channel, top, left, rows, at):
    """The pixels of one channel that some rows of outputs meet under one tap."""
    width, step_y, step_x = layout[L.columns_out], layout[L.stride_y], layout[L.stride_x]
    above, below = _inside(top, step_y, rows, layout[L.rows_in])
    begin, end = _inside(left, step_x, width, layout[L.columns_in])
    if step_x == 1 and has_runs(f):
        first = top + above * step_y, left + begin
        start = image * f.strides[0] + channel * f.strides[1] + first[0] * f.strides[2]
        convert_rows(
            f, start // f.itemsize + first[1], step_y * f.strides[2] // f.itemsize,
            scratch, at + above * width + begin, width, below - above, end - begin,
        )  # fmt: skip
    else:
        for n in range(above, below):
            row, to = top + n * step_y, at + n * width
            for x in range(begin, end):
                column = left + x * step_x
                scratch[to + x] = read(f, (image, channel, row, column), 0, scratch)
    for n in range(rows):
        copied = end - begin if above <= n < below else 0
        row, to = top + n * step_y, at + n * width
        for rest in range(width - copied):
            x = rest if rest < begin or copied == 0 else rest + copied
            scratch[to + x] = _pixel(
                f, fill, layout, scratch, image, channel, row, left + x * step_x
            )


def columns(f, fill, layout, scratch, group, first, last):
    """The pixels under every tap of a group's channels, tap by tap, for some rows of outputs.

    Rows ``[first, last)`` are counted over all images.
    """
    at = 0
    for channel in range(group * layout[L.inputs], (group + 1) * layout[L.inputs]):
        for tap in range(layout[L.taps_y] * layout[L.taps_x]):
            top = tap // layout[L.taps_x] * layout[L.dilation_y] - layout[L.lead_y]
            left = tap % layout[L.taps_x] * layout[L.dilation_x] - layout[L.lead_x]
            line = first
            while line < last:
                image, y = line // layout[L.rows_out], line % layout[L.rows_out]
                rows = min(layout[L.rows_out] - y, last - line)
                y = top + y * layout[L.stride_y]
                _plane(f, fill, layout, scratch, image, channel, y, left, rows, at)
                at += rows * layout[L.columns_out]
                line += rows


def deliver(out, layout, sums, group, first, last):
    """Store a group's sums, filter by filter, for the same rows."""
    at, width = 0, layout[L.columns_out]
    for output in range(group * layout[L.outputs], (group + 1) * layout[L.outputs]):
        for line in range(first, last):
            image, row = line // layout[L.rows_out], line % layout[L.rows_out]
            if has_runs(out):
                start = image * out.strides[0] + output * out.strides[1] + row * out.strides[2]
                convert_run(sums, at, out, start // out.itemsize, width)
            else:
                for n in range(width):
                    write(out, (image, output, row, n), sums[at + n], sums[at + n])
            at += width
