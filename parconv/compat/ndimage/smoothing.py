"""scipy.ndimage's Gaussians and means."""

import numbers
import operator
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ... import filters
from ...problem.dtypes import Array, DType
from ...problem.question import DEFAULTS
from ..recalling import recalled
from . import words
from .turns import in_turn
from .weights import correlate1d

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
    length = reach(sigma, truncate, radius)
    if order < 0:
        raise ValueError("order must be non-negative")
    taps = filters.gaussian_taps(float(sigma), order=order, radius=length, ndim=1)
    return correlate1d(input, taps[::-1], axis, output, mode, cval, 0)


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
    steps = _steps(f.ndim, axes, order, sigma, mode, radius)
    if not steps:
        target[...] = f if scale == 1 else f * scale
        return target
    if _is_fused(f, target, steps, cval):
        return _fused(f, target, steps, cval, truncate, scale)
    in_turn(f, target, [(step[0], partial(_blur, step, cval, truncate)) for step in steps])
    return target


@recalled
def _steps(ndim: int, axes: Any, *given: Any) -> tuple[Any, ...]:
    """Of each axis that is filtered: which, order, sigma, border and radius."""
    over = words.axes_of(axes, ndim)
    every = (words.sequence(each, len(over)) for each in given)
    return tuple(step for step in zip(over, *every, strict=True) if step[2] > NONE)


def _blur(step: Any, cval: Any, truncate: float, f: Array, target: Array) -> None:
    axis, order, width, border, length = step
    gaussian_filter1d(f, width, axis, order, target, border, cval, truncate, radius=length)


def _is_fused(f: Array, target: Array, steps: tuple[Any, ...], cval: Any) -> bool:
    """Whether all axes in one call leave what one after another does, to rounding."""
    constant = any(words.border(border) == "constant" for _, _, _, border, _ in steps)
    slopes = any(order for _, order, *_ in steps)
    return bool(f.size and target.dtype.kind in "fc" and not (constant and slopes and cval))


def _fused(
    f: Array, target: Array, steps: tuple[Any, ...], cval: Any, truncate: float, scale: float
) -> Array:
    widths, asked = _words(f.dtype, target.dtype, steps, cval, truncate, scale)
    return filters.gaussian(f, widths, out=target, **asked)


@recalled
def _words(
    image: DType, result: DType, steps: tuple[Any, ...], cval: Any, truncate: float, scale: float
) -> tuple[Any, dict[str, Any]]:
    axes, orders, widths, borders, lengths = zip(*steps, strict=True)
    radii = tuple(reach(w, truncate, n) for w, n in zip(widths, lengths, strict=True))
    if min(orders) < 0:
        raise ValueError("order must be non-negative")
    return tuple(map(float, widths)), {
        "order": orders, "radius": radii, "dtype": result, "axes": axes,
        "boundary": tuple(map(words.border, borders)), "cval": words.constant(cval, image),
        "accumulate": _sums(image, result), "scale": None if scale == 1 else scale,
    }  # fmt: skip


def _sums(image: DType, result: DType) -> Any:
    return np.float64 if np.float64 in (image, result) else DEFAULTS["accumulate"]


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
    place = normalize_axis_index(axis, f.ndim)
    if size < 1:
        raise RuntimeError("incorrect filter size")
    target = words.target(output, f, f.dtype.kind == "c")
    origin = operator.index(origin)
    if words.is_bad(origin, size):
        raise ValueError("invalid origin")
    return _mean(f, (place,), (int(size),), target, (words.border(mode),), cval, (origin,))


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
    steps = _means(f.ndim, axes, size, origin, mode)
    if not steps:
        target[...] = f
        return target
    if target.dtype.kind in "fc" and f.size:
        found, sizes, borders, origins = _together(steps)
        return _mean(f, found, sizes, target, borders, cval, origins)
    in_turn(f, target, [(step[0], partial(_average, step, cval)) for step in steps])
    return target


@recalled
def _means(ndim: int, axes: Any, *given: Any) -> tuple[Any, ...]:
    """Of each axis that is filtered: which, taps, origin and border."""
    over = words.axes_of(axes, ndim)
    every = (words.sequence(each, len(over)) for each in given)
    return tuple(step for step in zip(over, *every, strict=True) if step[1] > 1)


@recalled
def _together(steps: tuple[Any, ...]) -> tuple[Any, Any, Any, Any]:
    """Of all steps: axes, taps, borders and origins."""
    axes, sizes, given, modes = zip(*steps, strict=True)
    origins = tuple(map(operator.index, given))  # of True 1, as SciPy's
    if any(words.is_bad(o, int(n)) for o, n in zip(origins, sizes, strict=True)):
        raise ValueError("invalid origin")
    return axes, tuple(map(int, sizes)), tuple(map(words.border, modes)), origins


def _average(step: Any, cval: Any, f: Array, target: Array) -> None:
    axis, taps, shift, border = step
    uniform_filter1d(f, int(taps), axis, target, border, cval, shift)


def _mean(
    f: Array, axes: Any, sizes: Any, target: Array, borders: Any, cval: Any, origins: Any
) -> Array:
    """Integers are summed, divided and truncated."""
    if not f.size:
        return target
    sizes, asked = _words_of_mean(f.dtype, target.dtype, axes, sizes, borders, cval, origins)
    if "dtype" in asked:
        return filters.box(f, sizes, out=target, **asked)
    sums = filters.box(f, sizes, normalize=False, dtype=np.float64, **asked)
    means = np.trunc(sums / np.prod(sizes))
    if target.dtype == bool:
        target[...] = means != 0
        return target
    return wrapped(means, target)


@recalled
def _words_of_mean(
    image: DType, result: DType, axes: Any, sizes: Any, borders: Any, cval: Any, origins: Any
) -> tuple[Any, dict[str, Any]]:
    """With the result's type where one step leaves it."""
    asked: dict[str, Any] = {
        "axes": axes, "boundary": borders, "cval": words.constant(cval, image), "origin": origins,
    }  # fmt: skip
    if result.kind in "fc":
        return sizes, asked | {"dtype": result, "accumulate": _sums(image, result)}
    if image.kind == result.kind == "u" and asked["cval"] >= 0:
        # a quarter of a unit more than the quotient has the same whole part, whatever rounding does
        share = 1 / int(np.prod(sizes))
        return sizes, asked | {
            "dtype": result, "normalize": False, "scale": share, "bias": share / 4,
            "accumulate": np.float64, "rounding": "trunc", "overflow": "wrap",
        }  # fmt: skip
    return sizes, asked


def wrapped(means: Array, target: Array) -> Array:
    """Whole numbers in double precision as integers modulo their range."""
    with np.errstate(invalid="ignore"):
        target[...] = means.astype(np.int64).astype(target.dtype)
    return target
