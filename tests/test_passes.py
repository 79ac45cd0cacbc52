"""Distrusts the passes: against the definition where factors are long and short, with equal bits
however they are run, and where data are not finite."""

import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import check_layouts, check_plan
from oracle import BORDERS, MODES, assert_right, assert_same_bits, expect

import parconv
from parconv.codegen import machine
from parconv.filters import box_factors, gaussian_factors, gaussian_laplace_factors
from parconv.methods import passes
from parconv.methods.passes import fold, shape
from parconv.methods.separable.shape import PAIRED
from parconv.planner.plan import Plan
from parconv.runtime.strategies import STRATEGIES

LANES = machine.VECTOR_BYTES // 4
SAME: dict[str, Any] = {"mode": "same", "boundary": "mirror"}


def image(shape: tuple[int, ...], dtype: Any = "float32", seed: int = 5) -> np.ndarray:
    rng = np.random.default_rng([seed, *shape])
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(max(info.min, -999), min(info.max, 999), shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def even(taps: int) -> np.ndarray:
    x = np.arange(taps) - (taps - 1) / 2
    w = np.exp(-x * x / max(1, taps))
    return w / w.sum()


def whole(taps: int, symmetric: bool) -> np.ndarray:
    """Small integers, none of them 0."""
    w = np.random.default_rng([taps, 3]).integers(1, 3, taps) * (-1) ** (np.arange(taps) % 3)
    return np.concatenate([w[: taps // 2], w[: -(-taps // 2)][::-1]]) if symmetric else w


def plan_of(f: Any, g: Any, **options: Any) -> Plan:
    return parconv.plan2d(f, g, method="passes", **{"threads": 1, **options})


def check(f: np.ndarray, g: np.ndarray, **options: Any) -> None:
    check_plan(plan_of(f, g, **options), f, g, **options)


# --- against the definition ----------------------------------------------------------------------

SIZES = [(1, 6), (5, 2), (7, 1)]  # periods of 1, 2, 5, 8, 10 and so on, even and odd
LONG = [1, 7, PAIRED - 1, PAIRED, PAIRED + 1, 31]


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_factors_longer_than_the_image(size: tuple[int, int], symmetric: bool, border: str) -> None:
    """Exact: integers tell whether every tap was counted, once."""
    f = image(size, "int16")
    for taps, mode in itertools.product(LONG, ("same", "full")):
        check(f, np.outer(whole(taps, symmetric), [1, 2]), mode=mode, boundary=border, cval=7)
        check(f, np.outer([1, 2], whole(taps, symmetric)), mode=mode, boundary=border, cval=7)


@pytest.mark.parametrize(
    "options",
    [{"padding": ((60, 3), (0, 70)), "boundary": "wrap"},
     {"padding": ((60, 3), (0, 70)), "boundary": "edge"},
     {"padding": (40, (9, 50)), "boundary": "constant", "cval": -3},
     {"mode": "same", "origin": (14, -15), "boundary": "symmetric"},
     {"mode": "same", "origin": (-14, 12)},
     {"mode": "same", "dilation": (2, 3), "boundary": "mirror"},
     {"mode": "same", "dilation": (4, 5), "boundary": ("wrap", "edge")},
     {"mode": "full", "dilation": (3, 2), "boundary": ("edge", "symmetric")},
     {"mode": "valid"}, {"mode": "same", "correlate": True, "boundary": "edge"}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("symmetric", [False, True])
def test_other_questions(symmetric: bool, options: dict[str, Any]) -> None:
    g = np.outer(whole(31, symmetric), whole(34, symmetric))
    check(image((40, 35) if options.get("mode") == "valid" else (11, 9), "int16"), g, **options)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("border", BORDERS)
def test_modes_and_borders(border: str, mode: str) -> None:
    f, g = image((2, 37, 43)), np.outer(image((6,)), image((9,), seed=6))
    check(f, g, mode=mode, boundary=(border, "edge"), cval=0.5)
    check(f[:, :3, :4], g, correlate=True, mode=mode, boundary=("wrap", border), cval=0.5)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "int64", "float16", "float64"])
def test_images_of_every_type(dtype: str) -> None:
    f = image((37, 50), "uint8") > 90 if dtype == "bool" else image((37, 50), dtype)
    check(f, np.outer(even(5), even(77)), **SAME)


@pytest.mark.parametrize("result", ["uint8", "int16", "float32", "float64"])
def test_results_of_every_type(result: str) -> None:
    f = image((3 * LANES + 1, 2 * LANES + 5), "uint8")
    check(f, np.outer(even(5), image((4,))), dtype=result, **SAME)


@pytest.mark.parametrize("rows", [1, LANES - 1, LANES, LANES + 1, 4 * LANES + 3])
@pytest.mark.parametrize("columns", [1, LANES, 2 * LANES + 1, 5 * LANES + 3])
def test_sizes(rows: int, columns: int) -> None:
    """Strips and chunks that end at, before and after the end of the image."""
    check(image((rows, columns)), np.outer(even(13), image((4,))), **SAME)


def test_colour() -> None:
    """Taps lie three columns apart, and edges repeat whole pixels."""
    f, g = image((20, 17, 3), "int16"), np.outer(whole(41, True), whole(37, False))
    for border in BORDERS:
        check(f, g, axes=(0, 1), mode="same", boundary=border)
        check(f[:2, :2], g, axes=(0, 1), mode="full", boundary=border)


@pytest.mark.parametrize("rank", [2, 3])
def test_sums_of_products(rank: int) -> None:
    f = image((50, 61), "float64")
    g = parconv.Outer(image((rank, 30), "float64"), image((rank, 140), "float64"))
    for border in BORDERS:
        found = plan_of(f, g, mode="same", boundary=border, cval=0.5)(f)
        right = expect(f, np.asarray(g), mode="same", boundary=border, cval=0.5)
        assert_right(found, right, "float64", np.float64)


# --- NaN and infinity ----------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("border", BORDERS)
def test_the_footprint_of_a_pixel(value: float, border: str) -> None:
    """Of factors as long as two thirds of the image, and of longer ones whose taps are positive."""
    for taps in (13, 61):
        g = np.outer(even(taps), even(15))
        for place in [(0, 0), (10, 9), (19, 23)]:
            f = image((20, 24))
            f[place] = value
            right = expect(f, g, mode="same", boundary=border).values.astype("float32")
            found = plan_of(f, g, mode="same", boundary=border)(f)
            np.testing.assert_array_equal(np.isfinite(found), np.isfinite(right))
            np.testing.assert_array_equal(found[~np.isfinite(right)], right[~np.isfinite(right)])


# --- equal bits ----------------------------------------------------------------------------------

F, G = image((3, 90, 131)), np.outer(even(107), image((36,)))
F[1, 40, 80] = np.nan


@pytest.fixture(scope="module")
def right() -> np.ndarray:
    return plan_of(F, G, strategy="serial", **SAME)(F)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads(threads: int, strategy: str, right: np.ndarray) -> None:
    plan = plan_of(F, G, strategy=strategy, **SAME)
    bands = passes.bands(plan.problem, threads)
    assert_same_bits(replace(plan, threads=threads, bands=bands)(F), right)


@pytest.mark.parametrize("height", [1, 7, LANES + 1, 89, 300])
@pytest.mark.parametrize("dilation", [1, 3])
def test_bands_of_any_height(height: int, dilation: int) -> None:
    plan = plan_of(F, G, dilation=dilation, **SAME)
    right = replace(plan, strategy="serial", bands=((0, 270),))(F)
    bands = tuple(itertools.pairwise([*range(0, 270, height), 270]))[::-1]
    assert_same_bits(replace(plan, bands=bands, strategy="serial")(F), right)


def test_the_bits_of_separable_where_factors_fit() -> None:
    for border, dtype in itertools.product(BORDERS, ("float32", "float64", "uint8")):
        f, g = image((60, 71), dtype), np.outer(even(41), image((30,)))
        options = {"mode": "same", "boundary": border, "cval": 2.5}
        one = parconv.conv2d(f, g, method="separable", **options)
        assert_same_bits(parconv.conv2d(f, g, method="passes", **options), one)


def test_layouts_and_views(right: np.ndarray) -> None:
    check_layouts(plan_of(F, G, **SAME), F, right)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(shape, "PANEL_BYTES", 1)
    monkeypatch.setattr(shape, "TURNED_BYTES", 1)
    monkeypatch.setattr(shape, "LEAST_STRIPS", 1)
    caches = shape.shape_of, passes.layout
    for cached in caches:
        cached.cache_clear()
    yield
    monkeypatch.undo()
    for cached in caches:
        cached.cache_clear()


def test_blocks_of_any_size(right: np.ndarray, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("small_blocks")
    plan = plan_of(F, G, strategy="serial", **SAME)
    found = shape.shape_of(plan.problem)
    assert (found.block, found.tile) == (LANES, machine.CACHE_LINE // 4)
    assert_same_bits(plan(F), right)


# --- wide filters --------------------------------------------------------------------------------


def smoothing(size: int, taps: np.ndarray, border: str) -> np.ndarray:
    """What a pass over one axis multiplies lines of ``size`` pixels with, by NumPy's borders."""
    mode: Any = {"mirror": "reflect"}.get(border, border)
    values = {"constant_values": size} if border == "constant" else {}
    met = np.pad(np.arange(size), taps.size // 2, mode, **values)
    matrix = np.zeros((size, size + 1))
    for y in range(size):
        np.add.at(matrix[y], met[y : y + taps.size], taps)
    return matrix[:, :size]  # the column behind them is the constant's, which is 0


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_gaussians_wider_than_the_image(dtype: str, border: str) -> None:
    """The widest has 8001 taps on each axis: 64 million in two dimensions."""
    f = np.abs(image((31, 45), dtype))
    for sigma in (9, 1000):
        g = gaussian_factors(sigma)
        found = parconv.gaussian(f, sigma, boundary=border)
        down, across = (smoothing(n, g.rows[0], border) for n in f.shape)
        right = down @ f @ across.T
        error = (sum(g.shape) + 3) * np.finfo(found.dtype).eps * right
        assert (np.abs(found - right) <= error).all()


def test_boxes_and_laplacians_wider_than_the_image() -> None:
    f = image((31, 45), "float64")
    for g, found in (
        (box_factors(9001), parconv.box(f, 9001)),
        (gaussian_laplace_factors(700), parconv.gaussian_laplace(f, 700)),
    ):
        pairs = zip(g.columns, g.rows, strict=True)
        right = sum(
            smoothing(31, c, "symmetric") @ f @ smoothing(45, r, "symmetric").T for c, r in pairs
        )
        np.testing.assert_allclose(found, right, rtol=0, atol=1e-12 * np.abs(np.max(right)) + 1e-15)
    ones = np.ones((31, 45), "uint8")
    assert (parconv.box(ones, (9001, 11001), normalize=False) == 9001 * 11001).all()


def planned(side: int, g: Any, dtype: str = "float32", **options: Any) -> Plan:
    return parconv.plan2d(((side, side), dtype), g, **{"threads": 1, **SAME, **options})


@pytest.mark.parametrize("side", [500, 2048])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("border", BORDERS)
def test_chosen_and_no_dearer_than_two_passes(side: int, dtype: str, border: str) -> None:
    for sigma in (60, 100, 250, 1000):
        g = gaussian_factors(sigma)
        column, row = (
            planned(side, parconv.Outer(*pair), dtype, boundary=border)
            for pair in ((g.columns, [1.0]), ([1.0], g.rows))
        )
        plan = planned(side, g, dtype, boundary=border)
        assert plan.method in ("passes", "cosines")
        assert plan.cost < 1.1 * (column.cost + row.cost)
        assert plan.workspace < 32 << 20


def test_short_filters_stay_with_others() -> None:
    for side in (256, 1024, 4096):
        assert planned(side, gaussian_factors(2)).method in ("separable", "rows")


def test_the_plan_tells_what_it_does() -> None:
    told = dict(
        line.split(maxsplit=1) for line in planned(500, gaussian_factors(150)).explain().split("\n")
    )
    assert told["method"].startswith("passes: Two passes")
    assert "separable: " in told["considered"]
    assert int(told["workspace"].split()[0].replace(",", "")) < 16 << 20


def test_a_second_thread_shares_the_work() -> None:
    """Few bands: each packs the rows under the filter anew."""
    plan = planned(500, gaussian_factors(150), threads=2)
    assert (plan.threads, len(plan.bands)) == (min(2, machine_threads()), 2)


def machine_threads() -> int:
    return parconv.plan2d(((4096, 4096), "float32"), ((9, 9), "float32"), threads=2).threads


@pytest.mark.parametrize("border", BORDERS)
def test_streams(border: str) -> None:
    """A halo of three times the rows of a chunk; the bits of the whole, whose image is longer."""
    f, g = image((300, 40)), gaussian_factors(20)
    options: dict[str, Any] = {"mode": "same", "boundary": border, "method": "passes"}
    options["threads"], out = 1, np.empty_like(f)
    memory = parconv.plan_stream(f, g, **options).memory * 6 // 10
    plan = parconv.plan_stream(f, g, memory=memory, **options)
    assert (plan.number or 0) > 2
    assert plan.memory <= memory
    parconv.stream(f, g, out, memory=memory, **options)
    assert_same_bits(out, parconv.conv2d(f, g, **options))


def test_folds_are_bounded_by_image_and_result() -> None:
    for border, sigma in itertools.product(BORDERS, (200, 5000)):
        problem = planned(100, gaussian_factors(sigma), boundary=border).problem
        assert max(fold.shortened(problem).filter) <= 2 * 100 + 1


def test_calls_from_several_threads_share_nothing() -> None:
    results: list[np.ndarray] = []
    plan = plan_of(F, G, **SAME)
    workers = [threading.Thread(target=lambda: results.append(plan(F))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for result in results:
        assert_same_bits(result, results[0])
