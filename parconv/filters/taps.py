"""The filters themselves, for a convolution: the same one for the same numbers, read-only.

Each as its factors and as an array.  Does not convolve anything.
"""

import math
from functools import cache, partial
from typing import Any, overload

import numpy as np

from ..problem.arguments import check_positives
from ..problem.dtypes import Array
from ..problem.filter import Filter, recalled
from ..problem.lines import Lines
from ..problem.outer import LARGEST, Outer
from .arguments import Sizes, check_orders, check_width, once
from .building import box, by, gaussian, gaussian_laplace

# Of an array that is kept with its factors.  Building a larger one takes nothing beside filtering
# with it.
KEPT_BYTES = 1 << 17


def _constant(rows: list[list[int]]) -> Array:
    g = np.array(rows)
    g.flags.writeable = False
    return g


# along the columns: positive where the image grows to the right; ``.T`` along the rows
SOBEL = _constant([[1, 0, -1], [2, 0, -2], [1, 0, -1]])
PREWITT = _constant([[1, 0, -1], [1, 0, -1], [1, 0, -1]])
SLOPE = [1, 0, -1]


@cache
def second_differences(ndim: int) -> Array:
    """The sum of those along so many axes."""
    g = np.zeros((3,) * ndim, int)
    for axis in range(ndim):
        g[tuple(slice(None) if at == axis else 1 for at in range(ndim))] += (1, -2, 1)
    g.flags.writeable = False
    return g


LAPLACE = second_differences(2)


@cache
def slope(smooth: tuple[int, ...], place: int, ndim: int) -> Lines:
    """Differences along one of so many axes, smoothed along the others."""
    return Lines([SLOPE if at == place else smooth for at in range(ndim)])


def gaussian_taps(
    sigma: Any, *, order: Any = 0, truncate: float = 4.0, radius: Any = None, ndim: int = 2
) -> Array:
    """The filter of `parconv.gaussian`: read-only, float64, ``(2 radius + 1)`` taps on each axis.

    Parameters and errors are those of `parconv.gaussian`; ``ndim`` is the number of axes.

    Examples
    --------
    >>> gaussian_taps((0, 1), radius=1).round(3)
    array([[0.274, 0.452, 0.274]])
    >>> gaussian_taps(2) is gaussian_taps(2)
    True
    """
    return _as_array(
        gaussian_factors(sigma, order=order, truncate=truncate, radius=radius, ndim=ndim)
    )


@overload
def gaussian_factors(
    sigma: Any, *, order: Any = 0, truncate: float = 4.0, radius: Any = None
) -> Outer: ...
@overload
def gaussian_factors(
    sigma: Any, *, order: Any = 0, truncate: float = 4.0, radius: Any = None, ndim: int
) -> Filter: ...
def gaussian_factors(
    sigma: Any, *, order: Any = 0, truncate: float = 4.0, radius: Any = None, ndim: int = 2
) -> Filter:
    """The same filter as its factors, however wide: for `parconv.plan2d` and `parconv.stream`.

    Parameters and errors are those of `parconv.gaussian`; ``ndim`` is the number of axes, of two
    the result is an `Outer`.

    Examples
    --------
    >>> gaussian_factors(1000).shape
    (8001, 8001)
    """
    asked = _check_gaussian(sigma, truncate, radius, order, ndim)
    return recalled((gaussian, *asked), lambda: gaussian(*asked))


def gaussian_laplace_taps(
    sigma: Any, *, truncate: float = 4.0, radius: Any = None, ndim: int = 2
) -> Array:
    """The filter of `parconv.gaussian_laplace`: the two second derivatives of a Gaussian, added.

    Parameters and errors are those of `parconv.gaussian_laplace`; ``ndim`` is 1 or 2.

    Examples
    --------
    >>> gaussian_laplace_taps(1, radius=1).round(3)
    array([[ 0.   , -0.124,  0.   ],
           [-0.124, -0.408, -0.124],
           [ 0.   , -0.124,  0.   ]])
    """
    return _as_array(gaussian_laplace_factors(sigma, truncate=truncate, radius=radius, ndim=ndim))


@overload
def gaussian_laplace_factors(sigma: Any, *, truncate: float = 4.0, radius: Any = None) -> Outer: ...
@overload
def gaussian_laplace_factors(
    sigma: Any, *, truncate: float = 4.0, radius: Any = None, ndim: int
) -> Filter: ...
def gaussian_laplace_factors(
    sigma: Any, *, truncate: float = 4.0, radius: Any = None, ndim: int = 2
) -> Filter:
    """The same filter as its factors, however wide.

    Parameters and errors are those of `parconv.gaussian_laplace`; ``ndim`` is 1 or 2.

    Examples
    --------
    >>> len(gaussian_laplace_factors(1).columns)
    2
    """
    if ndim > 2:
        raise ValueError(
            f"gaussian_laplace along {ndim} axes: pass one or two, or add gaussian(order=...) of "
            "second derivatives along each"
        )
    asked = _check_width(sigma, truncate, radius, ndim)
    return recalled((gaussian_laplace, *asked), lambda: gaussian_laplace(*asked))


def box_taps(size: Any, *, normalize: bool = True, ndim: int = 2) -> Array:
    """The filter of `parconv.box`: equal taps, float64 and of sum 1, or integers 1.

    Parameters and errors are those of `parconv.box`; ``ndim`` is the number of axes.

    Examples
    --------
    >>> box_taps((1, 4))
    array([[0.25, 0.25, 0.25, 0.25]])
    """
    return _as_array(box_factors(size, normalize=normalize, ndim=ndim))


@overload
def box_factors(size: Any, *, normalize: bool = True) -> Outer: ...
@overload
def box_factors(size: Any, *, normalize: bool = True, ndim: int) -> Filter: ...
def box_factors(size: Any, *, normalize: bool = True, ndim: int = 2) -> Filter:
    """The same filter as its factors, however large.

    Parameters and errors are those of `parconv.box`; ``ndim`` is the number of axes.

    Examples
    --------
    >>> box_factors((2, 4)).columns
    array([[0.125, 0.125]])
    """
    asked = _check_size(size, ndim), bool(normalize)
    return recalled((box, *asked), lambda: box(*asked))


@once
def _check_gaussian(
    sigma: Any, truncate: Any, radius: Any, order: Any, count: int
) -> tuple[Any, ...]:
    return *check_width(sigma, truncate, radius, count), check_orders(order, count)


_check_width = once(check_width)
_check_size = once(partial(check_positives, "size"))


def _as_array(g: Filter) -> Array:
    """The same filter as an array."""
    _check_count(g.shape)
    if isinstance(g, Outer) and math.prod(g.shape) * g.dtype.itemsize <= KEPT_BYTES:
        return g.taps
    taps = np.asarray(g)
    taps.flags.writeable = False
    return taps


def _check_count(shape: Sizes) -> None:
    if math.prod(shape) > LARGEST:
        raise ValueError(
            f"the filter would have {by(shape)} taps; pass less, for at most {LARGEST} "
            "taps, or take its factors: gaussian_factors, gaussian_laplace_factors, box_factors"
        )
