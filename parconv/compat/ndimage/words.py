"""What scipy.ndimage makes of its arguments, and the errors it raises."""

import operator
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...problem.dtypes import Array, DType
from ...runtime.outputs import new_output

BORDERS = {
    "reflect": "symmetric",
    "grid-mirror": "symmetric",
    "mirror": "mirror",
    "nearest": "edge",
    "wrap": "wrap",
    "grid-wrap": "wrap",
    "constant": "constant",
    "grid-constant": "constant",
}
KINDS = "?BHILQbhilqfdFD"  # characters of the types it knows


def image(value: Any) -> Array:
    """The image as an array of a type that SciPy filters."""
    array = np.asarray(value)
    if array.dtype.char in KINDS:
        return array
    if array.dtype.kind in "SU":
        raise TypeError(f"array type {array.dtype!r} is no number")
    raise RuntimeError(f"array type {array.dtype!r} not supported")


def target(output: Any, f: Array, is_complex: bool = False) -> Array:
    """The array to fill: the caller's, or a new one of the type asked for."""
    if output is None:
        kind = np.promote_types(f.dtype, np.complex64) if is_complex else np.dtype(f.dtype.type)
    elif isinstance(output, type | np.dtype):
        kind = np.dtype(output)
        if is_complex and kind.kind != "c":
            warnings.warn("promoting specified output dtype to complex", stacklevel=4)
            kind = np.promote_types(kind, np.complex64)
    elif isinstance(output, str):
        kind = np.dtype(output)
        if is_complex and kind.kind != "c":
            raise RuntimeError("output must have complex dtype")
        if not issubclass(kind.type, np.number):
            raise RuntimeError("output must have numeric dtype")
    else:
        return _given(np.asarray(output), f, is_complex)
    return _known(new_output(f.shape, kind), is_complex)


def _given(output: Array, f: Array, is_complex: bool) -> Array:
    if output.shape != f.shape:
        raise RuntimeError("output shape not correct")
    if is_complex and output.dtype.kind != "c":
        raise RuntimeError("output must have complex dtype")
    if not output.flags.writeable:
        raise ValueError("output array is read-only")
    return _known(output, is_complex)


def _known(output: Array, is_complex: bool) -> Array:
    if output.dtype.char not in KINDS:
        raise RuntimeError(f"array type {output.dtype!r} not supported")
    if output.dtype.kind == "c" and not is_complex:
        raise RuntimeError("array type complex not supported for the output of real numbers")
    return output


def border(mode: Any) -> str:
    if not isinstance(mode, str) or mode not in BORDERS:
        raise RuntimeError("boundary mode not supported")
    return BORDERS[mode]


def sequence(value: Any, rank: int) -> list[Any]:
    """One value for each axis."""
    if isinstance(value, str) or not np.iterable(value):
        return [value] * rank
    values = list(value)
    if len(values) != rank:
        raise RuntimeError("sequence argument must have length equal to input rank")
    return values


def axes_of(axes: Any, ndim: int) -> tuple[int, ...]:
    if axes is None:
        return tuple(range(ndim))
    if np.isscalar(axes):
        axes = (axes,)
    if not isinstance(axes, Iterable):
        raise ValueError("axes must be an integer, iterable of integers, or None")
    given = tuple(operator.index(axis) for axis in axes)
    for axis in given:
        if not -ndim <= axis < ndim:
            raise ValueError(f"specified axis: {axis} is out of range")
    found = tuple(axis % ndim for axis in given)
    if len(set(found)) != len(found):
        raise ValueError("axes must be unique")
    return found


def constant(cval: Any, kind: DType) -> Any:
    """The constant outside, as Python has it."""
    if np.iscomplexobj(cval) and kind.kind != "c":
        raise ValueError("Cannot provide a complex-valued cval when the input is real.")
    return complex(cval) if kind.kind == "c" else float(cval)


def is_bad(origin: Any, taps: int) -> bool:
    return bool(origin < -(taps // 2) or origin > (taps - 1) // 2)
