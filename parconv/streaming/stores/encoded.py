"""Results in files that are written in one go: TIFF, GeoTIFF, HDF5.

Which of them could be gone on with after a kill only their libraries know, and those do not tell.
So pixels go to a plain file beside, as to a .npy; when all are there they are copied into a file of
the format, which is read back, compared, and takes the name.
"""

import errno
import glob
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np

from ...problem.dtypes import Array
from ..newfile import NewFile, replace_file
from ..question import Question
from .base import Index, Opened, Shape

AT_ONCE = 1 << 25  # bytes copied together
BESIDE = ".ovr", ".msk", ".aux.xml"  # where GDAL has overviews, masks and statistics of a file
Pixels = Callable[[Index], Array]
Encode = Callable[[Path, "Result"], None]


class Result:
    """What is to be written: ``shape``, ``dtype``, pixels by ``part(index)``, and what to say."""

    def __init__(
        self, shape: Shape, dtype: Any, part: Pixels, about: dict[str, Any], question: Question,
        inside: str,
    ) -> None:  # fmt: skip
        self.shape, self.dtype, self.part, self.about = shape, dtype, part, about
        self.question, self.inside = question, inside

    def pieces(self, unit: Shape | None = None) -> Iterator[Index]:
        """All of it in order, in whole units along the axes that are cut: the first ones."""
        unit = unit if unit and len(unit) == len(self.shape) else (1,) * len(self.shape)
        yield from _pieces(self.shape, unit, np.dtype(self.dtype).itemsize)


def _pieces(shape: Shape, unit: Shape, itemsize: int) -> Iterator[Index]:
    """In whole units of the first axis, each cut along the others where it is too large.

    Examples
    --------
    >>> [*_pieces((2, 4), (1, 1), AT_ONCE)]
    [(slice(0, 1, None), slice(0, 1, None)), (slice(0, 1, None), slice(1, 2, None)), \
(slice(0, 1, None), slice(2, 3, None)), (slice(0, 1, None), slice(3, 4, None)), \
(slice(1, 2, None), slice(0, 1, None)), (slice(1, 2, None), slice(1, 2, None)), \
(slice(1, 2, None), slice(2, 3, None)), (slice(1, 2, None), slice(3, 4, None))]
    """
    if not shape:
        yield ()
        return
    rest = itemsize * int(np.prod(shape[1:], dtype=np.int64))
    step = max(1, AT_ONCE // max(1, rest) // unit[0]) * unit[0]
    whole = step * rest <= AT_ONCE
    for at in range(0, shape[0], step):
        here = slice(at, min(at + step, shape[0]))
        if whole:
            yield (here, *[slice(0, size) for size in shape[1:]])
        else:
            yield from ((here, *others) for others in _pieces(shape[1:], unit[1:], itemsize * step))


class Encoded(NewFile):
    """A file of some format, made of a plain one when that is whole."""

    def __init__(
        self, question: Question, path: Path, inside: str, items: int | None,
        about: dict[str, Any], encode: Encode, opened: Callable[[str], Opened],
    ) -> None:  # fmt: skip
        super().__init__(question, path, items)
        self._about, self._inside = about, inside
        self._encode, self._opened = encode, opened
        self._made = self._partial.with_name(self._partial.name + self.path.suffix)

    def __getstate__(self) -> dict[str, Any]:
        """Other processes only write to the plain file."""
        return {**super().__getstate__(), "_about": {}, "_encode": None, "_opened": None}

    def finish(self, items: int) -> Path:
        size = items if self._size is None else self._size
        self._file.check_name()
        result = self.result(size)
        try:
            self._encode(self._made, result)
            self._compare(self._made, result)
            _settle(self._made)
        except BaseException:
            self._forget_made()
            raise
        with suppress(OSError):  # as open to others as what it replaces
            shutil.copymode(self.path, self._made)
        for suffix in BESIDE:
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        replace_file(self._made, self.path)
        self.discard()
        return self.path

    def result(self, size: int) -> Result:
        """Of so many items."""
        shape = (size, *self._item)
        return Result(shape, self._dtype, self._part, self._about, self._question, self._inside)

    def discard(self) -> None:
        super().discard()
        self._forget_made()

    def _forget_made(self) -> None:
        """And what a library has put beside it."""
        for file in self.path.parent.glob(glob.escape(self._made.name) + "*"):
            file.unlink()

    def _part(self, index: Index) -> Array:
        block = np.empty([one.stop - one.start for one in index], self._dtype)
        self._file.read(index, block)
        return block

    def _compare(self, made: Path, result: Result) -> None:
        """Libraries have lost a full disk's error: what they wrote must be what they were given."""
        name = f"{made}::{self._inside}" if self._inside else str(made)
        with closing(self._opened(name)) as again:
            alike = again.shape == _without_ones(again.shape, result.shape)
            for index in result.pieces(again.unit) if alike else ():
                place = index[len(index) - len(again.shape) :]
                found = np.ascontiguousarray(again.part(place))
                alike = alike and found.tobytes() == result.part(index).tobytes()
            if not alike:
                told = "the file that was written does not hold the result: is the disk full?"
                raise OSError(errno.EIO, told, str(self.path))


def _without_ones(there: Shape, shape: Shape) -> Shape:
    """A shape without leading ones that a format has no place for."""
    extra = max(0, len(shape) - len(there))
    return shape[extra:] if all(size == 1 for size in shape[:extra]) else shape


def _settle(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
