"""Distrusts filter banks and layers: every method against the definition, plane by plane."""

import itertools
from typing import Any, NamedTuple

import numpy as np
import oracle
import pytest
from conftest import BANK_METHODS, Poisoned, soak
from hypothesis import given, settings, strategies as st

import parconv
from parconv.codegen import machine
from parconv.planner.choice import STRATEGIES

SAFE = ("serial", "prange", "threads")


def expect(f: Any, g: Any, groups: int = 1, **question: Any) -> oracle.Expected:
    """The layer by definition: a sum of single convolutions for each filter."""
    outputs, inputs = g.shape[:2]
    parts = []
    for o in range(outputs):
        first = o // (outputs // groups) * inputs
        terms = [oracle.expect(f[:, first + c], g[o, c], **question) for c in range(inputs)]
        parts.append((sum(term.values for term in terms), sum(term.moduli for term in terms)))
    values, moduli = (np.stack([part[n] for part in parts], 1) for n in range(2))
    return oracle.Expected(
        values, moduli, inputs * g[0, 0].size * (1 if g.dtype.kind != "c" else 2)
    )


def numbers(shape: tuple[int, ...], dtype: Any = "float32", seed: int = 0) -> Any:
    rng, kind = np.random.default_rng([seed, *shape]), np.dtype(dtype)
    if kind.kind in "iu":
        return rng.integers(-9 if kind.kind == "i" else 0, 10, shape).astype(kind)
    values = rng.standard_normal(shape)
    return (values + 1j * rng.standard_normal(shape) if kind.kind == "c" else values).astype(kind)


class Layer(NamedTuple):
    """A layer, and why it is here."""

    reason: str
    image: tuple[int, int, int, int]
    filters: tuple[int, int, int, int]
    question: dict[str, Any]


def layer(reason: str, image: Any, filters: Any, **question: Any) -> Layer:
    return Layer(reason, image, filters, question)


LAYERS = (
    layer("one pixel", (1, 1, 1, 1), (1, 1, 1, 1)),
    layer("one tap, few channels", (2, 3, 5, 7), (4, 3, 1, 1)),
    layer("one tap, many channels", (2, 67, 5, 7), (35, 67, 1, 1)),
    layer("three by three, padded", (2, 5, 14, 14), (33, 5, 3, 3), padding=1),
    layer("seven columns", (3, 17, 7, 7), (32, 17, 3, 3), padding=1),
    layer("width 17", (1, 4, 5, 17), (16, 4, 3, 3), padding=1),
    layer("width 29", (2, 4, 6, 29), (9, 4, 3, 3), padding=1),
    layer("width 56", (1, 3, 9, 56), (31, 3, 3, 3), padding=1),
    layer("one channel, a bank", (3, 1, 28, 28), (32, 1, 5, 5)),
    layer("stem", (2, 3, 23, 40), (17, 3, 7, 7), stride=2, padding=3),
    layer("stride 2", (2, 8, 15, 15), (20, 8, 3, 3), stride=2, padding=1),
    layer("stride 3 of one tap", (1, 8, 15, 16), (20, 8, 1, 1), stride=3),
    layer("stride per axis", (1, 2, 15, 33), (3, 2, 3, 3), stride=(1, 3)),
    layer("dilation 2", (2, 6, 13, 20), (18, 6, 3, 3), dilation=2, padding=2),
    layer("dilation beyond the image", (1, 2, 4, 5), (3, 2, 3, 3), dilation=4, padding=5),
    layer("uneven padding", (1, 3, 8, 9), (5, 3, 4, 2), padding=((0, 3), (2, 1))),
    layer("more padding than filter", (1, 2, 3, 4), (3, 2, 2, 2), padding=4),
    layer("filter larger than the image", (1, 2, 3, 4), (3, 2, 7, 9), mode="full"),
    layer("one column", (1, 3, 20, 1), (5, 3, 3, 1)),
    layer("one row", (1, 3, 1, 50), (5, 3, 1, 3)),
    layer("two groups", (2, 6, 9, 10), (8, 3, 3, 3), groups=2, padding=1),
    layer("groups of odd sizes", (1, 9, 9, 10), (15, 3, 3, 3), groups=3),
    layer("depthwise", (2, 5, 12, 56), (5, 1, 3, 3), groups=5, padding=1),
    layer("depthwise, stride 2", (2, 5, 13, 28), (5, 1, 3, 3), groups=5, padding=1, stride=2),
    layer("depthwise, three filters each", (1, 4, 7, 7), (12, 1, 3, 3), groups=4, padding=1),
    layer("constant beyond", (1, 3, 6, 18), (4, 3, 3, 3), mode="same", cval=2.5),
    layer("edge", (1, 3, 6, 18), (4, 3, 3, 5), mode="same", boundary="edge"),
    layer("wrap", (1, 3, 6, 18), (4, 3, 3, 5), mode="full", boundary="wrap"),
    layer("mirror", (1, 3, 6, 18), (4, 3, 5, 3), mode="same", boundary="mirror"),
    layer("two borders", (1, 3, 6, 18), (4, 3, 5, 3), mode="same", boundary=("symmetric", "wrap")),
)
NAMES = [case.reason.replace(" ", "_") for case in LAYERS]


def plan_of(case: Layer, method: str, dtype: Any = "float32", **options: Any) -> Any:
    """The planned layer; skips where the method cannot answer it."""
    f, g = numbers(case.image, dtype), numbers(case.filters, dtype, 1)
    auto = parconv.plan2d(f, g, correlate=True, **case.question)
    if method not in ("auto", auto.method):
        reason = BANK_METHODS[method].applicable(auto.stage.inner)
        if reason:
            pytest.skip(f"{method}: {reason}")
    plan = parconv.plan2d(f, g, correlate=True, method=method, **case.question, **options)
    return plan, f, g


@pytest.mark.parametrize("method", BANK_METHODS)
@pytest.mark.parametrize("case", LAYERS, ids=NAMES)
def test_a_layer_is_right(case: Layer, method: str) -> None:
    plan, f, g = plan_of(case, method)
    given = Poisoned(plan.problem.shape, np.float32)
    result = plan(f, given.out)
    given.check()
    error = 100 if method == "winograd" else 1  # stated and tested in its own file
    right = expect(f, g, correlate=True, **case.question)
    right = oracle.Expected(right.values, error * right.moduli, right.terms)
    oracle.assert_right(result, right, np.float32, np.float32, method)


@pytest.mark.parametrize("case", LAYERS, ids=NAMES)
def test_every_strategy_and_layout_gives_the_same_bits(case: Layer) -> None:
    plan, f, g = plan_of(case, "auto", threads=1, strategy="serial")
    right = plan(f)
    question = {**case.question, "correlate": True}
    for strategy, threads in itertools.product(SAFE, (2, 5)):
        other = parconv.plan2d(f, g, strategy=strategy, threads=threads, **question)
        oracle.assert_same_bits(other(f), right, f"{strategy}, {threads} threads")
    for view in (np.asfortranarray(f), f[::-1].copy()[::-1], _channels_last(f)):
        out = _channels_last(np.full_like(right, np.nan))
        oracle.assert_same_bits(plan(view, out), right, f"strides {view.strides}")


def _channels_last(array: Any) -> Any:
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def test_other_processes_compute_the_same_bits() -> None:
    from joblib import parallel_config

    f, g = numbers((2, 3, 20, 30)), numbers((8, 3, 3, 3))
    right = parconv.conv2d(f, g, threads=1)
    with parallel_config("loky"):
        plan = parconv.plan2d(f, g, threads=2, strategy="joblib")
        oracle.assert_same_bits(plan(f), right)
    assert "joblib" in STRATEGIES


@pytest.mark.parametrize("dtype", [*soak("float64"), "complex64", "float16"])
@pytest.mark.parametrize("name", ["two_groups", "stem", "constant_beyond", "depthwise", "mirror"])
def test_every_inexact_type(name: str, dtype: str) -> None:
    case = LAYERS[NAMES.index(name)]
    f, g = numbers(case.image, dtype), numbers(case.filters, dtype, 1)
    right = expect(f, g, correlate=False, **case.question)  # a layer conjugates nothing
    mirrored = parconv.conv2d(f, g, **case.question)
    compute = oracle.compute_type(f, g)
    oracle.assert_right(mirrored, right, dtype, compute)


@pytest.mark.parametrize(
    ("f_type", "g_type"), [("uint8", "int8"), ("int64", "int64"), ("bool", "float32")]
)
def test_integers(f_type: str, g_type: str) -> None:
    f = numbers((2, 4, 9, 21), "int64").astype(f_type)
    g = numbers((6, 2, 3, 3), g_type)
    right = expect(f, g, groups=2, padding=1)
    result = parconv.conv2d(f, g, groups=2, padding=1)
    compute = oracle.compute_type(f, g)
    oracle.assert_right(result, right, "int64" if compute is int else result.dtype, compute)
    saturated = parconv.conv2d(f, g, groups=2, padding=1, dtype="uint8")
    oracle.assert_right(saturated, right, "uint8", compute)


def test_mixed_complex() -> None:
    real, imaginary = numbers((1, 4, 6, 7)), numbers((1, 4, 6, 7), "complex64")
    weights, complexes = numbers((6, 2, 3, 3)), numbers((6, 2, 3, 3), "complex64")
    for f, g in ((real, complexes), (imaginary, weights), (imaginary, complexes)):
        right = expect(f, g, groups=2, mode="same")
        result = parconv.conv2d(f, g, groups=2, mode="same")
        oracle.assert_right(result, right, "complex64", np.float32)


# --- axes ----------------------------------------------------------------------------------------


def test_a_bank_meets_every_plane() -> None:
    f, g = numbers((2, 3, 9, 11)), numbers((4, 3, 2))
    result = parconv.conv2d(f, g, mode="same", boundary="wrap")
    assert result.shape == (2, 3, 4, 9, 11)
    for b, c, o in np.ndindex(result.shape[:3]):
        alone = parconv.conv2d(f[b, c], g[o], mode="same", boundary="wrap", method="direct")
        np.testing.assert_allclose(result[b, c, o], alone, atol=1e-5)


def test_a_complex_bank_is_conjugated_by_correlation() -> None:
    f, g = numbers((9, 11), "complex64"), numbers((2, 3, 3), "complex64")
    result = parconv.correlate2d(f, g)
    for o in range(2):
        right = oracle.expect(f, g[o], correlate=True)
        oracle.assert_right(result[o], right, "complex64", np.float32)


@pytest.mark.parametrize(
    ("axes", "shape"), [((0, 1), (9, 11, 3)), ((1, 2), (3, 9, 11)), ((2, 0), (11, 3, 9))]
)
def test_a_bank_stands_before_the_rows(axes: tuple[int, int], shape: tuple[int, ...]) -> None:
    f, g = numbers(shape), numbers((4, 3, 2))
    result = parconv.conv2d(f, g, axes=axes)
    planes = np.moveaxis(f, axes, (-2, -1))
    right = np.stack([parconv.conv2d(planes, one) for one in g], 1)
    row = axes[0]
    there = (row, row + 1, axes[1] + (axes[1] > row))
    np.testing.assert_allclose(np.moveaxis(result, there, (-3, -2, -1)), right, atol=1e-5)


def test_channels_last_is_the_same_layer() -> None:
    f, g = numbers((2, 5, 9, 11)), numbers((7, 5, 3, 3))
    right = parconv.conv2d(f, g, padding=1)
    last = parconv.conv2d(np.ascontiguousarray(f.transpose(0, 2, 3, 1)), g, padding=1, axes=(1, 2))
    assert last.shape == (2, 9, 11, 7)
    np.testing.assert_allclose(last.transpose(0, 3, 1, 2), right, atol=1e-4)


def test_batch_axes_may_be_none_or_several() -> None:
    f, g = numbers((2, 3, 4, 9, 11)), numbers((5, 4, 3, 3))
    right = parconv.conv2d(f, g)
    assert right.shape == (2, 3, 5, 7, 9)
    for b, c in np.ndindex(2, 3):  # another batch may be answered by another method
        np.testing.assert_allclose(parconv.conv2d(f[b, c], g), right[b, c], atol=1e-4)


@pytest.mark.parametrize("shape", [(0, 3, 5, 6), (2, 0, 3, 5, 6)])
def test_an_empty_batch_is_an_empty_result(shape: tuple[int, ...]) -> None:
    result = parconv.conv2d(np.empty(shape, np.float32), numbers((4, 3, 3, 3)))
    assert result.shape == (*shape[:-3], 4, 3, 4)
    assert "none" in parconv.plan2d((shape, "float32"), ((4, 3, 3, 3), "float32")).explain()


def test_the_output_may_overlap_the_image() -> None:
    f, g = numbers((1, 4, 9, 11)), numbers((4, 4, 3, 3))
    right = parconv.conv2d(f, g, padding=1)
    oracle.assert_same_bits(parconv.conv2d(f, g, padding=1, out=f), right)


def test_nan_keeps_the_footprint_of_the_filter() -> None:
    f, g = np.ones((1, 3, 12, 40), np.float32), numbers((5, 3, 3, 3))
    f[0, 1, 6, 20] = np.nan
    result = parconv.correlate2d(f, g, padding=1)
    right = np.zeros(result.shape, bool)
    right[:, :, 5:8, 19:22] = True
    np.testing.assert_array_equal(np.isnan(result), right)


def test_overflow_is_refused() -> None:
    f = np.full((1, 2, 4, 4), 2**61)
    with pytest.raises(ValueError, match="f holds values beyond"):
        parconv.conv2d(f, np.full((1, 2, 2, 2), 2))


# --- properties ----------------------------------------------------------------------------------

SIZE = st.integers(1, 20)


@settings(deadline=None, max_examples=40)
@given(
    image=st.tuples(st.integers(1, 3), st.integers(1, 4), SIZE, SIZE),
    taps=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    outputs=st.integers(1, 40),
    groups=st.integers(1, 3),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    boundary=st.sampled_from(oracle.BORDERS),
)
def test_any_layer_is_right(
    image: Any, taps: Any, outputs: int, groups: int, stride: Any, boundary: str
) -> None:
    batch, inputs, rows, columns = image
    f = numbers((batch, groups * inputs, rows, columns), "int64")
    g = numbers((groups * outputs, inputs, *taps), "int64")
    question = {"groups": groups, "stride": stride, "mode": "same", "boundary": boundary}
    right = expect(f, g, **question)
    oracle.assert_right(parconv.conv2d(f, g, **question), right, "int64")
    floats = parconv.conv2d(f.astype("f4"), g.astype("f4"), **question)
    np.testing.assert_array_equal(floats, right.values.astype("f4"))  # small: exact in any order


def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch")
    f, g = numbers((2, 6, 17, 19)), numbers((8, 3, 3, 5))
    question = {"groups": 2, "stride": (2, 1), "dilation": (1, 2), "padding": (1, 2)}
    right = torch.nn.functional.conv2d(torch.from_numpy(f), torch.from_numpy(g), **question)
    result = parconv.correlate2d(f, g, **question)
    np.testing.assert_allclose(result, right.numpy(), rtol=1e-4, atol=1e-4)


def test_a_plan_tells_of_a_layer() -> None:
    plan = parconv.plan2d(((2, 6, 17, 19), "float32"), ((8, 3, 3, 5), "float32"), groups=2)
    told = plan.explain()
    assert "8x3x3x5" in told
    assert "8x3x3x5, reflected -> float32" in str(plan)
    assert "what neural networks call convolution is correlate2d" in told
    same = parconv.plan2d(
        ((2, 6, 17, 19), "float32"), ((8, 3, 3, 5), "float32"), groups=2, correlate=True
    )
    bank = parconv.plan2d(((17, 19), "float32"), ((8, 3, 5), "float32"))
    for other in (same, bank):
        assert "reflected" not in str(other)
        assert "neural" not in other.explain()
    assert "output     2x8x15x15 float32" in told
    assert plan.problem.flops == 2 * 3 * 15 * 2 * 8 * 15 * 15


@pytest.mark.parametrize("inputs", range(1, 9))
@pytest.mark.parametrize("method", BANK_METHODS)
def test_what_kernels_read_of_a_filter_begins_with_a_cache_line(method: str, inputs: int) -> None:
    """NumPy's memory does by chance, and vectors of weights would cross lines."""
    image, filters = ((1, inputs, 9, 9), "f4"), np.ones((5 * inputs, inputs, 3, 3), np.float32)
    groups = inputs if method == "depthwise" else 1
    filters = filters[:, : inputs // groups]
    plan = parconv.plan2d(image, filters, padding=1, groups=groups, method=method)
    assert plan.taps is not None
    assert plan.taps.values.ctypes.data % machine.CACHE_LINE == 0
    assert not plan.taps.values.flags.writeable
