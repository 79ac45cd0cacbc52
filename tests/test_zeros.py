"""Distrusts equal pixels: filters whose taps cancel give exactly 0 there, means of ones are 1.

Sizes: single rows and columns, less than a vector, a vector and a scalar tail, one-vector tiles,
whole tiles beside a strip, more than a block; every border, which continues the constant.
"""

import itertools
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from conftest import METHODS, check_plan, soak
from oracle import BORDERS, assert_same_bits
from scipy import ndimage

import parconv
from parconv.filters import LAPLACE, PREWITT, SOBEL, box_taps, gaussian_factors, gaussian_taps
from parconv.methods import obstacle
from parconv.problem.differences import differences, weights
from parconv.problem.traits import traits_of

RNG = np.random.default_rng(21)
SCHARR = np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]])


def odd(size: int) -> np.ndarray:
    """Turned by half a turn it changes its sign, and it is no product."""
    g = RNG.standard_normal((size, size))
    return g - g[::-1, ::-1]


def whole(*shape: int) -> np.ndarray:
    """Integers that sum to 0 but do not pair."""
    g = RNG.integers(-9, 10, shape)
    g[-1, -1] -= g.sum()
    return g


CANCEL: dict[str, np.ndarray] = {
    "sobel": SOBEL / 8,
    "sobel, down": SOBEL.T.astype(float),
    "prewitt": PREWITT / 6,
    "scharr": SCHARR / 32,
    "scharr, single": (SCHARR.T / np.float32(16)).astype(np.float32),
    "laplace": LAPLACE / 3,
    "laplace of eight": np.where(np.arange(9) == 4, -8, 1).reshape(3, 3) / 3,
    "slope": np.array([[-1, 0, 1]]) / 3,
    "slope, down": np.array([[-1], [1]]) / 7,
    "five-point slope": np.array([[1, -8, 0, 8, -1]]) / 12,
    "bend": np.array([[1, -2, 1]]) / 3,
    "gaussian slope": gaussian_taps(1.5, order=(0, 1)),
    "gaussian slope, down": gaussian_taps((3, 1), order=(1, 0)),
    "gaussian twist": gaussian_taps(1, order=(1, 1)),
    "third derivative": gaussian_taps((0.7, 2), order=(3, 0)),
    "even and odd": np.outer([1, 2, 2, 1], [-3, -1, 1, 3]) / 7,
    "no product": odd(4),
    "no product, odd": odd(7),
    "large": odd(25),
    "integers": whole(3, 4),
    "sparse": np.pad([[0.3]], 2) - np.pad([[0.3]], ((0, 4), (4, 0))),
}
MEANS = {f"{h} x {w}": box_taps((h, w)) for h, w in
         [(3, 3), (1, 5), (7, 7), (6, 1), (4, 13), (31, 31), (49, 1), (11, 93)]}  # fmt: skip
SIZES = [(1, 1), (1, 9), (7, 2), (5, 8), (6, 17), (19, 33), (40, 67), (133, 70)]
CONSTANTS = [0.1, 1 / 3, 1, 200.7, 1e30, -1e-30]
AUTO_AND_ALL = ["auto", *METHODS]


def plan_of(f: Any, g: np.ndarray, method: str, **options: Any) -> Any:
    """None where the method cannot."""
    question = {"mode": "same", "threads": 1, **options}
    plan = parconv.plan2d(f, g, **question)
    if method == "auto":
        return plan
    able = obstacle(METHODS[method], plan.problem) is None
    return parconv.plan2d(f, g, method=method, **question) if able else None


def cases(dtype: str, method: str, filters: dict[str, np.ndarray]) -> Any:
    """(name, filter, size, border, constant) of some hundreds: each filter meets every size."""
    borders, constants = itertools.cycle(BORDERS), itertools.cycle(CONSTANTS)
    for (name, g), size in itertools.product(filters.items(), SIZES):
        for _ in range(2):
            yield name, g, size, next(borders), next(constants)


@pytest.mark.parametrize("method", AUTO_AND_ALL)
@pytest.mark.parametrize("dtype", ["float32", "complex64", *soak("float64", "complex128")])
def test_taps_that_cancel_give_0(dtype: str, method: str) -> None:
    for name, g, size, border, value in cases(dtype, method, CANCEL):
        constant = value * (2 - 3j) if dtype[0] == "c" else value
        f = np.full(size, constant, dtype)
        plan = plan_of(f, g, boundary=border, cval=f.flat[0].item(), method=method)
        if plan is None or (method == "separable" and not any(plan.problem.traits.odd)):
            continue  # which "auto" does not take for these
        result = plan(f)
        assert (result == 0).all(), (name, size, border, value, plan.method, result)


@pytest.mark.parametrize("method", AUTO_AND_ALL)
@pytest.mark.parametrize(("dtype", "value"), [("uint8", 201), ("float16", 0.1)])
def test_of_images_that_are_converted(dtype: str, value: float, method: str) -> None:
    for name, g, size, border, _ in cases(dtype, method, CANCEL):
        f = np.full(size, value, dtype)
        given = g if g.dtype.kind == "f" else g / 2
        plan = plan_of(f, given, boundary=border, cval=f.flat[0].item(), method=method)
        if plan and (method != "separable" or any(plan.problem.traits.odd)):
            assert (plan(f) == 0).all(), (name, size, border, plan.method)


def test_derivatives_too_wide_to_be_looked_at_tap_by_tap() -> None:
    f = np.full((300, 310), 1 / 3, np.float32)
    for sigma in (33, 40, 120):
        assert (parconv.gaussian(f, sigma, order=(0, 1)) == 0).all(), sigma
        wide = gaussian_factors(sigma, order=(0, 1))
        plan = parconv.plan2d(((4096, 4096), "float32"), wide, mode="same", threads=1)
        assert plan.method in ("separable", "passes"), sigma


def test_colours_have_constants_of_their_own() -> None:
    for name, g in CANCEL.items():
        f = np.broadcast_to(np.float32([0.1, 200.7, 1 / 3]), (61, 83, 3)).copy()
        plan = parconv.plan2d(f, g, axes=(0, 1), mode="same", boundary="mirror")
        assert (plan(f) == 0).all(), (name, plan.method)


@pytest.mark.parametrize("complex_image", [False, True])
def test_complex_filters(complex_image: bool) -> None:
    """Of each part that cancels, beside one that does not, or is 0."""
    bump = gaussian_taps(1)[:7, :7]
    for real, imaginary in [(bump, odd(7)), (odd(7), odd(7)), (np.zeros((7, 7)), odd(7))]:
        for size, value in itertools.product(SIZES, CONSTANTS):
            f = np.full(size, value, complex if complex_image else float)
            for call in (parconv.conv2d, parconv.correlate2d):
                result = call(f, real + 1j * imaginary, mode="same", boundary="edge")
                if real is bump and not complex_image:
                    assert (result.imag == 0).all()
                elif real is not bump:
                    assert (result == 0).all()


@pytest.mark.parametrize(
    "options",
    [{"stride": 2}, {"stride": (4, 1), "dilation": (2, 1)}, {"dilation": 3}, {"dilation": 40}],
)
@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_strides_and_dilations(dtype: str, options: Any) -> None:
    for name, g in CANCEL.items():
        f = np.full((61, 83), 1 / 3, dtype)
        assert (parconv.conv2d(f, g, mode="same", boundary="wrap", **options) == 0).all(), name


def test_equal_pixels_anywhere_in_an_image() -> None:
    """Beside a bright square, by "auto": `fft`, whose tiles hold both, says so in its errors."""
    f = np.full((90, 110), np.float32(0.1))
    f[30:50, 40:60] = 1e4
    for name, g in CANCEL.items():
        if max(g.shape) < 20:
            result = parconv.conv2d(f, g, mode="same", boundary="edge")
            assert (result[:15] == 0).all(), name


@pytest.mark.parametrize("axes", [(0, 1), (1, 2)])
def test_named_filters(axes: Any) -> None:
    f = np.full((37, 41, 3), 0.1, np.float32)
    for slope in (parconv.sobel, parconv.prewitt):
        for axis in axes:
            assert (slope(f, axis, axes=axes) == 0).all()
    assert (parconv.laplace(f, axes=axes) == 0).all()
    assert (parconv.gaussian(f, 2, order=(0, 1), axes=axes) == 0).all()


@pytest.mark.parametrize("correlate", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_filters_of_a_bank(dtype: str, correlate: bool) -> None:
    """Beside filters that do not cancel; of a bank whose planes go to `direct`, and to `fft`."""
    rng = np.random.default_rng(4)
    call = parconv.correlate2d if correlate else parconv.conv2d
    for shape in ((3, 3), (25, 25)):
        plain, odd = rng.standard_normal((2, *shape))
        bank = np.array([odd - odd[::-1, ::-1], plain, np.zeros(shape), odd - odd[:, ::-1]])
        if shape == (3, 3):
            bank = np.array([*bank, SOBEL / 8, SOBEL.T / 8, LAPLACE / 3, SCHARR / 16])
        f = rng.standard_normal((2, 41, 59)).astype(dtype)
        for g in (bank, bank[:1]):
            result = call(f, g, mode="same", boundary="mirror")
            alone = np.stack([call(f, one, mode="same", boundary="mirror") for one in g], 1)
            bound = 20 * np.finfo(dtype).eps * np.abs(f).max() * np.abs(g).sum((1, 2)).max()
            assert np.abs(result - alone).max() < bound
            for size, value in itertools.product(SIZES, CONSTANTS):
                result = call(np.full(size, value, dtype), g, mode="same", boundary="edge")
                zero = [n for n, one in enumerate(g) if differences(one) is not None]
                assert (result[zero] == 0).all()


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
@pytest.mark.parametrize("name", ["sobel, down", "laplace", "no product, odd", "gaussian slope",
                                  "3 x 3", "7 x 7"])  # fmt: skip
def test_bits_depend_on_nothing_else(name: str, dtype: str) -> None:
    """Bands, threads, layout, alignment, position."""
    g, rng = {**CANCEL, **MEANS}[name], np.random.default_rng(8)
    f = rng.standard_normal((133, 302), np.float32).view(dtype)[:, :151].copy()
    options: dict[str, Any] = {"mode": "same", "boundary": "mirror"}
    plan = parconv.plan2d(f, g, threads=1, **options)
    right = plan(f)
    for height in (1, 7, 50):
        edges = [*range(0, len(f), height), len(f)]
        bands = tuple(itertools.pairwise(edges))
        assert_same_bits(replace(plan, bands=bands)(f), right)
    for strategy in ("threads", "prange"):
        assert_same_bits(parconv.conv2d(f, g, threads=2, strategy=strategy, **options), right)
    for laid in (np.asfortranarray(f), f.repeat(2, 1)[:, ::2], f[::-1].copy()[::-1]):
        assert_same_bits(parconv.conv2d(laid, g, **options), right)
    beside = np.empty((133, 160), dtype)[:, 3:154]
    assert_same_bits(np.ascontiguousarray(parconv.conv2d(f, g, out=beside, **options)), right)
    y, x = g.shape[0] // 2 + 1, g.shape[1] // 2 + 1
    top = g.shape[0] if plan.method == "windows" else 5  # sums of blocks of as many rows
    part = parconv.conv2d(f[top : top + 72, 3:93], g, **options, method=plan.method)
    whole = right[top + y : top + 72 - y, 3 + x : 93 - x].copy()
    assert_same_bits(part[y:-y, x:-x].copy(), whole)


# --- means ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", AUTO_AND_ALL)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "uint8"])
def test_means_of_equal_integers(dtype: str, method: str) -> None:
    """Exactly that integer, of ones 1: their sum is exact, and scaled as if divided."""
    for name, g, size, border, _ in cases(dtype, method, MEANS):
        for value in (1, 119):
            f = np.full(size, value, dtype)
            plan = plan_of(f, g, boundary=border, cval=value, method=method)
            if plan:
                assert (plan(f) == value).all(), (name, size, border, plan.method)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_means_of_other_constants(dtype: str) -> None:
    for g, value in itertools.product(MEANS.values(), CONSTANTS):
        f = np.full((40, 67), value, dtype)
        result = parconv.conv2d(f, g, mode="same", boundary="edge")
        assert np.abs(result / f - 1).max() <= sum(g.shape) / 2 * np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sigma", [0.5, 1, 2, 5, (0, 9)])
def test_gaussians_of_ones(sigma: Any, dtype: str) -> None:
    """Within the bound that the separable method states."""
    bound = (sum(gaussian_taps(sigma).shape) + 3) * np.finfo(dtype).eps / 2
    assert np.abs(parconv.gaussian(np.ones((67, 81), dtype), sigma) - 1).max() <= bound


def test_a_mean_keeps_infinity_and_large_numbers() -> None:
    for method in ("direct", "separable"):
        for value in (np.inf, -np.inf, 3e38, -3e38):
            f = np.full((21, 30), value, np.float32)
            for g in (box_taps(3), -box_taps(3), box_taps(7)):
                result = parconv.conv2d(f, g, mode="same", boundary="edge", method=method)
                assert np.allclose(result, np.sign(g.flat[0]) * value, rtol=1e-6)


# --- as differences ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CANCEL)
def test_differences_are_the_filter(name: str) -> None:
    g = CANCEL[name]
    places = differences(g)
    assert places is not None
    counts = weights(places, g)
    total = [Fraction(0)] * g.size
    for (one, other), weight in zip(places.tolist(), counts.tolist(), strict=True):
        total[one] += Fraction(weight)
        total[other] -= Fraction(weight)
    assert total == [Fraction(tap) for tap in g.ravel().tolist()]
    assert 2 * np.abs(counts).sum() == pytest.approx(np.abs(g).sum(), rel=1e-14)


def test_spent_taps_meet_no_others() -> None:
    places = differences(np.array([[3, 6, -1, -2, -2, -4]]))
    assert places is not None
    assert len(places) == 4


@pytest.mark.parametrize("g", [np.ones((3, 3)), [[1.0, -1 + 2**-52]], [[np.inf, -np.inf]],
                               [[1e308, 1e308, -1e308]], [[2**53 + 1, -(2**53)]]])  # fmt: skip
def test_filters_that_do_not_cancel(g: Any) -> None:
    assert differences(np.array(g)) is None


@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"dilation": 3}, {"stride": (3, 2)},
                                     {"dilation": 19, "stride": (1, 2)}])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_right_values(dtype: str, options: Any) -> None:
    f = RNG.integers(0, 200, (31, 46)).astype(dtype)
    for g in (*CANCEL.values(), odd(5) + 1j * odd(5), *MEANS.values()):
        if max(g.shape) < 14:
            asked = {"mode": "same", "boundary": "mirror", **options}
            check_plan(parconv.plan2d(f, g, method="direct", **asked), f, g, **asked)


@pytest.mark.parametrize("method", ["direct", "fft"])
def test_pixels_under_zeros_count_nothing(method: str) -> None:
    f = RNG.standard_normal((20, 31)).astype(np.float32)
    f[9, 11] = np.nan
    result = parconv.conv2d(f, LAPLACE, mode="same", boundary="symmetric", method=method)
    assert (np.isnan(result) == np.isnan(ndimage.laplace(f))).all()


def test_auto_takes_no_method_that_rounds() -> None:
    bend = np.outer([1, 4, 6, 4, 1, 0, 1, 4, 6, 4, 1], [1, 3, -8, 3, 1])
    assert traits_of(bend.astype(float))[1].rank == 1
    f = np.full((300, 300), 0.1)
    plan = parconv.plan2d(f, bend.astype(float), mode="same", boundary="edge")
    assert plan.method != "separable"
    assert (plan(f) == 0).all()
