"""Where results go: files, arrays, and whatever is assigned to like an array."""

import errno
import io
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from ..arrays import check_output
from ..dtypes import Array, check_dtype
from .blocks import Blocks
from .cut import Chunk
from .files import ArrayFile, file_of, layout, place
from .question import Question, Shape

ENDLESS = 1 << 60  # bytes


class Sink:
    """Anything with a shape, to whose parts ``put(index, block)`` brings blocks."""

    def __init__(
        self, question: Question, out: Any, put: Callable[[Any, Array], None] | None = None
    ) -> None:
        self._question, self._out, self._put = question, out, put
        self._blocks = Blocks()

    def block(self, chunk: Chunk, shape: Shape) -> Array:
        """Memory to compute a chunk in."""
        self._check_room(chunk)
        return self._blocks.take(shape, self._question.whole.problem.dtype)

    def _check_room(self, chunk: Chunk) -> None:
        if self._question.leads and chunk.items[1] > len(self._out):
            raise ValueError(f"out has room for {len(self._out)} items, source has more")

    def write(self, chunk: Chunk, block: Array) -> None:
        """Bring a block to its place."""
        assert self._put
        self._put(self._question.result(chunk), block)

    def settle(self) -> None:
        """Return when all that was written would outlive a loss of power."""

    def finish(self, items: int) -> Any:
        """What the caller of a stream gets."""
        return self._out[:items] if self._question.leads else self._out

    def close(self) -> None:
        """Arrays are the caller's."""


class InMemory(Sink):
    """An array, computed into where it lies."""

    def block(self, chunk: Chunk, shape: Shape) -> Array:
        self._check_room(chunk)
        block: Array = self._out[self._question.result(chunk)]
        return block

    def write(self, chunk: Chunk, block: Array) -> None:
        """It is there."""


class Kept(Sink):
    """What outlives the process: an array in a file.

    Attributes
    ----------
    path : Path
        Of the file.
    """

    def __init__(self, question: Question, out: Any, file: ArrayFile) -> None:
        super().__init__(question, out, file.write)
        self.path, self._file = file.path, file

    def settle(self) -> None:
        self._file.settle()

    def close(self) -> None:
        self._file.close()

    def identity(self) -> list[int]:
        """What tells whether an earlier run wrote to the same place; the file must be there."""
        return [self.path.stat().st_ino, place(self._out)]

    def renew(self) -> None:
        """Give up what is there; nothing else has to be done for a caller's array."""

    def holds(self, chunk: Chunk) -> bool:
        """Whether an earlier run may have written the chunk."""
        return self._file.holds(self._question.result(chunk))


class NewFile(Kept):
    """A .npy file of our own, whose header tells of no items until all are there."""

    def __init__(self, question: Question, path: Path, items: int | None) -> None:
        self._item = question.shape_of(1)[1:]
        self._size = None if items is None else question.shape_of(items)[0]
        self._dtype = question.whole.problem.dtype
        self._each = math.prod(self._item) * self._dtype.itemsize
        self._empty = self._header(0)
        size = ENDLESS // max(1, self._each) if self._size is None else self._size
        addresses = layout((size, *self._item), self._dtype)
        file = ArrayFile(path, "r+b", addresses, len(self._empty))
        super().__init__(question, addresses, file)

    def _header(self, size: int) -> bytes:
        """As long for any size."""
        content = {"descr": npy.dtype_to_descr(self._dtype), "fortran_order": False}
        file = io.BytesIO()
        npy.write_array_header_1_0(file, {**content, "shape": (size, *self._item)})
        return file.getvalue()

    def identity(self) -> list[int]:
        with open(self.path, "rb") as file:
            ours = file.read(len(self._empty)) == self._empty
        return [self.path.stat().st_ino, int(ours)]

    def renew(self) -> None:
        nbytes = len(self._empty) + self._each * (self._size or 0)
        _check_space(self.path, nbytes)
        with open(self.path, "wb") as file:
            file.write(self._empty)
            file.truncate(nbytes)

    def finish(self, items: int) -> Any:
        size = items if self._size is None else self._size
        with open(self.path, "r+b") as file:
            file.truncate(len(self._empty) + size * self._each)
            file.write(self._header(size))
        return np.load(self.path, mmap_mode="r+" if size * self._each else None)


def _check_space(path: Path, nbytes: int) -> None:
    there = path.stat().st_size if path.is_file() else 0
    free = shutil.disk_usage(path.absolute().parent).free + there
    if nbytes > free:
        told = f"the result needs {nbytes:,} bytes, {free:,} are free"
        raise OSError(errno.ENOSPC, told, str(path))


def sink_of(out: Any, question: Question, items: int | None) -> Sink:
    """Where results go, by what the caller passed."""
    if isinstance(out, str | os.PathLike):
        return NewFile(question, Path(out), items)
    if not all(hasattr(out, name) for name in ("shape", "dtype", "__setitem__")):
        raise TypeError(f"out is a {type(out).__name__}: pass an array, or the path of a .npy file")
    _check(out, question.shape_of(len(out) if items is None else items), question)
    if isinstance(out, np.ndarray):
        file = file_of(out, "r+b")
        return Kept(question, out, file) if file else InMemory(question, out)
    return Sink(question, out, out.__setitem__)


def _check(out: Any, shape: Shape, question: Question) -> None:
    """Refuse an array that cannot hold the result."""
    dtype = question.whole.problem.dtype
    if isinstance(out, np.ndarray):
        check_output(out, np.empty(0), shape, dtype)
    elif tuple(out.shape) != shape:
        raise ValueError(f"out has shape {tuple(out.shape)}: the result has shape {shape}")
    elif check_dtype("out", out.dtype) != dtype:
        raise TypeError(f"out has dtype {out.dtype}: the result is {dtype}")
