"""Distrusts values that are unusual: bytes of bools, taps and constants beyond a type's range."""

from collections.abc import Callable
from typing import Any

import numpy as np
import oracle
import pytest
from conftest import METHODS, RunPython

import parconv

RNG = np.random.default_rng(11)

# --- bools ---------------------------------------------------------------------------------------

# Truth is any byte but 0: masks of 0 and 255, such as Pillow's of mode "1", are viewed as bools.
BYTES = RNG.choice(np.array([0, 1, 2, 128, 255], np.uint8), (40, 53))
SMALL, WIDE = RNG.integers(-4, 5, (3, 5)), RNG.standard_normal((15, 15))
DOORS: dict[str, Callable[[Any], Any]] = {
    "integers": lambda f: parconv.conv2d(f, SMALL),
    "floats": lambda f: parconv.conv2d(f, SMALL / 3, mode="same", boundary="mirror"),
    "correlation": lambda f: parconv.correlate2d(f, SMALL, mode="full"),
    "saturated": lambda f: parconv.conv2d(f, abs(SMALL), dtype="uint8"),
    "many taps": lambda f: parconv.conv2d(f, np.ones((60, 70), int), mode="full"),
    "fft": lambda f: parconv.conv2d(f, WIDE, method="fft"),
    "separable": lambda f: parconv.conv2d(f, np.outer([1.0, 2], [1.0, 3]), method="separable"),
    "stride": lambda f: parconv.conv2d(f, SMALL, stride=2),
    "gaussian": lambda f: parconv.gaussian(f, 2),
    "box": lambda f: parconv.box(f, 5),
    "sums of a box": lambda f: parconv.box(f, 5, normalize=False),
    "sobel": parconv.sobel,
    "bank": lambda f: parconv.conv2d(f, np.stack([SMALL, -SMALL])),
    "bank of floats": lambda f: parconv.conv2d(f, np.stack([WIDE, -WIDE])),
    "complex bank": lambda f: parconv.conv2d(f, np.stack([SMALL, -SMALL]) * 1j),
    "layer": lambda f: parconv.correlate2d(np.stack([f, f]), np.ones((3, 2, 3, 3), np.float32)),
    "layer of integers": lambda f: parconv.conv2d(np.stack([f, f]), np.ones((3, 2, 3, 3), int)),
    "plan": lambda f: parconv.plan2d(f, SMALL)(f),
    "stream": lambda f: np.stack(list(parconv.stream([f, f], SMALL))),
    "out": lambda f: parconv.conv2d(f, SMALL, out=np.empty((38, 49), np.int64)),
    "joblib": lambda f: parconv.conv2d(f, SMALL, strategy="joblib", threads=2),
}  # fmt: skip
VIEWS: dict[str, Callable[[Any], Any]] = {
    "as it lies": lambda f: f,
    "every second column": lambda f: np.repeat(f, 2, axis=1)[:, ::2],
    "transposed": lambda f: np.asfortranarray(f),
    "backwards": lambda f: f[::-1, ::-1].copy()[::-1, ::-1],
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("door", DOORS)
def test_any_byte_but_0_is_true(door: str, view: str) -> None:
    f = BYTES.view(bool)
    before = BYTES.copy()
    right = DOORS[door]((BYTES != 0).view(bool))  # bytes of 0 and 1
    oracle.assert_same_bits(DOORS[door](VIEWS[view](f)), right, door)
    np.testing.assert_array_equal(BYTES, before)


def test_bools_are_counted_by_definition() -> None:
    f = BYTES.view(bool)
    right = oracle.expect(BYTES != 0, SMALL, mode="same", boundary="wrap")
    oracle.assert_right(parconv.conv2d(f, SMALL, mode="same", boundary="wrap"), right, np.int64)
    assert parconv.conv2d(f, np.ones((40, 53), int)).item() == np.count_nonzero(BYTES)


def test_bools_as_a_filter() -> None:
    g = BYTES[:5, :6].view(bool)
    f = RNG.integers(0, 255, (20, 30), np.uint8)
    oracle.assert_right(parconv.conv2d(f, g), oracle.expect(f, g != 0), np.int64)
    bank = parconv.conv2d(f, np.stack([g, ~g]))
    oracle.assert_right(bank[0], oracle.expect(f, g != 0), np.int64)


# --- taps and constants that float32 does not hold ------------------------------------------------


def inside(g: Any) -> Any:
    """In the middle of other taps of its size."""
    return np.pad(np.array([[g]]), 1, constant_values=g / 2)


@pytest.mark.parametrize(
    ("pixel", "tap"), [(1e30, 1e-50), (1e-10, 1e45), (1e38, 1e-38), (1e-30, 3e38)], ids=str
)
@pytest.mark.parametrize("taps", ["1x1", "3x3", "15x15", "outer", "sparse", "bank", "layer"])
@pytest.mark.parametrize("kind", ["float32", "complex64"])
def test_taps_beyond_single_precision(taps: str, kind: str, pixel: float, tap: float) -> None:
    """A float64 filter counts as it is where the result fits."""
    g = {
        "1x1": np.array([[tap]]),
        "3x3": tap * RNG.random((3, 3)),
        "15x15": tap * RNG.random((15, 15)) / 100,
        "outer": tap * np.outer([1.0, 2, 1], [1.0, 3, 3, 1]) / 32,
        "sparse": tap * np.eye(5),
        "bank": tap * RNG.random((2, 3, 3)),
        "layer": tap * RNG.random((2, 1, 3, 3)),
    }[taps]
    f = np.full((20, 24), pixel * 0.5).astype(kind)
    f[7, 9] *= 1.5
    single = g.reshape(-1, *g.shape[-2:])[0]
    found = parconv.conv2d(f if taps != "layer" else f[None], g)
    found = found[0] if g.ndim > 2 else found
    right = oracle.expect(f, single)
    assert found.dtype == kind
    np.testing.assert_allclose(found, right.values.astype(found.dtype), rtol=1e-6)
    assert (found.real > 0).all()


def test_a_plan_tells_that_it_sums_in_double() -> None:
    f = ((64, 64), "float32")
    assert "float64, as float32 does not hold the taps" in parconv.plan2d(f, [[1e45]]).explain()
    for g in ([[1.0, 1e-50]], [[np.inf, 1e45]], [[1e-20]], np.zeros((2, 2)), np.full((3, 3), 1)):
        assert parconv.plan2d(f, g).sums == np.float32, g
    assert parconv.plan2d(f, np.full((3, 3), 1e-35, np.float32)).sums == np.float32
    assert parconv.plan2d(f, [[1e38, 1e38]] * 2).sums == np.float64  # their sum is too large
    assert parconv.plan2d(f, np.array([[1e45]], ">f8")).sums == np.float64
    assert parconv.plan2d(f, np.array([[1e45j]], ">c16")).sums == np.float64


@pytest.mark.parametrize("cval", [1e39, -1e45, 1e-50])
def test_a_constant_beyond_single_precision(cval: float) -> None:
    f, g = np.zeros((5, 6), np.float32), np.full((3, 3), 1 / cval)
    right = oracle.expect(f, g, mode="same", cval=cval)
    found = parconv.conv2d(f, g, mode="same", cval=cval)
    oracle.assert_right(found, right, np.float32, np.float64)
    for question in ({}, {"mode": "same", "boundary": "edge"}):  # nobody meets it
        plan = parconv.plan2d(f, np.ones((3, 3)), cval=cval, **question)
        assert plan.sums == np.float32


# --- filters of single precision over images of double --------------------------------------------

SIZES = ((15, 15), (21, 3), (5, 9))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("options", [{}, {"tolerance": 0.0}], ids=["auto", "tolerance 0"])
@pytest.mark.parametrize("kind", ["gaussian", "random"])
def test_products_are_as_precise_as_the_sums(
    kind: str, size: tuple[int, int], options: dict[str, Any]
) -> None:
    lines = [
        np.exp(-(np.linspace(-3, 3, n) ** 2) / 2) if kind == "gaussian" else RNG.standard_normal(n)
        for n in size
    ]
    f, g = RNG.standard_normal((60, 70)), np.outer(*lines).astype(np.float32)
    right = oracle.expect(f, g, mode="same")
    oracle.assert_right(parconv.conv2d(f, g, mode="same", **options), right, np.float64, np.float64)
    single = parconv.plan2d(f.astype(np.float32), g, mode="same")
    assert single.problem.traits.rank == 1


def test_a_faint_ring_is_no_rounding() -> None:
    """Taps far below the largest count where bright pixels meet them."""
    g = np.full((15, 15), 3e-7, np.float32)
    g[7, 7] = 1
    f = np.zeros((60, 60), np.float32)
    f[30, 30] = 1e6
    plan = parconv.plan2d(f, g, method="separable")  # two products
    found = plan(f)
    right = oracle.expect(f, g)
    np.testing.assert_allclose(found, right.values.astype(np.float32), rtol=1e-5)
    assert plan.problem.traits.rank == 2


def test_a_stated_error_holds_and_is_compared_with_the_tolerance() -> None:
    """Two products are not as precise as one: a plan says so, and 0 refuses them."""
    g = parconv.filters.gaussian_laplace_taps(2)
    for kind in ("float32", "float64"):
        f = RNG.standard_normal((90, 100)).astype(kind)
        plan = parconv.plan2d(f, g, method="separable")
        stated = METHODS["separable"].error(plan.problem)
        right = oracle.expect(f, g)
        plain = oracle.gamma(right.terms + 4, kind)
        nearby = np.abs(f).max() * np.abs(g).sum()
        assert np.abs(plan(f) - right.values).max() <= (stated + plain) * nearby
        assert 0 < stated < 20 * np.finfo(kind).eps
        assert f"up to {stated:.2g} of the largest" in plan.explain()
        assert parconv.plan2d(f, g, tolerance=0).method == "direct"
        assert parconv.plan2d(f, parconv.filters.gaussian_taps(2), tolerance=0).problem.traits.rank


# --- complex banks beside a constant --------------------------------------------------------------


def summed(f: Any, g: Any, **question: Any) -> tuple[Any, Any]:
    """A layer of one image by definition, and its sums of moduli."""
    terms = [[oracle.expect(f[c], taps[c], **question) for c in range(len(f))] for taps in g]
    with np.errstate(invalid="ignore"):
        return (
            np.stack([sum(term.values for term in row) for row in terms]),
            np.stack([sum(term.moduli for term in row) for row in terms]),
        )


@pytest.mark.parametrize("cval", [1e6, 1e30, 2.5 - 3j, np.nan, np.inf, complex(1, np.inf)], ids=str)
@pytest.mark.parametrize("method", ["direct", "gemm", "winograd"])  # others have no constants
@pytest.mark.parametrize("kind", ["bank", "layer", "groups"])
def test_a_constant_reaches_as_far_as_a_complex_filter(
    kind: str, method: str, cval: complex
) -> None:
    """One number of 1e30 in the border may not cost the digits of those that do not meet it."""
    f = (RNG.standard_normal((2, 14, 19)) + 1j * RNG.standard_normal((2, 14, 19))).astype("c8")
    shape = {"bank": (4, 3, 3), "layer": (4, 2, 3, 3), "groups": (4, 1, 3, 3)}[kind]
    g = (RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)).astype("c8")
    options = {"mode": "same", "cval": cval, "groups": 2 if kind == "groups" else 1}
    found = parconv.conv2d(f, g, method=method, **options)
    if kind == "bank":
        rights = [summed(f[n : n + 1], g[:, None], mode="same", cval=cval) for n in range(2)]
    elif kind == "groups":
        parts = [summed(f[n : n + 1], g[2 * n : 2 * n + 2], mode="same", cval=cval) for n in (0, 1)]
        rights = [tuple(map(np.concatenate, zip(*parts, strict=True)))]
    else:
        rights = [summed(f, g, mode="same", cval=cval)]
    patch = 4 if method == "winograd" else 1  # of outputs over which it spreads what it meets
    error = (1000 if method == "winograd" else 20) * np.finfo(np.float32).eps
    for result, (right, moduli) in zip(found.reshape(len(rights), -1, 14, 19), rights, strict=True):
        inner = result[:, patch:-patch, patch:-patch], right[:, patch:-patch, patch:-patch]
        assert (np.abs(inner[0] - inner[1]) <= error * 20).all()
        if np.isfinite(cval):
            assert (np.abs(result - right) <= error * moduli.max()).all()
        else:
            assert not np.isfinite(result[:, [0, -1]]).any()


# --- fractions beside integers --------------------------------------------------------------------

NAMED: dict[str, Callable[..., Any]] = {
    "sobel": parconv.sobel,
    "prewitt": parconv.prewitt,
    "laplace": parconv.laplace,
    "box": lambda f, **options: parconv.box(f, 3, normalize=False, **options),
    "conv2d": lambda f, **options: parconv.conv2d(f, SMALL, mode="same", **options),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize("name", NAMED)
def test_a_fraction_outside_of_integers(name: str, dtype: str) -> None:
    f = RNG.integers(0, 255, (9, 12), np.uint8)
    options = {"boundary": "constant", "cval": 1.5}
    found = NAMED[name](f, dtype=dtype, **options)
    right = NAMED[name](f.astype(np.float64), **options)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, right, rtol=1e-6)
    with pytest.raises(ValueError, match=r"cval=1.5: .* pass an integer, or a dtype, such"):
        NAMED[name](f, **options)
    oracle.assert_same_bits(
        NAMED[name](f, boundary="edge", cval=1.5), NAMED[name](f, boundary="edge")
    )


# --- the floating-point errors of the caller -----------------------------------------------------

SINGLE, DOUBLE = RNG.random((64, 64)).astype(np.float32), RNG.random((64, 64))
TINY, LAYER = np.full((3, 3), 1e-42), np.full((16, 16, 3, 3), 1e-39)
HALF_SMALL, HALF_LARGE = (SINGLE * 1e-4).astype(np.float16), (SINGLE * 6e4).astype(np.float16)
COMPLEX = (SINGLE + 1j * SINGLE).astype(np.complex64)
FAINT = RNG.random((15, 15)) * 1e-30 + np.eye(15)
EDGED = np.outer([1e-30, 1, 1e-30], [1e-25, 1, 1e-25])
HARMLESS: dict[str, Callable[[], Any]] = {
    "gaussian": lambda: parconv.gaussian(DOUBLE, 1, radius=30),
    "gaussian, single": lambda: parconv.gaussian(SINGLE, 1, radius=15),
    "derivative": lambda: parconv.gaussian(SINGLE, 1, order=2, radius=16),
    "gaussian_laplace": lambda: parconv.gaussian_laplace(SINGLE, 1, radius=14),
    "box": lambda: parconv.box((SINGLE * 255).astype(np.uint8), 3),
    "tiny taps": lambda: parconv.conv2d(SINGLE, TINY),
    "tiny edges": lambda: parconv.conv2d(SINGLE, EDGED),
    "sparse": lambda: parconv.conv2d(SINGLE, np.pad(TINY, 5) + np.eye(13)),
    "fft": lambda: parconv.conv2d(SINGLE, FAINT, method="fft"),
    "complex": lambda: parconv.conv2d(COMPLEX, EDGED),
    "complex bank": lambda: parconv.conv2d(COMPLEX, np.stack([EDGED, EDGED])),
    "constant": lambda: parconv.conv2d(SINGLE, EDGED, mode="same", cval=1e39),
    "bank": lambda: parconv.conv2d(SINGLE, np.stack([EDGED, TINY])),
    "float16, small": lambda: parconv.conv2d(HALF_SMALL, np.full((3, 3), 1e-3)),
    "float16, large": lambda: parconv.conv2d(HALF_LARGE, np.ones((3, 3))),
    "integers of NaN": lambda: parconv.conv2d(SINGLE * np.nan, np.ones((3, 3)), dtype="uint8"),
    "narrower": lambda: parconv.conv2d(DOUBLE * 1e300, np.ones((3, 3)), dtype="float32"),
    **{
        f"layer, {method}": lambda method=method: parconv.correlate2d(
            np.full((1, 16, 28, 28), 1e38, np.float32), LAYER * 1e39, method=method
        )
        for method in ("direct", "channels", "winograd", "gemm")
    },
    "depthwise": lambda: parconv.conv2d(
        np.ones((16, 28, 28), np.float32), np.stack([TINY + np.eye(3)] * 16)[:, None], groups=16
    ),
    "explain": lambda: np.array([len(parconv.plan2d(DOUBLE, TINY).explain()) > 0]),
}  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", HARMLESS)
def test_no_floating_point_error_is_the_callers(name: str) -> None:
    """Nothing raises under ``seterr(all="raise")``, nor warns by default; values are the same.

    Asked of filters that no earlier call prepared.
    """
    with np.errstate(all="raise"):
        found = HARMLESS[name]()
    right = HARMLESS[name]()
    oracle.assert_same_bits(found, right, name)


def test_nothing_is_remembered_that_would_hide_an_error(run_python: RunPython) -> None:
    """The same of a process whose very first calls are under ``seterr(all="raise")``."""
    run_python(
        """
        import numpy as np
        np.seterr(all="raise")
        import parconv
        f = np.random.default_rng(0).random((64, 64)).astype("f4")
        parconv.gaussian(f, 1, radius=15)
        parconv.gaussian(f, 1, order=2, radius=15)
        parconv.conv2d(f, np.full((3, 3), 1e-42))
        parconv.conv2d(f, np.full((3, 3), 1e50))
        parconv.conv2d(f[None], np.full((2, 1, 3, 3), 1e-42))
        assert "sums" in parconv.plan2d(f, np.full((3, 3), 1e-42)).explain()
        """
    )
