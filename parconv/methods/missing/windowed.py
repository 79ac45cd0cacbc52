"""The kernel of `windows` over images of which pixels are missing: holes under sums are counted.

Rows enter their block one by one, since what enters changes how many holes their columns have; the
next one, where results go past the caches, while these are made.  Numbers of holes are exact, so no
pixel is weak, and take the same time however many there are.

Start reading at `counting`, what is done with a row.
"""

import math
from functools import lru_cache

from ...codegen import foreign, machine
from ...codegen.borders import source_index
from ...codegen.foreign import as_line, as_sums
from ...codegen.layout import OWN, odd_lines, up
from ...codegen.packing import aligned_after, rows_alike
from ...codegen.runs import has_runs
from ...codegen.simd import store_fence
from ...problem.dtypes import Array
from ...problem.problem import Problem
from .. import windows
from ..direct.tile import stores
from ..kernels import kernels_of
from ..usual import lanes_of
from ..windows.across import PIXELS, SCALE, past_caches
from ..windows.blocks import add_upwards
from ..windows.results import number
from .counting import NUMBER_BYTES, L, begin, deliver, pack, take
from .entering import MOST
from .names import GIVEN, given as with_weights
from .numbers import sum_of_ones

# Kinds of rows of numbers behind those of columns, of which there is one: as many as are delivered
# together of the same as it was, of sums of neighbours, and of these.
KINDS = 3
# Of a row of sums, with its halo, and of those of a block: few enough for the caches.
# Milliseconds of 4096 x 4096 float32 at 15x15 with rows of 12, 64 KiB: 12.2 10.6, at 5x5 10.1 8.5
# (Sapphire Rapids VM, AVX-512, without holes, 2026-11).
TILE_BYTES = machine.ISA.choose({"AVX-512": 1 << 16, 16: 3 << 12})
BLOCK_BYTES = machine.ISA.choose({"AVX-512": 1 << 20, 16: machine.L2_BYTES})
# Rows of sums that are added up along the row at a time, where these are more than what the
# first-level cache holds a few of: of 1000 x 1500 float32 at 15x15 1, 3, 6, 12 rows take 1.02 0.98
# 0.94 0.91 ms, of 300 x 400 x 4 float64 at 31x31 0.76 0.73 0.73 0.79 (likewise).
FEW_ROWS, MANY_ROWS = 3, machine.ISA.choose({"AVX-512": 6, 16: 1})
OTHER_ROWS = 3  # beside those of a block: zeros, and two of prefixes


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
                        pack(f, fill, layout, scratch, base, plane, row, first, columns, slot)
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


kernels = kernels_of(kernel, foreign.ends, stores)


def told(problem: Problem, taps: Array) -> tuple[float, Array]:
    """What a method makes of ones; no numbers more."""
    return sum_of_ones(windows, problem, taps), taps[:0]


def obstacle(problem: Problem) -> str | None:
    """Why the kernel cannot answer the problem; None where it can."""
    missing, kinds = problem.missing, (problem.image_dtype, problem.dtype)
    if missing is None or (missing.weighted and not missing.truths):
        return "weights come with each image"
    if problem.dilation[0] > 1 or any(kind != problem.sums for kind in kinds):
        return "it counts rows that follow one another, of the type of its sums"
    if problem.filter[0] > MOST or math.prod(problem.filter) >= 1 << 16:
        return "8 bits do not count a column's taps, or 16 not all"
    return None


def _places(problem: Problem) -> dict[str, int]:
    """What the method's layout tells, of rows that enter one by one."""
    rows = problem.filter[0] + OTHER_ROWS
    tile = windows.tile_of(problem, min(BLOCK_BYTES // rows, TILE_BYTES))
    row = tile + problem.span[1] - 1 + 3 * lanes_of(problem)
    few = windows.BATCH_BYTES // (row * problem.sums.itemsize) < FEW_ROWS
    known = windows.numbers(problem, row, MANY_ROWS if few else 1, above=rows)
    return known | windows.tiled(problem, tile) | {
        "turns": machine.FILLS_LINES and known["large"] and known["batch"] > 1,
    }  # fmt: skip


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    missing, known, item = problem.missing, _places(problem), problem.sums.itemsize
    assert missing
    row, before = known["step"] + machine.VECTOR_BYTES, up(problem.span[1], machine.CACHE_LINE)
    marks_step = odd_lines(up(row, item) // item, item)
    numbers_step = odd_lines((2 * before + row) * NUMBER_BYTES // item, item)
    marks_at, rows = up(known["end"], machine.CACHE_LINE), 1 if known["turns"] else known["batch"]
    numbers_at = marks_at + problem.filter[0] * marks_step
    truths_at = numbers_at + (1 + KINDS * rows) * numbers_step
    return L.pack(
        known | {"batch": rows, "end": truths_at + up(row, machine.CACHE_LINE)},
        **dict.fromkeys(GIVEN, 0),
        weighted=missing.weighted,
        omits=missing.omits,
        bits=missing.truths,
        counts=math.prod(problem.filter),
        marks_at=marks_at,
        marks_step=marks_step,
        numbers_at=numbers_at + before * NUMBER_BYTES // item,
        before=before * NUMBER_BYTES // item,
        numbers_step=numbers_step,
        truths_at=truths_at,
    )


def given(problem: Problem, layout: Array, weights: Array) -> Array:
    """The layout with an array of booleans: rows of which lie in one piece, or are packed first."""
    layout = with_weights(L, problem, layout, weights)
    layout[L.turns] &= weights.strides[2] == 1
    return layout
