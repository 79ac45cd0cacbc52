"""astropy's `convolve_fft`, by whichever method is fastest."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ...problem.dtypes import FLOAT64, Array
from .. import patching
from . import operands, words
from .direct import LEAST
from .sums import Means, Sums

HUGE = 10**9  # bytes of complex numbers that astropy does not make unasked
FULL = 10  # machine epsilons that weights sum to where something is there
# What is no convolution of the image, and so left to astropy: its results are frequencies, or
# depend on how far transforms are padded, or are in types that are not ours.
LEFT: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "return_fft": lambda asked: asked["return_fft"],
    "crop=False": lambda asked: not asked["crop"],
    "psf_pad=False": lambda asked: asked["psf_pad"] is False and asked["boundary"] != "wrap",
    "complex kernel": lambda asked: np.iscomplexobj(asked["kernel"]),
    "complex_dtype": lambda asked: np.dtype(asked["complex_dtype"]).char not in "FD",
    "boundary": lambda asked: asked["boundary"] not in (None, "fill", "wrap", "extend"),
}
fallbacks: Counter[str] = Counter()  # how often astropy itself answered, by what was asked


def convolve_fft(
    array: Any,
    kernel: Any,
    boundary: str | None = "fill",
    fill_value: float = 0.0,
    nan_treatment: str = "interpolate",
    normalize_kernel: Any = True,
    normalization_zero_tol: float = 1e-8,
    preserve_nan: bool = False,
    mask: Any = None,
    crop: bool = True,
    return_fft: bool = False,
    fft_pad: bool | None = None,
    psf_pad: bool | None = None,
    min_wt: float = 0.0,
    allow_huge: bool = False,
    fftn: Any = np.fft.fftn,
    ifftn: Any = np.fft.ifftn,
    complex_dtype: Any = complex,
    dealias: bool = False,
) -> Any:
    """Convolve an array with a kernel of any size, as `astropy.convolution.convolve_fft`.

    Transforms are used where they are faster, and not those given.  What is no convolution of the
    image is left to astropy, and counted in ``fallbacks``.

    Examples
    --------
    >>> import numpy as np
    >>> convolve_fft([1.0, np.inf, 3, 4], [1, 1]).tolist()
    [1.0, 3.0, 3.5, 2.0]
    """
    asked = {**locals()}
    if left := next((name for name, is_asked in LEFT.items() if is_asked(asked)), None):
        fallbacks[left] += 1
        return patching.original("astropy.convolution", "convolve_fft")(**asked)
    array, mask = words.unpacked(array, mask)
    f, g, lost = _operands(array, kernel, nan_treatment, mask)
    if not allow_huge:
        _check_sizes(f.shape, g.shape, boundary, np.dtype(complex_dtype).itemsize)
    f, g, gone = f.real, np.where(np.isfinite(g), g, 0), _gone(f, lost)
    normal = _normalized(g, normalize_kernel, normalization_zero_tol, nan_treatment)
    boundary = _border(boundary, psf_pad, fft_pad, dealias)
    around = _around(f.shape, g.shape, boundary)
    grows = boundary == "fill" or (around and any(map(int.__lt__, g.shape, f.shape)))
    # Where astropy adds nothing to image or kernel, that stays in double precision.
    kind = np.empty(0, complex_dtype if grows else complex).real.dtype
    if nan_treatment == "fill":
        result = _filled(_padded(f, around), _padded(gone, around), normal, boundary, fill_value)
    else:
        least = float(min_wt) if min_wt > 0 else float(FULL * np.finfo(complex_dtype).eps)
        means = Means(normal.total, least, math.nan if min_wt > 0 else 0.0, exact=False)
        outside = _finite(fill_value, math.nan) if boundary == "fill" else 0.0
        sums = Sums(boundary, outside, True, FLOAT64)
        result = _interpolated(sums, _padded(f, around), _padded(gone, around), normal, means)
    result = _cropped(result, around)
    if preserve_nan and gone is not None:
        result[gone] = np.nan
    return words.with_unit(result.astype(kind, copy=False), array)


class _Normal(NamedTuple):
    """A kernel.

    Attributes
    ----------
    taps : ndarray
        As it is summed where nothing is missing.
    shares : ndarray
        Such that those under which something is there sum to about 1 where all is.
    total : float
        What the means are multiplied by.
    """

    taps: Array
    shares: Array
    total: float


def _operands(
    array: Any, kernel: Any, nan_treatment: Any, mask: Any
) -> tuple[Array, Array, Array | None]:
    """The image, the kernel, and which pixels are masked; None: none is."""
    g = operands.taps(kernel)
    if words.is_kernel(array) and words.is_kernel(kernel):
        raise TypeError("Can't convolve two kernels with convolve_fft.  Use convolve instead.")
    if nan_treatment not in ("interpolate", "fill"):
        raise ValueError("nan_treatment must be one of 'interpolate','fill'")
    f, lost = operands.pixels(array, mask)
    if f.ndim != g.ndim:
        raise ValueError("Image and kernel must have same number of dimensions")
    return f, g, lost


def _gone(f: Array, lost: Array | None) -> Array | None:
    """Which pixels are masked, NaN or infinite; None: none is."""
    there = np.isfinite(f)
    if lost is not None:
        there &= ~lost
    return None if there.all() else ~there


def _check_sizes(
    shape: tuple[int, ...], taps: tuple[int, ...], boundary: Any, itemsize: int
) -> None:
    """Refuse what astropy refuses, for the memory that it would take."""
    if boundary != "wrap":
        shape = tuple(n + k for n, k in zip(shape, taps, strict=True))
    size = math.prod(shape) * itemsize
    if size > HUGE:
        raise ValueError(
            f"Size Error: Arrays will be {size / 1e9:.1f}G.  Use allow_huge=True to override this "
            "exception."
        )


def _normalized(g: Array, how: Any, tolerance: float, nan_treatment: str) -> _Normal:
    total = float(g.sum())
    if how is True:
        if total < LEAST:
            raise Exception(
                "The kernel can't be normalized, because its sum is close to zero. The sum of the "
                f"given kernel is < {LEAST:.2f}. For a zero-sum kernel, set normalize_kernel=False "
                "or pass a custom normalization function to normalize_kernel."
            )
        return _Normal(g / total, g / total, 1.0)
    if how:
        scale = how(g)
        return _Normal(g, g / scale, float(scale))
    if abs(total) >= tolerance:
        return _Normal(g, g / total, total)
    if nan_treatment == "interpolate":
        raise ValueError("Cannot interpolate NaNs with an unnormalizable kernel")
    return _Normal(g, g, 1.0)


def _border(boundary: Any, psf_pad: Any, fft_pad: Any, dealias: Any) -> str:
    if boundary == "extend":
        raise NotImplementedError(
            "The 'extend' option is not implemented for fft-based convolution"
        )
    if boundary is None:
        words.warn(
            "The convolve_fft version of boundary=None is equivalent to the convolve "
            "boundary='fill'.  There is no FFT equivalent to convolve's "
            "zero-if-kernel-leaves-boundary"
        )
    asked = {"psf_pad": psf_pad, "fft_pad": fft_pad, "dealias": dealias}
    for name, value in asked.items():
        if boundary == "wrap" and value:
            raise ValueError(f"With boundary='wrap', {name} cannot be enabled.")
    return boundary or "fill"


def _finite(value: Any, otherwise: float) -> float:
    return float(value) if np.isfinite(value) else otherwise


def _filled(f: Array, gone: Array | None, normal: _Normal, boundary: str, value: Any) -> Array:
    """The sums with a number in place of what is not there."""
    if gone is not None:
        if not np.isfinite(value):
            raise ValueError("Encountered NaNs in convolve.  This is disallowed.")
        f = np.where(gone, value, f)
    outside = _finite(value, 0.0) if boundary == "fill" else 0.0
    return Sums(boundary, outside, True, FLOAT64).of(f, normal.taps)


def _interpolated(sums: Sums, f: Array, gone: Array | None, normal: _Normal, asked: Means) -> Array:
    whole = float(normal.shares.sum())
    if gone is None and not math.isnan(sums.outside) and asked.least <= whole > 0:
        return sums.of(f, normal.shares * (normal.total / whole))
    return sums.mean(f, normal.shares, gone, asked)


# --- a kernel larger than the image ---------------------------------------------------------------

Around = list[tuple[int, int]]


def _around(shape: tuple[int, ...], taps: tuple[int, ...], boundary: str) -> Around:
    """Zeros around the image that a periodic one is as large as the kernel with; or none."""
    if boundary == "fill" or all(n >= k for n, k in zip(shape, taps, strict=True)):
        return []
    sizes = zip(shape, map(max, shape, taps), strict=True)
    return [(m // 2 - n // 2, m - m // 2 - (n - n // 2)) for n, m in sizes]


def _padded(values: Any, around: Around) -> Any:
    return np.pad(values, around) if around and values is not None else values


def _cropped(values: Array, around: Around) -> Array:
    sides = zip(values.shape, around, strict=True) if around else ()
    return values[tuple(slice(before, n - after) for n, (before, after) in sides)]
