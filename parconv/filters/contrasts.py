"""Contrasts: differences of an image's Gaussians, and how steep one is."""

from collections.abc import Callable
from functools import partial
from typing import Any, Unpack, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..planner.keepers import keeper_of
from ..problem.arguments import each
from ..problem.door import image_of
from ..problem.question import FilterOptions, spelled
from ..problem.shown import shown
from . import same
from .arguments import count_for, spatial
from .calls import gaussian
from .lengths import length


@spelled(boundary="symmetric")
def difference_of_gaussians(
    f: ArrayLike, low: Any, high: Any = None, *, truncate: float = 4.0,
    out: NDArray[Any] | None = None, **options: Unpack[FilterOptions],
) -> NDArray[Any]:  # fmt: skip
    """One Gaussian less a wider one: what is larger than the first and smaller than the second.

    Parameters
    ----------
    f : array_like, shape (..., H, W)
        Image or stack of images.
    low, high : float or (float, float)
        Standard deviations of the two, in pixels; ``high`` is 1.6 times ``low`` where it is not
        given, and at least ``low``.
    truncate : float
        Where both end, in standard deviations.
    boundary, cval, axes, channel_axis : optional
        As in `gaussian`, with its usual border, ``"symmetric"``; one axis, or two.
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
        As large as ``f``, in one convolution; dtype and errors as for `gaussian`.

    References
    ----------
    D. Marr and E. Hildreth, "Theory of edge detection", Proc. R. Soc. Lond. B 207, 1980.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> f = np.zeros((9, 9))
    >>> f[4, 4] = 1
    >>> round(float(parconv.difference_of_gaussians(f, 1)[4, 4]), 3)
    0.097
    """
    return same.run(f, out, options, same.difference_of_gaussians, low, high, truncate)


@spelled(boundary="symmetric")
def unsharp_mask(
    f: ArrayLike, sigma: Any, amount: float = 1.0, *, truncate: float = 4.0,
    out: NDArray[Any] | None = None, **options: Unpack[FilterOptions],
) -> NDArray[Any]:  # fmt: skip
    """Sharpen: add what a Gaussian takes away, ``f + amount * (f - gaussian(f, sigma))``.

    Parameters
    ----------
    f : array_like, shape (..., H, W)
        Image or stack of images.
    sigma : float or (float, float)
        Standard deviation of the Gaussian, in pixels.
    amount : float
        How much is added.
    truncate : float
        Where the Gaussian ends, in standard deviations.
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
        As large as ``f``, in one convolution; dtype and errors as for `gaussian`.  With an integer
        ``dtype`` it saturates.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> parconv.unsharp_mask(np.array([[9, 9, 9, 99, 99, 99]], np.uint8), 1, dtype="uint8")
    array([[  9,   4,   0, 126, 104,  99]], dtype=uint8)
    """
    return same.run(f, out, options, same.unsharp_mask, sigma, amount, truncate)


@spelled(boundary="symmetric")
def gaussian_gradient_magnitude(
    f: ArrayLike, sigma: Any, *, truncate: float = 4.0,
    out: NDArray[Any] | None = None, **options: Unpack[FilterOptions],
) -> NDArray[Any]:  # fmt: skip
    """Length of the gradient of the image smoothed with a Gaussian: edges, in all directions.

    Parameters
    ----------
    f : array_like, shape (..., H, W)
        Image or stack of images.
    sigma : float or (float, float)
        Standard deviation in pixels, above 0 on all axes.
    truncate : float
        Where the filter ends, in standard deviations.
    boundary, cval, axes, channel_axis, dtype, accumulate : optional
        As in `gaussian`; ``dtype`` is a floating one.
    bias, scale, overflow, rounding : optional
        As in `gaussian`, of each slope before its square.
    where, weights, nan_policy, min_weight : optional
        As in `conv2d`; taps that cancel have no mean, so that of these only ``nan_policy="raise"``
        goes with this filter.
    out, threads, strategy, method : optional
        As in `gaussian`.

    Returns
    -------
    ndarray
        As large as ``f``; of its dtype where that is inexact, else float32 (8 and 16 bits) or
        float64, unless ``dtype`` says otherwise.

    References
    ----------
    Equal to `scipy.ndimage.gaussian_gradient_magnitude` of floating-point images.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> f = np.arange(20.0) + np.zeros((20, 1))
    >>> round(float(parconv.gaussian_gradient_magnitude(f, 1)[10, 10]), 3)
    1.0
    """
    keeper = keeper_of(f)
    if keeper is not None:
        slopes_of = partial(_slopes, sigma=sigma, truncate=truncate, options=options)
        return cast(NDArray[Any], keeper.each(f, lambda one: keeper.length(slopes_of(one), out)))
    return length(_slopes(f, sigma, truncate, options), out)


def _slopes(
    f: Any, sigma: Any, truncate: float, options: FilterOptions
) -> list[Callable[[], NDArray[Any]]]:
    """One along each axis, made when it is asked for."""
    asked = spatial(f, options)
    image = f if keeper_of(f) else image_of(f, asked)
    count = count_for(image, asked)
    kind = asked.get("dtype")
    if kind is not None and np.dtype(kind).kind not in "fc":
        raise TypeError(f"dtype={shown(kind)}: pass a floating type, for a length is one")
    widths = each(sigma, count)
    return [
        partial(gaussian, image, widths, order=tuple(int(place == at) for at in range(count)),
                truncate=truncate, **asked)
        for place in range(count)
    ]  # fmt: skip
