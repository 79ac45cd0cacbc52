"""A .npy file as a result: it takes its name when it is whole.

Until then it lies beside it under a longer name.  So whoever still maps an earlier result of that
name keeps its pages, a source that was that file in disguise is only read, and what lies under the
name is always whole.
"""

import errno
import io
import math
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from .files import ArrayFile, layout
from .question import Question
from .sinks import InFile

SUFFIX = ".partial"
ENDLESS = 1 << 60  # bytes


class NewFile(InFile):
    """A .npy file of our own, whose header tells of no items until all are there."""

    is_ours = True

    def __init__(self, question: Question, path: Path, items: int | None) -> None:
        self._item = question.shape_of(1)[1:]
        self._size = None if items is None else question.shape_of(items)[0]
        self._dtype = question.whole.problem.dtype
        self._each = math.prod(self._item) * self._dtype.itemsize
        self._empty = self._header(0)
        size = ENDLESS // max(1, self._each) if self._size is None else self._size
        addresses = layout((size, *self._item), self._dtype)
        self._partial = path.with_name(path.name + SUFFIX)
        file = ArrayFile(self._partial, "r+b", addresses, len(self._empty))
        super().__init__(question, addresses, file)
        self.path = path

    def _header(self, size: int) -> bytes:
        """As long for any size."""
        content = {"descr": npy.dtype_to_descr(self._dtype), "fortran_order": False}
        file = io.BytesIO()
        npy.write_array_header_1_0(file, {**content, "shape": (size, *self._item)})
        return file.getvalue()

    def identity(self) -> Any:
        """It may be whole already: then a system kept it from taking its name."""
        with suppress(OSError), open(self._partial, "rb") as file:
            header, ours = file.read(len(self._empty)), {self._empty, self._header(self._size or 0)}
            return [os.fstat(file.fileno()).st_ino] if header in ours else None
        return None

    def renew(self) -> None:
        """A new file, even where one is left: another process might write to that."""
        self.discard()
        nbytes = len(self._empty) + self._each * (self._size or 0)
        check_space(self.path, nbytes)
        with open(self._partial, "xb") as file:
            file.write(self._empty)
            file.truncate(nbytes)

    def discard(self) -> None:
        self._file.close()
        self._partial.unlink(missing_ok=True)

    def finish(self, items: int) -> Any:
        size = items if self._size is None else self._size
        self._file.check_name()
        self._file.close()
        with open(self._partial, "r+b") as file:
            file.truncate(len(self._empty) + size * self._each)
            file.write(self._header(size))
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError):  # as open to others as what it replaces
            shutil.copymode(self.path, self._partial)
        replace_file(self._partial, self.path)
        return np.load(self.path, mmap_mode="r+" if size * self._each else None)


def replace_file(partial: Path, path: Path) -> None:
    """Windows refuses while anybody has the old file open or mapped."""
    try:
        os.replace(partial, path)
    except OSError as error:
        told = (
            f"{error.strerror or error}; the whole result is in {str(partial)!r}: close what still "
            "uses the file (an earlier result, a viewer) and repeat the call, which computes "
            "nothing again, or rename it"
        )
        raise OSError(error.errno, told, str(path)) from error


def check_space(path: Path, nbytes: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if nbytes > free:
        told = f"the result needs {nbytes:,} bytes, {free:,} are free"
        raise OSError(errno.ENOSPC, told, str(path))
