"""Distrusts complex images and filters of the methods that know real numbers alone."""

import itertools
from typing import Any

import numpy as np
import pytest
from conftest import Poisoned, soak
from oracle import BORDERS, assert_right, assert_same_bits, compute_type, expect

import parconv
from parconv.runtime.strategies import STRATEGIES


def image(shape: tuple[int, ...], dtype: Any = "complex64", seed: int = 5) -> np.ndarray:
    rng = np.random.default_rng([seed, *shape])
    if np.dtype(dtype).kind == "c":
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)
    return (9 * rng.standard_normal(shape)).astype(dtype)


PRODUCT = np.outer(image((5,), "float64"), image((7,), "float64"))
TYPES = [("complex64", "float32"), ("complex128", "float64"), ("complex64", "complex64"),
         ("float32", "complex64"), ("uint8", "complex128"), ("complex128", "int8"),
         ("float16", "complex64")]  # fmt: skip


def check(f: np.ndarray, g: np.ndarray, **options: Any) -> None:
    """Within the bound of rounded sums, four times as wide for transforms; nothing beside it."""
    plan = parconv.plan2d(f, g, threads=1, **options)
    given = Poisoned(plan.problem.shape, plan.problem.dtype)
    plan(f, given.out)
    given.check()
    question = {name: value for name, value in options.items() if name not in ("method", "dtype")}
    right = expect(f, g, **question)
    if options.get("method") != "fft":
        assert_right(given.out, right, plan.problem.dtype, compute_type(f, g, options.get("dtype")))
        return
    cval, eps = options.get("cval", 0), np.finfo(plan.problem.dtype).eps
    bound = 40 * eps * max(np.abs(f).max(), abs(cval)) * np.abs(g).sum()
    assert np.abs(given.out - right.values).max() < bound


@pytest.mark.parametrize("types", TYPES, ids="-".join)
@pytest.mark.parametrize("correlate", [False, True])
def test_transforms(types: tuple[str, str], correlate: bool) -> None:
    f, g = image((40, 53), types[0]), image((9, 6), types[1])
    cval = 0 if f.dtype.kind == "c" else 2
    for border in BORDERS:
        check(f, g, method="fft", mode="same", boundary=border, correlate=correlate, cval=cval)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("method", ["direct", "separable", "passes", "fft"])
def test_channels_that_follow_the_columns(method: str, channels: int) -> None:
    """Beside the two parts of each."""
    f = image((30, 41, channels))
    for options in ({"mode": "same"}, {"mode": "full", "boundary": "mirror"}):
        found = parconv.conv2d(f, PRODUCT, method=method, axes=(0, 1), **options)
        apart = [
            parconv.conv2d(f[..., c], PRODUCT, method="direct", **options) for c in range(channels)
        ]
        np.testing.assert_allclose(found, np.stack(apart, -1), rtol=1e-4, atol=2e-2)


@pytest.mark.parametrize("method", ["direct", "separable", "passes", "fft"])
@pytest.mark.parametrize("dtype", ["complex64", *soak("complex128")])
def test_real_filters(method: str, dtype: str) -> None:
    f, cval = image((2, 30, 41), dtype), 1 - 2j if method == "direct" else 0
    for border, mode in itertools.product(BORDERS, ("same", "full")):
        check(f, PRODUCT, method=method, mode=mode, boundary=(border, "edge"), cval=cval)
    check(f[0], PRODUCT, method=method, mode="same", dilation=(3, 2))
    check(f, PRODUCT, method=method, mode="same", axes=(0, 2))
    check(f[0], PRODUCT, method=method, mode="same", dtype="complex128")


@pytest.mark.parametrize("method", ["direct", "separable", "passes", "fft"])
def test_colour(method: str) -> None:
    """Six numbers a pixel; edges repeat whole pixels."""
    for border in BORDERS:
        check(image((20, 17, 3)), PRODUCT, method=method, axes=(0, 1), mode="same", boundary=border)


@pytest.mark.parametrize("g", [PRODUCT, image((9, 6))], ids=["real", "complex"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_threads_and_layouts(strategy: str, g: np.ndarray) -> None:
    f = image((70, 61))
    question: dict[str, Any] = {"mode": "same", "boundary": "wrap", "method": "fft"}
    right = parconv.conv2d(f, g, threads=1, **question)
    options = {**question, "strategy": strategy, "threads": 2}
    for given in (f, np.asfortranarray(f), f[:, ::-1].copy()[:, ::-1], f.astype(">c8")):
        assert_same_bits(parconv.conv2d(given, g, **options), right)
    for out in (np.empty_like(f, order="F"), np.empty((70, 122), f.dtype)[:, ::2]):
        parconv.conv2d(f, g, out=out, **options)
        assert_same_bits(np.ascontiguousarray(out), right)


@pytest.mark.parametrize("method", ["direct", "separable", "passes", "fft"])
def test_the_footprint_of_a_pixel(method: str) -> None:
    """Part by part, as complex numbers are multiplied with real ones."""
    f = image((30, 41))
    f[3, 4], f[20, 30] = complex(np.nan, 1), complex(0, np.inf)
    g = np.abs(PRODUCT)
    found = parconv.conv2d(f, g, mode="same", method=method)
    for part in ("real", "imag"):
        right = expect(getattr(f, part), g, mode="same").values.astype("float32")
        own = getattr(found, part)
        np.testing.assert_array_equal(np.isfinite(own), np.isfinite(right))
        np.testing.assert_array_equal(own[~np.isfinite(right)], right[~np.isfinite(right)])


def test_a_border_that_is_not_finite_stays_with_direct() -> None:
    f, question = image((9, 9)), {"mode": "same", "cval": complex(0, np.inf)}
    assert parconv.plan2d(f, PRODUCT, **question).method == "direct"
    found = parconv.conv2d(f, np.ones((3, 3)), **question)
    assert np.isfinite(found[1:-1, 1:-1]).all()
    assert (found.imag[0] == np.inf).all()
    with pytest.raises(ValueError, match="complex"):
        parconv.conv2d(f, PRODUCT, method="separable", **question)


@pytest.mark.parametrize("cval", [1e6, 1e6j, 3 - 1e6j])
def test_a_constant_beside_complex_pixels_costs_them_no_digits(cval: complex) -> None:
    """Whatever it is, it is met at the border alone."""
    f, g = image((60, 70)), image((31, 31))
    plan = parconv.plan2d(f, g, mode="same", cval=cval)
    assert plan.method == "direct"
    inside = parconv.conv2d(f, g, method="direct")
    assert_same_bits(plan(f)[15:-15, 15:-15].copy(), inside)
    check(f, PRODUCT, mode="same", cval=cval)
    for method in ("separable", "passes", "fft"):
        with pytest.raises(ValueError, match="complex"):
            parconv.plan2d(f, PRODUCT, mode="same", cval=cval, method=method)


def test_chosen_where_it_wins() -> None:
    for f, g in (("complex64", "complex64"), ("complex64", "float32"), ("float32", "complex64")):
        plan = parconv.plan2d(((512, 512), f), ((31, 31), g), mode="same")
        assert plan.method == "fft"
        assert "direct: " in plan.explain()
    wide = parconv.filters.gaussian_factors(100)
    assert parconv.plan2d(((512, 512), "complex64"), wide, mode="same").method == "passes"
    assert parconv.plan2d(((512, 512), "complex64"), ((3, 3), "complex64")).method == "direct"


def test_a_tolerance_counts_both_parts() -> None:
    def method(tolerance: float) -> str:
        question = {"mode": "same", "tolerance": tolerance}
        return parconv.plan2d(((512, 512), "complex64"), ((31, 31), "complex64"), **question).method

    assert [method(2e-6), method(4e-6)] == ["direct", "fft"]


def test_workspace_counts_what_stands_in_for_complex_planes() -> None:
    image_bytes = 512 * 512 * 8
    for f, g, cval, extra in (
        ("complex64", "float32", 0, 0),
        ("complex64", "complex64", 0, image_bytes),
        ("float32", "complex64", 0, image_bytes // 2),
    ):
        plan = parconv.plan2d(
            ((512, 512), f), ((31, 31), g), mode="same", cval=cval, method="fft", threads=1
        )
        size, taps = ((512, 1024), (31, 61)) if f[0] == "c" else ((512, 512), (31, 31))
        real = parconv.plan2d(
            (size, "float32"), (taps, "float32"), mode="same", method="fft", threads=1
        )
        assert abs(plan.workspace - real.workspace - extra) < 1 << 16


# --- several filters -----------------------------------------------------------------------------


def layer(f: np.ndarray, g: np.ndarray, groups: int = 1, **options: Any) -> np.ndarray:
    """The sum over channels of each filter, in complex128."""
    each = len(g) // groups
    rows = []
    for o, taps in enumerate(g):
        first = o // each * g.shape[1]
        planes = [f[:, first + c] for c in range(g.shape[1])]
        rows.append(sum(expect(p, t, **options).values for p, t in zip(planes, taps, strict=True)))
    return np.stack(rows, 1)


@pytest.mark.parametrize("cval", [2 - 3j, 1e6 - 3j, complex(np.nan, 1), complex(0, np.inf)])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_layer_meets_the_constant_at_the_border_alone(groups: int, cval: complex) -> None:
    f, g = image((2, 4, 11, 13)), image((6, 4 // groups, 3, 3))
    plan = parconv.plan2d(f, g, groups=groups, mode="same", cval=cval)
    found, inside = plan(f), parconv.conv2d(f, g, groups=groups, method=plan.method)
    assert_same_bits(found[..., 1:-1, 1:-1].copy(), inside)
    if np.isfinite(cval):
        right = layer(f, g, groups, mode="same", cval=cval)
        np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-6 * abs(cval) + 1e-4)
    else:
        assert not np.isfinite(found[..., 0, :]).any()


@pytest.mark.parametrize("method", ["planes", "direct"])
@pytest.mark.parametrize("cval", [0, 2.5 - 3j, complex(np.nan, 1), complex(0, np.inf)])
@pytest.mark.parametrize("taps", ["float64", "complex64"])
@pytest.mark.parametrize("correlate", [False, True])
def test_a_bank_s_planes_are_those_of_its_filters(
    correlate: bool, taps: str, cval: complex, method: str
) -> None:
    """Answered alike, whatever lies beyond the border, by both methods that may be chosen."""
    call = parconv.correlate2d if correlate else parconv.conv2d
    f, bank = image((3, 40, 33)), image((4, 5, 3), taps)
    question: dict[str, Any] = {"mode": "same", "boundary": ("constant", "wrap"), "cval": cval}
    found = call(f, bank, method=method, **question)
    right = np.stack([call(f, one, method="direct", **question) for one in bank], 1)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(right))
    finite = np.isfinite(right)
    assert finite[:, :, 2:-2].all()
    np.testing.assert_allclose(found[finite], right[finite], rtol=2e-5, atol=2e-4)


@pytest.mark.parametrize("taps", ["float32", "complex64"])
@pytest.mark.parametrize("order", ["first", "last"])
@pytest.mark.parametrize("method", ["planes", "direct"])
def test_a_depthwise_layer(taps: str, order: str, method: str) -> None:
    """Which is not conjugated."""
    f, g = image((2, 3, 20, 21)), image((6, 1, 3, 4), taps)
    given, axes = (np.moveaxis(f, 1, -1), (1, 2)) if order == "last" else (f, (2, 3))
    question: dict[str, Any] = {"groups": 3, "mode": "same", "cval": 2 - 1j, "axes": axes}
    question["method"] = method
    for found, right in (
        (parconv.conv2d(given, g, **question), layer(f, g, 3, mode="same", cval=2 - 1j)),
        (
            parconv.correlate2d(given, g, **question),
            layer(f, g.conj(), 3, mode="same", cval=2 - 1j, correlate=True),
        ),
    ):
        moved = np.moveaxis(found, -1, 1) if order == "last" else found
        np.testing.assert_allclose(moved, right, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("types", TYPES, ids="-".join)
@pytest.mark.parametrize("order", ["first", "last"])
def test_results_of_a_layer_in_any_memory(types: tuple[str, str], order: str) -> None:
    """Where a result lies in one piece, its memory holds the parts before they are joined."""
    f, g = image((3, 4, 9, 10), types[0]), image((6, 2, 3, 3), types[1])
    question: dict[str, Any] = {"groups": 2, "mode": "same"}
    if order == "last":
        f, question["axes"] = np.moveaxis(f, 1, -1), (1, 2)
    right = parconv.conv2d(f, g, **question)
    moved = np.moveaxis(right, -1, 1) if order == "last" else right
    if types[1] == "float32" or types[0] == "float32":
        np.testing.assert_allclose(
            moved, layer(np.moveaxis(f, -1, 1) if order == "last" else f, g, 2, mode="same"),
            rtol=1e-4, atol=1e-4,
        )  # fmt: skip
    wide = np.full((2 * right.shape[0], *right.shape[1:-1], 3 * right.shape[-1]), 7, right.dtype)
    for out in (np.empty_like(right), np.empty(right.shape, right.dtype, "F"), wide[::2, ..., ::3]):
        parconv.conv2d(f, g, out=out, **question)
        assert_same_bits(np.ascontiguousarray(out), right)
    assert (wide[1::2] == 7).all()
    assert (wide[..., 1::3] == 7).all()


def test_a_layer_may_write_over_its_image() -> None:
    f, g = image((2, 3, 8, 8)), image((3, 3, 3, 3))
    right = parconv.conv2d(f, g, mode="same")
    assert_same_bits(parconv.conv2d(f, g, mode="same", out=f), right)


def test_an_empty_complex_layer() -> None:
    g = image((2, 4, 3, 3))
    assert parconv.conv2d(np.empty((0, 4, 9, 9), "complex64"), g).shape == (0, 2, 7, 7)
    for f in (np.empty((1, 4, 9, 0), "complex64"), np.empty((3, 4, 0, 9))):
        found = parconv.conv2d(f, g, mode="same")
        assert found.shape == (len(f), 2, *f.shape[2:])


def test_a_layer_has_memory_for_one_more_array(run_python: Any) -> None:
    """The image's parts, or one image's results; the kernels' own scratch beside it."""
    run_python(
        """
        import tracemalloc
        import numpy as np
        import parconv
        f = np.ones((8, 4, 200, 200), "complex64")
        g = np.ones((4, 4, 3, 3), "complex64")
        plan = parconv.plan2d(f, g, mode="same", threads=1)
        out = plan(f)
        tracemalloc.start()
        plan(f, out)
        _, most = tracemalloc.get_traced_memory()
        assert f.nbytes <= most < 1.1 * f.nbytes + (1 << 20), (most, f.nbytes)
        assert plan.workspace < 1.1 * f.nbytes + (1 << 20)
        """
    )


def test_nothing_is_said_of_what_is_not_finite(recwarn: pytest.WarningsRecorder) -> None:
    f, g = image((40, 41)), image((31, 31))
    f[20, 20] = complex(np.inf, -np.inf)
    assert not np.isfinite(parconv.conv2d(f, g, mode="same", method="fft")).all()
    assert not recwarn.list
