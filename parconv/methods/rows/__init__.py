"""Rows: the product of a column and a row, the first down rows of pixels, the other along sums.

Wins over `separable` for few taps, for it turns nothing: vectors of a sum along a row begin at any
element, and half of them, or all where they fill a line, lie in two lines.  Relies on
real floating-point sums, which hold integers exactly where they must, on stride 1 and rows that no
dilation separates.

The error of an output is bounded as that of `separable`; NaN and infinity keep the filter's
footprint.

Start reading at `weighing.py` (the inner loop), then `kernel.py` (rows of output).
"""

from functools import lru_cache

import numpy as np

from ...codegen import machine
from ...codegen.foreign import ends
from ...codegen.layout import geometry, odd_lines, up
from ...problem.bands import split_rows
from ...problem.dtypes import Array
from ...problem.filter import Filter
from ...problem.problem import Problem
from ...problem.traits import UNSEEN
from ..direct.tile import stores
from ..finishing import finishes as finishes, with_numbers
from ..kernels import Taps, kernels_of
from ..separable import error as error, lines_of
from ..usual import (
    UNIT as UNIT,
    anywhere as anywhere,
    far,
    fill as fill,
    from_line,
    grain as grain,
    lanes_of,
    regions as regions,
    selects as selects,
    sums as sums,
    units as units,
    unsummable,
)
from . import kernel as k
from .kernel import L

# Nanoseconds a pixel of 1500 x 1500 float32 at 9 taps by bytes of a panel's row, 1, 2, 4, 8 KiB:
# 1.34 1.29 1.18 1.04 (Zen 3 VM, 2026-11); of 1500 x 2000 x 4 by 4, 8, 16 KiB 0.90 0.82 0.79, with
# AVX-512 0.89 0.80 0.80, of 700 x 900 x 4 float64 1.80 1.56 1.47, 1.39 1.30 1.35 (Sapphire Rapids
# VM, 2026-11), whose second-level cache holds four times as much.  There 32 rows at a time take
# 0.92 of the time of 64, and of integers, which are converted, narrower panels 0.9 of that: 250 x
# 300 x 4 uint16 at 5 x 5 0.188 and 0.147 ms, 300 x 500 float64 0.253 by 64 rows, 0.204 by 32.
TILE_BYTES, CONVERTED_TILE_BYTES = machine.ISA.choose(
    {"AVX-512": (1 << 13, 1 << 12), 16: (1 << 13, 1 << 13)}
)
HEIGHT = machine.ISA.choose({"AVX-512": 32, 16: 64})  # rows of output that are packed for at a time
# The same of pixels that become wider, under columns of so few taps that the first-level cache
# holds what is packed and summed, in images of so many bytes in and out.  Microseconds for 1024 x
# 1024 by such panels and by those of 8 KiB and 64 rows: uint8 at 5, 9, 13 taps 396 539, 568 711,
# 791 855, uint16 488 596, 693 760, every other pixel of uint8 220 349, 308 423; milliseconds for
# 2000 x 3000 uint8 2.2 2.6, int16 3.0 2.8, for 4000 x 6000 uint8 14.7 10.3, which memory sends in
# too short pieces (Sapphire Rapids VM, 2026-11).  `NEAR_WORK` of all operations is left so.
NEAR_BYTES, NEAR_HEIGHT, NEAR_WORK = 1 << 10, 16, 0.82
NEAR_TAPS, NEAR_IMAGE = machine.ISA.choose({"AVX-512": 12, 16: 0}), 1 << 24
BATCH = 8  # rows of sums that are made at a time
BAND_HALOS = 4  # least height of a band, in heights of the filter
# Operations of the direct method that take as long: to pack a pixel, to store a sum and a result,
# and to copy a pixel left or right of the image; of a tap of a column and of a row, by the size of
# sums; to begin a row, and such a pixel's column for rows that are packed at a time.  Nanoseconds a
# pixel of 300 x 400 float32 at 5, 9, 17, 41, 81 taps 0.86 1.06 1.87 4.47 9.09, by `separable` 1.58
# 1.94 2.59 4.81 8.38 (Zen 3 VM, AVX2, 2026-11).  With AVX-512, where those along a row lie in two
# lines each, 9, 17, 33 taps take 0.55 0.90 1.61, by `separable` 0.61 0.74 1.07, of uint8 0.60 0.93
# 1.60, 0.58 0.76 1.06, and of 40 x 50 pixels of float32 1.5 2.9 6.3, 2.0 3.1 5.7 (Sapphire Rapids
# VM, 2026-11).  In order: of all of it, by the size of sums, of a pixel that is converted, of a row
# and such a column, and of as many bytes as a sum has that no cache holds, see `direct.PIXEL_WORK`;
# regret of 336 Gaussians of 3 to 31 taps on 25 x 40 to 700 x 900 pixels with all that is told of
# 2026-11 here, in `direct`, `passes` and `separable`: 99th percentile 1.81, 1.23 so (the same VM);
# under AVX2 there, of 420, 1.45 and 1.42.  Under AVX2 a tap of a column takes 22 ps a pixel, of a
# row 27, and what the memory adds as much as to `short`: 2000 x 2500 at 5x5 float32 0.69 ns, 300 x
# 400 0.43, float64 1.64 and 0.79, where `short` takes 1.06 and 0.61 (Zen 4 VM, 2026-11).
PACK_WORK, STORE_WORK, BESIDE_WORK = 10, 11, 45
TAP_WORKS = machine.ISA.choose({
    "AVX-512": {4: (1.7, 2.4), 8: (1.5, 2.1)}, "AVX2": {4: (2.2, 2.8), 8: (2.3, 2.8)},
    16: {4: (1.9, 2.7), 8: (1.5, 2.1)},
})  # fmt: skip
ALL_WORK = machine.ISA.choose({"AVX-512": {4: 1.8, 8: 2.35}, 16: {4: 1.0, 8: 1.0}})
CONVERT_WORK, ROW_WORK, COLUMN_WORK, FAR_WORK = machine.ISA.choose(
    {"AVX-512": (1, 450, 2200, 30), "AVX2": (0, 350, 3000, 14), 16: (0, 800, 4000, 0)}
)


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    return unfactored(problem) or unsummable(problem)


def unfactored(problem: Problem) -> str | None:
    """Why a column and a row, whatever the stride, cannot."""
    if problem.traits.rank != 1:
        return no_product(problem)
    if problem.mean or problem.differences:
        return "the filter's taps are all equal, or cancel, and it multiplies each"
    if problem.dilation[0] > 1:
        return "a dilation separates the rows"
    return None


def no_product(problem: Problem) -> str | None:
    """Why the filter is none of a column and a row; None where it is."""
    if problem.traits.rank == 1:
        return None
    return "the filter is no product of a column and a row" if problem.traits.known else UNSEEN


def unasked(problem: Problem) -> str | None:
    """Why only a caller who names it gets it; None where it may be chosen."""
    return None


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    return work_of(problem, 0)


def work_of(problem: Problem, more: float) -> float:
    """The same where each sum of a column takes so many more."""
    (rows, columns), (taps, across) = problem.plane, problem.filter
    (step_y, step_x), halo, height = problem.stride, problem.span[1] - 1, height_of(problem)
    again = max(step_y, step_y + (taps - step_y) / height)  # rows packed for one of output
    reached = columns * step_x
    wide = reached + -(-columns // tile_of(problem)) * halo
    beside = max(0, reached + halo - problem.plane_in[1])
    tap_y, tap_x = TAP_WORKS[problem.sums.itemsize]
    pack_work = PACK_WORK + (CONVERT_WORK if problem.image_dtype != problem.sums else 0)
    down = wide * (pack_work * again + tap_y * taps + more)
    along = up(columns, lanes_of(problem)) * (STORE_WORK + tap_x * across)
    aside = beside * (BESIDE_WORK * again + COLUMN_WORK / height)
    share = ALL_WORK[problem.sums.itemsize] * (NEAR_WORK if is_near(problem) else 1)
    work = share * (down + along + aside + ROW_WORK) * rows * problem.planes
    return float(work + FAR_WORK * far(problem))


def prepare(problem: Problem, g: Filter) -> Taps:
    """The column, then the row, in the order in which they meet the image; read-only."""
    taps = np.concatenate(lines_of(problem, g)).astype(problem.sums)
    return Taps(with_numbers(problem, taps))


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands."""
    return split_rows(units(problem), parts, BATCH)


def least_band(problem: Problem) -> int:
    """Rows of a band that is worth handing out."""
    return max(HEIGHT, BAND_HALOS * problem.span[0])


# --- the problem as numbers ----------------------------------------------------------------------


def tile_of(problem: Problem) -> int:
    """Columns of output of a panel, whole lines."""
    size, columns = problem.sums.itemsize, max(1, problem.plane[1])
    wide = TILE_BYTES if problem.image_dtype.kind == "f" else CONVERTED_TILE_BYTES
    room = NEAR_BYTES if is_near(problem) else wide
    line, most = machine.CACHE_LINE // size, max(room // size, 2 * problem.span[1])
    most = max(1, most // problem.stride[1])
    return up(-(-columns // -(-columns // most)), line)


def height_of(problem: Problem) -> int:
    """Rows of output that are packed for at a time."""
    height = NEAR_HEIGHT if is_near(problem) else HEIGHT
    return max(1, min(max(BATCH, height // problem.stride[0]), problem.plane[0]))


def is_near(problem: Problem) -> bool:
    """Whether the first-level cache holds what is packed."""
    widened = problem.image_dtype.itemsize < problem.sums.itemsize
    return widened and problem.filter[0] <= NEAR_TAPS and problem.passing <= NEAR_IMAGE


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    lanes, tile, height = lanes_of(problem), tile_of(problem), height_of(problem)
    step = odd_lines(tile + problem.span[1] - 1 + 2 * lanes, problem.sums.itemsize)
    sums_at = (height + problem.filter[0] - 1) * step
    return L.pack(
        geometry(problem),
        channels=problem.channels,
        lanes=lanes,
        stored=bool(stores(problem.sums, problem.dtype)),
        tile=tile,
        height=height,
        batch=BATCH,
        step=step,
        sums_at=sums_at,
        rows_at=sums_at + BATCH * step,
        end=sums_at + 2 * BATCH * step,
    )


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    return from_line(problem, layout(problem)[L.end])


kernels = kernels_of(k.kernel, ends, stores)
