"""What skimage makes of an image and of a mask, and the errors it raises."""

from typing import Any, NamedTuple

import numpy as np

from ...filters import box
from ...problem.dtypes import Array, DType

# What integers are multiplied with, of the types whose numbers are filtered as they lie.
SHARES = {"bool": 1.0, "uint8": 1.0 / 255, "uint16": 1.0 / 65535}
FLOATS = {"e": "f", "f": "f", "d": "d", "g": "d"}  # by characters of types
NUMBERS = "?bhilqBHILQ"  # those that have a range


class Pixels(NamedTuple):
    """An image: its numbers as they lie, what skimage multiplies them with, and its type then."""

    numbers: Array
    share: float
    kind: DType


def pixels(image: Any, preserve_range: bool = False) -> Pixels:
    """Numbers from 0 to 1 of unsigned integers, from -1 to 1 of others, and floats as they are."""
    f, double = np.asarray(image), np.dtype(float)
    if f.dtype.kind == "f":
        kind = np.dtype(FLOATS[f.dtype.char])
        return Pixels(f.astype(kind, copy=False), 1.0, kind)
    if f.dtype.char not in NUMBERS and not preserve_range:
        raise ValueError(f"Cannot convert from {f.dtype} to float64.")
    if f.dtype.name in SHARES:
        return Pixels(f, 1.0 if preserve_range else SHARES[f.dtype.name], double)
    if preserve_range:
        return Pixels(f.astype(double), 1.0, double)
    made = np.multiply(f, 1.0 / np.iinfo(f.dtype).max, dtype=double)
    return Pixels(np.maximum(made, -1.0, out=made), 1.0, double)


def plane(image: Any) -> Array:
    f = np.asarray(image)
    if not f.size:
        raise ValueError("The parameter `image` cannot be an empty array")
    if f.ndim != 2:
        raise ValueError("The parameter `image` must be a 2-dimensional array")
    return f


def masked(result: Array, mask: Any) -> Array:
    """0 but where the mask has all neighbours, so that nothing outside it counts."""
    if mask is None:
        return result
    inside = np.asarray(mask).astype(bool)
    axes = tuple(range(inside.ndim))
    most = 3 ** len(axes)
    counts = box(inside, (3,) * len(axes), normalize=False, axes=axes, boundary="constant",
                 dtype=np.min_scalar_type(most))  # fmt: skip
    result *= counts == most
    return result
