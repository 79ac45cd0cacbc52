"""OpenCV's numbers for types and borders, and what they are here."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...problem.dtypes import Array, DType
from ...problem.shown import shown

CV_8U, CV_16U, CV_16S, CV_32F, CV_64F = 0, 2, 3, 5, 6
BORDER_CONSTANT, BORDER_REPLICATE, BORDER_REFLECT, BORDER_WRAP, BORDER_REFLECT_101 = range(5)
BORDER_TRANSPARENT, BORDER_ISOLATED = 5, 16
BORDER_REFLECT101 = BORDER_DEFAULT = BORDER_REFLECT_101
FILTER_SCHARR = -1

BORDERS = {
    BORDER_CONSTANT: "constant",
    BORDER_REPLICATE: "edge",
    BORDER_REFLECT: "symmetric",
    BORDER_REFLECT_101: "mirror",
}
DEPTHS: dict[int, DType] = {
    CV_8U: np.dtype("uint8"),
    CV_16U: np.dtype("uint16"),
    CV_16S: np.dtype("int16"),
    CV_32F: np.dtype("float32"),
    CV_64F: np.dtype("float64"),
}
DEPTH_BITS = 31  # the others are channels
# Of an image, those that a result may have.
RESULTS = {
    "uint8": ("uint8", "uint16", "int16", "float32", "float64"),
    "uint16": ("uint16", "float32", "float64"),
    "int16": ("int16", "float32", "float64"),
    "float32": ("float32",),
    "float64": ("float64",),
}
OF_MEANS = dict.fromkeys(RESULTS, tuple(kind.name for kind in DEPTHS.values()))


class error(ValueError):  # noqa: N801, N818 (OpenCV's name)
    """What OpenCV raises as ``cv2.error``."""


@cache
def called(kind: DType) -> str:
    """A type's name, which NumPy takes 2 microseconds to make (Sapphire Rapids VM, 2026-11)."""
    return kind.name


def image(name: str, value: Any) -> Array:
    """An image of OpenCV's: (H, W) or (H, W, C) of its types, not empty."""
    array = np.asarray(value)
    if array.ndim not in (2, 3) or not array.size:
        raise error(f"{name} has shape {array.shape}: pass an image (H, W) or (H, W, C)")
    if called(array.dtype) not in RESULTS:
        raise error(f"{name} is of {array.dtype}: pass one of {', '.join(RESULTS)}")
    return array[..., 0] if array.shape[2:] == (1,) else array


def depth(source: DType, ddepth: Any, results: Mapping[str, tuple[str, ...]] = RESULTS) -> DType:
    """The result's type from ``ddepth``, one of those that the image's may become."""
    wanted = source if ddepth == -1 else DEPTHS.get(ddepth & DEPTH_BITS)
    if wanted is None or called(wanted) not in results[called(source)]:
        raise error(
            f"ddepth={shown(ddepth)} of an image of {source}: pass -1 or that of "
            f"{', '.join(results[called(source)])}"
        )
    return wanted


def border(number: Any, wraps: bool = False) -> str:
    """The border's name here, also "wrap" where a function takes it.

    Rows beyond a view are never looked at, as if it were isolated.
    """
    known = BORDERS | ({BORDER_WRAP: "wrap"} if wraps else {})
    found = known.get(number & ~BORDER_ISOLATED) if isinstance(number, int) else None
    if found is None:
        raise error(
            f"borderType={shown(number)}: pass BORDER_CONSTANT, BORDER_REPLICATE, BORDER_REFLECT "
            "or BORDER_REFLECT_101"
        )
    return found


def target(dst: Any, shape: tuple[int, ...], dtype: DType) -> NDArray[Any] | None:
    """The array to fill: the caller's where it fits, as OpenCV's bindings have it."""
    fits = isinstance(dst, np.ndarray) and dst.shape == shape and dst.dtype == dtype
    return dst if fits else None
