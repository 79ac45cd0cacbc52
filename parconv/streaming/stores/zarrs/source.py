"""Arrays that are read, given or opened by name."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ....problem.dtypes import Array
from ...cut import pieces
from ..base import Index, Opened, is_url, module, only_one, split_inside, stamp_of_folder
from ..folders import aside
from .told import (
    EXTRA,
    KIND,
    UNFINISHED,
    folder_of,
    is_far,
    nodata_of,
    stamp_of_objects,
    travels,
    unit_of,
    url_of,
)

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
    from ..urls import file_system

    zarr, (fs, path) = module("zarr", EXTRA), file_system(name)
    try:
        return not hasattr(zarr.open(name, mode="r"), "shape")
    except (FileNotFoundError, KeyError):
        return bool(fs.exists(path))
