"""Arrays in files, read and written in blocks, of which the system keeps no copy.

A memory-mapped array is read through its file: the map would bring every page by a fault, count it
as the process's own, and answer a disk's error with a signal that kills.
"""

import mmap
import os
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..dtypes import Array, DType
from ..lazily import lazily

# Bytes handed over at once: the device writes them while the next are copied.  2 GiB through a
# 5x5 filter took 1.48 s; 1.95 where a whole chunk was copied before the device began (2026-11).
PIECE = 1 << 22
SAMPLE = 1 << 12  # bytes at either end that tell whether a file is still the mapped one
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
    """

    def __init__(self, path: Path, mode: str, layout: Array, start: int) -> None:
        self.path, self._mode = path, mode
        self._layout, self._origin = layout, layout.ctypes.data - start
        self._written: list[tuple[int, int]] = []  # (start, bytes) since the last `settle`

    @lazily
    def _file(self) -> FileIO:
        """Opened when first needed, so that nothing is open where nobody asked for a result.

        The next rows of an image begin a few before the end of the last ones.  Unless told that
        this is still reading in order, Linux stops reading ahead: 0.9 GB/s, not 3.1 (2026-11).
        """
        file = FileIO(self.path, self._mode)
        _advise(file, "POSIX_FADV_SEQUENTIAL", 0, 0)
        return file

    def close(self) -> None:
        if "_file" in self.__dict__:
            self._file.close()

    def read(self, index: Any, block: Array) -> None:
        """Elements ``array[index]`` into a block of native elements."""
        _each_run(self._layout[index], block, self._read)
        if not self._layout.dtype.isnative:
            block.byteswap(inplace=True)

    def write(self, index: Any, block: Array) -> None:
        """A block of native elements into ``array[index]``; `settle` brings it to the device.

        Where the file has its bytes in the other order, the block has them so as well then.
        """
        if not self._layout.dtype.isnative:
            block.byteswap(inplace=True)
        _each_run(self._layout[index], block, self._write)

    def settle(self) -> None:
        """Wait until all that was written lies on the device; the system keeps no copy."""
        if self._written:
            _sync(self._file.fileno())
        for start, nbytes in self._written:
            _advise(self._file, "POSIX_FADV_DONTNEED", start, nbytes)
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
                raise EOFError(f"{self.path} ends {len(view):,} bytes early")
            view = view[count:]
        _advise(self._file, "POSIX_FADV_DONTNEED", part.ctypes.data - self._origin, block.nbytes)

    def _write(self, part: Array, block: Array) -> None:
        view, start = self._seek(part, block), part.ctypes.data - self._origin
        self._written.append((start, block.nbytes))
        while view:
            count = self._file.write(view[:PIECE]) or 0
            _advise(self._file, "POSIX_FADV_DONTNEED", start, count)  # which writes them out first
            view, start = view[count:], start + count

    def _seek(self, part: Array, block: Array) -> memoryview:
        self._file.seek(part.ctypes.data - self._origin)
        return block.reshape(-1).view(np.uint8).data


def _advise(file: FileIO, advice: str, start: int, nbytes: int) -> None:
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


# --- memory maps ---------------------------------------------------------------------------------


def file_of(array: Any, mode: str) -> ArrayFile | None:
    """The file under a memory-mapped array, or a view of one, that serves in its place.

    The map must hide nothing (mode "c" does), its rows must lie in one piece, and the file must
    still be there.
    """
    if not isinstance(array, np.memmap) or getattr(array, "_mmap", None) is None:
        return None
    in_rows = array.ndim > 0 and array.strides[-1] == array.itemsize
    named = isinstance(array.filename, str | os.PathLike)
    if array.mode == "c" or not named or not in_rows or not _is_still_there(array):
        return None
    return ArrayFile(Path(str(array.filename)), mode, array.view(np.ndarray), place(array))


def place(array: Any) -> int:
    """Byte of the file at which a memory-mapped array, or a view of one, begins."""
    return int(array.ctypes.data) - _content(array).ctypes.data + _first_byte(array)


def _content(array: Any) -> Array:
    return np.frombuffer(array._mmap, np.uint8)


def _first_byte(array: Any) -> int:
    """Of the map, in the file."""
    return int(array.offset - array.offset % mmap.ALLOCATIONGRANULARITY)


def _is_still_there(array: Any) -> bool:
    """Whether the name leads to the mapped file, judged by the map's ends."""
    mapped, start = _content(array), _first_byte(array)
    try:
        with open(array.filename, "rb") as file:
            for at in (0, max(0, mapped.size - SAMPLE)):
                file.seek(start + at)
                if file.read(SAMPLE) != mapped[at : at + SAMPLE].tobytes():
                    return False
    except OSError:
        return False
    return True
