"""Filters longer than what they can meet, made shorter: taps that meet the same pixel are added.

Beyond the ends of an image a border repeats with a period (``"wrap"``, ``"symmetric"``,
``"mirror"``), so taps a period apart meet the same pixel; or it stays what it is there
(``"constant"``, ``"edge"``), so all taps that never meet the image are one.  An axis keeps about as
many taps as image and result have pixels together: of a Gaussian of 8001 taps over 500 pixels 1001.

Pure arithmetic: no pixels.
"""

import math
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...problem.dtypes import Array
from ...problem.problem import Problem
from ..separable.shape import halves_of


class Fold(NamedTuple):
    """The taps that stay: ``kept`` from tap ``first`` on.

    Others are added to the one a multiple of ``period`` taps away; with a period of 0 to the
    nearest.  Where one more than a period stays, the two at the ends have half each.
    """

    first: int
    kept: int
    period: int = 0

    def of(self, taps: Array) -> Array:
        """The taps that stay, others added to them."""
        last = self.first + self.kept
        if self.period:
            found = np.zeros(self.period)
            np.add.at(found, (np.arange(taps.size) - self.first) % self.period, taps)
            ends = found[:1] / 2
            return found if self.kept == self.period else np.r_[ends, found[1:], ends]
        found = taps[self.first : last].copy()
        found[0] += taps[: self.first].sum()
        found[-1] += taps[last:].sum()
        return found


class Axis(NamedTuple):
    """One axis of a problem, in pixels."""

    taps: int
    step: int
    lead: int
    size: int
    outputs: int
    border: str
    paired: int  # whether taps at the two ends must stay pairs

    def fold(self) -> Fold:
        """The shortest that changes no output."""
        if self.border in ("constant", "edge"):
            return self._between()
        repeat = {"wrap": 1, "symmetric": 2, "mirror": 2}[self.border] * self.size
        repeat -= 2 * (self.border == "mirror" and self.size > 1)
        period = repeat // math.gcd(repeat, self.step)
        count = period + (self.taps - period) % 2 * bool(self.paired)
        if count >= self.taps:
            return Fold(0, self.taps)
        return Fold((self.taps - count) // 2, count, period)

    def _between(self) -> Fold:
        """Of the taps that meet only what lies before the image, or behind it, one each.

        Not where those on one side alone could go: parts of a stream's image, which know one of its
        ends, would have other bits than the whole.
        """
        before = -(-(self.lead - self.outputs + 1) // self.step)
        behind = self.taps + (-self.size - self.lead) // self.step
        left, right = before - 1, behind - 1
        if self.paired:
            left = right = min(left, right)
        if min(left, right) < 1 or self.size == 0:
            return Fold(0, self.taps)
        return Fold(left, self.taps - left - right)


@lru_cache(maxsize=256)
def folds_of(problem: Problem) -> tuple[Fold, Fold]:
    """Of the columns of the filter, of its rows."""
    wide = 1, problem.channels
    axes = zip(
        problem.filter, problem.dilation, problem.lead, problem.plane_in, problem.plane,
        problem.boundary, halves_of(problem), wide, strict=True,
    )  # fmt: skip
    down, across = (
        Axis(taps, step // n, lead // n, size // n, outputs // n, border, paired).fold()
        for taps, step, lead, size, outputs, border, paired, n in axes
    )
    return down, across


@lru_cache(maxsize=256)
def shortened(problem: Problem) -> Problem:
    """The problem of the filter that is left."""
    folds = folds_of(problem)
    lead = tuple(
        before - fold.first * step
        for before, fold, step in zip(problem.lead, folds, problem.dilation, strict=True)
    )
    return replace(problem, filter=(folds[0].kept, folds[1].kept), lead=(lead[0], lead[1]))
