"""Derivatives of any order: differences along some axes, smoothed by Pascal's numbers."""

from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..problem.arguments import check_positives
from ..problem.dtypes import Array
from ..problem.filter import Filter, recalled
from ..problem.question import FilterOptions, spelled
from ..problem.shown import shown
from . import same
from .arguments import Sizes, check_orders, count_for
from .building import product

WHOLE_BITS = 62  # of the sum of a filter of whole numbers


@spelled(boundary="symmetric")
def derivative(
    f: ArrayLike, order: Any, size: Any = 3, *, normalize: bool = False,
    out: NDArray[Any] | None = None, **options: Unpack[FilterOptions],
) -> NDArray[Any]:  # fmt: skip
    """A derivative of any order along each axis, as larger Sobel filters have it.

    Parameters
    ----------
    f : array_like, shape (..., H, W)
        Image or stack of images.
    order : int or (int, int)
        Derivative along each axis, (rows, columns): ``(0, 1)`` is the slope along the columns,
        ``(1, 1)`` the mixed second derivative; of as many axes as are filtered.
    size : int or (int, int)
        Taps along each axis: odd, and more than the order.
    normalize : bool
        Whether to divide by the filter's gain, so that the result is per pixel.
    boundary, cval, axes, channel_axis : optional
        As in `gaussian`.
    dtype, accumulate, bias, scale, overflow, rounding : optional
        As in `gaussian`.
    where, weights, nan_policy, min_weight : optional
        Means over the pixels that are there, as in `conv2d`; of orders that are all 0.
    out, threads, strategy, method : optional
        As in `conv2d`.

    Returns
    -------
    ndarray
        As large as ``f``: exact in int64 for integers, unless it is normalized or ``dtype`` says
        otherwise; exactly 0 where pixels are equal, if any order is above 0.

    Raises
    ------
    TypeError, ValueError
        Where an argument is wrong; the message says what to pass.  ``out`` is unchanged.

    References
    ----------
    Equal to OpenCV's ``Sobel(f, depth, dx, dy, ksize)`` with its border: ``order=(dy, dx)``,
    ``boundary="mirror"``.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> y, x = np.indices((9, 9))
    >>> int(parconv.derivative(x * x, (0, 2), 5)[4, 4])  # 64 times the second derivative
    128
    >>> float(parconv.derivative(x * y, (1, 1), 3, normalize=True)[4, 4])
    1.0
    """
    return same.run(f, out, options, _made, order, size, normalize)


def _made(f: Array, options: Any, order: Any, size: Any, normalize: Any) -> tuple[Filter, int]:
    count = count_for(f, options)
    return derivative_factors(order, size, normalize=normalize, ndim=count), 0


def derivative_factors(
    order: Any, size: Any = 3, *, normalize: bool = False, ndim: int = 2
) -> Filter:
    """The filter of `parconv.derivative` as its factors.

    Parameters
    ----------
    order, size : int or (int, int)
        As in `parconv.derivative`.
    normalize : bool
        Whether to divide by the filter's gain.
    ndim : int
        How many axes it is over.

    Returns
    -------
    Outer or array_like
        What images, plans and streams take as a filter: a `parconv.Outer` of two axes.

    Examples
    --------
    >>> np.asarray(derivative_factors((0, 1)))
    array([[ 1,  0, -1],
           [ 2,  0, -2],
           [ 1,  0, -1]])
    """
    orders, sizes = check_orders(order, ndim), check_positives("size", size, ndim)
    if any(n % 2 == 0 or n <= one for n, one in zip(sizes, orders, strict=True)):
        raise ValueError(
            f"size={shown(size)} for order={shown(order)}: pass odd numbers above the order"
        )
    key = derivative, orders, sizes, bool(normalize)
    return recalled(key, lambda: _product(orders, sizes, normalize))


def _product(orders: Sizes, sizes: Sizes, normalize: bool) -> Filter:
    lines = [pascal(one, n)[::-1] for one, n in zip(orders, sizes, strict=True)]
    if normalize:
        lines = [line / 2.0 ** (n - 1 - one) for line, one, n in zip(lines, orders, sizes,
                                                                     strict=True)]  # fmt: skip
    elif sum(sizes) > WHOLE_BITS:
        lines = [line.astype(float) for line in lines]
    return product([np.ascontiguousarray(line) for line in lines])


def pascal(order: int, size: int) -> Array:
    """Pascal's numbers, differentiated: for a correlation.

    Examples
    --------
    >>> pascal(0, 5), pascal(1, 3)
    (array([1, 4, 6, 4, 1]), array([-1,  0,  1]))
    """
    taps = np.ones(1, np.int64 if size <= WHOLE_BITS else float)
    for turn in range(size - 1):
        taps = np.convolve(taps, (1, 1) if turn < size - order - 1 else (-1, 1))
    return taps
