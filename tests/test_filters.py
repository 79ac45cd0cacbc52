"""Distrusts the filters with a name: each against scipy.ndimage, whose semantics they promise."""

import gc
import inspect
import weakref
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from conftest import Poisoned
from hypothesis import given, strategies as st
from numpy.testing import assert_array_equal
from scipy import ndimage, special

import parconv
from parconv import filters
from parconv.filters import (
    LAPLACE,
    PREWITT,
    SOBEL,
    box_taps,
    gaussian_laplace_taps,
    gaussian_taps,
    same,
)
from parconv.filters.taps import KEPT_BYTES
from parconv.problem.filter import MOST_FILTERS, calls
from parconv.problem.outer import LARGEST
from parconv.problem.traits import traits_of

BORDERS = {
    "symmetric": "reflect",
    "edge": "nearest",
    "mirror": "mirror",
    "wrap": "wrap",
    "constant": "constant",
}
HELPERS = {
    "gaussian": lambda f, **options: parconv.gaussian(f, 1.2, **options),
    "box": lambda f, **options: parconv.box(f, (3, 2), **options),
    "sobel": parconv.sobel,
    "prewitt": parconv.prewitt,
    "laplace": parconv.laplace,
    "gaussian_laplace": lambda f, **options: parconv.gaussian_laplace(f, 1.2, **options),
    "scharr": parconv.scharr,
    "farid": parconv.farid,
    "difference_of_gaussians": lambda f, **o: parconv.difference_of_gaussians(f, 0.7, **o),
    "unsharp_mask": lambda f, **options: parconv.unsharp_mask(f, 1.2, 0.5, **options),
    "roberts": lambda f, **options: parconv.roberts(f, -1, **options),
    "derivative": lambda f, **options: parconv.derivative(f, (1, 2), (3, 5), **options),
}
HELPERS_ALONG = (parconv.sobel, parconv.prewitt, parconv.scharr, parconv.farid)
# smaller than most filters here, one row, one column, and more than one tile
SHAPES = ((3, 4), (1, 40), (33, 1), (23, 57))

border = pytest.mark.parametrize("boundary", BORDERS)
shapes = pytest.mark.parametrize("shape", SHAPES)
helpers = pytest.mark.parametrize("helper", HELPERS.values(), ids=HELPERS)


def image(shape: tuple[int, ...], dtype: Any = np.float64, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind in "bui":
        return rng.integers(0, 2 if dtype == "bool" else 120, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def assert_near(result: np.ndarray, right: np.ndarray, f: np.ndarray, g: np.ndarray) -> None:
    """To within rounding: of the largest pixel, since large filters may go through an FFT."""
    precision = np.finfo(result.dtype).eps if result.dtype.kind in "fc" else 1e-7
    size = np.abs(f).max() if f.size else 0
    assert result.shape == right.shape
    np.testing.assert_allclose(result, right, rtol=0, atol=64 * precision * size * np.abs(g).sum())


# --- Gaussian ------------------------------------------------------------------------------------

GAUSSIANS = (
    {"sigma": 1},
    {"sigma": 2.5},
    {"sigma": 6},
    {"sigma": (1, 3)},
    {"sigma": [0.4, 0.1]},
    {"sigma": (0, 2)},
    {"sigma": 0},
    {"sigma": 1.5, "order": 1},
    {"sigma": 1.5, "order": (0, 1)},
    {"sigma": (2, 1), "order": (2, 0)},
    {"sigma": 2, "order": (3, 4)},
    {"sigma": (0, 2), "order": (0, 1)},
    {"sigma": 3, "truncate": 2},
    {"sigma": 1, "truncate": 0.3},
    {"sigma": 1.3, "radius": 5},
    {"sigma": (1, 2), "radius": (6, 1)},
    {"sigma": 2, "radius": (0, 3), "order": (0, 1)},
    {"sigma": (0, 1), "radius": 2},
)


@pytest.mark.parametrize("options", GAUSSIANS, ids=str)
@shapes
def test_gaussian(shape: tuple[int, int], options: dict[str, Any]) -> None:
    f, g = image(shape), gaussian_taps(**options)
    for ours, theirs in BORDERS.items():
        result = parconv.gaussian(f, boundary=ours, **options)
        right = ndimage.gaussian_filter(f, mode=theirs, **options)
        assert result.dtype == f.dtype
        assert_near(result, right, f, g)


def test_high_orders() -> None:
    """Where SciPy's own polynomials overflow its integers."""
    for order in (5, 12, 30, 100):
        x = np.arange(-12, 13) / 3
        right = special.eval_hermitenorm(order, x) * (-1 / 3) ** order * gaussian_taps((0, 3))[0]
        np.testing.assert_allclose(
            gaussian_taps((0, 3), order=(0, order))[0], right, atol=1e-11 * np.abs(right).max()
        )


def test_borders_by_axis_and_by_default() -> None:
    f, g = image((9, 12)), gaussian_taps(2)
    result = parconv.gaussian(f, 2, boundary=("wrap", "mirror"))
    assert_near(result, ndimage.gaussian_filter(f, 2, mode=("wrap", "mirror")), f, g)
    for helper in HELPERS.values():
        assert_array_equal(helper(f), helper(f, boundary="symmetric"))


def test_constant_outside() -> None:
    f, g = image((9, 12)), gaussian_taps(2)
    result = parconv.gaussian(f, 2, boundary="constant", cval=2.5)
    assert_near(result, ndimage.gaussian_filter(f, 2, mode="constant", cval=2.5), f, g)


@pytest.mark.parametrize("order", [1, (2, 1)])
def test_derivatives_see_the_constant_before_they_filter(order: Any) -> None:
    """Not after the first axis was filtered, as in SciPy."""
    f, g = image((9, 12)), gaussian_taps(1, order=order)
    padded = np.pad(f, 8, constant_values=2.5)
    right = ndimage.gaussian_filter(padded, 1, order=order)[8:-8, 8:-8]
    result = parconv.gaussian(f, 1, order=order, boundary="constant", cval=2.5)
    assert_near(result, right, padded, g)


# --- box -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, (1, 4), (4, 2), (5, 6), [2, 1], 40], ids=str)
@shapes
def test_box(shape: tuple[int, int], size: Any) -> None:
    f, g = image(shape), box_taps(size)
    for ours, theirs in BORDERS.items():
        result = parconv.box(f, size, boundary=ours, cval=0.5)
        assert_near(result, ndimage.uniform_filter(f, size, mode=theirs, cval=0.5), f, g)


@pytest.mark.parametrize("size", [3, 4, (5, 2)], ids=str)
@border
def test_box_moved(boundary: str, size: Any) -> None:
    f, g = image((9, 12)), box_taps(size)
    h, w = g.shape
    origins = [(y, x) for y in range(-(h // 2), (h + 1) // 2) for x in range(-(w // 2), 1)]
    for origin in [*origins, -1, 0, [0, -1]]:
        result = parconv.box(f, size, origin=origin, boundary=boundary)
        right = ndimage.uniform_filter(f, size, origin=origin, mode=BORDERS[boundary])
        assert_near(result, right, f, g)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "bool"])
def test_sums_of_integers_are_exact(dtype: str) -> None:
    f = image((20, 31), dtype)
    if dtype == "int64":
        f += 2**53  # no float holds the odd ones
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(f, ((2, 1), (1, 1)), "symmetric"), (4, 3)
    )
    right = windows.astype(object).sum((-2, -1)).astype(np.int64)
    result = parconv.box(f, (4, 3), normalize=False)
    assert result.dtype == np.int64
    assert_array_equal(result, right)


def test_a_box_confines_nan() -> None:
    """A running sum, which SciPy uses, carries it on."""
    f = np.ones((7, 9))
    f[3, 4] = np.nan
    assert np.isnan(parconv.box(f, 3)).sum() == 9


# --- derivatives ---------------------------------------------------------------------------------

SLOPES = {
    "sobel": (parconv.sobel, ndimage.sobel, SOBEL),
    "prewitt": (parconv.prewitt, ndimage.prewitt, PREWITT),
}
slopes = pytest.mark.parametrize("name", SLOPES)


@slopes
@shapes
@pytest.mark.parametrize("axis", [-1, -2, 0, 1, np.int64(1)])
def test_slopes(name: str, shape: tuple[int, int], axis: int) -> None:
    ours, theirs, g = SLOPES[name]
    f = image(shape)
    for boundary, mode in BORDERS.items():
        assert_near(ours(f, axis, boundary=boundary), theirs(f, int(axis), mode=mode), f, g)


@slopes
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64"])
def test_slopes_of_integers_are_exact(name: str, dtype: str) -> None:
    ours, theirs, _ = SLOPES[name]
    f = image((20, 31), dtype)
    for axis in (0, 1):
        result = ours(f, axis)
        assert result.dtype == np.int64
        assert_array_equal(result, theirs(f.astype(np.int64), axis))


def test_slope_of_a_ramp() -> None:
    """Positive where the image grows; 8 and 6 times the slope, or the slope itself."""
    f = np.add.outer(3.0 * np.arange(30), 2.0 * np.arange(40))
    inside = np.s_[12:-12, 12:-12]
    for axis, slope in ((0, 3), (1, 2)):
        assert_array_equal(parconv.sobel(f, axis)[inside], 8 * slope)
        assert_array_equal(parconv.prewitt(f, axis)[inside], 6 * slope)
        order = (1, 0) if axis == 0 else (0, 1)
        smooth = parconv.gaussian(f, 2, order=order, truncate=6)[inside]
        np.testing.assert_allclose(smooth, slope, rtol=1e-6)


@border
@shapes
def test_laplace(shape: tuple[int, int], boundary: str) -> None:
    f = image(shape)
    mode = BORDERS[boundary]
    right = ndimage.laplace(f, mode=mode, cval=0.5)
    assert_near(parconv.laplace(f, boundary=boundary, cval=0.5), right, f, LAPLACE)
    f = image(shape, np.uint8)
    result = parconv.laplace(f, boundary=boundary)
    assert result.dtype == np.int64
    assert_array_equal(result, ndimage.laplace(f.astype(np.int64), mode=mode))


@pytest.mark.parametrize(
    "options",
    [
        {"sigma": 1},
        {"sigma": (1, 2.5)},
        {"sigma": 2, "truncate": 2.5},
        {"sigma": 1.5, "radius": 3},
        {"sigma": 1.5, "radius": (2, 4)},
    ],
    ids=str,
)
@shapes
def test_gaussian_laplace(shape: tuple[int, int], options: dict[str, Any]) -> None:
    f, g = image(shape), gaussian_laplace_taps(**options)
    for ours, theirs in BORDERS.items():
        result = parconv.gaussian_laplace(f, boundary=ours, **options)
        assert_near(result, ndimage.gaussian_laplace(f, mode=theirs, **options), f, g)


# --- images --------------------------------------------------------------------------------------


@helpers
@pytest.mark.parametrize("axes", [(0, 1), (-3, -2), (1, 2), (2, 0), (1, 0)])
def test_axes(helper: Callable[..., Any], axes: tuple[int, int]) -> None:
    """Each plane of a colour image or stack is filtered as if it were alone."""
    f = image((9, 11, 3))
    along = {"axis": axes[1]} if helper in HELPERS_ALONG else {}
    result = np.moveaxis(helper(f, axes=axes, **along), axes, (-2, -1))
    planes = np.moveaxis(f, axes, (-2, -1))
    for plane, right in zip(result, planes, strict=True):
        np.testing.assert_allclose(plane, helper(np.ascontiguousarray(right)), atol=1e-13)


@helpers
def test_channel_axis(helper: Callable[..., Any]) -> None:
    """All axes but that one, also of a call after the same call."""
    f = image((9, 11, 3))
    along = {"axis": 1} if helper in HELPERS_ALONG else {}
    right = helper(f, axes=(0, 1), **along)
    for channels in (-1, 2, -1, -1):
        assert_array_equal(helper(f, channel_axis=channels, **along), right)
    assert_array_equal(helper(f[..., 0], channel_axis=None), helper(f[..., 0]))
    assert_array_equal(helper(f, channel_axis=0, **along), helper(f, axes=(1, 2), **along))
    for wrong in (3, "C", True, 1.5):
        with pytest.raises(ValueError, match=r"channel_axis=.* of f with shape \(9, 11, 3\): pass"):
            helper(f, channel_axis=wrong)
    with pytest.raises(TypeError, match=r"axes=0 and channel_axis=1: pass one"):
        helper(f, channel_axis=1, axes=0)


@slopes
def test_axis_of_a_colour_image(name: str) -> None:
    ours, theirs, g = SLOPES[name]
    f = image((9, 11, 3))
    for axis, negative in ((0, -3), (1, -2)):
        right = np.stack([theirs(plane, axis) for plane in np.moveaxis(f, -1, 0)], -1)
        for spelling in (axis, negative):
            assert_near(ours(f, spelling, axes=(0, 1)), right, f, g)
            assert_near(ours(f, spelling, axes=(1, 0)), right, f, g)
    with pytest.raises(ValueError, match=r"axis=-1 is not one of axes=\(0, 1\): pass 0 or 1"):
        ours(f, axes=(0, 1))


@pytest.mark.parametrize(
    ("dtype", "weighted", "counted"),
    [
        ("bool", "float32", "int64"),
        ("uint8", "float32", "int64"),
        ("int16", "float32", "int64"),
        ("uint32", "float64", "int64"),
        ("float16", "float16", "float16"),
        ("float32", "float32", "float32"),
        ("float64", "float64", "float64"),
        ("complex64", "complex64", "complex64"),
    ],
)
def test_dtypes(dtype: str, weighted: str, counted: str) -> None:
    f = image((12, 14), dtype)
    wide = f.astype(np.complex128 if dtype == "complex64" else np.float64)
    smooth, total = parconv.gaussian(f, 1), parconv.box(f, 3, normalize=False)
    assert (smooth.dtype, total.dtype) == (weighted, counted)
    assert parconv.sobel(f).dtype == parconv.laplace(f).dtype == counted
    assert parconv.gaussian_laplace(f, 1).dtype == parconv.box(f, 3).dtype == weighted
    assert_near(smooth, ndimage.gaussian_filter(wide, 1), wide, gaussian_taps(1))


def test_an_asked_dtype_rounds_and_saturates() -> None:
    f = image((12, 14), np.uint8)
    smooth = parconv.gaussian(f, 1.5, dtype=np.uint8)
    exact = ndimage.gaussian_filter(f.astype(float), 1.5)
    assert smooth.dtype == np.uint8
    assert np.abs(smooth - exact).max() <= 0.5 + 1e-4
    total = parconv.box(f, 5, normalize=False)
    assert_array_equal(parconv.box(f, 5, normalize=False, dtype="uint8"), total.clip(0, 255))
    assert parconv.sobel(f, dtype=np.float32).dtype == np.float32


def test_accumulate() -> None:
    f = image((40, 50), np.float32)
    right = ndimage.uniform_filter(f.astype(float), 9)
    wide = parconv.box(f, 9, accumulate=np.float64)
    assert wide.dtype == np.float32
    assert (np.abs(wide - right) <= 0.51 * np.spacing(np.abs(wide))).all()


@helpers
def test_out(helper: Callable[..., Any]) -> None:
    f = image((20, 31), np.float32)
    target = Poisoned(f.shape, np.float32)
    assert helper(f, out=target.out) is target.out
    target.check()
    assert_array_equal(target.out, helper(f))


@helpers
def test_lists_and_empty_images(helper: Callable[..., Any]) -> None:
    rows = [[1.0, 2.0], [3.0, 5.0]]
    assert_array_equal(helper(rows), helper(np.array(rows)))
    assert helper(np.zeros((0, 3, 5))).shape == (0, 3, 5)


@helpers
def test_who_computes_does_not_matter(helper: Callable[..., Any]) -> None:
    f = image((50, 61), np.float32)
    right = helper(f, threads=1, method="direct")
    for strategy in ("serial", "threads"):
        assert_array_equal(helper(f, threads=2, strategy=strategy, method="direct"), right)
    np.testing.assert_allclose(helper(f, method="fft"), right, atol=1e-4)


def test_all_take_the_same_keywords() -> None:
    """Those of conv2d that make sense, with its defaults, but for the border."""
    usual = inspect.signature(parconv.conv2d).parameters
    shared = (
        "boundary", "cval", "axes", "channel_axis", "dtype", "accumulate", "bias", "scale",
        "overflow", "rounding", "where", "weights", "nan_policy", "min_weight", "out", "threads",
        "strategy", "method",
    )  # fmt: skip
    for name in HELPERS:
        own = inspect.signature(getattr(parconv, name)).parameters
        assert tuple(own)[-len(shared) :] == shared
        assert own["boundary"].default == "symmetric"
        for keyword in shared:
            assert own[keyword].kind is inspect.Parameter.KEYWORD_ONLY
            if keyword in usual and keyword != "boundary":
                assert own[keyword].default == usual[keyword].default


# --- the filters themselves ----------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.3, 1, 2.7, 11.3, 40])
def test_a_gaussian_is_symmetric_to_the_last_bit(sigma: float) -> None:
    g = gaussian_taps(sigma)
    for other in (g.T, g[::-1], g[:, ::-1]):
        assert_array_equal(g, other)
    assert abs(g.sum() - 1) < 1e-14
    slope = gaussian_taps(sigma, order=(0, 1))
    assert_array_equal(slope, slope[::-1])
    assert_array_equal(slope, -slope[:, ::-1])
    bent = gaussian_laplace_taps(sigma)
    for other in (bent[::-1], bent[:, ::-1]):
        assert_array_equal(bent, other)


@pytest.mark.parametrize(
    ("g", "rank", "even", "equal"),
    [
        *((gaussian_taps(sigma), 1, (True, True), False) for sigma in (0.3, 1, (1, 4), 5, 40)),
        (gaussian_taps(2, order=(0, 1)), 1, (True, False), False),
        (gaussian_taps((1, 2), order=(3, 2)), 1, (False, True), False),
        *((gaussian_laplace_taps(sigma), 2, (True, True), False) for sigma in (1, (2, 3), 20)),
        (box_taps((7, 9)), 1, (True, True), True),
        (box_taps(6, normalize=False), 1, (True, True), True),
        (SOBEL, 1, (True, False), False),
        (PREWITT.T, 1, (False, True), False),
    ],
)
def test_the_planner_sees_what_they_are(g: Any, rank: int, even: Any, equal: bool) -> None:
    traits = traits_of(g)[1]
    assert (traits.rank, traits.even, traits.equal) == (rank, even, equal)


def test_integers_stay_integers() -> None:
    for g in (box_taps(3, normalize=False), SOBEL, PREWITT, LAPLACE):
        assert g.dtype == np.int64


def test_small_filters_are_shared_and_large_ones_forgotten() -> None:
    assert gaussian_taps(2) is gaussian_taps((2.0, 2.0)) is not gaussian_taps(2, order=1)
    assert box_taps(3) is box_taps((3, 3)) is not box_taps(3, normalize=False)
    for g in (gaussian_taps(2), gaussian_laplace_taps(2), box_taps(3), SOBEL, PREWITT, LAPLACE):
        with pytest.raises(ValueError, match="read-only"):
            g[0, 0] = 1
    large = gaussian_taps(30)
    assert large.nbytes > KEPT_BYTES
    seen = [weakref.ref(large), *(weakref.ref(gaussian_taps(1.5 + n / 1999)) for n in range(600))]
    del large
    gc.collect()
    assert seen[0]() is None
    assert sum(one() is not None for one in seen) <= MOST_FILTERS


def test_a_narrow_gaussian_is_no_filter() -> None:
    assert_array_equal(gaussian_taps(1e-16), [[1]])
    assert_array_equal(gaussian_taps(1e-9, radius=1), [[0, 0, 0], [0, 1, 0], [0, 0, 0]])


def test_numbers_of_other_types() -> None:
    assert gaussian_taps(np.float32(1.5), order=np.int8(1)) is gaussian_taps(1.5, order=1)
    assert gaussian_taps([Fraction(3, 2), 1], truncate=4) is gaussian_taps((1.5, 1))


def test_arrays_as_arguments() -> None:
    """As scipy.ndimage takes them: of two numbers, or of none."""
    f = image((9, 12))
    for found, right in (
        (parconv.gaussian(f, np.array([1, 2.5])), parconv.gaussian(f, (1, 2.5))),
        (parconv.gaussian(f, np.array(2)), parconv.gaussian(f, 2)),
        (parconv.gaussian(f, [np.array(1), 2]), parconv.gaussian(f, (1, 2))),
        (parconv.gaussian(f, 2, truncate=np.array(3.0)), parconv.gaussian(f, 2, truncate=3)),
        (parconv.gaussian(f, 2, radius=np.array([3, 1])), parconv.gaussian(f, 2, radius=(3, 1))),
        (parconv.gaussian(f, 2, order=np.array([0, 1])), parconv.gaussian(f, 2, order=(0, 1))),
        (parconv.gaussian_laplace(f, np.array([1, 2])), parconv.gaussian_laplace(f, (1, 2))),
        (parconv.box(f, np.array([2, 3])), parconv.box(f, (2, 3))),
        (parconv.box(f, np.array(3), origin=np.array([0, 1])), parconv.box(f, 3, origin=(0, 1))),
        (parconv.sobel(f, np.array(0)), parconv.sobel(f, 0)),
        (
            parconv.laplace(f, boundary=np.array(["wrap", "edge"])),
            parconv.laplace(f, boundary=("wrap", "edge")),
        ),
    ):
        assert_array_equal(found, right)


def test_a_wide_one_is_cut_by_radius() -> None:
    np.testing.assert_allclose(gaussian_taps(1e9, radius=1), np.full((3, 3), 1 / 9))


# --- errors --------------------------------------------------------------------------------------

F = np.ones((6, 7), np.float32)
ERRORS = (
    (lambda out: parconv.gaussian(F, -1, out=out), ValueError, "sigma=-1: pass at least 0"),
    (lambda out: parconv.gaussian(F, np.nan, out=out), ValueError, "sigma=nan: pass at least 0"),
    (lambda out: parconv.gaussian(F, (1, np.inf), out=out), ValueError, r"sigma=\(1, inf\): pass"),
    (lambda out: parconv.gaussian(F, 10**400, out=out), ValueError, "finite"),
    (lambda out: parconv.gaussian(F, "2", out=out), TypeError, "sigma='2': pass a number or a pai"),
    (lambda out: parconv.gaussian(F, None, out=out), TypeError, "sigma=None: pass a number"),
    (lambda out: parconv.gaussian(F, True, out=out), TypeError, "sigma=True: pass a number"),
    (lambda out: parconv.gaussian(F, 1j, out=out), TypeError, "sigma=1j: pass a number"),
    (lambda out: parconv.gaussian(F, (1, 2, 3), out=out), ValueError, r"sigma=\(1, 2, 3\): pass"),
    (lambda out: parconv.gaussian(F, 1e7, out=out), ValueError, "sigma=.*80000001 x 80000001 ta"),
    (lambda out: parconv.gaussian(F, 1e300, out=out), ValueError, "taps; pass less"),
    (lambda out: parconv.gaussian(F, 1, radius=2**40, out=out), ValueError, "radius=.*taps; pass"),
    (lambda out: parconv.gaussian(F, 1, radius=(None, 2), out=out), TypeError, "None, which means"),
    (lambda out: parconv.gaussian(F, 1, order=-1, out=out), ValueError, "order=-1: pass integers"),
    (lambda out: parconv.gaussian(F, 1, order=101, out=out), ValueError, "order=101: pass .* 100"),
    (lambda out: parconv.gaussian(F, 1, order=1.0, out=out), TypeError, "order=1.0: pass an integ"),
    (lambda out: parconv.gaussian(F, 1, order=True, out=out), TypeError, "order=True: pass an int"),
    (lambda out: parconv.gaussian(F, 1, order=(True, 0), out=out), TypeError, "order=.True, 0.: "),
    (lambda out: parconv.gaussian(F, 1, order=(1, 0, 0), out=out), ValueError, "order=.1, 0, 0.: "),
    (lambda out: parconv.gaussian(F, 0, order=1, out=out), ValueError, "sigma=0.0 has no derivati"),
    (lambda out: parconv.gaussian(F, 1e-9, order=90, out=out), ValueError, "order=90 of sigma=1e-"),
    (lambda out: parconv.gaussian(F, 1, truncate=-1, out=out), ValueError, "truncate=-1: pass at"),
    (
        lambda out: parconv.gaussian(F, 1, truncate="4", out=out),
        TypeError,
        "truncate='4': pass a n",
    ),
    (
        lambda out: parconv.gaussian(F, 1, radius=-1, out=out),
        ValueError,
        "radius=-1: pass integers",
    ),
    (
        lambda out: parconv.gaussian(F, 1, radius=1.5, out=out),
        TypeError,
        "radius=1.5: pass an inte",
    ),
    (lambda out: parconv.gaussian(F, 1, boundary="reflect", out=out), ValueError, "'symmetric'"),
    (lambda out: parconv.gaussian(F[0, 0], 1, out=out), ValueError, "f has shape"),
    (lambda out: parconv.gaussian(F, 1, dtype="int8", out=out), TypeError, "out has dtype float32"),
    (lambda out: parconv.gaussian_laplace(F, (1, 0), out=out), ValueError, "sigma=0.0 has no deri"),
    (lambda out: parconv.box(F, 0, out=out), ValueError, "size=0: pass integers of at least 1"),
    (lambda out: parconv.box(F, 3.0, out=out), TypeError, "size=3.0: pass an integer or .*, 3$"),
    (lambda out: parconv.box(F, np.ones(3, int), out=out), ValueError, r"size=array\(\[1, 1, 1\]"),
    (
        lambda out: parconv.gaussian(F, np.array([True, 2]) == 1, out=out),
        TypeError,
        r"sigma=array\(\[ True",
    ),
    (lambda out: parconv.gaussian(F, "x" * 9999, out=out), TypeError, "sigma='xxx.* ... x"),
    (
        lambda out: parconv.sobel([np.ma.ones(7)] * 6, out=out),
        TypeError,
        "f is a masked array: pass",
    ),
    (lambda out: parconv.box(F, (2, 2.5), out=out), TypeError, r"size=\(2, 2.5\): pass an integer"),
    (lambda out: parconv.box(F, 10**8, out=out), ValueError, "size=.* 100000000 x 100000000 taps"),
    (lambda out: parconv.box(F, 4, origin=2, out=out), ValueError, "origin=2 .* pass -2 to 1"),
    (lambda out: parconv.box(F, 3, origin=(0, -2), out=out), ValueError, "origin=.* pass -1 to 1"),
    (lambda out: parconv.box(F, 3, origin="0", out=out), TypeError, "origin='0': pass an integer"),
    (lambda out: parconv.sobel(F, 2, out=out), ValueError, "axis=2 is not one of .* pass 0 or 1"),
    (lambda out: parconv.prewitt(F, -3, out=out), ValueError, "axis=-3 is not one of"),
    (lambda out: parconv.sobel(F, 1.0, out=out), TypeError, "axis=1.0: pass an integer, 0 or 1"),
    (lambda out: parconv.sobel(F, None, out=out), TypeError, "axis=None: pass an integer, 0 or 1"),
    (lambda out: parconv.sobel(F[0, 0], out=out), ValueError, "f has shape"),
    (lambda out: parconv.sobel("picture", out=out), TypeError, "f has dtype"),
    (lambda out: parconv.laplace(F, axes=(0, 0), out=out), ValueError, "axes=.* names one axis"),
)


@pytest.mark.parametrize(("call", "error", "words"), ERRORS, ids=[words for _, _, words in ERRORS])
def test_errors(call: Callable[..., Any], error: type[Exception], words: str) -> None:
    gaussian_taps(1, order=1), box_taps(3)  # remembered answers must not let wrong types pass
    target = Poisoned(F.shape, F.dtype)
    with pytest.raises(error, match=words):
        call(target.out)
    target.check_unchanged()


def test_the_largest_filter_is_allowed() -> None:
    assert box_taps((1, LARGEST)).size == LARGEST
    for size in ((1, LARGEST + 1), (4097, 4097)):
        with pytest.raises(ValueError, match="taps"):
            box_taps(size)


# --- laws ----------------------------------------------------------------------------------------

SIGMA = st.one_of(st.just(0.0), st.floats(0.05, 8))
REPEATING = st.sampled_from([name for name in BORDERS if name != "constant"])


@given(st.tuples(SIGMA, SIGMA), st.tuples(st.integers(1, 9), st.integers(1, 9)), REPEATING)
def test_a_constant_image_stays_constant(sigma: Any, size: Any, boundary: str) -> None:
    f = np.full((7, 19), 3.7, np.float32)
    for result in (
        parconv.gaussian(f, sigma, boundary=boundary),
        parconv.gaussian(f, sigma, boundary="constant", cval=3.7),
        parconv.box(f, size, boundary=boundary),
    ):
        np.testing.assert_allclose(result, 3.7, rtol=2e-6)
    for helper in (parconv.sobel, parconv.prewitt, parconv.laplace):
        assert np.abs(helper(f, boundary=boundary)).max() <= 3e-6


@given(st.floats(0.3, 4), st.sampled_from(list(BORDERS)), st.integers(0, 2**32 - 1))
def test_linear(sigma: float, boundary: str, seed: int) -> None:
    a, b = image((11, 23), seed=seed), image((11, 23), seed=seed + 1)
    for name in HELPERS:
        helper = getattr(filters, name)
        wide = name not in (*SLOPES, "scharr", "farid", "laplace", "roberts")
        given = [{"box": 3, "derivative": (0, 1)}.get(name, sigma)] if wide else []
        both = helper(2 * a - b, *given, boundary=boundary)
        apart = 2 * helper(a, *given, boundary=boundary) - helper(b, *given, boundary=boundary)
        size = max(np.abs(both).max(), 1) * max(1, sigma**-2)
        np.testing.assert_allclose(both, apart, rtol=0, atol=1e-12 * size)


# --- the same call again -------------------------------------------------------------------------

AGAIN: list[tuple[str, dict[str, Any], list[dict[str, Any]]]] = [
    ("gaussian", {"sigma": 1.0}, [{"sigma": 2.0}, {"order": (0, 1)}, {"radius": 1}]),
    ("box", {"size": 3}, [{"size": (1, 5)}, {"normalize": False}, {"origin": (1, 0)}]),
    ("sobel", {}, [{"axis": -2}, {"cval": 2, "boundary": "constant"}]),
    ("laplace", {}, [{"boundary": "wrap"}, {"dtype": "f8"}]),
]


@pytest.mark.parametrize(("name", "words", "others"), AGAIN, ids=[name for name, *_ in AGAIN])
def test_a_call_after_the_same_call(
    name: str, words: dict[str, Any], others: list[dict[str, Any]]
) -> None:
    """Which finds the last one's plan: other words, images and threads are other calls."""
    f, call = image((12, 9), "float32"), getattr(parconv, name)
    right = call(f, **words, threads=2)
    for other in (*others, {"threads": 2}, {"dtype": "f8"}):
        for _ in range(3):
            assert_array_equal(call(f, **words, threads=1), right)
        changed = {**words, "threads": 1, **other}
        fresh = call(f[None], **changed)[0]  # of another shape
        assert_array_equal(call(f, **changed), fresh)
    wide = np.full(f.shape, np.nan)  # an output says which type the result has
    assert call(f, **words, threads=1, out=wide) is wide
    assert_array_equal(wide, call(f[None], **words, threads=1, dtype="f8")[0])
    assert_array_equal(call(f.T, **words, threads=1).shape, f.T.shape)
    assert call(f.astype("f8"), **words, threads=1).dtype == np.float64
    with pytest.raises(TypeError, match="threads=True"):
        call(f, **words, threads=True)
    assert_array_equal(call(f, **words, threads=1), right)
    for _ in range(3):
        call(f, **words, threads=1)
    found = [
        known
        for key, known in calls.items()
        if type(key) is tuple and key[0] is getattr(same, name)
    ]
    assert found, "it would not be found again"


def test_words_that_change_their_minds() -> None:
    """A list is the same object, and may hold others."""
    f, size = image((12, 9), "float32"), [3, 3]
    for n in (3, 3, 3, 5, 3):
        size[:] = [n, n]
        assert_array_equal(parconv.box(f, size, threads=1), parconv.box(f[None], n)[0])


# --- contrasts -----------------------------------------------------------------------------------


@border
@shapes
def test_contrasts_are_those_of_gaussians(shape: tuple[int, int], boundary: Any) -> None:
    f, g = image(shape), gaussian_taps(2)
    low, high = (parconv.gaussian(f, s, boundary=boundary, truncate=3) for s in (1, (2, 1.5)))
    found = parconv.difference_of_gaussians(f, 1, (2, 1.5), truncate=3, boundary=boundary)
    assert_near(found, low - high, f, g)
    found = parconv.unsharp_mask(f, (2, 1.5), 0.7, truncate=3, boundary=boundary)
    assert_near(found, f + 0.7 * (f - high), f, g)
    found = parconv.gaussian_gradient_magnitude(f, 1.5, boundary=boundary)
    right = ndimage.gaussian_gradient_magnitude(f, 1.5, mode=BORDERS[boundary])
    if boundary != "constant":  # which SciPy's second pass does not continue
        assert_near(found, right, f, g)


def test_contrasts_of_signals_and_volumes() -> None:
    f = image((30,))
    wide = parconv.gaussian(f, 1.6, axes=0)
    narrow = parconv.gaussian(f, 1, axes=0, radius=6)
    found = parconv.difference_of_gaussians(f, 1, axes=0)
    np.testing.assert_allclose(found, narrow - wide, atol=2e-4)  # it ends at four sigma, not six
    for call in (parconv.difference_of_gaussians, parconv.unsharp_mask):
        with pytest.raises(ValueError, match="along 3 axes: pass one or two"):
            call(image((5, 5, 5)), 1, axes=(0, 1, 2))
    volume = image((7, 8, 9))
    found = parconv.gaussian_gradient_magnitude(volume, 1, axes=(0, 1, 2))
    np.testing.assert_allclose(found, ndimage.gaussian_gradient_magnitude(volume, 1), atol=1e-12)


def test_sharpened_bytes_saturate() -> None:
    f = image((23, 57), np.uint8) * 2
    smooth = parconv.gaussian(f, 1.0).astype(float)
    right = np.clip(np.rint(f + 3 * (f - smooth)), 0, 255)
    found = parconv.unsharp_mask(f, 1.0, 3, dtype="uint8")
    assert np.abs(found - right).max() <= 1


def test_slopes_that_turn_evenly() -> None:
    """The direction of a wave, by either slope: nearest by Farid's filter, then by Scharr's."""
    y, x = np.mgrid[:40, :40].astype(float)
    wave, inner = np.sin(0.8 * x + 0.6 * y), (slice(4, -4), slice(4, -4))

    def error(call: Any) -> float:
        down, across = (np.abs(call(wave, axis)[inner]).max() for axis in (0, 1))
        return float(abs(np.arctan2(down, across) - np.arctan2(0.6, 0.8)))

    assert error(parconv.farid) < error(parconv.scharr) < error(parconv.sobel)
    ramp = 3 * x - 2 * y
    np.testing.assert_allclose(parconv.farid(ramp)[inner], 3, rtol=0.01)
    np.testing.assert_allclose(parconv.farid(ramp, 0)[inner], -2, rtol=0.01)
    np.testing.assert_array_equal(parconv.scharr(ramp)[inner], 96)


def test_scharr_is_opencvs() -> None:
    cv2 = pytest.importorskip("cv2")
    f = image((23, 57), np.float32)
    np.testing.assert_allclose(
        parconv.scharr(f, boundary="mirror"), cv2.Scharr(f, -1, 1, 0), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [(lambda: parconv.difference_of_gaussians(F, 2, 1), ValueError, "high=1 is less than low=2"),
     (lambda: parconv.unsharp_mask(F, 1, np.inf), TypeError, "amount=inf: pass a finite"),
     (lambda: parconv.gaussian_gradient_magnitude(F, 1, dtype=int), TypeError, "dtype=.*floating"),
     (lambda: parconv.gaussian_gradient_magnitude(F, 0), ValueError, "no derivative")],
)  # fmt: skip
def test_wrong_contrasts(call: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
