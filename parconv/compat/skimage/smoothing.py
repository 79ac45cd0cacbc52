"""skimage's Gaussians, their differences, and what they take away."""

from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any

import numpy as np

from ... import filters
from ...problem.dtypes import Array
from ..ndimage import words
from ..ndimage.smoothing import blurred
from .pixels import Pixels, pixels


def gaussian(
    image: Any, sigma: Any = 1.0, *, mode: Any = "nearest", cval: Any = 0,
    preserve_range: bool = False, truncate: float = 4.0, channel_axis: int | None = None,
    out: Any = None,
) -> Array:  # fmt: skip
    """Smooth with a Gaussian, as `skimage.filters.gaussian`.

    Examples
    --------
    >>> gaussian(np.array([[0, 0, 255, 0, 0]], np.uint8), 0.5).round(3)
    array([[0.   , 0.106, 0.787, 0.106, 0.   ]])
    """
    return _blurred(pixels(image, preserve_range), sigma, mode, cval, truncate, channel_axis, out)


def _blurred(
    image: Pixels, sigma: Any, mode: Any, cval: Any, truncate: Any, channel_axis: Any, out: Any
) -> Array:
    f, share, kind = image
    sigma = _checked(sigma)
    if channel_axis is not None:
        sigma = list(sigma) if isinstance(sigma, Iterable) else [sigma] * (f.ndim - 1)
        if len(sigma) == f.ndim - 1:
            sigma.insert(channel_axis % f.ndim, 0)
    if out is not None and not np.issubdtype(out.dtype, np.floating):
        raise ValueError(f"dtype of `out` must be float; got {out.dtype!r}.")
    target = words.target(kind if out is None else out, f)
    return blurred(f, target, sigma, mode=mode, cval=cval / share, truncate=truncate, scale=share)


def _checked(sigma: Any) -> Any:
    if np.any(np.asarray(sigma) < 0.0):
        raise ValueError("Sigma values less than zero are not valid")
    return sigma


def _is_one(image: Pixels, count: int) -> bool:
    """Whether the difference of an image's Gaussians over so many axes is one convolution."""
    return 1 <= count <= 2 and image.numbers.size > 0


def _fused(
    call: Callable[..., Array],
    image: Pixels,
    channel_axis: int | None,
    *given: Any,
    **words_of: Any,
) -> Array:
    f, share, kind = image
    axes = filtered(f, channel_axis)
    if "cval" in words_of:
        words_of["cval"] = words_of["cval"] / share
    return call(f, *given, axes=axes, dtype=kind, scale=share, accumulate=kind, **words_of)


def filtered(f: Array, channel_axis: int | None) -> tuple[int, ...]:
    """All axes but the channels'."""
    channels = None if channel_axis is None else channel_axis % f.ndim
    return tuple(axis for axis in range(f.ndim) if axis != channels)


def difference_of_gaussians(
    image: Any, low_sigma: Any, high_sigma: Any = None, *, mode: Any = "nearest", cval: Any = 0,
    channel_axis: int | None = None, truncate: float = 4.0,
) -> Array:  # fmt: skip
    """One Gaussian less a wider one, as `skimage.filters.difference_of_gaussians`.

    Examples
    --------
    >>> difference_of_gaussians(np.eye(9), 1)[4, 4].round(3)
    np.float64(0.106)
    """
    found = pixels(image)
    count = found.numbers.ndim - (channel_axis is not None)
    low = _widths("low_sigma", low_sigma, count)
    high = 1.6 * low if high_sigma is None else _widths("high_sigma", high_sigma, count)
    if (high < low).any():
        raise ValueError("high_sigma must be equal to or larger thanlow_sigma for all axes")
    if _is_one(found, count) and isinstance(mode, str):
        words_of = {
            "boundary": words.border(mode),
            "cval": words.constant(cval, found.numbers.dtype),
        }
        return _fused(filters.difference_of_gaussians, found, channel_axis, _checked(low), high,
                      truncate=truncate, **words_of)  # fmt: skip
    given = mode, cval, truncate, channel_axis, None
    result = _blurred(found, low, *given)
    result -= _blurred(found, high, *given)
    return result


def _widths(name: str, sigma: Any, count: int) -> Array:
    widths = np.array(sigma, dtype=float, ndmin=1)
    if len(widths) not in (1, count):
        raise ValueError(f"{name} must have length equal to number of spatial dimensions of input")
    return widths * np.ones(count)


def unsharp_mask(
    image: Any, radius: Any = 1.0, amount: Any = 1.0, preserve_range: bool = False, *,
    channel_axis: int | None = None,
) -> Array:  # fmt: skip
    """Add what a Gaussian takes away, as `skimage.filters.unsharp_mask`.

    Examples
    --------
    >>> unsharp_mask(np.array([[9, 9, 9, 99, 99, 99]], np.uint8), preserve_range=True).round(1)
    array([[  8.6,   3.7, -18. , 126. , 104.3,  99.4]])
    """
    f = np.asarray(image)
    if f.dtype.kind == "c":
        raise ValueError("complex valued input is not supported")
    found = pixels(f, preserve_range)
    result = _sharpened(found, radius, amount, channel_axis)
    if preserve_range:
        return result
    lowest = -1.0 if f.dtype.kind in "if" and (found.numbers < 0).any() else 0.0
    return np.clip(result, lowest, 1.0, out=result)


def _sharpened(image: Pixels, radius: Any, amount: Any, channel_axis: int | None) -> Array:
    f, share, kind = image
    axes = filtered(f, channel_axis)
    widths = words.sequence(_checked(radius), len(axes))
    if _is_one(image, len(axes)) and isinstance(amount, Real):
        return _fused(filters.unsharp_mask, image, channel_axis, tuple(widths), float(amount))
    whole = np.multiply(f, share, dtype=kind)
    blurry = _blurred(image, widths, "reflect", 0, 4.0, channel_axis, None)
    np.subtract(whole, blurry, out=blurry)
    whole += blurry * amount
    return whole
