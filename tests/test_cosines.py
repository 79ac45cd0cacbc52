"""Distrusts sums of cosines: taps by few of them, borders, tiles, NaN, zeros, and equal bits."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from conftest import check_bands, check_colours, check_layouts, check_places, smooth, soak
from oracle import BORDERS, assert_same_bits, expect
from scipy import ndimage

import parconv
from parconv.filters import gaussian_factors
from parconv.methods import cosines, obstacle
from parconv.methods.cosines import tile
from parconv.planner import choice
from parconv.planner.plan import Plan

SAME: dict[str, Any] = {"mode": "same", "boundary": "mirror"}
G = parconv.Outer(smooth(33), 3 * smooth(41))
F = np.random.default_rng(3).standard_normal((2, 150, 170)).astype(np.float32)


def plan_of(f: Any, g: Any = G, **options: Any) -> Plan:
    return parconv.plan2d(f, g, method="cosines", **{"threads": 1, **options})


def check(f: np.ndarray, g: Any = G, dtype: Any = None, **options: Any) -> None:
    """Within what cosines miss, and the rounding of the result."""
    plan = plan_of(f, g, dtype=dtype, **options)
    right = np.asarray(expect(f, np.asarray(g), **options).values, float)
    found = plan(f)
    near = float(np.abs(f.astype(float)).max() + abs(options.get("cval", 0)))
    allowed = cosines.error(plan.problem) * near * np.abs(np.asarray(g)).sum()
    if found.dtype.kind in "iu":
        limits = np.iinfo(found.dtype)
        right, allowed = right.clip(limits.min, limits.max), allowed + 0.5
    else:
        allowed = allowed + np.finfo(found.dtype).eps * np.abs(right)
    assert (np.abs(found - right) <= allowed).all()


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Several on each axis, of several panels and runs."""

    def forget() -> None:
        choice.forget()
        tile.tile_of.cache_clear()
        cosines.layout.cache_clear()

    for name, value in (("ROWS", 64), ("ROW_SPANS", 1), ("COLUMNS", 64), ("COLUMN_SPANS", 1)):
        monkeypatch.setattr(tile, name, value)
    for name, value in (("PANEL", 16), ("RUN", 10)):
        monkeypatch.setattr(cosines, name, value)
    forget()
    yield
    monkeypatch.undo()
    forget()


# --- taps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [4, 10, 37.3])
def test_taps_by_their_cosines(sigma: float) -> None:
    """The sum of what they miss, by definition, is what is told, and small."""
    taps = gaussian_factors(sigma).rows[0]
    found = parconv.problem.cosines.cosines(taps)
    reach = taps.size // 2
    waves = np.cos(np.outer(np.arccos(found.turns / 2), np.arange(-reach, reach + 1)))
    ends = np.cos(np.arccos(found.turns / 2) * (reach + 1)) / waves[:, -1]
    np.testing.assert_allclose(ends, found.edge, rtol=1e-9)
    missed = np.abs(taps - (found.weights / waves[:, -1]) @ waves).sum()
    assert missed == pytest.approx(found.misfit, rel=1e-6)
    assert missed < 5.5e-7


def test_refusals() -> None:
    gaussian, n = gaussian_factors(8).rows[0], np.arange(-24, 25)
    short = np.exp(-n * n / 128)  # ends at three sigma
    for g in (
        np.outer(short, short), np.ones((49, 49)), np.outer(gaussian, gaussian[1:]),
        np.outer(gaussian, gaussian)[:40], np.outer(gaussian, [1, 2, 1]), G + np.eye(41)[:33],
        np.outer(1 - np.abs(n) / 25, short),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"method='cosines' cannot: .*cosines"):
            plan_of(F, g, **SAME)
    assert plan_of(F, np.outer(short, short), tolerance=2e-5, **SAME).method == "cosines"
    with pytest.raises(ValueError, match="may be 9"):
        plan_of(F, G, tolerance=1e-7, **SAME)
    for options in ({"stride": 2}, {"dilation": (2, 1)}):
        with pytest.raises(ValueError, match="method='cosines' cannot"):
            plan_of(F, G, **SAME, **options)


def test_of_another_filter() -> None:
    with pytest.raises(ValueError, match="plan again"):
        plan_of(F, **SAME).prepare(np.ones((33, 41)))


@pytest.mark.usefixtures("costs_as_fitted")
def test_chosen_where_it_is_faster() -> None:
    def chosen(side: int, sigma: float, dtype: str = "float32", **options: Any) -> str:
        g = gaussian_factors(sigma)
        return parconv.plan2d(((side, side), dtype), g, threads=1, **SAME, **options).method

    for dtype in ("float32", "uint8", "uint16"):
        assert chosen(4096, 20, dtype) == chosen(1500, 20, dtype) == "cosines"
    assert "cosines" not in (chosen(4096, 2), chosen(100, 10), chosen(1500, 20, "bool"))
    assert chosen(1500, 20, "float64") != "cosines"
    assert chosen(1500, 20, "float64", tolerance=1e-5) == "cosines"
    assert chosen(1500, 20, tolerance=0) != "cosines"


# --- against the definition ----------------------------------------------------------------------


@pytest.mark.parametrize("border", BORDERS)
def test_borders(border: str) -> None:
    check(F[:, :45, :50], boundary=(border, "edge"), mode="same", cval=0.5)
    check(F[:, :9, :60], boundary=("wrap", border), mode="full", cval=-3, correlate=True)
    check(F[0], mode="valid")


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float16", "float64"])
def test_images_of_every_type(dtype: str) -> None:
    f = (50 * np.abs(F[0, :40, :60])).astype(dtype)
    check(f, mode="same", origin=(-3, 5))
    check(f, parconv.Outer(G.columns / 40, G.rows / 90), dtype="uint8", **SAME)


def test_taps_that_a_row_spreads() -> None:
    check(F[0, :40], dilation=(1, 3), **SAME)


@pytest.mark.usefixtures("small_tiles")
def test_tiles() -> None:
    """And colours, which are alone in them."""
    check(F, **SAME)
    check_colours(plan_of, np.moveaxis(F, 0, -1), G, **SAME)


# --- what is not finite, large, or zero ----------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.usefixtures("small_tiles")
def test_footprint(value: float) -> None:
    f = F.copy()
    f[0, 70, 90] = value
    f[1, 0, 169] = value
    plan = plan_of(f, **SAME)
    found, right = plan(f), plan(np.where(np.isfinite(f), f, 0))
    reached = ndimage.maximum_filter(~np.isfinite(f), (1, *G.shape), mode="mirror")
    np.testing.assert_array_equal(found[reached], value)
    error = cosines.error(plan.problem) * np.abs(F).max() * G.columns.sum() * G.rows.sum()
    np.testing.assert_allclose(found[~reached], right[~reached], rtol=1e-6, atol=error)
    assert not reached[:, 64:128, :64].all()


@pytest.mark.usefixtures("small_tiles")
def test_a_large_pixel_reaches_no_further_than_its_tile() -> None:
    f = F[0].copy()
    right = plan_of(f, **SAME)(f)
    f[149, 169] = 1e30
    found = plan_of(f, **SAME)(f)
    assert_same_bits(found[:64, :64].copy(), right[:64, :64].copy())
    near = np.abs(found[:130, :145] - right[:130, :145]) <= cosines.ROUNDING * 1e30 * 400
    assert near.all()


@pytest.mark.usefixtures("small_tiles")
def test_zeros_stay_zeros() -> None:
    """Where all pixels under the filter are 0, and nowhere else."""
    f = F[0].copy()
    f[20:110, 30:150] = 0
    f[130:, :70] = 0
    empty = ~ndimage.maximum_filter(f != 0, G.shape, mode="mirror")
    assert empty.any()
    np.testing.assert_array_equal(plan_of(f, **SAME)(f) == 0, empty)
    assert (parconv.gaussian(np.zeros((300, 300), np.float32), 9, method="cosines") == 0).all()


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(33, 41), *soak(((65, 35),))])
def test_one_empty_window_is_found(size: tuple[int, int], channels: int) -> None:
    """Wherever it lies among zeros that stand alone."""
    g, rng = parconv.Outer(smooth(size[0]), smooth(size[1])), np.random.default_rng(size)
    for top, left in ((0, 0), (7, 11), (31, 64), (64, 63), (150 - size[0], 170 - size[1])):
        f = np.where(rng.random((150, 170, channels)) < 0.3, 0, 255).astype(np.uint8)
        f[top : top + size[0], left : left + size[1], -1] = 0
        empty = ~ndimage.maximum_filter(f != 0, (*size, 1), mode="mirror")  # of taps above 0
        assert empty[..., -1].any()
        found = plan_of(f, g, axes=(0, 1), **SAME)(f)
        np.testing.assert_array_equal(found == 0, empty)


# --- equal bits ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_tiles")
def test_bands_layouts_places() -> None:
    plan = plan_of(F, **SAME)
    right = check_bands(plan, F)
    check_layouts(plan, F, right)
    one = plan_of(F[0], **SAME)
    check_places(one, F[0], one(F[0]))
    assert len(cosines.bands(plan.problem, 4)) == 4
    assert obstacle(cosines, plan.problem) is None
