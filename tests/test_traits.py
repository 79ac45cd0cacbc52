"""Distrusts what is found in a filter's values, and every shortcut taken because of it."""

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import oracle
import pytest
from conftest import LANES, ROWS, Poisoned
from hypothesis import given, strategies as st
from oracle import BORDERS, MODES

import parconv
from parconv.methods import direct, fft
from parconv.methods.remembering import TABLE_BYTES, Remembered, nbytes, remembered
from parconv.problem import means
from parconv.problem.dtypes import FLOAT32, FLOAT64
from parconv.problem.products import (
    MOST_PRODUCTS,
    PRODUCT_EPSILONS,
    fewest_products,
    given as given_products,
    products,
)  # fmt: skip
from parconv.problem.traits import UNKNOWN, WHOLE, total, traits_of

RNG = np.random.default_rng(7)


def product(rows: int, columns: int, dtype: Any = np.float64) -> np.ndarray:
    return np.outer(RNG.standard_normal(rows), RNG.standard_normal(columns)).astype(dtype)


# --- what is found -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "bool"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (3, 3), (9, 4), (31, 31)])
def test_one_product_is_found_and_reproduces_the_filter(shape: tuple[int, int], dtype: str) -> None:
    lines = [RNG.integers(1, 9, n).astype(float) for n in shape]
    if dtype.startswith("float"):
        lines = [line / 8 for line in lines]
    g = np.outer(*lines).astype(dtype)
    traits = traits_of(g)[1]
    assert traits.rank == 1
    columns, rows = products(g, 1) or ((), ())
    exact = g.astype(np.float64)
    np.testing.assert_allclose(columns.T @ rows, exact, rtol=1e-6)
    if g.dtype.kind != "f":
        assert (columns.T @ rows == exact).all()
        assert columns.dtype == rows.dtype == np.int64


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_of_products(rank: int, dtype: str) -> None:
    g = sum(product(9, 8) for _ in range(rank)).astype(dtype)
    kind = np.dtype(dtype)
    assert traits_of(g)[1].within(kind).rank == rank
    columns, rows = products(g, rank, kind) or ((), ())
    assert (columns.shape, rows.shape) == ((rank, 9), (rank, 8))
    error = np.abs(columns.T @ rows - g).sum()
    assert error <= 2 * PRODUCT_EPSILONS * np.finfo(dtype).eps * np.abs(g).sum()


def test_products_are_judged_by_the_type_of_the_sums() -> None:
    """Taps rounded to float32 are one product for sums in float32, and none in float64."""
    g = product(9, 8)
    for taps in (g.astype(np.float32), g.astype(np.float32).astype(np.float64)):
        traits = traits_of(taps)[1]
        assert (traits.within(FLOAT32).rank, traits.within(FLOAT64).rank) == (1, 0)
        assert products(taps, 1, FLOAT32)
        assert products(taps, 1, FLOAT64) is None
    assert traits_of(g)[1].within(FLOAT64).rank == 1


def test_a_gaussian_by_its_formula_is_one_product() -> None:
    """Whoever writes it so rounds each tap a little otherwise."""
    for size, sigma in ((3, 0.5), (7, 1.2), (15, 2.5), (31, 4.0), (41, 5.0)):
        y, x = np.indices((size, size)) - size // 2
        for kind in (FLOAT32, FLOAT64):
            g = np.exp(-(x**2 + y**2) / (2 * kind.type(sigma) ** 2)).astype(kind)
            assert traits_of(g / g.sum())[1].within(kind).rank == 1


def test_products_with_more_taps_than_the_filter_are_not_looked_for() -> None:
    assert traits_of(product(3, 3) + product(3, 3))[1].rank == 0


def test_a_filter_of_high_rank_has_none() -> None:
    assert traits_of(RNG.standard_normal((5, 5)))[1].rank == 0
    assert traits_of(RNG.integers(-9, 9, (5, 5)))[1].rank == 0
    assert products(np.eye(MOST_PRODUCTS + 1), MOST_PRODUCTS) is None


def test_a_product_spoilt_by_more_than_rounding_is_none() -> None:
    g = product(9, 9)
    g[3, 3] += 500 * np.finfo(float).eps * np.abs(g).max()
    assert traits_of(g)[1].rank != 1


def test_symmetric_factors() -> None:
    even, odd = np.array([1.0, 2, 3, 2, 1]), np.array([1.0, 2, 4])
    assert traits_of(np.outer(even, odd))[1].even == (True, False)
    assert traits_of(np.outer(odd, even))[1].even == (False, True)
    assert traits_of(np.outer(even, even).astype(np.float32))[1].even == (True, True)
    single = np.outer(even / 3, odd / 7).astype(np.float32)
    assert traits_of(single)[1].within(FLOAT32).even == (True, False)


def test_totals_beyond_int64_are_exact() -> None:
    for taps in ([2**62, 2**62], [-(2**62), 2**62 - 1], [-(2**63), 1], [3, -4]):
        assert total(np.array(taps)) == sum(map(abs, taps))


def test_given_products_err_where_there_are_several() -> None:
    columns, rows = np.array([[1.0, 2, 3], [3, 1, 1]]), np.array([[1.0, 1], [1, -1]])
    one, several = (given_products(columns[:n], rows[:n], FLOAT64) for n in (1, 2))
    assert (one.rank, several.rank) == (1, 2)
    assert one.error == 0
    assert several.error > 0


def test_sums_of_one_tap_need_no_wide_integers() -> None:
    for taps in ([[1]], [[0, 1]], [[3]]):
        assert parconv.plan2d(((9, 9), "u1"), np.array(taps, np.int8)).sums == FLOAT32


def test_equal_taps_and_small_integers() -> None:
    assert traits_of(np.full((3, 5), 0.1))[1].equal
    assert not traits_of(np.array([[1.0, np.nan]]))[1].equal
    assert not traits_of(np.full((2, 2), np.inf))[1].equal
    assert traits_of(np.array([[-128, 127]]))[1].int8
    assert not traits_of(np.array([[-129, 127]]))[1].int8
    assert not traits_of(np.array([[1.0, 2]]))[1].int8
    assert traits_of(np.array([[-4, 4]]))[1].bits == 4
    huge = np.array([[2**64 - 1, 1]], np.uint64)
    assert traits_of(huge)[1].bits == 65
    assert traits_of(huge)[1].rank == 0


@pytest.mark.parametrize(
    ("g", "first", "size", "step"),
    [
        ([[0, 0, 0], [0, 5, 0], [0, 0, 0]], (1, 1), (1, 1), (1, 1)),
        ([[0, 0], [0, 0], [0, 0]], (1, 1), (1, 1), (1, 1)),
        ([[1, 0, -1], [2, 0, -2]], (0, 0), (2, 2), (1, 2)),
        ([[1, 1], [0, 0], [0, 0], [1, 1]], (0, 0), (2, 2), (3, 1)),
        ([[0, 1, 1], [0, 1, 2]], (0, 1), (2, 2), (1, 1)),
    ],
)
def test_the_part_that_is_not_zero(g: Any, first: Any, size: Any, step: Any) -> None:
    part = traits_of(np.array(g))[0]
    assert (part.first, part.size, part.step) == (first, size, step)
    assert part.of(np.array(g)).shape == size


def test_a_whole_filter_is_not_copied() -> None:
    g = RNG.standard_normal((3, 3))
    assert traits_of(g)[0] is WHOLE
    assert WHOLE.of(g) is g
    assert traits_of(np.zeros((0, 3))) == traits_of(np.zeros(3)) == UNKNOWN


# --- and its use ---------------------------------------------------------------------------------


def zeros_inside(kind: str) -> np.ndarray:
    g = np.zeros((7, 9))
    if kind == "shift":
        g[1, 6] = 2.5
    elif kind == "rim":
        g[2:5, 1:4] = RNG.standard_normal((3, 3))
    elif kind == "spread":
        g[::3, ::2] = RNG.standard_normal((3, 5))
    elif kind == "sparse":
        g[[0, 2, 3, 3, 6], [0, 8, 3, 4, 5]] = RNG.standard_normal(5)
    return g


KINDS = ("shift", "rim", "spread", "sparse", "none")


@pytest.mark.parametrize("correlate", [False, True])
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_zero_taps_in_every_mode_and_border(
    kind: str, mode: str, border: str, correlate: bool
) -> None:
    f, g = RNG.standard_normal((2 * ROWS + 9, 3 * LANES + 5)), zeros_inside(kind)
    right = oracle.expect(f, g, mode=mode, boundary=border, correlate=correlate)
    function = parconv.correlate2d if correlate else parconv.conv2d
    held = Poisoned(right.values.shape, f.dtype)
    function(f, g, mode=mode, boundary=border, out=held.out)
    oracle.assert_right(held.out, right, f.dtype, f.dtype, kind)
    held.check()


PAIRS = (("uint8", "int64"), ("complex64", "complex64"), ("float32", "complex128"),
         ("int16", "float32"))  # fmt: skip
STEPS = (
    {"stride": 2},
    {"dilation": (2, 3)},
    {"stride": (1, 9)},
    {"stride": (40, 2), "dilation": 4},
)


@pytest.mark.parametrize("dtypes", PAIRS, ids="*".join)
@pytest.mark.parametrize("options", STEPS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_zero_taps_with_strides_dilations_and_dtypes(
    kind: str, options: dict[str, Any], dtypes: tuple[str, str]
) -> None:
    f = (100 * RNG.random((83, 3 * LANES + 5))).astype(dtypes[0])
    g = (10 * zeros_inside(kind)).astype(dtypes[1])
    right = oracle.expect(f, g, mode="same", boundary="mirror", **options)
    result = parconv.conv2d(f, g, mode="same", boundary="mirror", **options)
    compute = oracle.compute_type(f, g)
    oracle.assert_right(result, right, result.dtype, compute, kind)


@pytest.mark.parametrize("kind", ["shift", "rim", "spread", "sparse"])
def test_nan_does_not_spread_to_zero_taps(kind: str) -> None:
    f, g = np.ones((40, 60), np.float32), zeros_inside(kind)
    f[20, 30] = np.nan
    result = parconv.correlate2d(f, g, mode="same", method="direct")
    part = traits_of(g)[0]
    taps = np.zeros(g.shape, bool)
    rows, columns = (
        np.arange(n) * step + at
        for n, step, at in zip(part.size or g.shape, part.step, part.first, strict=True)
    )
    taps[np.ix_(rows, columns)] = True
    if kind == "sparse":
        taps = g != 0
    wanted = {(20 - y + 3, 30 - x + 4) for y, x in np.argwhere(taps)}
    assert {tuple(place) for place in np.argwhere(np.isnan(result))} == wanted


@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 2**30))
def test_any_pattern_of_zeros(rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    g = rng.standard_normal((rows, columns)) * (rng.random((rows, columns)) < rng.random())
    f = rng.standard_normal((ROWS + 3, 2 * LANES + 1))
    right = oracle.expect(f, g, mode="full", boundary="wrap")
    result = parconv.conv2d(f, g, mode="full", boundary="wrap")
    oracle.assert_right(result, right, f.dtype, f.dtype, str(g))


def test_sparse_filters_do_less_work() -> None:
    g = np.zeros((31, 31))
    g[::7, ::5] = 1
    g[3, 1] = 1
    plan = parconv.plan2d(((512, 512), "float32"), g)
    assert plan.problem.flops == 2 * np.count_nonzero(g) * 482 * 482
    assert "31x31" in str(plan)


# --- colour --------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 17])
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("method", ["auto", "direct"])
def test_channels_beside_columns(method: str, border: str, channels: int) -> None:
    f, g = RNG.standard_normal((17, 23, channels)).astype(np.float32), product(4, 5) + 1
    for mode in MODES:
        result = parconv.conv2d(f, g, axes=(0, 1), mode=mode, boundary=border, method=method)
        for channel in range(channels):
            plane = np.ascontiguousarray(f[..., channel])
            right = oracle.expect(plane, g, mode=mode, boundary=border)
            oracle.assert_right(result[..., channel], right, "float32", "float32", mode)


LAYOUTS = {
    "interleaved": lambda f: np.ascontiguousarray(f),
    "planar": lambda f: np.ascontiguousarray(f.transpose(2, 0, 1)).transpose(1, 2, 0),
    "cropped": lambda f: np.pad(f, ((1, 2), (3, 1), (0, 0)))[1:-2, 3:-1],
    "alpha left out": lambda f: np.pad(f, ((0, 0), (0, 0), (0, 1)))[..., :-1],
    "backwards": lambda f: np.ascontiguousarray(f[::-1, ::-1])[::-1, ::-1],
}


@pytest.mark.parametrize(("source", "target"), list(itertools.product(LAYOUTS, LAYOUTS)))
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_colour_in_any_layout(dtype: str, source: str, target: str) -> None:
    f = (200 * RNG.random((19, 31, 3))).astype(dtype)
    g = np.outer([1, 2, 1], [1, 2, 3, 1]) / 20
    expected = parconv.conv2d(f, g, axes=(0, 1), mode="same", dtype=dtype)
    out = LAYOUTS[target](np.zeros_like(f))
    result = parconv.conv2d(
        LAYOUTS[source](f), g, axes=(0, 1), mode="same", dtype=dtype, out=out, threads=2
    )
    assert result is out
    oracle.assert_same_bits(np.ascontiguousarray(out), expected, f"{source} to {target}")


def test_colour_rows_are_wider_rows() -> None:
    problem = parconv.plan2d(((20, 30, 3), "uint8"), np.ones((3, 5)), axes=(0, 1)).problem
    assert (problem.channels, problem.plane_in, problem.plane) == (3, (20, 90), (18, 78))
    assert (problem.shape, problem.dilation, problem.planes) == ((18, 26, 3), (1, 3), 1)
    stack = parconv.plan2d(((4, 20, 30, 3), "uint8"), np.ones((3, 5)), axes=(1, 2)).problem
    assert (stack.channels, stack.planes, stack.shape) == (3, 4, (4, 18, 26, 3))
    strided = parconv.plan2d(((20, 30, 3), "uint8"), np.ones((3, 5)), axes=(0, 1), stride=2)
    assert (strided.problem.channels, strided.problem.planes) == (1, 3)


# --- what is remembered of problems --------------------------------------------------------------


def test_tables_are_remembered_up_to_so_many_bytes() -> None:
    calls = []

    @remembered(1000)
    def table(n: int) -> np.ndarray:
        calls.append(n)
        return np.zeros(n, np.uint8)

    assert table(400) is table(400)
    table(600)
    assert table(400) is table(400)
    table(1)  # one too many
    table(1001)  # never kept
    assert calls == [400, 600, 1, 1001]
    table(400)
    table(1001)
    assert calls[4:] == [400, 1001]


@pytest.mark.parametrize("method", [direct, fft])
def test_many_shapes_of_an_image_cost_no_memory(method: Any) -> None:
    """A filter of 200 x 200 has 40,000 taps, and a table a number for each."""
    tables = [table for table in vars(method).values() if isinstance(table, Remembered)]
    assert tables
    for table in tables:
        table.cache_clear()
        for rows in range(300, 380):
            table(parconv.plan2d(((rows, 300), "float32"), ((200, 200), "float32")).problem)
        kept = sum(map(nbytes, table._known.values()))
        assert kept <= TABLE_BYTES
        table.cache_clear()


def test_products_err_by_their_rounding_and_more() -> None:
    rng = np.random.default_rng(3)
    for count in (2, 3):
        g = rng.standard_normal((9, count)) @ rng.standard_normal((count, 9))
        double, single = fewest_products(g)
        assert (double.rank, single and single.rank) == (count, count)
        assert 0 < double.error < 1e-12
        assert single is not None
        assert 1e-8 < single.error < 1e-4


@pytest.mark.parametrize(
    ("tap", "kind", "found"),
    [
        (np.float32(1 / 9), FLOAT32, Fraction(1, 9)),
        (np.float64(1 / 9), FLOAT64, Fraction(1, 9)),
        (np.float32(1 / 9), FLOAT64, Fraction(float(np.float32(1 / 9)))),
        (np.float64(0.3), FLOAT64, Fraction(0.3)),
        (np.int64(2), FLOAT64, Fraction(2)),
    ],
)
def test_a_tap_means_the_fraction_that_it_is_nearest_to(tap: Any, kind: Any, found: Any) -> None:
    assert means.meant(np.full((3, 3), tap), kind) == found
