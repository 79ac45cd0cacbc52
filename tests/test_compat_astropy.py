"""Distrusts astropy's names here: astropy's own tests on our functions, loops, and random calls."""

import itertools
import math
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hooked
import numpy as np
import pytest
from conftest import RunPython
from hooked import Suite
from hypothesis import given, settings, strategies as st
from oracle import source

import parconv.compat
from parconv.compat import astropy as ours
from parconv.compat.astropy.sums import PIECE, ROWS

theirs = pytest.importorskip("astropy.convolution")
LONG = np.longdouble
BORDERS = {"fill": "constant", "extend": "edge", "wrap": "wrap", None: "constant"}


# --- their own tests -----------------------------------------------------------------------------

TESTS = "astropy.convolution.tests.test_"
SUITES = (
    Suite("astropy.convolution", TESTS + "convolve", "TestConvolve3D", 45, {}),
    pytest.param(
        Suite("astropy.convolution", TESTS + "convolve", "", 600, {}), marks=pytest.mark.soak
    ),
)
WHOLE = Suite("astropy.convolution", "astropy.convolution", "", 1700, {})
# What is left to astropy there, by the test that asks for it: 0.3 % of the calls.
OF_WHOLE = {"return_fft": 4, "complex kernel": 1}  # test_padding, test_big_fail (an error)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("suite", [*SUITES, pytest.param(WHOLE, marks=pytest.mark.soak)])
def test_their_own(suite: Suite, tmp_path: Path) -> None:
    """With our functions in astropy's modules before the tests import them, each call counted."""
    found = hooked.run(suite, tmp_path)
    assert found["fallbacks"] == (OF_WHOLE if suite is WHOLE else {})


# --- loops over pixels and taps ------------------------------------------------------------------


class Right:
    """The answer by definition in long double, and how large the sums of moduli are."""

    def __init__(self, f: Any, g: Any, boundary: Any, fill: float, gone: Any) -> None:
        self.f, self.g, self.gone = f.astype(LONG), np.asarray(g, LONG), gone
        self.border, self.fill = BORDERS[boundary], LONG(fill)
        self.inner = boundary is None

    def at(self, place: tuple[int, ...], skips: bool) -> tuple[Any, Any, Any]:
        """Σ g f, Σ g and Σ |g f| of one output, of all pixels or of those that are there."""
        top, weight, size = LONG(0), LONG(0), LONG(0)
        for tap, value in np.ndenumerate(self.g):
            shape = zip(place, self.g.shape, tap, self.f.shape, strict=True)
            found = tuple(source(i + k // 2 - t, n, self.border) for i, k, t, n in shape)
            outside = -1 in found
            pixel = self.fill if outside else self.f[found]
            if skips and (np.isnan(pixel) if outside else self.gone[found]):
                continue
            top, weight = top + value * pixel, weight + value
            size += abs(value * pixel)
        return top, weight, size

    def is_inside(self, place: tuple[int, ...]) -> bool:
        sides = zip(place, self.g.shape, self.f.shape, strict=True)
        return all(k // 2 <= i < n - k // 2 for i, k, n in sides)

    def convolve(self, interpolates: bool, normalizes: bool) -> tuple[Any, Any]:
        result, sizes = np.zeros(self.f.shape, LONG), np.ones(self.f.shape, LONG)
        whole = self.g.sum()
        for place in np.ndindex(*self.f.shape):
            if self.inner and not self.is_inside(place):
                continue
            top, weight, size = self.at(place, interpolates)
            if not interpolates:
                weight = whole
            own = LONG(np.nan) if self.gone[place] and interpolates else self.f[place]
            factor = LONG(1) if normalizes else whole
            if not (interpolates or normalizes):
                result[place], sizes[place] = top, size
            elif weight:
                result[place] = top / weight * factor
                sizes[place] = abs(size / weight * factor)
            else:
                result[place] = own * factor
                sizes[place] = abs(result[place])
        return result, sizes

    def transformed(self, total: Any, scale: Any, least: float) -> tuple[Any, Any]:
        result, sizes = np.zeros(self.f.shape, LONG), np.ones(self.f.shape, LONG)
        for place in np.ndindex(*self.f.shape):
            top, weight, size = self.at(place, True)
            if weight / scale >= (least * (1 - 1e-14) or 1e-14):
                result[place] = top / weight * total
                sizes[place] = abs(size / weight * total)
            elif least:
                result[place] = np.nan
        return result, sizes


def agree(found: Any, right: Any, sizes: Any, terms: int) -> None:
    """To rounding of each output's own terms."""
    assert np.array_equal(np.isnan(found), np.isnan(right))
    bound = (terms + 8) * np.finfo(found.dtype).eps * np.where(np.isnan(sizes), 1, sizes)
    error = np.where(np.isnan(right), 0, np.abs(found - right))
    assert (error <= bound).all(), float((error / bound).max())


def drawn(seed: int, ndim: int, dtype: str, part: float, taps: str) -> tuple[Any, Any, Any]:
    """An image with NaN, a kernel of whole numbers, and a mask."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, {1: 12, 2: 7, 3: 5}[ndim], ndim))
    sizes = rng.integers(0, 3, ndim) * 2 + 1 if taps != "even" else rng.integers(1, 6, ndim)
    f = (rng.standard_normal(shape) * 9).astype(dtype)
    if f.dtype.kind == "f":
        f[rng.random(shape) < part] = np.nan
    g = rng.integers(-2 if taps == "signed" else 0, 5, sizes)
    g.flat[0] += max(0, 1 - g.sum())
    return f, g, rng.random(shape) < part


draws = st.builds(
    drawn, st.integers(0, 1 << 30), st.sampled_from([1, 2, 3]),
    st.sampled_from(["float64", "float32", ">f8", "int16"]), st.sampled_from([0, 0.2, 0.8, 1]),
    st.sampled_from(["plain", "signed"]),
)  # fmt: skip
evens = st.builds(
    drawn, st.integers(0, 1 << 30), st.sampled_from([1, 2, 3]),
    st.sampled_from(["float64", "float32", "int16"]), st.sampled_from([0, 0.2, 0.8, 1]),
    st.just("even"),
)  # fmt: skip
words = st.fixed_dictionaries(
    {
        "boundary": st.sampled_from(["fill", "extend", "wrap"]),
        "fill_value": st.sampled_from([0.0, 1.5, math.nan]),
        "nan_treatment": st.sampled_from(["interpolate", "fill"]),
        "normalize_kernel": st.booleans(),
        "preserve_nan": st.booleans(),
    }
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(draws, words, st.booleans(), st.booleans())
def test_convolve_equals_loops(drawn: Any, asked: Any, masks: bool, inner: bool) -> None:
    f, g, mask = drawn
    if inner and all(n >= k for n, k in zip(f.shape, g.shape, strict=True)):
        asked = {**asked, "boundary": None}
    gone = np.isnan(f) | (mask & masks)
    fills, fill = asked["nan_treatment"] == "fill", asked["fill_value"]
    lost = asked["boundary"] == "fill" and math.isnan(fill)
    image = np.where(gone, fill, f.astype(LONG)) if fills else f
    right = Right(image, g, asked["boundary"], fill, gone & (not fills))
    interpolates = not fills and bool(gone.any() or lost)
    values, sizes = right.convolve(interpolates, asked["normalize_kernel"])
    if asked["preserve_nan"]:
        values[gone] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ours.convolve(f, g, mask=mask if masks else None, **asked)
    assert found.dtype == (f.dtype if f.dtype.kind == "f" else np.float64)
    agree(found, values, sizes, g.size)


@settings(max_examples=60, deadline=None)
@given(
    evens, st.sampled_from([0.0, 1.5, math.nan]), st.sampled_from([True, False, np.max]),
    st.sampled_from([0, 0.3, 0.8]), st.booleans(),
)  # fmt: skip
def test_convolve_fft_equals_loops(
    drawn: Any, fill: float, normalize: Any, least: float, infinite: bool
) -> None:
    f, g, mask = drawn
    if f.dtype.kind == "f" and infinite:
        f[mask] = -math.inf
    right = Right(f, g, "fill", fill, ~np.isfinite(f))
    whole = right.g.sum()
    scale = right.g.max() if normalize is np.max else whole
    total = LONG(1) if normalize is True else scale
    values, sizes = right.transformed(total, scale, least)
    found = ours.convolve_fft(f, g, fill_value=fill, normalize_kernel=normalize, min_wt=least)
    assert found.dtype == np.float64
    agree(found, values, sizes, g.size)


# --- astropy itself ------------------------------------------------------------------------------


def outcome(call: Callable[[], Any]) -> tuple[Any, Any]:
    """A result or the kind of an error, and the warnings told."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            result = call()
        except Exception as error:
            return type(error), {str(error).split("\n")[0][:60]}
    return result, {(each.category, str(each.message)) for each in told}


def same(name: str, *arguments: Any, **words: Any) -> None:
    """Equal results, types and warnings; or errors of the same kind."""
    right, told = outcome(lambda: getattr(theirs, name)(*arguments, **words))
    found, ours_told = outcome(lambda: getattr(ours, name)(*arguments, **words))
    case = name, words
    assert type(found) is type(right), (case, found, right)
    if isinstance(right, type):
        assert found is right, case
        return
    assert told == ours_told, case
    assert getattr(found, "unit", None) == getattr(right, "unit", None), case
    found, right = (np.asarray(getattr(each, "array", each)) for each in (found, right))
    assert (found.dtype, found.shape) == (right.dtype, right.shape), case
    # A transform's error is relative to the largest number, and it may be a single one.
    scale = float(np.nanmax(np.abs(right[np.isfinite(right)]), initial=1))
    kinds = right.dtype, np.dtype(words.get("complex_dtype", complex))
    bound = 60 * max(float(np.finfo(kind).eps) for kind in kinds) * scale
    np.testing.assert_allclose(found, right, rtol=0, atol=bound, err_msg=str(case))


@settings(max_examples=60, deadline=None)
@given(draws, words, st.booleans())
def test_convolve_equals_theirs(drawn: Any, asked: Any, masks: bool) -> None:
    f, g, mask = drawn
    same("convolve", f, g, mask=mask if masks else None, **asked)
    if masks:
        same("convolve", np.ma.masked_array(f, mask), g, **asked)


@settings(max_examples=60, deadline=None)
@given(
    evens, words, st.booleans(), st.sampled_from([None, "wrap", "fill", "extend"]),
    st.sampled_from([complex, np.complex64]),
)  # fmt: skip
def test_convolve_fft_equals_theirs(
    drawn: Any, asked: Any, masks: bool, boundary: Any, kind: Any
) -> None:
    f, g, mask = drawn
    same(
        "convolve_fft", f, g, mask=mask if masks else None, complex_dtype=kind,
        dealias=boundary != "wrap" and masks, **{**asked, "boundary": boundary},
    )  # fmt: skip


@pytest.mark.parametrize("size", [PIECE * ROWS, PIECE * ROWS + 77])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int16"])
def test_long_signals_equal_theirs(size: int, dtype: str) -> None:
    """Which are filtered in pieces."""
    rng = np.random.default_rng(6)
    f = (rng.standard_normal(size) * 9).astype(dtype)
    mask, g = rng.random(size) < 0.2, rng.integers(0, 4, 15)
    g[7], mask[100:140] = 0, True
    holed = np.where(mask, np.nan, f).astype("f4" if dtype == "float32" else "f8")
    for boundary, fill in itertools.product((None, "fill", "wrap", "extend"), (0, 1.5, math.nan)):
        for kernel in (g, g - 1):
            asked: Any = {"boundary": boundary, "fill_value": fill}
            same("convolve", holed, kernel, **asked)
            same("convolve", f, kernel, mask=mask, **asked)
            same("convolve", f, kernel, nan_treatment="fill", **asked)
            same("convolve_fft", f, kernel, mask=mask, **asked)


@pytest.mark.parametrize("boundary", ["fill", "wrap"])
@pytest.mark.parametrize("taps", [31, 32])
def test_large_kernels_equal_theirs(boundary: str, taps: int) -> None:
    """Whose weights transforms may sum: what nothing is under is still nothing."""
    rng = np.random.default_rng(7)
    f, g = rng.random((150, 160)), rng.random((taps, taps + 2))
    f[rng.random(f.shape) < 0.1] = np.nan
    f[50:90, 60:110] = np.inf
    for least in (0, 0.3):
        asked: Any = {"boundary": boundary, "min_wt": least}
        found, right = (module.convolve_fft(f, g, **asked) for module in (ours, theirs))
        # Both divide by what transforms sum, which may be a thousandth of all weights.
        np.testing.assert_allclose(found, right, rtol=0, atol=1e-12)
    found = ours.convolve_fft(f, g, boundary=boundary)
    assert np.count_nonzero(found == 0) >= (40 - taps) * (50 - taps - 2)
    np.testing.assert_array_equal(found[70, 80:85], 0)


@pytest.mark.parametrize(("array", "kernel", "words"), [
    ([1.0, 2], [1, 1], {}),
    ([1.0, 2], [[1]], {}),
    (3.0, 1.0, {}),
    ([], [1.0], {}),
    (np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1)), {}),
    ("glork", [1.0], {}),
    ([[1, 2], [3]], [[1.0]], {}),
    ([1.0, 2], [1, 1, 1], {"boundary": None}),
    ([1.0, 2], [1, -1, 0], {}),
    ([1.0, np.nan], [1, -1, 0], {"normalize_kernel": False}),
    ([1.0, 2], [1, -1, 0], {"normalize_kernel": False}),
    ([1.0, 2], [1, 0, 1], {"boundary": "mirror"}),
    ([1.0, 2], [1, 0, 1], {"nan_treatment": "omit"}),
    ([1.0, 2], np.ma.masked_array([1, 1, 1], [0, 1, 0]), {}),
    ([1.0, np.inf, 2, 3, 4], [1, 0, 1], {}),
    ([1.0, np.inf, np.nan, 3, 4], [1, 0, 1], {}),
    ([1.0, 2, 3], [1, 2, 1], {"boundary": "fill", "fill_value": np.inf}),
    (np.float16([1, 2, np.nan]), [1, 2, 1], {}),
    (np.longdouble([1, 2, 3]), [1, 2, 1], {}),
    (np.array([True, False, True]), [1, 2, 1], {}),
    (np.arange(6, dtype=object).reshape(2, 3), [[1, 2, 1]], {}),
    (np.full((9, 9), np.nan), np.ones((3, 3)), {}),
])  # fmt: skip
def test_convolve_of_odd_things(array: Any, kernel: Any, words: Any) -> None:
    same("convolve", array, kernel, **words)


@pytest.mark.parametrize(("array", "kernel", "words"), [
    ([1.0, 2], [[1]], {}),
    ([1.0, 2], [1, -1], {}),
    ([1.0, 2], [1, -1], {"normalize_kernel": False}),
    ([1.0, 2, 4], [1, -1], {"normalize_kernel": False, "nan_treatment": "fill"}),
    ([1.0, 2, np.nan], [1, -1], {"normalize_kernel": np.max}),
    ([1.0, 2, np.nan], [1, -1], {"normalize_kernel": np.max, "nan_treatment": "fill"}),
    ([1.0, np.nan], [1, 1], {"nan_treatment": "fill", "fill_value": np.nan}),
    ([1.0, 2], [1, 1], {"nan_treatment": "omit"}),
    ([1.0, 2], [1, 1], {"boundary": "wrap", "psf_pad": True}),
    ([1.0, 2], [1, 1], {"boundary": "wrap", "fft_pad": True}),
    ([1.0, 2], [1, 1], {"boundary": "wrap", "dealias": True}),
    ([1.0, 2], [1, np.nan, 1], {}),
    ([1.0, 2j], [1, 1, 1], {}),
    ([1.0, 2j, np.nan], [1, 1, 1], {}),
    (np.float32([1, 2, 3]), [1, 1, 1], {"complex_dtype": np.complex64}),
    (np.float32([1, 2, np.nan]), [1, 1, 1], {"complex_dtype": np.complex64, "boundary": "wrap"}),
    (np.arange(16.0).reshape(1, 2, 2, 4), np.ones((1, 2, 1, 3)), {}),
    ([1.0, np.nan, np.nan, np.nan, 2], [1, 1, 1], {"min_wt": 0.5, "preserve_nan": True}),
    ([1.0, np.nan, 3], [1, 1, 1], {"min_wt": 2}),
])  # fmt: skip
def test_convolve_fft_of_odd_things(array: Any, kernel: Any, words: Any) -> None:
    same("convolve_fft", array, kernel, **words)


def test_what_would_take_too_much_memory_is_refused() -> None:
    huge = np.broadcast_to(np.float32(1), (1 << 15, 1 << 15))
    with pytest.raises(
        ValueError, match=r"Size Error: Arrays will be 17\.2G\.  Use allow_huge=True"
    ):
        ours.convolve_fft(huge, [[1.0]])


def test_kernels_quantities_and_nddata() -> None:
    units, nddata = pytest.importorskip("astropy.units"), pytest.importorskip("astropy.nddata")
    f = np.random.default_rng(3).random((20, 30))
    f[3:5, 4] = np.nan
    kernel, line = theirs.Gaussian2DKernel(1), theirs.Box1DKernel(3)
    around = nddata.NDData(f, mask=f > 0.9, unit="Jy", meta={"a": 1})
    for name in ("convolve", "convolve_fft"):
        same(name, f, kernel)
        same(name, f * units.Jy, kernel)
        same(name, f, kernel.array * units.m)
        same(name, around, kernel)
        same(name, around, kernel, mask=f > 0.5)
        same(name, nddata.NDData(f), kernel)
        same(name, line, theirs.Gaussian1DKernel(1))
        same(name, kernel, theirs.Tophat2DKernel(2))
        same(name, kernel, np.ones((3, 3)))
    same("interpolate_replace_nans", f * units.Jy, kernel)
    assert ours.Gaussian2DKernel is theirs.Gaussian2DKernel


def test_nan_are_replaced_and_nothing_else() -> None:
    f = np.random.default_rng(4).random((40, 30), np.float32)
    whole = ours.interpolate_replace_nans(f, np.ones((3, 3)))
    assert np.array_equal(whole, f)
    assert not np.shares_memory(whole, f)
    f[10:12, 3:9] = np.nan
    for convolve in (ours.convolve, ours.convolve_fft):
        found = ours.interpolate_replace_nans(f, np.ones((5, 5)), convolve, boundary="wrap")
        right = theirs.interpolate_replace_nans(f, np.ones((5, 5)), boundary="wrap")
        np.testing.assert_allclose(found, right, rtol=1e-6)
        assert np.array_equal(found[~np.isnan(f)], f[~np.isnan(f)])


def test_operands_stay_as_they_were() -> None:
    f, g = np.array([[1.0, np.nan, 3, 2]]), np.array([[1.0, 2, 0.5]])
    kept = f.copy(), g.copy()
    for name, how in itertools.product(("convolve", "convolve_fft"), ("interpolate", "fill")):
        with np.errstate(all="raise"):
            getattr(ours, name)(f, g, nan_treatment=how, mask=f == 3)
    for array, copy in zip((f, g), kept, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(("kind", "words"), [
    ("return_fft", {"return_fft": True}),
    ("crop=False", {"crop": False}),
    ("psf_pad=False", {"psf_pad": False}),
    ("complex kernel", {"kernel": np.array([1j, 1, 1])}),
    ("complex_dtype", {"complex_dtype": np.clongdouble}),
    ("boundary", {"boundary": "circular"}),
])  # fmt: skip
def test_what_is_left_to_astropy_is_counted(kind: str, words: Any) -> None:
    asked = {"kernel": np.array([1.0, 2, 1]), **words}
    f, before = np.arange(7.0), ours.fallbacks[kind]
    with parconv.compat.install("astropy.convolution"):
        found, told = outcome(lambda: theirs.convolve_fft(f, **asked))
    right, also = outcome(lambda: theirs.convolve_fft(f, **asked))
    np.testing.assert_array_equal(found, right)
    assert told == also
    assert ours.fallbacks[kind] == before + 1


def test_transforms_given_are_not_called() -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("called")

    found = ours.convolve_fft([1.0, 2, 3], [1, 1, 1], fftn=refuse, ifftn=refuse)
    np.testing.assert_allclose(found, [1, 2, 5 / 3], rtol=1e-15)


def test_our_own_words_say_the_same() -> None:
    """Rows of docs/migration.md."""
    rng = np.random.default_rng(8)
    f, g, m = rng.random((40, 50)), rng.random((3, 5)), rng.random((40, 50)) < 0.1
    f[m], h = np.nan, g / g.sum()
    whole = np.where(m, 0, f)
    words: Any = {"mode": "same", "nan_policy": "omit"}
    means = parconv.conv2d(f, h, **words)
    rows: list[tuple[Any, Any]] = [
        (theirs.convolve(f, g), means),
        (theirs.convolve(f, g, normalize_kernel=False), parconv.conv2d(f, g, **words)),
        (theirs.convolve(f, theirs.Gaussian2DKernel(2)),
         parconv.gaussian(f, 2, boundary="constant", nan_policy="omit")),
        (theirs.convolve(whole, g, mask=m), parconv.conv2d(whole, h, mode="same", where=~m)),
        (theirs.convolve(f, g, fill_value=1.5), parconv.conv2d(f, h, cval=1.5, **words)),
        (theirs.convolve(f, g, fill_value=np.nan), parconv.conv2d(f, h, cval=np.nan, **words)),
        (theirs.convolve(f, g, "extend"), parconv.conv2d(f, h, boundary="edge", **words)),
        (theirs.convolve(f, g, "wrap"), parconv.conv2d(f, h, boundary="wrap", **words)),
        (theirs.convolve(f, g, None)[1:-1, 2:-2], parconv.conv2d(f, h, nan_policy="omit")),
        (theirs.convolve(f, g, nan_treatment="fill"), parconv.conv2d(whole, h, mode="same")),
        (theirs.convolve_fft(f, g, min_wt=0.9),
         parconv.conv2d(f, h, mode="same", where=np.isfinite(f), min_weight=0.9)),
        (theirs.interpolate_replace_nans(f, g), np.where(m, means, f)),
    ]  # fmt: skip
    for right, found in rows:
        np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-14)


# --- in astropy's place --------------------------------------------------------------------------


def test_installed_and_removed() -> None:
    models = pytest.importorskip("astropy.modeling.models")
    core = pytest.importorskip("astropy.modeling.core")
    own, module = theirs.convolve, sys.modules["astropy.convolution.convolve"]
    places = np.arange(-9, 10)
    line = models.Gaussian1D(1, 0, 2)
    right = theirs.convolve_models(line, models.Box1D(width=3))(places)
    with parconv.compat.install("astropy.convolution") as installed:
        assert {"convolve", "convolve_fft", "interpolate_replace_nans"} <= {*installed.names}
        assert theirs.convolve is module.convolve is ours.convolve
        for mode in ("convolve", "convolve_fft"):
            model = theirs.convolve_models(line, models.Box1D(width=3), mode)
            assert core.SPECIAL_OPERATORS[model.op].func is getattr(ours, mode)
            np.testing.assert_allclose(model(places), right, rtol=1e-12)
        box = (-10, 10), 0.1
        fine = theirs.convolve_models_fft(line, models.Gaussian1D(1, 0, 1), *box)
        assert type(fine) is type(own and theirs.convolve_models_fft(line, line, *box))
        with pytest.raises(ValueError, match="Mode other is not supported"):
            theirs.convolve_models(line, line, "other")
    assert theirs.convolve is module.convolve is own


def test_astropy_is_not_imported_and_bits_are_those_of_any_threads(run_python: RunPython) -> None:
    def bits(threads: str) -> str:
        return run_python(
            """
            import hashlib, sys
            import numpy as np
            from parconv.compat.astropy import convolve, convolve_fft, interpolate_replace_nans
            rng, found = np.random.default_rng(5), hashlib.sha256()
            for shape in ((300_000,), (400, 500), (60, 70, 80)):
                f, g = rng.random(shape), rng.random((5, 3, 3)[: len(shape)])
                f[rng.random(shape) < 0.01] = np.nan
                results = convolve(f, g), convolve_fft(f, g), interpolate_replace_nans(f, g)
                assert not any(np.isnan(each).any() for each in results)
                found.update(b"".join(each.tobytes() for each in results))
            assert not any(name.split(".")[0] == "astropy" for name in sys.modules)
            print(found.hexdigest())
            """,
            env={"PARCONV_NUM_THREADS": threads},
        ).stdout

    assert bits("1") == bits("2") != ""
