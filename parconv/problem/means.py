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


def reciprocal(count: int, kind: DType) -> tuple[int, int, int] | None:
    """Three numbers that make means of so many integers of 8 or 16 bits, nearest to them.

    With twice the bits ``(sum + first) * second`` without its lower half, then shifted right by the
    third: what the type's least number is lower than 0, more than that mean.  None where there are
    none: of an even number some means lie halfway between two.

    Examples
    --------
    >>> import numpy as np
    >>> first, second, third = reciprocal(225, np.dtype(np.uint8))
    >>> [(mean * 225 + first) * second >> 16 + third for mean in (0, 1, 254, 255)]
    [0, 1, 254, 255]
    """
    if count % 2 == 0 or count < 3:
        return None
    return _of_bytes(count) if kind.itemsize == 1 else _of_words(count, kind)


@lru_cache(maxsize=256)
def _of_bytes(count: int) -> tuple[int, int, int] | None:
    """Of sums that are as large as 16 bits may be: one of these does (Robison, 2005)."""
    half = count // 2
    if 255 * count + half + 1 > 0xFFFF:
        return None
    sums = np.arange(255 * count + 1)
    for shift, more in itertools.product(range(1, 16), (0, 1)):
        factor = ((1 << 16 + shift) + (0 if more else count - 1)) // count
        found = (sums + half + more) * factor >> 16 + shift
        if factor >> 16 == 0 and np.array_equal(found, (sums + half) // count):
            return half + more, factor, shift
    return None


def _of_words(count: int, kind: DType) -> tuple[int, int, int] | None:
    """Of sums below 2**31, for which a factor of 32 bits suffices (Granlund, Montgomery, 1994)."""
    first = count // 2 - int(np.iinfo(kind).min) * count
    if 0xFFFF * count + count // 2 >> 31:
        return None
    shift = (count - 1).bit_length() - 1
    return first, (1 << 32 + shift) // count + 1, shift


def unit(g: Array) -> float:
    """The largest power of two that the equal taps are not below: pixels times it sum exactly.

    Examples
    --------
    >>> import numpy as np
    >>> unit(np.full((3, 3), 1 / 9))
    0.0625
    """
    return math.ldexp(0.5, math.frexp(abs(float(g.flat[0])))[1])
