"""Streams from and to stores: the bits of one call, units written once, words kept."""

import concurrent.futures
import gc
import itertools
import json
import os
import pickle
import sys
import threading
import time
import warnings
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import soak
from test_stream import SAME, Stop, for_rows, image, same_bits, taps

import parconv
from parconv import cli
from parconv.streaming import bars, calls, cut, helper, pools, stores
from parconv.streaming.stores import encoded, tiffs, urls, zarrs

zarr = pytest.importorskip("zarr", "3", reason="the stores need zarr")
pytestmark = [
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning:affine"),
    pytest.mark.filterwarnings("ignore:Dataset has no geotransform"),
]
G, MEAN = taps(5, 3), np.full((3, 5), 1 / 15, "float32")
SMALL = 120_000  # bytes, so that the images here are cut


@pytest.fixture(autouse=True)
def _no_thread_survives():
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == helper.NAME]


def array(path, f, **layout):
    """An array of Zarr that holds the pixels."""
    made = zarr.create_array(path, shape=f.shape, dtype=f.dtype, **layout)
    made[...] = f
    return made


def close(result, expected):
    """As near as means over what is there come by other blocks."""
    assert result.shape == expected.shape
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=3e-6, atol=1e-5)


# --- Zarr: units ---------------------------------------------------------------------------------


@pytest.fixture
def writes(monkeypatch):
    """How often each object of a store was written."""
    from zarr.storage import LocalStore

    found, put = Counter(), LocalStore.set

    async def counted(self, key, value):
        found[f"{self.root.name}/{key}"] += 1
        await put(self, key, value)

    monkeypatch.setattr(LocalStore, "set", counted)
    return found


def _case(seed):
    """A random image, filter and question, and two random layouts."""
    rng = np.random.default_rng(seed)
    leading = tuple(rng.integers(1, 5, rng.integers(0, 3)))
    f = image(
        (*map(int, leading), *map(int, rng.integers(20, 130, 2))),
        rng.choice(["float32", "uint8", "float64"]),
    )
    g = image(rng.integers(1, 10, 2), "float32", seed) - 50
    question = {
        "mode": str(rng.choice(["same", "valid", "full"])), "method": "direct", "cval": 3,
        "boundary": str(rng.choice(["constant", "edge", "symmetric", "mirror", "wrap"])),
        "stride": int(rng.choice([1, 1, 2, 3])),
    }  # fmt: skip

    def layout(shape):
        chunks = tuple(int(rng.integers(-(-size // 6), size // 2 + 2)) for size in shape)
        version = int(rng.choice([2, 3, 3]))
        if version == 2 or rng.random() < 0.2:
            return {"chunks": chunks, "zarr_format": version}
        return {"chunks": chunks, "shards": tuple(int(rng.integers(1, 4)) * n for n in chunks)}

    return f, g, question, layout


@pytest.mark.parametrize("seed", [*range(8), *soak(*range(8, 60))])
def test_random_shards(tmp_path, writes, monkeypatch, seed):
    """One call's bits; and each shard or chunk is written by one task, in one go.

    Read at once, as all that is small, or a few chunks at a time.
    """
    monkeypatch.setattr(zarrs.source, "AT_ONCE", (1, zarrs.source.AT_ONCE)[seed % 2])
    f, g, question, layout = _case(seed)
    source = array(tmp_path / "a.zarr", f, **layout(f.shape))
    expected = parconv.conv2d(f, g, **question)
    made = layout(expected.shape)
    target = zarr.create_array(
        tmp_path / "b.zarr", shape=expected.shape, dtype=expected.dtype, **made
    )
    least = max(8 * 4 * np.prod(made.get("shards", made["chunks"])) * 8, SMALL)
    with concurrent.futures.ThreadPoolExecutor(3) as executor:
        for given in ({}, {"executor": executor}):
            writes.clear()
            target[...] = -1
            writes.clear()
            assert (
                parconv.stream(source, g, target, memory=20 * least, **given, **question) is target
            )
            same_bits(target[...], expected)
            objects = {key: n for key, n in writes.items() if "zarr.json" not in key}
            assert set(objects.values()) == {1}, "a unit was written in parts"
    again = parconv.stream(
        str(tmp_path / "a.zarr"), g, str(tmp_path / "c.zarr"), memory=20 * least, **question
    )
    same_bits(again[...], expected)


@pytest.mark.parametrize("seed", range(20))
def test_pieces_cover_all_once_and_meet_few_units(seed):
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 40, rng.integers(1, 4))
    starts = rng.integers(0, shape)
    whole = tuple(
        (int(at), int(rng.integers(at + 1, size + 1)))
        for at, size in zip(starts, shape, strict=True)
    )
    unit = tuple(map(int, rng.integers(1, 12, len(shape))))
    for most in (0, 1, 3, 8, 1000):
        covered = np.zeros(shape, int)
        for piece in cut.pieces(whole, unit, most):
            met = [
                len({n // step for n in range(*part)})
                for part, step in zip(piece, unit, strict=True)
            ]
            assert np.prod(met) <= max(1, most)
            covered[tuple(slice(*part) for part in piece)] += 1
        assert (covered[tuple(slice(*part) for part in whole)] == 1).all()
        assert covered.sum() == np.prod([stop - start for start, stop in whole])


def test_a_new_array_is_laid_out_as_its_source(tmp_path):
    f = image((3, 60, 70))
    layout = {"chunks": (1, 8, 8), "shards": (1, 32, 16), "dimension_names": ("t", "y", "x")}
    array(tmp_path / "a.zarr", f, attributes={"unit": "K"}, **layout)
    made = parconv.stream(tmp_path / "a.zarr", G, tmp_path / "b.zarr", **SAME)
    assert (made.chunks, made.shards) == (layout["chunks"], layout["shards"])
    assert made.metadata.dimension_names == layout["dimension_names"]
    assert dict(made.attrs) == {"unit": "K"}
    same_bits(made[...], parconv.conv2d(f, G, **SAME))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zarr", "b.zarr"]


@pytest.mark.parametrize("border", ["constant", "edge", "symmetric", "mirror", "wrap"])
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
def test_tiles_have_the_whole_images_borders(tmp_path, border, mode):
    """Cut in both directions, wherever the filter reaches beyond the image."""
    f = image((90, 120))
    source = array(tmp_path / "a.zarr", f, chunks=(16, 16))
    question = {"mode": mode, "boundary": ("mirror", border), "cval": 7.5, "method": "direct"}
    expected = parconv.conv2d(f, taps(6, 7), **question)
    plan = parconv.plan_stream(source, taps(6, 7), memory=30_000, **question)
    assert plan.width
    assert plan.memory <= 30_000
    out = np.full_like(expected, np.nan)
    same_bits(parconv.stream(source, taps(6, 7), out, memory=30_000, **question), expected)


@pytest.mark.parametrize("method", ["separable", "rows", "passes", "box", "windows", "dot"])
def test_tiles_by_every_exact_method(tmp_path, method):
    kind = "uint8" if method in ("box", "dot") else "float32"
    g = np.ones((5, 5), "int8") if method in ("box", "windows", "dot") else MEAN
    f = image((70, 200), kind)
    try:
        expected = parconv.conv2d(f, g, method=method, **SAME)
    except ValueError as error:
        pytest.skip(str(error))
    source = array(tmp_path / "a.zarr", f, chunks=(16, 32))
    out = np.zeros_like(expected)
    for limit in (70_000, 100_000):
        plan = parconv.plan_stream(source, g, memory=limit, method=method, **SAME)
        result = parconv.stream(source, g, out, memory=limit, method=method, **SAME)
        if method in ("passes", "box", "windows") and out.dtype.kind == "f" and plan.width:
            close(result, expected)
        else:
            same_bits(result, expected)


def test_tiles_are_read_less_often_than_strips():
    """Of a wide raster in tiles, pieces as high as wide meet fewer of their neighbours."""
    asked = calls.Question((8192, 65536), np.dtype("float32"), G, dict(SAME))
    grain = cut.Grain(1, 512, 512)
    plan = calls.plan_for(asked, 1, 1 << 28, whole=False, grain=grain)
    height, width = plan.cut[1:]
    assert height >= 1024
    assert width
    assert width % 512 == height % 512 == 0
    assert plan.memory <= 1 << 28


def test_a_unit_that_does_not_fit(tmp_path):
    """One writer may cut it; several may not."""
    f = image((64, 64))
    target = array(tmp_path / "a.zarr", 0 * f, chunks=(8, 8), shards=(64, 64))
    limit = for_rows(f, G, 8, **SAME)
    same_bits(parconv.stream(f, G, target, memory=limit, **SAME)[...], parconv.conv2d(f, G, **SAME))
    with (
        concurrent.futures.ThreadPoolExecutor(2) as executor,
        pytest.raises(ValueError, match="one unit of the store need"),
    ):
        parconv.stream(f, G, target, memory=limit, executor=executor, **SAME)


def test_groups_and_folders_are_not_replaced(tmp_path):
    group = zarr.create_group(tmp_path / "g.zarr")
    for name in "ab":
        group.create_array(name, shape=(20, 20), dtype="f4")[...] = 1
    with pytest.raises(ValueError, match="holds 2 arrays"):
        parconv.stream(tmp_path / "g.zarr", G, tmp_path / "o.npy")
    with pytest.raises(ValueError, match="no array of Zarr"):
        parconv.stream(image((20, 20)), G, tmp_path / "g.zarr")
    (tmp_path / "photos.zarr").mkdir()
    with pytest.raises(ValueError, match="no array of Zarr"):
        parconv.stream(image((20, 20)), G, tmp_path / "photos.zarr")
    with pytest.raises(ValueError, match="out is"):
        parconv.stream(tmp_path / "g.zarr" / "a", G, tmp_path / "g.zarr" / "a")
    made = parconv.stream(f"{tmp_path}/g.zarr::a", G, tmp_path / "g.zarr" / "c", **SAME)
    same_bits(made[...], parconv.conv2d(np.ones((20, 20), "f4"), G, **SAME))
    assert sorted(group.array_keys()) == ["a", "b", "c"]


class Planted:
    """A pickle of it makes a folder where it is read."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


@pytest.mark.parametrize("where", ["filters", "compressor"])
def test_no_pickle_is_read(tmp_path, where, monkeypatch):
    """Zarr 3.1 refuses to open them; 3.0 does not, of which an array is made up here."""
    folder, place = tmp_path / "a.zarr", tmp_path / "planted"
    folder.mkdir()
    codec = {"id": "pickle"}
    told = {
        "zarr_format": 2, "shape": [8, 8], "chunks": [8, 8], "dtype": "|u1", "fill_value": 0,
        "order": "C", "filters": None, "compressor": None,
        where: [codec] if where == "filters" else codec,
    }  # fmt: skip
    (folder / ".zarray").write_text(json.dumps(told))
    (folder / "0.0").write_bytes(pickle.dumps(Planted(place)))
    with pytest.raises(ValueError, match="pickle"):
        parconv.stream(folder, np.ones((3, 3)), tmp_path / "o.npy")
    from numcodecs import get_codec

    codecs = (get_codec(codec),)
    metadata = SimpleNamespace(**{where: codecs if where == "filters" else codecs[0]})
    made = SimpleNamespace(metadata=metadata, store="memory", name="/a", shape=(8, 8), dtype="u1")
    monkeypatch.setattr(zarrs.source, "_node", lambda name, mode: made)
    with pytest.raises(ValueError, match="memory/a has chunks that are pickles"):
        zarrs.opened("a.zarr")
    assert not place.exists()


# --- HDF5 ----------------------------------------------------------------------------------------


def test_hdf5_files(tmp_path):
    h5py = pytest.importorskip("h5py")
    f = image((3, 60, 70), "uint16")
    with h5py.File(tmp_path / "f.h5", "w") as file:
        layout = {"chunks": (1, 16, 16), "compression": "gzip", "shuffle": True}
        file.create_dataset("scan/raw", data=f, **layout).attrs["unit"] = "counts"
    made = parconv.stream(tmp_path / "f.h5", G, tmp_path / "o.h5", memory=SMALL, **SAME)
    assert made == tmp_path / "o.h5"
    with h5py.File(made) as file:
        found = file["scan/raw"]
        same_bits(found[...], parconv.conv2d(f, G, **SAME))
        assert found.attrs["unit"] == "counts"
        assert {word: getattr(found, word) for word in layout} == layout
    parconv.stream(f"{made}::scan/raw", G, f"{tmp_path}/p.h5::smooth", **SAME)
    with h5py.File(tmp_path / "p.h5") as file:
        assert [*file] == ["smooth"]
    with pytest.raises(ValueError, match="has no array 'nothing'"):
        parconv.stream(f"{made}::nothing", G, tmp_path / "q.npy")
    with h5py.File(made, "r+") as file:
        file["other"] = f
    with pytest.raises(ValueError, match=r"holds 2 arrays.*'o\.h5::other'"):
        parconv.stream(made, G, tmp_path / "q.npy")


# --- TIFF ----------------------------------------------------------------------------------------

TIFFS = {
    "pages": {"shape": (4, 50, 60), "photometric": "minisblack"},
    "tiles": {"shape": (90, 110), "tile": (32, 16), "compression": "zlib"},
    "BigTIFF": {
        "shape": (2, 90, 110),
        "tile": (32, 32),
        "bigtiff": True,
        "photometric": "minisblack",
    },
    "colour": {"shape": (60, 70, 3), "photometric": "rgb", "tile": (16, 16)},
    "strips": {"shape": (60, 70), "rowsperstrip": 7, "compression": "zlib"},
    "words": {"shape": (60, 70), "description": "a scan of mine", "resolution": (300, 200)},
}


@pytest.mark.parametrize("name", TIFFS)
def test_tiffs(tmp_path, name):
    tifffile = pytest.importorskip("tifffile")
    options = dict(TIFFS[name])
    f = image(options.pop("shape"), "uint8")
    axes = (0, 1) if name == "colour" else (-2, -1)
    tifffile.imwrite(tmp_path / "f.tif", f, **options)
    expected = parconv.conv2d(f, MEAN, axes=axes, **SAME)
    made = parconv.stream(tmp_path / "f.tif", MEAN, tmp_path / "o.tif", memory=SMALL, **SAME)
    with tifffile.TiffFile(tmp_path / "f.tif") as old, tifffile.TiffFile(made) as new:
        same_bits(new.asarray(), expected)
        assert new.is_bigtiff == old.is_bigtiff
        assert new.series[0].axes == old.series[0].axes
        pages = old.pages[0], new.pages[0]
        one, other = ((page.is_tiled, page.tile, page.photometric) for page in pages)
        assert other == one if name != "strips" else other[0]
        for code in (282, 283, 296):
            assert pages[0].tags.valueof(code) == pages[1].tags.valueof(code)
        if name == "words":
            assert pages[1].description == "a scan of mine"
    again = parconv.stream(made, np.ones((1, 1), "f4"), tmp_path / "o.npy", axes=axes)
    same_bits(again, expected)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_imagej_keeps_axes_and_resolution(tmp_path, dtype):
    tifffile = pytest.importorskip("tifffile")
    f = image((3, 2, 50, 60), dtype)
    metadata = {"axes": "ZCYX", "spacing": 2.5, "unit": "um", "finterval": 0.5}
    tifffile.imwrite(tmp_path / "f.tif", f, imagej=True, resolution=(4, 5), metadata=metadata)
    made = parconv.stream(tmp_path / "f.tif", MEAN, tmp_path / "o.tif", memory=SMALL, **SAME)
    with tifffile.TiffFile(made) as file:
        assert file.is_imagej
        assert file.series[0].axes == "ZCYX"
        assert file.pages[0].tags["XResolution"].value == (4, 1)
        assert file.pages[0].tags["YResolution"].value == (5, 1)
        told = file.imagej_metadata
        assert {key: told[key] for key in ("spacing", "unit", "finterval")} == {
            "spacing": 2.5, "unit": "um", "finterval": 0.5,
        }  # fmt: skip
        same_bits(file.asarray(), parconv.conv2d(f, MEAN, **SAME))


@pytest.mark.parametrize("axes", ["ZCYX", "TCZYX", "CYX"])
def test_ome_keeps_axes_and_resolution(tmp_path, axes):
    tifffile = pytest.importorskip("tifffile")
    f = image((*(2 + n for n in range(len(axes) - 2)), 50, 60), "uint16")
    dyes = [f"dye {n}" for n in range(f.shape[axes.find("C")])]
    metadata = {
        "axes": axes, "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.5,
        "SignificantBits": 12, "Channel": {"Name": dyes},
    }  # fmt: skip
    tifffile.imwrite(tmp_path / "f.ome.tif", f, ome=True, tile=(32, 32), metadata=metadata)
    made = parconv.stream(
        tmp_path / "f.ome.tif", MEAN, tmp_path / "o.ome.tif", memory=SMALL, mode="valid"
    )
    with tifffile.TiffFile(made) as file:
        assert file.is_ome
        assert file.series[0].axes == axes
        assert len(file.series) == 1
        assert tiffs.about(file, file.series[0])["description"] == "", "of the library's own"
        told = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
        assert (told["PhysicalSizeX"], told["PhysicalSizeY"]) == (0.25, 0.5)
        assert (told["SizeX"], told["SizeY"], told["Type"]) == (56, 48, "float")
        assert "SignificantBits" not in told
        assert [one["Name"] for one in told["Channel"]] == dyes
        same_bits(file.asarray(), parconv.conv2d(f, MEAN))


def test_of_a_pyramid_the_largest_level(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    f = image((128, 160), "uint8")
    with tifffile.TiffWriter(tmp_path / "f.tif") as writer:
        writer.write(f, subifds=1, tile=(32, 32))
        writer.write(f[::2, ::2], subfiletype=1, tile=(32, 32))
    out = parconv.stream(tmp_path / "f.tif", MEAN, tmp_path / "o.npy", memory=SMALL, **SAME)
    same_bits(out, parconv.conv2d(f, MEAN, **SAME))


def test_a_disk_that_loses_what_was_written(tmp_path, monkeypatch):
    """Without an error: found when the file is read back, before it takes its name."""
    tifffile = pytest.importorskip("tifffile")
    f = image((90, 60), "uint8")
    (tmp_path / "o.tif").write_bytes(b"the old one")
    encode = tiffs.encode

    def lossy(path, result):
        encode(path, result)
        with open(path, "r+b") as file:
            file.seek(-40, 2)
            file.write(bytes(40))

    row = stores.Store("tiff", tiffs.opened, lossy)
    monkeypatch.setitem(stores.STORES, ".tif", row)
    with pytest.raises(OSError, match="does not hold the result"):
        parconv.stream(f, MEAN, tmp_path / "o.tif", memory=SMALL, **SAME)
    assert (tmp_path / "o.tif").read_bytes() == b"the old one"
    monkeypatch.undo()
    told = Stop()
    made = parconv.stream(f, MEAN, tmp_path / "o.tif", memory=SMALL, progress=told, **SAME)
    same_bits(tifffile.imread(made), parconv.conv2d(f, MEAN, **SAME))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.tif"]


# --- rasters -------------------------------------------------------------------------------------

NODATA = -9999.0


def _raster(path, name):
    """A sample file, and its pixels."""
    rasterio = pytest.importorskip("rasterio")
    affine = rasterio.transform.Affine
    f = image((3, 150, 130) if name == "bands" else (150, 130))
    turned = affine(8.66, 5, 5e5, 5, -8.66, 4e6)
    profile = {
        "driver": "GTiff", "height": 150, "width": 130, "count": 3 if name == "bands" else 1,
        "dtype": "float32", "crs": "EPSG:32633",
        "transform": turned if name == "rotated" else affine(10, 0, 5e5, 0, -10, 4e6),
    }  # fmt: skip
    if name in ("tiled", "nodata", "bands"):
        profile |= {"tiled": True, "blockxsize": 32, "blockysize": 64, "compress": "deflate"}
    if name in ("nodata", "striped"):
        f[40:60, 20:50] = f[3, 3] = NODATA
        profile["nodata"] = NODATA
    if name == "bands":
        profile["interleave"] = "pixel"
    with rasterio.open(path, "w", **profile) as file:
        file.write(f, *([] if f.ndim == 3 else [1]))
        file.update_tags(made="by hand")
        for band in file.indexes:
            file.update_tags(band, wavelength=str(400 + band))
            file.set_band_description(band, f"band {band}")
        file.scales, file.offsets = [0.5] * file.count, [2.0] * file.count
    return f


RASTERS = ("tiled", "striped", "nodata", "bands", "rotated")
TOLD = ("crs", "transform", "nodatavals", "descriptions", "scales", "offsets", "colorinterp",
        "block_shapes", "compression", "interleaving")  # fmt: skip


@pytest.mark.parametrize("name", RASTERS)
def test_rasters_keep_their_tags(tmp_path, name):
    rasterio = pytest.importorskip("rasterio")
    f = _raster(tmp_path / "f.tif", name)
    where = {"where": "nodata"} if name in ("nodata", "striped") else {}
    made = parconv.stream(
        tmp_path / "f.tif", MEAN, tmp_path / "o.tif", memory=SMALL, **where, **SAME
    )
    with rasterio.open(tmp_path / "f.tif") as old, rasterio.open(made) as new:
        for word in TOLD:
            assert getattr(new, word) == getattr(old, word), word
        assert new.tags() == old.tags()
        assert [new.tags(band) for band in new.indexes] == [old.tags(band) for band in old.indexes]
        found = new.read() if f.ndim == 3 else new.read(1)
    if not where:
        same_bits(found, parconv.conv2d(f, MEAN, **SAME))
        return
    expected = parconv.conv2d(f, MEAN, where=f != NODATA, **SAME)
    assert np.isnan(expected).any()
    close(found, np.where(np.isnan(expected), np.float32(NODATA), expected))


def test_a_raster_whose_result_is_smaller_stays_in_place(tmp_path):
    """Each pixel of the result has the coordinates of the source's under the filter's middle."""
    rasterio = pytest.importorskip("rasterio")
    _raster(tmp_path / "f.tif", "rotated")
    one = np.zeros((5, 3), "f4")
    one[2, 1] = 1
    for stride, mode in itertools.product((1, 2), ("valid", "same", "full")):
        made = parconv.stream(
            tmp_path / "f.tif", one, tmp_path / "o.tif", stride=stride, mode=mode, memory=SMALL
        )
        with rasterio.open(tmp_path / "f.tif") as old, rasterio.open(made) as new:
            values, pixels = new.read(1), old.read(1)
            for row, column in ((10, 20), (30, 7), (0, 0)):
                x, y = new.xy(row, column)
                at = old.index(x, y)
                inside = 0 <= at[0] < 150 and 0 <= at[1] < 130
                assert values[row, column] == (pixels[at] if inside else 0)


@pytest.mark.parametrize("kind", ["reader", "alpha", "vrt"])
def test_rasters_of_other_kinds(tmp_path, kind):
    rasterio = pytest.importorskip("rasterio")
    f = _raster(tmp_path / "f.tif", "bands")
    there = np.ones(f.shape[1:], bool)
    if kind == "alpha":  # pixels are missing by GDAL's own mask
        there[5:9, 5:50] = False
        with rasterio.open(tmp_path / "f.tif", "r+") as file:
            file.write_mask(there)
    source = tmp_path / "f.tif"
    if kind == "vrt":
        from rasterio.shutil import copy

        source = tmp_path / "f.vrt"
        copy(tmp_path / "f.tif", source, driver="VRT")
    expected = parconv.conv2d(f, MEAN, where=there, **SAME)
    with rasterio.open(source) as reader:
        given = reader if kind == "reader" else source
        where = {"where": "nodata"} if kind == "alpha" else {}
        out = parconv.stream(given, MEAN, tmp_path / "o.zarr", memory=SMALL, **where, **SAME)
        close(out[...], expected)
        assert out.attrs["crs"] == reader.crs.to_wkt()


def test_a_cog_stays_one(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    from rasterio.shutil import copy

    f = _raster(tmp_path / "f.tif", "nodata")
    copy(tmp_path / "f.tif", tmp_path / "cog.tif", driver="COG", blocksize=128, compress="deflate")
    made = parconv.stream(
        tmp_path / "cog.tif", MEAN, tmp_path / "o.tif", where="nodata", memory=SMALL, **SAME
    )
    with rasterio.open(made) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.nodata == NODATA
        expected = parconv.conv2d(f, MEAN, where=f != NODATA, **SAME)
        close(file.read(1), np.where(np.isnan(expected), np.float32(NODATA), expected))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cog.tif", "f.tif", "o.tif"]


def test_nodata_in_integers(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    f = image((100, 90), "uint8")
    f[20:40, 30:60] = 255
    profile = {"driver": "GTiff", "height": 100, "width": 90, "count": 1, "dtype": "uint8"}
    with rasterio.open(tmp_path / "f.tif", "w", nodata=255, **profile) as file:
        file.write(f, 1)
    made = parconv.stream(
        tmp_path / "f.tif", MEAN, tmp_path / "o.tif", where="nodata", dtype="uint8", **SAME
    )
    with rasterio.open(made) as file:
        assert file.nodata == 255
        found = file.read(1)
    expected = parconv.conv2d(f, MEAN, where=f != 255, dtype="uint8", **SAME)
    hole = np.isnan(parconv.conv2d(f, MEAN, where=f != 255, **SAME))
    assert hole.any()
    np.testing.assert_array_equal(found, np.where(hole, 255, expected))
    with pytest.raises(ValueError, match="nodata=255 does not fit in int8"):
        parconv.stream(tmp_path / "f.tif", MEAN, tmp_path / "p.tif", where="nodata", dtype="int8")


# --- which pixels count --------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [(-2, -1), (0, 1), (2, 1)])
@pytest.mark.parametrize("given", ["where", "plane", "weights", "both", "nan"])
def test_weights(tmp_path, axes, given):
    rng = np.random.default_rng(3)
    f = image((6, 50, 40))
    plane = (f.shape[axes[0]], f.shape[axes[1]])
    there, weights = rng.random(f.shape) > 0.2, rng.random(f.shape).astype("float32")
    if given == "nan":
        f[~there] = np.nan
    words = {
        "where": {"where": there}, "plane": {"where": rng.random(plane) > 0.2},
        "weights": {"weights": weights}, "both": {"where": there, "weights": weights},
        "nan": {"nan_policy": "omit"},
    }[given]  # fmt: skip
    np.save(tmp_path / "f.npy", f)
    expected = parconv.conv2d(f, MEAN, axes=axes, **words, **SAME)
    for source, limit in ((tmp_path / "f.npy", 7 * SMALL), (f, 1 << 20)):
        out = np.full_like(expected, -1)
        parconv.stream(source, MEAN, out, axes=axes, memory=limit, **words, **SAME)
        close(out, expected)
    lazily = {
        name: value if isinstance(value, str) else array(tmp_path / f"{name}.zarr", value)
        for name, value in words.items()
    }
    out = np.full_like(expected, -1)
    close(parconv.stream(f, MEAN, out, axes=axes, **lazily, **SAME), expected)


@pytest.mark.parametrize(
    ("asked", "kind", "told"),
    [
        ({"where": "nodata"}, ValueError, "says of no value"),
        ({"where": "holes"}, ValueError, "where='holes': pass 'nodata'"),
        ({"where": np.ones((3, 4), bool)}, ValueError, r"where has shape \(3, 4\)"),
        ({"where": np.ones((30, 20))}, TypeError, "where has dtype float64"),
        ({"weights": -np.ones((30, 20))}, ValueError, "negative"),
        ({"nan_policy": "raise"}, ValueError, "1 NaN"),
        ({"executor": 3}, TypeError, "executor=3"),
        ({"out": "s3://bucket/a.tif"}, ValueError, "written as Zarr"),
        ({"out": "a.jp2"}, ValueError, "'.jp2'"),
    ],
    ids=lambda value: None,
)
def test_wrong_arguments(tmp_path, monkeypatch, asked, kind, told):
    monkeypatch.chdir(tmp_path)
    f = image((30, 20))
    f[2, 3] = np.nan
    with pytest.raises(kind, match=told):
        parconv.stream(f, MEAN, **{"out": "o.npy", **asked})
    assert not [*tmp_path.iterdir()]


def test_iterables_have_no_weights():
    with pytest.raises(ValueError, match="where goes with an array"):
        parconv.stream(iter(image((3, 30, 20))), MEAN, where=np.ones((30, 20), bool))


# --- URLs ----------------------------------------------------------------------------------------


@pytest.fixture
def bucket(monkeypatch, tmp_path):
    """A store behind a URL; what is done of results there is told in another folder."""
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.setenv("PARCONV_WISDOM", str(tmp_path / "home"))
    yield "memory://bucket"
    fsspec.filesystem("memory").store.clear()


def test_urls(bucket, tmp_path):
    f = image((3, 70, 60))
    array(f"{bucket}/a.zarr", f, chunks=(1, 16, 16))
    made = parconv.stream(f"{bucket}/a.zarr", G, f"{bucket}/b.zarr", memory=SMALL, **SAME)
    same_bits(made[...], parconv.conv2d(f, G, **SAME))
    assert zarrs.told.UNFINISHED not in made.attrs
    import fsspec

    with fsspec.open(f"{bucket}/f.npy", "wb") as file:
        np.save(file, f)
    out = parconv.stream(f"{bucket}/f.npy", G, tmp_path / "o.npy", memory=SMALL, **SAME)
    same_bits(out, parconv.conv2d(f, G, **SAME))
    for name, told in (("none.zarr", "none.zarr"), ("none.npy", "none.npy"), ("a.txt", "suffix")):
        with pytest.raises((OSError, ValueError), match=told):
            parconv.stream(f"{bucket}/{name}", G, tmp_path / "p.npy")


def test_files_of_other_formats_behind_urls(bucket, tmp_path):
    import fsspec

    h5py, tifffile = pytest.importorskip("h5py"), pytest.importorskip("tifffile")
    f = image((3, 70, 60), "uint8")
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["f"] = f
    tifffile.imwrite(tmp_path / "f.tif", f, tile=(16, 16), photometric="minisblack")
    for name in ("f.h5", "f.tif"):
        with fsspec.open(f"{bucket}/{name}", "wb") as file:
            file.write((tmp_path / name).read_bytes())
        out = parconv.stream(f"{bucket}/{name}", G, tmp_path / "o.npy", memory=SMALL, **SAME)
        same_bits(out, parconv.conv2d(f, G, **SAME))


def test_bytes_that_are_asked_for(bucket):
    """Whatever part of a .npy file: NumPy's own part."""
    import fsspec

    f = image((4, 5, 6, 7), ">i2")
    with fsspec.open(f"{bucket}/f.npy", "wb") as file:
        np.save(file, f)
    found, rng = urls.NpyUrl(f"{bucket}/f.npy"), np.random.default_rng(0)
    for _ in range(60):
        ends = [sorted(rng.integers(0, size + 1, 2)) for size in f.shape]
        index = tuple(slice(*pair) if rng.random() < 0.7 else slice(None) for pair in ends)
        if f[index].size:
            np.testing.assert_array_equal(found.part(index), f[index])


@pytest.mark.parametrize(
    ("index", "requests"),
    [
        ((slice(None),) * 4, 1), ((slice(1, 3), *(slice(None),) * 3), 1),
        ((slice(1, 3), slice(1, 4), slice(None), slice(None)), 2),
        ((slice(1, 3), slice(0, 5), slice(2, 4), slice(None)), 2 * 5),
        ((slice(1, 3), slice(0, 5), slice(None), slice(2, 4)), 1),
    ],
)  # fmt: skip
def test_runs_of_whole_rows_are_one_request(bucket, index, requests, monkeypatch):
    import fsspec

    with fsspec.open(f"{bucket}/f.npy", "wb") as file:
        np.save(file, image((4, 5, 6, 7)))
    found, asked = urls.NpyUrl(f"{bucket}/f.npy"), []
    usual = found._bytes
    monkeypatch.setattr(found, "_bytes", lambda *span: asked.append(span) or usual(*span))
    found.part(index)
    assert len(asked) == requests


def test_what_lies_behind_a_url_is_told_apart(bucket):
    """Nothing, and files of which one changes."""
    fs, path = urls.file_system(f"{bucket}/told")
    assert urls.listed(fs, path) is None
    told = []
    for content in (b"one", b"three"):
        fs.pipe_file(f"{path}/a", content)
        told.append(urls.listed(fs, path))
    assert told[0] != told[1] == urls.listed(fs, path)


@pytest.mark.parametrize("name", ["_FillValue", "missing_value"])
@pytest.mark.parametrize("value", [-9999, 0, [7], 0.5, -1e30, np.nan, np.float32(2.5)])
def test_the_number_of_missing_pixels(name, value):
    found = zarrs.told.nodata_of({"units": "K", name: value})
    wanted = np.asarray(value).ravel()[0]
    assert found == wanted or (np.isnan(found) and np.isnan(wanted))
    assert isinstance(found, int) == isinstance(wanted.item(), int)


@pytest.mark.parametrize("value", ["-9999", [1, 2], [], None])
def test_what_is_no_number_of_missing_pixels(value):
    assert zarrs.told.nodata_of({"_FillValue": value}) is None


def test_an_unfinished_result_behind_a_url_says_so(bucket, tmp_path):
    f = image((6, 70, 60))
    array(f"{bucket}/a.zarr", f, chunks=(1, 70, 60))
    asked = {"memory": SMALL, **SAME}
    with pytest.raises(KeyboardInterrupt):
        parconv.stream(f"{bucket}/a.zarr", G, f"{bucket}/b.zarr", progress=Stop(3), **asked)
    with pytest.raises(ValueError, match="not finished"):
        parconv.stream(f"{bucket}/b.zarr", G, tmp_path / "o.npy", **asked)
    told = Stop()
    made = parconv.stream(f"{bucket}/a.zarr", G, f"{bucket}/b.zarr", progress=told, **asked)
    same_bits(made[...], parconv.conv2d(f, G, **SAME))
    assert not [*tmp_path.rglob("*.progress")]


def test_several_reads_are_under_way(bucket, tmp_path, monkeypatch):
    """Where each waits for a network."""
    f = image((12, 40, 50))
    array(f"{bucket}/a.zarr", f, chunks=(1, 40, 50))
    lock, now, most = threading.Lock(), [0], [0]
    part = zarrs.ZarrArray.part

    def slowly(self, index):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1
        return part(self, index)

    monkeypatch.setattr(zarrs.source, "is_far", lambda array: True)
    monkeypatch.setattr(zarrs.ZarrArray, "part", slowly)
    limit = 16 * f[0].nbytes
    out = parconv.stream(f"{bucket}/a.zarr", G, tmp_path / "o.npy", memory=limit, **SAME)
    same_bits(out, parconv.conv2d(f, G, **SAME))
    assert most[0] == calls.READS


# --- who computes --------------------------------------------------------------------------------


def _targets(folder):
    return {
        "zarr": folder / "o.zarr", "npy": folder / "o.npy", "h5": folder / "o.h5",
        "tif": folder / "o.tif", "array": np.zeros((5, 70, 60), "f4"),
    }  # fmt: skip


def _sources(folder, f):
    np.save(folder / "f.npy", f)
    yield folder / "f.npy"
    yield str(array(folder / "f.zarr", f, chunks=(1, 16, 16)).store.root)
    yield f
    yield iter(f)


def _check(tmp_path, executor, targets=("zarr", "npy", "array", "h5")):
    f = image((5, 70, 60))
    expected = parconv.conv2d(f, G, **SAME)
    for name in targets:
        for source in _sources(tmp_path, f):
            if name == "zarr" and not isinstance(source, Path | str | np.ndarray):
                continue  # how many items there are nobody knows
            target = _targets(tmp_path)[name]
            made = parconv.stream(source, G, target, memory=SMALL, executor=executor, **SAME)
            if isinstance(made, Path):
                made = parconv.stream(made, np.ones((1, 1), "f4"), tmp_path / "again.npy")
            same_bits(np.asarray(made[...]), expected)
            for path in (tmp_path / "f.zarr", tmp_path / "o.zarr"):
                if path.exists():
                    __import__("shutil").rmtree(path)


def test_threads(tmp_path):
    with concurrent.futures.ThreadPoolExecutor(3) as executor:
        _check(tmp_path, executor, ("zarr", "array", "h5"))


@pytest.mark.parametrize("name", soak("threading", "loky"))
def test_joblib(tmp_path, name):
    _check(tmp_path, name, ("zarr", "npy"))


@pytest.mark.soak
def test_processes(tmp_path):
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, context) as executor:
        _check(tmp_path, executor)


@pytest.mark.filterwarnings("ignore")  # of the cluster's own
def test_a_dask_cluster(tmp_path):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        _check(tmp_path, client, ("zarr", "npy"))
        _check(tmp_path, cluster.scheduler_address, ("zarr",))


@pytest.mark.parametrize("kind", ["Thread", *soak("Process")])
def test_rasters_in_threads_and_processes(tmp_path, kind):
    """Each thread has its own handle, each process its own file."""
    rasterio = pytest.importorskip("rasterio")
    import multiprocessing

    f = _raster(tmp_path / "f.tif", "bands")
    expected = parconv.conv2d(f, MEAN, **SAME)
    more = (multiprocessing.get_context("spawn"),) if kind == "Process" else ()
    with getattr(concurrent.futures, f"{kind}PoolExecutor")(2, *more) as executor:
        made = parconv.stream(
            tmp_path / "f.tif", MEAN, tmp_path / "o.tif", memory=400_000, executor=executor, **SAME
        )
    with rasterio.open(made) as file:
        same_bits(file.read(), expected)


def test_a_worker_that_fails(tmp_path):
    """Its error reaches the caller, nobody writes any more, and the call goes on."""
    f = image((9, 70, 60))
    array(tmp_path / "f.zarr", f, chunks=(1, 70, 60))
    before = pools.budget.thread_budget()
    failing = Stop(4, RuntimeError)
    asked = {"memory": SMALL, **SAME}
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        with pytest.raises(RuntimeError):
            parconv.stream(
                tmp_path / "f.zarr", G, tmp_path / "o.zarr", progress=failing, executor=executor,
                **asked,
            )  # fmt: skip
        assert not (tmp_path / "o.zarr").exists()
        told = Stop()
        made = parconv.stream(
            tmp_path / "f.zarr", G, tmp_path / "o.zarr", progress=told, executor=executor, **asked
        )
    same_bits(made[...], parconv.conv2d(f, G, **SAME))
    assert len(told.told) == 9
    assert pools.budget.thread_budget() == before


# --- progress ------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["rich", "tqdm"])
def test_bars(tmp_path, capsys, monkeypatch, library):
    pytest.importorskip(library)
    monkeypatch.setattr(bars, "find_spec", lambda name: name == library)
    parconv.stream(image((6, 30, 20)), G, tmp_path / "o.npy", progress=True, **SAME)
    assert capsys.readouterr().err
    parconv.stream(image((6, 30, 20)), G, tmp_path / "o.npy", progress=False, **SAME)
    assert not capsys.readouterr().err


def test_no_bar_can_be_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(bars, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="rich or tqdm"):
        parconv.stream(image((6, 30, 20)), G, tmp_path / "o.npy", progress=True)
    assert not [*tmp_path.iterdir()]


# --- taken up again ------------------------------------------------------------------------------


def _stopped(tmp_path, name, after=3, **others):
    f = image((8, 70, 60))
    array(tmp_path / "f.zarr", f, chunks=(1, 70, 60))
    asked = {"memory": SMALL, **others, **SAME}
    with pytest.raises(KeyboardInterrupt):
        parconv.stream(tmp_path / "f.zarr", G, tmp_path / name, progress=Stop(after), **asked)
    return f, asked


@pytest.mark.parametrize("name", ["o.zarr", "o.tif", "o.h5", "o.npy"])
def test_goes_on_where_it_stopped(tmp_path, name, monkeypatch):
    f, asked = _stopped(tmp_path, name)
    assert not (tmp_path / name).exists()
    read, part = [], zarrs.ZarrArray.part
    monkeypatch.setattr(
        zarrs.ZarrArray, "part", lambda self, index: (read.append(index[0]), part(self, index))[1]
    )
    made = parconv.stream(tmp_path / "f.zarr", G, tmp_path / name, **asked)
    assert 0 < len(read) <= 5, "what was done is not read again"
    made = parconv.stream(made, np.ones((1, 1), "f4"), tmp_path / "p.npy") if name[2:] in (
        "tif", "h5") else made  # fmt: skip
    same_bits(np.asarray(made[...]), parconv.conv2d(f, G, **SAME))
    assert {path.name for path in tmp_path.iterdir()} <= {"f.zarr", name, "p.npy"}


@pytest.mark.parametrize("change", ["source", "filter", "target", "unit"])
def test_begins_anew_where_something_changed(tmp_path, change):
    f, asked = _stopped(tmp_path, "o.zarr")
    g, partial = G, tmp_path / "o.zarr.partial"
    if change == "source":
        f = f + 1
        zarr.open_array(tmp_path / "f.zarr", mode="r+")[...] = f
    elif change == "filter":
        g = G + 1
    elif change == "target":
        __import__("shutil").rmtree(partial)
    else:
        next(path for path in partial.rglob("*") if path.name == "0" and path.is_file()).unlink()
    told = Stop()
    made = parconv.stream(tmp_path / "f.zarr", g, tmp_path / "o.zarr", progress=told, **asked)
    same_bits(made[...], parconv.conv2d(f, g, **SAME))
    assert len(told.told) == 8


def test_a_source_that_changes_meanwhile(tmp_path):
    """The result would be of neither: it is not called done."""
    f = image((8, 70, 60))
    held = array(tmp_path / "f.zarr", f, chunks=(1, 70, 60))

    def change(done, total):
        if done > total // 2:
            held[0] = 0

    with pytest.raises(OSError, match="source has changed"):
        parconv.stream(
            tmp_path / "f.zarr", G, tmp_path / "o.zarr", progress=change, memory=SMALL, **SAME
        )
    assert not (tmp_path / "o.zarr").exists()
    made = parconv.stream(tmp_path / "f.zarr", G, tmp_path / "o.zarr", memory=SMALL, **SAME)
    same_bits(made[...], parconv.conv2d(held[...], G, **SAME))


@pytest.mark.parametrize("name", ["o.zarr", "o.tif"])
def test_the_second_writer_is_refused(tmp_path, name):
    f = image((8, 70, 60))

    def second(done, total):
        with pytest.raises(OSError, match="another stream"):
            parconv.stream(f, G, tmp_path / name, **SAME)

    parconv.stream(f, G, tmp_path / name, progress=second, memory=SMALL, **SAME)


# --- the command ---------------------------------------------------------------------------------


def test_commands(tmp_path, capsys, monkeypatch):
    rasterio = pytest.importorskip("rasterio")
    monkeypatch.chdir(tmp_path)
    f = _raster(tmp_path / "f.tif", "nodata")
    box = ["--kernel", "box:3", "--memory", "2"]
    run = lambda *words: cli.main(["stream", *words, *box])  # noqa: E731
    assert run("f.tif", "o.tif", "--where", "nodata", "--progress") == 0
    assert "f.tif" in capsys.readouterr().err
    with rasterio.open("o.tif") as file:
        found = file.read(1)
    mean = np.full((3, 3), 1 / 9, "f4")
    expected = parconv.conv2d(f, mean, where=f != NODATA, **SAME)
    close(found, np.where(np.isnan(expected), np.float32(NODATA), expected))
    assert run("f.tif", "o.zarr", "--executor", "threading") == 0
    assert run(f"file://{tmp_path}/o.zarr", "p.h5::smooth") == 0
    assert run("p.h5::smooth", "q.npy", "--no-progress") == 0
    twice = parconv.conv2d(parconv.conv2d(f, mean, **SAME), mean, **SAME)
    same_bits(np.load("q.npy"), parconv.conv2d(twice, mean, **SAME))
    capsys.readouterr()
    assert run("q.npy", "r.npy", "--where", "nodata") == 2
    assert "says of no value" in capsys.readouterr().err


# --- what must not be lost, nor taken for another ------------------------------------------------


class Threads:
    """Threads that are taken for workers of their own: jobs are pickled for them."""

    def __init__(self, workers):
        self._max_workers, self._pool = workers, concurrent.futures.ThreadPoolExecutor(workers)

    def submit(self, *asked):
        return self._pool.submit(*asked)


@pytest.mark.parametrize("name", ["f.npy", "f.h5", "f.tif", "p.tif", "f.zarr"])
@pytest.mark.parametrize("workers", [4, *soak(1)])
def test_tasks_of_one_worker_share_files(tmp_path, name, workers):
    """None closes what another reads or writes, and the next one opens it again."""
    f = image((24, 40, 50))
    if name.endswith(".h5"):
        with pytest.importorskip("h5py").File(tmp_path / name, "w") as file:
            file["f"] = f
    elif name.endswith(".tif"):
        tifffile = pytest.importorskip("tifffile")
        tile = {"tile": (16, 16)} if name == "f.tif" else {}
        tifffile.imwrite(tmp_path / name, f, photometric="minisblack", **tile)
    elif name.endswith(".zarr"):
        array(tmp_path / name, f, chunks=(1, 40, 50))
    else:
        np.save(tmp_path / name, f)
    executor = Threads(workers)
    asked = {"memory": 60_000, "executor": executor, **SAME}
    for _ in range(2):
        out = parconv.stream(tmp_path / name, G, tmp_path / "o.npy", **asked)
        same_bits(out, parconv.conv2d(f, G, **SAME))
    executor._pool.shutdown()


def test_two_jobs_of_one_worker_are_told_apart():
    """Whichever was asked for last."""
    closed = []

    class Work:
        def __init__(self, name):
            self.name = name

        def close(self):
            closed.append(self.name)

    globals()["Work"] = Work
    Work.__qualname__ = "Work"
    one, other = (pools.Shipped.of(Work(name)) for name in ("one", "other"))
    with one.opened() as first:
        with other.opened() as second, one.opened() as again:
            assert (first.name, second.name) == ("one", "other")
            assert again is first
        assert closed == ["other"]
    assert closed == ["other", "one"]
    with one.opened() as again:
        assert again is first, "made once"


def test_joblibs_threads_end_with_an_error(tmp_path, monkeypatch):
    from parconv.streaming import work

    done, late, ended = work._done, [], threading.Event()

    def slowly(*asked):
        time.sleep(0.02)
        late.extend([asked] if ended.is_set() else [])
        return done(*asked)

    monkeypatch.setattr(work, "_done", slowly)
    with pytest.raises(RuntimeError):
        parconv.stream(
            image((12, 70, 60)), G, tmp_path / "o.npy", memory=SMALL, executor="threading",
            progress=Stop(1, RuntimeError), **SAME,
        )  # fmt: skip
    ended.set()
    time.sleep(0.1)
    assert not late


def test_libraries_that_one_thread_may_enter(tmp_path):
    """Whoever reads."""
    f, now, most = image((12, 70, 60)), [], []

    class Variable:
        shape, dtype = f.shape, f.dtype

        def __getitem__(self, index):
            now.append(1)
            most.append(len(now))
            time.sleep(0.005)
            now.pop()
            return f[index]

    Variable.__module__ = "netCDF4"
    with concurrent.futures.ThreadPoolExecutor(3) as executor:
        parconv.stream(Variable(), G, tmp_path / "o.npy", memory=SMALL, executor=executor, **SAME)
    assert max(most) == 1


@pytest.mark.parametrize("name", ["f.npy", "f.zarr", "f.h5"])
def test_another_source_of_the_same_size_and_time(tmp_path, name):
    f = image((8, 70, 60))

    def save(path, pixels):
        if name == "f.npy":
            np.save(path, pixels)
        elif name == "f.h5":
            with pytest.importorskip("h5py").File(path, "w") as file:
                file["f"] = pixels
        else:
            array(path, pixels, chunks=(1, 70, 60), compressors=None)

    def swap():
        (tmp_path / "new").mkdir()
        save(tmp_path / "new" / name, f + 1)
        for old in sorted((tmp_path / name, *(tmp_path / name).rglob("*"))):
            path = tmp_path / "new" / old.relative_to(tmp_path)
            if old.is_file():
                status = old.stat()
                os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
                os.replace(path, old)

    save(tmp_path / name, f)
    asked = {"memory": SMALL, **SAME}
    with pytest.raises(KeyboardInterrupt):
        parconv.stream(tmp_path / name, G, tmp_path / "o.npy", progress=Stop(4), **asked)
    swap()
    out = parconv.stream(tmp_path / name, G, tmp_path / "o.npy", **asked)
    same_bits(out, parconv.conv2d(f + 1, G, **SAME))


@pytest.mark.parametrize("name", ["f.npy", "f.zarr"])
def test_a_source_that_changes_beside_weights(tmp_path, name):
    f = image((8, 70, 60))
    held = np.lib.format.open_memmap(tmp_path / name, "w+", "f4", f.shape) if name == "f.npy" else (
        array(tmp_path / name, f, chunks=(1, 70, 60)))  # fmt: skip
    held[...] = f

    def change(done, total):
        held[0] = done
        if name == "f.npy":
            held.flush()
            os.utime(tmp_path / name)

    with pytest.raises(OSError, match="source has changed"):
        parconv.stream(
            tmp_path / name, MEAN, tmp_path / "o.npy", where=np.ones((70, 60), bool),
            progress=change, memory=2 * SMALL, **SAME,
        )  # fmt: skip


def test_files_of_which_others_have_the_pixels(tmp_path):
    """What is done is compared by content, as the file does not tell of changes."""
    h5py, tifffile = pytest.importorskip("h5py"), pytest.importorskip("tifffile")
    f = image((40, 50))
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["f"] = f
    layout = h5py.VirtualLayout(f.shape, f.dtype)
    layout[...] = h5py.VirtualSource(tmp_path / "f.h5", "f", f.shape)
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_virtual_dataset("v", layout)
        file["linked"] = h5py.ExternalLink("f.h5", "f")
    found = stores.HDF5.opened(f"{tmp_path}/v.h5::v")
    assert found.stamp() is None
    found.close()
    found = stores.HDF5.opened(f"{tmp_path}/v.h5::linked")
    assert found.stamp()["file"] == str(tmp_path / "f.h5")
    found.close()
    tifffile.imwrite(tmp_path / "f.tif", f)
    found = stores.TIFF.opened(str(tmp_path / "f.tif"))
    assert [one["file"] for one in found.stamp()] == [str(tmp_path / "f.tif")]
    found.close()


def test_no_source_is_overwritten(tmp_path, bucket):
    """However it is named, and whatever the result is given as."""
    h5py = pytest.importorskip("h5py")
    f = image((40, 50))
    held = array(tmp_path / "a.zarr", f)
    (tmp_path / "l.zarr").symlink_to(tmp_path / "a.zarr")
    there = array(f"{bucket}/a.zarr", f)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["f"] = f
    names = [tmp_path / "a.zarr", tmp_path / "l.zarr", f"file://{tmp_path}/a.zarr"]
    handles = [held, zarr.open_array(tmp_path / "l.zarr", mode="r+")]
    for source, out in itertools.product([*names, *handles], repeat=2):
        with pytest.raises(ValueError, match="out is"):
            parconv.stream(source, G, out, **SAME)
    urls = f"{bucket}/a.zarr", f"{bucket}/a.zarr/", "memory:///bucket/a.zarr", there
    for source, out in itertools.product(urls, repeat=2):
        with pytest.raises(ValueError, match="out is"):
            parconv.stream(source, G, out, **SAME)
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        for out in (tmp_path / "a.h5", file["f"]):
            with pytest.raises(ValueError, match="out is"):
                parconv.stream(file["f"], G, out, **SAME)
        file["o"] = 0 * f
        parconv.stream(file["f"], G, file["o"], **SAME)
        same_bits(file["o"][...], parconv.conv2d(f, G, **SAME))
        same_bits(file["f"][...], f)
    same_bits(held[...], f)
    same_bits(there[...], f)


def test_nothing_else_is_replaced(tmp_path, bucket):
    h5py = pytest.importorskip("h5py")
    f = image((40, 50))
    array(tmp_path / "a.zarr", f)
    array(tmp_path / "o.zarr.old", f)
    zarr.create_group(f"{bucket}/g.zarr").create_array("a", shape=(3, 4), dtype="f4")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["f"] = file["other/g"] = f
    refused = {
        f"{bucket}/g.zarr": "no array of Zarr", f"{tmp_path}/a.zarr::b": "lies in an array",
        f"{tmp_path}/a.zarr/b": "lies in an array", f"{tmp_path}/n.zarr::b": "no directory",
        f"{tmp_path}/a.h5::o": "would be lost", f"{tmp_path}/a.h5": "would be lost",
    }  # fmt: skip
    for out, told in refused.items():
        with pytest.raises(ValueError, match=told):
            parconv.stream(f, G, out, **SAME)
    group = zarr.create_group(tmp_path / "g.zarr")
    for _ in range(2):
        parconv.stream(f, G, f"{tmp_path}/g.zarr::c", **SAME)
        parconv.stream(f, G, tmp_path / "o.zarr", **SAME)
    same_bits(group["c"][...], parconv.conv2d(f, G, **SAME))
    found = {path.name for path in tmp_path.iterdir()}
    assert found == {"a.zarr", "a.h5", "g.zarr", "o.zarr", "o.zarr.old"}
    same_bits(zarr.open_array(tmp_path / "o.zarr.old")[...], f)


def test_writers_meet_whatever_the_name(tmp_path):
    f = image((8, 70, 60))
    target = array(tmp_path / "o.zarr", 0 * f, chunks=(1, 70, 60))
    (tmp_path / "l.zarr").symlink_to(tmp_path / "o.zarr")
    np.save(tmp_path / "o.npy", 0 * f)
    (tmp_path / "l.npy").symlink_to(tmp_path / "o.npy")
    pairs = [(target, zarr.open_array(tmp_path / "l.zarr", mode="r+"))]
    pairs += [tuple(np.load(f"{tmp_path}/{name}.npy", mmap_mode="r+") for name in "ol")]
    for one, other in pairs:

        def second(done, total, other=other):
            with pytest.raises(OSError, match="another stream"):
                parconv.stream(f, G, other, **SAME)

        parconv.stream(f, G, one, progress=second, memory=SMALL, **SAME)


def test_files_are_closed_where_an_argument_is_wrong(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    for name, options in (("f.tif", {"tile": (16, 16)}), ("p.tif", {})):
        tifffile.imwrite(tmp_path / name, image((40, 50)), **options)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            for call, rest in (
                (parconv.stream, {"out": tmp_path / name}),
                (parconv.stream, {"out": tmp_path / "o.npy", "mode": "none"}),
                (parconv.plan_stream, {"mode": "none"}),
            ):
                with pytest.raises(ValueError, match=r"out is|mode="):
                    call(tmp_path / name, G, **rest)
            gc.collect()
        assert not [one for one in told if one.category is ResourceWarning]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.zarr/f.npy", None), ("a.zarr/f.tif", "tiff"), ("a.zarr/0", "zarr"), ("A.ZARR", "zarr"),
        ("a.zarr.zip", None), ("simplecache::s3://b/a.zarr", "zarr"), ("a.h5::x.tif", "hdf5"),
        ("simplecache::s3://b/a.h5::x", "hdf5"), ("a.zarr/", "zarr"), ("a.tif.npy", None),
    ],
)  # fmt: skip
def test_formats_by_name(name, kind):
    found = stores.store_of(name)
    assert (found and found.name) == kind


def test_damaged_units(tmp_path, capsys, monkeypatch):
    """One line, that names the source; not a library's own error."""
    monkeypatch.chdir(tmp_path)
    array("a.zarr", image((4, 40, 50)), chunks=(1, 40, 50))
    next(path for path in Path("a.zarr/c/2").rglob("*") if path.is_file()).write_bytes(b"\0" * 20)
    with pytest.raises(OSError, match=r"cannot be decoded.*a\.zarr"):
        parconv.stream("a.zarr", G, "o.npy", memory=SMALL, **SAME)
    assert cli.main(["stream", "a.zarr", "o.npy", "--kernel", "box:3"]) == 2
    assert "cannot be decoded" in capsys.readouterr().err


@pytest.mark.parametrize("layout", ["F", "big", "bool", "complex"])
def test_arrays_of_version_2(tmp_path, layout):
    kind = {"F": "f4", "big": ">u2", "bool": "bool", "complex": ">c8"}[layout]
    f = image((3, 40, 50), kind)
    made = zarr.create_array(
        tmp_path / "f.zarr", shape=f.shape, dtype=f.dtype, chunks=(1, 16, 16), zarr_format=2,
        order="F" if layout == "F" else "C", fill_value=1,
    )  # fmt: skip
    made[:, :33] = f[:, :33]  # the others are the fill value
    f[:, 33:] = made[:, 33:]
    expected = parconv.conv2d(f.astype(f.dtype.newbyteorder("=")), G, **SAME)
    out = parconv.stream(tmp_path / "f.zarr", G, tmp_path / "o.zarr", memory=SMALL, **SAME)
    assert out.metadata.zarr_format == 2
    same_bits(out[...], expected)


@pytest.mark.parametrize("shape", [(1, 70), (70, 1), (0, 40, 50), (3, 0, 50)])
def test_images_of_few_rows_or_none(tmp_path, shape):
    h5py = pytest.importorskip("h5py")
    f, unit = image(shape), tuple(min(16, max(1, size)) for size in shape)
    array(tmp_path / "f.zarr", f, chunks=unit)
    with h5py.File(tmp_path / "f.h5", "w") as file:
        most = (None,) * f.ndim
        file.create_dataset("f", shape, "f4", chunks=unit, maxshape=most)[...] = f
    asked = {"mode": "same", "boundary": "edge" if f.size else "constant"}
    expected = parconv.conv2d(f, MEAN, **asked)
    for source, out in itertools.product(("f.zarr", "f.h5"), ("o.zarr", "o.h5", "o.npy", "o.tif")):
        if out == "o.tif" and not f.size:
            with pytest.raises(ValueError, match="no place for"):
                parconv.stream(tmp_path / source, MEAN, tmp_path / out, **asked)
            continue
        made = parconv.stream(tmp_path / source, MEAN, tmp_path / out, memory=SMALL, **asked)
        found = stores.store_of(str(made)) if isinstance(made, Path) else None
        if found:
            opened = found.opened(str(made))
            made = opened[(slice(None),) * f.ndim]
            opened.close()
        same_bits(np.asarray(made[...]), expected)


@pytest.mark.parametrize("pages", [(), (2,)])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_colours_in_planes_stay_planes(tmp_path, pages, tile):
    tifffile = pytest.importorskip("tifffile")
    f = image((*pages, 3, 40, 50), "uint8")
    options = {"photometric": "rgb", "planarconfig": "separate", "tile": tile}
    tifffile.imwrite(tmp_path / "f.tif", f, **options)
    made = parconv.stream(tmp_path / "f.tif", MEAN, tmp_path / "o.tif", memory=SMALL, **SAME)
    with tifffile.TiffFile(tmp_path / "f.tif") as old, tifffile.TiffFile(made) as new:
        assert new.series[0].axes == old.series[0].axes
        assert new.pages[0].planarconfig == old.pages[0].planarconfig
        same_bits(new.asarray(), parconv.conv2d(f, MEAN, **SAME))


def test_rows_of_tiles_are_written_in_parts(tmp_path, monkeypatch):
    """Where one is larger than what is copied at once."""
    rasterio, tifffile = pytest.importorskip("rasterio"), pytest.importorskip("tifffile")
    f, read = image((70, 400)), []
    part = encoded.Result.__init__

    def watched(self, shape, dtype, pixels, *rest):
        def counted(index):
            block = pixels(index)
            read.append(block.nbytes)
            return block

        part(self, shape, dtype, counted, *rest)

    monkeypatch.setattr(encoded.Result, "__init__", watched)
    for where in (encoded, tiffs):
        monkeypatch.setattr(where, "AT_ONCE", 20_000)
    tifffile.imwrite(tmp_path / "f.tif", f, tile=(32, 32))
    profile = {"driver": "GTiff", "height": 70, "width": 400, "count": 1, "dtype": "float32"}
    place = rasterio.transform.Affine(10, 0, 5e5, 0, -10, 4e6)
    tiles = {"tiled": True, "blockxsize": 32, "blockysize": 32, "transform": place}
    with rasterio.open(tmp_path / "r.tif", "w", **profile, **tiles) as file:
        file.write(f, 1)
    for name in ("f.tif", "r.tif"):
        made = parconv.stream(tmp_path / name, MEAN, tmp_path / "o.tif", **SAME)
        same_bits(tifffile.imread(made), parconv.conv2d(f, MEAN, **SAME))
    assert max(read) <= 20_000


def test_what_cannot_be_written_is_refused_first(tmp_path):
    pytest.importorskip("rasterio")
    _raster(tmp_path / "f.tif", "tiled")
    told = Stop()
    with pytest.raises(ValueError, match=r"no place for a result of .* float16"):
        parconv.stream(tmp_path / "f.tif", MEAN, tmp_path / "o.tif", dtype="float16", progress=told)
    assert not told.told
    assert [path.name for path in tmp_path.iterdir()] == ["f.tif"]


def test_readers_of_something_else_than_their_name(tmp_path):
    """An overview has the file's name, and fewer pixels."""
    rasterio = pytest.importorskip("rasterio")
    from rasterio.vrt import WarpedVRT

    _raster(tmp_path / "f.tif", "tiled")
    with rasterio.open(tmp_path / "f.tif", "r+") as file:
        file.build_overviews([2])
    with (
        rasterio.open(tmp_path / "f.tif", overview_level=0) as small,
        WarpedVRT(small, crs="EPSG:4326") as warped,
    ):
        for source in (small, warped):
            with pytest.raises(ValueError, match="a view of it"):
                parconv.stream(source, MEAN, tmp_path / "o.npy", **SAME)


@pytest.mark.parametrize("nodata", [-3.4028234663852886e38, float("inf"), float("nan"), -9999.5])
@pytest.mark.parametrize("bands", [1, 2])
def test_any_nodata(tmp_path, nodata, bands):
    rasterio = pytest.importorskip("rasterio")
    f = image((bands, 60, 50))
    there = np.ones(f.shape, bool)
    there[:, 10:20, 5:19] = False
    profile = {"driver": "GTiff", "height": 60, "width": 50, "count": bands, "dtype": "float32"}
    with rasterio.open(tmp_path / "f.tif", "w", nodata=nodata, **profile) as file:
        file.write(np.where(there, f, np.float32(nodata)))
    made = parconv.stream(tmp_path / "f.tif", MEAN, tmp_path / "o.tif", where="nodata", **SAME)
    expected = parconv.conv2d(f, MEAN, where=there, **SAME)
    with rasterio.open(made) as file:
        np.testing.assert_equal(file.nodata, nodata)
        close(file.read(), np.where(np.isnan(expected), np.float32(nodata), expected))


def test_masks_count_beside_nodata(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    f = _raster(tmp_path / "f.tif", "nodata")
    mask = np.ones(f.shape, bool)
    mask[80:90, 3:90] = False
    with rasterio.open(tmp_path / "f.tif", "r+") as file:
        file.write_mask(mask)
    made = parconv.stream(tmp_path / "f.tif", MEAN, tmp_path / "o.tif", where="nodata", **SAME)
    expected = parconv.conv2d(f, MEAN, where=mask & (f != NODATA), **SAME)
    with rasterio.open(made) as file:
        close(file.read(1), np.where(np.isnan(expected), np.float32(NODATA), expected))


def test_every_result_lies_where_its_pixels_are(tmp_path):
    """Padded to its old size, or kept in a store that has the place in attributes."""
    rasterio = pytest.importorskip("rasterio")
    _raster(tmp_path / "f.tif", "striped")
    one = np.ones((3, 3), "f4")
    made = parconv.stream(tmp_path / "f.tif", one, tmp_path / "o.tif", padding=((2, 0), (0, 2)))
    with rasterio.open(made) as file:
        assert file.shape == (150, 130)
        assert [*file.transform][:6] == [10, 0, 5e5 + 10, 0, -10, 4e6 + 10]
    there = parconv.stream(tmp_path / "f.tif", one, tmp_path / "o.zarr", mode="valid")
    assert there.attrs["transform"] == [10, 0, 5e5 + 10, 0, -10, 4e6 - 10]


def test_nothing_tells_of_the_old_pixels(tmp_path):
    """Overviews, masks and statistics that GDAL has beside a file."""
    pytest.importorskip("rasterio")
    _raster(tmp_path / "f.tif", "tiled")
    for suffix in ("", ".ovr", ".msk", ".aux.xml"):
        (tmp_path / f"o.tif{suffix}").write_bytes(b"old")
    parconv.stream(tmp_path / "f.tif", MEAN, tmp_path / "o.tif", **SAME)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.tif", "o.tif"]


# --- what is imported ----------------------------------------------------------------------------


def test_arrays_need_no_library(run_python):
    told = run_python(
        """
        import sys, json, tempfile
        import numpy as np, parconv
        folder = tempfile.mkdtemp()
        np.save(folder + "/f.npy", np.ones((4, 30, 20), "f4"))
        parconv.stream(folder + "/f.npy", np.ones((3, 3)), folder + "/o.npy")
        names = "zarr rasterio tifffile fsspec h5py dask distributed rich tqdm".split()
        print(json.dumps([name for name in names if name in sys.modules]))
        """
    )
    assert json.loads(told.stdout) == []


def test_a_library_that_is_missing(tmp_path, monkeypatch):
    (tmp_path / "f.h5").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ModuleNotFoundError, match=r"h5py .*pip install 'parconv\[stores\]'"):
        parconv.stream(tmp_path / "f.h5", G, tmp_path / "o.npy")


def test_of_many_arrays_some_are_named() -> None:
    with pytest.raises(ValueError, match=r"9 arrays.*\(('\d', ){7}'7'\).*'f.h5::0'"):
        stores.base.only_one([*map(str, range(9))], "", "a/f.h5")


@pytest.mark.parametrize(
    ("protocol", "far"),
    [(("file", "local"), False), ("memory", False), (("s3", "s3a"), True), ("https", True)],
)
def test_file_systems_that_are_far(protocol: Any, far: bool) -> None:
    fs = SimpleNamespace(protocol=protocol)
    assert urls.is_far(fs) is far
    assert zarrs.told.is_far(SimpleNamespace(store=SimpleNamespace(fs=fs))) is far
    assert not zarrs.told.is_far(SimpleNamespace(store=object()))
