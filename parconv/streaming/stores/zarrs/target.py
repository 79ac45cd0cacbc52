"""Arrays that results are written into, the caller's and new ones."""

import os
import re
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

from ....problem.dtypes import Array
from ....runtime import records
from ...cut import Chunk
from ...question import Question
from ...sinks import Kept
from ..base import Index, Shape, is_url, module
from ..folders import PARTIAL, take_place
from .layout import layout_of
from .told import EXTRA, UNFINISHED, folder_of, is_far, travels, unit_of

MANY = 16  # files


class ZarrTarget(Kept):
    """An array of the caller's, whose units are written one by one and last like a file."""

    _token: Any = None

    def __init__(self, question: Question, array: Any, path: Path) -> None:
        super().__init__(question, array, path)
        self._unsettled: list[Index] = []
        self._one = threading.RLock()  # who waits for the device
        if array is not None:
            self.unit = unit_of(array)

    @property
    def array(self) -> Any:
        return self._out

    @property
    def travels(self) -> bool:
        return travels(self.array)

    def write(self, chunk: Chunk, block: Array) -> None:
        index = self._question.result(chunk)
        self.array[index] = block
        self._unsettled.append(index)

    def settle(self) -> None:
        """Files of units go to the device; other stores answer when they have an object."""
        with self._one:
            found: list[Path] = []
            while self._unsettled:  # to which others add meanwhile
                found += self._files(self._unsettled.pop())
            _sync(found)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_one": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _one=threading.RLock())

    def held(self, chunks: list[Chunk], until: int) -> int:
        return next((n for n, one in enumerate(chunks) if not self._holds(one, until)), len(chunks))

    def _holds(self, chunk: Chunk, until: int) -> bool:
        """Units that are no file may have been removed, where results are the fill value, too."""
        times = (_modified(file) for file in self._files(self._question.result(chunk)))
        return all(time is not None and time <= until for time in times)

    def identity(self) -> Any:
        """The file that tells of the array: it is another one when the array was made anew.

        By its time, for a new file often has the inode of one that was removed before.
        """
        folder = folder_of(self.array)
        assert folder
        found = (folder / name for name in ("zarr.json", ".zarray"))
        return [[file.stat().st_ino, _modified(file)] for file in found if file.exists()]

    def close(self) -> None:
        """It is the caller's."""

    def finish(self, items: int) -> Any:
        return self.array

    def _files(self, index: Index) -> Iterator[Path]:
        folder, unit = folder_of(self.array), unit_of(self.array)
        if folder is None or unit is None:
            return
        spans = [one.indices(size) for one, size in zip(index, self.array.shape, strict=False)]
        spans += [(0, size, 1) for size in self.array.shape[len(spans) :]]
        grid = (
            range(start // step, -(-stop // step))
            for (start, stop, _), step in zip(spans, unit, strict=True)
        )
        for place in product(*grid):
            yield folder / self.array.metadata.encode_chunk_key(place)


class NewZarr(ZarrTarget):
    """An array that takes its name when it is whole; behind a URL an attribute says until then."""

    is_ours = True

    def __init__(self, question: Question, name: str, items: int, about: dict[str, Any]) -> None:
        self._name, self._local = name, not is_url(name)
        self._layout = layout_of(question, items, about)
        path = Path(os.path.realpath(name)) if self._local else _journal_of(name)
        self._lies = f"{path}{PARTIAL}" if self._local else name
        super().__init__(question, None, path)
        self.unit = tuple(self._layout.get("shards") or self._layout["chunks"])

    @property
    def shape(self) -> Shape:
        return tuple(self._layout["shape"])

    @property
    def array(self) -> Any:
        if self._out is None:
            self._out = module("zarr", EXTRA).open_array(self._lies, mode="r+")
            if self._token != self._mark():
                raise OSError(f"{self._name!r} is another stream's by now: repeat the call")
        return self._out

    @property
    def travels(self) -> bool:
        return self._local or is_far(self.array)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_out": None}

    def _check_room(self, chunk: Chunk) -> None:
        """It was made as large as the result."""

    def identity(self) -> Any:
        with suppress(OSError, KeyError, ValueError, TypeError):
            self._out = module("zarr", EXTRA).open_array(self._lies, mode="r+")
            if tuple(self._out.shape) == self.shape and (mark := self._mark()):
                self._token = mark
                return mark
        self._out = None
        return None

    def _mark(self) -> Any:
        """What tells this run's array from another's: of a folder its file, else an attribute."""
        return super().identity() if self._local else self._out.attrs.get(UNFINISHED)

    def renew(self) -> None:
        self.discard()
        attributes = dict(self._layout["attributes"])
        if not self._local:
            attributes[UNFINISHED] = uuid.uuid4().hex
        layout = {**self._layout, "attributes": attributes}
        self._out = module("zarr", EXTRA).create_array(
            self._lies, overwrite=True, config={"write_empty_chunks": True}, **layout
        )
        self._token = self._mark()

    def discard(self) -> None:
        self._out = None
        if self._local:
            shutil.rmtree(self._lies, ignore_errors=True)

    def _holds(self, chunk: Chunk, until: int) -> bool:
        """Nobody else writes there."""
        return all(file.exists() for file in self._files(self._question.result(chunk)))

    def finish(self, items: int) -> Any:
        """Nothing of a writer that was killed is left when it takes its name."""
        if self._local:
            for file in Path(self._lies).rglob(f"*{PARTIAL}"):
                file.unlink()
            take_place(Path(self._lies), self.path)
        else:
            del self.array.attrs[UNFINISHED]
        return module("zarr", EXTRA).open_array(self._name, mode="r+")

    def close(self) -> None:
        self._out = None


def _journal_of(url: str) -> Path:
    """Where what is done of a result behind a URL is told: on this machine."""
    folder = records.home() / "streams"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / re.sub(r"[^\w.-]+", "_", url)[-200:]


def _modified(file: Path) -> int | None:
    """When it was written last, in nanoseconds; None where it is not there."""
    with suppress(FileNotFoundError):
        return file.stat().st_mtime_ns
    return None


def _sync(files: list[Path]) -> None:
    """Each waits for the device by itself, some ms: of many together with all else."""
    if len(files) > MANY and hasattr(os, "sync"):
        os.sync()
        return
    for file in files:
        with suppress(FileNotFoundError):  # nothing but the fill value
            descriptor = os.open(file, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
