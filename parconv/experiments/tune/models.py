"""Scaling models: what a curve of times over thread counts says about its limits.

Pure arithmetic on thread counts and speed-ups; measures nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

ENOUGH = 6  # thread counts above one, below which a fit is said to be of few points


class UnderdeterminedError(ValueError):
    """There are too few points for a model; the message says how many it needs."""


@dataclass(frozen=True)
class Fit:
    """The Universal Scalability Law ``S(N) = N / (1 + a (N - 1) + b N (N - 1))``.

    Attributes
    ----------
    a, b : float
        Share of the work that is serial or waits, and cost of agreement between threads; with
        ``b = 0`` it is Amdahl's law.
    points : int
        Thread counts above one that it was fitted to.
    parameters : int
        How many numbers were fitted, to more points than that.
    """

    a: float
    b: float
    points: int
    parameters: int

    def speedup(self, threads: float) -> float:
        return threads / (1 + self.a * (threads - 1) + self.b * threads * (threads - 1))

    @property
    def peak(self) -> float:
        """The number of threads beyond which more are slower; infinite for Amdahl's law."""
        return math.sqrt(max(0.0, 1 - self.a) / self.b) if self.b > 0 else math.inf

    @property
    def note(self) -> str:
        """How far to trust it."""
        return f"of {self.points} points only" if self.points < ENOUGH else ""


def amdahl(threads: Sequence[int], speedups: Sequence[float]) -> Fit:
    """Amdahl's law by least squares.

    Examples
    --------
    >>> amdahl([1, 2, 4], [1, 1.6, 16 / 7]).a
    0.25
    """
    x, _, excess = _linear_form(threads, speedups, parameters=1)
    return Fit(max(0.0, float(x @ excess / (x @ x))), 0.0, len(x), 1)


def usl(threads: Sequence[int], speedups: Sequence[float]) -> Fit:
    """The Universal Scalability Law by least squares with ``a, b >= 0``; needs scipy.

    Examples
    --------
    >>> fit = usl([1, 2, 4, 8], [1, 1.6, 2.0, 8 / 4.5])
    >>> round(fit.a, 3), round(fit.b, 3)
    (0.167, 0.042)
    """
    from scipy.optimize import nnls

    x, y, excess = _linear_form(threads, speedups, parameters=2)
    (a, b), _ = nnls(np.column_stack([x, y]), excess)
    return Fit(float(a), float(b), len(x), 2)


def _linear_form(
    threads: Sequence[int], speedups: Sequence[float], parameters: int
) -> tuple[Vector, Vector, Vector]:
    """``N - 1``, ``N (N - 1)`` and ``N / S - 1``, which the law makes linear, for N above one."""
    n, s = np.array(threads, float), np.array(speedups, float)
    n, s = n[n > 1], s[n > 1]
    if len(set(n.tolist())) <= parameters:  # as many points fit exactly, whatever the truth
        raise UnderdeterminedError(
            f"{parameters + 1} thread counts above one are needed, there {_are(len(n))}"
        )
    return n - 1, n * (n - 1), n / s - 1


def _are(number: int) -> str:
    return f"is {number}" if number == 1 else f"are {number}"


def karp_flatt(threads: int, speedup: float) -> float:
    """The serial share that one speed-up means: rising with threads it is overhead, flat it is
    serial work.

    Examples
    --------
    >>> round(karp_flatt(4, 2.0), 3)
    0.333
    """
    return (1 / speedup - 1 / threads) / (1 - 1 / threads)


@dataclass(frozen=True)
class Knee:
    """``rate(N) = min(N x single, ceiling)``.

    Attributes
    ----------
    single : float
        Rate of one thread.
    ceiling : float
        The rate that memory allows, whatever the threads; infinite where the curve shows none.
    """

    single: float
    ceiling: float

    def rate(self, threads: float) -> float:
        return min(threads * self.single, self.ceiling)

    @property
    def threads(self) -> float:
        """Where the two meet."""
        return self.ceiling / self.single


def knee(threads: Sequence[int], rates: Sequence[float]) -> Knee:
    """The knee by least squares: rates rise in proportion to threads, then stay.

    Examples
    --------
    >>> knee([1, 2, 3, 4, 6], [10, 20, 25, 25, 25])
    Knee(single=10.0, ceiling=25.0)
    """
    if len(set(threads)) < 3:
        raise UnderdeterminedError(f"3 thread counts are needed, there {_are(len(set(threads)))}")
    order = np.argsort(threads)
    n, r = np.array(threads, float)[order], np.array(rates, float)[order]
    most_rising_first = [_bent(n, r, rising) for rising in range(len(n), 0, -1)]
    return min(most_rising_first, key=lambda bent: round(_misfit(bent, n, r), 12))


def _misfit(bent: Knee, n: Vector, r: Vector) -> float:
    rates = np.array([bent.rate(x) for x in n])
    return float(((rates - r) ** 2).sum() / (r @ r))


def _bent(n: Vector, r: Vector, rising: int) -> Knee:
    """The best knee after so many points."""
    single = float(n[:rising] @ r[:rising] / (n[:rising] @ n[:rising]))
    return Knee(single, float(r[rising:].mean()) if rising < len(n) else math.inf)
