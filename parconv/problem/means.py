"""Filters whose taps are all equal, as a sum of pixels that one product scales.

The scale has the digits of two numbers, so that the mean of equal pixels whose sum is exact is
their value.  Knows no image and no problem.
"""

import math
from fractions import Fraction

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


def unit(g: Array) -> float:
    """The largest power of two that the equal taps are not below: pixels times it sum exactly.

    Examples
    --------
    >>> import numpy as np
    >>> unit(np.full((3, 3), 1 / 9))
    0.0625
    """
    return math.ldexp(0.5, math.frexp(abs(float(g.flat[0])))[1])
