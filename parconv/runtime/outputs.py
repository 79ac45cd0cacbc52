"""Memory for results.

Large ones start where NumPy's do not in their pages.  At the user's wish the memory of a result
that nobody holds any more serves the next of its size.
"""

import itertools
import math
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..problem.dtypes import Array, DType
from ..problem.shown import shown

_HUGE_PAGE = 1 << 21
_PAGE = 1 << 12
_ADDRESSES = 1 << 62
# Bytes of a page before a large result, in turns.  NumPy's large arrays begin 16 bytes after one's
# start: results that did likewise would be in the way of the image as both pass the first-level
# cache, and of the next result that is made from them.  Nanoseconds a pixel of 600 x 1024 and 600 x
# 2048 float32 at 3x3 with results 0 and 2048 bytes further on: 0.85 and 0.56, 0.79 and 0.39; with
# 1088 columns 0.57 and 0.44 (Zen 3 VM, 2026-11).
_COLOURS, _turns = (1024, 2048, 3072), itertools.count()


def new_output(shape: tuple[int, ...], dtype: DType) -> Array:
    """An uninitialised array; a large one starts on a cache line, so that it can be streamed.

    ``np.empty`` asks for huge pages, which a kernel's own allocation would not: 3 ms instead of
    16 to 22 to touch 38 MB for the first time (Zen 5, 2026-11).
    """
    nbytes = math.prod(shape) * dtype.itemsize
    if is_small(nbytes):
        return np.empty(shape, dtype)
    if nbytes > _ADDRESSES:  # NumPy would speak of dimensions
        raise MemoryError(f"the result of shape {shape} needs {nbytes:,} bytes")
    return _kept.take(nbytes).view(dtype).reshape(shape)


def is_small(nbytes: int) -> bool:
    """Whether a result of so many bytes is just NumPy's."""
    return nbytes < _HUGE_PAGE


def outputs_of(shape: tuple[int, ...], dtype: DType) -> Callable[[], Array]:
    """`new_output` for one shape and dtype, which looks but once whether that is small."""
    small = is_small(math.prod(shape) * dtype.itemsize)
    return partial(np.empty if small else new_output, shape, dtype)


def on_page(nbytes: int, after: int = 0) -> Array:
    """So many uninitialised bytes that start on a page, or so many bytes after its start."""
    return _from_page(np.empty(nbytes + _PAGE, np.uint8), after)


def _from_page(raw: Array, after: int) -> Array:
    start = (after - raw.ctypes.data) % _PAGE
    return raw[start : start + raw.size - _PAGE]


def _colour() -> int:
    """The next one; of iterators that threads share a count alone is safe without a lock."""
    return _COLOURS[next(_turns) % len(_COLOURS)]


class _Lease:
    """Stands for memory in use: the array made from it refers to it, and so does every view.

    So memory is free when its lease is gone, whatever the interpreter counts: Python 3.14 counts
    no references that local names hold, free-threaded builds count in two places.
    """

    __slots__ = ("__array_interface__", "__weakref__", "_memory")

    def __init__(self, memory: Array, pixels: dict[str, Any]) -> None:
        self._memory, self.__array_interface__ = memory, pixels


class _Known(NamedTuple):
    """The memory of a result, its part for the pixels, and whether the result is alive."""

    memory: Array
    pixels: dict[str, Any]
    lease: weakref.ref[_Lease]


class _Kept:
    """The memory of the latest results, up to ``limit`` bytes of it.

    No locks, which an interrupt could leave locked, and no callbacks, which garbage collection
    could run amid the code here: what one thread looks at is out of the others' sight.
    """

    def __init__(self) -> None:
        self.limit = 0
        self._known: deque[_Known] = deque()

    def take(self, nbytes: int) -> Array:
        """Bytes: those of a result of this size that is gone, or new ones."""
        size = nbytes + _PAGE
        if size > self.limit:
            return on_page(nbytes, _colour())
        known = self._free(size)
        if known is None:
            memory = np.empty(size, np.uint8)
            pixels = _from_page(memory, _colour()).__array_interface__
        else:
            memory, pixels, _ = known
        lease = _Lease(memory, pixels)
        self._known.append(_Known(memory, pixels, weakref.ref(lease)))
        if known is None:
            self.drop()
        return np.asarray(lease)

    def _free(self, size: int) -> _Known | None:
        """Memory of this size that no result uses, forgotten here."""
        for _ in range(len(self._known)):
            with suppress(IndexError):  # another thread was faster
                known = self._known.popleft()
                if known.memory.size == size and known.lease() is None:
                    return known
                self._known.append(known)
        return None

    def drop(self) -> None:
        """Forget the oldest beyond the limit; what a result still uses lives on with it."""
        while sum(known.memory.size for known in self._known.copy()) > self.limit:
            with suppress(IndexError):
                self._known.popleft()


_kept = _Kept()


def recycle_outputs(nbytes: int) -> None:
    """Keep the memory of results that are gone for results of the same size; 0 stops it.

    The first touch of fresh memory costs more than many a convolution: 4096 x 4096 float32 at 3x3
    on one core takes 6.9 ms into fresh memory, 2.9 into memory that was used before (Zen 5,
    2026-11).  Passing ``out=`` does the same for one result; this does it for all results of 2 MiB
    and more, in every thread of the process.

    Parameters
    ----------
    nbytes : int
        The most memory to know of, in bytes; at first 0.  Results in use count as well: two that
        take turns need room for both.

    Raises
    ------
    TypeError, ValueError
        Where ``nbytes`` is no integer, or negative.

    Examples
    --------
    >>> import parconv
    >>> parconv.recycle_outputs(256 * 2**20)
    >>> parconv.recycle_outputs(0)
    """
    if isinstance(nbytes, bool) or not isinstance(nbytes, int | np.integer):
        raise TypeError(f"nbytes={shown(nbytes)}: pass an integer, the most bytes to keep")
    if nbytes < 0:
        raise ValueError(f"nbytes={shown(nbytes)}: pass at least 0")
    _kept.limit = int(nbytes)
    _kept.drop()
