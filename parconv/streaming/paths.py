"""Names of files at the door: a .npy file to read, a place for one to write."""

import errno
import math
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from ..problem.dtypes import Array

# Whose files hold arrays too: what to pass in place of their names.
_OPENED_BY = {
    ".tif": "tifffile.memmap({!r})",
    ".tiff": "tifffile.memmap({!r})",
    ".zarr": "zarr.open_array({!r})",
    ".npz": "numpy.load({!r})[name]",
    ".h5": "h5py.File({!r})[name]",
    ".hdf5": "h5py.File({!r})[name]",
    ".nc": "netCDF4.Dataset({!r})[name]",
}
_STORES = ("zarr.json", ".zarray")  # files in a directory that is a Zarr array


def open_source(path: str | os.PathLike[str]) -> Array:
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
    found = Path(path)
    zarr = any((found / name).exists() for name in _STORES)
    opened_by = _OPENED_BY.get(".zarr" if zarr else found.suffix.lower())
    if opened_by:
        return f": pass {opened_by.format(os.fspath(path))}"
    return ": pass the name of a .npy file, or an array that the library of its format gives"


def check_target(path: str | os.PathLike[str]) -> Path:
    """Where to write a .npy file; links are followed."""
    name = os.fspath(path)
    if not name or not isinstance(name, str):
        raise ValueError(f"out={path!r}: pass the name of a .npy file")
    found = Path(os.path.realpath(name))
    if found.suffix.lower() not in (".npy", ""):
        raise ValueError(
            f"out={name!r} has the suffix {found.suffix!r}: results are written as .npy; pass such "
            "a name or, for another format, an array of its library, such as tifffile.memmap"
            "(name, shape=..., dtype=...)"
        )
    if found.exists() and not found.is_file():
        raise ValueError(f"out={name!r} is no regular file: pass the name of a .npy file")
    if not found.parent.is_dir():
        raise ValueError(f"out={name!r}: there is no directory {str(found.parent)!r}")
    if found.exists() and not os.access(found, os.W_OK):
        raise PermissionError(errno.EACCES, "the file may not be written", name)
    return found
