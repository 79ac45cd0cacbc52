"""The kernel of strided rows: column factors down packed rows, row factors along sorted sums.

A panel of columns is walked downwards as in `rows.kernel`.  Rows of sums are sorted before they are
summed: those that neighbouring results meet with a tap are neighbours then.

`layout` describes the problem as numbers, whose names are below.
"""

from ...codegen import jit, machine
from ...codegen.foreign import as_sums
from ...codegen.layout import ENDS, Layout
from ...codegen.packing import aligned_after, fetch, rows_alike, store
from ...codegen.runs import convert_run, has_runs
from ...codegen.simd import store_fence
from ..rows.weighing import STREAM, weigh
from .sorting import sort
from .weighing import weigh_sorted

L = Layout(
    *ENDS, "rows_out", "columns_out", "rows_in", "columns_in", "lead_y", "lead_x", "taps_y",
    "taps_x", "stride_y", "stride_x", "span_x", "border_y", "border_x", "channels", "large",
    "lanes", "stored", "tile", "height", "batch", "kept", "step", "sums_at", "rows_at", "sorted_at",
    "part_step", "end", tables=("places",),
)  # fmt: skip


@jit.jit()
def _along(taps, layout, scratch, base, out, target, size, flags):
    """The row factors over rows of sums, from ``target`` on in ``out``, or left in scratch."""
    (to, out_down), (rows, width), (skip, stream) = target, size, flags
    sums, step, lanes = base + layout[L.sorted_at], layout[L.step], layout[L.lanes]
    line, places = (layout[L.taps_y], layout[L.taps_x]), layout[L.places]
    if to < 0:
        left, vectors = (base + layout[L.rows_at], step), (width + lanes - 1) // lanes
        size = rows, vectors
        weigh_sorted(scratch, (sums, step), layout, places, taps, line, scratch, left, size, 0)
        return
    # both ends are stored once more with others, the same bits again
    for column, vectors, flag in (
        (0, (skip + lanes - 1) // lanes, 0),
        (skip, (width - skip) // lanes, stream),
        (width - lanes, min((width - skip) % lanes, 1), 0),
    ):
        if vectors:
            source, place, size = (sums + column, step), (to + column, out_down), (rows, vectors)
            weigh_sorted(scratch, source, layout, places, taps, line, out, place, size, flag)


@jit.jit()
def _rise(layout, scratch, base, height, columns):
    """The last rows that are packed, to the front."""
    away = height * layout[L.stride_y] * layout[L.step]
    for row in range(layout[L.kept]):
        here = base + row * layout[L.step]
        convert_run(scratch, here + away, scratch, here, columns)


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else."""
    f, out = as_sums(f, scratch), as_sums(out, scratch)
    base = aligned_after(scratch, 0, machine.CACHE_LINE)
    sums, step, lanes = base + layout[L.sums_at], layout[L.step], layout[L.lanes]
    down_step, across_step = layout[L.stride_y], layout[L.stride_x]
    part = layout[L.part_step]
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
            left, columns = x * across_step - layout[L.lead_x], (width - 1) * across_step
            columns, ready = columns + layout[L.span_x], 0
            across = left, 1, columns, layout[L.columns_in], layout[L.channels], layout[L.border_x]
            vectors = (columns + lanes - 1) // lanes
            for y in range(top, bottom, layout[L.height]):
                height, row = min(layout[L.height], bottom - y), y * down_step + ready
                count = (height - 1) * down_step + layout[L.taps_y] - ready
                down = row - layout[L.lead_y], 1, count, layout[L.rows_in], 1, layout[L.border_y]
                target = base + ready * step, step, 0
                fetch(
                    f, layout[L.reads], (plane,), down, across, fill, scratch, target, True, True
                )  # fmt: skip
                for n in range(0, height, batch):
                    rows = min(batch, height - n)
                    source = base + n * down_step * step, down_step * step, step
                    weigh(
                        scratch, source, taps, (0, layout[L.taps_y]), scratch, (sums, step),
                        (rows, vectors), 0,
                    )  # fmt: skip
                    end, each = (base + layout[L.sorted_at], step, part), part // lanes
                    sort(scratch, (sums, step), end, across_step, (rows, each))
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
                ready = layout[L.kept]
                if y + height < bottom:
                    _rise(layout, scratch, base, height, columns)
    store_fence()
