"""Distrusts few symmetric taps, slopes, columns: borders, panels, ends of rows, packed pixels."""

import itertools
from typing import Any

import numpy as np
import pytest
from conftest import Poisoned, check_bands, check_colours, check_layouts, check_places, check_plan
from oracle import BORDERS, MODES, assert_same_bits

import parconv
from parconv.codegen import machine
from parconv.filters import gaussian_factors
from parconv.methods import short
from parconv.planner.plan import Plan

LANES = machine.VECTOR_BYTES // 4
LINE = machine.CACHE_LINE // 4
TILE = short.TILE_BYTES // 4
MOST = max(short.ALIKES)
SAME: dict[str, Any] = {"mode": "same", "boundary": "mirror"}


def image(shape: tuple[int, ...], dtype: Any = "float32") -> np.ndarray:
    rng, kind = np.random.default_rng([12, *shape]), np.dtype(dtype)
    if kind.kind in "iu":
        return rng.integers(0, 127, shape, kind.type)
    return rng.standard_normal(shape).astype(dtype)


def product(height: int, width: int) -> np.ndarray:
    """Symmetric; a single column is not."""
    lines = [np.random.default_rng([n, height]).random(n) + 0.5 for n in (height, width)]
    return np.outer(*(line if width == 1 else line + line[::-1] for line in lines))


def mean(height: int, width: int) -> np.ndarray:
    return np.full((height, width), 1 / (height * width))


def plan_of(f: Any, g: Any, **options: Any) -> Plan:
    return parconv.plan2d(f, g, method="short", **{"threads": 1, **options})


def check(f: np.ndarray, g: np.ndarray, **options: Any) -> None:
    """Within the bound of a plain sum of all taps, and nothing written beside the output."""
    check_plan(plan_of(f, g, **options), f, g, **options)


def test_filters_of_every_size() -> None:
    for size in [(2, 5), *itertools.product((3, 5, 7, 9), (2, 3, 5, 7, 9))]:
        check(image((19, 5 * LANES + 3)), product(*size), **SAME)
    for taps in (2, 3, 5, 7):
        check(image((3 * LANES + 5, 21)), product(taps, 1), **SAME)
        check(image((23, 2 * LANES + 1), "uint8"), product(taps, 1) / 9, dtype="uint8", **SAME)


@pytest.mark.parametrize("border", BORDERS)
def test_means(border: str) -> None:
    """Of equal pixels their value; whole rows of 3 and 5 taps at once, others by sums in memory."""
    options: dict[str, Any] = {"boundary": border, "cval": 2.5}
    for side, width in itertools.product((3, 5), (2 * LANES + 2, 5 * LANES - 1, 6 * LANES)):
        for mode in MODES:
            check(image((23, width)), mean(side, side), mode=mode, **options)
    check(image((23, 3 * LANES), "float64"), mean(5, 5), mode="same", **options)
    check(image((23, 90), "uint8"), mean(3, MOST), dtype="float32", mode="same", **options)
    check(image((2, 19, 77)), mean(MOST, 5), mode="full", dilation=(1, 2), **options)
    check(image((23, 3 * TILE + 5)), -mean(3, 3), mode="same", **options)
    for channels in (3, 4):
        check_colours(plan_of, image((31, 29, channels)), mean(3, 3), mode="same", **options)


def test_means_of_equal_large_and_missing_pixels() -> None:
    for side, dtype in itertools.product(short.ALIKES, ("float32", "float64")):
        f = np.full((20, 70), 2.0 ** (np.finfo(dtype).maxexp - 1), dtype)
        assert (plan_of(f, mean(side, side), **SAME)(f) == f).all()
        f[...], f[9, 40] = -0.0, np.nan
        found = plan_of(f, mean(side, side), **SAME)(f)
        expected, half = np.zeros(f.shape, bool), side // 2
        expected[9 - half : 10 + half, 40 - half : 41 + half] = True
        np.testing.assert_array_equal(np.isnan(found), expected)
        assert not np.signbit(found[~expected]).any()


def test_rows_that_evict_each_other() -> None:
    """A page apart they go few at a time: the same bits."""
    f, g = image((23, machine.PAGE_BYTES // 4)), product(5, 1)
    check(f, g, **SAME)
    some = plan_of(f[:, :-40], g, **SAME)(f[:, :-40].copy())
    assert_same_bits(some, plan_of(f, g, **SAME)(f)[:, :-40].copy())


SLOPES = {
    "across": np.outer([0.3, 0.7, 0.3], [-1, 0, 1]),
    "down": np.outer([-1, 0, 1], [0.3, 0.7, 0.3]),
    "both": np.outer([0.3, 0, -0.3], [-1, 0, 1]),
    "of 2": np.outer([0.3, 0.3], [1, -1]),
    "of 5": np.outer([-1, -2.3, 0, 2.3, 1], [1, 3, 7, 3, 1]),
    "of 5, across": np.outer([1, 3, 7.5, 3, 1], [-1, -2, 0, 2, 1]),
    "a column": np.array([[0.3], [0], [-0.3]]),
}


@pytest.mark.parametrize("kind", SLOPES)
def test_slopes(kind: str) -> None:
    """Of pixels that are equal exactly 0; what is not finite stays under taps that are not 0."""
    f, g = image((37, 3 * LANES + 5)), SLOPES[kind]
    for border in BORDERS:
        check(f, g, mode="same", boundary=border, cval=2.5)
        check(image((3, 4)), g, mode="full", boundary=border)
    check(image((23, 2 * LANES + 1), "uint8"), g / 9, dtype="uint8", **SAME)
    check_colours(plan_of, image((31, 29, 3)), g, **SAME)
    assert not plan_of(np.full(f.shape, 1 / 3), g)(np.full(f.shape, 1 / 3)).any()
    f[20, 9] = np.nan
    expected = np.zeros(f.shape, bool)
    rows, columns = np.nonzero(g)
    expected[20 - g.shape[0] // 2 + rows, 9 - g.shape[1] // 2 + columns] = True
    if max(g.shape) != 2:  # whose middle lies between pixels
        np.testing.assert_array_equal(np.isnan(plan_of(f, g, **SAME)(f)), expected)


@pytest.mark.parametrize("width", [1, LANES - 1, LANES, LANES + 1, 2 * LINE + 3, 9 * LANES + 1])
def test_images_of_every_width(width: int) -> None:
    for height in (1, 4, short.HEIGHT + 1, 2 * short.HEIGHT + 7):
        for taps in ((5, 3), (3, 1)):
            check(image((height, width)), product(*taps), **SAME)
            check(image((height, width), "uint8"), product(*taps), **SAME)
            check(image((height, width), "uint8"), product(*taps) / 99, dtype="uint8", **SAME)


@pytest.mark.parametrize("border", BORDERS)
def test_modes_and_borders(border: str) -> None:
    f = image((2, 37, 43))
    for mode, taps in itertools.product(MODES, [(5, 7), (9, 5)]):
        check(f, product(*taps), mode=mode, boundary=(border, "wrap"), cval=3)
        check(f[:, :3, :4], product(*taps), mode=mode, boundary=("edge", border), cval=3)
    check(f, product(7, 5), padding=((3, 0), (20, 7)), boundary=border)
    check(f, product(7, 5), mode="same", boundary=border, origin=(2, -2))
    check(f, product(5, 3), mode="same", boundary=border, dilation=(1, 3))
    check(f, product(5, 1), mode="full", boundary=(border, "constant"), cval=2.5)


@pytest.mark.parametrize("border", BORDERS)
def test_panels_of_a_wide_image(border: str) -> None:
    options: dict[str, Any] = {"mode": "same", "boundary": border, "cval": 2.5}
    for width in (2 * TILE, 2 * TILE + 1, 3 * TILE + LANES - 1):
        check(image((13, width)), product(3, 7), **options)
        check(image((13, width), "uint8"), product(3, 3) / 99, dtype="uint8", **options)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_colours(channels: int) -> None:
    for dtype in ("uint8", "float32"):
        check_colours(plan_of, image((31, 29, channels), dtype), product(3, 3), **SAME)
        check_colours(plan_of, image((31, 29, channels), dtype), product(5, 1), **SAME)


def test_types() -> None:
    for dtype, result in (("float64", "float64"), (">f4", "float32"), ("int16", "int16")):
        check(image((37, 150), dtype), product(5, 3) / 99, dtype=result, **SAME)


def test_what_is_not_finite_stays_under_the_filter() -> None:
    f = image((60, 90))
    f[20, 30], f[40, 70] = np.nan, np.inf
    found = plan_of(f, product(7, 9), **SAME)(f)
    expected = np.zeros(f.shape, bool)
    expected[17:24, 26:35] = expected[37:44, 66:75] = True
    np.testing.assert_array_equal(~np.isfinite(found), expected)


def reason(dtype: str, g: Any, **options: Any) -> str:
    found = short.applicable(parconv.plan2d(image((50, 70), dtype), g, **SAME | options).problem)
    return found or ""


def test_what_it_refuses() -> None:
    uneven = np.outer([1.0, 2, 4], [1, 3, 1])
    assert not reason("float32", product(3, 3), dilation=(1, 2))
    assert "same from both ends" in reason("float32", uneven)
    assert "taps" in reason("float32", product(4, 4))
    assert "taps" in reason("float32", product(11, 3))
    beside = parconv.plan2d(image((50, 70)), product(3, 1), padding=(1, 2)).problem
    assert "beside" in (short.applicable(beside) or "")
    assert "rows" in reason("float32", product(3, 3), dilation=2)
    assert "stride" in reason("float32", product(3, 3), stride=2)
    assert "equal" in reason("float32", mean(3, 1))
    whole = parconv.plan2d(image((50, 70), "uint8"), mean(3, 3), dtype="uint8").problem
    assert "integers" in (short.applicable(whole) or "")
    assert "taps" in reason("float32", mean(9, 9))
    far = reason("float64", product(3, 9), dilation=(1, 2))
    assert ("too far apart" in far) == short.SHIFTS


@pytest.mark.parametrize("g", [product(7, 5), product(3, 1), product(3, 3), mean(5, 5)])
def test_equal_bits(g: np.ndarray) -> None:
    """Of any bands, layout and crop."""
    f = image((3, 90, 131))
    plan = plan_of(f, g, **SAME)
    right = check_bands(plan, f)
    check_layouts(plan, f, right)
    whole = plan_of(f, g)(f)
    for top, left in (1, 1), (5, 17):
        part = f[:, top : top + 70, left : left + 77]
        crop = plan_of(part, g)(part)
        here = tuple(
            slice(at, at + size) for at, size in zip((top, left), crop.shape[1:], strict=True)
        )
        assert_same_bits(crop, whole[:, *here].copy())


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_streamed(dtype: str) -> None:
    """Past the caches, at any alignment: rows that begin unlike on lines, few vectors and many."""
    filters = [product(7, 3), product(5, 1), product(3, 3)]
    every = [*filters, mean(5, 5)] if dtype != "uint8" else filters
    for g, columns in itertools.product(every, (331, 8 * LANES + 1)):
        f, g = image((20, columns), dtype), g / 99
        plain = plan_of(f, g, dtype=dtype, **SAME)(f)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("parconv.codegen.machine.STREAM_BYTES", -1)
            short.layout.cache_clear()
            check_places(plan_of(f, g, dtype=dtype, **SAME), f, plain)
        short.layout.cache_clear()


def test_nothing_is_read_beyond_the_image() -> None:
    """A poisoned frame lies around it; the last row ends where the memory does."""
    for columns in (LANES, LANES + 1, 5 * LANES - 1):
        home = Poisoned((40, columns), np.float32)
        home.out[...] = image((40, columns))
        for g in (product(3, 3), product(5, 7), product(7, 1), mean(5, 5)):
            right = plan_of(home.out.copy(), g, **SAME)(home.out.copy())
            assert_same_bits(plan_of(home.out, g, **SAME)(home.out), right)


@pytest.mark.skipif(not machine.HAS_FMA, reason="measured with it alone")
@pytest.mark.usefixtures("costs_as_fitted")
def test_chosen_where_it_wins() -> None:
    def chosen(dtype: str, g: Any) -> str:
        f = np.empty((600, 700), dtype)
        return parconv.plan2d(f, g, dtype=dtype, threads=1, **SAME).method

    for dtype in ("float32", "uint8"):
        for sigma in (0.5, 1):
            assert chosen(dtype, gaussian_factors(sigma)) == "short"
        assert chosen(dtype, product(5, 1)) == "short"
        assert (chosen(dtype, mean(3, 3)) == "short") == (dtype == "float32")
        assert chosen(dtype, gaussian_factors(2)) != "short"
