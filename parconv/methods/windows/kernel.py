"""The kernel of the windows: pixels added up down columns, then along rows.

Blocks of rows make a row of sums, up to three steps along it the results; where these go past the
caches, the next row enters its block while they are made.  Pixels are read where they lie, or from
a row that is packed: element type converted, border applied.  Rows that a dilation separates are
walked one phase after another.

`layout` describes the problem as numbers, whose names `results` has.
"""

from ...codegen import jit, machine
from ...codegen.borders import source_index
from ...codegen.foreign import as_line, as_sums
from ...codegen.layout import OWN
from ...codegen.packing import aligned_after, fetch, put, rows_alike
from ...codegen.runs import has_runs
from ...codegen.simd import store_fence
from .across import PIXELS, SCALE, past_caches
from .blocks import add_upwards, enter, enter_and_sum
from .results import L, deliver, number


@jit.jit()
def pack(f, fill, layout, scratch, base, plane, row, left, columns, target, turn):
    """That row of the extended image, border applied; where it is then.

    ``turn``: its number among those of a phase, and the last one's.
    """
    border = left, 1, columns, layout[L.columns_in], layout[L.channels], layout[L.border_x]
    down = row, 1, 1, layout[L.rows_in], 1, layout[L.border_y]
    fetch(f, layout[L.reads], (plane,), down, border, fill, scratch, (target, 0, 0), True, True)
    return target


@jit.jit(inline="always")
def begin(layout, scratch, base, columns):
    """Before the first row of a tile: the row of zeros, behind those of a block."""
    zeros = base + layout[L.taps_y] * layout[L.step]
    put(scratch, zeros, 1, columns, scratch.dtype.type(0))


@jit.jit(inline="always")
def take(layout, pixels, at, taps, scratch, base, places, columns, window, seen):
    """So many ``columns``, (first, count), of a row enter its block.

    ``places``: see `enter`, of the rows; ``window``: where the suffix begins, or -1, and the sums;
    ``seen`` = plane, row of the image or -1 where it is packed, and column of the first pixel.
    """
    (first, count), (slot, before, after), (suffix, target) = columns, places, window
    here = slot + first, before + first, after + first
    if suffix < 0:
        enter(pixels, at + first, taps[PIXELS], scratch, here, count)
        return
    enter_and_sum(
        pixels, at + first, taps[PIXELS], scratch, here, count, suffix + first, target + first
    )


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else."""
    f, out = as_sums(f, scratch), as_sums(out, scratch)
    base = aligned_after(scratch, 0, machine.CACHE_LINE)
    apart, count, step = layout[L.dilation_y], layout[L.taps_y], layout[L.step]
    plane_step, image_row = f.strides[0] // f.itemsize, f.strides[1] // f.itemsize
    size, line, lanes = layout[L.columns_in], as_line(f, scratch), layout[L.lanes]
    alike = rows_alike(out, machine.VECTOR_BYTES)
    # With vectors of half a line 3000 x 3000 float32 at 5x5 take 7.5 ms past the caches, through
    # them 6.8 (Zen 3 VM, 2026-11).
    flags = past_caches(out, scratch, layout[L.large] and alike and machine.FILLS_LINES, 0)
    none = base + count * step  # a row of zeros, behind those of a block
    constant = scratch.dtype.type(fill[0] * taps[PIXELS] * count)
    prefixes = 2 * none + 3 * step  # places of both together
    if layout[L.beside]:  # tiles add up the image's columns, whose sums stand for those beside it
        number(layout, scratch, base)
    while start < stop:
        plane, top = start // layout[L.rows_out], start % layout[L.rows_out]
        bottom = min(layout[L.rows_out], top + stop - start)
        start += bottom - top
        for x in range(0, layout[L.columns_out], layout[L.tile]):
            width = min(layout[L.tile], layout[L.columns_out] - x)
            left, columns = x - layout[L.lead_x], width + layout[L.span_x] - 1
            first = left
            if layout[L.beside]:
                first = max(left, 0)
                columns = max(min(left + columns, size) - first, 0)
            sums = base + layout[L.down_at] + (first - left + lanes - 1) // lanes * lanes
            lies = layout[L.reads] == OWN and has_runs(f) and columns >= lanes
            lies = lies and first >= 0 and first + columns <= size
            turns = layout[L.turns] and lies and width <= columns
            padded = (columns + lanes - 1) // lanes * lanes
            begin(layout, scratch, base, padded)
            for y in range(top, min(top + apart, bottom)):
                last = (bottom - y + apart - 1) // apart + count - 2
                at = lowest = (layout[L.begin] + y) // apart % count  # in its block
                before, after, ready, entered, here = none, none + step, 0, 0, sums
                for n in range(last + 1):
                    row, slot = y + n * apart - layout[L.lead_y], base + at * step
                    source = source_index(row, layout[L.rows_in], layout[L.border_y])
                    pixels, pixels_at, vectors = scratch, slot, padded
                    seen = plane, source if lies else -1, first
                    if lies and source >= 0:
                        pixels, vectors = line, columns
                        pixels_at = plane * plane_step + source * image_row + first
                    else:
                        pixels_at = pack(
                            f, fill, layout, scratch, base, plane, row, first, columns, slot,
                            (n, last),
                        )  # fmt: skip
                    suffix = slot + step if n >= count - 1 else -1
                    if entered < vectors:
                        take(
                            layout, pixels, pixels_at, taps, scratch, base, (slot, before, after),
                            (entered, vectors - entered), (suffix, here + ready * step), seen,
                        )  # fmt: skip
                    ready += n >= count - 1
                    before, after, at, entered = after, prefixes - after, at + 1, 0
                    if at == count:
                        add_upwards(
                            scratch, slot, step, count - 1 - max(lowest, 1), padded
                        )  # fmt: skip
                        before, at, lowest = none, 0, 0
                    if ready == layout[L.batch] or n == last or (ready and turns):
                        entering, other, slot = (-1, 0, 0, 0, 0, 0, 0), here, base + at * step
                        if turns and n < last:
                            other, following = 2 * sums + step - here, row + apart
                            source = source_index(
                                following, layout[L.rows_in], layout[L.border_y]
                            )  # fmt: skip
                            if source >= 0:
                                pixels_at = plane * plane_step + source * image_row + first
                                entering = (
                                    pixels_at, slot, before, after, slot + step, other, source
                                )  # fmt: skip
                        entered = deliver(
                            out, constant, taps, SCALE, layout, scratch, base, here - first,
                            (ready, width), plane, y + (n - count + 2 - ready) * apart, x, flags,
                            line, entering,
                        )  # fmt: skip
                        ready, here = 0, other if entered else here
    store_fence()
