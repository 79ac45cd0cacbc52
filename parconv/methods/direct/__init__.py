"""Direct method: every output pixel is the sum of its taps, computed in register tiles.

Wins for small filters and wherever the error must be bounded by a pixel's own neighbourhood; exact
for integers.  Relies on nothing: any shape, border, stride, dilation and supported dtype.  Complex
images and filters become real passes of the same tile over separated real and imaginary parts.

A filter whose taps sum to 0 is summed as differences of two pixels: exactly 0 where pixels are
equal.  Pixels further apart than the largest number overflow there.

Start reading at `tile.py` (the inner loop), then `kernel.py` (rows of output from tiles).  Few taps
in a single row have a loop of their own, `lines.py`.
"""

import math
from functools import lru_cache

import numpy as np

from ...codegen import machine
from ...codegen.foreign import ends
from ...codegen.layout import geometry, up
from ...problem.bands import split_rows
from ...problem.dtypes import FLOAT32, Array, real
from ...problem.filter import Filter
from ...problem.problem import Problem
from ...problem.traits import total
from ..finishing import finishes as stores_narrow
from ..kernels import Taps, kernels_of
from ..remembering import TABLE_BYTES, remembered
from ..usual import (
    UNIT as UNIT,
    anywhere as anywhere,
    applicable as applicable,
    error as error,
    grain as grain,
    lanes_of,
    regions as regions,
    sums as sums,
    unasked as unasked,
    units as units,
)
from . import kernel as k
from .beginning import BEGIN, ruled_taps
from .beside import ends_of, goes_by_lines, line_vectors
from .kernel import L
from .packing import RESULT_ROWS, STRIP_ROWS, packing_of
from .pairs import terms_of
from .passes import (
    Parts,
    cancels,
    groups_of,
    length,
    multiplies,
    order as order,
    passes,
    plain as plain,
    rolls,
    tables,
)
from .tile import LOW_GROUP, LOW_ROWS, ROWS, stores

# Filter rows that share no input with others load a vector for every product or two: 1 x 31 reaches
# half of the peak, 15 x 15 nine tenths (4096 x 4096, one core, Zen 5, 2026-11).  Of 256 bits some
# processors load three at once: 821 x 982 int16 at 1x9 take 0.45 ms so, 0.59 by `rows` (Sapphire
# Rapids VM under AVX2, 2026-11).  With two, 1x25 take 0.96 ns a pixel and by `rows` 0.93, of bytes
# 1.06 and 0.92: 1.0 took the latter for half of the time (Zen 4 VM, AVX2).
SINGLE_ROW_COST = machine.ISA.choose({"AVX-512": 1.65, "AVX2": 1.75, 16: 2})
# Of a term of differences, and of each of those, which share what is loaded.
TERM_COST, DIFFERENCE_COST = machine.ISA.choose(
    {"AVX-512": (3.75, 1), "AVX2": (3, 1.5), 16: (0, 2)}
)
# Operations that take as long as packing a pixel, real or complex, and reading it from there.
# Milliseconds for 4096 x 4096 uint8 to uint8 at 3x3, 5x5, 7x7, one core: 2.9, 5.1, 8.5, of which
# products take 1.1, 3.1, 6.1; complex64 at 7x7: 45, 24 (Zen 5, 2026-11).
# 300 x 400 uint8 at 5x5 take 114 microseconds so, and 115 by `separable` (Zen 3 VM, AVX2, 2026-11).
# Under AVX2 an operation of 5x5 to 21x21 taps takes 9 ps, and a pixel of bytes 0.16 ns besides, of
# floats 0.08 (`PIXEL_WORK`).  Regret of 456 images on grids that this, `rows`, `separable` and
# `fft` were fitted to by what was said before, and so: mean 1.040, 1.010, 99th percentile 1.55,
# 1.18; of 230 random images 1.027, 1.009, 1.52, 1.20 (Zen 4 VM, AVX2, 2026-11).
PACK_WORK, PACK_COMPLEX_WORK = machine.ISA.choose({32: 22, "AVX2": 18, 16: 16}), 220
# The same of a pixel of rows that are packed one by one, as those of every third column and so on
# are: 128 x 128 float32 at 3x3 take 3 and 7 microseconds for every second and third pixel
# (Sapphire Rapids VM, AVX-512, 2026-11).
APART_WORK = 50
# The same of a row of an image that is read as it lies, and of a pixel of those rows of it that are
# packed for the border above and below.  Of both, 12 of 25 rows at 5x5: least squares of the times
# of four methods gave 1500 and 60, under AVX2 1060 and 49; without, small images of floats went by
# this method where others take two thirds of its time; with 1200 and 50, derivatives of 64 x 64
# pixels and 5 x 5 boxes of 1000 x 1500 x 3 doubles by others, which take 1.7 and 1.4 times as long
# (Sapphire Rapids VM, 2026-11).
ROW_WORK, EDGE_WORK = 600, 25
# The least of a pixel beside its products, by the size of sums, and of one left or right of the
# image.  With AVX-512 an operation of 5 x 5 to 21 x 21 taps takes 7 ps, of doubles 12.5, and a
# pixel of bytes 0.24 ns besides, as one of floats that is read as it lies; other methods' costs
# were in operations of 10 ps, which 3 x 3 took.  They were fitted anew, with what the memory adds:
# of 1000 x 1000 x 3 and more 0.4 ns a pixel of `rows` and means, 0.1 here.  Regret of 370 random
# images and of 339 on a grid of sizes, types and filters: 99th percentile 1.58 and 1.81, 1.35 and
# 1.33 so, share above 1.25 0.04 and 0.13, 0.02 and 0.03 (Sapphire Rapids VM, 2026-11).
PIXEL_WORK = machine.ISA.choose({"AVX-512": {4: 30, 8: 40}, "AVX2": {4: 9, 8: 6}, 16: {4: 0, 8: 0}})
# Of tiles that store rows while they sum others, and of few products.  Of 1024 x 1024 floats and of
# doubles 3 x 3 takes 0.43 of the time of 5 x 5, of bytes 0.6; of floats Sobel filters take 0.34 of
# it across and 0.52 down, a column of three taps 0.25 (Zen 4 VM, 2026-11).
FEW_WORKS: dict[str | int, dict[int, float]] = {
    "AVX-512": {4: 14, 8: 20},
    "AVX2": {4: 5.5, 8: 5},
    16: {4: 0, 8: 0},
}
FEW_WORK, FEW_TAPS = machine.ISA.choose(FEW_WORKS), 3
# More of a mean, whose sums are scaled: 300 x 300 float32 at 3x3 takes 28.6 us under AVX2, 21.7 by
# `short`, whose cost was 1.2 times as high; under SSE 58 and 32 (Zen 4 VM, 2026-11).
MEAN_WORK = machine.ISA.choose({"AVX-512": 0, 16: 10})
BESIDE_WORK = machine.ISA.choose({"AVX-512": 160, "AVX2": 30, 16: 0})
# What a call does beyond what calls of other methods do, 0.2 microseconds: without it 19 x 21 x 3
# float32 at 7x7 go by this method in 3.7 microseconds, by `passes` in 2.3 (likewise).  `strided`
# takes as long for one.
CALL_WORK = machine.ISA.choose({"AVX-512": 30_000, "AVX2": 10_000, 16: 0})
# More of a pixel that is packed under a stride: see `strided` for times.
STRIDED_WORK = machine.ISA.choose({"AVX-512": 20, 16: 0})
BAND_TILES = 10  # least height of a band, in rows of tiles


def selects(problem: Problem) -> bool:
    """Whether it leaves out all zero taps: those of sparse filters, and of differences."""
    sparse = problem.traits.support is not None
    return sparse or all(cancels(problem, parts) for parts in passes(problem))


def cost(problem: Problem) -> float:
    """Its floating-point operations, the unit in which methods are compared.

    And what it does beside them for the border, where the image is read as it lies.
    """
    rows, columns = problem.plane
    beside = max(0, columns * problem.stride[1] + problem.span[1] - 1 - problem.plane_in[1])
    beside = 0 if line_vectors(problem) else beside
    works = FEW_WORK if has_few(problem) else PIXEL_WORK
    pixel = works[real(problem.compute).itemsize] - _pack_work(problem)
    pixel += MEAN_WORK * problem.mean
    if problem.stride[1] > 1:
        pixel = STRIDED_WORK * math.prod(problem.stride)
    more = columns * max(0, pixel) + beside * BESIDE_WORK
    call = CALL_WORK if problem.stride == (1, 1) else 0
    return call + inside(problem) + _edge_work(problem) + more * rows * problem.planes


def has_few(problem: Problem) -> bool:
    """Whether its tiles have few products, of pixels that are of the sums' type."""
    every = [rolls(problem, parts) or cancels(problem, parts) for parts in passes(problem)]
    column = problem.filter[1] == 1 and problem.taps <= FEW_TAPS
    return problem.image_dtype == problem.sums and (all(every) or column)


def inside(problem: Problem) -> float:
    """The same of an image whose border costs nothing."""
    packed = problem.deep * math.prod(problem.image)
    return products(problem) + float(_pack_work(problem) * packed)


def products(problem: Problem) -> float:
    """The same of the products alone.

    Those of whole vectors: 63 x 63 taps for 147 x 12 results take as long as for 147 x 16.
    """
    operations = 2 * sum(_taps_like(problem, parts) for parts in passes(problem))
    rows, columns = problem.plane
    return float(operations * problem.planes * rows * up(columns, lanes_of(problem)))


def _taps_like(problem: Problem, parts: Parts) -> float:
    """Taps whose products take as long as a pass."""
    if cancels(problem, parts):
        terms = sum(len(terms_of(problem, part)) for _, part in parts)
        return TERM_COST * terms + DIFFERENCE_COST * length(problem, parts)
    alone = all(len(rows) == 1 for _, rows in groups_of(problem))
    return problem.taps * len(parts) * (SINGLE_ROW_COST if alone else 1)


def _pack_work(problem: Problem) -> int:
    """Of a pixel that cannot be read as it lies."""
    if problem.image_dtype.kind == "c":
        return PACK_COMPLEX_WORK
    if problem.stride[1] > 2:
        return APART_WORK
    as_it_lies = problem.image_dtype == problem.sums and problem.stride[1] == 1
    return 0 if as_it_lies and problem.deep == 1 else PACK_WORK


def _edge_work(problem: Problem) -> float:
    """Of an image that is read as it lies: its rows, and those packed for the border."""
    top, bottom, *_ = in_place(problem)
    if problem.image_dtype != problem.sums or bottom == top or line_vectors(problem):
        return 0
    (rows, columns), packed = problem.plane, problem.plane[0] - (bottom - top)
    packed_pixels = packed * (columns + problem.span[1] - 1)
    return problem.planes * (ROW_WORK * rows + EDGE_WORK * packed_pixels)


# --- the filter ----------------------------------------------------------------------------------


def prepare(problem: Problem, g: Filter | Array) -> Taps:
    """The filter in the order in which the tile reads it, read-only."""
    taps = np.asarray(g)
    limit = largest_pixel(problem, taps) if problem.compute.kind == "i" else None
    return Taps(ruled_taps(problem, taps), limit)


def finishes(problem: Problem) -> bool:
    """Whether tiles store results by the problem's rule: narrow integers, and nothing to tell."""
    return stores_narrow(problem) and (problem.sums == FLOAT32 or not _apart(problem))


def _apart(problem: Problem) -> bool:
    """Whether other planes lie between the rows of a result that caches do not hold.

    Narrow results of doubles wait for the memory there, and `storing` writes past the caches:
    nanoseconds a pixel of 5 taps along axis 0 of 256 x 512 x 512 uint16, two threads, 0.99, 0.53 so
    (Sapphire Rapids VM, AVX-512, 2026-11).
    """
    rows, columns = problem.axes
    return columns - rows > 1 and problem.passing > 2 * machine.STREAM_BYTES


def largest_pixel(problem: Problem, g: Array) -> int | None:
    """The largest |pixel| whose int64 sums cannot overflow; None where the dtype settles it."""
    store, sum_of_taps, constant = problem.store, max(1, total(g)), abs(int(problem.cval.real))
    if store.overflow == "wrap":
        return None
    limit = (2**63 - 1 - int(store.largest)) // sum_of_taps
    if constant > limit or sum_of_taps >= 2**63:
        raise ValueError(
            f"g or cval={problem.cval} is too large for int64 sums: pass g as float, or "
            "overflow='wrap' for sums modulo 2**64"
        )
    return None if problem.widest <= limit else limit


def largest_of_bank(problem: Problem, g: Array) -> int | None:
    """The same for several filters."""
    if problem.compute.kind != "i":
        return None
    limits = [largest_pixel(problem, taps) for taps in g]
    return min((pixel for pixel in limits if pixel is not None), default=None)


# --- the problem as numbers ----------------------------------------------------------------------


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands of whole tiles."""
    return split_rows(units(problem), parts, ROWS)


def least_band(problem: Problem) -> int:
    """Rows of a band that is worth handing out."""
    return ROWS * BAND_TILES


def in_place(problem: Problem) -> tuple[int, int, int, int]:
    """``(top, bottom, left, right)`` of the outputs that tiles read from the image as it lies.

    Their taps stay inside it.  Empty where columns are strided, where planes are summed, and where
    the border is most of the work: then one packed copy serves all.
    """
    (sy, sx), (span_y, span_x) = problem.stride, problem.span
    vector = machine.lanes(real(problem.compute).itemsize)
    (lead_y, lead_x), (size_y, size_x) = problem.lead, problem.plane_in
    (rows, columns), tiles = problem.plane, ROWS * sy
    top, left = -(-max(lead_y, 0) // tiles) * ROWS, max(lead_x, 0)
    below = max(rows - (size_y + lead_y - span_y) // sy - 1, 0)
    bottom = rows - up(below, ROWS)
    right = min(columns, size_x + lead_x - span_x + 1)
    whole_rows = left == 0 and right == columns
    narrow = right - left < vector * (1 if whole_rows else 4)
    if problem.deep > 1 or sx > 1 or (narrow and not line_vectors(problem)):
        return 0, 0, 0, 0
    return top, max(bottom, top), left, right


def crowd(problem: Problem) -> int:
    """Rows of the image, read in place, that a tile wants to find where it left them.

    Of a processor with low tiles only those of products read by several rows and columns gain by a
    copy: 1024 x 1024 float32 at 1x9, 9x1 and a derivative of 3x3 in place, and packed: 1.28, 0.90,
    0.91 and 1.54, 1.07, 0.95 cycles a pixel; 1024 x 2048 1.22, 0.95, 0.88 and 1.82, 2.43, 1.40
    (Zen 4 VM, AVX-512, 2026-11).  Under AVX2 the first two take 1.89, 1.41 and 1.38, 1.11.
    """
    if LOW_ROWS and (1 in problem.filter or not multiplies(problem)):
        return 0
    return min((ROWS - 1) * problem.stride[0] + problem.span[0], ROWS * problem.filter[0])


def goes_low(problem: Problem) -> bool:
    """Whether low tiles can read the image in place, by rows that do not evict each other."""
    groups = [len(rows) for _, rows in groups_of(problem)]
    rows = (LOW_ROWS - 1) * problem.stride[0] + problem.span[0]
    fits = rows <= machine.WAYS and min(groups) > 1 and max(groups) <= LOW_GROUP
    return fits and multiplies(problem)


@remembered(TABLE_BYTES)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    pack, (*packed, in_place_steps) = packing_of(problem), tables(problem)
    two = len(packed) > 1
    (top, bottom, left, right), sy = in_place(problem), problem.stride[0]
    numbers, vector = geometry(problem), machine.lanes(real(problem.compute).itemsize)
    aligned = machine.CACHE_LINE // real(problem.compute).itemsize if numbers["large"] else vector
    beside = max(left, problem.plane[1] - right) + max(vector, aligned)
    strip_block, strip_step, strip_size = pack.strip(beside, problem)
    if bottom == top or (left, right) == (0, problem.plane[1]):  # no strips
        strip_block, strip_size = STRIP_ROWS, 0
    return L.pack(
        numbers,
        channels=problem.channels,
        parts=2 if problem.image_dtype.kind == "c" else 1,
        passes=len(packed),
        lanes=vector,
        top=top,
        bottom=bottom,
        left=left,
        right=right,
        block=pack.block,
        panel=pack.panel,
        gather_rows=pack.gather_rows,
        gather_columns=pack.gather_columns,
        phase_step=pack.phase_step,
        part_step=pack.part_step,
        row_step=pack.row_step,
        strip_block=strip_block,
        strip_step=strip_step,
        results_at=max(pack.size, strip_size),
        ahead=problem.span[0] - 1 + 2 * ROWS * sy,
        taps_at=BEGIN if stores_narrow(problem) else 0,
        second_taps_at=length(problem, passes(problem)[0]) if two else 0,
        crowd=crowd(problem),
        low=goes_low(problem),
        deep=problem.deep,
        lines=goes_by_lines(problem),
        line_vectors=line_vectors(problem),
        steps=packed[0],
        second_steps=packed[1] if two else (),
        in_place_steps=in_place_steps,
        ends=ends_of(problem),
    )


def workspace(problem: Problem) -> int:
    """Elements of scratch (of the real type computed in) that one worker needs."""
    numbers = layout(problem)
    return int(numbers[L.results_at] + numbers[L.passes] * RESULT_ROWS * numbers[L.panel])


@lru_cache(maxsize=256)
def fill(problem: Problem) -> Array:
    """The border's constant, real and imaginary."""
    value = problem.cval
    return np.array([value.real, value.imag]).astype(real(problem.compute))


kernels = kernels_of(k.kernel, ends, stores)
