"""Slopes along one axis: differences, smoothed along all others that are filtered."""

from typing import Any, Unpack

from numpy.typing import ArrayLike, NDArray

from ..problem.question import FilterOptions, spelled
from . import same


@spelled(boundary="symmetric")
def sobel(
    f: ArrayLike, axis: int = -1, *,
    out: NDArray[Any] | None = None, **options: Unpack[FilterOptions],
) -> NDArray[Any]:  # fmt: skip
    """Slope along one axis by the Sobel filter: ``[-1, 0, 1]``, times ``[1, 2, 1]`` across it.

    Parameters
    ----------
    f : array_like, shape (..., H, W)
        Image or stack of images.
    axis : int
        Axis of ``f`` to differentiate along, one of ``axes``; the slope is positive where the
        image grows with its index.
    boundary, cval, axes, channel_axis : optional
        As in `gaussian`, with its usual border, ``"symmetric"``.
    dtype, accumulate, bias, scale, overflow, rounding : optional
        As in `gaussian`.
    where, weights, nan_policy, min_weight : optional
        As in `conv2d`; taps that cancel have no mean, so that of these only ``nan_policy="raise"``
        goes with this filter.
    out, threads, strategy, method : optional
        As in `conv2d`.

    Returns
    -------
    ndarray
        As large as ``f``, eight times the slope per pixel; exact in int64 for integers, else of the
        image's dtype, unless ``dtype`` says otherwise; exactly 0 where pixels are equal.  Errors
        as for `gaussian`.

    References
    ----------
    Equal to `scipy.ndimage.sobel` of each plane.

    Examples
    --------
    >>> import parconv
    >>> parconv.sobel([[0, 0, 1, 2]])
    array([[0, 4, 8, 4]])
    """
    return same.run(f, out, options, same.sobel, axis)


@spelled(boundary="symmetric")
def prewitt(
    f: ArrayLike, axis: int = -1, *,
    out: NDArray[Any] | None = None, **options: Unpack[FilterOptions],
) -> NDArray[Any]:  # fmt: skip
    """Slope along one axis by the Prewitt filter: ``[-1, 0, 1]``, times ``[1, 1, 1]`` across it.

    Parameters
    ----------
    f : array_like, shape (..., H, W)
        Image or stack of images.
    axis : int
        Axis of ``f`` to differentiate along, one of ``axes``.
    boundary, cval, axes, channel_axis : optional
        As in `gaussian`, with its usual border, ``"symmetric"``.
    dtype, accumulate, bias, scale, overflow, rounding : optional
        As in `gaussian`.
    where, weights, nan_policy, min_weight : optional
        As in `conv2d`; taps that cancel have no mean, so that of these only ``nan_policy="raise"``
        goes with this filter.
    out, threads, strategy, method : optional
        As in `conv2d`.

    Returns
    -------
    ndarray
        As large as ``f``, six times the slope per pixel; dtype and errors as for `sobel`.

    References
    ----------
    Equal to `scipy.ndimage.prewitt` of each plane.

    Examples
    --------
    >>> import parconv
    >>> parconv.prewitt([[0], [1], [3]], axis=0)
    array([[3],
           [9],
           [6]])
    """
    return same.run(f, out, options, same.prewitt, axis)


@spelled(boundary="symmetric")
def scharr(
    f: ArrayLike, axis: int = -1, *,
    out: NDArray[Any] | None = None, **options: Unpack[FilterOptions],
) -> NDArray[Any]:  # fmt: skip
    """Slope along one axis by the Scharr filter: ``[-1, 0, 1]``, times ``[3, 10, 3]`` across it.

    Of lines in any direction it finds the slope more evenly than `sobel`.

    Parameters
    ----------
    f : array_like, shape (..., H, W)
        Image or stack of images.
    axis : int
        Axis of ``f`` to differentiate along, one of ``axes``.
    boundary, cval, axes, channel_axis : optional
        As in `gaussian`, with its usual border, ``"symmetric"``.
    dtype, accumulate, bias, scale, overflow, rounding : optional
        As in `gaussian`.
    where, weights, nan_policy, min_weight : optional
        As in `conv2d`; taps that cancel have no mean, so that of these only ``nan_policy="raise"``
        goes with this filter.
    out, threads, strategy, method : optional
        As in `conv2d`.

    Returns
    -------
    ndarray
        As large as ``f``, 32 times the slope per pixel; dtype and errors as for `sobel`.

    References
    ----------
    B. Jähne, H. Scharr and S. Körkel, "Principles of filter design", Handbook of Computer Vision
    and Applications, Academic Press, 1999.  Equal to OpenCV's ``Scharr`` of inner pixels.

    Examples
    --------
    >>> import parconv
    >>> parconv.scharr([[0, 0, 1, 2]])
    array([[ 0, 16, 32, 16]])
    """
    return same.run(f, out, options, same.scharr, axis)


@spelled(boundary="symmetric")
def farid(
    f: ArrayLike, axis: int = -1, *,
    out: NDArray[Any] | None = None, **options: Unpack[FilterOptions],
) -> NDArray[Any]:  # fmt: skip
    """Slope along one axis by the filter of Farid and Simoncelli, of 5 x 5 taps.

    Of lines in any direction it finds the slope more evenly than `scharr`.

    Parameters
    ----------
    f : array_like, shape (..., H, W)
        Image or stack of images.
    axis : int
        Axis of ``f`` to differentiate along, one of ``axes``.
    boundary, cval, axes, channel_axis : optional
        As in `gaussian`, with its usual border, ``"symmetric"``.
    dtype, accumulate, bias, scale, overflow, rounding : optional
        As in `gaussian`.
    where, weights, nan_policy, min_weight : optional
        As in `conv2d`; taps that cancel have no mean, so that of these only ``nan_policy="raise"``
        goes with this filter.
    out, threads, strategy, method : optional
        As in `conv2d`.

    Returns
    -------
    ndarray
        As large as ``f``, 0.99 times the slope per pixel; dtype and errors as for `gaussian`.

    References
    ----------
    H. Farid and E. P. Simoncelli, "Differentiation of discrete multidimensional signals", IEEE
    Transactions on Image Processing 13(4), 2004.

    Examples
    --------
    >>> import parconv
    >>> parconv.farid([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]).round(2)[0, 2:4]
    array([0.99, 0.99])
    """
    return same.run(f, out, options, same.farid, axis)


@spelled(boundary="symmetric")
def roberts(
    f: ArrayLike, diagonal: int = 1, *,
    out: NDArray[Any] | None = None, **options: Unpack[FilterOptions],
) -> NDArray[Any]:  # fmt: skip
    """Difference of neighbours along a diagonal, by two of 2 x 2 taps.

    Parameters
    ----------
    f : array_like, shape (..., H, W)
        Image or stack of images.
    diagonal : {1, -1}
        1: the neighbour below to the right, less the pixel; -1: the neighbour below, less that to
        the right.
    boundary, cval, axes, channel_axis : optional
        As in `gaussian`; of two axes.
    dtype, accumulate, bias, scale, overflow, rounding : optional
        As in `gaussian`.
    where, weights, nan_policy, min_weight : optional
        As in `conv2d`; taps that cancel have no mean, so that of these only ``nan_policy="raise"``
        goes with this filter.
    out, threads, strategy, method : optional
        As in `conv2d`.

    Returns
    -------
    ndarray
        As large as ``f``; dtype and errors as for `sobel`.

    References
    ----------
    L. G. Roberts, "Machine perception of three-dimensional solids", MIT, 1963.  Equal to
    ``roberts_pos_diag`` and ``roberts_neg_diag`` of `skimage.filters` for floating-point images.

    Examples
    --------
    >>> import parconv
    >>> parconv.roberts([[0, 0], [0, 5]])
    array([[5, 5],
           [5, 0]])
    """
    return same.run(f, out, options, same.roberts, diagonal)
