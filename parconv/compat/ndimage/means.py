"""scipy.ndimage's means."""

import math
import operator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ... import filters
from ...problem.dtypes import Array, DType
from ..recalling import recalled
from . import words
from .summed import STORE, Copy, Fills, Sum, precision
from .turns import in_turn


def uniform_filter1d(
    input: Any, size: int, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: Any = 0.0, origin: int = 0,
) -> Array:  # fmt: skip
    """A mean along one axis, as `scipy.ndimage.uniform_filter1d`.

    Examples
    --------
    >>> uniform_filter1d([2, 8, 0, 4, 1, 9, 9, 0], size=3)
    array([4, 3, 4, 1, 4, 6, 6, 3])
    """
    f = words.image(input)
    target = words.target(output, f, f.dtype.kind == "c")
    return _average(axis, size, origin, mode, cval, f.ndim, f.dtype, target.dtype).fill(f, target)


@recalled
def _average(axis: Any, size: Any, origin: Any, mode: Any, cval: Any, ndim: int, *of: Any) -> Fills:
    """What fills arrays of such types along one axis."""
    place = normalize_axis_index(axis, ndim)
    if size < 1:
        raise RuntimeError("incorrect filter size")
    return _mean([(place, size, origin, mode)], cval, *of)


def uniform_filter(
    input: Any, size: Any = 3, output: Any = None, mode: Any = "reflect", cval: Any = 0.0,
    origin: Any = 0, *, axes: Any = None,
) -> Array:  # fmt: skip
    """A mean over several axes, as `scipy.ndimage.uniform_filter`.

    Examples
    --------
    >>> import numpy as np
    >>> uniform_filter(np.diag([0, 90, 0]))
    array([[10, 10, 10],
           [10, 10, 10],
           [10, 10, 10]])
    """
    f = words.image(input)
    target = words.target(output, f, f.dtype.kind == "c")
    return _averages(f.ndim, axes, (size, origin, mode), cval, f.dtype, target.dtype).fill(
        f, target
    )


@recalled
def _averages(ndim: int, axes: Any, given: Any, cval: Any, image: DType, result: DType) -> Fills:
    """What fills arrays of such types."""
    over = words.axes_of(axes, ndim)
    every = (words.sequence(each, len(over)) for each in given)
    steps = [step for step in zip(over, *every, strict=True) if step[1] > 1]
    if not steps:
        return Copy()
    if result.kind in "fc":
        return _mean(steps, cval, image, result)
    return in_turn(steps, image, result, lambda step, kind: _mean([step], cval, kind, result))


def _mean(steps: list[Any], cval: Any, image: DType, result: DType) -> Fills:
    """Over all steps' axes at once; of each: which, taps, origin and border."""
    axes, given, shifts, borders = zip(*steps, strict=True)
    sizes, origins = tuple(map(int, given)), tuple(map(operator.index, shifts))
    if any(words.is_bad(o, n) for o, n in zip(origins, sizes, strict=True)):
        raise ValueError("invalid origin")
    outside, count = words.constant(cval, image), math.prod(sizes)
    g = filters.box_factors(sizes, normalize=result.kind in "fc", ndim=len(axes))
    asked = {
        "mode": "same", "axes": axes, "boundary": tuple(map(words.border, borders)),
        "cval": outside, "origin": tuple(-o for o in origins),
    }  # fmt: skip
    if result.kind in "fc":
        asked |= {"dtype": result, "accumulate": precision(image, result)}
    elif _is_told(image, result, outside, count):
        asked |= STORE | {"dtype": result, "accumulate": np.float64, "scale": SLIGHTLY / count}
    else:
        asked |= {"dtype": np.dtype(np.float64)}
        return Quotient(Sum(g, asked, correlate=False), count)
    return Sum(g, asked, correlate=False)


# Sums are multiplied by slightly more than 1 / count, so that what rounding does to a whole
# quotient leaves its whole part; other quotients are at least 1 / count below the next whole
# number, which a product of a sum of up to 50 bits does not reach.
SLIGHTLY, BITS = 1 + 2.0**-51, 50


def _is_told(image: DType, result: DType, outside: Any, count: int) -> bool:
    """Whether the engine finds a mean's whole part."""
    bits = 8 * image.itemsize
    whole = image.kind in "iu" and result.kind in "iu"
    return whole and count << bits <= 1 << BITS and bool(abs(outside) <= 1 << bits)


class Quotient(NamedTuple):
    """Sums in double precision divided by a number, truncated, and modulo the integers' range."""

    sums: Sum
    size: int

    def fill(self, f: Array, output: Array) -> Array:
        means = self.sums.fill(f, np.empty(output.shape))
        np.trunc(np.divide(means, self.size, means), means)
        if output.dtype.kind == "b":
            output[...] = means != 0
            return output
        with np.errstate(invalid="ignore"):
            output[...] = means.astype(np.int64).astype(output.dtype)
        return output
