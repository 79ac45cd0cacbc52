"""The direct method whose tiles leave NaN out themselves: both sums in one pass over the image.

Wins for small filters, in which a hole takes as much as a few of its taps: it copies nothing, and
each sum of weights is of what is there, so that none is weak.  Relies on instructions that add to
some lanes in the time of whole vectors.  As all images of a filter take it or none do, results have
the same bits wherever an image is cut.
"""

import math
from dataclasses import replace

from ...problem.dtypes import Array
from ...problem.filter import Filter
from ...problem.missing import dividing_total
from ...problem.problem import Problem
from .. import direct
from ..kernels import Taps
from ..usual import (
    UNIT as UNIT,
    anywhere as anywhere,
    error as error,
    grain as grain,
    regions as regions,
    sums as sums,
    unasked as unasked,
    units as units,
)
from . import means
from .means import fill as fill, kernels as kernels, plainly

# Operations of the direct method that take as long as the rest of a pixel: what the times of 25
# general filters, Gaussians and boxes tell beside those of blocks.
PIXEL_WORK = 45


def applicable(problem: Problem) -> str | None:
    """Why it cannot answer the problem; None where it can."""
    missing = problem.missing
    if missing is None or missing.weighted:
        return "weights come with each image"
    return means.obstacle(problem)


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    pixels = math.prod(problem.plane) * problem.planes
    look = means.look_work(problem, alike(problem))
    return direct.cost(plainly(problem)) + PIXEL_WORK * pixels + look


def alike(problem: Problem) -> bool:
    """Whether results have the method's bits wherever all is there."""
    return plainly(problem) == replace(problem, missing=None)


def selects(problem: Problem) -> bool:
    """Whether it leaves out all zero taps."""
    return direct.selects(plainly(problem))


def prepare(problem: Problem, g: Filter | Array) -> Taps:
    """As its tiles read the filter; ValueError where its taps cancel."""
    dividing_total(g, problem.sums)
    return Taps(means.taps(problem, g))


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands of whole tiles."""
    return direct.bands(problem, parts)


def least_band(problem: Problem) -> int:
    """Rows of a band that is worth handing out."""
    return direct.least_band(problem)


def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    found: Array = direct.layout(plainly(problem))
    return found


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    return direct.workspace(plainly(problem))
