"""Smooth symmetric taps as a few cosines, whose sums slide from one pixel to the next.

Sums of ``cos(w n) f(x + n)`` over ``|n| <= r`` follow from the two before by one product, if pixels
that enter and leave are added.  If all frequencies have one ratio ``cos(w (r + 1)) / cos(w r)``,
what is added is the same for all of them: these are the vibrations of a chain whose ends are held
alike, which are orthogonal, and a Gaussian that ends at four sigma needs seven.  Of a ratio of 1,
which makes a Fourier series, it needs hundreds, for what that repeats has a kink at its ends.

Pure arithmetic: no pixels.
"""

from typing import NamedTuple

import numpy as np

from .dtypes import Array

# More are little use: with an eighth 2e-7 of sum |g| in place of 5e-7.  Two sums of each leave two
# of 16 registers.
TERMS = 7
LEAST = 33  # taps; fewer are never faster so
# Ratios that are tried: those of a tap beyond the end, as the last three foretell it, to the last
# one, with so much of what it lacks of that; then between the neighbours of the best.
SHARES = np.linspace(0.96, 1.12, 9)
HALVINGS, STEPS = 8, 4  # of an interval that holds a frequency, then by Newton's method


class Cosines(NamedTuple):
    """What stands for taps.

    Attributes
    ----------
    edge : float
        The ratio.
    turns, weights : ndarray
        Of each term: twice the cosine of its frequency; what its sum is multiplied by if the first
        pixel that enters it has weight 1.
    misfit : float
        The sum of what taps miss, by that of their absolute values.
    """

    edge: float
    turns: Array
    weights: Array
    misfit: float


def cosines(taps: Array) -> Cosines:
    """Those that stand for an odd number of taps, at least `LEAST`, that mirror themselves.

    Examples
    --------
    >>> import numpy as np
    >>> n = np.arange(-40, 41)
    >>> found = cosines(np.exp(-n * n / 200))
    >>> found.turns.size, f"{found.misfit:.1g}"
    (7, '5e-07')
    """
    half = taps[taps.size // 2 :] / np.abs(taps).sum()
    last = np.abs(half[-3:]) + np.finfo(np.float64).tiny
    lacks = 1 - min(float((last[2] / last[1]) ** 2 / (last[1] / last[0])), 0.999)
    shares = SHARES
    for _ in range(2):
        edges = np.clip(1 - shares * lacks, 0.001, 0.999)
        frequencies, amplitudes, missed = _fits(half, edges)
        best = int(missed.argmin())
        near = shares[max(best - 1, 0)], shares[min(best + 1, shares.size - 1)]
        shares = np.linspace(*near, SHARES.size)
    ends = np.cos(frequencies[best] * (half.size - 1)) * np.abs(taps).sum()
    turns = 2 * np.cos(frequencies[best])
    return Cosines(float(edges[best]), turns, amplitudes[best] * ends, float(missed[best]))


def misfit(columns: Array, rows: Array) -> float:
    """Of the outer product of a column and a row, a line each; infinite where they do not serve."""
    sizes = columns.shape[-1], rows.shape[-1]
    odd = all(size % 2 and size >= LEAST for size in sizes)
    if not odd or len(columns) > 1 or not (columns.any() and rows.any()):
        return np.inf
    if any((line != line[:, ::-1]).any() for line in (columns, rows)):
        return np.inf
    down, across = (cosines(line[0].astype(np.float64)).misfit for line in (columns, rows))
    return down + across + down * across


def _fits(half: Array, edges: Array) -> tuple[Array, Array, Array]:
    """Frequencies, amplitudes and misfit for each of such ratios, of taps from the middle on."""
    frequencies = _frequencies(half.size - 1, edges)
    both = np.where(np.arange(half.size) == 0, 1, 2)  # a tap stands for that on the other side, too
    waves = np.cos(frequencies[..., None] * np.arange(half.size))
    amplitudes = waves @ (both * half) / (waves * waves @ both)
    missed = np.abs(half - (amplitudes[:, None] @ waves)[:, 0]) @ both
    return frequencies, amplitudes, missed


def _frequencies(reach: int, edges: Array) -> Array:
    """The lowest of each ratio, between those of the ratios 1 and 0."""
    terms = np.arange(TERMS)
    shape = edges.size, TERMS
    low = np.broadcast_to(np.pi * terms / (reach + 0.5), shape)
    high = np.broadcast_to(np.pi * (terms + 0.5) / (reach + 1), shape)
    ratios = edges[:, None]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        found = np.cos(middle * (reach + 1)) - ratios * np.cos(middle * reach)
        above = np.where(terms % 2, -found, found) > 0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    for _ in range(STEPS):
        found = np.cos(middle * (reach + 1)) - ratios * np.cos(middle * reach)
        slope = ratios * reach * np.sin(middle * reach) - (reach + 1) * np.sin(middle * (reach + 1))
        middle = middle - found / slope
    return middle
