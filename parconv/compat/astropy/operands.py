"""Images, masks and kernels as astropy takes them."""

from typing import Any

import numpy as np

from ...problem.dtypes import FLOAT64, Array
from . import words

MASKED = (
    "The kernel is a masked array with masked values. Use kernel.filled(fill_value) to fill masked "
    "values before passing to convolve."
)


def pixels(array: Any, mask: Any) -> tuple[Array, Array | None]:
    """The image in a type of the engine's, and which pixels masks take out; None: none."""
    values = _numbers(_bare(array))
    lost = np.ma.getmaskarray(array) if np.ma.is_masked(array) else None
    if mask is not None:
        masked = np.asarray(mask).astype(bool)
        if masked.shape != values.shape:  # NumPy's error, or the mask of whole rows
            masked, there = np.zeros(values.shape, bool), masked
            masked[there] = True
        lost = masked if lost is None else lost | masked
    return values, lost if lost is not None and lost.any() else None


def taps(kernel: Any) -> Array:
    """The kernel in float64, or in complex numbers."""
    if np.ma.is_masked(kernel):
        raise ValueError(MASKED)
    values = _numbers(_bare(kernel))
    return values if values.dtype.kind == "c" else values.astype(np.float64)


def _bare(value: Any) -> Any:
    """Without what astropy puts around arrays."""
    if words.is_kernel(value):
        return value.array
    return value.value if hasattr(value, "unit") else value


def _numbers(value: Any) -> Array:
    try:
        array = np.asarray(value)
        if array.dtype.kind == "c":
            return array.astype(np.complex128, copy=False)
        known = array.dtype.kind in "biuf" and array.dtype.itemsize <= FLOAT64.itemsize
        return array if known else array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            "input should be a Numpy array or something convertible into a float array", error
        ) from error
