"""scipy.ndimage's derivatives."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ...filters.taps import second_differences
from ...problem.dtypes import Array, DType
from ..recalling import recalled
from . import words
from .smoothing import gaussian_filter
from .summed import Fills, Sum, correlation
from .turns import in_turn
from .weights import correlate1d, line

SLOPE = (-1, 0, 1)


def sobel(
    input: Any, axis: int = -1, output: Any = None, mode: Any = "reflect", cval: Any = 0.0
) -> Array:
    """Slope along an axis, smoothed by 1, 2, 1 along all others, as `scipy.ndimage.sobel`.

    Examples
    --------
    >>> sobel([[0, 0, 1, 2]])
    array([[0, 4, 8, 4]])
    """
    return _slope(input, axis, output, mode, cval, (1, 2, 1))


def prewitt(
    input: Any, axis: int = -1, output: Any = None, mode: Any = "reflect", cval: Any = 0.0
) -> Array:
    """Slope along an axis, smoothed by 1, 1, 1 along all others, as `scipy.ndimage.prewitt`.

    Examples
    --------
    >>> prewitt([[0, 0, 1, 2]])
    array([[0, 3, 6, 3]])
    """
    return _slope(input, axis, output, mode, cval, (1, 1, 1))


def _slope(
    input: Any, axis: Any, output: Any, mode: Any, cval: Any, across: tuple[int, ...]
) -> Array:
    f = words.image(input)
    target = words.target(output, f, f.dtype.kind == "c")
    return _sloped(across, axis, mode, cval, f.ndim, f.dtype, target.dtype).fill(f, target)


@recalled
def _sloped(
    across: tuple[int, ...], axis: Any, mode: Any, cval: Any, ndim: int, image: DType,
    result: DType,
) -> Fills:  # fmt: skip
    """What fills arrays of such types."""
    place = normalize_axis_index(axis, ndim)
    modes, cval = words.sequence(mode, ndim), words.constant(cval, image)
    if ndim == 2 and _is_one(modes, cval, image, result):
        g = np.outer(across, SLOPE) if place else np.outer(SLOPE, across)
        return _plane(g, (0, 1), modes, image, result, zero_taps="keep")
    steps = [(place, SLOPE), *((other, across) for other in range(ndim) if other != place)]

    def made(step: Any, kind: DType) -> Sum:
        at, g = step
        return line(np.array(g, float), at, modes[at], cval, 0, ndim, kind, result)

    return in_turn(steps, image, result, made)


def _is_one(modes: Any, cval: Any, image: DType, result: DType) -> bool:
    """Whether a sum over two axes leaves what sums over one after another do, to rounding."""
    constant = any(words.border(mode) == "constant" for mode in modes)
    exact = image.kind in "biu" and result.kind in "iu"
    return (exact or result.kind in "fc") and not (constant and cval)


def _plane(g: Array, axes: Any, modes: Any, image: DType, result: DType, **options: Any) -> Sum:
    borders = tuple(map(words.border, modes))
    return correlation(g, axes, borders, 0, (0, 0), image, result, **options)


def generic_laplace(
    input: Any, derivative2: Callable[..., Any], output: Any = None, mode: Any = "reflect",
    cval: Any = 0.0, extra_arguments: Any = (), extra_keywords: Any = None, *, axes: Any = None,
) -> Array:  # fmt: skip
    """The sum of second derivatives, as `scipy.ndimage.generic_laplace`.

    Examples
    --------
    >>> generic_laplace([1, 1, 4, 1], lambda *given: correlate1d(given[0], [1, -2, 1], *given[1:]))
    array([ 0,  3, -6,  3])
    """

    f, target, over, modes, call = _terms(input, derivative2, output, mode, cval, axes,
                                          extra_arguments, extra_keywords)  # fmt: skip
    if not over:
        target[...] = f
        return target
    call(f, over[0], target, modes[0])
    for axis, border in zip(over[1:], modes[1:], strict=True):
        target += call(f, axis, target.dtype, border)
    return target


def generic_gradient_magnitude(
    input: Any, derivative: Callable[..., Any], output: Any = None, mode: Any = "reflect",
    cval: Any = 0.0, extra_arguments: Any = (), extra_keywords: Any = None, *, axes: Any = None,
) -> Array:  # fmt: skip
    """The length of the gradient, as `scipy.ndimage.generic_gradient_magnitude`.

    Examples
    --------
    >>> generic_gradient_magnitude([[0.0, 3.0], [4.0, 7.0]], sobel)
    array([[20., 20.],
           [20., 20.]])
    """
    f, target, over, modes, call = _terms(input, derivative, output, mode, cval, axes,
                                          extra_arguments, extra_keywords)  # fmt: skip
    if not over:
        target[...] = f
        return target
    call(f, over[0], target, modes[0])
    np.multiply(target, target, target)
    for axis, border in zip(over[1:], modes[1:], strict=True):
        term = call(f, axis, target.dtype, border)
        target += np.multiply(term, term, term)
    np.sqrt(target, target, casting="unsafe")
    return target


def _terms(
    input: Any,
    derivative: Any,
    output: Any,
    mode: Any,
    cval: Any,
    axes: Any,
    more: Any,
    words_of: Any,
) -> tuple[Array, Array, tuple[int, ...], list[Any], Callable[..., Any]]:
    f = np.asarray(input)
    target = words.target(output, f, f.dtype.kind == "c")
    over = words.axes_of(axes, f.ndim)
    modes = words.sequence(mode, len(over)) if over else []

    def call(source: Array, axis: int, into: Any, border: Any) -> Any:
        return derivative(source, axis, into, border, cval, *more, **(words_of or {}))

    return f, target, over, modes, call


def laplace(
    input: Any, output: Any = None, mode: Any = "reflect", cval: Any = 0.0, *, axes: Any = None
) -> Array:
    """The sum of second differences, as `scipy.ndimage.laplace`.

    Examples
    --------
    >>> laplace([1, 1, 4, 1])
    array([ 0,  3, -6,  3])
    """
    f = words.image(input)
    over = words.axes_of(axes, f.ndim)
    target = words.target(output, f, f.dtype.kind == "c")
    found = _laplacian(over, mode, cval, f.dtype, target.dtype)
    if found:
        return found.fill(f, target)
    return generic_laplace(f, _second, target, mode, cval, axes=over)


@recalled
def _laplacian(over: Any, mode: Any, cval: Any, image: DType, result: DType) -> Sum | None:
    """What fills arrays of such types at one go; None: an axis after another does."""
    modes, cval = words.sequence(mode, len(over)) if over else [], words.constant(cval, image)
    if len(over) != 2 or not _is_one(modes, cval, image, result):
        return None
    return _plane(second_differences(2), over, modes, image, result)


def _second(f: Array, axis: int, into: Any, border: Any, outside: Any) -> Array:
    return correlate1d(f, [1, -2, 1], axis, into, border, outside, 0)


def gaussian_laplace(
    input: Any, sigma: Any, output: Any = None, mode: Any = "reflect", cval: Any = 0.0, *,
    axes: Any = None, **kwargs: Any,
) -> Array:  # fmt: skip
    """The sum of a Gaussian's second derivatives, as `scipy.ndimage.gaussian_laplace`.

    Examples
    --------
    >>> gaussian_laplace([0.0, 0, 9, 0, 0], 1).round(2)
    array([ 1.78,  0.02, -3.59,  0.02,  1.78])
    """
    f = np.asarray(input)
    over = words.axes_of(axes, f.ndim)
    given = dict(zip(over, words.sequence(sigma, len(over)), strict=True))
    widths = tuple(given.get(axis, 0.0) for axis in range(f.ndim))
    second = _of_gaussian(f.ndim, 2)
    return generic_laplace(f, second, output, mode, cval, (widths,), kwargs, axes=axes)


def gaussian_gradient_magnitude(
    input: Any, sigma: Any, output: Any = None, mode: Any = "reflect", cval: Any = 0.0, *,
    axes: Any = None, **kwargs: Any,
) -> Array:  # fmt: skip
    """The gradient's length under a Gaussian, as `scipy.ndimage.gaussian_gradient_magnitude`.

    Examples
    --------
    >>> gaussian_gradient_magnitude([0.0, 1, 2, 3, 4, 5, 6], 0.5).round(2)
    array([0.43, 0.86, 0.86, 0.86, 0.86, 0.86, 0.43])
    """
    f = np.asarray(input)
    slope = _of_gaussian(f.ndim, 1)
    return generic_gradient_magnitude(f, slope, output, mode, cval, (sigma,), kwargs, axes=axes)


def _of_gaussian(ndim: int, order: int) -> Callable[..., Array]:
    """A Gaussian's derivative of that order along one axis."""

    def derivative(
        f: Array, axis: int, into: Any, border: Any, outside: Any, widths: Any, **more: Any
    ) -> Array:
        orders = tuple(order if other == axis else 0 for other in range(ndim))
        return gaussian_filter(f, widths, orders, into, border, outside, **more)

    return derivative
