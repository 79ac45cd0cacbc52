"""What is astropy's own: known where astropy is loaded, and never imported to know it."""

import sys
import warnings
from typing import Any

from ...problem.dtypes import Array

# Of an NDData, in the order in which astropy looks; of these only the mask is used.
PROPERTIES = ("uncertainty", "mask", "meta", "unit", "wcs", "flags")


class KernelSizeError(Exception):
    """A kernel has an even axis, or covers the image; astropy's own class where that is loaded."""


def _theirs(module: str, name: str) -> Any:
    return getattr(sys.modules.get(f"astropy.{module}"), name, None)


def _is_a(value: Any, module: str, name: str) -> bool:
    kind = _theirs(module, name)
    return kind is not None and isinstance(value, kind)


def is_kernel(value: Any) -> bool:
    """Whether it is one of astropy's kernels."""
    return _is_a(value, "convolution.core", "Kernel")


def size_error(text: str) -> Exception:
    """The error of kernels of a size that cannot be."""
    kind = _theirs("convolution.utils", "KernelSizeError") or KernelSizeError
    error: Exception = kind(text)
    return error


def warn(text: str) -> None:
    """A warning of the kind that astropy's users filter."""
    kind = _theirs("utils.exceptions", "AstropyUserWarning") or UserWarning
    warnings.warn(text, kind, stacklevel=4)


def unpacked(array: Any, mask: Any) -> tuple[Any, Any]:
    """The data of an NDData and its mask, unless one is given; anything else as it is."""
    if not _is_a(array, "nddata.nddata", "NDData"):
        return array, mask
    told = [name for name in PROPERTIES if _is_told(array, name)]
    if "mask" in told and mask is not None:
        warn(
            "Property mask has been passed explicitly and as an NDData property, using explicitly "
            "specified value"
        )
    elif "mask" in told:
        mask = array.mask
    ignored = [name for name in told if name != "mask"]
    if ignored:
        warn(
            "The following attributes were set on the data object, but will be ignored by the "
            f"function: {', '.join(ignored)}"
        )
    return array.data, mask


def _is_told(array: Any, name: str) -> bool:
    value = getattr(array, name, None)
    return bool(value) if name == "meta" else value is not None


def with_unit(result: Array, array: Any) -> Array:
    """The result in the image's unit, if it has one."""
    unit = getattr(array, "unit", None)
    return result if unit is None else result << unit


def kernel_like(array: Any, kernel: Any, result: Array) -> Any:
    """A kernel made of a kernel, with what astropy keeps of both."""
    core = sys.modules["astropy.convolution.core"]
    made = core.Kernel1D if isinstance(array, core.Kernel1D) else core.Kernel2D
    new = made(array=result)
    new._is_bool = False
    new._separable = array._separable and (not is_kernel(kernel) or kernel._separable)
    return new
