"""Distrusts our own reading of the conventions: equal to the libraries that set them.

Exact where both sum integers; else within a bound on the rounding of the two.
"""

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

import parconv

RNG = np.random.default_rng(17)
SIGNAL = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}
NDIMAGE = {
    "constant": "constant", "nearest": "edge", "reflect": "symmetric", "mirror": "mirror",
    "wrap": "wrap",
}  # fmt: skip
SHAPES = [
    ((12, 50), (3, 3)),
    ((12, 50), (4, 6)),
    ((13, 9), (2, 5)),
    ((1, 8), (3, 4)),
    ((6, 1), (1, 3)),
    ((4, 5), (9, 8)),
    ((5, 5), (5, 5)),
]


def integers(shape: tuple[int, ...]) -> np.ndarray:
    return RNG.integers(-99, 99, shape)


def gaussian_integers(shape: tuple[int, ...]) -> np.ndarray:
    """Complex numbers whose sums are exact."""
    return integers(shape) + 1j * integers(shape)


def close(result: np.ndarray, peer: np.ndarray, scale: float, eps: float = 1e-6) -> None:
    assert result.shape == peer.shape
    np.testing.assert_allclose(result, peer, rtol=0, atol=eps * scale)


# --- scipy.signal --------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "taps"), SHAPES, ids=str)
@pytest.mark.parametrize("boundary", SIGNAL)
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_scipy_signal(mode: str, boundary: str, shape: Any, taps: Any) -> None:
    ours: dict[str, Any] = {"mode": mode, "boundary": SIGNAL[boundary]}
    for make in (integers, gaussian_integers):
        f, g = make(shape), make(taps)
        for cval in (0, 3):
            if mode == "valid" and not any_covers(shape, taps):
                for function in (parconv.conv2d, parconv.correlate2d):
                    with pytest.raises(ValueError, match="mode='valid'"):
                        function(f, g, mode=mode)
                continue
            peer = scipy.signal.convolve2d(f, g, mode, boundary, cval)
            np.testing.assert_array_equal(parconv.conv2d(f, g, cval=cval, **ours), peer)
            peer = scipy.signal.correlate2d(f, g, mode, boundary, cval)
            swapped = mode == "valid" and any(n < k for n, k in zip(shape, taps, strict=True))
            if swapped and make is gaussian_integers:  # scipy conjugates after it swapped
                peer = peer.conj()
            np.testing.assert_array_equal(parconv.correlate2d(f, g, cval=cval, **ours), peer)


def any_covers(shape: tuple[int, int], taps: tuple[int, int]) -> bool:
    pairs = list(zip(shape, taps, strict=True))
    return all(n >= k for n, k in pairs) or all(n <= k for n, k in pairs)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_scipy_signal_inexact(mode: str, dtype: str) -> None:
    f = (RNG.standard_normal((40, 60)) * (1 + 1j)).astype(dtype, casting="unsafe") if "c" in dtype \
        else RNG.standard_normal((40, 60)).astype(dtype)  # fmt: skip
    g = f[3:8, 5:9].copy()
    eps = 1e-5 if dtype in ("float32", "complex64") else 1e-13
    scale = np.abs(g).sum()
    ours = parconv.conv2d(f, g, mode=mode, boundary="symmetric")
    assert ours.dtype == dtype
    close(ours, scipy.signal.convolve2d(f, g, mode, "symm"), scale, eps)
    ours = parconv.correlate2d(f, g, mode=mode, boundary="wrap")
    close(ours, scipy.signal.correlate2d(f, g, mode, "wrap"), scale, eps)


def test_scipy_signal_fft() -> None:
    f, g = RNG.standard_normal((70, 81)), RNG.standard_normal((9, 12))
    for mode in ("full", "same", "valid"):
        close(parconv.conv2d(f, g, mode=mode), scipy.signal.fftconvolve(f, g, mode), 100, 1e-13)


def test_scipy_signal_dilated() -> None:
    """A dilated filter is the filter with zeros between its taps."""
    f, g = integers((30, 40)), integers((3, 4))
    spread = np.zeros((5, 10), int)
    spread[::2, ::3] = g
    for mode, correlate in itertools.product(["full", "same", "valid"], [False, True]):
        ours = (parconv.correlate2d if correlate else parconv.conv2d)(
            f, g, mode=mode, dilation=(2, 3)
        )
        peer = (scipy.signal.correlate2d if correlate else scipy.signal.convolve2d)(f, spread, mode)
        np.testing.assert_array_equal(ours, peer)


# --- scipy.ndimage -------------------------------------------------------------------------------


def origins(taps: tuple[int, int]) -> list[tuple[int, int]]:
    """All that scipy.ndimage allows."""
    return list(itertools.product(*(range(-(n // 2), (n - 1) // 2 + 1) for n in taps)))


@pytest.mark.parametrize(("shape", "taps"), SHAPES, ids=str)
@pytest.mark.parametrize("border", NDIMAGE)
def test_scipy_ndimage(border: str, shape: Any, taps: Any) -> None:
    f, g = integers(shape), integers(taps)
    even = tuple(1 - n % 2 for n in taps)  # which are centred one further there
    for origin in origins(taps):
        ours: dict[str, Any] = {
            "mode": "same", "boundary": NDIMAGE[border], "cval": 5,
            "origin": tuple(o + e for o, e in zip(origin, even, strict=True)),
        }  # fmt: skip
        there: dict[str, Any] = {"mode": border, "cval": 5, "origin": origin}
        np.testing.assert_array_equal(
            parconv.conv2d(f, g, **ours), scipy.ndimage.convolve(f, g, **there), str(origin)
        )
        np.testing.assert_array_equal(
            parconv.correlate2d(f, g, **ours), scipy.ndimage.correlate(f, g, **there), str(origin)
        )


@pytest.mark.parametrize("border", NDIMAGE)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_scipy_ndimage_inexact(dtype: str, border: str) -> None:
    f = RNG.standard_normal((61, 97)).astype(dtype)
    if dtype == "complex64":
        f += 1j * f[::-1]
    g = RNG.standard_normal((7, 5))
    ours = parconv.conv2d(f, g, mode="same", boundary=NDIMAGE[border], cval=0.5)
    peer = scipy.ndimage.convolve(f, g, mode=border, cval=0.5)
    close(ours, peer, float(np.abs(g).sum()), 1e-13 if dtype == "float64" else 2e-6)


def test_scipy_ndimage_along_axes() -> None:
    f, g = integers((3, 20, 30)), integers((3, 5))
    for axes in ((0, 1), (1, 2), (0, 2)):
        ours = parconv.conv2d(f, g, mode="same", boundary="mirror", axes=axes)
        peer = scipy.ndimage.convolve(f, g, mode="mirror", axes=axes)
        np.testing.assert_array_equal(ours, peer)


# --- OpenCV, torch -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "uint16", "int16"])
@pytest.mark.parametrize("border", ["constant", "edge", "symmetric", "mirror"])
def test_opencv(border: str, dtype: str) -> None:
    cv2: Any = pytest.importorskip("cv2")
    borders = {
        "constant": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE,
        "symmetric": cv2.BORDER_REFLECT, "mirror": cv2.BORDER_REFLECT_101,
    }  # fmt: skip
    f = RNG.integers(0, 200, (45, 70)).astype(dtype)
    for taps in ((3, 3), (5, 7), (1, 9), (4, 4), (2, 3)):
        g = RNG.integers(-8, 9, taps) / 16.0  # exact in every type
        origin = tuple(1 - n % 2 for n in taps)  # its anchor is n // 2
        ours = parconv.correlate2d(f, g, mode="same", boundary=border, origin=origin, dtype=f.dtype)
        peer = cv2.filter2D(f, -1, g, borderType=borders[border])
        assert ours.dtype == peer.dtype
        np.testing.assert_array_equal(ours, peer, f"{taps}")


@pytest.mark.parametrize("stride", [1, 2, (3, 1)], ids=str)
@pytest.mark.parametrize("dilation", [1, 2, (1, 3)], ids=str)
@pytest.mark.parametrize("padding", [0, 1, (4, 2)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_torch(dtype: str, padding: Any, dilation: Any, stride: Any) -> None:
    torch: Any = pytest.importorskip("torch")
    f, g = integers((2, 21, 34)).astype(dtype), integers((3, 4)).astype(dtype)
    peer = torch.nn.functional.conv2d(
        torch.from_numpy(f)[:, None], torch.from_numpy(g)[None, None],
        stride=stride, padding=padding, dilation=dilation,
    )  # fmt: skip
    ours = parconv.correlate2d(f, g, padding=padding, dilation=dilation, stride=stride)
    np.testing.assert_array_equal(ours, peer[:, 0].numpy())


def test_torch_same() -> None:
    torch: Any = pytest.importorskip("torch")
    f = integers((19, 23)).astype("float32")
    for taps in ((3, 3), (5, 1)):
        g = integers(taps).astype("float32")
        peer = torch.nn.functional.conv2d(
            torch.from_numpy(f)[None, None], torch.from_numpy(g)[None, None], padding="same"
        )
        ours = parconv.correlate2d(f, g, mode="same")
        np.testing.assert_array_equal(ours, peer[0, 0].numpy())
