"""What tiles that leave NaN out are asked, and the numbers by which sums become means."""

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np

from ...codegen import foreign, machine
from ...problem.dtypes import Array
from ...problem.filter import Filter
from ...problem.problem import Problem
from ..direct.kernel import omitting
from ..direct.passes import length, passes, plain, taps_of
from ..direct.tile import stores
from ..kernels import kernels_of

TAIL = 4  # numbers behind the taps
SLACK = 64  # machine epsilons by which a sum of all weights may fall short of the filter's
# Taps of which both sums take no longer than what holes take from one, however few these are.
# Milliseconds for 2048 x 2048 float32 so, and with one pixel in twenty and in a thousand left out
# block by block: 5x5 5.3 9.3 9.0, 9x9 12.2 17.2 13.6, 13x13 20.8 29.3 20.1; float64 of 1500 x 1500
# 5.7, 10.3; 12.5, 16.0; 21.0, 25.6 (Sapphire Rapids VM, AVX-512, 2026-11).
MOST_TAPS = 169
# Pixels of an image that no look is worth: it and the way around it take 8 microseconds, in which a
# kernel sums 150 x 150 pixels' weights, too (Zen 4 VM, 2026-12).
FEW = 1 << 14
# Operations of the direct method in the time that a call of few pixels takes where it looks for NaN
# in Python.  Microseconds of 16 x 16 float32 at boxes of 5 by `direct`, `windows`, which look, and
# `separable` 5.5, 6.3, 1.9, at Gaussians of 9 by `direct` 2.3 (Zen 4 VM, 2026-12).
LOOK_WORK = 450_000
# The same in which all but these tiles begin: microseconds of 16 x 16 float32 at Gaussians of 3 and
# 5 by tiles, `short` and `separable` 1.1 1.5 1.7, 1.4 1.7 1.9 (Zen 4 VM, 2026-12).
BEGIN_WORK = 50_000

kernels = kernels_of(omitting, foreign.ends, stores)


def obstacle(problem: Problem) -> str | None:
    """Why no tiles can leave its NaN out; None where they can."""
    if problem.image_dtype.kind != "f":
        return "its pixels are no floating-point numbers, of which NaN would tell"
    if not machine.ISA.masks:
        return "no instruction of this machine adds to some lanes"
    if problem.taps > MOST_TAPS:
        return f"it adds every tap twice, and there are more than {MOST_TAPS}"
    return None


def looks_first(problem: Problem, alike: bool) -> bool:
    """Whether a call asks what pixels are before a kernel sees them.

    ``alike``: whether that has the plain call's bits where all is there.
    """
    weighted = problem.missing is not None and problem.missing.weighted
    return weighted or not alike or math.prod(problem.plane) * problem.planes > FEW


def look_work(problem: Problem, alike: bool) -> int:
    """Operations of the direct method in the time that this takes."""
    return LOOK_WORK if looks_first(problem, alike) else 0


def call_work(problem: Problem, alike: bool) -> int:
    """The same that all but such tiles need for a call."""
    return BEGIN_WORK + look_work(problem, alike)


@lru_cache(maxsize=256)
def plainly(problem: Problem) -> Problem:
    """The problem as sums of products of which no pixel is missing."""
    return plain(replace(problem, missing=None))


def taps(problem: Problem, g: Filter | Array) -> Array:
    """As such tiles read them: what they sum to follows, and what stands where less is there."""
    missing = problem.missing
    assert missing
    found = taps_of(plainly(problem), np.asarray(g))
    own = np.add.accumulate(found)[-1]  # in the tile's order
    tail = np.array([*divisors(problem, float(own)), missing.nothing])
    return np.concatenate([found, tail]).astype(found.dtype)


def count(problem: Problem) -> int:
    """How many numbers those are."""
    sums = plainly(problem)
    return length(sums, passes(sums)[0]) + TAIL


def divisors(problem: Problem, own: float) -> tuple[float, float, float]:
    """What a filter sums to, the sign of that, and how much of it must be there."""
    least = problem.missing.least if problem.missing else 0.0
    bound = least * abs(own) * (1 - SLACK * np.finfo(problem.sums).eps) if least else -math.inf
    return own, math.copysign(1, own), bound


def fill(problem: Problem) -> Array:
    """The border's pixel, its weight, and what stands where nothing is."""
    missing = problem.missing
    assert missing
    outside = math.nan if missing.outside else problem.cval.real
    return np.array([outside, 1.0, missing.nothing]).astype(problem.sums)
