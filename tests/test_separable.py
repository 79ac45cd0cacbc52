"""Distrusts the separable method: against the definition, with equal bits however it is run, and
where data are not finite."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import check_layouts, check_plan, soak
from oracle import BORDERS, MODES, assert_right, assert_same_bits, expect

import parconv
from parconv.codegen import machine
from parconv.methods import separable
from parconv.methods.separable.line import RUN, UNROLL
from parconv.methods.separable.shape import PAIRED, shape_of
from parconv.planner.plan import Plan
from parconv.runtime.strategies import STRATEGIES

LANES = machine.VECTOR_BYTES // 4
SAME: dict[str, Any] = {"mode": "same", "boundary": "mirror"}


def image(shape: tuple[int, ...], dtype: Any = "float32", seed: int = 5) -> np.ndarray:
    rng = np.random.default_rng([seed, *shape])
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(max(info.min, -(1 << 20)), min(info.max, 1 << 20), shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def even(taps: int) -> np.ndarray:
    x = np.arange(taps) - (taps - 1) / 2
    w = np.exp(-x * x / max(1, taps))
    return w / w.sum()


def plan_of(f: Any, g: np.ndarray, **options: Any) -> Plan:
    return parconv.plan2d(f, g, method="separable", **{"threads": 1, **options})


def conv(f: np.ndarray, g: np.ndarray, out: np.ndarray | None = None, **options: Any) -> np.ndarray:
    return plan_of(f, g, **options)(f, out)


def check(f: np.ndarray, g: np.ndarray, **options: Any) -> None:
    """Within the bound of a plain sum of all taps, and nothing written beside the output."""
    check_plan(plan_of(f, g, **options), f, g, **options)


# --- against the definition ----------------------------------------------------------------------

EDGES = sorted({1, LANES - 1, LANES, LANES + 1, 2 * LANES, 4 * LANES + 1, 5 * LANES + 3})


@pytest.mark.parametrize("rows", EDGES)
@pytest.mark.parametrize("columns", EDGES)
def test_sizes(rows: int, columns: int) -> None:
    """Strips and chunks that end at, before and after the end of the image."""
    check(image((rows, columns)), np.outer(even(5), image((4,))), **SAME)


TAPS = sorted({1, 2, 3, 4, 2 * UNROLL + 1, PAIRED - 1, PAIRED, PAIRED + 1, RUN + 9, 18, 19, 41})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("symmetric", [*itertools.product([False, True], repeat=2)], ids=str)
def test_factors_of_every_length(symmetric: tuple[bool, bool], dtype: str) -> None:
    f = image((3 * LANES + 5, 4 * LANES + 3), dtype)
    for height, width in itertools.product(TAPS, TAPS):
        if height == width or 3 in (height, width):
            column, row = (
                even(n) if how else image((n,), "float64")
                for n, how in zip((height, width), symmetric, strict=True)
            )
            check(f, np.outer(column, row), **SAME)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("correlate", [False, True])
def test_modes_and_borders(mode: str, border: str, correlate: bool) -> None:
    f, g = image((2, 37, 43)), np.outer(image((6,)), image((9,), seed=6))
    check(f, g, correlate=correlate, mode=mode, boundary=(border, "edge"), cval=0.5)
    check(f[:, :3, :4], g, correlate=correlate, mode=mode, boundary=("wrap", border), cval=0.5)


@pytest.mark.parametrize(
    "options",
    [{"padding": ((3, 0), (20, 7)), "boundary": "wrap"}, {"mode": "same", "origin": (2, -1)},
     {"mode": "full", "dilation": (2, 3)}, {"mode": "same", "dilation": (9, 7)},
     {"mode": "same", "dilation": (1, 3), "boundary": "symmetric"},
     {"mode": "valid", "accumulate": "float64"}, {"mode": "same", "axes": (0, 2)}],
    ids=str,
)  # fmt: skip
def test_other_questions(options: dict[str, Any]) -> None:
    f = image((45, 71, 53)[: 3 if "axes" in options else 2])
    check(f, np.outer(even(5), image((4,))), **options)


IMAGES = ("bool", "uint8", "int16", "int64", "float16", "float32", "float64")


@pytest.mark.parametrize("dtype", IMAGES)
def test_images_of_every_type(dtype: str) -> None:
    f = image((37, 150), "uint8") > 90 if dtype == "bool" else image((37, 150), dtype)
    check(f, np.outer(even(5), even(7)), **SAME)


@pytest.mark.parametrize(
    ("dtype", "result"),
    [("uint8", "uint8"), ("float32", "int32"),
     *soak(("int16", "uint16"), ("float32", "int16"), ("float32", "float64"))],
)  # fmt: skip
def test_results_of_every_type(dtype: str, result: str) -> None:
    """Rounded half to even and saturated, in whole vectors and at the edges."""
    f = image((37, 9 * LANES + 5), dtype) * (200 if dtype == "float32" else 1)
    check(f, np.outer([1, 2, 1], [1, -3, 1]) / 4.0, dtype=result, **SAME)


@pytest.mark.parametrize("result", ["uint8", "int16"])
def test_what_is_not_finite_becomes_an_integer(result: str) -> None:
    f = image((32, 80))  # two vectors and five, of the widest
    f[3, 5], f[20, 30], f[20, 60], f[9, 9] = np.nan, np.inf, -np.inf, 1e20
    found = conv(f, np.ones((1, 1)), dtype=result)
    info = np.iinfo(result)
    assert found[3, 5] == 0
    assert found[20, 30] == found[9, 9] == info.max
    assert found[20, 60] == info.min


@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_of_products(rank: int, dtype: str) -> None:
    f = image((50, 61), dtype)
    pairs = [(image((7,), "float64", n), image((6,), "float64", n + 9)) for n in range(rank)]
    g = sum(np.outer(column, row) for column, row in pairs)
    plan = plan_of(f, g, **SAME)
    assert plan.problem.traits.rank == rank
    right = expect(f, g, **SAME)
    assert np.abs(plan(f) - right.values).max() < 100 * np.finfo(dtype).eps * right.moduli.max()


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_colour(dtype: str) -> None:
    """Pixels of three elements: taps lie three columns apart, and edges repeat whole pixels."""
    f, g = image((40, 37, 3), dtype), np.outer(even(7), image((4,)))
    for border in BORDERS:
        check(f, g, axes=(0, 1), mode="same", boundary=border, dtype=dtype)
        check(f[:2, :2], g, axes=(0, 1), mode="full", boundary=border, dtype=dtype)


def test_integers_are_exact() -> None:
    g = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]])
    for dtype in ("uint8", "int32"):
        check(image((50, 70), dtype), g, **SAME)
        check(image((50, 70), dtype), 6 * g, dtype="int16", **SAME)
    assert plan_of(image((50, 70), "uint8"), g).taps.values.dtype == np.float32
    assert plan_of(image((50, 70), "int32"), g).taps.values.dtype == np.float64


# --- NaN and infinity ----------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_footprint_of_a_pixel(value: float, dtype: str) -> None:
    g = np.outer(even(7), image((6,)))
    for place in [(0, 0), (30, 50), (69, 89)]:
        f = image((70, 90), dtype)
        f[place] = value
        right = expect(f, g, mode="full").values.astype(dtype)
        found = conv(f, g, mode="full")
        np.testing.assert_array_equal(np.isfinite(found), np.isfinite(right))
        np.testing.assert_array_equal(found[~np.isfinite(right)], right[~np.isfinite(right)])


# --- equal bits ----------------------------------------------------------------------------------

F, G = image((3, 90, 131)), np.outer(even(7), image((6,)))
F[1, 40, 80] = np.nan


@pytest.fixture(scope="module")
def right() -> np.ndarray:
    return conv(F, G, strategy="serial", **SAME)


def assert_same(answer: np.ndarray, right: np.ndarray) -> None:
    assert np.isnan(right).sum() == G.size
    np.testing.assert_array_equal(answer.view(np.uint32), right.view(np.uint32))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads(threads: int, strategy: str, right: np.ndarray) -> None:
    plan = plan_of(F, G, strategy=strategy, **SAME)
    bands = separable.bands(plan.problem, threads)
    assert_same(replace(plan, threads=threads, bands=bands)(F), right)


@pytest.mark.parametrize("height", [1, 7, LANES, LANES + 1, 89, 300])
@pytest.mark.parametrize("dilation", [1, 3])
def test_bands_of_any_height(height: int, dilation: int) -> None:
    plan = plan_of(F, G, dilation=dilation, **SAME)
    right = replace(plan, strategy="serial", bands=((0, 270),))(F)
    bands = tuple(itertools.pairwise([*range(0, 270, height), 270]))[::-1]
    assert_same(replace(plan, bands=bands, strategy="serial")(F), right)


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_a_crop_has_the_bits_of_the_whole(dtype: str) -> None:
    f = image((60, 150), dtype)
    whole = conv(f, G)
    for top, left in [(0, 0), (1, 1), (5, 17), (20, 3)]:
        crop = conv(f[top : top + 30, left : left + 77], G)
        rows, columns = crop.shape
        assert_same_bits(crop, whole[top : top + rows, left : left + columns])


def test_layouts_and_views(right: np.ndarray) -> None:
    check_layouts(plan_of(F, G, **SAME), F, right)


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything counts as large, and tiles are narrow."""
    monkeypatch.setattr("parconv.codegen.machine.STREAM_BYTES", 0)
    monkeypatch.setattr("parconv.methods.separable.shape.TILE_BYTES", 256)
    caches = shape_of, separable.layout
    for cached in caches:
        cached.cache_clear()
    yield
    monkeypatch.undo()
    for cached in caches:
        cached.cache_clear()


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int16"])
@pytest.mark.parametrize("dilation", [1, 2])
def test_streamed_and_in_tiles(dtype: str, dilation: int, request: pytest.FixtureRequest) -> None:
    """Results stored past the caches, at any alignment, from several tiles of columns."""
    f, options = image((50, 331), dtype), {"dilation": dilation, "dtype": dtype, **SAME}
    plain = conv(f, G, **options)
    request.getfixturevalue("small_limits")
    plan = plan_of(f, G, **options)
    assert shape_of(plan.problem).tile < 331
    for start, margin in itertools.product((0, 1, 3), (0, 5, 53)):
        memory = np.full((50, 331 + margin), 99, dtype)
        if start + 331 > memory.shape[1]:
            continue
        plan(f, memory[:, start : start + 331])
        assert_same_bits(memory[:, start : start + 331].copy(), plain)
        assert (memory[:, :start] == 99).all()
        assert (memory[:, start + 331 :] == 99).all()


def test_results_whose_rows_are_aligned_are_streamed(small_limits: None) -> None:
    f = image((3 * LANES + 1, 384))
    memory = np.full((f.shape[0] + 1, 512), 7, np.float32)
    first = -memory.ctypes.data % machine.CACHE_LINE // 4
    for skip in (0, 1, LANES - 1):
        out = memory[: f.shape[0], first + skip : first + skip + 384]
        conv(f, G, out, **SAME)
        assert_right(out.copy(), expect(f, G, **SAME), "float32", np.float32)


def test_bands_cover_every_row_once() -> None:
    for planes, height, dilation, parts in itertools.product([1, 3], [9, 150], [1, 4], [1, 4]):
        f = np.empty((planes, height, 50), np.float32)
        problem = plan_of(f, G, dilation=dilation, mode="same").problem
        covered = [row for band in separable.bands(problem, parts) for row in range(*band)]
        assert covered == list(range(planes * height))


# --- what it cannot ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "g", "options", "reason"),
    [(image((40, 40)), np.ones((3, 3)), {"stride": 2}, "stride"),
     (image((40, 40)), image((3, 3)), {}, "products"),
     (image((40, 40), "int64"), np.ones((3, 3), int), {}, "exactly")],
    ids=["stride", "rank", "integers"],
)  # fmt: skip
def test_reasons(f: np.ndarray, g: np.ndarray, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        plan_of(f, g, **options)
    assert parconv.plan2d(f, g, **options).method == "direct"


def planned(side: int, g: np.ndarray, dtype: str = "float32", **options: Any) -> str:
    return parconv.plan2d(np.empty((side, side), dtype), g, mode="same", **options).method


# Products of few taps are faster where nothing is turned: with AVX-512 where nothing is converted.
# Floats there 0.83 and 0.84.
FEW_TAPS = "short", "rows", "separable"
# Bytes at 1024 x 1024: 0.81 and 0.86 ms (Sapphire Rapids VM, 2026-11).
FEW_TAPS_OF_BYTES = "short", "rows", "separable"


@pytest.mark.usefixtures("costs_as_fitted")
def test_chosen_where_it_wins() -> None:
    for side, dtype in itertools.product((256, 1024, 4096), ("float32", "float64", "uint8")):
        methods = [planned(side, np.outer(even(n), even(n)), dtype) for n in (3, 9, 41)]
        assert methods[0] in ("direct", "short")
        assert methods[1] in (FEW_TAPS_OF_BYTES if dtype == "uint8" else FEW_TAPS)
        assert methods[2] in ("separable", "passes", "rows")  # strips fit the cache at 256
    assert planned(28, np.outer(even(3), even(3))) in ("direct", "short")
    assert planned(4096, np.array([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])) == "direct"
    assert planned(4096, image((9, 9))) == "direct"
    assert planned(4096, image((31, 31))) == "fft"
    assert planned(4096, np.outer(even(9), even(9)), method="direct") == "direct"


@pytest.mark.parametrize(
    ("taps", "rank", "method"),
    [(7, 2, "direct"), (9, 2, "separable direct"), (15, 3, "fft"), (31, 2, "fft")],
)
def test_products_chosen_where_they_win(taps: int, rank: int, method: str) -> None:
    pairs = [(image((taps,), "float64", n), image((taps,), "float64", n + 9)) for n in (11, 12, 13)]
    assert planned(4096, sum(np.outer(*pair) for pair in pairs[:rank])) in method.split()


# --- other vectors -------------------------------------------------------------------------------


@pytest.mark.parametrize("taps", [1, 4, 9])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_every_vector_unit(dtype: str, taps: int) -> None:
    """What test_vectors.py runs where vectors are other than this machine's."""
    for row in (even(taps), image((taps + 2,))):
        g = np.outer(even(5), row)
        for shape in ((37, 83), (5, 3)):
            check(image(shape, dtype), g, dtype=dtype, mode="same", boundary="mirror")


@pytest.mark.parametrize("method", ["separable", "passes", "rows"])
@pytest.mark.parametrize("taps", [(1, 7), (7, 1)])
def test_a_single_line_of_taps_is_not_rounded(method: str, taps: tuple[int, int]) -> None:
    """An impulse gives the filter's own numbers, whichever method a call takes."""
    f, g = np.zeros((9, 20), np.float32), image(taps)
    f[4, 7] = 1
    right = np.zeros((8 + taps[0], 19 + taps[1]), np.float32)
    right[4 : 4 + taps[0], 7 : 7 + taps[1]] = g
    assert_same_bits(parconv.conv2d(f, g, mode="full", method=method), right)
