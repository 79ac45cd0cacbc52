"""Pixels around an image: those of the larger array that it is a view of."""

from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..problem.dtypes import Array

Range = tuple[int, int]


class _Memory:
    """What NumPy makes an array of; it keeps the owner alive."""

    def __init__(self, owner: Array, interface: dict[str, Any]) -> None:
        self.owner, self.__array_interface__ = owner, interface


def surrounded(f: Array, real: dict[int, Range]) -> Array:
    """The view of an image with so many pixels more before and behind some of its axes, read-only.

    ValueError where the array that owns the memory has not so many.
    """
    owner = _owner(f)
    if owner is None:
        raise ValueError(
            "real= counts pixels around f, which is no view of a larger NumPy array: pass one, "
            "such as larger[3:-3, 3:-3] with real=3"
        )
    shape, start = list(f.shape), f.__array_interface__["data"][0]
    for axis, (before, behind) in real.items():
        shape[axis] += before + behind
        start -= before * f.strides[axis]
    told = {**f.__array_interface__, "shape": tuple(shape), "strides": f.strides}
    found = np.asarray(_Memory(owner, {**told, "data": (start, True)}))
    place = _place(f, owner)
    known = [place and _check(f, owner, place, axis, sides) for axis, sides in real.items()]
    if not all(known) and found.size:
        (low, high), (first, last) = byte_bounds(owner), byte_bounds(found)
        if not low <= first <= last <= high:
            raise ValueError(f"real={_told(real)}: the array that f is a view of ends before that")
    return found


def _told(real: dict[int, Range]) -> str:
    return str(tuple(real.values()))


def _owner(f: Array) -> Array | None:
    """The largest array that the memory is seen by."""
    owner: Any = f.base
    while isinstance(getattr(owner, "base", None), np.ndarray):
        owner = owner.base
    return owner if isinstance(owner, np.ndarray) else None


def _check(f: Array, owner: Array, place: list[int], axis: int, sides: Range) -> bool:
    """Refuse more pixels along an axis than the owner has; False where it has no such axis."""
    step = f.strides[axis]
    if not f.shape[axis]:
        return False
    for at, size, stride in zip(place, owner.shape, owner.strides, strict=True):
        if stride and step % stride == 0 and abs(step) < stride * max(size, 2):
            by = step // stride
            first, last = at - sides[0] * by, at + (f.shape[axis] - 1 + sides[1]) * by
            if not (0 <= first < size and 0 <= last < size):
                raise ValueError(
                    f"real counts {sides} pixels around axis {axis} of f: the array that f is a "
                    f"view of has {_there(at, by, size, f.shape[axis])}"
                )
            return True
    return False


def _there(at: int, by: int, size: int, length: int) -> Range:
    """How many lie before and behind so many steps along an axis."""
    last, most = at + (length - 1) * by, size - 1
    ends = (at, most - last) if by > 0 else (most - at, last)
    return ends[0] // abs(by), ends[1] // abs(by)


def _place(f: Array, owner: Array) -> list[int] | None:
    """Where in its owner the image begins; None where the owner's axes do not lie nested."""
    offset = f.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    order = sorted(range(owner.ndim), key=lambda axis: -owner.strides[axis])
    found, inner = [0] * owner.ndim, owner.itemsize
    for axis in reversed(order):
        if owner.shape[axis] > 1 and owner.strides[axis] < inner:
            return None
        inner = max(inner, owner.strides[axis] * owner.shape[axis])
    for axis in order:
        if owner.shape[axis] > 1:
            found[axis], offset = divmod(offset, owner.strides[axis])
    return found if 0 <= offset < owner.itemsize else None
