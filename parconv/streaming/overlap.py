"""Whether a result would overwrite its source: the same memory, the same file."""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from .foreign import library
from .mapped import Maps, Part
from .stores import adapted, is_url
from .stores.urls import canonical

HANDLES = {"h5py", "zarr"}  # whose datasets are equal where they are one, not by element


def check_apart(source: Any, out: Any) -> None:
    """Refuse a result that would overwrite its source, which may be opened already."""
    if out is None:
        return
    maps = Maps()
    target = _part(out, maps)
    for item in _parts(source):
        if _same_array(getattr(item, "handle", item), out):
            raise ValueError("out is source, or shares its memory: pass another array")
        if _overlap(read := _part(item, maps), target):
            raise ValueError(f"out is the file of source, {read and read.name}: pass another file")


def _parts(source: Any) -> Iterator[Any]:
    """The source, and items that are there already."""
    yield source
    if isinstance(source, list | tuple):
        yield from (item for item in source if isinstance(item, np.ndarray))


def _same_array(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.may_share_memory(one, other)
    if one is other and one is not None:
        return not isinstance(one, str | os.PathLike)
    return type(one) is type(other) and library(one) in HANDLES and bool(one == other)


def _part(value: Any, maps: Maps) -> Part | None:
    """Of a file or a store; one file of HDF5 may have both."""
    if isinstance(value, np.ndarray):
        return maps.under(value)
    value = adapted(value) if library(value) == "zarr" else value
    name = value if isinstance(value, str | os.PathLike) else getattr(value, "filename", None)
    if not isinstance(name, str | os.PathLike) or not os.fspath(name):
        return None
    return Part(canonical(os.fspath(name)) if is_url(name) else os.fspath(name))


def _overlap(one: Part | None, other: Part | None) -> bool:
    if one is None or other is None or one.start >= other.stop or other.start >= one.stop:
        return False
    if one.name == other.name:
        return True
    with suppress(OSError, ValueError):  # what is not there yet, or has no name any more
        return os.path.samefile(one.name, other.name)
    return False
