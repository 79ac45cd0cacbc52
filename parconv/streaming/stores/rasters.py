"""Rasters of GDAL, by windows of rasterio: GeoTIFF, COG, VRT and others."""

import os
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from ...api import plan2d
from ...problem.dtypes import Array
from ..question import Question
from .base import Index, Opened, is_url, module, stamp_of_file
from .encoded import Result

KIND, EXTRA = "raster", "rasters"
LOSSLESS = ("deflate", "lzw", "zstd", "lzma", "packbits", "lerc_zstd")
TILES = ("blockxsize", "blockysize", "tiled", "interleave")
LARGE = 1 << 31  # bytes of pixels; more need 64-bit offsets


class Raster(Opened):
    """Bands of a raster, ``(bands, rows, columns)``, or one band; a handle for each thread."""

    kind = KIND

    def __init__(self, name: str, dataset: Any) -> None:
        count, size = dataset.count, (dataset.height, dataset.width)
        kinds = set(dataset.dtypes)
        if len(kinds) != 1:
            raise ValueError(f"source {name!r} has bands of {', '.join(sorted(kinds))}: pass one")
        super().__init__((count, *size) if count > 1 else size, kinds.pop())
        self._name, self._handles, self.filename = name, threading.local(), name
        self._all: list[Any] = []
        block = dataset.block_shapes[0]
        together = count if str(dataset.profile.get("interleave")) == "pixel" else 1
        self.unit = (together, *block) if count > 1 else tuple(block)
        self._flags = dataset.mask_flag_enums
        self.nodata = plain(dataset.nodata) if _is_one(dataset.nodatavals) else None
        self.about = about(dataset)
        self.travels = not name.startswith("/vsimem")
        self.far = is_url(name) or name.startswith(("/vsis3", "/vsicurl", "/vsigs", "/vsiaz"))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_handles": None, "_all": [], "about": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._handles = threading.local()

    @property
    def _dataset(self) -> Any:
        """This thread's: GDAL's handles are none that two may use."""
        found = getattr(self._handles, "dataset", None)
        if found is None:
            with _quiet():
                found = self._handles.dataset = module("rasterio", EXTRA).open(self._name)
            self._all.append(found)
        return found

    def _window(self, index: Index) -> tuple[list[int], Any]:
        from rasterio.windows import Window

        spans = [one.indices(size) for one, size in zip(index, self.shape, strict=True)]
        bands = range(*spans[0]) if len(spans) == 3 else range(1)
        (top, bottom, _), (left, right, _) = spans[-2:]
        return [1 + band for band in bands], Window(left, top, right - left, bottom - top)

    def part(self, index: Index) -> Array:
        bands, window = self._window(index)
        found = self._dataset.read(bands, window=window)
        return np.asarray(found if len(self.shape) == 3 else found[0], self.dtype)

    @property
    def tells_holes(self) -> bool:
        return self.nodata is not None or self._is_masked

    def there(self, f: Array, parts: Iterable[tuple[Index, Index]]) -> Array:
        """By the value of nodata, and by GDAL's masks, which alpha or another file may tell."""
        found = np.ones(f.shape, bool) if self.nodata is None else super().there(f, parts)
        for index, place in parts if self._is_masked else ():
            bands, window = self._window(index)
            mask = self._dataset.read_masks(bands, window=window) != 0
            found[place] &= mask if len(self.shape) == 3 else mask[0]
        return found

    @property
    def _is_masked(self) -> bool:
        """By more than the value of nodata."""
        alone = {"all_valid"} if self.nodata is None else {"all_valid", "nodata"}
        return any(flag.name not in alone for flags in self._flags for flag in flags)

    def stamp(self) -> Any:
        with suppress(OSError):
            return [stamp_of_file(name) for name in self.about["files"]]
        return None

    def close(self) -> None:
        while self._all:
            self._all.pop().close()
        self._handles = threading.local()


def plain(value: float | None) -> float | None:
    """As it is told to users: GDAL has all in floating point.

    Examples
    --------
    >>> plain(-9999.0), plain(-3.4028234663852886e38), plain(float("inf"))
    (-9999, -3.4028234663852886e+38, inf)
    """
    exact = value is not None and abs(value) <= 2**53 and float(value).is_integer()
    return int(value) if value is not None and exact else value


def _is_one(values: Iterable[float | None]) -> bool:
    """Whether all bands have the same value; NaN is equal to itself here."""
    return len({repr(value) for value in values}) == 1


def opened(name: str) -> Opened:
    if not is_url(name) and not name.startswith("/vsi"):
        os.stat(name)  # its own error, with its own number
    return _by_name(name)


def _by_name(name: str) -> Raster:
    rasterio = module("rasterio", EXTRA)
    try:
        with _quiet(), rasterio.open(name) as dataset:
            return Raster(name, dataset)
    except rasterio.errors.RasterioIOError as error:
        raise ValueError(f"source {name!r} is no raster that can be read: {error}") from error


def of_dataset(dataset: Any) -> Opened:
    """Of a reader of the caller's, which is not touched again: its name must lead to the same."""
    if dataset.mode != "r":
        raise ValueError(f"source {dataset.name!r} is open for writing: pass its name when closed")
    with suppress(ValueError, OSError):
        found = _by_name(dataset.name)
        if _grid(found.about["profile"]) == _grid(dataset.profile):
            return found
    raise ValueError(
        f"source {dataset.name!r} is not what its name leads to, but a view of it (an overview, a "
        "WarpedVRT): pass its read(), or the name of a .vrt file"
    )


def _grid(profile: Any) -> list[Any]:
    words = "driver", "count", "height", "width", "dtype", "crs", "transform"
    return [profile.get(word) for word in words]


@contextmanager
def _quiet() -> Iterator[None]:
    """Images without georeference are images."""
    with warnings.catch_warnings():
        kind = module("rasterio.errors", EXTRA).NotGeoreferencedWarning
        warnings.simplefilter("ignore", kind)
        yield


def about(dataset: Any) -> dict[str, Any]:
    """What a raster says of its pixels."""
    bands = dataset.indexes
    layout = dataset.tags(ns="IMAGE_STRUCTURE").get("LAYOUT")
    profile = dict(dataset.profile)
    if not _is_one(dataset.nodatavals):  # a GeoTIFF has one of all bands
        profile["nodata"] = float("nan")
    return {
        "profile": profile,
        "cog": layout == "COG",
        "tags": dataset.tags(),
        "band tags": [dataset.tags(band) for band in bands],
        "descriptions": dataset.descriptions,
        "colorinterp": dataset.colorinterp,
        "scales": dataset.scales,
        "offsets": dataset.offsets,
        "units": dataset.units,
        "gcps": dataset.gcps,
        "rpcs": dataset.rpcs,
        "attributes": _attributes(dataset),
        "files": [name for name in dataset.files if not name.endswith(".ovr")],
    }


def _attributes(dataset: Any) -> dict[str, Any]:
    """For stores that know no georeference."""
    found: dict[str, Any] = {"transform": [*dataset.transform][:6]}
    if dataset.crs:
        found["crs"] = dataset.crs.to_wkt()
    return found if dataset.nodata is None else {**found, "_FillValue": dataset.nodata}


# --- as a result ---------------------------------------------------------------------------------


def placed(about: dict[str, Any], question: Question) -> dict[str, Any]:
    """What a raster says, with the result's place for stores that have it in attributes."""
    if "profile" not in about:
        return about
    moved = [*_moved(about["profile"]["transform"], question)][:6]
    return {**about, "attributes": {**about["attributes"], "transform": moved}}


def check(result: Result) -> None:
    """Refuse a result that a GeoTIFF has no place for."""
    known = module("rasterio.dtypes", EXTRA).check_dtype(str(result.dtype))
    if len(result.shape) > 3 or not known or 0 in result.shape:
        raise ValueError(
            f"a GeoTIFF has no place for a result of shape {result.shape} and type {result.dtype}: "
            "pass out with .zarr or .npy, or another dtype="
        )


def encode(path: Path, result: Result) -> None:
    """A GeoTIFF with the source's tiles, compression, georeference and words; a COG of a COG."""
    rasterio = module("rasterio", EXTRA)
    told = result.about
    plain = path.with_name(path.name + ".gdal") if told.get("cog") else path
    try:
        with _quiet(), rasterio.open(plain, "w", **_profile(result)) as target:
            _tell(target, told, _is_moved(result))
            for index in result.pieces(_unit(result)):
                _put(target, index, result.part(index))
        if told.get("cog"):
            profile = _profile(result)
            options = {"compress": profile.get("compress", "none"), "bigtiff": "if_safer"}
            with _quiet():
                module("rasterio.shutil", EXTRA).copy(plain, path, driver="COG", **options)
    finally:
        if plain != path:
            plain.unlink(missing_ok=True)


def _unit(result: Result) -> tuple[int, ...]:
    profile = result.about.get("profile", {})
    tiled = profile.get("tiled")
    rows, columns = (
        profile.get(word, 1) if tiled else size
        for word, size in (("blockysize", 1), ("blockxsize", result.shape[-1]))
    )
    ones = [1] * (len(result.shape) - 2)
    if ones and profile.get("interleave") == "pixel":
        ones[-1] = result.shape[-3]
    return (*ones, rows, columns)


def _put(target: Any, index: Index, pixels: Array) -> None:
    from rasterio.windows import Window

    rows, columns = index[-2:]
    window = Window(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
    if len(index) == 2:
        target.write(pixels, 1, window=window)
    else:
        bands = list(range(1 + index[0].start, 1 + index[0].stop))
        target.write(pixels, bands, window=window)


def _profile(result: Result) -> dict[str, Any]:
    source = result.about.get("profile", {})
    *bands, rows, columns = result.shape
    nbytes = int(np.prod(result.shape, dtype=np.int64)) * np.dtype(result.dtype).itemsize
    found = {
        "driver": "GTiff", "height": rows, "width": columns, "count": bands[0] if bands else 1,
        "dtype": str(result.dtype), "crs": source.get("crs"),
        "bigtiff": "yes" if nbytes >= LARGE else "no",
        "nodata": _nodata(source.get("nodata"), np.dtype(result.dtype)),
    }  # fmt: skip
    if transform := source.get("transform"):
        found["transform"] = _moved(transform, result.question)
    found |= {word: source[word] for word in TILES if word in source}
    if found.get("tiled"):  # other formats have tiles of any size
        found |= {word: -(-source[word] // 16) * 16 for word in TILES[:2] if word in source}
    else:
        found.pop("blockxsize", None)
    compress = str(source.get("compress", "")).lower()
    if compress:
        found["compress"] = compress if compress in LOSSLESS else "deflate"
    return found


def _nodata(value: float | None, dtype: Any) -> float | None:
    if value is None or dtype.kind in "fc":
        return value
    fits = value == value and np.iinfo(dtype).min <= value <= np.iinfo(dtype).max
    return value if fits and value == int(value) else None


def _is_moved(result: Result) -> bool:
    transform = result.about.get("profile", {}).get("transform")
    return transform is not None and _moved(transform, result.question) != transform


def _moved(transform: Any, question: Question) -> Any:
    """Where the result's pixels lie: as in mode "same", but for what is cut off or left out."""
    problem = question.whole.problem
    spec = problem.image, problem.image_dtype
    same = {"mode": "same", "padding": None, "stride": 1, "method": "direct"}
    lead = plan2d(spec, question.g, **{**question.keywords, **same}).problem.lead
    rows, columns = (
        (usual - own) / (problem.channels if axis else 1)
        for axis, (usual, own) in enumerate(zip(lead, problem.lead, strict=True))
    )
    down, right = problem.stride
    rows, columns = rows + (1 - down) / 2, columns + (1 - right) / 2
    a, b, c, d, e, f = [*transform][:6]  # versions differ in the sign of their product
    moved = c + a * columns + b * rows, f + d * columns + e * rows
    return type(transform)(a * right, b * down, moved[0], d * right, e * down, moved[1])


def _tell(target: Any, told: dict[str, Any], moved: bool) -> None:
    """Tags, band by band where there are as many; reference points only where none has moved."""
    tags = {
        word: value for word, value in told.get("tags", {}).items() if word != "OVR_RESAMPLING_ALG"
    }
    target.update_tags(**tags)
    for band, tags in enumerate(told.get("band tags", ())[: target.count], start=1):
        words = {word: value for word, value in tags.items() if not word.startswith("STATISTICS_")}
        target.update_tags(band, **words)
    if len(told.get("descriptions", ())) != target.count:
        return
    for band, text in enumerate(told["descriptions"], start=1):
        if text:
            target.set_band_description(band, text)
    target.scales, target.offsets = told["scales"], told["offsets"]
    for band, unit in enumerate(told["units"], start=1):
        if unit:
            target.set_band_unit(band, unit)
    with suppress(Exception):  # palettes are for bytes
        target.colorinterp = told["colorinterp"]
    points, crs = told["gcps"]
    if points and not moved:
        target.gcps = points, crs
    if told["rpcs"] and not moved:
        target.rpcs = told["rpcs"]
