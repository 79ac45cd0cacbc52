"""scipy.ndimage's functions that take weights."""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ...problem.dtypes import Array, DType
from ..recalling import array_of, content, recalled
from . import words
from .summed import Copy, Fills, Sum, Zeros, correlation

Axes = tuple[int, ...]


def correlate(
    input: Any, weights: Any, output: Any = None, mode: str = "reflect", cval: Any = 0.0,
    origin: Any = 0, *, axes: Any = None,
) -> Array:  # fmt: skip
    """Correlate an array with weights over as many axes, as `scipy.ndimage.correlate`.

    Examples
    --------
    >>> correlate([1, 2, 4], [0, 1, 1])
    array([3, 6, 8])
    """
    return _weighted(input, weights, output, mode, cval, origin, axes, reflect=False)


def convolve(
    input: Any, weights: Any, output: Any = None, mode: str = "reflect", cval: Any = 0.0,
    origin: Any = 0, *, axes: Any = None,
) -> Array:  # fmt: skip
    """Convolve an array with weights over as many axes, as `scipy.ndimage.convolve`.

    Examples
    --------
    >>> convolve([1, 2, 4], [0, 1, 1])
    array([2, 3, 6])
    """
    return _weighted(input, weights, output, mode, cval, origin, axes, reflect=True)


def _weighted(
    input: Any, weights: Any, output: Any, mode: Any, cval: Any, origin: Any, axes: Any,
    reflect: bool,
) -> Array:  # fmt: skip
    f, g = words.image(input), np.asarray(weights)
    target = words.target(output, f, "c" in (f.dtype.kind, g.dtype.kind))
    found = _over(content(g), f.ndim, axes, origin, reflect, mode, cval, f.dtype, target.dtype)
    return found.fill(f, target)


@recalled
def _over(
    weights: Any, ndim: int, axes: Any, origin: Any, reflect: bool, mode: Any, cval: Any,
    image: DType, result: DType,
) -> Fills:  # fmt: skip
    """What fills arrays of such types."""
    g, ordered, origins = _lying(array_of(weights), ndim, axes, origin, reflect)
    if not isinstance(mode, str) and np.iterable(mode):
        raise RuntimeError("A sequence of modes is not supported")
    border, outside = words.border(mode), words.constant(cval, image)
    if not g.size:  # SciPy drops an axis of no weights, and sums nothing
        return Zeros()
    if not ordered:
        return Copy(g)
    return correlation(g, ordered, border, outside, origins, image, result)


def _lying(
    weights: Array, ndim: int, axes: Any, origin: Any, reflect: bool
) -> tuple[Array, Axes, Axes]:
    """Weights as those of a correlation, the axes they lie along, and origins of these."""
    over = words.axes_of(axes, ndim)
    g = _taps(weights, conjugate=not reflect)
    shape = tuple(n for n in g.shape if n > 0)
    if len(shape) != len(over):
        raise RuntimeError(f"weights.ndim ({len(shape)}) must match len(axes) ({len(over)})")
    # weights lie along the axes in their order in the array, origins as they were given
    placed = dict(zip(over, words.sequence(origin, len(over)), strict=True))
    ordered = tuple(sorted(over))
    origins = [placed[axis] for axis in ordered]
    if reflect:
        g = np.flip(g)
        origins = [-o - (1 - n % 2) for o, n in zip(origins, shape, strict=True)]
    if any(words.is_bad(o, n) for o, n in zip(origins, shape, strict=True)):
        raise ValueError(
            "Invalid origin; origin must satisfy -(weights.shape[k] // 2) <= origin[k] <= "
            "(weights.shape[k]-1) // 2"
        )
    return g, ordered, tuple(origins)


def _taps(g: Array, conjugate: bool) -> Array:
    """In double precision; the engine conjugates what it correlates with, so others beforehand."""
    if g.dtype.kind == "c":
        return (g if conjugate else g.conj()).astype(np.complex128)
    return g.astype(np.float64)


def correlate1d(
    input: Any, weights: Any, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: Any = 0.0, origin: int = 0,
) -> Array:  # fmt: skip
    """Correlate along one axis, as `scipy.ndimage.correlate1d`.

    Examples
    --------
    >>> correlate1d([[1, 2, 4]], [-1, 0, 1])
    array([[1, 3, 2]])
    """
    return _along(input, weights, axis, output, mode, cval, origin, reflect=False)


def convolve1d(
    input: Any, weights: Any, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: Any = 0.0, origin: int = 0,
) -> Array:  # fmt: skip
    """Convolve along one axis, as `scipy.ndimage.convolve1d`.

    Examples
    --------
    >>> convolve1d([[1, 2, 4]], [-1, 0, 1])
    array([[-1, -3, -2]])
    """
    return _along(input, weights, axis, output, mode, cval, origin, reflect=True)


def _along(
    input: Any, weights: Any, axis: Any, output: Any, mode: Any, cval: Any, origin: Any,
    reflect: bool,
) -> Array:  # fmt: skip
    f, g = words.image(input), np.asarray(weights)
    target = words.target(output, f, "c" in (f.dtype.kind, g.dtype.kind))
    found = _line(content(g), reflect, axis, mode, cval, origin, f.ndim, f.dtype, target.dtype)
    return found.fill(f, target)


@recalled
def _line(
    weights: Any, reflect: bool, axis: Any, mode: Any, cval: Any, origin: Any, *of: Any
) -> Sum:
    g = array_of(weights)
    if reflect:
        g = g[::-1]
        origin = -origin - (1 - len(g) % 2)
    return line(_taps(g, conjugate=not reflect), axis, mode, cval, origin, *of)


def line(
    g: Array, axis: Any, mode: Any, cval: Any, origin: Any, ndim: int, image: DType, result: DType
) -> Sum:
    """The correlation along an axis that fills arrays of such types."""
    outside = words.constant(cval, image)
    if g.ndim != 1 or not g.size:
        raise RuntimeError("no filter weights given")
    place = normalize_axis_index(axis, ndim)
    if words.is_bad(origin, len(g)):
        raise ValueError(
            "Invalid origin; origin must satisfy -(len(weights) // 2) <= origin <= "
            "(len(weights)-1) // 2"
        )
    border = words.border(mode)
    return correlation(g, (place,), border, outside, (origin,), image, result, zero_taps="keep")
