"""TIFF files by tifffile: the first series, of a pyramid its largest level."""

import math
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ...problem.dtypes import Array
from ..files import ArrayFile, layout
from . import rasters
from .base import Index, Opened, Shape, is_url, module, stamp_of_file
from .encoded import AT_ONCE, Result

KIND, EXTRA = "tiff", "images"
GDAL = (33550, 33922, 34264, 34735, 42112, 42113)  # tags of georeference and of GDAL's own
COPIED = (269, 271, 272, 285, 306, 315, 316, 700, 33432, 33723, 42112, 42113)  # words and XMP
RESOLUTION = (282, 283, 296)
ICC, GDAL_NODATA = 34675, 42113
CLASSIC = 2**32 - 2**25  # bytes of pixels; more need 64-bit offsets
TILE = 256  # side, where the source has none and is compressed
UNCOMPRESSED, ZLIB = 1, (8, 32946)
BY_CODECS = {5: "lzw", 50000: "zstd", 34925: "lzma"}  # lossless, where imagecodecs is there
IMAGEJ_AXES, IMAGEJ_TYPES = "TZCYXS", ("uint8", "uint16", "float32")
OF_VALUES = ("min", "max", "Ranges", "LUTs")  # ImageJ's words about numbers that are others now
SHAPED = ('{"shape":', "shape=(")  # how tifffile's own words begin
OME_TYPES = {"float32": "float", "float64": "double", "complex64": "complex",
             "complex128": "double-complex"}  # fmt: skip


class Tiff(Opened):
    """A series of pages, read by tiles or strips; by bytes where the file has it in one piece."""

    kind = KIND

    def __init__(self, name: str) -> None:
        self._name, self.filename, self._tif = name, name, _open(name)
        try:
            self._look()
        except BaseException:
            self._tif.close()
            raise

    def _look(self) -> None:
        name, series = self._name, self._tif.series[0].levels[0]
        super().__init__(series.shape, series.dtype)
        self.travels = not is_url(name)
        self._files = _files(series, name)
        axes = series.axes
        if {"Y", "X"} <= set(axes):
            self.axes = axes.index("Y"), axes.index("X")
        self.unit, self._array, self._file = None, None, None
        if series.dataoffset is not None and not is_url(name):
            stored = series.dtype.newbyteorder(self._tif.byteorder)
            self._file = ArrayFile(Path(name), "rb", layout(self.shape, stored), series.dataoffset)
        else:
            self._array = _array(series)
            self.unit = tuple(self._array.chunks)
        self.about = {**about(self._tif, series), "unit": self.unit}
        self.nodata = _number(self.about["tags"].get(GDAL_NODATA))

    def __getstate__(self) -> dict[str, Any]:
        return {"_name": self._name, "_tif": None}

    def part(self, index: Index) -> Array:
        with _one:
            if self._tif is None:  # closed, or in another process
                self.__init__(self._name)  # type: ignore[misc]
        if self._array is not None:
            return np.asarray(self._array[index], self.dtype)
        spans = [one.indices(size) for one, size in zip(index, self.shape, strict=True)]
        block = np.empty([stop - start for start, stop, _ in spans], self.dtype)
        assert self._file
        self._file.read(index, block)
        return block

    def stamp(self) -> Any:
        return [stamp_of_file(file) for file in self._files] if self.travels else None

    def close(self) -> None:
        if self._tif is not None:
            self._tif.close()
            self._tif = None  # until it is needed again
            if self._file:
                self._file.close()


_one = threading.Lock()  # who opens a file again


def _files(series: Any, name: str) -> list[str]:
    """All that have pixels: an image of OME may lie in several."""
    pages = (page for page in series.pages if page is not None) if series.is_multifile else ()
    return sorted({name, *(page.parent.filehandle.path for page in pages)})


def opened(name: str) -> Opened:
    """By rasterio where the file has a georeference, which tifffile would not write."""
    with _open(name) as tif:
        page = tif.pages[0]
        pages = [series.keyframe for series in tif.series]
        alone = sum(not (one.is_reduced or one.is_mask) for one in pages) == 1
        if alone and any(code in page.tags for code in GDAL):
            return rasters.opened(name)
    return Tiff(name)


def _open(name: str) -> Any:
    tifffile = module("tifffile", EXTRA)
    target = module("fsspec", "stores").open(name, "rb").open() if is_url(name) else name
    try:
        found = tifffile.TiffFile(target)
    except tifffile.TiffFileError as error:
        raise ValueError(f"source {name!r} is no TIFF that can be read: {error}") from error
    if not found.pages:
        found.close()
        raise ValueError(f"source {name!r} is no TIFF that can be read: it has no pages")
    return found


def _array(series: Any) -> Any:
    store = series.aszarr(level=0)
    return module("zarr", "stores").open_array(store, mode="r" if store.read_only else "r+")


def _number(text: Any) -> float | None:
    with suppress(TypeError, ValueError):
        return rasters.plain(float(text))
    return None


def about(tif: Any, series: Any) -> dict[str, Any]:
    """What the file says of its pixels."""
    page = series.keyframe
    words = {tag.code: tag.value for tag in page.tags.values() if tag.code in COPIED}
    types = {tag.code: (int(tag.dtype), tag.count) for tag in page.tags.values()}
    own = page.is_ome or page.is_imagej or page.description.startswith(SHAPED)
    return {
        "axes": series.axes,
        "tags": words,
        "types": types,
        "resolution": [page.tags.valueof(code) for code in RESOLUTION],
        "icc": page.tags.valueof(ICC),
        "description": "" if own else page.description,
        "ome": tif.ome_metadata if tif.is_ome and "FileName=" not in tif.ome_metadata else None,
        "imagej": dict(tif.imagej_metadata) if tif.is_imagej else None,
        "shaped": dict(tif.shaped_metadata[0]) if tif.is_shaped else None,
        "tile": _sixteens(page.tilelength, page.tilewidth) if page.is_tiled else None,
        "compression": int(page.compression),
        "photometric": int(page.photometric),
        "planar": int(page.planarconfig),
        "extra": tuple(int(one) for one in page.extrasamples),
        "bigtiff": tif.is_bigtiff,
    }


def _sixteens(*sizes: int) -> tuple[int, ...]:
    """What a tile's sides have to be; not every writer knows."""
    return tuple(-(-size // 16) * 16 for size in sizes)


# --- as a result ---------------------------------------------------------------------------------


def check(path: Path, result: Result) -> None:
    """Refuse a result that a TIFF has no place for."""
    if "profile" in result.about:
        rasters.check(result)
    elif 0 in result.shape or not _axes(result).endswith(("YX", "YXS")):
        raise ValueError(
            f"a TIFF has no place for a result of shape {result.shape} and axes {_axes(result)!r}: "
            "pass out with .zarr or .npy"
        )


def _axes(result: Result) -> str:
    axes: str = result.about.get("axes", "")
    return axes if len(axes) == len(result.shape) else _letters(len(result.shape))


def encode(path: Path, result: Result) -> None:
    """The source's axes, resolution, tiles and words; GeoTIFF where it has a georeference."""
    told = result.about
    if "profile" in told:
        rasters.encode(path, result)
        return
    tifffile = module("tifffile", EXTRA)
    shape = result.shape
    nbytes = math.prod(shape) * np.dtype(result.dtype).itemsize
    axes = _axes(result)
    imagej = told.get("imagej") and _is_imagej(axes, np.dtype(result.dtype), nbytes)
    tile, compression = _stored(told)
    options = {**_words(told, result, axes, imagej), **_colours(told, axes)}
    big = not imagej and (told.get("bigtiff", False) or nbytes >= CLASSIC)
    with tifffile.TiffWriter(path, bigtiff=big, imagej=bool(imagej), ome=False) as writer:
        pixels = _tiles(result, axes, tile) if tile else _strips(result, axes)
        if tile:
            options |= {"tile": tile, "compression": compression}
        else:
            options["rowsperstrip"] = _rows_at_once(result, axes)
        writer.write(pixels, shape=shape, dtype=result.dtype, **options)


def _letters(ndim: int) -> str:
    return "Q" * (ndim - 2) + "YX"


def _stored(told: dict[str, Any]) -> tuple[tuple[int, int] | None, str | None]:
    """Tiles and lossless compression, as far as they are the source's."""
    tile, number = told.get("tile"), told.get("compression", UNCOMPRESSED)
    if number == UNCOMPRESSED:
        return tile, None
    name = "zlib"
    if number in BY_CODECS:
        with suppress(ModuleNotFoundError):
            module("imagecodecs", EXTRA)
            name = BY_CODECS[number]
    return tile or (TILE, TILE), name


def _planes(shape: Shape, axes: str) -> Iterator[tuple[slice, ...]]:
    for place in np.ndindex(*shape[: axes.index("Y")]):
        yield tuple(slice(at, at + 1) for at in place)


def _tiles(result: Result, axes: str, tile: tuple[int, int]) -> Iterator[Array]:
    """In the order of the file, of each row of tiles as many as may be read at once."""
    first = axes.index("Y")
    rows, columns, *samples = result.shape[first:]
    each = math.prod((*tile, *samples)) * np.dtype(result.dtype).itemsize
    step = max(1, AT_ONCE // each) * tile[1]
    for plane in _planes(result.shape, axes):
        for top, left in product(range(0, rows, tile[0]), range(0, columns, step)):
            index = slice(top, min(top + tile[0], rows)), slice(left, min(left + step, columns))
            band = result.part((*plane, *index, *[slice(0, size) for size in samples]))
            yield from _tiled(band.reshape(band.shape[first:]), tile)


def _tiled(band: Array, tile: tuple[int, int]) -> Iterator[Array]:
    for left in range(0, band.shape[1], tile[1]):
        part = band[:, left : left + tile[1]]
        whole = np.zeros((*tile, *band.shape[2:]), part.dtype)
        whole[: part.shape[0], : part.shape[1]] = part
        yield whole


def _rows_at_once(result: Result, axes: str) -> int:
    row = math.prod(result.shape[axes.index("X") :]) * np.dtype(result.dtype).itemsize
    return max(1, min(result.shape[axes.index("Y")], (1 << 22) // max(1, int(row))))


def _strips(result: Result, axes: str) -> Iterator[bytes]:
    first, step = axes.index("Y"), _rows_at_once(result, axes)
    rows, *rest = result.shape[first:]
    for plane in _planes(result.shape, axes):
        for top in range(0, rows, step):
            index = (*plane, slice(top, min(top + step, rows)))
            yield result.part((*index, *[slice(0, size) for size in rest])).tobytes()


def _colours(told: dict[str, Any], axes: str) -> dict[str, Any]:
    if "S" not in axes:
        return {"photometric": "minisblack"}
    photometric = told.get("photometric", 2)
    extra = told.get("extra") or None
    known = photometric if photometric in (1, 2, 5) else 2
    planes = "contig" if axes.endswith("S") else "separate"
    return {"photometric": known, "planarconfig": planes, "extrasamples": extra}


def _is_imagej(axes: str, dtype: Any, nbytes: int) -> bool:
    ordered = sorted(axes, key=IMAGEJ_AXES.find) == list(axes) and set(axes) <= set(IMAGEJ_AXES)
    known = dtype == np.uint8 if "S" in axes else str(dtype) in IMAGEJ_TYPES
    return ordered and known and nbytes < CLASSIC


def _words(told: dict[str, Any], result: Result, axes: str, imagej: Any) -> dict[str, Any]:
    """What is said of the pixels."""
    x, y, unit = told.get("resolution") or (None, None, None)
    words: dict[str, Any] = {"software": False, "metadata": None}
    if isinstance(x, tuple) and isinstance(y, tuple) and all((*x, *y)):
        words |= {"resolution": (x, y), "resolutionunit": 2 if unit is None else int(unit)}
    if told.get("icc"):
        words["iccprofile"] = told["icc"]
    types = told.get("types", {})
    words["extratags"] = [
        (code, *types[code], value, True) for code, value in told.get("tags", {}).items()
    ]
    if imagej:
        kept = {word: value for word, value in told["imagej"].items() if word not in OF_VALUES}
        words["metadata"] = {**kept, "axes": axes}
    elif told.get("ome") and len(told["axes"]) == len(result.shape):
        words["description"] = _ome(told["ome"], result, axes).encode()
    elif told.get("description"):
        words["description"] = told["description"].encode()
    else:
        own = told.get("imagej") or told.get("shaped") or {}
        kept = {word: value for word, value in own.items() if word not in ("shape", "truncated")}
        if kept or not set(axes) <= set("YXS"):
            words["metadata"] = {**kept, "axes": axes}
    return words


def _ome(xml: str, result: Result, axes: str) -> str:
    """OME's words with the result's sizes and type, and its pages in the order of its axes."""
    dtype = str(result.dtype)
    new = {f"Size{axis}": str(size) for axis, size in zip(axes, result.shape, strict=True)}
    new.pop("SizeS", None)
    new["Type"] = OME_TYPES.get(dtype, dtype)
    leading = [axis for axis in reversed(axes) if axis in "ZCT"]
    new["DimensionOrder"] = "XY" + "".join(leading + [one for one in "ZCT" if one not in leading])
    count = math.prod(size for axis, size in zip(axes, result.shape, strict=True) if axis in "ZCT")

    def told(match: re.Match[str]) -> str:
        tag = re.sub(r'\s(SignificantBits|BigEndian)="[^"]*"', "", match[0])
        for word, value in new.items():
            tag = re.sub(rf'(\s{word}=")[^"]*"', rf'\g<1>{value}"', tag)
        return tag

    xml = re.sub(r"<(\w+:)?Pixels\b[^>]*>", told, xml, count=1)
    data = re.compile(r"<(\w+:)?TiffData\b[^>]*?(/>|>.*?</(\w+:)?TiffData>)", re.DOTALL)
    first = data.search(xml)
    prefix = (first[1] or "") if first else ""
    one = f'<{prefix}TiffData IFD="0" PlaneCount="{count}"/>'
    head, found, rest = xml.partition(first[0]) if first else (xml, "", "")
    end = rest.find("Pixels>")  # of later images nothing is said, nor kept
    return head + (one if found else "") + data.sub("", rest[:end]) + rest[end:]
