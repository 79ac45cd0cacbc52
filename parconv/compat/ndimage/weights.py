"""scipy.ndimage's functions that take weights."""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ...problem.dtypes import Array
from ..recalling import array_of, content, recalled
from . import words
from .summed import correlated

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
    f = words.image(input)
    g, ordered, origins = _lying(content(np.asarray(weights)), f.ndim, axes, origin, reflect)
    target = words.target(output, f, "c" in (f.dtype.kind, g.dtype.kind))
    if not isinstance(mode, str) and np.iterable(mode):
        raise RuntimeError("A sequence of modes is not supported")
    border, outside = words.border(mode), words.constant(cval, f.dtype)
    if not ordered or not g.size:  # SciPy drops an axis of no weights, and sums nothing
        target[...] = f * g if g.size else 0
        return target
    return correlated(f, g, ordered, target, border, outside, origins)


@recalled
def _lying(
    weights: Any, ndim: int, axes: Any, origin: Any, reflect: bool
) -> tuple[Any, Axes, Axes]:
    """Weights as those of a correlation, the axes they lie along, and origins of these."""
    over = words.axes_of(axes, ndim)
    g = _taps(array_of(weights), conjugate=not reflect)
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
    return _along(input, np.asarray(weights), axis, output, mode, cval, origin, conjugate=True)


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
    g = np.asarray(weights)[::-1]
    shifted = -origin - (1 - len(g) % 2)
    return _along(input, g, axis, output, mode, cval, shifted, conjugate=False)


def _along(
    input: Any, weights: Array, axis: Any, output: Any, mode: Any, cval: Any, origin: Any,
    conjugate: bool,
) -> Array:  # fmt: skip
    f, g = words.image(input), _taps(weights, conjugate)
    target = words.target(output, f, "c" in (f.dtype.kind, g.dtype.kind))
    outside = words.constant(cval, f.dtype)
    if g.ndim != 1 or not g.size:
        raise RuntimeError("no filter weights given")
    place = normalize_axis_index(axis, f.ndim)
    if words.is_bad(origin, len(g)):
        raise ValueError(
            "Invalid origin; origin must satisfy -(len(weights) // 2) <= origin <= "
            "(len(weights)-1) // 2"
        )
    border = words.border(mode)
    return correlated(f, g, (place,), target, border, outside, (origin,), zero_taps="keep")
