"""One call each: a filter from its description, then one convolution as large as the image.

They equal the functions of scipy.ndimage named in their docstrings, by the rules of `conv2d`:
``"symmetric"`` is SciPy's "reflect", ``"edge"`` its "nearest", and a constant border continues the
image; SciPy continues what its first pass leaves: derivatives differ where ``cval`` is not 0.
"""

from typing import Any, Unpack

from numpy.typing import ArrayLike, NDArray

from ..problem.question import FilterOptions, spelled
from . import same


@spelled(boundary="symmetric")
def gaussian(
    f: ArrayLike, sigma: Any, *, order: Any = 0, truncate: float = 4.0, radius: Any = None,
    out: NDArray[Any] | None = None, **options: Unpack[FilterOptions],
) -> NDArray[Any]:  # fmt: skip
    """Smooth an image, or every plane of a stack, with a Gaussian or a derivative of one.

    Parameters
    ----------
    f : array_like, shape (..., H, W)
        Image or stack of images, of any dtype and layout that `conv2d` takes.  A last axis of 3 or
        4 without ``axes`` is filtered as columns, with a `parconv.filters.ColourWarning`: pass
        ``axes=(0, 1)`` for colour (H, W, 3).
    sigma : float or (float, float)
        Standard deviation in pixels, of rows and columns or (rows, columns), or of as many axes as
        are filtered; 0 leaves an axis as it is.
    order : int or (int, int)
        Derivative along each axis: 0 smooths, 1 is the slope per pixel of the smoothed image.
    truncate : float
        Where the filter ends, in standard deviations: ``int(truncate * sigma + 0.5)`` pixels from
        its centre.
    radius : int or (int, int), optional
        Where it ends, in pixels, in place of ``truncate``.
    boundary, cval, axes : optional
        As in `conv2d`, but for the usual border, ``"symmetric"``.  ``axes`` may be one, as of a
        signal, or any number: ``(0, 1, 2)`` of a volume, whose integers are rounded but once.
    channel_axis : int, optional
        In place of ``axes``: the one axis that is not filtered, such as -1 of a colour image.
    dtype, accumulate, bias, scale, overflow, rounding : optional
        As in `conv2d`.
    where, weights, nan_policy, min_weight : optional
        Means over the pixels that are there, as in `conv2d`.
    out, threads, strategy, method : optional
        As in `conv2d`.

    Returns
    -------
    ndarray
        As large as ``f``; of its dtype where that is inexact, else float32 (8 and 16 bits) or
        float64, unless ``dtype`` says otherwise.  ``out`` where it was given.

    Raises
    ------
    TypeError, ValueError
        Where an argument is wrong, or the filter would have more than 16 million taps along an
        axis; the message says what to pass.  ``out`` is unchanged.

    See Also
    --------
    parconv.filters.gaussian_factors : The filter, for `plan2d` and `stream`.
    parconv.filters.gaussian_taps : The filter as an array.

    References
    ----------
    Equal to `scipy.ndimage.gaussian_filter`, which also rounds the image to the result's dtype
    between its passes, and ignores ``order`` where ``sigma`` is 0 (an error here).  Ones
    stay 1 to within 4 machine epsilons for ``sigma`` up to 5, and always half as many as the filter
    has taps and 2.  Of equal pixels odd derivatives are exactly 0; even ones are what is left where
    the filter ends, as in SciPy.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> f = np.zeros((5, 5), np.uint8)
    >>> f[2, 2] = 250
    >>> parconv.gaussian(f, 1, dtype="uint8")[1:4, 1:4]
    array([[15, 24, 15],
           [24, 40, 24],
           [15, 24, 15]], dtype=uint8)
    """
    return same.run(f, out, options, same.gaussian, sigma, order, truncate, radius)


@spelled(boundary="symmetric")
def box(
    f: ArrayLike, size: Any, *, normalize: bool = True, origin: Any = 0,
    out: NDArray[Any] | None = None, **options: Unpack[FilterOptions],
) -> NDArray[Any]:  # fmt: skip
    """Mean, or sum, of the pixels in a rectangle around each pixel.

    Parameters
    ----------
    f : array_like, shape (..., H, W)
        Image or stack of images.
    size : int or (int, int)
        Pixels of the rectangle, of rows and columns or (rows, columns); an even one reaches one
        pixel further to the front.
    normalize : bool
        Whether to divide by the number of pixels.  Sums of integers are exact, in int64.
    origin : int or (int, int)
        Pixels by which the result moves down and right: ``-(size // 2)`` to ``(size - 1) // 2``.
    boundary, cval, axes, channel_axis : optional
        As in `gaussian`, with its usual border, ``"symmetric"``.
    dtype, accumulate, bias, scale, overflow, rounding : optional
        As in `gaussian`.
    where, weights, nan_policy, min_weight : optional
        Means over the pixels that are there, as in `conv2d`.
    out, threads, strategy, method : optional
        As in `conv2d`.

    Returns
    -------
    ndarray
        As large as ``f``; dtype and errors as for `gaussian`.

    References
    ----------
    Equal to `scipy.ndimage.uniform_filter`; NaN and infinity reach no further than the rectangle.
    The mean of equal whole numbers is that number, of ones 1.

    Examples
    --------
    >>> import parconv
    >>> parconv.box([[1, 2, 6]], (1, 3), normalize=False)
    array([[ 4,  9, 14]])
    """
    return same.run(f, out, options, same.box, size, normalize, origin)


@spelled(boundary="symmetric")
def laplace(
    f: ArrayLike, *,
    out: NDArray[Any] | None = None, **options: Unpack[FilterOptions],
) -> NDArray[Any]:  # fmt: skip
    """Sum of the second differences ``[1, -2, 1]`` along all axes that are filtered.

    Parameters
    ----------
    f : array_like, shape (..., H, W)
        Image or stack of images.
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
        As large as ``f``; dtype and errors as for `sobel`.

    References
    ----------
    Equal to `scipy.ndimage.laplace` of each plane.

    Examples
    --------
    >>> import parconv
    >>> parconv.laplace([[1, 1, 1, 4, 1]])
    array([[ 0,  0,  3, -6,  3]])
    """
    return same.run(f, out, options, same.laplace)


@spelled(boundary="symmetric")
def gaussian_laplace(
    f: ArrayLike, sigma: Any, *, truncate: float = 4.0, radius: Any = None,
    out: NDArray[Any] | None = None, **options: Unpack[FilterOptions],
) -> NDArray[Any]:  # fmt: skip
    """Laplacian of the image smoothed with a Gaussian: blobs, and edges where it changes sign.

    Parameters
    ----------
    f : array_like, shape (..., H, W)
        Image or stack of images.
    sigma : float or (float, float)
        Standard deviation in pixels, above 0 on both axes, or one.
    truncate : float
        Where the filter ends, in standard deviations.
    radius : int or (int, int), optional
        Where it ends, in pixels, in place of ``truncate``.
    boundary, cval, axes, channel_axis : optional
        As in `gaussian`, with its usual border, ``"symmetric"``; one axis, or two.
    dtype, accumulate, bias, scale, overflow, rounding : optional
        As in `gaussian`.
    where, weights, nan_policy, min_weight : optional
        Means over the pixels that are there, as in `conv2d`.
    out, threads, strategy, method : optional
        As in `conv2d`.

    Returns
    -------
    ndarray
        As large as ``f``, in one pass over it; dtype and errors as for `gaussian`.

    References
    ----------
    Equal to `scipy.ndimage.gaussian_laplace` of each plane.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> y, x = np.indices((21, 21)) - 10.0
    >>> round(float(parconv.gaussian_laplace(x**2 + y**2, 1)[10, 10]), 2)
    4.0
    """
    return same.run(f, out, options, same.gaussian_laplace, sigma, truncate, radius)
