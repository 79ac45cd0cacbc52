"""scipy.ndimage's Gaussians."""

import numbers
from typing import Any

from ... import filters
from ...problem.dtypes import Array, DType
from ..recalling import recalled
from . import words
from .summed import Copy, Fills, Sum, precision
from .turns import in_turn
from .weights import line

NONE = 1e-15  # a sigma up to it leaves the axis as it is


def gaussian_filter1d(
    input: Any, sigma: float, axis: int = -1, order: int = 0, output: Any = None,
    mode: str = "reflect", cval: Any = 0.0, truncate: float = 4.0, *, radius: int | None = None,
) -> Array:  # fmt: skip
    """A Gaussian, or its derivative, along one axis, as `scipy.ndimage.gaussian_filter1d`.

    Examples
    --------
    >>> gaussian_filter1d([0.0, 0.0, 4.0, 0.0, 0.0], 1, radius=1).round(3)
    array([0.   , 1.096, 1.807, 1.096, 0.   ])
    """
    f = words.image(input)
    target = words.target(output, f, f.dtype.kind == "c")
    found = _smoothed(
        sigma, order, truncate, radius, axis, mode, cval, f.ndim, f.dtype, target.dtype
    )
    return found.fill(f, target)


def _smooth(
    sigma: Any, order: Any, truncate: Any, radius: Any, axis: Any, mode: Any, cval: Any, *of: Any
) -> Sum:
    """What fills arrays of such types along one axis."""
    length = reach(sigma, truncate, radius)
    if order < 0:
        raise ValueError("order must be non-negative")
    taps = filters.gaussian_taps(float(sigma), order=order, radius=length, ndim=1)
    return line(taps[::-1], axis, mode, cval, 0, *of)


_smoothed = recalled(_smooth)


def reach(sigma: Any, truncate: float, radius: Any) -> int:
    found = int(truncate * float(sigma) + 0.5) if radius is None else radius
    if not isinstance(found, numbers.Integral) or found < 0:
        raise ValueError("Radius must be a nonnegative integer.")
    return int(found)


def gaussian_filter(
    input: Any, sigma: Any, order: Any = 0, output: Any = None, mode: Any = "reflect",
    cval: Any = 0.0, truncate: float = 4.0, *, radius: Any = None, axes: Any = None,
) -> Array:  # fmt: skip
    """A Gaussian, or its derivatives, over several axes, as `scipy.ndimage.gaussian_filter`.

    Examples
    --------
    >>> import numpy as np
    >>> gaussian_filter(np.diag([0, 200, 0]), 1)
    array([[17, 24, 17],
           [23, 33, 23],
           [17, 24, 17]])
    """
    f = words.image(input)
    target = words.target(output, f, f.dtype.kind == "c")
    return blurred(f, target, sigma, order, mode, cval, truncate, radius, axes)


def blurred(
    f: Array, target: Array, sigma: Any, order: Any = 0, mode: Any = "reflect", cval: Any = 0.0,
    truncate: float = 4.0, radius: Any = None, axes: Any = None, scale: float = 1.0,
) -> Array:  # fmt: skip
    """The same of arrays; ``scale``: what all is multiplied with, if the target is of floats."""
    found = _blur(f.ndim, axes, (order, sigma, mode, radius), cval, truncate, scale, f.dtype,
                  target.dtype)  # fmt: skip
    return found.fill(f, target)


@recalled
def _blur(
    ndim: int, axes: Any, given: Any, cval: Any, truncate: float, scale: float, image: DType,
    result: DType,
) -> Fills:  # fmt: skip
    """What fills arrays of such types."""
    over = words.axes_of(axes, ndim)
    every = (words.sequence(each, len(over)) for each in given)
    steps = [step for step in zip(over, *every, strict=True) if step[2] > NONE]
    if not steps:
        return Copy(scale)
    if _is_fused(result, steps, cval):
        return _fused(steps, cval, truncate, scale, image, result)

    def made(step: Any, kind: DType) -> Sum:
        axis, order, width, border, length = step
        return _smooth(width, order, truncate, length, axis, border, cval, ndim, kind, result)

    return in_turn(steps, image, result, made)


def _is_fused(result: DType, steps: list[Any], cval: Any) -> bool:
    """Whether all axes in one call leave what one after another does, to rounding."""
    constant = any(words.border(border) == "constant" for _, _, _, border, _ in steps)
    slopes = any(order for _, order, *_ in steps)
    return result.kind in "fc" and not (constant and slopes and cval)


def _fused(
    steps: list[Any], cval: Any, truncate: float, scale: float, image: DType, result: DType
) -> Sum:
    axes, orders, widths, borders, lengths = zip(*steps, strict=True)
    radii = tuple(reach(w, truncate, n) for w, n in zip(widths, lengths, strict=True))
    if min(orders) < 0:
        raise ValueError("order must be non-negative")
    g = filters.gaussian_factors(
        tuple(map(float, widths)), order=orders, radius=radii, ndim=len(axes)
    )
    return Sum(g, {
        "mode": "same", "axes": axes, "boundary": tuple(map(words.border, borders)),
        "cval": words.constant(cval, image), "scale": None if scale == 1 else scale,
        "dtype": result, "accumulate": precision(image, result),
        "zero_taps": "keep" if any(orders) else "skip",  # a slope's middle one
    }, correlate=False)  # fmt: skip
