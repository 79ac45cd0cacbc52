"""What an array of the library tells of itself."""

from pathlib import Path
from typing import Any

import numpy as np

from .. import urls
from ..base import Shape

KIND, EXTRA = "zarr", "stores"
UNFINISHED = "parconv:unfinished"  # attribute of a result in a store without renaming
NODATA = "_FillValue", "missing_value", "nodata"  # attributes


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
    fs = getattr(array.store, "fs", None)
    return fs is not None and urls.is_far(fs)


def travels(array: Any) -> bool:
    """Whether another process that opens it sees the same bytes."""
    return folder_of(array) is not None or is_far(array)


def stamp_of_objects(store: Any, path: str) -> Any:
    """Sizes, tags and times of all objects, where the file system tells them."""
    fs, root = getattr(store, "fs", None), getattr(store, "path", "")
    if fs is None:
        return None
    return urls.listed(fs, f"{root}/{path}".rstrip("/"))
