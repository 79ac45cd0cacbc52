"""Image files through ``parconv apply``: filtered by what the file says of its pixels.

Files are made and read back by tifffile and Pillow; results are compared with `convolved`, which
shares no code with the library.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parconv import cli

tifffile = pytest.importorskip("tifffile")
Pillow = pytest.importorskip("PIL.Image")

Array = NDArray[Any]
Apply = Callable[..., tuple[Path, str]]
Refused = Callable[..., str]
BOX = np.full((3, 3), 1 / 9)
H, W = 12, 15  # neither is a number of samples, and they differ


@pytest.fixture
def apply(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Apply:
    """Run the command on a file in a directory of its own; the new file, and what was said."""
    monkeypatch.chdir(tmp_path)

    def call(source: str, *options: str, out: str = "out.tif") -> tuple[Path, str]:
        kernel = () if "--kernel" in options else ("--kernel", "box:3")
        status = cli.main(["apply", source, out, *kernel, *options])
        told = capsys.readouterr().err
        assert status == 0, told
        assert told.count("\n") == told.count("parconv: "), told
        return tmp_path / out, told

    return call


@pytest.fixture
def refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Refused:
    """Run it where it must refuse: one line, nothing written."""
    monkeypatch.chdir(tmp_path)

    def call(source: str, *options: str, out: str = "out.tif") -> str:
        before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
        assert cli.main(["apply", source, out, "--kernel", "box:3", *options]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("parconv: ")
        assert captured.err.count("\n") == 1
        assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
        return captured.err

    return call


def pixels(*shape: int, dtype: str = "uint8", most: int = 250) -> Array:
    return np.random.default_rng(shape).integers(0, most, shape).astype(dtype)


def convolved(plane: Array, g: Array = BOX) -> Array:
    """Border ``mirror``, same size, one weight at a time; rounded as the dtype asks."""
    padded = np.pad(plane.astype(float), [(n // 2, n // 2) for n in g.shape], mode="reflect")
    total = np.zeros(plane.shape)
    for i, j in np.ndindex(*g.shape):
        total += g[-1 - i, -1 - j] * padded[i : i + plane.shape[0], j : j + plane.shape[1]]
    if plane.dtype.kind in "ui":
        limits = np.iinfo(plane.dtype)
        return np.clip(np.rint(total), limits.min, limits.max).astype(plane.dtype)
    return total.astype(plane.dtype)


def planes(image: Array, axes: tuple[int, int], g: Array = BOX) -> Array:
    """Every plane of a stack by itself."""
    moved = np.moveaxis(image, axes, (-2, -1))
    flat = moved.reshape(-1, *moved.shape[-2:])
    done = np.stack([convolved(plane, g) for plane in flat]).reshape(moved.shape)
    return np.moveaxis(done, (-2, -1), axes)


# --- which axes are rows and columns, which samples are light ------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(
    ("shape", "plane", "options"),
    [
        ((4, H, W, 3), (1, 2), {"photometric": "rgb"}),
        ((3, H, W), (1, 2), {"photometric": "rgb", "planarconfig": "separate"}),
        ((2, 3, H, W), (2, 3), {"photometric": "rgb", "planarconfig": "separate"}),
        ((H, W, 4), (0, 1), {"photometric": "rgb", "extrasamples": ["unspecified"]}),
        ((H, W, 6), (0, 1), {"photometric": "rgb", "extrasamples": ["unspecified"] * 3}),
        ((H, W, 2), (0, 1), {"extrasamples": ["unspecified"], "planarconfig": "contig"}),
        ((H, W, 8), (0, 1), {"extrasamples": ["unspecified"] * 7, "planarconfig": "contig"}),
        ((H, W, 4), (0, 1), {"photometric": "separated", "planarconfig": "contig"}),
        ((5, 2, H, W), (2, 3), {}),
    ],
    ids=lambda value: "x".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_each_band_by_itself_in_a_file_of_the_same_kind(
    apply: Apply, dtype: str, shape: Any, plane: Any, options: dict[str, Any]
) -> None:
    image = pixels(*shape, dtype=dtype)
    tifffile.imwrite("in.tif", image, **{"photometric": "minisblack", **options})
    out, told = apply("in.tif")
    assert told == ""
    with tifffile.TiffFile("in.tif") as old, tifffile.TiffFile(out) as new:
        np.testing.assert_allclose(new.asarray(), planes(image, plane), rtol=2e-6, atol=1e-6)
        for name in ("photometric", "planarconfig", "extrasamples", "dtype", "shape"):
            assert getattr(new.pages[0], name) == getattr(old.pages[0], name), name
        assert len(new.pages) == len(old.pages)
        assert new.series[0].axes == old.series[0].axes


@pytest.mark.parametrize("alpha", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize(("samples", "colour"), [(4, "rgb"), (5, "rgb"), (2, "minisblack")])
def test_alpha_stays_wherever_the_samples_lie(
    apply: Apply, alpha: str, separate: bool, samples: int, colour: str
) -> None:
    image = pixels(3, H, W, samples)
    right = planes(image, (1, 2))
    right[..., -1] = image[..., -1]
    stored = [np.moveaxis(one, -1, 1) if separate else one for one in (image, right)]
    extra = ["unspecified"] * (samples - {"rgb": 3, "minisblack": 1}[colour] - 1) + [alpha]
    planar = "separate" if separate else "contig"
    tifffile.imwrite(
        "in.tif", stored[0], photometric=colour, planarconfig=planar, extrasamples=extra
    )
    out, told = apply("in.tif")
    assert told == ""
    with tifffile.TiffFile(out) as new:
        np.testing.assert_array_equal(new.asarray(), stored[1])
        assert [one.name.lower() for one in new.pages[0].extrasamples] == extra


@pytest.mark.parametrize(
    ("shape", "plane", "words"),
    [
        ((2, H, W, 3), (1, 2), "red, green and blue"),
        ((H, W, 2), (0, 1), "two bands"),
        ((H, W, 4), (0, 1), "red, green, blue and alpha, which stays as it is"),
    ],
)
def test_a_npy_file_is_guessed_aloud(apply: Apply, shape: Any, plane: Any, words: str) -> None:
    image = pixels(*shape)
    np.save("in.npy", image)
    out, told = apply("in.npy", out="out.npy")
    right = planes(image, plane)
    if shape[-1] == 4:
        right[..., -1] = image[..., -1]
    np.testing.assert_array_equal(np.load(out), right)
    letters = "QYX" if len(shape) == 3 else "QQYX"
    assert told == (
        f"parconv: in.npy: its last axis is taken for {words}; pass --axes {letters} or "
        f"{letters[1:]}S if it is not\n"
    )
    for axes, which in ((letters, (-2, -1)), (f"{letters[1:]}S", plane)):
        out, told = apply("in.npy", "--axes", axes, out="out.npy")
        np.testing.assert_array_equal(np.load(out), planes(image, which))
        assert told == ""


def test_narrow_pages_are_told_and_may_be_named(apply: Apply) -> None:
    image = pixels(H, W, 3)
    tifffile.imwrite("in.tif", image, photometric="minisblack")
    out, told = apply("in.tif")
    np.testing.assert_array_equal(tifffile.imread(out), planes(image, (1, 2)))
    assert told == "parconv: in.tif: pages of 3 columns; pass --axes YXS if colours\n"
    out, told = apply("in.tif", "--axes", "yxs")
    assert told == ""
    with tifffile.TiffFile(out) as new:
        np.testing.assert_array_equal(new.asarray(), planes(image, (0, 1)))
        assert new.pages[0].photometric.name == "RGB"


@pytest.mark.parametrize(
    ("axes", "words"),
    [("YX", "pass 3 letters"), ("QQX", "Y for rows"), ("YYX", "once"), ("Y X", "pass 3 letters")],
)
def test_axes_that_are_none(refused: Refused, axes: str, words: str) -> None:
    np.save("in.npy", pixels(2, H, W))
    assert words in refused("in.npy", "--axes", axes, out="out.npy")


# --- what the numbers stand for ------------------------------------------------------------------


@pytest.mark.parametrize("spread", [257, 256, 1], ids=["spread", "shifted", "in 8 bits"])
def test_a_palette_becomes_its_colours(apply: Apply, spread: int) -> None:
    numbers = pixels(H, W, most=3)
    colours = np.zeros((3, 256), np.uint16)
    colours[:, :3] = np.array([[250, 3, 9], [0, 90, 200], [7, 255, 0]]) * spread
    tifffile.imwrite("in.tif", numbers, photometric="palette", colormap=colours)
    out, told = apply("in.tif")
    assert told == ""
    with tifffile.TiffFile(out) as new:
        assert new.pages[0].photometric.name == "RGB"
        seen = (colours // spread).astype(np.uint8).T[numbers]
        np.testing.assert_array_equal(new.asarray(), planes(seen, (0, 1)))


def test_a_palette_of_16_bits_keeps_them(apply: Apply) -> None:
    numbers = pixels(H, W, most=3)
    colours = np.zeros((3, 256), np.uint16)
    colours[:, :3] = [[65535, 1000, 3], [0, 300, 5], [1, 2, 65000]]
    tifffile.imwrite("in.tif", numbers, photometric="palette", colormap=colours)
    result = tifffile.imread(apply("in.tif")[0])
    np.testing.assert_array_equal(result, planes(colours.T[numbers], (0, 1)))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_white_at_0_is_brightness(apply: Apply, dtype: str) -> None:
    image = pixels(H, W, dtype=dtype)
    tifffile.imwrite("in.tif", image, photometric="miniswhite")
    out, _ = apply("in.tif", "--kernel", "sobel-x")
    right = convolved(np.iinfo(dtype).max - image, np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]))
    with tifffile.TiffFile(out) as new:
        np.testing.assert_array_equal(new.asarray(), right)
        assert new.pages[0].photometric.name == "MINISBLACK"


@pytest.mark.parametrize("compression", [None, "group4"])
@pytest.mark.parametrize("white", [False, True])
def test_two_levels_become_gray(apply: Apply, compression: str | None, white: bool) -> None:
    bits = pixels(H, W) > 120
    Pillow.fromarray(bits).save("in.tif", compression=compression)
    if white:
        content = bytearray(Path("in.tif").read_bytes())
        place = content.index(b"\x06\x01\x03\x00\x01\x00\x00\x00\x01\x00")  # black is 0
        content[place + 8] = 0
        Path("in.tif").write_bytes(content)
    out, told = apply("in.tif")
    assert ("GROUP4" in told or "CCITTFAX4" in told) == (compression is not None)
    right = (bits ^ white).astype(np.uint8) * 255
    np.testing.assert_array_equal(tifffile.imread(out), convolved(right))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("shape", [(H, W), (H, W, 3)])
def test_the_result_is_upright(apply: Apply, orientation: int, shape: Any) -> None:
    image = pixels(*shape)
    Pillow.fromarray(image).save("in.tif", tiffinfo={274: orientation}, dpi=(100, 200))
    turn = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # Pillow's numbers of transpositions
    right = Pillow.fromarray(image)
    if orientation > 1:
        right = right.transpose(Pillow.Transpose(turn[orientation]))
    out, told = apply("in.tif", "--kernel", "[[0, 0, 0], [0, 0, 1], [0, 0, 0]]")
    assert told == ""
    moved = np.array([[0, 0, 0], [0, 0, 1], [0, 0, 0]])
    with tifffile.TiffFile(out) as new:
        np.testing.assert_array_equal(new.asarray(), planes(np.asarray(right), (0, 1), moved))
        assert new.pages[0].tags.valueof(274, 1) == 1
        resolution = (200, 100) if orientation > 4 else (100, 200)
        assert new.pages[0].resolution == resolution


@pytest.mark.parametrize("photometric", ["cielab", "cfa"])
def test_colours_nobody_understands_are_refused(refused: Refused, photometric: str) -> None:
    samples = {"photometric": photometric, "planarconfig": "contig"}
    shape = (H, W, 3) if photometric == "cielab" else (H, W)
    tifffile.imwrite("in.tif", pixels(*shape), **samples)
    assert f"its pixels are {photometric.upper()}; convert it" in refused("in.tif")


# --- compressed ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("compression", "name"),
    [("tiff_adobe_deflate", ""), ("tiff_lzw", "LZW"), ("packbits", "PACKBITS")],
)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "I;16", "P"])
def test_compressed_files(apply: Apply, compression: str, name: str, mode: str) -> None:
    image = pixels(H, W, 4)
    if mode == "I;16":
        picture = Pillow.fromarray(image[..., 0].astype(np.uint16) * 200)
    elif mode == "P":
        picture = Pillow.fromarray(image[..., 0] // 100).convert("P")
        picture.putpalette([250, 0, 9, 1, 90, 255, 7, 200, 3])
    else:
        picture = Pillow.fromarray(image).convert(mode)
    picture.save("in.tif", compression=compression)
    seen = np.asarray(picture.convert("RGB") if mode == "P" else picture)
    right = planes(seen, (0, 1))
    if mode == "RGBA":
        right[..., 3] = seen[..., 3]
    out, told = apply("in.tif")
    np.testing.assert_array_equal(tifffile.imread(out), right)
    assert (f"{name} compression (deflate took its place)" in told) == bool(name)
    with tifffile.TiffFile(out) as new:
        assert new.pages[0].compression.name == "ADOBE_DEFLATE"


def test_a_jpeg_in_a_tiff(apply: Apply) -> None:
    smooth = np.add.outer(np.arange(64), 2 * np.arange(80)).astype(np.uint8)[..., None]
    image = np.concatenate([smooth, smooth // 2, 255 - smooth], axis=-1)
    Pillow.fromarray(image).save("in.tif", compression="jpeg", quality=95)
    with Pillow.open("in.tif") as stored:
        right = planes(np.asarray(stored.convert("RGB")), (0, 1))
    np.testing.assert_array_equal(tifffile.imread(apply("in.tif")[0]), right)


def test_what_pillow_would_cut_is_refused(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """16-bit colours in LZW, which Pillow reads as 8 bits."""
    tifffile.imwrite("in.tif", pixels(H, W, 3, dtype="uint16"), photometric="rgb")

    def no_decoder(*_: Any, **__: Any) -> None:
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", no_decoder)
    told = refused("in.tif")
    assert "Pillow would cut its samples; to decode NONE by tifffile, `pip install imagec" in told


def test_pages_that_pillow_decodes_stay_in_order(apply: Apply) -> None:
    images = [pixels(H, W, most=k) for k in (50, 100, 150)] + [pixels(H + 2, W)]
    first, *others = (Pillow.fromarray(image) for image in images)
    first.save("in.tif", compression="tiff_lzw", save_all=True, append_images=others)
    with tifffile.TiffFile(apply("in.tif")[0]) as new:
        assert len(new.pages) == len(images)
        for page, image in zip(new.pages, images, strict=True):
            np.testing.assert_array_equal(page.asarray(), convolved(image))


# --- pages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shapes",
    [
        [(H, W), (H + 4, W)],
        [(H, W), (H, W, 3)],
        [(H, W), (H, W), (H + 4, W), (H, W)],
        [(2 * H, 2 * W), (H, W)],  # the second is no smaller copy of the first
    ],
    ids=["two sizes", "gray and colour", "back again", "half as large"],
)
@pytest.mark.parametrize("metadata", [None, {}], ids=["plain", "tifffile's"])
def test_no_page_is_lost(apply: Apply, shapes: Any, metadata: Any) -> None:
    images = [pixels(*shape) for shape in shapes]
    with tifffile.TiffWriter("in.tif") as writer:
        for image in images:
            colour = "rgb" if image.ndim == 3 else "minisblack"
            writer.write(image, photometric=colour, metadata=metadata)
    out, told = apply("in.tif")
    assert told == ""
    with tifffile.TiffFile(out) as new:
        assert len(new.pages) == len(images)
        for page, image in zip(new.pages, images, strict=True):
            np.testing.assert_array_equal(page.asarray(), planes(image, (0, 1)))


def test_several_pictures_need_a_tiff(refused: Refused) -> None:
    with tifffile.TiffWriter("in.tif") as writer:
        for rows in (H, H + 1):
            writer.write(pixels(rows, W))
    for name in ("out.png", "out.npy", "out.jpg"):
        assert "cannot hold 2 pictures: write out.tiff" in refused("in.tif", out=name)


def test_smaller_copies_and_masks_are_told(apply: Apply) -> None:
    image = pixels(2 * H, 2 * W)
    with tifffile.TiffWriter("in.tif") as writer:
        writer.write(image, metadata=None)
        writer.write(image[::2, ::2], subfiletype=1, metadata=None)
        writer.write(image > 9, subfiletype=4, metadata=None)
    out, told = apply("in.tif")
    assert told == "parconv: out.tif does not keep of in.tif: reduced copies, transparency mask\n"
    np.testing.assert_array_equal(tifffile.imread(out), convolved(image))


# --- pixels without data -------------------------------------------------------------------------

GEO = [
    (33550, "d", 3, (10.0, 10.0, 0.0), True),
    (33922, "d", 6, (0.0, 0, 0, 500000.0, 4600000.0, 0), True),
    (34735, "H", 8, (1, 1, 0, 1, 1024, 0, 1, 1), True),
]


def with_hole(dtype: str, nodata: Any) -> Array:
    image = pixels(H, W, dtype=dtype)
    image[4:6, 5] = nodata
    tags = [*GEO, (42113, "s", 0, str(nodata), True)]
    tifffile.imwrite("in.tif", image, extratags=tags, metadata=None)
    return image


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [
        ("float32", -9999), ("uint8", 255), ("int16", -9999), ("float64", -1e300), ("uint16", 0),
        ("float32", float(np.finfo("float32").min)),
    ],
)  # fmt: skip
def test_nodata_reaches_no_neighbour(
    apply: Apply, refused: Refused, dtype: str, nodata: Any
) -> None:
    image = with_hole(dtype, nodata)
    told = refused("in.tif")
    assert f"{np.count_nonzero(image == nodata)} pixels are nodata=" in told
    assert "--nodata spread" in told
    assert "--nodata ignore" in told

    holes = np.pad(image == nodata, 1, mode="reflect")
    reached = sum(holes[i : i + H, j : j + W].astype(int) for i in range(3) for j in range(3)) > 0
    out, told = apply("in.tif", "--nodata", "spread")
    assert told == ""
    with tifffile.TiffFile(out) as new:
        result, page = new.asarray(), new.pages[0]
        assert float(page.tags[42113].value) == nodata
        assert [page.tags[tag[0]].value for tag in GEO] == [tag[3] for tag in GEO]
    assert result.dtype == dtype
    assert (result[reached] == nodata).all()
    right = convolved(np.where(image == nodata, 0, image))
    np.testing.assert_allclose(result[~reached], right[~reached], rtol=1e-5)

    out, _ = apply("in.tif", "--nodata", "ignore")
    np.testing.assert_allclose(tifffile.imread(out), convolved(image), rtol=1e-5)


@pytest.mark.parametrize("nodata", ["nan", "-9999", "none"])
def test_without_such_pixels_nothing_is_refused(apply: Apply, nodata: str) -> None:
    image = pixels(H, W, dtype="float32")
    image[4, 5] = np.nan if nodata == "nan" else 3
    tifffile.imwrite("in.tif", image, extratags=[(42113, "s", 0, nodata, True)])
    out, _ = apply("in.tif")
    np.testing.assert_allclose(tifffile.imread(out), convolved(image), rtol=1e-5)


def test_nodata_must_fit(refused: Refused) -> None:
    with_hole("float32", -9999)
    assert "nodata=-9999.0 does not fit in uint8" in refused(
        "in.tif", "--nodata", "spread", "--dtype", "uint8"
    )
    assert "nodata='fill' is unknown" in refused("in.tif", "--nodata", "fill")


def test_a_place_is_told_where_the_size_changes(apply: Apply) -> None:
    tifffile.imwrite("in.tif", pixels(H, W), extratags=GEO, metadata=None)
    out, told = apply("in.tif", "--mode", "valid")
    assert told == "parconv: out.tif does not keep of in.tif: geographic reference\n"
    with tifffile.TiffFile(out) as new:
        assert not {tag[0] for tag in GEO} & set(new.pages[0].tags.keys())


# --- what else a file says -----------------------------------------------------------------------


def test_imagej_keeps_axes_spacing_and_resolution(apply: Apply) -> None:
    stack = pixels(4, 3, H, W, dtype="uint16")
    words = {"axes": "ZCYX", "spacing": 0.3, "unit": "um", "Labels": [f"l{i}" for i in range(12)]}
    tifffile.imwrite("in.tif", stack, imagej=True, resolution=(2, 13), metadata=words)
    out, told = apply("in.tif")
    assert told == ""
    with tifffile.TiffFile("in.tif") as old, tifffile.TiffFile(out) as new:
        np.testing.assert_array_equal(new.asarray(), planes(stack, (2, 3)))
        assert new.series[0].axes == "ZCYX"
        assert new.imagej_metadata == old.imagej_metadata
        assert new.pages[0].resolution == (2, 13)
    _, told = apply("in.tif", "--dtype", "float64")
    assert told == "parconv: out.tif does not keep of in.tif: ImageJ metadata\n"
    _, told = apply("in.tif", out="out.npy")
    names = "ImageJ metadata, resolution in a unit of its own"
    assert told == f"parconv: out.npy does not keep of in.tif: {names}\n"
    tifffile.imwrite("in.tif", stack[0, 0], imagej=True, resolution=(2, 13))
    out, told = apply("in.tif", out="out.png")
    assert told == f"parconv: out.png does not keep of in.tif: {names}\n"
    with Pillow.open(out) as new:
        assert "dpi" not in new.info


def test_ome_keeps_its_words(apply: Apply) -> None:
    stack = pixels(2, 3, H, W, dtype="uint16")
    words = {"axes": "TCYX", "PhysicalSizeX": 0.1, "PhysicalSizeXUnit": "µm"}
    tifffile.imwrite("in.ome.tif", stack, metadata=words)
    out, told = apply("in.ome.tif")
    assert told == ""
    with tifffile.TiffFile("in.ome.tif") as old, tifffile.TiffFile(out) as new:
        np.testing.assert_array_equal(new.asarray(), planes(stack, (2, 3)))
        assert new.series[0].axes == "TCYX"
        assert new.ome_metadata == old.ome_metadata
    for options in (("--mode", "valid"), ("--dtype", "float32")):
        assert "does not keep of in.ome.tif: OME metadata" in apply("in.ome.tif", *options)[1]


@pytest.mark.parametrize("description", ["a scan, 3 µm", None])
def test_words_and_colours_of_a_tiff(apply: Apply, description: str | None) -> None:
    text = None if description is None else description.encode()
    tifffile.imwrite(
        "in.tif", pixels(H, W, 3), photometric="rgb", description=text, iccprofile=b"profile" * 9,
        resolution=(300, 150), resolutionunit="CENTIMETER", compression="zlib",
        metadata=None if text else {"axes": "YXS", "stage": "left"},
        extratags=[(315, "s", 0, "an artist", True), (65000, "s", 0, "private", True)],
    )  # fmt: skip
    out, told = apply("in.tif")
    assert told == "parconv: out.tif does not keep of in.tif: tag 65000\n"
    with tifffile.TiffFile("in.tif") as old, tifffile.TiffFile(out) as new:
        was, now = old.pages[0], new.pages[0]
        assert now.description == was.description
        assert new.shaped_metadata == old.shaped_metadata
        for code in (315, 34675, 282, 283, 296):
            assert now.tags[code].value == was.tags[code].value
        assert now.compression == was.compression
    out, told = apply("in.tif", out="out.png")
    assert "ICC profile" not in told
    with Pillow.open(out) as new:
        assert new.info["icc_profile"] == b"profile" * 9
        np.testing.assert_allclose(new.info["dpi"], (762, 381), rtol=1e-3)


def test_a_photograph_keeps_its_words(apply: Apply) -> None:
    exif = Pillow.Exif()
    exif[271], exif[274] = "a camera", 6
    image = pixels(H, W, 3)
    words = {"exif": exif, "dpi": (300, 300), "icc_profile": b"profile"}
    Pillow.fromarray(image).save("in.jpg", quality=100, comment=b"a word", **words)
    for name in ("out.jpg", "out.png"):
        out, told = apply("in.jpg", out=name)
        assert told == (
            "parconv: out.png does not keep of in.jpg: comment\n" if name == "out.png" else ""
        )
        with Pillow.open(out) as new:
            assert new.size == (H, W)  # turned
            assert new.info["icc_profile"] == b"profile"
            assert dict(new.getexif()).get(271) == "a camera"
            assert 274 not in new.getexif()
            np.testing.assert_allclose(new.info["dpi"], 300, rtol=1e-3)
    _, told = apply("in.jpg", out="out.npy")
    names = "ICC profile, comment, resolution, EXIF data"
    assert told == f"parconv: out.npy does not keep of in.jpg: {names}\n"


def test_exif_that_cannot_be_written_is_told(apply: Apply, monkeypatch: pytest.MonkeyPatch) -> None:
    exif = Pillow.Exif()
    exif[271] = "a camera"
    Pillow.fromarray(pixels(H, W)).save("in.jpg", exif=exif)

    def bent(self: Any, offset: int = 8) -> bytes:
        raise TypeError("an integer is required")

    monkeypatch.setattr(Pillow.Exif, "tobytes", bent)
    told = apply("in.jpg", out="out.jpg")[1]
    assert told == "parconv: out.jpg does not keep of in.jpg: EXIF data\n"


def test_a_png_keeps_its_words(apply: Apply) -> None:
    from PIL.PngImagePlugin import PngInfo

    chunks = PngInfo()
    chunks.add_text("Title", "hands")
    chunks.add_itxt("Author", "Ä")
    chunks.add(b"gAMA", (100000).to_bytes(4))
    Pillow.fromarray(pixels(H, W)).save("in.png", pnginfo=chunks)
    out, told = apply("in.png", out="out.png")
    assert told == ""
    with Pillow.open(out) as new:
        assert new.text == {"Title": "hands", "Author": "Ä"}
        assert new.info["gamma"] == 1.0
    assert apply("in.png")[1] == "parconv: out.tif does not keep of in.png: text, gamma\n"


def test_a_film_in_a_png_is_told(apply: Apply) -> None:
    first, *others = (Pillow.fromarray(pixels(H, W, most=k)) for k in (50, 100, 150))
    first.save("in.png", save_all=True, append_images=others)
    out, told = apply("in.png", out="out.png")
    assert told == "parconv: out.png does not keep of in.png: all pictures but the first of 3\n"
    with Pillow.open(out) as new:
        np.testing.assert_array_equal(np.asarray(new), convolved(pixels(H, W, most=50)))


# --- PNG and JPEG --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_a_transparent_colour_stays_transparent(apply: Apply, mode: str) -> None:
    image = pixels(H, W, 3)
    image[:5] = 0, 255, 0
    picture = Pillow.fromarray(image).convert(mode)
    clear = picture.getpixel((0, 0))
    picture.save("in.png", transparency=clear)
    with Pillow.open("in.png") as stored:
        right = np.asarray(stored.convert("RGBA"))[..., 3]
    assert set(np.unique(right)) == {0, 255}
    out, _ = apply("in.png", out="out.png")
    with Pillow.open(out) as new:
        np.testing.assert_array_equal(np.asarray(new.convert("RGBA"))[..., 3], right)


def test_a_transparent_gray_of_16_bits(apply: Apply, refused: Refused) -> None:
    image = pixels(H, W, dtype="uint16", most=60000)
    image[:5] = 1234
    Pillow.fromarray(image).save("in.png", transparency=1234)
    assert "PNG cannot hold uint16 of shape (12, 15, 2)" in refused("in.png", out="out.png")
    result = tifffile.imread(apply("in.png")[0])
    np.testing.assert_array_equal(result[..., 0], convolved(image))
    np.testing.assert_array_equal(result[..., 1], np.where(image == 1234, 0, 65535))


def test_inks_are_filtered_and_become_colours_in_a_png_aloud(apply: Apply) -> None:
    smooth = np.add.outer(np.arange(64), np.arange(80)).astype(np.uint8)
    inks = np.stack([smooth, smooth // 2, 255 - smooth, smooth // 3], axis=-1)
    Pillow.frombytes("CMYK", (80, 64), inks.tobytes()).save("in.jpg", quality=100)
    with Pillow.open("in.jpg") as stored:
        right = planes(np.asarray(stored), (0, 1))
    out, told = apply("in.jpg")
    assert told == ""
    with tifffile.TiffFile(out) as new:
        np.testing.assert_array_equal(new.asarray(), right)
        assert new.pages[0].photometric.name == "SEPARATED"
    out, told = apply("in.jpg", out="out.png")
    assert told == "parconv: out.png does not keep of in.jpg: inks (CMYK became RGB)\n"
    with Pillow.open(out) as new:
        wanted = Pillow.frombytes("CMYK", (80, 64), right.tobytes()).convert("RGB")
        np.testing.assert_array_equal(np.asarray(new), np.asarray(wanted))


def test_large_pictures_warn_nobody_or_name_a_way_out(
    apply: Apply, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    Pillow.fromarray(pixels(H, W)).save("in.png")
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", H * W - 1)
    assert apply("in.png")[1] == ""  # a warning is an error in this suite
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", H * W // 3)
    assert "more than the 120 pixels that Pillow decodes" in refused("in.png")
    assert "convert it to an uncompressed or deflated TIFF" in refused("in.png")


# --- signs, scales and types ---------------------------------------------------------------------

SOBEL = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]])


def sums(image: Array) -> Array:
    return convolved(image.astype(float), SOBEL)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_lost_signs_are_told_once(apply: Apply, dtype: str) -> None:
    with tifffile.TiffWriter("in.tif") as writer:
        for rows in (H, H + 1):
            writer.write(pixels(rows, W, dtype=dtype))
    middle = {"uint8": 128, "uint16": 32768}[dtype]
    _, told = apply("in.tif", "--kernel", "sobel-x")
    assert told.count("negative sums became 0") == 1
    assert f"--abs, --offset {middle}" in told
    for options in (("--abs",), ("--offset", "9"), ("--dtype", "float32"), ("--dtype", "int16")):
        assert apply("in.tif", "--kernel", "sobel-x", *options)[1] == ""
    for kernel in ("sharpen", "gaussian:1", "[[0, 0, 0]]"):
        assert apply("in.tif", "--kernel", kernel)[1] == ""


@pytest.mark.parametrize(
    ("options", "right"),
    [
        (("--abs",), np.abs),
        (("--offset", "128"), lambda s: s + 128),
        (("--scale", "0.25", "--offset", "100.5"), lambda s: s / 4 + 100.5),
        (("--scale", "-0.5", "--abs", "--offset", "-3"), lambda s: np.abs(s / 2) - 3),
        (("--scale", "0.5"), lambda s: s / 2),
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_scale_then_abs_then_offset(
    apply: Apply, options: tuple[str, ...], right: Any, dtype: str
) -> None:
    image = pixels(H, W, 3, dtype=dtype)
    tifffile.imwrite("in.tif", image, photometric="rgb")
    result = tifffile.imread(apply("in.tif", "--kernel", "sobel-x", *options)[0])
    wanted = right(planes(image.astype(float), (0, 1), SOBEL))
    if dtype != "float32":
        wanted = np.clip(np.rint(wanted), 0, np.iinfo(dtype).max)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, wanted.astype(dtype))


def test_the_type_of_the_result(apply: Apply, refused: Refused) -> None:
    image = pixels(H, W)
    Pillow.fromarray(image).save("in.png")
    out, told = apply("in.png", "--kernel", "sobel-x", "--dtype", "float32")
    assert told == ""
    np.testing.assert_array_equal(tifffile.imread(out), sums(image).astype(np.float32))
    assert "PNG cannot hold float32" in refused("in.png", "--dtype", "float32", out="out.png")
    assert "dtype='grey' is not a dtype" in refused("in.png", "--dtype", "grey")
    assert "scale=nan: pass a finite number" in refused("in.png", "--scale", "nan")
    assert "offset=inf: pass a finite number" in refused("in.png", "--offset", "inf")


# --- bad files -----------------------------------------------------------------------------------


def test_a_damaged_tiff_is_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """tifffile logs many more."""
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    tifffile.imwrite(source, pixels(40, H, W), photometric="minisblack")
    whole, statuses = source.read_bytes(), []
    for place in range(0, 400, 7):
        content = bytearray(whole)
        content[place] ^= 0xFF
        source.write_bytes(content)
        statuses.append(cli.main(["apply", str(source), str(target), "--kernel", "box:3"]))
        told = capsys.readouterr().err
        assert told.count("\n") == told.count("parconv: ") <= 2
    assert set(statuses) == {0, 2}
    assert caplog.records == []


def test_a_page_that_damage_has_cut_off_is_told(apply: Apply) -> None:
    with tifffile.TiffWriter("in.tif") as writer:
        for rows in (H, H + 1):
            writer.write(pixels(rows, W), metadata=None)
    with tifffile.TiffFile("in.tif") as tif:
        place = tif.pages[0].offset + 2 + 12 * len(tif.pages[0].tags)  # of the second's place
    content = bytearray(Path("in.tif").read_bytes())
    content[place : place + 4] = (10**6).to_bytes(4, "little")
    Path("in.tif").write_bytes(content)
    out, told = apply("in.tif")
    assert told.startswith("parconv: in.tif: tifffile says <")
    np.testing.assert_array_equal(tifffile.imread(out), convolved(pixels(H, W)))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_pipe_is_not_waited_for(refused: Refused) -> None:
    Pillow.fromarray(pixels(H, W)).save("in.png")
    for name in ("pipe.png", "pipe.tif", "pipe.npy"):
        os.mkfifo(name)
        assert f"input {name} is no regular file" in refused(name)
        assert f"output {name} is no regular file" in refused("in.png", out=name)
    assert "input pipe.npy is no regular file" in refused("in.png", "--kernel", "pipe.npy")


def test_words_of_the_user_are_cut(refused: Refused) -> None:
    np.save("in.npy", pixels(H, W))
    assert len(refused("in.npy", f"--{'x' * 5000}")) < 300
    assert len(refused("in.npy", "--axes", "x" * 5000, out="out.npy")) < 300
