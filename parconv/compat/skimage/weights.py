"""skimage's filters of given weights: waves, and few weights among many zeros."""

from typing import Any

import numpy as np

from ... import api
from ...filters.waves import wave, width
from ...problem.dtypes import Array
from .. import ndimage
from ..ndimage.words import BORDERS
from .pixels import FLOATS, plane

# What `correlate_sparse` takes besides: numpy.pad's names.
OF_PAD = {"edge": "edge", "symmetric": "symmetric"}


def gabor_kernel(
    frequency: float, theta: float = 0, bandwidth: float = 1, sigma_x: float | None = None,
    sigma_y: float | None = None, n_stds: float = 3, offset: float = 0, dtype: Any = np.complex128,
) -> Array:  # fmt: skip
    """A wave under a Gaussian, as `skimage.filters.gabor_kernel`.

    Examples
    --------
    >>> gabor_kernel(0.4).shape
    (11, 11)
    """
    along, across = (
        width(frequency, bandwidth) if sigma is None else sigma for sigma in (sigma_x, sigma_y)
    )
    if np.dtype(dtype).kind != "c":
        raise ValueError("dtype must be complex")
    return wave(frequency, theta, along, across, n_stds, offset).astype(dtype)


def gabor(
    image: Any, frequency: float, theta: float = 0, bandwidth: float = 1,
    sigma_x: float | None = None, sigma_y: float | None = None, n_stds: float = 3,
    offset: float = 0, mode: str = "reflect", cval: float = 0,
) -> tuple[Array, Array]:  # fmt: skip
    """Responses to a wave's real and imaginary part, as `skimage.filters.gabor`.

    Integers stay integers there, and so they do here.

    Examples
    --------
    >>> real, imaginary = gabor(np.ones((9, 9)), 0.4)
    >>> round(float(real[4, 4]), 3), round(float(imaginary[4, 4]), 3)
    (0.002, 0.0)
    """
    f, kind = plane(image), np.dtype(np.complex128)
    if f.dtype.kind == "f":
        f = f.astype(FLOATS[f.dtype.char], copy=False)
        kind = np.promote_types(f.dtype, np.complex64)
    g = gabor_kernel(frequency, theta, bandwidth, sigma_x, sigma_y, n_stds, offset, kind)
    real, imaginary = (ndimage.convolve(f, part, mode=mode, cval=cval) for part in (g.real, g.imag))
    return real, imaginary


def correlate_sparse(image: Any, kernel: Any, mode: str = "reflect") -> Array:
    """Correlate with a kernel of few weights, as `skimage.filters.correlate_sparse`.

    Examples
    --------
    >>> correlate_sparse(np.array([[1.0, 2, 4]]), [[-1, 0, 1]])
    array([[1., 3., 2.]])
    """
    f, g = np.asarray(image), np.asarray(kernel)
    if f.dtype.kind == "c":
        raise ValueError("complex valued input is not supported")
    f = f.astype(FLOATS.get(f.dtype.char, "d"), copy=False)
    border: Any = {**BORDERS, **OF_PAD}.get(mode, "valid")
    axes = tuple(range(f.ndim))
    if mode != "valid" and not all(n % 2 for n in g.shape):
        raise ValueError(f"kernel of shape {g.shape}: pass one of odd sizes, or mode='valid'")
    if border == "valid":
        reach = [(n // 2, n // 2) for n in g.shape]
        f = f if mode == "valid" else np.pad(f, reach, mode=mode)  # type: ignore[call-overload]
        return api.correlate2d(f, g.astype(f.dtype), axes=axes, padding=0)
    return api.correlate2d(f, g.astype(f.dtype), axes=axes, mode="same", boundary=border)
