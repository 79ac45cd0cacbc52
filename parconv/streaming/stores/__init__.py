"""Formats of what a stream reads and writes, one row each: suffixes, who opens, who makes.

Their libraries are imported when a file of theirs is asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..foreign import library
from . import hdf5, rasters, tiffs, zarrs
from .base import Opened, is_url, split_inside
from .encoded import Encode

__all__ = ["STORES", "Opened", "Store", "adapted", "is_url", "split_inside", "store_of"]


@dataclass(frozen=True)
class Store:
    """A format.

    ``encode`` writes a file of it in one go; None where it is written unit by unit, or not at all.
    ``check`` refuses, before anything is computed, what that could not write.
    """

    name: str
    opened: Callable[[str], Opened]
    encode: Encode | None = None
    check: Encode | None = None
    is_written: bool = True


ZARR = Store(zarrs.KIND, zarrs.opened)
HDF5 = Store(hdf5.KIND, hdf5.opened, hdf5.encode, hdf5.check)
TIFF = Store(tiffs.KIND, tiffs.opened, tiffs.encode, tiffs.check)
RASTER = Store(rasters.KIND, rasters.opened, is_written=False)
STORES: Mapping[str, Store] = {
    ".zarr": ZARR,
    ".h5": HDF5, ".hdf5": HDF5, ".he5": HDF5,
    ".tif": TIFF, ".tiff": TIFF, ".btf": TIFF,
    **dict.fromkeys((".vrt", ".img", ".jp2", ".asc", ".dem", ".bil"), RASTER),
}  # fmt: skip


def store_of(name: str) -> Store | None:
    """The format that a name's suffix tells; None for .npy and what is unknown.

    Inside a folder of Zarr its name may end earlier: ``a.zarr/image``.

    Examples
    --------
    >>> store_of("s3://bucket/a.zarr/0").name, store_of("A.TIFF").name, store_of("a.npy")
    ('zarr', 'tiff', None)
    """
    path = split_inside(name)[0].rstrip("/").lower()
    inside = ZARR if ".zarr/" in path and not path.endswith(".npy") else None
    return next((row for suffix, row in STORES.items() if path.endswith(suffix)), inside)


def adapted(source: Any) -> Any:
    """An array of one of their libraries as what knows its units; everything else as it is."""
    name = library(source)
    if name == "zarr" and hasattr(source, "store") and hasattr(source, "shape"):
        return zarrs.ZarrArray(source)
    if name == "h5py" and hasattr(source, "chunks"):
        return hdf5.Dataset(source)
    if all(hasattr(source, word) for word in ("block_shapes", "read", "count", "width", "nodata")):
        return rasters.of_dataset(source)
    return source
