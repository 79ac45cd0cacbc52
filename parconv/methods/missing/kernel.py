"""The kernel of what is there: block by block weighted, summed by another method, divided.

A block is some rows and columns of one plane's outputs, whose pixels and sums stay in the caches.
Border and weights are told once, where pixels are copied to scratch: the method sees no border.
"""

import numpy as np

from ...codegen.foreign import as_sums
from ...codegen.layout import ENDS, OWN, Layout
from ...codegen.packing import fetch, store
from ...codegen.runs import has_runs
from ...runtime.crew.record import call
from .weighing import divide, planes_at, rows_of, weigh, weights_at

# An array of weights: its address, bytes from plane to plane, row to row and column to column, and
# what reads it.
GIVEN = "weights", "weights_plane", "weights_row", "weights_column", "weights_reads"
L = Layout(
    *ENDS, *GIVEN, "rows_out", "columns_out", "rows_in", "columns_in", "lead_y", "lead_x",
    "stride_y", "stride_x", "span_y", "span_x", "border_y", "border_x", "channels", "planes",
    "height", "width", "across", "address", "weighted", "omits", "shares", "exact", "step",
    "weights_at", "sums_step", "sums_at", "divisors_at", "inner_at", "pitch",
    tables=("units", "layouts"),
)  # fmt: skip
# What stands behind the method's own numbers: what the filter sums to, the sign of that, and how
# much of it must be there.
TAIL = 3


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill blocks ``[start, stop)``, counted over places and, within each, over planes."""
    f, out = as_sums(f, scratch), as_sums(out, scratch)
    weights = weights_at(layout, L.weights, scratch)
    planes, step, sums_step = layout[L.planes], layout[L.step], layout[L.sums_step]
    weights_place, sums_place = layout[L.weights_at], layout[L.sums_at]
    flat = layout[L.writes] == OWN and has_runs(out)
    inner, own = scratch[layout[L.inner_at] :], taps[: len(taps) - TAIL]
    total, sign, least = taps[len(own)], taps[len(own) + 1], taps[len(own) + 2]
    numbers, divisors_at = (total, sign, least, fill[2]), layout[L.divisors_at]
    known = np.int64(-1)  # the place whose weights' sums lie in scratch
    for unit in range(start, stop):
        place, plane = unit // planes, unit % planes
        y = place // layout[L.across] * layout[L.height]
        x = place % layout[L.across] * layout[L.width]
        rows = min(layout[L.height], layout[L.rows_out] - y)
        columns = min(layout[L.width], layout[L.columns_out] - x)
        kind = 0 if rows == layout[L.height] else 2
        kind += 0 if columns == layout[L.width] else 1
        rows_in = (rows - 1) * layout[L.stride_y] + layout[L.span_y]
        columns_in = (columns - 1) * layout[L.stride_x] + layout[L.span_x]
        down = (
            y * layout[L.stride_y] - layout[L.lead_y], 1, rows_in, layout[L.rows_in], 1,
            layout[L.border_y],
        )  # fmt: skip
        right = (
            x * layout[L.stride_x] - layout[L.lead_x], 1, columns_in, layout[L.columns_in],
            layout[L.channels], layout[L.border_x],
        )  # fmt: skip
        begin = np.int64(0) if layout[L.weighted] else weights_place
        fetch(
            f, layout[L.reads], (plane,), down, right, fill, scratch, (begin, step, 0), True, True
        )  # fmt: skip
        if layout[L.weighted]:
            fetch(
                weights, layout[L.weights_reads], (plane,), down, right, fill[1:], scratch,
                (weights_place, step, 0), True, True,
            )  # fmt: skip
        whole = weigh(
            scratch, 0, weights_place, (rows_in, columns_in), step,
            (layout[L.weighted], layout[L.omits]),
        )  # fmt: skip
        again = layout[L.shares] and known == place
        known = np.int64(-1) if whole else place
        shape, steps = (1, rows_in, columns_in), (0, step, 1)
        numbers_of = layout[layout[L.layouts] + kind * layout[L.pitch] :]
        units = layout[layout[L.units] + kind]
        pixels = planes_at(scratch, 0, shape, steps)
        if whole and flat:
            target = rows_of(out, plane, y, x, (rows, columns))
            call(layout[L.address], pixels, own, fill, target, numbers_of, inner, 0, units)
            continue
        results, apart = (1, rows, columns), (0, sums_step, 1)
        sums = planes_at(scratch, sums_place, results, apart)
        call(layout[L.address], pixels, own, fill, sums, numbers_of, inner, 0, units)
        if not (whole or again):
            weighed = planes_at(scratch, weights_place, shape, steps)
            divisors = planes_at(scratch, divisors_at, results, apart)
            call(layout[L.address], weighed, own, fill, divisors, numbers_of, inner, 0, units)
        source = sums_place, divisors_at, sums_step
        if not whole and flat:
            at = plane * (out.strides[0] // out.itemsize) + y * (out.strides[1] // out.itemsize) + x
            end = at, out.strides[1] // out.itemsize
            divide(scratch, source, (rows, columns), numbers, layout[L.exact], out, end)
            continue
        if not whole:
            end = sums_place, sums_step
            divide(scratch, source, (rows, columns), numbers, layout[L.exact], scratch, end)
        store(
            scratch, (sums_place, sums_step, 0), out, layout[L.writes], (plane,), (y, 1, rows),
            (x, 1, columns),
        )  # fmt: skip
