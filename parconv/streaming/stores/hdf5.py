"""Arrays in HDF5 files."""

import math
import os
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from ...problem.dtypes import Array
from ..newfile import check_space
from .base import Index, Opened, Shape, is_url, module, only_one, split_inside, stamp_of_file
from .encoded import Result
from .zarrs.layout import unit_within
from .zarrs.told import nodata_of

KIND, EXTRA = "hdf5", "stores"
KEPT = ("compression", "compression_opts", "shuffle", "fletcher32")
EACH, HEADER = 1 << 8, 1 << 17  # bytes of what tells of a chunk (about 120), and of all else


class Dataset(Opened):
    """A dataset of a file, which stays open until it is closed; a caller's is only used."""

    kind = KIND

    def __init__(self, dataset: Any, name: str = "") -> None:
        super().__init__(dataset.shape, dataset.dtype)
        self._dataset = self.handle = dataset
        self._name = name
        self.unit, self.travels = dataset.chunks, bool(name) and not is_url(name)
        self._is_whole = not (dataset.is_virtual or dataset.external)
        attributes = dict(dataset.attrs)
        self.nodata = nodata_of(attributes)
        layout = {word: getattr(dataset, word) for word in KEPT}
        self.filename = dataset.file.filename
        self.about = {"attributes": attributes, "layout": layout, "inside": dataset.name}

    def __getstate__(self) -> dict[str, Any]:
        kept = {**self.__dict__, "_dataset": None, "handle": None}
        return {**kept, "about": {}, "_name": f"{split_inside(self._name)[0]}::{self._inside}"}

    @property
    def _inside(self) -> str:
        return str(self.about["inside"])

    def part(self, index: Index) -> Array:
        if self._dataset is None:  # closed, or in another process
            self._dataset = _dataset(self._name)
        return np.asarray(self._dataset[index], self.dtype)

    def stamp(self) -> Any:
        """Of the file that has the pixels; None where others have some."""
        return stamp_of_file(self.filename) if self.travels and self._is_whole else None

    def close(self) -> None:
        if self._name and self._dataset:
            self._dataset.file.close()
            self._dataset = None  # until it is needed again


def opened(name: str) -> Opened:
    """The array of a file: the one that is named, or the only one."""
    return Dataset(_dataset(name), name)


def _dataset(name: str) -> Any:
    h5py = module("h5py", EXTRA)
    path, inside = split_inside(name)
    target = module("fsspec", EXTRA).open(path, "rb").open() if is_url(path) else path
    try:
        file = h5py.File(target, "r")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"source {path!r} is no HDF5 file that can be read: {error}") from error
    try:
        found = file[only_one(_names(file, h5py), inside, path)]
        if not isinstance(found, h5py.Dataset):
            raise ValueError(f"source {name!r} is a group: pass one of its arrays")
    except BaseException as error:
        file.close()
        if isinstance(error, KeyError):
            raise ValueError(f"source {path!r} has no array {inside!r}") from error
        raise
    return found


def _names(file: Any, h5py: Any) -> list[str]:
    found: list[str] = []

    def look(name: str, value: Any) -> None:
        if isinstance(value, h5py.Dataset) and value.ndim >= 2 and value.dtype.kind in "biufc":
            found.append(name)

    file.visititems(look)
    return sorted(found)


def check(path: Path, result: Result) -> None:
    """Refuse to replace a file of more than the array that is named."""
    h5py, names = module("h5py", EXTRA), set[str]()
    with suppress(OSError), h5py.File(path, "r") as file:
        file.visititems(
            lambda name, value: names.add(name) if isinstance(value, h5py.Dataset) else None
        )
    others = sorted(names - {_name(result).strip("/")})
    if others and (result.inside or len(names) > 1):
        raise ValueError(
            f"out={str(path)!r} holds {others[0]!r}, too, which would be lost: pass another file"
        )


def _name(result: Result) -> str:
    return str(result.inside or result.about.get("inside") or "data")


def _refers(value: Any, h5py: Any) -> bool:
    """To something in the file it comes from."""
    return any(isinstance(one, h5py.Reference) for one in np.asarray(value, object).flat)


class Reserved(FileIO):
    """A file whose room is taken before the library writes to it, and given back at the end.

    For the library ends the process (1.14 and 2.0, in a garbage collection) where a disk is full.
    """

    def __init__(self, path: Path, nbytes: int) -> None:
        check_space(path, nbytes)
        super().__init__(path, "w+")
        self._end = 0
        if hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(self.fileno(), 0, nbytes)
            except BaseException:
                super().close()
                raise

    def write(self, data: Any) -> int:
        count = super().write(data)
        self._end = max(self._end, self.tell())
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """What is reserved lies behind the end."""
        return super().seek(offset + self._end if whence == os.SEEK_END else offset)

    def truncate(self, size: int | None = None) -> int:
        self._end = self.tell() if size is None else size
        return self._end

    def close(self) -> None:
        if not self.closed:
            super().truncate(self._end)
        super().close()


def _most(result: Result, chunks: Shape | None) -> int:
    """Bytes that a file may have: chunks are whole, known by a tree, and may not get smaller."""
    unit = chunks or (1,) * len(result.shape)
    counts = [-(-size // one) for size, one in zip(result.shape, unit, strict=True)]
    nbytes: int = math.prod(counts) * math.prod(unit) * np.dtype(result.dtype).itemsize
    return nbytes + nbytes // 128 + EACH * (math.prod(counts) if chunks else 0) + HEADER


def encode(path: Path, result: Result) -> None:
    """A file with the array, of the source's name, chunks, compression and attributes."""
    h5py = module("h5py", EXTRA)
    about = result.about
    unit = about.get("unit")
    chunks = None
    if unit and len(unit) == len(result.shape) and 0 not in result.shape:
        chunks = unit_within(unit, result.shape)
    layout = about.get("layout", {}) if chunks else {}
    with Reserved(path, _most(result, chunks)) as taken, h5py.File(taken, "w") as file:
        dataset = file.create_dataset(
            _name(result), result.shape, result.dtype, chunks=chunks,
            **{word: value for word, value in layout.items() if value},
        )  # fmt: skip
        for word, value in about.get("attributes", {}).items():
            if word not in ("DIMENSION_LIST", "CLASS") and not _refers(value, h5py):
                with suppress(TypeError):  # of no type of its own
                    dataset.attrs[word] = value
        for index in result.pieces(chunks):
            dataset[index] = result.part(index)
