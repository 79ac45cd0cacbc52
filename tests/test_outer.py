"""Distrusts filters given by their factors: every door must answer as for the array."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from oracle import assert_right, assert_same_bits, expect

import parconv
from parconv import filters
from parconv.problem.outer import Outer
from parconv.problem.traits import traits_of

RNG = np.random.default_rng(3)
F = RNG.standard_normal((23, 31)).astype(np.float32)
SAME: dict[str, Any] = {"mode": "same", "boundary": "mirror"}

PAIRS = {
    "product": (RNG.standard_normal(5), RNG.standard_normal(8)),
    "even": ([1.0, 2, 3, 2, 1], [0.5, 0.25, 0.5]),
    "sum": (RNG.standard_normal((2, 9)), RNG.standard_normal((2, 7))),
    "integers": ([1, 2, 1], [-1, 0, 1]),
    "equal": (np.full(3, 2), np.full(4, 3)),
    "zeros around": ([0, 0, 1.5, 2, 0], [0, 1, 2, 0.25]),
    "zeros in steps": ([1, 0, 2, 0, 3], [1, 0, 0, 1]),
    "zeros alone": ([0, 0], [1, 2, 3]),
    "one tap": ([3], [-2]),
    "small integers": (np.array([1, 2], "uint8"), np.array([True, True])),
}


@pytest.fixture(params=PAIRS.values(), ids=PAIRS)
def g(request: pytest.FixtureRequest) -> Outer:
    return Outer(*request.param)


# --- as an array ---------------------------------------------------------------------------------


def test_it_is_the_sum_of_its_products(g: Outer) -> None:
    right = sum(np.outer(c, r) for c, r in zip(g.columns, g.rows, strict=True))
    np.testing.assert_array_equal(np.asarray(g), right)
    assert np.asarray(g).dtype == g.dtype
    assert np.asarray(g, "float32").dtype == np.float32
    assert (g.shape, g.ndim) == (right.shape, 2)
    assert g.dtype == (np.int64 if g.columns.dtype.kind == "i" else np.float64)
    np.testing.assert_array_equal(np.asarray(g * 4), 4 * right)


def test_its_traits_are_those_of_the_array(g: Outer) -> None:
    part, traits = traits_of(np.asarray(g))
    own_part, own = g.found
    assert own_part == part
    assert (own.equal, own.int8) == (traits.equal, traits.int8)
    assert own.bits >= traits.bits
    if traits.support is None and traits.rank == len(g.columns):
        assert own.even == traits.even
        assert own.bits == traits.bits


def test_a_zero_of_a_column_or_a_row_is_a_zero_tap() -> None:
    some, none = [1.0, 0, 2], [1.0, 3, 2]
    assert not Outer(none, none).has_zeros
    assert Outer(some, none).has_zeros
    assert Outer(none, some).has_zeros
    assert Outer(some, none).digest() != Outer(none, some).digest() == Outer(none, some).digest()


@pytest.mark.parametrize("method", ["auto", "direct", "separable", "passes"])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_every_method_answers_as_to_the_array(g: Outer, method: str, dtype: str) -> None:
    f = np.abs(50 * F).astype(dtype)
    if not np.asarray(g).any() and method != "direct":
        method = "auto"  # no bound of such sums is known
    for question in (SAME, {"mode": "full", "correlate": True}):
        plan = parconv.plan2d(f, g, method=method, **question)
        right = expect(f, np.asarray(g), **question)
        exact = plan.problem.compute.kind == "i"
        assert_right(plan(f), right, plan.problem.dtype, int if exact else np.float32)


@pytest.mark.parametrize("dtype", ["complex64", "int64"])
def test_questions_that_only_its_taps_answer(dtype: str) -> None:
    f, g = (9 * F).astype(dtype), Outer([1, 2, 1], [1, 0, -1])
    right = parconv.conv2d(f, np.asarray(g), stride=2)
    assert_same_bits(parconv.conv2d(f, g, stride=2), right)


# --- every door ----------------------------------------------------------------------------------


def test_every_door_takes_it(tmp_path: Any) -> None:
    g = Outer(RNG.standard_normal(9), RNG.standard_normal(11))
    right = parconv.correlate2d(F, g)
    assert_same_bits(parconv.plan2d(F, g, correlate=True)(F), right)
    assert parconv.plan2d((F.shape, "float32"), g).problem.traits.rank == 1
    (streamed,) = parconv.stream([F], g, correlate=True)
    assert_same_bits(streamed, right)
    path = tmp_path / "out.npy"
    parconv.stream(F, g, path, correlate=True)
    assert_same_bits(np.load(path), right)
    assert parconv.plan_stream(F, g).items == 1


def test_filters_of_one_shape_are_told_apart() -> None:
    """Two by two taps, whose factors are the numbers of an array."""
    f, g = F[:5, :6], np.array([[1.0, 2], [2, 4]])
    plan = parconv.plan2d(f, g, method="direct")
    for other in (g, Outer(*g), g, Outer(2 * g[0], g[1])):
        assert_same_bits(
            plan.run(f, plan.prepare(other), None),
            parconv.conv2d(f, np.asarray(other), method="direct"),
        )


def test_nobody_can_change_it() -> None:
    column = np.ones(3)
    g = Outer(column, column)
    column[:] = 7
    assert (np.asarray(g) == 1).all()
    with pytest.raises(ValueError, match="read-only"):
        g.columns[0, 0] = 2
    for other in (copy.deepcopy(g), pickle.loads(pickle.dumps(g))):
        assert_same_bits(np.asarray(other), np.asarray(g))


def test_named_filters_have_factors() -> None:
    for g, taps in (
        (
            filters.gaussian_factors((1, 2), order=(0, 1)),
            filters.gaussian_taps((1, 2), order=(0, 1)),
        ),
        (filters.gaussian_laplace_factors(2), filters.gaussian_laplace_taps(2)),
        (filters.box_factors((3, 4)), filters.box_taps((3, 4))),
        (filters.box_factors(3, normalize=False), filters.box_taps(3, normalize=False)),
    ):
        assert_same_bits(np.asarray(g), taps)
    assert filters.gaussian_factors(2) is filters.gaussian_factors((2.0, 2.0))


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "row", "error", "words"),
    [([[[1]]], [1], ValueError, r"column has shape \(1, 1, 1\): pass \(taps,\)"),
     ([1], [], ValueError, r"row has shape \(0,\): pass"),
     ([1, 2j], [1], ValueError, "column is complex: pass real numbers, or np.outer"),
     ([1.0], [np.nan], ValueError, "row holds NaN or infinity"),
     ([[1], [2]], [1], ValueError, "2 and 1 lines: pass as many of both, at most 3"),
     (np.ones((4, 2)), np.ones((4, 2)), ValueError, "at most 3"),
     (np.array([1 << 63], "uint64"), [1], ValueError, "column holds numbers beyond int64"),
     ([1 << 40], [1 << 40], ValueError, "beyond int64: pass them as floats"),
     ("abc", [1], TypeError, "column has dtype <U3")],
)  # fmt: skip
def test_errors(column: Any, row: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Outer(column, row)


def test_more_taps_than_a_method_may_build_are_refused() -> None:
    """Before anything is allocated, and with a way out."""
    wide = Outer(np.ones(4097), np.ones(4097))
    with pytest.raises(ValueError, match="method='passes'"):
        parconv.conv2d(F, wide, mode="same", method="direct")
    with pytest.raises(ValueError, match="gaussian_factors"):
        filters.gaussian_taps(1000)
