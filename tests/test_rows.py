"""Distrusts products that go down rows and along their sums: borders, panels, batches, ends."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from conftest import (
    Poisoned,
    check_bands,
    check_colours,
    check_layouts,
    check_places,
    check_plan,
    soak,
)
from oracle import BORDERS, MODES, assert_same_bits

import parconv
from parconv.codegen import machine
from parconv.filters import gaussian_factors
from parconv.methods import rows
from parconv.planner.plan import Plan

LANES = machine.VECTOR_BYTES // 4
LINE = machine.CACHE_LINE // 4
TILE = rows.TILE_BYTES // 4
SAME: dict[str, Any] = {"mode": "same", "boundary": "mirror"}


def image(shape: tuple[int, ...], dtype: Any = "float32") -> np.ndarray:
    rng, kind = np.random.default_rng([11, *shape]), np.dtype(dtype)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return rng.integers(max(limits.min, -999), min(limits.max, 999), shape, kind.type)
    return rng.standard_normal(shape).astype(dtype)


def product(height: int, width: int, whole: bool = False) -> np.ndarray:
    """No two taps are equal; of integers, small ones."""
    rng = np.random.default_rng([height, width])
    if whole:
        return np.outer(rng.integers(1, 4, height), rng.integers(1, 4, width))
    return np.outer(rng.random(height) + 0.5, rng.random(width) + 0.5)


def plan_of(f: Any, g: Any, **options: Any) -> Plan:
    return parconv.plan2d(f, g, method="rows", **{"threads": 1, **options})


def check(f: np.ndarray, g: np.ndarray, **options: Any) -> None:
    """Within the bound of a plain sum of all taps, and nothing written beside the output."""
    check_plan(plan_of(f, g, **options), f, g, **options)


def test_filters_of_every_size() -> None:
    for taps in (*range(1, 20), 31, 40):
        check(image((9, 5 * LANES + 3)), product(1 + taps % 4, taps), **SAME)
        check(image((3 * LANES + 5, 21)), product(taps, 3), **SAME)


@pytest.mark.parametrize("width", [1, LANES - 1, LANES, LANES + 1, 2 * LINE + 3, 9 * LANES + 1])
def test_images_of_every_width(width: int) -> None:
    for height in (1, rows.BATCH, rows.HEIGHT + 1, 2 * rows.HEIGHT + rows.BATCH + 3):
        check(image((height, width)), product(5, 4), **SAME)
        check(image((height, width), "uint8"), product(5, 4), **SAME)


@pytest.mark.parametrize("border", BORDERS)
def test_modes_and_borders(border: str) -> None:
    f = image((2, 37, 43))
    for mode, taps in itertools.product(MODES, [(5, 6), (20, 9), (3, 3)]):
        check(f, product(*taps), mode=mode, boundary=(border, "wrap"), cval=3)
        check(f[:, :3, :4], product(*taps), mode=mode, boundary=("edge", border), cval=3)
    check(f, product(6, 5), padding=((3, 0), (20, 7)), boundary=border)
    check(f, product(6, 5), mode="same", boundary=border, origin=(2, -2))
    check(f, product(5, 4), mode="same", boundary=border, dilation=(1, 3))


@pytest.mark.parametrize("border", BORDERS)
def test_panels_of_a_wide_image(border: str) -> None:
    options: dict[str, Any] = {"mode": "same", "boundary": border, "cval": 2.5}
    for width in (2 * TILE, 2 * TILE + 1, 3 * TILE + LANES - 1):
        check(image((13, width)), product(3, 7), **options)
        check(image((13, width), "uint8"), product(2, 12), **options)  # by narrow panels
        check(image((13, width), "uint8"), product(20, 3), **options)


@pytest.mark.parametrize("channels", [2, 3, 4, 7])
def test_colours(channels: int) -> None:
    for dtype, taps in itertools.product(("uint8", "float32"), ((3, 3), (5, 11), (16, 2))):
        check_colours(plan_of, image((31, 29, channels), dtype), product(*taps), **SAME)


@pytest.mark.parametrize(
    ("dtype", "result"),
    [("uint8", "uint8"), ("float16", "float16"), ("float64", "float64"), (">f4", "float32"),
     *soak(("bool", "float32"), ("uint16", "uint16"), ("int16", "int8"), ("int32", "float64"),
           ("float32", "int16"))],
)  # fmt: skip
def test_types(dtype: str, result: str) -> None:
    f = image((37, 150)) > 0 if dtype == "bool" else image((37, 150), dtype)
    for taps in ((3, 3), (5, 24)):
        check(f, product(*taps), dtype=result, **SAME)


def test_integers_are_exact() -> None:
    for dtype, taps in itertools.product(("int16", "uint8"), ((3, 4), (7, 5))):
        check(image((50, 70), dtype), product(*taps, whole=True), **SAME)


def test_what_is_not_finite_stays_under_the_filter() -> None:
    f = image((60, 90))
    f[20, 30], f[40, 70] = np.nan, np.inf
    found = plan_of(f, product(7, 9), **SAME)(f)
    expected = np.zeros(f.shape, bool)
    expected[17:24, 26:35] = expected[37:44, 66:75] = True
    np.testing.assert_array_equal(~np.isfinite(found), expected)
    assert (found[37:44, 66:75] == np.inf).all()


def test_zero_taps_are_none() -> None:
    f, g = image((40, 50)), product(5, 5)
    g[:, 1] = 0
    f[20, 30] = np.nan
    found = plan_of(f, g, **SAME)(f)
    right = parconv.conv2d(f, g, method="direct", **SAME)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(right))


def reason(dtype: str, g: Any, **options: Any) -> str:
    found = rows.applicable(parconv.plan2d(image((50, 70), dtype), g, **SAME | options).problem)
    return found or ""


def test_what_it_refuses() -> None:
    assert not reason("uint8", product(15, 15))
    assert not reason("float32", product(3, 3), dilation=(1, 2))
    assert not reason("float32", gaussian_factors(2))
    assert "no product" in reason("uint8", np.eye(3))
    assert "no product" in reason("float32", np.eye(2))
    assert "all equal" in reason("float32", np.full((3, 3), 1 / 9))
    assert "cancel" in reason("float32", np.outer([1, 2, 1], [1, 0, -1]))
    assert "rows" in reason("float32", product(3, 3), dilation=2)
    assert "stride" in reason("float32", product(3, 3), stride=2)
    assert "exactly" in reason("int64", product(3, 3, whole=True))
    assert "complex" in reason("complex64", product(3, 3))


@pytest.mark.parametrize("taps", [(7, 6), (3, 3), (31, 2 * LANES + 7)])
def test_equal_bits(taps: tuple[int, int]) -> None:
    """Of any bands, layout and crop."""
    f, g = image((3, 90, 131)), product(*taps)
    plan = plan_of(f, g, **SAME)
    right = check_bands(plan, f)
    check_layouts(plan, f, right)
    whole = plan_of(f, g)(f)
    for top, left in (0, 0), (1, 1), (5, 17):
        part = f[:, top : top + 70, left : left + 77]
        crop = plan_of(part, g)(part)
        here = tuple(
            slice(at, at + size) for at, size in zip((top, left), crop.shape[1:], strict=True)
        )
        assert_same_bits(crop, whole[:, *here].copy())


@pytest.fixture
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("parconv.codegen.machine.STREAM_BYTES", -1)
    rows.layout.cache_clear()
    yield
    monkeypatch.undo()
    rows.layout.cache_clear()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
def test_streamed(dtype: str, request: pytest.FixtureRequest) -> None:
    """Past the caches, at any alignment."""
    f, g = image((20, 331), dtype), product(7, 6) / 99
    plain = plan_of(f, g, dtype=dtype, **SAME)(f)
    request.getfixturevalue("everything_is_large")
    check_places(plan_of(f, g, dtype=dtype, **SAME), f, plain)


def test_streamed_however_narrow(everything_is_large: None) -> None:
    for width in (1, LANES, LINE, 2 * LINE + 1, 3 * LINE + LANES - 1, TILE + 3):
        f, g = image((11, width)), product(3, 3)
        right = parconv.conv2d(f, g, method="separable", **SAME)
        for start in range(LINE):
            memory = np.full((11, -(-(width + LINE) // LINE) * LINE), np.nan, np.float32)
            out = memory[:, start : start + width]
            plan_of(f, g, **SAME)(f, out)
            np.testing.assert_allclose(out, right, rtol=1e-5, atol=1e-5)
            assert np.isnan(memory).sum() == memory.size - out.size


def test_nothing_is_read_beyond_the_image() -> None:
    """A poisoned frame lies around it; the last row ends where the memory does."""
    for columns in (LANES, LANES + 1, 5 * LANES - 1):
        home = Poisoned((40, columns), np.float32)
        home.out[...] = image((40, columns))
        for taps in ((3, 3), (5, 2), (7, 1)):
            right = plan_of(home.out.copy(), product(*taps), **SAME)(home.out.copy())
            assert_same_bits(plan_of(home.out, product(*taps), **SAME)(home.out), right)


@pytest.mark.skipif(machine.VECTOR_REGISTERS != 16, reason="measured with 16 registers alone")
def test_chosen_where_it_wins() -> None:
    def chosen(dtype: str, sigma: float) -> str:
        f = np.empty((600, 700), dtype)
        return parconv.plan2d(f, gaussian_factors(sigma), dtype=dtype, **SAME).method

    assert {chosen("float32", sigma) for sigma in (1.5, 2)} == {"rows"}
    assert {chosen("uint8", sigma) for sigma in (1.5, 2)} == {"rows"}
    assert chosen("float32", 12) != "rows"


@pytest.mark.skipif(not machine.FILLS_LINES, reason="measured where vectors fill lines")
@pytest.mark.usefixtures("costs_as_fitted")
def test_chosen_with_long_vectors_for_few_taps() -> None:
    def chosen(sigma: float, *shape: int) -> str:
        f = np.empty(shape, np.float32)
        return parconv.plan2d(f, gaussian_factors(sigma), **SAME, threads=1).method

    assert chosen(1.25, 600, 700) == "rows"
    assert "rows" not in {chosen(4, 40, 50), chosen(4, 600, 700)}
