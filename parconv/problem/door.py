"""Arrays at the door: what a caller may pass where an array of numbers is meant."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .brief import is_brief, lengthened
from .dtypes import Array, DType, check_dtype
from .pictures import check_picture
from .question import DEFAULTS
from .shown import cut


def as_array(name: str, value: Any, axes: Any = None) -> Array:
    """An ndarray of numbers, or TypeError; ``axes`` are those of an image's rows and columns."""
    if _is_masked(value):
        raise TypeError(
            f"{name} is a masked array: pass {name}.filled(value), or {name}.data if no pixel is "
            "masked"
        )
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        if hasattr(value, "detach"):  # it requires grad, is of bfloat16, or lies on a GPU
            raise TypeError(
                f"{name} is a tensor that NumPy cannot read: pass {name}.detach(), on the CPU and "
                "of a type such as float32"
            ) from error
        raise TypeError(f"{name} is not an array of numbers: {cut(str(error))}") from error
    array = lengthened(array)
    check_dtype(name, array.dtype)
    check_picture(name, value, axes)
    return array


def image_of(f: Any, options: Mapping[str, Any]) -> Array:
    """A call's image; its axes are those of the options, or the usual ones."""
    if type(f) is np.ndarray:
        return f
    return as_array("f", f, options.get("axes", DEFAULTS["axes"]))


def other_dtype(out: Any, result: DType) -> DType | None:
    """The type of an output that asks for another result; None of one that cannot hold it."""
    kind = getattr(out, "dtype", result)
    if kind is result or not isinstance(kind, np.dtype):
        return None
    kind = kind.newbyteorder("=")
    known = kind.kind in "biufc" and kind.itemsize <= (16 if kind.kind == "c" else 8)
    known = known or is_brief(kind)
    lossy = result.kind == "c" and kind.kind != "c"
    # That of all arrays, by which a call is known again: `newbyteorder` makes another.
    return None if kind == result or lossy or not known else np.dtype(kind.type)


def _is_masked(value: Any, depth: int = 64) -> bool:
    """Or a list that holds such arrays, whose masks NumPy would drop; as deep as NumPy looks."""
    if isinstance(value, np.ma.MaskedArray):
        return True
    if not isinstance(value, list | tuple) or not depth:
        return False
    kinds = set(map(type, value))  # of a row of numbers there are few
    if not any(issubclass(kind, np.ma.MaskedArray | list | tuple) for kind in kinds):
        return False
    return any(_is_masked(member, depth - 1) for member in value)
