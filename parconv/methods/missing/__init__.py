"""What is there: where pixels are missing, another method's sums over those of their weights.

Σ g w f / Σ g w · Σ g, block by block: pixels and weights are copied to scratch, border applied,
what is missing as 0 with weight 0; the other method sums both, and the sums are divided.  Nothing
as large as the image is made.  A block whose weights are all 1 is summed alone; and since what the
filter sums to is the other method's sum of ones, results have that method's bits, or nearly so,
wherever all is there.  Relies on methods whose bits are the same in any part of an image: a sum of
weights that are 0 must be exactly 0, and no transform leaves it so.

A unit is a block of one plane, counted downwards: the last rows of pixels are the first ones of the
block below.  Where planes may share their weights, blocks are counted over planes at each place, so
that these are summed once.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType

import numpy as np

from ...codegen import foreign
from ...codegen.layout import up
from ...problem.bands import split_rows
from ...problem.dtypes import Array, DType
from ...problem.filter import Filter
from ...problem.missing import dividing_total
from ...problem.problem import Problem
from .. import direct
from ..kernels import Kernels, Taps, kernels_of
from ..usual import from_line, obstacle
from . import kernel as k, means
from .lines import lines_of
from .names import L, given
from .numbers import block_of, counts, inwards, numbers, sum_of_ones

# Of a block: bytes of its pixels, weights and sums, and of a row.  Wide and low, for the processor
# fetches long rows ahead by itself: 4096 x 4096 float32, 5 % missing, at 7 x 7, rows of 2, 4, 8 and
# 16 KiB take 3.0, 2.9, 2.7, 2.4 of the plain call's time (Sapphire Rapids VM, AVX-512, 2026-11).
# There reading takes as long as a copy to the second-level cache, 8 ms, whatever one does: asking
# for lines in bursts, while marking, or between results made all of it slower by 0 to 6 ms, and so
# did marking the next block between rows of results.
BLOCK_BYTES, ROW_BYTES = 1 << 20, 1 << 14
HEIGHT = 24  # rows of which a block has a multiple: whole tiles of most methods
# Operations of the direct method that take as long as a pixel that is weighted and divided.
PIXEL_WORK = 60
# The same where holes are counted beside one sum: milliseconds of 2048 x 2048 float32, 5 % missing,
# at boxes of 5, 9, 13, 17 taps 7.7 9.2 9.7 9.6, predicted 8.0 8.9 9.6 10.0 (likewise).
COUNTED_WORK = 100
# Part of the filter's sum below which what holes leave is added up: no rounding of what they take
# is more than twice as much of it.
WEAK = 1 / 3

_kernels = kernels_of(k.kernel, foreign.ends)


@dataclass(frozen=True)
class Around:
    """A method like others, around the one that sums."""

    method: ModuleType
    UNIT = "blocks"

    def applicable(self, problem: Problem) -> str | None:
        """Why the two cannot answer the problem; None where they can."""
        block = block_of(problem, *self.sizes(problem))
        if not self.method.anywhere(block):
            return "it would not leave exactly 0 where no pixel is: pixels are missing"
        return obstacle(self.method, block)

    def unasked(self, problem: Problem) -> str | None:
        reason: str | None = self.method.unasked(self._block(problem))
        return reason

    def error(self, problem: Problem) -> float:
        return float(self.method.error(self._block(problem)))

    def sums(self, problem: Problem) -> DType:
        kind: DType = self.method.sums(self._block(problem))
        return kind

    def cost(self, problem: Problem) -> float:
        blocks = self.units(problem)
        each = float(self.method.cost(self._block(problem)))
        pixels = math.prod(problem.plane) * problem.planes
        call = means.call_work(problem, alike=False)
        if counts(problem):
            return blocks * each + COUNTED_WORK * pixels + call
        return 2 * blocks * each + PIXEL_WORK * pixels + call

    def alike(self, problem: Problem) -> bool:
        """Whether results have the method's bits wherever all is there: nearly."""
        return False

    def selects(self, problem: Problem) -> bool:
        return bool(self.method.selects(self._block(problem)))

    def anywhere(self, problem: Problem) -> bool:
        """Weights come with the whole image."""
        return False

    def grain(self, problem: Problem) -> int:
        return 1

    # --- blocks ---

    def sizes(self, problem: Problem) -> tuple[int, int]:
        """Rows and columns of a block's outputs; of those at the ends fewer."""
        (rows, columns), size = problem.plane, problem.sums.itemsize
        halo_y, halo_x = problem.span[0] - 1, problem.span[1] - 1
        width = _even(columns, max(ROW_BYTES // size, 2 * halo_x), problem.channels)
        around = 2 * size * (width + halo_x + width)
        return min(rows, up(max(2 * halo_y, BLOCK_BYTES // around, 1), HEIGHT)), width

    def _block(self, problem: Problem) -> Problem:
        return block_of(problem, *self.sizes(problem))

    def counts(self, problem: Problem) -> tuple[int, int]:
        """Of blocks down and across a plane."""
        down, across = (-(-n // m) for n, m in zip(problem.plane, self.sizes(problem), strict=True))
        return down, across

    def units(self, problem: Problem) -> int:
        return math.prod(self.counts(problem)) * problem.planes

    def bands(self, problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
        return split_rows(self.units(problem), parts)

    def least_band(self, problem: Problem) -> int:
        return 1

    # --- the filter ---

    def prepare(self, problem: Problem, g: Filter | Array) -> Taps:
        """As the other method reads it, then what it sums to; ValueError where taps cancel."""
        total, moduli = dividing_total(g, problem.sums)
        taps = self.method.prepare(self._block(problem), g).values
        own = sum_of_ones(self.method, problem, taps)
        least = problem.missing.least if problem.missing else 0.0
        slack = means.SLACK * np.finfo(problem.sums).eps
        alike = moduli <= abs(total) * (1 + slack) and least <= WEAK
        scale = math.copysign(math.ldexp(1, 1 - math.frexp(own)[1]), own) if alike else 0.0
        tail = [*means.divisors(problem, own), WEAK * abs(own), scale]
        lines = lines_of(problem, g, scale)
        alone = [means.taps(problem, g)] if self.alone(problem) else []
        return Taps(np.concatenate([*alone, taps, lines, tail]).astype(taps.dtype))

    def alone(self, problem: Problem) -> bool:
        """Whether the method's tiles leave holes out themselves, where weights are 0 or 1."""
        return self.method is direct and means.obstacle(problem) is None

    # --- the problem as numbers ---

    def inner(self, problem: Problem) -> Kernels:
        kernels: Kernels = self.method.kernels(*(problem.sums,) * 3)
        return kernels

    def kernels(self, image: DType, compute: DType, result: DType) -> Kernels:
        return _kernels(image, compute, result)

    def layout(self, problem: Problem) -> Array:
        """Everything the kernel knows of the problem, as one read-only int64 array."""
        return _layout(self, problem)

    def workspace(self, problem: Problem) -> int:
        numbers = _layout(self, problem)
        blocks = self.ends(problem)
        inner = max(self.method.workspace(one) for one in blocks)
        if self.alone(problem):
            inner = max(inner, *(direct.workspace(means.plainly(one)) for one in blocks))
        return from_line(problem, numbers[L.inner_at] + inner)

    def ends(self, problem: Problem) -> list[Problem]:
        """Blocks of all sizes: inside, at the right, below, and in the corner."""
        (rows, columns), sizes = problem.plane, self.sizes(problem)
        last = [(n - 1) % m + 1 for n, m in zip((rows, columns), sizes, strict=True)]
        return [
            block_of(problem, height, width)
            for height in (sizes[0], last[0])
            for width in (sizes[1], last[1])
        ]

    def fill(self, problem: Problem) -> Array:
        """The border's pixel, its weight, and what stands where nothing is."""
        return means.fill(problem)

    def regions(self, problem: Problem, start: int, stop: int) -> list[tuple[int, slice, slice]]:
        """Planes, rows and columns that blocks ``[start, stop)`` fill."""
        (height, width), (down, across) = self.sizes(problem), self.counts(problem)
        found = []
        for unit in range(start, stop):
            plane, place = divmod(unit, down * across)
            if inwards(problem):
                place, plane = divmod(unit, problem.planes)
            y, x = place % down * height, place // down * width
            found.append((plane, slice(y, y + height), slice(x, x + width)))
        return found

    def given(self, problem: Problem, layout: Array, weights: Array) -> Array:
        """The layout with an array of weights, which must live as long as it is used."""
        layout = given(L, problem, layout, weights)
        layout[L.shares] = weights.strides[0] == 0 and not layout[L.omits]
        return layout


def _even(size: int, most: int, grain: int) -> int:
    """About equal parts of at most so many, in whole pixels."""
    parts = max(1, -(-size // max(1, most)))
    return max(grain, min(size, up(-(-size // parts), grain)))


_layout = lru_cache(maxsize=256)(numbers)


@lru_cache(maxsize=32)
def around(method: ModuleType) -> Around:
    """The method, of pixels that may be missing."""
    return Around(method)
