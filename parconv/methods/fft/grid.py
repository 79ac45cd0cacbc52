"""The tile grid of a problem, and what computing it costs.  Pure arithmetic: no arrays, no pixels.

It follows from the problem alone: neither bands nor threads nor the machine's caches move a tile,
which is what makes results identical for any of them.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from ...codegen import machine
from ...problem.arguments import Pair
from ...problem.dtypes import real
from ...problem.problem import Problem

# Operations for one pixel of a window, in and out of the transform: 0.3 ns at 272 GFLOP/s.
PIXEL_WORK = 80
# The same for one frequency of the spectrum, of a filter that is used for ten images: it takes
# 5000, and a plan or the next call with the same filter finds it.
SPECTRUM_WORK = 500
# For each size of a transform, the share of the multiply-add peak that its 5 n log2 n operations
# reach, both directions and the product with the spectrum (one core, Zen 5, 2026-11).  Between the
# powers of two lie sizes that waste less: 4096 x 4096 float32 at 127x127 has 8 x 8 tiles of 640 in
# place of 11 x 11 of 512, 22.0 ms in place of 27.2; 63x63 16 x 16 of 320, 19.9 in place of 21.6.
EFFICIENCY = {64: 0.64, 128: 0.77, 256: 0.66, 320: 0.61, 512: 0.62, 640: 0.60}
DIRECT_EFFICIENCY = 0.9  # the share that the direct method reaches
LARGEST = max(EFFICIENCY)
LEAST_STEP = 16  # outputs of a tile, on each axis


@dataclass(frozen=True)
class Grid:
    """Square windows of ``size`` pixels, of which each makes ``step`` outputs."""

    size: int
    step: Pair
    tiles: Pair  # of one plane
    planes: int

    @property
    def pairs(self) -> int:
        """Two tiles share a transform, as its real and imaginary part."""
        return -(-self.planes * math.prod(self.tiles) // 2)

    @property
    def pixels(self) -> int:
        """Of a window, or frequencies of its spectrum."""
        return self.size**2

    @property
    def transforms(self) -> float:
        """Operations at the multiply-add peak that take as long as all transforms."""
        return self.pairs * 10 * self.pixels * math.log2(self.pixels) / EFFICIENCY[self.size]

    @property
    def work(self) -> float:
        """The same of all there is to do, by which a grid is chosen."""
        moved = 2 * PIXEL_WORK * self.pairs + SPECTRUM_WORK
        return self.transforms + moved * self.pixels


def _step(problem: Problem, size: int, axis: int) -> tuple[int, int]:
    """(outputs of a tile, tiles) on one axis: tiles alike, rows of them beginning on a line."""
    outputs, most = problem.plane[axis], size - problem.span[axis] + 1
    line = machine.CACHE_LINE // real(problem.compute).itemsize if axis else 1
    if most >= 4 * line:
        most = most // line * line
    tiles = max(1, -(-outputs // most))
    even = max(1, -(-outputs // tiles))
    return min(most, -(-even // line) * line), tiles


def _grid(problem: Problem, size: int) -> Grid:
    (rows, ny), (columns, nx) = (_step(problem, size, axis) for axis in (0, 1))
    return Grid(size, (rows, columns), (ny, nx), problem.planes)


@lru_cache(maxsize=256)
def grid_of(problem: Problem) -> Grid:
    """The grid that costs least."""
    sizes = [size for size in EFFICIENCY if size - max(problem.span) + 1 >= LEAST_STEP]
    return min((_grid(problem, size) for size in sizes), key=lambda grid: grid.work)
