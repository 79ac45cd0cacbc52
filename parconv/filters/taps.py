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
from .arguments import Sizes, check_amount, check_orders, check_width, once
from .building import box, by, contrast, gaussian, gaussian_laplace

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
SCHARR = _constant([[3, 0, -3], [10, 0, -10], [3, 0, -3]])
ROBERTS = {1: _constant([[1, 0], [0, -1]]), -1: _constant([[0, 1], [-1, 0]])}  # by diagonal
SLOPE = (1, 0, -1)
# Smoothing and slope by five taps each, Farid and Simoncelli's table 2.
FARID_LINES = (
    (0.0376593171958126, 0.249153396177344, 0.426374573253687, 0.249153396177344,
     0.0376593171958126),
    (0.109603762960254, 0.276690988455557, 0.0, -0.276690988455557, -0.109603762960254),
)  # fmt: skip
FARID = np.outer(*FARID_LINES)
FARID.flags.writeable = False


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
def slope(
    smooth: tuple[float, ...], differences: tuple[float, ...], place: int, ndim: int
) -> Lines:
    """Differences along one of so many axes, smoothed along the others."""
    return Lines([differences if at == place else smooth for at in range(ndim)])


def gaussian_taps(
    sigma: Any, *, order: Any = 0, truncate: float = 4.0, radius: Any = None, ndim: int = 2
) -> Array:
    """The filter of `parconv.gaussian` as an array.

    Parameters
    ----------
    sigma : float or (float, float)
        As in `parconv.gaussian`.
    order, truncate, radius : optional
        As in `parconv.gaussian`.
    ndim : int
        How many axes it is over.

    Returns
    -------
    ndarray
        Read-only, float64, ``2 * radius + 1`` taps along each axis.

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
    """The filter of `parconv.gaussian` as its factors: for `parconv.plan2d` and `parconv.stream`.

    Parameters
    ----------
    sigma : float or (float, float)
        As in `parconv.gaussian`.
    order, truncate, radius : optional
        As in `parconv.gaussian`.
    ndim : int
        How many axes it is over.

    Returns
    -------
    Outer or array_like
        What images, plans and streams take as a filter, however wide; of two axes a
        `parconv.Outer`.

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

    Parameters
    ----------
    sigma : float or (float, float)
        As in `parconv.gaussian_laplace`.
    truncate, radius : optional
        As in `parconv.gaussian_laplace`.
    ndim : int
        How many axes it is over: 1 or 2.

    Returns
    -------
    ndarray
        Read-only, float64, ``2 * radius + 1`` taps along each axis.

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
    """The filter of `parconv.gaussian_laplace` as its factors.

    Parameters
    ----------
    sigma : float or (float, float)
        As in `parconv.gaussian_laplace`.
    truncate, radius : optional
        As in `parconv.gaussian_laplace`.
    ndim : int
        How many axes it is over: 1 or 2.

    Returns
    -------
    Outer or array_like
        What images, plans and streams take as a filter, however wide; of two axes a
        `parconv.Outer`.

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


def dog_factors(low: Any, high: Any = None, *, truncate: float = 4.0, ndim: int = 2) -> Filter:
    """The filter of `parconv.difference_of_gaussians` as its factors, over one axis or two.

    Examples
    --------
    >>> len(dog_factors(1, 2).columns), dog_factors(1, 2).shape
    (2, (17, 17))
    """
    narrow, reach, _ = _check_width(low, truncate, None, ndim)
    given = tuple(1.6 * sigma for sigma in narrow) if high is None else high
    wide = _check_width(given, truncate, None, ndim)[0]
    if any(one > other for one, other in zip(narrow, wide, strict=True)):
        raise ValueError(f"high={high!r} is less than low={low!r}: pass at least that")
    _check_two("difference_of_gaussians", ndim)
    asked = (*narrow, 0.0), (*wide, 0.0), reach, ndim
    return recalled((contrast, *asked), lambda: contrast(narrow, wide, (1.0, -1.0), reach))


def unsharp_factors(
    sigma: Any, amount: Any = 1.0, *, truncate: float = 4.0, ndim: int = 2
) -> Filter:
    """The filter of `parconv.unsharp_mask` as its factors, over one axis or two.

    Examples
    --------
    >>> round(float(np.asarray(unsharp_factors(1, 0.5)).sum()), 12)
    1.0
    """
    wide, reach, _ = _check_width(sigma, truncate, None, ndim)
    share = check_amount(amount)
    _check_two("unsharp_mask", ndim)
    still = (0.0,) * ndim
    asked = wide, share, reach, ndim
    return recalled(
        ("unsharp", *asked), lambda: contrast(still, wide, (1.0 + share, -share), reach)
    )


def _check_two(name: str, ndim: int) -> None:
    if ndim > 2:
        raise ValueError(f"{name} along {ndim} axes: pass one or two, or subtract gaussian()")


def box_taps(size: Any, *, normalize: bool = True, ndim: int = 2) -> Array:
    """The filter of `parconv.box` as an array: equal taps.

    Parameters
    ----------
    size : int or (int, int)
        As in `parconv.box`.
    normalize : bool
        As in `parconv.box`.
    ndim : int
        How many axes it is over.

    Returns
    -------
    ndarray
        Read-only: float64 of sum 1, or integers 1 where ``normalize`` is False.

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
    """The filter of `parconv.box` as its factors.

    Parameters
    ----------
    size : int or (int, int)
        As in `parconv.box`.
    normalize : bool
        As in `parconv.box`.
    ndim : int
        How many axes it is over.

    Returns
    -------
    Outer or array_like
        What images, plans and streams take as a filter, however large; of two axes a
        `parconv.Outer`.

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
