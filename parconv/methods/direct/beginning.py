"""The numbers that a tile reads: taps, and what its sums begin with and become by a rule.

Sums begin with the bias, of taps that have the scale in them, where that is as exact: nothing is
left to do at their end, and they take no longer than plain ones: 1.01, 1.01 and 1.00 of the time at
3x3, 5x5 and 7x7 (1024 x 1024 uint8), where a multiply-add at the end takes 1.12, 1.06 and 1.03, and
scaled taps with an addition there as long (one core, Zen 4 VM, AVX-512, 2026-11).
"""

import numpy as np

from ...problem.dtypes import Array, is_whole, quietly
from ...problem.problem import Problem
from ...problem.store import numbers_of
from ..finishing import finishes, with_numbers
from .passes import cancels, passes, taps_of

BEGIN = 1  # numbers before the taps
IDLE = 1.0, -0.0  # scale and bias that change nothing
MOST_BIAS = 1 << 10  # a larger one would take digits from each partial sum


def ruled_taps(problem: Problem, g: Array) -> Array:
    """The taps; where sums are stored by a rule, what they begin with before them, and its numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> g = np.array([[1, 2, 1]], np.float32)
    >>> asked = {"dtype": "uint8", "bias": 3}
    >>> ruled_taps(parconv.plan2d(((9, 9), "u1"), g, scale=0.25, **asked).problem, g)
    array([ 3.  ,  0.25,  0.5 ,  0.25,  1.  , -0.  ], dtype=float32)
    >>> ruled_taps(parconv.plan2d(((9, 9), "u1"), g, scale=0.3, **asked).problem, g)[[0, 1, -2, -1]]
    array([0. , 1. , 0.3, 3. ], dtype=float32)
    """
    taps = taps_of(problem, g)
    if not finishes(problem):
        return taps
    scale, bias = numbers_of(problem.store)
    if not (problem.mean or any(cancels(problem, parts) for parts in passes(problem))):
        scaled = taps_of(problem, _times(g, scale))
        if _are_usual(scaled[taps != 0]) and _begins_as_exactly(problem, taps, scaled):
            return np.array([bias, *scaled, *IDLE], problem.sums)
    return with_numbers(problem, np.append(np.zeros(BEGIN, taps.dtype), taps))


@quietly
def _times(g: Array, scale: float) -> Array:
    return g.astype(np.float64) * scale


def _are_usual(taps: Array) -> bool:
    """Whether these are neither so small that they have fewer digits, nor infinite."""
    sizes = np.abs(taps)
    return bool(((sizes >= np.finfo(taps.dtype).tiny) & np.isfinite(sizes)).all())


def _begins_as_exactly(problem: Problem, taps: Array, scaled: Array) -> bool:
    """Whether plain sums are rounded anyway, or neither they are nor those that begin so.

    Else a whole result might be truncated to one less, and a half rounded elsewhere.
    """
    scale, bias = numbers_of(problem.store)
    if not _exact(taps, np.abs(taps).sum()):
        return abs(bias) <= MOST_BIAS
    whole = problem.image_dtype.kind in "biu" and is_whole(problem.cval)
    if not whole or (scaled != _times(taps, scale)).any():
        return False
    most = np.abs(scaled).sum() * problem.widest + abs(bias)
    return _exact(np.append(scaled, bias).astype(taps.dtype), most)


def _exact(numbers: Array, most: float) -> bool:
    """Whether sums of them up to so much are not rounded in their type."""
    return not np.fmod(numbers, np.spacing(numbers.dtype.type(most))).any()
