"""Arrays of Zarr, version 2 and 3, in folders and behind URLs."""

import json
import math
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

import numpy as np

from ...problem.dtypes import Array
from ...runtime import records
from ..cut import Chunk, pieces
from ..question import Question
from ..sinks import Kept
from .base import Index, Opened, Shape, is_url, module, only_one, split_inside, stamp_of_folder
from .folders import PARTIAL, aside, take_place

KIND, EXTRA = "zarr", "stores"
UNFINISHED = "parconv:unfinished"  # attribute of a result in a store without renaming
NODATA = "_FillValue", "missing_value", "nodata"  # attributes
MANY = 16  # files
SIDE = 1 << 10  # of a chunk where nothing else tells
AT_ONCE = 1 << 22  # bytes of chunks that are decoded together, or half of what is read
PICKLE = "pickle"  # a codec of version 2


class ZarrArray(Opened):
    """An array of Zarr; ``name`` opens it again, an array of the caller's is only used."""

    kind = KIND

    def __init__(self, array: Any) -> None:
        _refuse_pickles(array)
        super().__init__(array.shape, array.dtype)
        self.array = self.handle = array
        self.unit = unit_of(array)
        self.far = is_far(array)
        self.travels = travels(array)
        attributes = dict(array.attrs)
        self.nodata = nodata_of(attributes)
        self.about = {"attributes": attributes, "array": array}
        self.filename = str(folder_of(array) or url_of(array) or "")

    def part(self, index: Index) -> Array:
        return np.asarray(self.array[index], self.dtype)

    def pieces(self, index: Index) -> Iterator[tuple[Index, Index]]:
        """By a few chunks, for the library holds all it meets, encoded and decoded, until the end.

        Behind a network it asks for all at once, which would else wait for one after another.
        """
        chunks = getattr(self.array, "chunks", None)
        if self.far or not isinstance(chunks, tuple):
            yield from super().pieces(index)
            return
        spans = [one.indices(size)[:2] for one, size in zip(index, self.shape, strict=True)]
        nbytes = math.prod(stop - start for start, stop in spans) * self.dtype.itemsize
        most = max(AT_ONCE, nbytes // 2) // (math.prod(chunks) * self.dtype.itemsize)
        for piece in pieces(tuple(spans), chunks, most):
            pairs = zip(piece, spans, strict=True)
            yield (
                tuple(slice(*part) for part in piece),
                tuple(slice(start - at, stop - at) for (start, stop), (at, _) in pairs),
            )

    def stamp(self) -> Any:
        """Of a folder the times of its files; of a store behind a URL what it tells of its own."""
        if folder := folder_of(self.array):
            return stamp_of_folder(folder)
        return stamp_of_objects(self.array.store, self.array.path)


def _refuse_pickles(array: Any) -> None:
    """Chunks that are pickles run what they say when they are read; Zarr 3.0 reads them."""
    told = array.metadata
    codecs = (*(getattr(told, "filters", None) or ()), getattr(told, "compressor", None))
    if PICKLE in {getattr(codec, "codec_id", None) for codec in codecs}:
        raise ValueError(
            f"source {array.store}{array.name} has chunks that are pickles, which run code as they "
            "are read: write it anew as numbers"
        )


def nodata_of(attributes: dict[str, Any]) -> float | None:
    """The number that stands for missing pixels, as netCDF's conventions and others have it."""
    for name in NODATA:
        value = np.asarray(attributes.get(name, "")).ravel()
        if value.size == 1 and value.dtype.kind in "iuf":
            return float(value[0]) if value.dtype.kind == "f" else int(value[0])
    return None


def unit_of(array: Any) -> Shape | None:
    """What is written as one: a shard, or a chunk."""
    unit = getattr(array, "shards", None) or getattr(array, "chunks", None)
    return tuple(unit) if isinstance(unit, tuple) else None


def folder_of(array: Any) -> Path | None:
    """Where a local array lies."""
    root = getattr(array.store, "root", None)
    return root / array.path if isinstance(root, Path) else None


def url_of(array: Any) -> str | None:
    """Where an array behind a URL lies."""
    fs = getattr(array.store, "fs", None)
    fs = getattr(fs, "sync_fs", fs)
    path = f"{getattr(array.store, 'path', '')}/{array.path}".rstrip("/")
    return str(fs.unstrip_protocol(path)) if fs is not None else None


def is_far(array: Any) -> bool:
    protocol = getattr(getattr(array.store, "fs", None), "protocol", None)
    names = (protocol,) if isinstance(protocol, str) else tuple(protocol or ())
    return bool(names) and not {"file", "local", "memory"} & set(names)


def travels(array: Any) -> bool:
    """Whether another process that opens it sees the same bytes."""
    return folder_of(array) is not None or is_far(array)


def stamp_of_objects(store: Any, path: str) -> Any:
    """Sizes, tags and times of all objects, where the file system tells them."""
    fs, root = getattr(store, "fs", None), getattr(store, "path", "")
    if fs is None:
        return None
    from .urls import listed

    return listed(fs, f"{root}/{path}".rstrip("/"))


# --- opened by name ------------------------------------------------------------------------------


def opened(name: str) -> Opened:
    """The array that a path or URL leads to."""
    return ZarrArray(_node(name, "r"))


def _node(name: str, mode: str) -> Any:
    zarr = module("zarr", EXTRA)
    file, inside = split_inside(name)
    try:
        found = zarr.open(file, path=inside or None, mode=mode)
    except (FileNotFoundError, KeyError) as error:
        if not is_url(file) and not os.path.exists(file):
            told = "No such file or directory"
            if old := aside(file):
                told = (
                    "a stream was killed as its result took this name: repeat the call, or give "
                    f"it to what it replaces, {old!r}"
                )
            raise FileNotFoundError(2, told, file) from error
        raise ValueError(f"source {name!r} is no array of Zarr") from error
    if not hasattr(found, "shape"):
        arrays = {key: one for key, one in found.arrays() if len(one.shape) >= 2}
        found = arrays[only_one(sorted(arrays), "", file)]
    unfinished = UNFINISHED in found.attrs
    if mode == "r" and unfinished:
        raise ValueError(f"source {name!r} is the result of a stream that was not finished")
    return found


def is_array(name: str) -> bool:
    """Whether a folder is an array, and no group of several."""
    folder = Path(name)
    with suppress(OSError, ValueError):
        if (folder / ".zarray").is_file():
            return True
        told = json.loads((folder / "zarr.json").read_bytes())
        return bool(told["node_type"] == "array")
    return False


def check_replaced(name: str) -> None:
    """Refuse what would be lost: a result replaces an array, and lies in none."""
    parents = Path(name).parents if not is_url(name) else ()
    if array := next((folder for folder in parents if is_array(str(folder))), None):
        raise ValueError(f"out={name!r} lies in an array, {str(array)!r}: pass another name")
    if _is_taken(name):
        raise ValueError(f"out={name!r} is there, but no array of Zarr: pass another name")


def _is_taken(name: str) -> bool:
    if not is_url(name):
        return os.path.exists(name) and not is_array(name)
    from .urls import file_system

    zarr, (fs, path) = module("zarr", EXTRA), file_system(name)
    try:
        return not hasattr(zarr.open(name, mode="r"), "shape")
    except (FileNotFoundError, KeyError):
        return bool(fs.exists(path))


# --- as a result ---------------------------------------------------------------------------------


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


# --- the layout of a new one ---------------------------------------------------------------------


def layout_of(question: Question, items: int, about: dict[str, Any]) -> dict[str, Any]:
    """Arguments of ``zarr.create_array``: as the source's, where that is Zarr's of as many axes."""
    shape, dtype = question.shape_of(items), question.whole.problem.dtype
    source, attributes = about.get("array"), dict(about.get("attributes", {}))
    attributes = {name: value for name, value in attributes.items() if _is_json(value)}
    found: dict[str, Any] = {"shape": shape, "dtype": dtype, "attributes": attributes}
    if source is None or len(source.shape) != len(shape):
        unit = about.get("unit") or ()
        chunks = unit_within(unit, shape) if len(unit) == len(shape) else _usual(shape)
        return {**found, "chunks": chunks}
    found["chunks"] = unit_within(source.chunks, shape)
    if source.shards:
        pairs = zip(source.shards, source.chunks, found["chunks"], strict=True)
        found["shards"] = tuple(shard // chunk * mine for shard, chunk, mine in pairs)
    found["zarr_format"] = source.metadata.zarr_format
    found["compressors"] = source.compressors or None
    if source.metadata.zarr_format == 3:
        found["dimension_names"] = source.metadata.dimension_names
    return found


def unit_within(unit: Shape, shape: Shape) -> Shape:
    """Units no larger than the array."""
    return tuple(max(1, min(one, size)) for one, size in zip(unit, shape, strict=True))


def _usual(shape: Shape) -> Shape:
    """Planes in tiles of a few MiB."""
    tile = [*[1] * (len(shape) - 2), SIDE, SIDE][-len(shape) :]
    return unit_within(tuple(tile), shape)


def _is_json(value: Any) -> bool:
    with suppress(TypeError, ValueError):
        json.dumps(value)
        return True
    return False
