"""Arrays at the door: what a call's image and output must be, and how a kernel sees them.

A kernel sees planes: arrays of shape (planes, rows, columns) in any layout of native elements; that
of a bank sees maps: (batch, channels, rows, columns).
"""

import math
from typing import Any

import numpy as np

from ..problem.door import other_dtype
from ..problem.dtypes import Array, DType, kernel_dtype, quietly


def check_image(f: Array, shape: tuple[int, ...], dtype: DType) -> Array:
    """``f`` as the plan expects it; foreign byte order is converted."""
    if f.shape != shape:
        raise ValueError(f"f has shape {f.shape}: the plan is for {shape}; make another plan")
    if f.dtype.newbyteorder("=") != dtype:
        raise ValueError(f"f has dtype {f.dtype}: the plan is for {dtype}; make another plan")
    return f.astype(dtype)


# Of an array's flags, as NumPy numbers them: asked for one by one each takes 0.1 microseconds.
_WHOLE, _OWN, _ALIGNED, _WRITABLE = 0x0003, 0x0004, 0x0100, 0x0400
_GIVEN, _TAKEN = _OWN | _ALIGNED, _OWN | _ALIGNED | _WRITABLE


def are_easy(f: Array, out: Any, shape: tuple[int, ...], dtype: DType) -> bool:
    """Whether both are what most are: `check_output` would take them, and `is_plain` is true.

    Arrays of their own memory have no part of one another's; those whole in either order have
    their elements apart.
    """
    if type(out) is not np.ndarray or out.dtype is not dtype or out.shape != shape or out is f:
        return False
    given, taken = f.flags.num, out.flags.num
    return taken & _TAKEN == _TAKEN and given & _GIVEN == _GIVEN and taken & _WHOLE != 0


def check_output(out: Any, f: Array, shape: tuple[int, ...], dtype: DType) -> tuple[Array, Array]:
    """Refuse an output that cannot hold the result.

    The image, copied if the two overlap, and the output as a plain array.
    """
    if type(out) is not np.ndarray and (
        not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray)
    ):
        raise TypeError(f"out is a {type(out).__name__}: pass a numpy array")
    if type(out) is not np.ndarray:
        out = out.view(np.ndarray)  # a subclass may index in its own way
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}: the result has shape {shape}")
    if out.dtype is not dtype and out.dtype.newbyteorder("=") != dtype:
        raise TypeError(f"out has dtype {out.dtype}: the result is {dtype}; {_mend(out, dtype)}")
    flags = out.flags
    if not flags.writeable:
        raise ValueError("out is read-only: pass a writable array")
    if not flags.forc and _overlaps_itself(out):
        raise ValueError(
            f"out has shape {out.shape} and strides {out.strides}: its elements share memory; pass "
            "an array whose elements lie apart"
        )
    return f.copy() if _overlap(out, flags.owndata, f) else f, out


def _mend(out: Array, dtype: DType) -> str:
    if other_dtype(out, dtype) is None:  # no result is of that type
        return "pass an array of that type"
    return f"pass dtype={str(out.dtype)!r} to get it in that type"


def _overlaps_itself(out: Array) -> bool:
    """Or winds through itself, as nothing but `numpy.lib.stride_tricks` makes it."""
    taken = out.itemsize
    for step, size in sorted(zip(map(abs, out.strides), out.shape, strict=True)):
        if size > 1 and step < taken:
            return True
        taken += step * (size - 1)
    return False


def _overlap(out: Array, owned: bool, f: Array) -> bool:
    if owned and out is not f and f.flags.owndata:
        return False
    if not np.may_share_memory(out, f):
        return False
    try:
        return np.shares_memory(out, f, max_work=10_000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def check_range(f: Array, limit: int) -> None:
    """Refuse pixels so large that an int64 sum could wrap."""
    if f.size and max(abs(int(f.min())), abs(int(f.max()))) > limit:
        raise ValueError(
            f"f holds values beyond {limit}: their sum under g may exceed int64; pass "
            "g.astype(float) to compute in float64"
        )


# --- as the kernel sees them ---------------------------------------------------------------------


def copied_bytes(shape: tuple[int, ...], dtype: DType) -> int:
    """Of the copy that stands in for an array whose type compiled code does not know."""
    kind = kernel_dtype(dtype)
    return 0 if kind.itemsize == dtype.itemsize else math.prod(shape) * kind.itemsize


def is_plain(f: Array, out: Array) -> bool:
    """Whether a kernel can take both as they are (in native types it knows)."""
    return f.flags.aligned and out.flags.aligned and out.dtype.isnative


def readable(f: Array) -> Array:
    """An image compiled code can read: aligned, of a type it knows."""
    kind = kernel_dtype(f.dtype)
    if kind.itemsize != f.dtype.itemsize:
        return _converted(f, kind)
    seen = (f if f.flags.aligned else f.copy()).view(kind)
    return _truths(seen) if f.dtype == bool else seen


@quietly
def _converted(f: Array, kind: DType) -> Array:
    return f.astype(kind)


def _truths(seen: Array) -> Array:
    """Zeros and ones for the bytes of bools: any byte but 0 is True, such as 255 in a mask."""
    return seen if seen.max(initial=0) <= 1 else (seen != 0).view(np.uint8)


def planes(array: Array, axes: tuple[int, ...], channels: int = 1) -> Array:
    """``array`` as (planes, rows, columns): a view, or a copy where no view exists.

    Three ``axes`` make maps of it.  ``channels``, more than one, follow the columns and widen the
    rows.
    """
    if channels == 1 and axes == tuple(range(1, array.ndim)):
        return array
    moved = _planes_first(array, axes, channels)
    last = moved.shape[-len(axes) :]
    if channels > 1:
        last = moved.shape[-3], moved.shape[-2] * channels
    return moved.reshape((math.prod(moved.shape) // max(1, math.prod(last)), *last))


def _planes_first(array: Array, axes: tuple[int, ...], channels: int) -> Array:
    last = axes == tuple(range(array.ndim - len(axes), array.ndim))  # as they mostly are
    return array if channels > 1 or last else np.moveaxis(array, axes, range(-len(axes), 0))


def writable(out: Array, axes: tuple[int, ...], channels: int = 1) -> Array:
    """Planes that a kernel may write in place of ``out``; `deliver` brings home the rest."""
    target, kind = planes(out, axes, channels), kernel_dtype(out.dtype.newbyteorder("="))
    if is_plain(target, target) and kind.itemsize == out.itemsize:
        return target.view(kind)
    return np.empty(target.shape, kind)


@quietly
def deliver(target: Array, out: Array, axes: tuple[int, ...], channels: int = 1) -> None:
    """Copy what a kernel computed elsewhere into the output it is for."""
    if target is not out and not np.may_share_memory(target, out):
        moved = _planes_first(out, axes, channels)
        moved[...] = target.reshape(moved.shape)
