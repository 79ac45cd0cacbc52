"""Distrusts derivatives of any order, diagonals, fitted polynomials and waves."""

import cmath
import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage, signal

import parconv
from parconv.filters import derivative_factors, gabor_taps, savgol_taps

BORDERS = {"symmetric": "reflect", "edge": "nearest", "mirror": "mirror", "wrap": "wrap",
           "constant": "constant"}  # fmt: skip
RNG = np.random.default_rng(31)
F = RNG.standard_normal((23, 31))


def near(found: np.ndarray, right: np.ndarray, g: np.ndarray) -> None:
    assert found.shape == right.shape
    np.testing.assert_allclose(found, right, rtol=0, atol=1e-14 * np.abs(g).sum() * 8)


# --- diagonals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("diagonal", "taps"), [(1, [[1, 0], [0, -1]]), (-1, [[0, 1], [-1, 0]])])
def test_diagonals(diagonal: int, taps: Any) -> None:
    whole = RNG.integers(0, 256, (9, 12)).astype(np.uint8)
    for ours, theirs in BORDERS.items():
        for f in (F, F[:1], F[:, :1], whole):
            found = parconv.roberts(f, diagonal, boundary=ours, cval=3)
            right = ndimage.convolve(f.astype(float), taps, mode=theirs, cval=3)
            assert_array_equal(found, right)
    assert parconv.roberts(whole).dtype == np.int64


# --- derivatives ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "size"),
    [((0, 1), 3), ((2, 0), 5), ((1, 1), (3, 7)), ((3, 4), (9, 5)), ((0, 0), 3), ((0, 1), (1, 3))],
)
def test_derivatives_of_polynomials(order: tuple[int, int], size: Any) -> None:
    """Of x**i y**j of up to that order they are exact, and 0 of lower ones, per pixel."""
    y, x = np.mgrid[-12:13, -14:15].astype(float)
    for i, j in itertools.product(range(order[0] + 1), range(order[1] + 1)):
        found = parconv.derivative(y**i * x**j, order, size, normalize=True)[8:-8, 8:-8]
        right = math.factorial(i) * math.factorial(j) if (i, j) == order else 0
        np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-7)


def test_derivatives_are_known_filters() -> None:
    for name, order, size in (("sobel", (0, 1), 3), ("sobel", (1, 0), 3)):
        whole = RNG.integers(0, 256, (9, 12)).astype(np.uint8)
        right = getattr(parconv, name)(whole, 0 if order[0] else 1)
        assert_array_equal(parconv.derivative(whole, order, size), right)
    line = np.asarray(derivative_factors(2, 3, ndim=1))
    assert_array_equal(line, [1, -2, 1])
    volume = RNG.integers(0, 99, (7, 8, 9))
    found = parconv.derivative(volume, (0, 0, 1), axes=(0, 1, 2))
    assert_array_equal(found, ndimage.sobel(volume, -1))


def test_large_derivatives_are_floats() -> None:
    """Where sums of whole numbers would exceed int64."""
    assert np.asarray(derivative_factors((0, 1), 31)).dtype == np.int64
    g = derivative_factors((0, 1), 41)
    assert g.dtype == np.float64
    ramp = np.arange(60.0) + np.zeros((60, 1))
    found = parconv.derivative(ramp, (0, 1), 41, normalize=True)[30, 30]
    assert found == pytest.approx(1, rel=1e-12)
    assert parconv.derivative(ramp, (0, 1), 41)[30, 30] == pytest.approx(2.0**79, rel=1e-12)


def test_derivatives_of_equal_pixels_are_zero() -> None:
    for order, size in (((0, 1), 5), ((2, 2), 7), ((1, 0), (3, 41))):
        for normalize in (False, True):
            found = parconv.derivative(np.full((70, 80), 0.1), order, size, normalize=normalize)
            assert not found.any()


# --- fitted polynomials --------------------------------------------------------------------------


@pytest.mark.parametrize("words", [(5, 2, 0, 1.0), (7, 3, 1, 0.5), (9, 4, 2, 2.0), (1, 0, 0, 1.0),
                                   (5, 2, 3, 1.0), (31, 5, 0, 1.0)], ids=str)  # fmt: skip
def test_savgol(words: tuple[int, int, int, float]) -> None:
    window, order, deriv, delta = words
    for theirs, ours in (("mirror", "mirror"), ("nearest", "edge"), ("constant", "constant"),
                         ("wrap", "wrap")):  # fmt: skip
        for axis in (0, -1):
            right = signal.savgol_filter(F, window, order, deriv, delta, axis, theirs, 0.5)
            found = parconv.savgol(F, window, order, deriv=deriv, delta=delta, axes=axis,
                                   boundary=ours, cval=0.5)  # fmt: skip
            np.testing.assert_allclose(found, right, rtol=0, atol=1e-10)
    assert parconv.savgol(F[0], window, order).shape == F[0].shape


@pytest.mark.parametrize(
    ("window", "order", "deriv"), [(5, 2, 0), (11, 7, 1), (41, 12, 2), (9, 8, 3)]
)
def test_savgol_is_the_fit_to_rounding(window: int, order: int, deriv: int) -> None:
    """Against normal equations in fractions, which the usual matrix of powers misses."""
    x = [Fraction(k) for k in range(-(window // 2), window // 2 + 1)]
    size = order + 1
    rows = [[sum(one ** (i + j) for one in x) for j in range(size)]
            + [Fraction(int(i == deriv))] for i in range(size)]  # fmt: skip
    for i in range(size):
        pivot = next(k for k in range(i, size) if rows[k][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for k in range(size):
            if k != i:
                rows[k] = [a - rows[k][i] * b for a, b in zip(rows[k], rows[i], strict=True)]
    weights = [row[-1] for row in rows]
    right = [float(math.factorial(deriv) * sum(w * one**k for k, w in enumerate(weights)))
             for one in x]  # fmt: skip
    found = savgol_taps(window, order, deriv=deriv)[::-1]
    np.testing.assert_allclose(found, right, rtol=0, atol=1e-13 * np.abs(right).max())


# --- waves ---------------------------------------------------------------------------------------


def taps_one_by_one(frequency: float, theta: float, sigma: tuple[float, float], reach: int,
                    offset: float) -> np.ndarray:  # fmt: skip
    """From the formula: 1 / 2πab · exp(-u²/2a² - v²/2b²) · exp(i (2π f u + o)), u along theta."""
    span = range(-reach, reach + 1)
    g = np.empty((len(span), len(span)), complex)
    for y, x in itertools.product(span, span):
        u, v = cmath.rect(1, -theta) * complex(x, y), 0.0
        u, v = u.real, u.imag
        hill = math.exp(-((u / sigma[0]) ** 2 + (v / sigma[1]) ** 2) / 2)
        wave = cmath.exp(1j * (2 * math.pi * frequency * u + offset))
        g[y + reach, x + reach] = hill * wave / (2 * math.pi * sigma[0] * sigma[1])
    return g


@pytest.mark.parametrize("theta", [0, 0.7, math.pi / 2, -2])
def test_waves(theta: float) -> None:
    g = gabor_taps(0.2, theta, sigma=(2, 1.5), offset=0.4)
    h, w = g.shape
    whole = taps_one_by_one(0.2, theta, (2, 1.5), 12, 0.4)
    right = whole[12 - h // 2 : 13 + h // 2, 12 - w // 2 : 13 + w // 2]
    np.testing.assert_allclose(g, right, rtol=0, atol=1e-16)
    for ours, theirs in BORDERS.items():
        found = parconv.gabor(F, 0.2, theta, sigma=(2, 1.5), offset=0.4, boundary=ours)
        for part, taps in ((found.real, right.real), (found.imag, right.imag)):
            near(part, ndimage.convolve(F, taps, mode=theirs), g)


def test_a_bank_is_its_filters() -> None:
    """Every frequency with every direction; smaller filters have zeros around them."""
    found = parconv.gabor(F, (0.1, 0.3), (0, 0.5, 1))
    assert found.shape == (6, *F.shape)
    for one, (frequency, theta) in zip(
        found, itertools.product((0.1, 0.3), (0, 0.5, 1)), strict=True
    ):
        near(one, parconv.gabor(F, frequency, theta), gabor_taps(frequency, theta))
    assert parconv.gabor(F, [0.25]).shape == (1, *F.shape)
    assert gabor_taps((0.1, 0.3), (0, 0.5, 1)) is gabor_taps((0.1, 0.3), (0, 0.5, 1))


def test_width_of_a_wave_by_its_bandwidth() -> None:
    """At half its height the filter's spectrum spans so many octaves."""
    g = gabor_taps(0.1, bandwidth=1.5, truncate=6)
    heights = np.abs(np.fft.fft(g.sum(0), 1 << 14))
    above = np.flatnonzero(heights > heights.max() / 2) / (1 << 14)
    assert np.log2(above[-1] / above[0]) == pytest.approx(1.5, abs=0.02)


def test_types_of_waves() -> None:
    for dtype, kind in (
        ("uint8", "complex64"),
        ("float32", "complex64"),
        ("float64", "complex128"),
    ):
        assert parconv.gabor(F.astype(dtype), 0.3).dtype == kind


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [(lambda: parconv.roberts(F, 0), ValueError, "diagonal=0: pass 1 or -1"),
     (lambda: parconv.roberts(F[0]), ValueError, "two axes are filtered"),
     (lambda: parconv.derivative(F, (0, 1), 4), ValueError, "size=4 for order=.*odd numbers above"),
     (lambda: parconv.derivative(F, (0, 3), 3), ValueError, "size=3 for order=.*odd numbers above"),
     (lambda: parconv.derivative(F, -1), ValueError, "order=-1"),
     (lambda: parconv.derivative(F, (1, 2, 3)), ValueError, "order="),
     (lambda: parconv.savgol(F, 4, 2), ValueError, "window=4 for polyorder=2"),
     (lambda: parconv.savgol(F, 5, 5), ValueError, "window=5 for polyorder=5"),
     (lambda: parconv.savgol(F, 5, 2, delta=0), ValueError, "delta=0: pass a number above 0"),
     (lambda: parconv.savgol(F, 5, 2, axes=(0, 1)), ValueError, "pass the one axis"),
     (lambda: parconv.savgol(F, 5, 2, axes=7), ValueError, "axes=7"),
     (lambda: parconv.savgol(F, 5, 2, channel_axis=-1), TypeError, "savgol: pass axes"),
     (lambda: parconv.gabor(F, 0), ValueError, "frequency=0: pass waves per pixel, above 0"),
     (lambda: parconv.gabor(F, []), ValueError, "frequency="),
     (lambda: parconv.gabor(F, 0.1, "up"), TypeError, "theta='up'"),
     (lambda: parconv.gabor(F, 0.1, sigma=(1, 2, 3)), ValueError, "sigma="),
     (lambda: parconv.gabor(F, 0.1, bandwidth=0), ValueError, "bandwidth=0"),
     (lambda: parconv.gabor(F, 0.1, truncate=-1), ValueError, "truncate=-1"),
     (lambda: parconv.gabor(F[0], 0.1), ValueError, "two axes")],
)  # fmt: skip
def test_errors(call: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
