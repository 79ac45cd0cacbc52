"""Arrays at the door: what a call's image and output must be, and how a kernel sees them.

A kernel sees planes: arrays of shape (planes, rows, columns) in any layout of native elements.
"""

import math
from typing import Any

import numpy as np

from . import machine
from .dtypes import FLOAT32, DType, check_dtype

Array = np.ndarray[Any, np.dtype[Any]]

_HUGE_PAGE = 1 << 21
_FLOAT16 = np.dtype(np.float16)


def as_array(name: str, value: Any) -> Array:
    """An ndarray of numbers, or TypeError."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array: pass {name}.filled(value) or {name}.data")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise TypeError(f"{name} is not an array of numbers: {error}") from error
    check_dtype(name, array.dtype)
    return array


def check_image(f: Array, shape: tuple[int, ...], dtype: DType) -> Array:
    """``f`` as the plan expects it; foreign byte order is converted."""
    if f.shape != shape:
        raise ValueError(f"f has shape {f.shape}: the plan is for {shape}; make another with plan2d")
    if f.dtype.newbyteorder("=") != dtype:
        raise ValueError(f"f has dtype {f.dtype}: the plan is for {dtype}; make another with plan2d")
    return f.astype(dtype)


def check_output(out: Any, f: Array, shape: tuple[int, ...], dtype: DType) -> Array:
    """Refuse an output that cannot hold the result; the image, copied if the two overlap."""
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"out is a {type(out).__name__}: pass a numpy array")
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}: the result has shape {shape}")
    if out.dtype.newbyteorder("=") != dtype:
        raise TypeError(
            f"out has dtype {out.dtype}: the result is {dtype}; pass dtype={str(out.dtype)!r} to "
            "get it in that type"
        )
    if not out.flags.writeable:
        raise ValueError("out is read-only: pass a writable array")
    return f.copy() if np.may_share_memory(out, f) and _overlap(out, f) else f


def _overlap(out: Array, f: Array) -> bool:
    try:
        return np.shares_memory(out, f, max_work=10_000)
    except np.exceptions.TooHardError:
        return True


def check_range(f: Array, limit: int) -> None:
    """Refuse pixels so large that an int64 sum could wrap."""
    if f.size and max(abs(int(f.min())), abs(int(f.max()))) > limit:
        raise ValueError(
            f"f holds values beyond {limit}: their sum under g may exceed int64; pass "
            "g.astype(float) to compute in float64"
        )


def new_output(shape: tuple[int, ...], dtype: DType) -> Array:
    """An uninitialised array; a large one starts on a cache line, so that it can be streamed.

    ``np.empty`` asks for huge pages, which a kernel's own allocation would not: 3 ms instead of
    16 to 22 to touch 38 MB for the first time (Zen 5, 2026-11).
    """
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes < _HUGE_PAGE:
        return np.empty(shape, dtype)
    raw = np.empty(nbytes + machine.CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % machine.CACHE_LINE
    return raw[start : start + nbytes].view(dtype).reshape(shape)


# --- as the kernel sees them ---------------------------------------------------------------------


def kernel_dtype(dtype: DType) -> DType:
    """The type compiled code sees: Numba computes neither with float16 nor needs bool."""
    return {"e": FLOAT32, "?": np.dtype(np.uint8)}.get(dtype.char, dtype)


def readable(f: Array) -> Array:
    """An image compiled code can read: aligned, of a type it knows."""
    kind = kernel_dtype(f.dtype)
    if kind is f.dtype:
        return f if f.flags.aligned else f.copy()
    return f.view(kind) if kind.itemsize == f.dtype.itemsize else f.astype(kind)


def planes(array: Array, axes: tuple[int, int], writing: bool = False) -> Array:
    """``array`` as (planes, rows, columns): a view, or a copy where no view exists.

    A copy of an output is empty; `deliver` brings its values home.
    """
    if array.ndim == 2 and axes == (0, 1):
        view = array[None]
    else:
        view = _plane_view(array, axes, writing)
    if not writing:
        return view
    known = kernel_dtype(view.dtype)
    if view.dtype.isnative and view.flags.aligned and known is view.dtype:
        return view
    return np.empty(view.shape, known)


def _moved(array: Array, axes: tuple[int, int]) -> Array:
    return np.moveaxis(array, axes, (-2, -1))


def _plane_view(array: Array, axes: tuple[int, int], writing: bool) -> Array:
    moved = _moved(array, axes)
    shape = (-1, *moved.shape[-2:])
    try:
        return moved.reshape(shape, copy=False)
    except ValueError:
        empty = np.empty if writing else np.copy
        return np.empty(moved.shape, array.dtype).reshape(shape) if writing else moved.reshape(shape)


def deliver(target: Array, out: Array, axes: tuple[int, int]) -> None:
    """Copy what a kernel computed elsewhere into the output it is for."""
    if not np.may_share_memory(target, out):
        moved = _moved(out, axes)
        moved[...] = target.reshape(moved.shape)
