"""Distrusts labels: numbers of the plain call, and coordinates where outputs stand."""

from typing import Any

import numpy as np
import pytest
from oracle import assert_same_bits

import parconv

xr = pytest.importorskip("xarray")
pd = pytest.importorskip("pandas")

RNG = np.random.default_rng(8)
PIXELS = RNG.random((3, 24, 31), np.float32)
G = RNG.standard_normal((3, 4))


def heights(lazy: bool = False) -> Any:
    """Rows count down, columns up; a stack with times, and a coordinate over both."""
    coords = {
        "time": np.arange("2020-01", "2020-04", dtype="datetime64[M]").astype("datetime64[ns]"),
        "y": np.linspace(50, 40, 24), "x": 100.0 + np.arange(31),
        "area": (("y", "x"), RNG.random((24, 31))), "place": "here",
    }  # fmt: skip
    found = xr.DataArray(PIXELS, coords, ("time", "y", "x"), "height", {"units": "m"})
    if lazy:
        pytest.importorskip("dask.array")
        found = found.chunk({"time": 1, "y": 10, "x": 12})
    return found


@pytest.mark.filterwarnings("ignore:f has chunks")
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("words", [
    {"mode": "same"}, {"mode": "valid"}, {"mode": "same", "stride": (2, 3)}, {"stride": 2},
    {"mode": "full"}, {"padding": ((3, 0), (0, 4))}, {"dilation": 2}, {"mode": "same", "origin": 1},
])  # fmt: skip
def test_numbers_and_coordinates(words: Any, lazy: bool) -> None:
    f = heights(lazy)
    for call in parconv.conv2d, parconv.correlate2d:
        found, right = call(f, G, **words), call(PIXELS, G, **words)
        assert isinstance(found, xr.DataArray)
        assert (found.chunks is not None) == lazy
        assert_same_bits(found.values, right)
        assert (found.name, found.attrs, found.dims) == (f.name, f.attrs, f.dims)
        assert_same_coordinates(found, f, call, words)


def assert_same_coordinates(found: Any, f: Any, call: Any, words: Any) -> None:
    """Those of the pixel that a filter of one tap, where the middle is, would take."""
    if words.get("mode") == "full" or "padding" in words:
        assert found.coords.keys() >= {"time", "place"}
        assert "area" not in found.coords
    else:
        for dim, axis in (("y", 1), ("x", 2)):
            assert len(found[dim]) == found.shape[axis]
            assert np.isin(found[dim], f[dim]).all()
        assert found.area.equals(f.area.sel(y=found.y, x=found.x))


def test_a_valid_result_stands_in_the_middle_of_its_filter() -> None:
    f = xr.DataArray(np.arange(10.0), {"x": np.arange(10)}, ("x",))
    mean = parconv.conv2d(f, np.ones(3) / 3)
    np.testing.assert_array_equal(mean.x, np.arange(1, 9))
    np.testing.assert_allclose(mean, mean.x)
    apart = parconv.conv2d(f, np.ones(3) / 3, stride=2, dilation=2)
    np.testing.assert_array_equal(apart.x, [2, 4, 6])
    np.testing.assert_allclose(apart, apart.x)


def test_dimensions_by_name() -> None:
    f = heights().transpose("x", "time", "y")
    found = parconv.chunked.xarray.conv2d(f, G, ("y", "x"))
    assert found.dims == f.dims
    right = parconv.conv2d(PIXELS, G)
    assert_same_bits(np.ascontiguousarray(found.transpose("time", "y", "x").values), right)
    with pytest.raises(ValueError, match="f has no 'q', but"):
        parconv.chunked.xarray.conv2d(f, G, ("y", "q"))
    with pytest.raises(TypeError, match="pass one"):
        parconv.chunked.xarray.conv2d(f, G, ("y", "x"), axes=(0, 1))
    times = parconv.chunked.xarray.correlate2d(f, np.ones(2), "time")
    assert times.sizes == {"x": 31, "time": 2, "y": 24}


@pytest.mark.parametrize("lazy", [False, True])
def test_the_accessor(lazy: bool) -> None:
    f = heights(lazy)
    assert parconv.chunked.xarray.Accessor
    for name, words in (
        ("gaussian", (1,)), ("box", (3,)), ("laplace", ()), ("gaussian_gradient_magnitude", (1,)),
    ):  # fmt: skip
        found = getattr(f.parconv, name)(*words, dim=("y", "x"), boundary="mirror")
        right = getattr(parconv, name)(PIXELS, *words, axes=(1, 2), boundary="mirror")
        assert (found.chunks is not None) == lazy
        assert_same_bits(found.values, right)
        assert found.attrs == f.attrs
        xr.testing.assert_equal(found.coords.to_dataset(), f.coords.to_dataset())
    slope = f.parconv.sobel(axis="y", dim=("y", "x"))
    assert_same_bits(slope.values, parconv.sobel(PIXELS, 1))
    blurred = f.parconv.gaussian(1, channel_axis="time")
    assert_same_bits(blurred.values, parconv.gaussian(PIXELS, 1))
    if not lazy:
        out = np.full(PIXELS.shape, np.nan, np.float32)
        steep = parconv.gaussian_gradient_magnitude(f, 1, out=out)
        assert np.shares_memory(steep.values, out)
        assert_same_bits(out, parconv.gaussian_gradient_magnitude(PIXELS, 1))
    assert_same_bits(f.parconv.conv2d(G, ("y", "x")).values, parconv.conv2d(PIXELS, G))
    assert_same_bits(f.parconv.correlate2d(G).values, parconv.correlate2d(PIXELS, G))


def test_warnings_are_about_the_callers_line() -> None:
    """However many functions lie between; gradients of arrays have some, too."""
    photo = xr.DataArray(np.zeros((5, 6, 3)), dims=("y", "x", "band"))
    calls: list[Any] = [
        lambda: parconv.gaussian(photo, 1), lambda: photo.parconv.gaussian(1),
        lambda: parconv.sobel(xr.Dataset({"photo": photo})),
        lambda: parconv.gaussian_gradient_magnitude(photo, 1),
        lambda: parconv.gaussian_gradient_magnitude(photo.values, 1),
    ]  # fmt: skip
    for call in calls:
        with pytest.warns(parconv.filters.ColourWarning) as found:
            call()
        assert {each.filename for each in found} == {__file__}


def test_datasets() -> None:
    f = heights()
    data = xr.Dataset({"height": f, "depth": -f, "mean": f.mean(("y", "x"))}, attrs={"by": "us"})
    found = parconv.gaussian(data, 1)
    assert found.attrs == data.attrs
    xr.testing.assert_identical(found["height"], parconv.gaussian(f, 1))
    xr.testing.assert_identical(found["mean"], data["mean"])
    cut = data.parconv.conv2d(G, ("y", "x"))
    xr.testing.assert_identical(cut["depth"], parconv.conv2d(-f, G).rename("depth"))
    with pytest.raises(ValueError, match="'line' is not filtered"):
        parconv.conv2d(data.assign(line=f.y), G)
    with pytest.raises(ValueError, match="no variable over"):
        parconv.conv2d(data[["mean"]], G)


def test_banks_and_layers() -> None:
    f = heights()
    bank = parconv.conv2d(f, np.stack([G, 2 * G]), mode="same")
    assert bank.dims == ("time", "filter", "y", "x")
    assert "filter" not in bank.coords
    layer = parconv.correlate2d(f.expand_dims(band=[5]), RNG.random((2, 3, 3, 3)), axes=(2, 3))
    assert layer.sizes == {"band": 1, "time": 2, "y": 22, "x": 29}
    assert {*layer.coords} == {"band", "y", "x", "area", "place"}


def test_channels_that_nobody_sums_up_keep_their_coordinates() -> None:
    """Colours, and planes with filters of their own; sums have others, though there be as many."""
    f = heights()
    for words in ({}, {"mode": "same"}, {"mode": "full"}):
        planes = parconv.conv2d(f, RNG.random((3, 3, 3)), groups="planes", **words)
        colours = parconv.conv2d(f.transpose("y", "x", "time"), G, axes=(0, 1), **words)
        sums = parconv.correlate2d(f, RNG.random((3, 3, 3, 3)), **words)
        assert planes.time.equals(f.time)
        assert colours.time.equals(f.time)
        assert "time" not in sums.coords
        assert sums.sizes["time"] == 3


def test_datasets_keep_what_is_not_filtered() -> None:
    """Coordinates of other variables and of none, text, and labels of several levels."""
    levels = xr.Coordinates.from_pandas_multiindex(
        pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=("site", "year")), "station"
    )
    f = xr.Dataset(
        {"height": heights(), "rain": ("station", RNG.random(4)),
         "flag": (("y", "x"), np.full((24, 31), "ok"))},
        {"edge": (("y", "side"), RNG.random((24, 2))), "side": ["low", "high"]},
    ).assign_coords(levels)  # fmt: skip
    same = parconv.gaussian(f, 1)
    xr.testing.assert_identical(same.drop_vars("height"), f.drop_vars("height"))
    xr.testing.assert_identical(f.parconv.gaussian(1, dim=("y", "x")), same)
    cut = parconv.conv2d(f.drop_vars("flag"), G)
    assert cut.coords.keys() == f.coords.keys() - {"edge"}
    assert cut.indexes["station"].equals(f.indexes["station"])


def test_what_is_not_used_is_matched_by_name() -> None:
    f, there = heights(), RNG.random((24, 31)) < 0.8
    where = xr.DataArray(there.T, {"x": f.x, "y": f.y}, ("x", "y"))
    found = parconv.box(f, 3, where=where)
    assert_same_bits(found.values, parconv.box(PIXELS, 3, where=there))
    with pytest.raises(ValueError, match=r"index|align"):
        parconv.box(f, 3, where=where.assign_coords(x=where.x + 1))
    with pytest.raises(ValueError, match="where has the dimension 'q'"):
        parconv.box(f, 3, where=where.rename(x="q"))


def test_plans_keep_labels() -> None:
    f = heights(True)
    plan = parconv.plan2d(f, G, mode="same")
    found = plan(f)
    assert_same_bits(found.values, plan(PIXELS))
    xr.testing.assert_equal(found.coords.to_dataset(), f.coords.to_dataset())
    assert parconv.plan2d(f, G)(f).dims == f.dims


def test_plans_keep_no_coordinates_of_other_pixels() -> None:
    """Though results be as large as images: moved by their padding, or sums over channels."""
    f = heights()
    words: dict[str, Any] = {"padding": ((2, 0), (0, 2))}
    aside = parconv.plan2d(f, np.ones((3, 3)), **words)
    again = parconv.chain(aside, parconv.plan2d(aside, np.ones((3, 3)), mode="same"))
    for plan in aside, again, parconv.plan2d(f, np.ones((3, 3, 3)), groups="planes", **words):
        assert plan(f).shape == f.shape
        assert plan(f).coords.keys() == {"time", "place"}
    sums = parconv.plan2d(f, RNG.random((3, 3, 3, 3)), mode="same")(f)
    assert sums.coords.keys() == {"y", "x", "area", "place"}
    line = parconv.plan2d(f, np.ones(3), axes=0, padding=((2, 0),))(f)
    assert line.coords.keys() == {"y", "x", "area", "place"}
