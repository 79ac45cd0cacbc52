"""How a problem is cut into column tiles and strips of rows, and what that costs.

Pure arithmetic: no arrays, no pixels.  Results do not depend on it.
"""

from dataclasses import dataclass
from functools import lru_cache

from ...codegen import machine
from ...codegen.layout import up
from ...problem.arguments import Pair
from ...problem.dtypes import kernel_dtype
from ...problem.problem import Problem
from ..usual import far
from .line import EQUAL, OPPOSITE, PLAIN
from .turn import pixels_of_word

TILE_BYTES = 1 << 12  # of a row of sums: a wider tile recomputes less of its halo
RING_BYTES = machine.L2_BYTES
RING_STRIPS = 4  # then the rows that later strips want move to the top of the ring
# Fewer taps are faster one by one.  Milliseconds for 4096 x 4096 float32 in pairs, one by one: 9x9
# 6.3 5.9, 17x17 8.1 9.2, 41x41 13.4 17.7 (one core, Zen 5, 2026-11).
PAIRED = 12
# Operations of the direct method that take as long (one core, Zen 5, 2026-11), for each pixel: to
# pack it; to turn a sum of a product's first pass; to turn and store a result; for each sum of a
# pass one tap, or to begin pairs of equal taps, and each of them.  Milliseconds for 4096 x 4096
# float32 so predicted, measured, of one, two and three products: 7x7 6.8 6.8, 9.3 9.3, 11.8 11.9;
# 31x31 14.6 15.3, 24.8 24.6, 35.1 35.1; in pairs 15x15 8.5 8.6, 12.7 12.6; 41x41 13.7 13.2, 23.1
# 21.8.
PACK_WORK, TURN_WORK, STORE_WORK, TAP_WORK = 14, 4, 18, 2.5
PAIRS_WORK, PAIR_WORK = machine.ISA.choose({"AVX-512": (16, 2), 16: (10, 3)})
# The same of a pixel left or right of the image, which is copied alone.
BESIDE_WORK = 60
# All of that, by vector registers.  Regret of 234 random images by 1, 1.1 and 1.2: 99th percentile
# 1.57, 1.33, 1.65 (Zen 3, AVX2, 2026-11).  With AVX-512 rows of 9 taps at 4096 x 4096 take 13.2 ms
# so and 11.9 by `rows`, two products of 15 taps 23.3 and 26.5 by fft, which 1 takes wrongly and 1.1
# rightly, and the other way round (Sapphire Rapids VM, 2026-11).  By the size of sums, and of as
# many bytes as a sum has that no cache holds: in the operations that `direct.PIXEL_WORK` tells of,
# as `PAIRS_WORK`.  Under AVX2 2000 x 2500 at 17x17 take 1.29 ns a pixel of float32, by `rows` 1.41,
# 300 x 400 1.16, 1.08 (Zen 4 VM, 2026-11).
ALL_WORK = machine.ISA.choose(
    {
        "AVX-512": {4: 1.55, 8: 1.8},
        32: {4: 1.0, 8: 1.0},
        "AVX2": {4: 1.3, 8: 1.6},
        16: {4: 1.1, 8: 1.1},
    }
)
FAR_WORK = machine.ISA.choose({"AVX-512": 15, "AVX2": 6, 16: 0})


TapWorks = tuple[float, float, float]


@dataclass(frozen=True)
class Shape:
    """Sizes in elements of the type of the sums.

    A *strip* is as many rows of output, ``dilation`` apart, as a vector has lanes.  A *chunk* of
    columns is finished at a time: for each of the phases of the dilation a *group*, one vector of
    results.
    """

    lanes: int
    pixels: int  # of a word of results; 0: results are converted row by row
    group: int
    chunk: int
    tile: int  # columns of output
    strips: int  # of the ring, which holds the rows under them
    fetched: int  # vectors of sums made from one line of the image

    @property
    def padded(self) -> int:
        """Columns of a tile in whole chunks."""
        return up(self.tile, self.chunk)


@lru_cache(maxsize=256)
def shape_of(problem: Problem) -> Shape:
    """The widest tile whose ring stays in the second-level cache."""
    kind = problem.sums
    lanes = machine.lanes(kind.itemsize)
    pixels = pixels_of_word(kind, kernel_dtype(problem.dtype))
    group = lanes * max(1, pixels)
    chunk = group * problem.dilation[1]
    (rows, columns), (taps, _) = problem.plane, problem.filter
    strips = max(1, min(RING_STRIPS, -(-rows // (problem.dilation[0] * lanes))))
    most = TILE_BYTES // kind.itemsize
    high = taps - 1 + strips * lanes
    while most > 2 * lanes and high * (most + problem.span[1]) * kind.itemsize > RING_BYTES:
        most //= 2
    tiles = max(1, -(-columns // most))
    tile = min(up(columns, lanes), up(-(-columns // tiles), chunk))
    fetched = machine.CACHE_LINE // (lanes * problem.image_dtype.itemsize)
    return Shape(lanes, pixels, group, chunk, max(tile, 1), strips, max(1, fetched))


def halves_of(problem: Problem) -> tuple[int, int]:
    """What the halves of a column's and of a row's taps are used as: pairs have a tap in common.

    Opposite ones wherever sums are rounded, for theirs are exactly 0 where pixels are equal.
    """
    traits = problem.traits
    column, row = (
        OPPOSITE if odd and problem.rounded else EQUAL if even and taps >= PAIRED else PLAIN
        for taps, even, odd in zip(problem.filter, traits.even, traits.odd, strict=True)
    )
    return column, row


def numbers_of(problem: Problem, size: Pair) -> dict[str, int]:
    """What kernels know of the factors, by name: of columns and rows of so many taps."""
    halves = halves_of(problem)
    kept = [(n + 1) // 2 if half else n for n, half in zip(size, halves, strict=True)]
    return {
        "channels": problem.channels, "products": problem.traits.rank, "halves_y": halves[0],
        "halves_x": halves[1], "kept_y": kept[0], "kept_x": kept[1], "scaled": problem.mean,
        "lanes": machine.lanes(problem.sums.itemsize),
    }  # fmt: skip


TAP_WORKS: TapWorks = PAIRS_WORK, PAIR_WORK, TAP_WORK


def tap_works(problem: Problem, size: Pair, works: TapWorks = TAP_WORKS) -> list[float]:
    """Operations of a column's and of a row's taps, of so many, for each sum.

    ``works``: to begin pairs of equal taps, of each pair, and of a tap alone.
    """
    pairs, pair, alone = works
    return [
        pairs + taps // 2 * pair if halves else taps * alone
        for taps, halves in zip(size, halves_of(problem), strict=True)
    ]


def work_of(problem: Problem) -> float:
    """Operations of the direct method that take as long."""
    shape, products = shape_of(problem), problem.traits.rank
    (rows, columns), (step, _) = problem.plane, problem.dilation
    height = step * up(-(-rows // step), shape.lanes) * problem.planes
    tiles = -(-columns // shape.tile)
    down = tiles * up(min(shape.tile, columns) + problem.span[1] - 1, shape.lanes)
    across = up(columns, shape.chunk if columns < shape.chunk else shape.lanes)
    tap_y, tap_x = tap_works(problem, problem.filter)
    beside = columns + problem.span[1] - 1 - problem.plane_in[1]  # at least as many, mostly
    aside = BESIDE_WORK * max(0, beside) * (1 + (problem.span[0] - 1) / height)
    downwards = PACK_WORK + products * (TURN_WORK + tap_y)
    sideways = products * tap_x + STORE_WORK
    work = height * (downwards * down + sideways * across + aside)
    return ALL_WORK[problem.sums.itemsize] * work + FAR_WORK * far(problem)
