"""The kernel of the windows: pixels added up down columns, then along rows, or the other way.

A block of rows at a time, as many as the filter has: rows of sums of columns, from these results.
Pixels are read where they lie, or from rows that are packed: element type converted, border
applied.  Rows that a dilation separates are walked one phase after another.

`layout` describes the problem as numbers, whose names `results` has.
"""

from ...codegen import jit, machine
from ...codegen.foreign import as_line, as_sums
from ...codegen.layout import OWN
from ...codegen.packing import aligned_after, put, rows_alike
from ...codegen.runs import has_runs
from ...codegen.simd import store_fence
from .across import PIXELS, SCALE, past_caches
from .blocks import add_up_block
from .filling import fill_rowwise
from .places import number_rows, pack, table_of
from .results import L, deliver, number
from .steps import BLOCKS


@jit.jit()
def begin(layout, scratch, base):
    """Once: a row of zeros behind those of a block."""
    step = layout[L.step]
    put(scratch, base + layout[L.taps_y] * step, 1, step, scratch.dtype.type(0))


@jit.jit()
def _lacking(layout, flags):
    """Columns that the first tile lacks, so that all begin with a line; the flags then."""
    lanes, before = layout[L.lanes], -flags[0] % layout[L.lanes]
    if layout[L.first_x] == BLOCKS:  # and with a pixel
        for _ in range(2):
            before += lanes if before % layout[L.channels] else 0
        if before % layout[L.channels]:
            return 0, (0, 0)
    return before, flags


@jit.jit(inline="always")
def enter(pixels, at, packed, layout, scratch, base, weight, places, how, columns, ahead, off):
    """Rows of a block, in the image or ``packed``: see `add_up_block`."""
    table = table_of(layout, base, packed)
    add_up_block(pixels, at, scratch, table, weight, places, how, columns, ahead, off)


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else."""
    f, out = as_sums(f, scratch), as_sums(out, scratch)
    base = aligned_after(scratch, 0, machine.CACHE_LINE)
    apart, count, step = layout[L.dilation_y], layout[L.taps_y], layout[L.step]
    image = f.strides[0] // f.itemsize, f.strides[1] // f.itemsize
    size, line, lanes = layout[L.columns_in], as_line(f, scratch), layout[L.lanes]
    level = machine.FILLS_LINES and layout[L.reads] == OWN and rows_alike(f, machine.VECTOR_BYTES)
    alike, tile, wide = rows_alike(out, machine.VECTOR_BYTES), layout[L.tile], layout[L.columns_out]
    # With vectors of half a line 3000 x 3000 float32 at 5x5 take 7.5 ms past the caches, through
    # them 6.8 (Zen 3 VM, 2026-11).
    flags = past_caches(out, scratch, layout[L.large] and alike and machine.FILLS_LINES, 0)
    before, flags = _lacking(layout, flags)
    constant, weight = scratch.dtype.type(fill[0] * taps[PIXELS] * count), taps[PIXELS]
    packed = base + layout[L.packed_at]
    if layout[L.beside] or layout[L.reach]:  # columns of the image stand for those beside it
        number(layout, scratch, base)
    begin(layout, scratch, base)
    while start < stop:
        plane, top = start // layout[L.rows_out], start % layout[L.rows_out]
        bottom = min(layout[L.rows_out], top + stop - start)
        start += bottom - top
        for end in range(tile - before, wide + tile, tile):
            x = max(end - tile, 0)
            width = min(end, wide) - x
            if width <= 0:
                continue
            left, columns = x - layout[L.lead_x], width + layout[L.span_x] - 1
            first = left
            if layout[L.beside]:
                first = max(left, 0)
                columns = max(min(left + columns, size) - first, 0)
            # columns lie in scratch as in the image, so that no vector of either crosses a line
            off = -aligned_after(f, first, machine.VECTOR_BYTES) % lanes if level else 0
            sums = base + layout[L.down_at] + (first - left + lanes - 1) // lanes * lanes + off
            lies = layout[L.reads] == OWN and has_runs(f) and columns >= lanes
            lies = lies and (layout[L.reach] or (first >= 0 and first + columns <= size))
            part = x, width, before if x == 0 else 0
            streamed = flags[0] if x == 0 else 0, flags[1]
            for y in range(top, min(top + apart, bottom)):
                last = (bottom - y + apart - 1) // apart + count - 2
                n, at = 0, (layout[L.begin] + y) // apart % count  # the next row, its place
                while n <= last:
                    rows = min(count - at, last + 1 - n)
                    here = y + n * apart - layout[L.lead_y], rows
                    inside = number_rows(layout, scratch, base, plane, here, image)
                    skip, following = min(max(count - 1 - n, 0), rows), n + rows <= last
                    how = rows, skip, rows - (at == 0) if following else 0
                    slot, row = base + at * step, y + (n + skip - count + 1) * apart
                    if layout[L.reach]:
                        fill_rowwise(
                            f, line, taps, fill, out, layout, scratch, base, plane, here,
                            lies and inside, part, slot, row, how, flags[1],
                        )  # fmt: skip
                        n, at = n + rows, 0
                        continue
                    places = slot + off, sums, step
                    if lies and inside:
                        ahead = count * apart * image[1] if layout[L.ahead] and following else 0
                        enter(
                            line, first, False, layout, scratch, base, weight, places, how,
                            columns, ahead, off,
                        )  # fmt: skip
                    elif columns > 0:
                        target = packed + off
                        pack(f, fill, layout, scratch, base, plane, here, first, columns, target)
                        enter(
                            scratch, target, True, layout, scratch, base, weight, places, how,
                            columns, 0, off,
                        )  # fmt: skip
                    if skip < rows:
                        deliver(
                            out, constant, taps, SCALE, layout, scratch, base, sums - first,
                            (rows - skip, width), plane, row, x, streamed,
                        )  # fmt: skip
                    n, at = n + rows, 0
    store_fence()
