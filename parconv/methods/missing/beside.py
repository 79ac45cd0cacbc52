"""A method's own kernel over pixels and their weights, side by side: both sums in one pass.

Wins wherever the method does, for it reads the image where the plain call would, and nothing lies
between: each strip of rows is weighted, summed and divided in the caches.  What lacks is found as
pixels are packed, so holes take the same time however many there are, and none where a strip has
none.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from types import ModuleType

import numpy as np

from ...problem.dtypes import Array, DType
from ...problem.filter import Filter
from ...problem.missing import dividing_total
from ...problem.problem import Problem
from .. import separable, windows
from ..kernels import Kernels, Taps
from ..usual import from_line, grain, obstacle as why_not, regions, sums, units
from . import means, strips, windowed
from .numbers import sum_of_ones

# Operations of the direct method on a pixel whose weight comes in an array, beside others; more
# than reading that takes: where few pixels are missing blocks do less than is foreseen of them.
WEIGHTED_WORK = 55


@lru_cache(maxsize=256)
def _alone(problem: Problem) -> Problem:
    """The problem of which no pixel is missing."""
    return replace(problem, missing=None)


@dataclass(frozen=True)
class Beside:
    """A method like others, whose kernel has a variant that sums weights, too.

    ``work``: of the method, and of a pixel beside, in operations of the direct method.
    """

    method: ModuleType
    code: ModuleType
    work: tuple[float, float]
    UNIT = "rows"
    grain, regions = staticmethod(grain), staticmethod(regions)
    sums, units = staticmethod(sums), staticmethod(units)

    def applicable(self, problem: Problem) -> str | None:
        """Why it cannot answer the problem; None where it can."""
        reason: str | None = self.code.obstacle(problem)
        return reason or why_not(self.method, _alone(problem))

    def unasked(self, problem: Problem) -> str | None:
        reason: str | None = self.method.unasked(_alone(problem))
        return reason

    def error(self, problem: Problem) -> float:
        return float(self.method.error(_alone(problem)))

    def cost(self, problem: Problem) -> float:
        share, pixel = self.work
        pixel += WEIGHTED_WORK if problem.missing and problem.missing.weighted else 0
        pixels = math.prod(problem.plane) * problem.planes
        return share * float(self.method.cost(_alone(problem))) + pixel * pixels

    def selects(self, problem: Problem) -> bool:
        return bool(self.method.selects(_alone(problem)))

    def anywhere(self, problem: Problem) -> bool:
        """Weights come with the whole image."""
        return problem.missing is None or not problem.missing.weighted

    def bands(self, problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
        found: tuple[tuple[int, int], ...] = self.method.bands(_alone(problem), parts)
        return found

    def least_band(self, problem: Problem) -> int:
        return int(self.method.least_band(_alone(problem)))

    def prepare(self, problem: Problem, g: Filter | Array) -> Taps:
        """As the method reads it, then what divides; ValueError where its taps cancel."""
        dividing_total(g, problem.sums)
        taps = self.method.prepare(_alone(problem), g).values
        own = sum_of_ones(self.method, problem, taps)
        missing = problem.missing
        assert missing
        tail = [*means.divisors(problem, own), missing.nothing]
        return Taps(np.concatenate([taps, tail]).astype(taps.dtype))

    def kernels(self, image: DType, compute: DType, result: DType) -> Kernels:
        found: Kernels = self.code.kernels(image, compute, result)
        return found

    def layout(self, problem: Problem) -> Array:
        """Everything the kernel knows of the problem, as one read-only int64 array."""
        found: Array = self.code.layout(problem)
        return found

    def workspace(self, problem: Problem) -> int:
        return from_line(problem, self.layout(problem)[self.code.L.end])

    def fill(self, problem: Problem) -> Array:
        """The border's pixel, and its weight."""
        return means.fill(problem)

    def given(self, problem: Problem, layout: Array, weights: Array) -> Array:
        """The layout with an array of weights, which must live as long as it is used."""
        found: Array = self.code.given(problem, layout, weights)
        return found


# Milliseconds of 2048 x 2048 float32, 5 % missing, at 9, 17 and 31 taps of Gaussians, and what that
# predicts by the time of direct tiles at 9 x 9: 9.2 9.5, 11.0 11.2, 13.7 13.7; of boxes 8.0 7.9,
# 8.2 8.8, 9.4 9.8 (Sapphire Rapids VM, AVX-512, 2026-11).
_BESIDE = {
    separable: Beside(separable, strips, (1.25, 30)),
    windows: Beside(windows, windowed, (1.2, 20)),
}


def beside(method: ModuleType, problem: Problem) -> Beside | None:
    """The method so, where it can answer the problem."""
    found = _BESIDE.get(method)
    return found if found and why_not(found, problem) is None else None
