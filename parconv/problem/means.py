"""Filters whose taps are all equal, as a sum of pixels that one product scales.

The scale has the digits of two numbers, so that the mean of equal pixels whose sum is exact is
their value.  Knows no image and no problem.
"""

import itertools
import math
from fractions import Fraction
from functools import lru_cache

import numpy as np

from .dtypes import Array, DType, quietly

MOST = 1 << 31  # pixels of a mean


@quietly
def scale(g: Array, kind: DType, of: float = 1) -> Array:
    """The tap of all in units of ``of``, as two numbers: nearly all of it, and the rest.

    Both have the tap's sign, so that infinity stays what it is.

    Examples
    --------
    >>> import numpy as np
    >>> most, rest = scale(np.full((7, 7), 1 / 49), np.dtype(np.float64))
    >>> 49 * (1 / 49) == 1, bool(49 * most + 49 * rest == 1)
    (False, True)
    """
    exact = meant(g, kind) / Fraction(of)
    most = kind.type(float(exact))
    if not np.isfinite(most):
        return np.array([most, most])
    if abs(Fraction(float(most))) >= abs(exact):
        most = np.nextafter(most, kind.type(0))
    return np.array([most, float(exact - Fraction(float(most)))], kind)


def meant(g: Array, kind: DType) -> Fraction:
    """The tap of all: 1 / n where that is nearest to it and it is as precise as ``kind``."""
    tap = g.flat[0]
    exact = Fraction(tap.item())
    if g.dtype.kind != "f" or g.dtype.itemsize < kind.itemsize or abs(exact) * MOST < 1:
        return exact
    count = round(1 / exact)
    return Fraction(1, count) if count and g.dtype.type(1 / count) == tap else exact


@lru_cache(maxsize=256)
def reciprocal(count: int) -> tuple[int, int, int] | None:
    """Three numbers by which 16 bits hold means of so many bytes, nearest to them.

    ``(sum + first) * second >> 16``, and that times the third, again without the lowest 16 bits.
    None where there are none: of an even number some means lie halfway between two.

    Examples
    --------
    >>> first, second, third = reciprocal(225)
    >>> [((mean * 225 + first) * second >> 16) * third >> 16 for mean in (0, 1, 254, 255)]
    [0, 1, 254, 255]
    """
    half = count // 2
    if count % 2 == 0 or count < 3 or 255 * count + half + 1 > 0xFFFF:
        return None
    sums = np.arange(255 * count + 1)
    for shift, more in itertools.product(range(1, 16), (0, 1)):  # one of these does (Robison, 2005)
        factor = ((1 << 16 + shift) + (0 if more else count - 1)) // count
        found = (((sums + half + more) * factor >> 16) << 16 - shift) >> 16
        if factor >> 16 == 0 and np.array_equal(found, (sums + half) // count):
            return half + more, factor, 1 << 16 - shift
    return None


def unit(g: Array) -> float:
    """The largest power of two that the equal taps are not below: pixels times it sum exactly.

    Examples
    --------
    >>> import numpy as np
    >>> unit(np.full((3, 3), 1 / 9))
    0.0625
    """
    return math.ldexp(0.5, math.frexp(abs(float(g.flat[0])))[1])
