"""The direct method whose tiles leave NaN out themselves: both sums in one pass over the image.

Wins for small filters, in which a hole takes as much as a few of its taps: it copies nothing, and
each sum of weights is of what is there, so that none is weak.  Relies on instructions that add to
some lanes in the time of whole vectors.  As all images of a filter take it or none do, results have
the same bits wherever an image is cut.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from ...codegen import machine
from ...codegen.foreign import ends
from ...problem.dtypes import Array
from ...problem.filter import Filter
from ...problem.missing import dividing_total
from ...problem.problem import Problem
from .. import direct
from ..direct.kernel import omitting
from ..direct.tile import stores
from ..kernels import Taps, kernels_of
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
from . import beyond, divisors

# Taps of which the two sums take no longer than what holes take otherwise.
MOST_TAPS = 100
TAP_WORK = 2.3  # of a tap in both sums


@lru_cache(maxsize=256)
def plainly(problem: Problem) -> Problem:
    """The same problem as the plain method's, as sums of products."""
    return direct.plain(replace(problem, missing=None))


def applicable(problem: Problem) -> str | None:
    """Why it cannot answer the problem; None where it can."""
    missing = problem.missing
    if missing is None or missing.weighted or problem.image_dtype.kind != "f":
        return "its tiles know pixels that are missing by NaN"
    if not machine.ISA.masks:
        return "no instruction of this machine adds to some lanes"
    if problem.taps > MOST_TAPS:
        return f"it adds every tap twice, and there are more than {MOST_TAPS}"
    return None


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    inside = direct.inside(plainly(problem))
    return direct.cost(plainly(problem)) + (TAP_WORK - 1) * inside


def selects(problem: Problem) -> bool:
    """Whether it leaves out all zero taps."""
    return direct.selects(plainly(problem))


def prepare(problem: Problem, g: Filter | Array) -> Taps:
    """As the direct method reads it, then what it sums to, and what stands where less is there."""
    dividing_total(g, problem.sums)
    taps = direct.taps_of(plainly(problem), np.asarray(g))
    own = np.add.accumulate(taps)[-1]  # in the tile's order
    missing = problem.missing
    assert missing
    tail = np.array([*divisors(problem, float(own)), missing.nothing])
    return Taps(np.concatenate([taps, tail]).astype(taps.dtype))


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


def fill(problem: Problem) -> Array:
    """The border's pixel, where none is NaN."""
    return beyond(problem)


kernels = kernels_of(omitting, ends, stores)
