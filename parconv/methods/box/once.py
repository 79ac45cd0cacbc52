"""One number that scales sums to the same bytes as the two that make means of them.

Bytes do not fall, or do not rise, with their sums, by either way: where both agree on two sums that
have the same byte they agree on all between.  So of 16-bit sums those next to a change of the byte
tell, three for each byte.
"""

from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np

from ...codegen import machine
from ...problem.dtypes import Array, DType, quietly
from ..windows.bounded import MOST


@lru_cache(maxsize=256)
@quietly
def one_scale(two: Sequence[float], store: Sequence[float], greatest: int, kind: DType) -> float:
    """What scales sums up to the greatest to the bytes that two numbers make of them; 0: nothing.

    Then, in float32, they are scaled and shifted by the numbers of ``store``.  Of 468 means of 9 to
    256 bytes with a scale and a bias the first of the two does for 403, the next one up for 61.

    Examples
    --------
    >>> import numpy as np
    >>> from parconv.problem.means import scale
    >>> two = tuple(scale(np.full((5, 5), 1 / 25), np.dtype(np.float32)).tolist())
    >>> one_scale(two, (0.75, 3.0), 25 * 255, np.dtype(np.uint8)) == two[0]
    True
    """
    (most, rest), (by, bias) = np.array([two, store], np.float32)
    if not abs(most) * 0xFFFF * abs(by) + abs(bias) < MOST / 2:
        return 0.0
    sums = _near_changes(float(most) * float(by), float(bias), greatest, kind)
    values = sums.astype(np.float32)
    bytes_of = partial(_bytes, by=by, bias=bias, kind=kind)
    asked = bytes_of(_fma(values, most, values * rest))
    if np.any((np.diff(asked) != 0) & (np.diff(sums) > 1)):
        return 0.0
    either = (most, np.nextafter(most, np.copysign(np.float32(np.inf), most)))
    same = (float(one) for one in either if np.array_equal(bytes_of(values * one), asked))
    return next(same, 0.0)


def _near_changes(slope: float, bias: float, greatest: int, kind: DType) -> Array:
    """The sums around those where bytes change, and the ends, in order."""
    limits = np.iinfo(kind)
    halves = np.arange(int(limits.min), int(limits.max)) + 0.5
    found = np.rint((halves - bias) / slope) if slope else np.zeros(1)
    every = np.concatenate([found - 1, found, found + 1, [0, greatest]])
    return np.sort(np.minimum(np.maximum(every, 0), greatest))


def _fma(a: Array, b: np.float32, c: Array | np.float32) -> Array:
    """``a * b + c`` in float32, rounded as the kernel does."""
    if not machine.HAS_FMA:
        return a * b + c
    product, other = a.astype(np.float64) * b, np.asarray(c, np.float64)
    total = product + other
    part = total - product
    error = (product - (total - part)) + (other - part)  # exact (Knuth)
    even = np.flatnonzero((error != 0) & (total.view(np.int64) & 1 == 0))
    odd = np.nextafter(total[even], np.copysign(np.inf, error[even]))  # rounds as what is exact
    total[even] = odd
    return total.astype(np.float32)


def _bytes(means: Array, by: np.float32, bias: np.float32, kind: DType) -> Array:
    limits = np.iinfo(kind)
    whole = np.rint(_fma(means, by, bias))
    return np.minimum(np.maximum(whole, limits.min), limits.max)
