"""The kernel of what is there: block by block weighted, summed by another method, divided.

A block is some rows and columns of one plane's outputs, whose pixels and sums stay in the caches.
Border and weights are told once, where pixels are copied to scratch: the method sees no border.

Where weights are 0 or 1, pixels that are missing are holes, known by bits.  Few of them are added
up themselves, each a row of taps; what that is in all is taken from what the filter sums to.  The
method sums the weights where there are many, or where other weights are.

The direct method's tiles leave holes out themselves, where these are NaN: then no other pixel of
the block may be.
"""

import numpy as np

from ...codegen import jit, machine
from ...codegen.foreign import as_sums
from ...codegen.layout import OWN
from ...codegen.packing import aligned_after, fetch, store
from ...codegen.runs import has_runs
from ...codegen.simd import store_fence
from ...runtime.crew.record import call
from .counts import count
from .few import subtract
from .holes import weights_of
from .marking import marked
from .names import TAIL, L
from .weighing import divide, planes_at, rows_of, truths_at, weigh, weights_at

KINDS = 4  # of blocks: inside, at the right, below, and in the corner
FEW = 8  # holes are few, one in so many pixels, where adding them up is faster than the method


@jit.jit()
def _mark(f, truths, fill, layout, scratch, plane, down, right, known, hole):
    """As `marked`; where a pixel beside holes that are NaN is so, too, they become 0."""
    holes, spoilt = marked(f, truths, fill, layout, scratch, plane, down, right, known, hole)
    zero = scratch.dtype.type(0)
    if spoilt and hole != zero:
        marked(f, truths, fill, layout, scratch, plane, down, right, 0, zero)
        return holes, 1
    return holes, 0


@jit.jit()
def _leave_out(taps, fill, out, layout, scratch, kind, corner, size):
    """Fill a block of ``size`` = (rows, columns) from ``corner`` on by tiles that leave NaN out."""
    (plane, y, x), (rows, columns), sums_step = corner, size, layout[L.sums_step]
    rows_in = (rows - 1) * layout[L.stride_y] + layout[L.span_y]
    columns_in = (columns - 1) * layout[L.stride_x] + layout[L.span_x]
    pixels = planes_at(scratch, 0, (1, rows_in, columns_in), (0, layout[L.step], 1))
    inner, units = scratch[layout[L.inner_at] :], layout[layout[L.units] + kind]
    numbers = layout[layout[L.layouts] + (KINDS + kind) * layout[L.pitch] :]
    if layout[L.writes] == OWN and has_runs(out):
        target = rows_of(out, plane, y, x, size)
        call(layout[L.alone], pixels, taps, fill, target, numbers, inner, 0, units)
        return
    sums = planes_at(scratch, layout[L.sums_at], (1, rows, columns), (0, sums_step, 1))
    call(layout[L.alone], pixels, taps, fill, sums, numbers, inner, 0, units)
    source = layout[L.sums_at], sums_step, 0
    store(scratch, source, out, layout[L.writes], (plane,), (y, 1, rows), (x, 1, columns))


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill blocks ``[start, stop)``, counted over places and, within each, over planes."""
    f, out = as_sums(f, scratch), as_sums(out, scratch)
    scratch = scratch[aligned_after(scratch, 0, machine.CACHE_LINE) :]
    weights = weights_at(layout, L.weights, scratch)
    truths = truths_at(layout, L.weights, scratch)
    planes, step, sums_step = layout[L.planes], layout[L.step], layout[L.sums_step]
    weights_place, sums_place = layout[L.weights_at], layout[L.sums_at]
    flat = layout[L.writes] == OWN and has_runs(out)
    tail = len(taps) - TAIL
    table = tail - layout[L.column] - layout[L.rows] * layout[L.taps_step]
    inner, own = scratch[layout[L.inner_at] :], taps[layout[L.alone_taps] : table]
    alone, zero = layout[L.alone] > 0 and layout[L.bits] > 0, scratch.dtype.type(0)
    hole, spoilt = scratch.dtype.type(np.nan) if alone else zero, np.int64(0)
    total, sign, least, scale = taps[tail], taps[tail + 1], taps[tail + 2], taps[tail + 4]
    numbers, divisors_at = (total, sign, least, fill[2]), layout[L.divisors_at]
    scaled = total * scale, least * abs(scale), fill[2], taps[tail + 3] * abs(scale)
    number = scratch.dtype.type(layout[L.counts])
    needed = max(least / abs(total) * number, scratch.dtype.type(0.5))
    shares = number, needed, fill[2], needed
    few = layout[L.few] and scale != 0
    known = np.int64(-1)  # the place whose weights' sums lie in scratch
    for unit in range(start, stop):
        place, plane = unit // planes, unit % planes
        if not layout[L.inwards]:
            place, plane = unit % layout[L.places], unit // layout[L.places]
        y = place % layout[L.down] * layout[L.height]
        x = place // layout[L.down] * layout[L.width]
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
        holes = rows_in * columns_in
        if layout[L.bits]:
            follows = layout[L.follows] and y > 0 and unit > start and not spoilt
            above = layout[L.height] + layout[L.span_y] - 1 if follows else 0
            holes, spoilt = _mark(
                f, truths, fill, layout, scratch, plane, down, right, above, hole
            )  # fmt: skip
        else:
            fetch(
                f, layout[L.reads], (plane,), down, right, fill, scratch, (0, step, 0), True, True
            )  # fmt: skip
            fetch(
                weights, layout[L.weights_reads], (plane,), down, right, fill[1:], scratch,
                (weights_place, step, 0), True, True,
            )  # fmt: skip
            inside = rows_in, columns_in
            if weigh(scratch, 0, weights_place, inside, step, layout[L.omits]):
                holes = 0
        shape, steps = (1, rows_in, columns_in), (0, step, 1)
        numbers_of = layout[layout[L.layouts] + kind * layout[L.pitch] :]
        units = layout[layout[L.units] + kind]
        pixels = planes_at(scratch, 0, shape, steps)
        if alone and not spoilt:
            _leave_out(taps, fill, out, layout, scratch, kind, (plane, y, x), (rows, columns))
            continue
        if holes == 0 and flat:
            target = rows_of(out, plane, y, x, (rows, columns))
            call(layout[L.address], pixels, own, fill, target, numbers_of, inner, 0, units)
            continue
        results, apart = (1, rows, columns), (0, sums_step, 1)
        sums = planes_at(scratch, sums_place, results, apart)
        call(layout[L.address], pixels, own, fill, sums, numbers_of, inner, 0, units)
        if layout[L.bits] and layout[L.counts] and holes:
            known = np.int64(-1)  # numbers of holes lie where the weights did
            count(out, layout, scratch, shares, (plane, y, x), (rows, columns))
            continue
        if few and 0 < holes * FEW < rows_in * columns_in:
            known = np.int64(-1)  # holes lie where the weights did
            corner, size = (plane, y, x), (rows, columns)
            if subtract(taps, out, layout, scratch, table, scaled, corner, size):
                continue
        again = layout[L.shares] and known == place
        known = np.int64(-1) if holes == 0 else place
        if not (holes == 0 or again):
            for n in range(rows_in if layout[L.bits] else 0):
                bits = layout[L.bits_at] + n * layout[L.bits_step]
                weights_of(scratch, bits, weights_place + n * step, columns_in)
            weighed = planes_at(scratch, weights_place, shape, steps)
            divisors = planes_at(scratch, divisors_at, results, apart)
            call(layout[L.address], weighed, own, fill, divisors, numbers_of, inner, 0, units)
        source = sums_place, divisors_at, sums_step
        if holes and flat:
            at = plane * (out.strides[0] // out.itemsize) + y * (out.strides[1] // out.itemsize) + x
            end = at, out.strides[1] // out.itemsize
            divide(scratch, source, (rows, columns), numbers, layout[L.exact], out, end)
            continue
        if holes:
            end = sums_place, sums_step
            divide(scratch, source, (rows, columns), numbers, layout[L.exact], scratch, end)
        store(
            scratch, (sums_place, sums_step, 0), out, layout[L.writes], (plane,), (y, 1, rows),
            (x, 1, columns),
        )  # fmt: skip
    store_fence()
