"""astropy's `convolve`."""

import math
from typing import Any

import numpy as np

from ...problem.dtypes import FLOAT64, Array, DType
from ...problem.missing import has_nan
from . import operands, words
from .sums import Means, Sums, inside

BOUNDARIES = (None, "fill", "wrap", "extend")
LEAST = 0.01  # a kernel that sums to less is not normalised


def convolve(
    array: Any,
    kernel: Any,
    boundary: str | None = "fill",
    fill_value: float = 0.0,
    nan_treatment: str = "interpolate",
    normalize_kernel: Any = True,
    mask: Any = None,
    preserve_nan: bool = False,
    normalization_zero_tol: float = 1e-8,
) -> Any:
    """Convolve an array with a kernel, over NaN and masks, as `astropy.convolution.convolve`.

    Examples
    --------
    >>> import numpy as np
    >>> convolve([1.0, np.nan, 3, 4], [1, 2, 1])
    array([0.66666667, 2.        , 3.33333333, 2.75      ])
    """
    array, mask = words.unpacked(array, mask)
    _check_words(boundary, nan_treatment)
    f, g, lost = _operands(array, kernel, mask)
    if words.is_kernel(array) and words.is_kernel(kernel):
        boundary, fill_value, normalize_kernel, nan_treatment = _of_two_kernels()
    _check_shapes(f, g, boundary)
    missing, gone = lost is not None or has_nan(f), None
    if missing and (preserve_nan or nan_treatment == "fill"):
        gone = np.isnan(f) if lost is None else lost | np.isnan(f)
    if gone is not None and nan_treatment == "fill":
        f, lost = np.where(gone, fill_value, f), None
    outside = float(fill_value) if boundary == "fill" else 0.0
    interpolates = nan_treatment == "interpolate" and (missing or math.isnan(outside))
    total = float(g.sum())
    if normalize_kernel or interpolates:
        _check_total(total, normalization_zero_tol, interpolates)
    sums = Sums(boundary or "fill", outside, boundary is not None, _result(array))
    if interpolates:
        result = sums.mean(f, g, lost, Means(1.0 if normalize_kernel else total))
    else:
        result = sums.of(f, g / total if normalize_kernel else g)
    if boundary is None:
        result = _within_zeros(result, f.shape, g.shape)
    if preserve_nan and gone is not None:
        result[gone] = np.nan
    elif interpolates:
        _warn_of_nan(result)
    return _as_given(result, array, kernel)


def _operands(array: Any, kernel: Any, mask: Any) -> tuple[Array, Array, Array | None]:
    g = operands.taps(kernel).real
    f, lost = operands.pixels(array, mask)
    if any(n % 2 == 0 for n in g.shape):
        raise words.size_error("Kernel size must be odd in all axes.")
    return f.real, g, lost


def _check_words(boundary: Any, nan_treatment: Any) -> None:
    if boundary not in BOUNDARIES:
        raise ValueError(f"Invalid boundary option: must be one of {[*BOUNDARIES]}")
    if nan_treatment not in ("interpolate", "fill"):
        raise ValueError("nan_treatment must be one of 'interpolate','fill'")


def _of_two_kernels() -> tuple[str, float, bool, str]:
    words.warn(
        "Both array and kernel are Kernel instances, hardwiring the following parameters: "
        "boundary='fill', fill_value=0, normalize_Kernel=True, nan_treatment='interpolate'"
    )
    return "fill", 0.0, True, "interpolate"


def _check_shapes(f: Array, g: Array, boundary: str | None) -> None:
    if f.ndim == 0:
        raise ValueError("cannot convolve 0-dimensional arrays")
    if f.ndim > 3:
        raise NotImplementedError(
            "convolve only supports 1, 2, and 3-dimensional arrays at this time"
        )
    if f.ndim != g.ndim:
        raise ValueError("array and kernel have differing number of dimensions.")
    if f.size == 0:
        raise ValueError("cannot convolve empty array")
    if boundary is None and any(n < k for n, k in zip(f.shape, g.shape, strict=True)):
        raise words.size_error(
            "for boundary=None all kernel axes must be smaller than array's - use boundary in "
            "['fill', 'extend', 'wrap'] instead."
        )


def _check_total(total: float, tolerance: float, interpolates: bool) -> None:
    """Refuse kernels of which there is no mean."""
    if not (total < LEAST or abs(total) <= tolerance):
        return
    if interpolates:
        raise ValueError(
            "Setting nan_treatment='interpolate' requires the kernel to be normalized, but the "
            "input kernel has a sum close to zero. For a zero-sum kernel and data with NaNs, set "
            "nan_treatment='fill'."
        )
    raise ValueError(
        "The kernel can't be normalized, because its sum is close to zero. The sum of the given "
        f"kernel is < {LEAST:.2f}. For a zero-sum kernel, set normalize_kernel=False or pass a "
        "custom normalization function to normalize_kernel."
    )


def _warn_of_nan(result: Array) -> None:
    if has_nan(result):
        words.warn(
            "nan_treatment='interpolate', however, NaN values detected post convolution. A "
            "contiguous region of NaN values, larger than the kernel size, are present in the "
            "input array. Increase the kernel size to avoid this."
        )


def _result(array: Any) -> DType:
    """A floating image keeps its type; a list has none."""
    kind = np.dtype(getattr(array, "dtype", FLOAT64))
    known = kind.kind == "f" and kind.itemsize <= FLOAT64.itemsize
    return kind.newbyteorder("=") if known else FLOAT64


def _within_zeros(values: Array, shape: tuple[int, ...], taps: tuple[int, ...]) -> Array:
    result = np.zeros(shape, values.dtype)
    result[inside(shape, taps)] = values
    return result


def _as_given(result: Array, array: Any, kernel: Any) -> Any:
    """In the image's unit and type; a kernel where that was one."""
    result = words.with_unit(result, array)
    if words.is_kernel(array):
        return words.kernel_like(array, kernel, result)
    kind = getattr(array, "dtype", result.dtype)
    return result.astype(kind, copy=False) if kind.kind == "f" else result
