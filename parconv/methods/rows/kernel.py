"""The kernel of the rows: column factors down rows that are packed, row factors along their sums.

A panel of columns is walked downwards: its rows are packed (element type converted, border
applied), a few of them make rows of sums, and these the results.  Nothing is turned: along a row
the vectors of a sum begin at any element.

`layout` describes the problem as numbers, whose names are below.
"""

from ...codegen import jit, machine
from ...codegen.foreign import as_sums
from ...codegen.layout import ENDS, Layout
from ...codegen.packing import aligned_after, fetch, rows_alike, store
from ...codegen.runs import convert_run, has_runs
from ...codegen.simd import store_fence
from ..finishing import finish_rows
from .weighing import STREAM, weigh

L = Layout(
    *ENDS, "rows_out", "columns_out", "rows_in", "columns_in", "lead_y", "lead_x", "taps_y",
    "taps_x", "dilation_x", "span_x", "border_y", "border_x", "channels", "large", "lanes",
    "stored", "tile", "height", "batch", "step", "sums_at", "rows_at", "end",
)  # fmt: skip


@jit.jit()
def _along(taps, layout, scratch, base, out, target, size, flags):
    """The row factors over rows of sums, from ``target`` on in ``out``, or left in scratch."""
    (to, out_down), (rows, width), (skip, stream) = target, size, flags
    sums, step, lanes = base + layout[L.sums_at], layout[L.step], layout[L.lanes]
    line = layout[L.taps_y], layout[L.taps_x]
    if to < 0:
        left, vectors = base + layout[L.rows_at], (width + lanes - 1) // lanes
        source = sums, step, layout[L.dilation_x]
        weigh(scratch, source, taps, line, scratch, (left, step), (rows, vectors), 0)
        finish_rows(scratch, (left, step), (rows, vectors), taps, out)
        return
    # both ends are stored once more with others, the same bits again
    for column, vectors, flag in (
        (0, (skip + lanes - 1) // lanes, 0),
        (skip, (width - skip) // lanes, stream),
        (width - lanes, min((width - skip) % lanes, 1), 0),
    ):
        if vectors:
            source, place = (sums + column, step, layout[L.dilation_x]), (to + column, out_down)
            weigh(scratch, source, taps, line, out, place, (rows, vectors), flag)


@jit.jit()
def _rise(layout, scratch, base, height, columns):
    """The last rows that are packed, to the front."""
    for row in range(layout[L.taps_y] - 1):
        here = base + row * layout[L.step]
        convert_run(scratch, here + height * layout[L.step], scratch, here, columns)


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else."""
    f, out = as_sums(f, scratch), as_sums(out, scratch)
    base = aligned_after(scratch, 0, machine.CACHE_LINE)
    halo, step, lanes = layout[L.taps_y] - 1, layout[L.step], layout[L.lanes]
    out_row, stored = out.strides[1] // out.itemsize, layout[L.stored] and has_runs(out)
    line = machine.CACHE_LINE
    streams = layout[L.large] and rows_alike(out, line) and out.itemsize == scratch.itemsize
    skip = aligned_after(out, 0, line) if streams else 0
    batch, flags = layout[L.batch], (skip, STREAM if streams else 0)
    while start < stop:
        plane, top = start // layout[L.rows_out], start % layout[L.rows_out]
        bottom = min(layout[L.rows_out], top + stop - start)
        start += bottom - top
        for x in range(0, layout[L.columns_out], layout[L.tile]):
            width = min(layout[L.tile], layout[L.columns_out] - x)
            left, columns, ready = x - layout[L.lead_x], width + layout[L.span_x] - 1, 0
            across = left, 1, columns, layout[L.columns_in], layout[L.channels], layout[L.border_x]
            vectors = (columns + lanes - 1) // lanes
            for y in range(top, bottom, layout[L.height]):
                height, row = min(layout[L.height], bottom - y), y - layout[L.lead_y] + ready
                down = row, 1, height + halo - ready, layout[L.rows_in], 1, layout[L.border_y]
                target = base + ready * step, step, 0
                fetch(
                    f, layout[L.reads], (plane,), down, across, fill, scratch, target, True, True
                )  # fmt: skip
                for n in range(0, height, batch):
                    rows = min(batch, height - n)
                    weigh(
                        scratch, (base + n * step, step, step), taps, (0, layout[L.taps_y]),
                        scratch, (base + layout[L.sums_at], step), (rows, vectors), 0,
                    )  # fmt: skip
                    place = -1
                    if stored and width >= 2 * skip + lanes:
                        place = plane * (out.strides[0] // out.itemsize) + (y + n) * out_row + x
                    _along(
                        taps, layout, scratch, base, out, (place, out_row), (rows, width), flags
                    )  # fmt: skip
                    if place < 0:
                        source = base + layout[L.rows_at], step, 0
                        below = y + n, 1, rows
                        store(
                            scratch, source, out, layout[L.writes], (plane,), below, (x, 1, width)
                        )  # fmt: skip
                ready = halo
                if y + height < bottom:
                    _rise(layout, scratch, base, height, columns)
    store_fence()
