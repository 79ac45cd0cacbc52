"""Arrays in files, read and written in blocks, of which the system keeps no copy.

A memory-mapped array is read through its file: the map would bring every page by a fault, count it
as the process's own, and answer a disk's error with a signal that kills.
"""

import errno
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..problem.dtypes import Array, DType
from ..problem.lazily import lazily

# Bytes handed over at once: the device writes them while the next are copied.  2 GiB through a
# 5x5 filter took 1.48 s; 1.95 where a whole chunk was copied before the device began (2026-11).
PIECE = 1 << 22
_sync = getattr(os, "fdatasync", os.fsync)


class ArrayFile:
    """A file that holds an array.

    Parameters
    ----------
    path : Path
        The file.
    mode : str
        As for `open`.
    layout : ndarray
        An array of that shape, dtype and strides, whose elements nobody looks at.
    start : int
        Byte of the file at which its first element lies.
    inode : int, optional
        Of the file that is meant: another one may take its name before it is opened.
    """

    def __init__(
        self, path: Path, mode: str, layout: Array, start: int, inode: int | None = None
    ) -> None:
        self.path, self._mode, self._inode = path, mode, inode
        self._layout, self._origin = layout, layout.ctypes.data - start
        self._written: list[tuple[int, int]] = []  # (start, bytes) since the last `settle`
        self._one = threading.RLock()  # who seeks, or waits for the device

    def __reduce__(self) -> Any:
        """For another process, which writes to the file that is there now and to no other."""
        inode = os.stat(self.path).st_ino if self._inode is None else self._inode
        layout = self._layout
        about = layout.shape, layout.strides, layout.dtype, layout.ctypes.data - self._origin
        return _again, (self.path, self._mode, about, inode)

    @lazily
    def _file(self) -> FileIO:
        """Opened when first needed, so that nothing is open where nobody asked for a result.

        The next rows of an image begin a few before the end of the last ones.  Unless told that
        this is still reading in order, Linux stops reading ahead: 0.9 GB/s, not 3.1 (2026-11).
        """
        file = FileIO(self.path, self._mode)
        if self._inode not in (None, os.fstat(file.fileno()).st_ino):
            file.close()
            self._refuse()
        advise(file, "POSIX_FADV_SEQUENTIAL", 0, 0)
        return file

    def close(self) -> None:
        """Until the file is needed again, which may be another one of that name then."""
        with self._one:
            if "_file" in self.__dict__:
                self.__dict__.pop("_file").close()

    def check_name(self) -> None:
        """Raise OSError unless the name still leads to the file that was written."""
        if self.path.stat().st_ino != os.fstat(self._file.fileno()).st_ino:
            self._refuse()

    def _refuse(self) -> NoReturn:
        told = "another file has taken its name meanwhile: repeat the call"
        raise OSError(errno.ESTALE, told, str(self.path))

    def read(self, index: Any, block: Array) -> None:
        """Elements ``array[index]`` into a block of native elements."""
        with self._one:
            _each_run(self._layout[index], block, self._read)
        if not self._layout.dtype.isnative:
            block.byteswap(inplace=True)

    def write(self, index: Any, block: Array) -> None:
        """A block of native elements into ``array[index]``; `settle` brings it to the device.

        Where the file has its bytes in the other order, the block has them so as well then.
        """
        if not self._layout.dtype.isnative:
            block.byteswap(inplace=True)
        with self._one:
            _each_run(self._layout[index], block, self._write)

    def settle(self) -> None:
        """Wait until all that was written lies on the device; the system keeps no copy."""
        with self._one:
            if self._written:
                _sync(self._file.fileno())
            for start, nbytes in self._written:
                advise(self._file, "POSIX_FADV_DONTNEED", start, nbytes)
            self._written.clear()

    def holds(self, index: Any) -> bool:
        """Whether all of ``array[index]`` was ever written, as far as the system can tell.

        A file that was made anew is one hole.
        """
        region, written = self._layout[index], True

        def check(part: Array, block: Array) -> None:
            nonlocal written
            start = part.ctypes.data - self._origin
            try:
                hole = os.lseek(self._file.fileno(), start, os.SEEK_HOLE)
            except OSError:  # the file ends before
                hole = start
            written = written and hole >= start + part.nbytes

        if hasattr(os, "SEEK_HOLE"):
            _each_run(region, region, check)
        return written

    def _read(self, part: Array, block: Array) -> None:
        view = self._seek(part, block)
        while view:
            count = self._file.readinto(view)
            if not count:
                told = f"the file ends {len(view):,} bytes early"
                raise OSError(errno.EIO, told, str(self.path))
            view = view[count:]
        advise(self._file, "POSIX_FADV_DONTNEED", part.ctypes.data - self._origin, block.nbytes)

    def _write(self, part: Array, block: Array) -> None:
        view, start = self._seek(part, block), part.ctypes.data - self._origin
        self._written.append((start, block.nbytes))
        while view:
            count = self._file.write(view[:PIECE]) or 0
            advise(self._file, "POSIX_FADV_DONTNEED", start, count)  # which writes them out first
            view, start = view[count:], start + count

    def _seek(self, part: Array, block: Array) -> memoryview:
        self._file.seek(part.ctypes.data - self._origin)
        return block.reshape(-1).view(np.uint8).data


def _again(path: Path, mode: str, about: tuple[Any, ...], inode: int) -> ArrayFile:
    shape, strides, dtype, start = about
    layout = as_strided(np.empty(1, dtype), shape, strides)
    return ArrayFile(path, mode, layout, start, inode)


def advise(file: FileIO, advice: str, start: int, nbytes: int) -> None:
    """Tell the system, where it listens."""
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):
            os.posix_fadvise(file.fileno(), start, nbytes, getattr(os, advice))


def _each_run(region: Array, block: Array, move: Callable[[Array, Array], object]) -> None:
    """``move`` for each pair of parts that both lie in one piece, as large as they come."""
    if region.flags.c_contiguous and block.flags.c_contiguous:
        if region.size:
            move(region, block)
        return
    for part, its in zip(region, block, strict=True):
        _each_run(part, its, move)


def layout(shape: tuple[int, ...], dtype: DType) -> Array:
    """Addresses of an array in C order that is not there."""
    steps = np.cumprod([dtype.itemsize, *shape[:0:-1]])[::-1]
    return as_strided(np.empty(1, dtype), shape, [int(step) for step in steps])
