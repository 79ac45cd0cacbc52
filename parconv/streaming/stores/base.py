"""What a stream knows of an array in a store."""

import importlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...problem.dtypes import Array, DType, check_dtype

Shape = tuple[int, ...]
Index = tuple[slice, ...]


class Opened:
    """An array in a file or a store, read in parts by any thread.

    Attributes
    ----------
    shape, dtype
        Of the array; the dtype is native.
    unit : tuple of int or None
        Shape of what the store reads or writes as one: a chunk, a shard, a tile.
    axes : (int, int) or None
        Rows and columns, where the store says.
    nodata : number or None
        What stands for pixels without data.
    kind : str
        Name of the format.
    about : mapping
        What else it says, for a result of the same kind.
    far : bool
        Whether it lies behind a network, so that several reads should be under way.
    travels : bool
        Whether other processes can open it, by a copy that was pickled.
    filename : str
        Of the file, folder or URL; "" where it is in none.
    handle : object
        The array of the library, where it is one.
    """

    kind = ""
    unit: Shape | None = None
    axes: tuple[int, int] | None = None
    nodata: float | None = None
    far, travels = False, True
    filename = ""
    handle: Any = None

    def __init__(self, shape: Shape, dtype: Any) -> None:
        self.shape = tuple(map(int, shape))
        self.dtype: DType = check_dtype("source", np.dtype(dtype)).newbyteorder("=")
        self.about: dict[str, Any] = {}

    def part(self, index: Index) -> Array:
        """Some pixels, in memory of their own."""
        raise NotImplementedError

    def pieces(self, index: Index) -> Iterator[tuple[Index, Index]]:
        """Parts of some pixels to read one after another, and where each lies in them."""
        yield index, (slice(None),) * len(index)

    def stamp(self) -> Any:
        """What changes with the content, as JSON has it; None where only reading tells."""
        return None

    def close(self) -> None:
        """Whatever this opened."""

    @property
    def tells_holes(self) -> bool:
        return self.nodata is not None

    def there(self, f: Array, parts: Iterable[tuple[Index, Index]]) -> Array:
        """Where the pixels of an image, read by those parts, have data."""
        assert self.nodata is not None
        return ~np.isnan(f) if self.nodata != self.nodata else f != self.nodata

    def __getitem__(self, index: Any) -> Array:
        return self.part(index)


def module(name: str, extra: str) -> Any:
    """A package that is wanted now, or an error that tells how to get it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        told = f"{name} is needed for this file: python3 -m pip install 'parconv[{extra}]'"
        raise ModuleNotFoundError(told, name=error.name) from error


def stamp_of_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What changes when somebody writes to a file."""
    status = os.stat(path)
    return {
        "file": os.path.realpath(path),
        "inode": status.st_ino,
        "bytes": status.st_size,
        "modified": status.st_mtime_ns,
    }


def stamp_of_folder(path: Path) -> Any:
    """The same of all files below it.

    Not their times alone: `os.replace` brings another file of the same ones.
    """
    import hashlib

    found = hashlib.sha256()
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            status = os.stat(os.path.join(folder, name))
            told = os.path.relpath(os.path.join(folder, name), path), status.st_size
            found.update(repr((*told, status.st_mtime_ns, status.st_ino)).encode())
    return {"folder": os.path.realpath(path), "files": found.hexdigest()}


def is_url(name: Any) -> bool:
    """Whether it names no local file: ``s3://bucket/a.zarr``; one letter would be a drive.

    Examples
    --------
    >>> is_url("memory://a.zarr"), is_url("C://a.npy"), is_url("file.h5::name")
    (True, False, False)
    """
    scheme, found, _ = name.partition("://") if isinstance(name, str) else ("", "", "")
    return bool(found) and len(scheme) > 1 and scheme.replace("+", "").replace(":", "").isalnum()


def split_inside(name: str) -> tuple[str, str]:
    """A file, and the name of an array in it.

    Examples
    --------
    >>> split_inside("a.h5::raw/image"), split_inside("a.h5")
    (('a.h5', 'raw/image'), ('a.h5', ''))
    >>> split_inside("simplecache::s3://bucket/a.h5::raw")
    ('simplecache::s3://bucket/a.h5', 'raw')
    """
    file, _, inside = name.rpartition("::")
    return (file, inside) if file and "://" not in inside else (name, "")


def only_one(names: list[str], inside: str, file: str) -> str:
    """The array that is meant: that of the name, or the only one there is."""
    if inside.strip("/"):
        return inside
    if len(names) != 1:
        some = ", ".join(map(repr, names[:8])) or "none"
        raise ValueError(
            f"{file!r} holds {len(names)} arrays of two and more axes ({some}): pass the name of "
            f"one as '{os.path.basename(file)}::{names[0] if names else 'name'}'"
        )
    return names[0]
