"""Names at the door: of files and stores to read, of a place to write to."""

import errno
import math
import os
import stat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from ..problem.dtypes import Array
from .stores import ZARR, Store, is_url, split_inside, store_of, zarrs
from .stores.urls import NpyUrl

# Whose files hold arrays too: what to pass in place of their names.
_OPENED_BY = {".npz": "numpy.load({!r})[name]", ".nc": "netCDF4.Dataset({!r})[name]"}
_WRITTEN = ".npy, .zarr, .tif or .h5"


class Place(NamedTuple):
    """Where a result goes: by its name as it was given, its format, and its file.

    Attributes
    ----------
    name : str
        A path without links, or a URL.
    store : Store or None
        The format; None for .npy.
    inside : str
        The name of the array in the file, where it has one.
    """

    name: str
    store: Store | None
    inside: str = ""

    @property
    def path(self) -> Path:
        return Path(self.name)


def open_source(path: str | os.PathLike[str]) -> Any:
    """The array in a file or a store, by its suffix; in a .npy file as a memory map."""
    name = _local(path)
    store = store_of(name) or (ZARR if zarrs.is_array(name) else None)
    if store:
        return store.opened(name)
    if not is_url(name):
        return _open_npy(name)
    if name.lower().endswith(".npy"):
        return NpyUrl(name)
    raise ValueError(f"source {name!r} has a suffix that tells no format: {_WRITTEN} do")


def _local(path: str | os.PathLike[str]) -> str:
    """The name; a local file's without the scheme that says so."""
    return os.fsdecode(path).removeprefix("file://")


def _open_npy(path: str | os.PathLike[str]) -> Array:
    """The array in a .npy file, as a memory map."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"source {_told(path)} is no file{_instead(path)}")
    with open(path, "rb") as file:
        if file.read(len(npy.MAGIC_PREFIX)) != npy.MAGIC_PREFIX:
            raise ValueError(f"source {_told(path)} is no .npy file{_instead(path)}")
        file.seek(0)
        try:
            _check_header(file, status.st_size)
            found: Array = np.load(path, mmap_mode="r", allow_pickle=False)
        except OSError:
            raise
        except Exception as error:  # NumPy answers damaged headers with errors of many kinds
            raise ValueError(f"source {_told(path)} is no .npy file of numbers: {error}") from error
    return found


def _check_header(file: Any, size: int) -> None:
    """Before NumPy multiplies what it tells of."""
    wide = npy.read_magic(file) > (1, 0)
    read = npy.read_array_header_2_0 if wide else npy.read_array_header_1_0
    shape, _, dtype = read(file)
    needed = file.tell() + math.prod(shape) * dtype.itemsize
    if needed > size:
        raise ValueError(f"its header tells of {needed:,} bytes, it has {size:,}")


def _told(path: str | os.PathLike[str]) -> str:
    return repr(os.fspath(path))


def _instead(path: str | os.PathLike[str]) -> str:
    """What to pass, by the suffix."""
    opened_by = _OPENED_BY.get(Path(path).suffix.lower())
    if opened_by:
        return f": pass {opened_by.format(os.fspath(path))}"
    return ": pass the name of a .npy file, or an array that the library of its format gives"


def check_target(out: str | os.PathLike[str]) -> Place:
    """Where to write; links are followed."""
    name = _local(out)
    if not name:
        raise ValueError(f"out={out!r}: pass the name of a {_WRITTEN} file")
    store, (file, inside) = store_of(name), split_inside(name)
    if store is ZARR and inside:
        name = file = f"{file.rstrip('/')}/{inside.strip('/')}"
        inside = ""
    if is_url(name):
        return _behind_a_url(name, store)
    found = Path(os.path.realpath(file))
    if found.suffix.lower() not in (".npy", "") and (store is None or not store.is_written):
        raise ValueError(
            f"out={name!r} has the suffix {found.suffix!r}: results are written as {_WRITTEN}; "
            "pass such a name or, for another format, an array of its library"
        )
    if store is ZARR:
        zarrs.check_replaced(str(found))
    elif found.exists() and not found.is_file():
        raise ValueError(f"out={name!r} is no regular file: pass the name of a {_WRITTEN} file")
    if not found.parent.is_dir():
        raise ValueError(f"out={name!r}: there is no directory {str(found.parent)!r}")
    if found.exists() and not os.access(found, os.W_OK):
        raise PermissionError(errno.EACCES, "the file may not be written", name)
    return Place(str(found), store, inside)


def _behind_a_url(name: str, store: Store | None) -> Place:
    if store is not ZARR:
        raise ValueError(
            f"out={name!r}: behind a URL results are written as Zarr, unit by unit; pass a name "
            "that ends in .zarr, or a local file"
        )
    zarrs.check_replaced(name.rstrip("/"))
    return Place(name.rstrip("/"), store)
