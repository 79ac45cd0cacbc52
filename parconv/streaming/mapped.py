"""Which file lies under an array in memory, and whether its name still leads there."""

import math
import mmap
import os
from bisect import bisect_right
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..problem.dtypes import Array
from .files import ArrayFile

SAMPLES, SAMPLE = 16, 1 << 12  # how often, and how many bytes of a map are compared with its file
_MAPS = Path("/proc/self/maps")  # Linux


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
    path = Path(str(array.filename))
    return ArrayFile(path, mode, array.view(np.ndarray), place(array), path.stat().st_ino)


def place(array: Any) -> int:
    """Byte of the file at which a memory-mapped array, or a view of one, begins."""
    return int(array.ctypes.data) - _content(array).ctypes.data + _first_byte(array)


class Part(NamedTuple):
    """Bytes of a file; all, if no more is known."""

    name: str
    start: float = 0
    stop: float = math.inf


class Maps:
    """Which files lie in the process's memory, as the system tells now.

    Where it does not tell, an array's file is the one that a `numpy.memmap` below it was opened by.
    """

    def __init__(self) -> None:
        self._known: list[_Mapping] = []
        with suppress(OSError), open(_MAPS, encoding="utf-8", errors="surrogateescape") as lines:
            self._known = list(map(_parsed, lines))

    @property
    def are_known(self) -> bool:
        return bool(self._known)

    def under(self, array: Array) -> Part | None:
        """The part of a file that the array's memory is, by the name that the file has now.

        However the array came to it: a view, a buffer, another library's tensor.  The name of a
        file that was removed, or that another one replaced, leads nowhere.
        """
        if not self.are_known:
            return _told_by_owner(array)
        first, end = byte_bounds(array)
        at = bisect_right(self._known, first, key=attrgetter("start")) - 1
        found = self._known[at]
        if at < 0 or first >= found.stop or not found.name.startswith("/"):
            return None
        start = first - found.start + found.offset
        return Part(found.name, start, start + end - first)


class _Mapping(NamedTuple):
    """Addresses, the byte of the file at the first one, and the file's name."""

    start: int
    stop: int
    offset: int
    name: str


def _parsed(line: str) -> _Mapping:
    """Where no file is mapped the name is "", or one in brackets.

    Examples
    --------
    >>> _parsed("7f00-8f00 r--s 00001000 fe:00 42    /data/my file.npy\\n")
    _Mapping(start=32512, stop=36608, offset=4096, name='/data/my file.npy')
    """
    span, _, offset, _, _, *name = line.rstrip("\n").split(maxsplit=5)
    start, stop = (int(end, 16) for end in span.split("-"))
    return _Mapping(start, stop, int(offset, 16), "".join(name).replace("\\012", "\n"))


def _told_by_owner(array: Any) -> Part | None:
    while array is not None:
        name = getattr(array, "filename", None)
        if isinstance(name, str | os.PathLike):
            return Part(os.fspath(name))
        array = getattr(array, "base", getattr(array, "obj", None))  # a memoryview's is its obj
    return None


# --- of a memory map -----------------------------------------------------------------------------


def _content(array: Any) -> Array:
    return np.frombuffer(array._mmap, np.uint8)


def _first_byte(array: Any) -> int:
    """Of the map, in the file."""
    return int(array.offset - array.offset % mmap.ALLOCATIONGRANULARITY)


def _is_still_there(array: Any) -> bool:
    """Whether the name by which a map was opened leads to the mapped file.

    Where the system does not tell which file that is, judged by pieces of both.
    """
    maps = Maps()
    with suppress(OSError):
        if not maps.are_known:
            return _agree(array)
        part = maps.under(_content(array))
        return part is not None and os.path.samefile(part.name, array.filename)
    return False


def _agree(array: Any) -> bool:
    mapped, start = _content(array), _first_byte(array)
    last = max(0, mapped.size - SAMPLE)
    with open(array.filename, "rb") as file:
        for at in {last * step // (SAMPLES - 1) for step in range(SAMPLES)}:
            file.seek(start + at)
            if file.read(SAMPLE) != mapped[at : at + SAMPLE].tobytes():
                return False
    return True
