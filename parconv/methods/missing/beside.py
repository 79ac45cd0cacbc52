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
from .. import separable, short, windows
from ..kernels import Kernels, Taps
from ..usual import from_line, grain, obstacle as why_not, regions, sums, units
from . import columns, crossed, means, strips, windowed


@lru_cache(maxsize=256)
def _alone(problem: Problem) -> Problem:
    """The problem of which no pixel is missing."""
    return replace(problem, missing=None)


@dataclass(frozen=True)
class Beside:
    """A method like others, whose kernel has a variant that sums weights, too.

    ``work``: of the method, of a pixel beside, and of one whose weight comes in an array, in
    operations of the direct method; ``same``: whether results have the method's bits wherever all
    is there.
    """

    method: ModuleType
    code: ModuleType
    work: tuple[float, float, float]
    same: bool = True
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
        share, pixel, more = self.work
        weighted = bool(problem.missing and problem.missing.weighted)
        pixels = math.prod(problem.plane) * problem.planes
        beside = (pixel + more * weighted) * pixels + means.call_work(problem, self.same)
        return share * float(self.method.cost(_alone(problem))) + beside

    def alike(self, problem: Problem) -> bool:
        """Whether results have the method's bits wherever all is there."""
        return self.same

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
        own, more = self.code.told(problem, taps)
        missing = problem.missing
        assert missing
        tail = [*means.divisors(problem, own), missing.nothing]
        return Taps(np.concatenate([taps, tail, more]).astype(taps.dtype))

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
# predicts by the time of direct tiles at 9 x 9: 9.2 9.5, 11.0 11.2, 13.7 13.7 (Sapphire Rapids VM,
# AVX-512, 2026-11).  Of weights it foresees more than reading them takes: where few pixels are
# missing blocks do less than is foreseen of them.  Of `columns` what chooses between it and tiles
# that leave NaN out: its time over theirs, measured, of 1024 x 1024 at Gaussians of 5, 7, 9 taps
# float32 1.44 0.88 0.61, float64 1.39 0.92 0.63 (likewise).  Of `windows` what chooses best between
# it and direct tiles.  Its time over theirs, measured, predicted, of 1024 x 1024 at boxes of 3, 5,
# 7, 9: float32 0.98 0.93, 0.53 0.71, 0.38 0.53, 0.24 0.39, by booleans 0.89 0.63, 0.60 0.53, 0.39
# 0.42, 0.25 0.33; float64 0.97 0.90, 0.52 0.74, 0.34 0.56, 0.23 0.42, by booleans 0.80 0.63, 0.50
# 0.56, 0.35 0.46, 0.25 0.37 (Zen 4 VM, AVX-512, 2026-11; predicted with `calibration.SHIPPED`).
# `short` what chooses best between it, such tiles and `separable`: nanoseconds a pixel of 600 x 600
# at Gaussians of 3, 5, 7, 9 taps, NaN, by each of them: float32 0.51 0.44 0.87, 0.61 0.86 0.96,
# 0.74 1.53 1.05, 0.89 2.34 1.16; float64 1.01 0.85 2.11, 1.16 1.62 2.28, 1.45 2.95 2.57, 1.71 4.47
# 2.67; under AVX2 float32 0.53 0.86 1.33, 0.75 1.20 1.50, 1.07 1.72 1.66, 1.35 2.23 1.78 (Zen 4 VM,
# 2026-12).
_BESIDE = {
    separable: (
        Beside(separable, columns, (1.25, 15, 45)),
        Beside(separable, strips, (1.25, 30, 55)),
    ),
    short: (Beside(short, crossed, (1, 60, 10)),),
    windows: (Beside(windows, windowed, (0.25, 95, 10), same=False),),
}


def beside(method: ModuleType, problem: Problem) -> Beside | None:
    """The method so, the first way that can answer the problem."""
    ways = (way for way in _BESIDE.get(method, ()) if why_not(way, problem) is None)
    return next(ways, None)
