"""Distrusts OpenCV's names here: every argument against OpenCV itself."""

import inspect
import itertools
import re
from typing import Any

import numpy as np
import pytest
from conftest import soak

from parconv.compat import opencv as ours
from parconv.compat.opencv import kernels
from parconv.compat.opencv.words import BORDERS, DEPTHS, RESULTS

cv2 = pytest.importorskip("cv2")
SHAPES = ((13, 17), (9, 8, 3), (1, 6), (5, 1), (2, 2, 1))
RNG = np.random.default_rng(16)


def image(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    numbers = RNG.standard_normal(shape) * 60 + 90
    if dtype[0] in "ui":
        numbers = np.clip(numbers * (1 if dtype == "uint8" else 90), *_ends(dtype))
    return numbers.astype(dtype)


def _ends(dtype: str) -> tuple[int, int]:
    info = np.iinfo(dtype)
    return info.min, info.max


def check(name: str, *arguments: Any, off: int = 0, single: bool = False, **words: Any) -> None:
    """Equal to OpenCV's result, or its refusal.

    ``off``: by which integers may differ; ``single``: OpenCV sums in float32, whatever it returns.
    """
    case = f"{name}{[getattr(each, 'shape', each) for each in arguments]} {words}"
    try:
        right = getattr(cv2, name)(*arguments, **words)
    except cv2.error:
        with pytest.raises(ours.error):
            getattr(ours, name)(*arguments, **words)
        return
    found = getattr(ours, name)(*arguments, **words)
    several = found if isinstance(found, tuple) else (found,)
    for one, other in zip(several, right if isinstance(right, tuple) else (right,), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype), case
        if one.dtype.kind in "ui":
            assert np.abs(one.astype(int) - other).max() <= off, case
        else:
            scale = max(1.0, float(np.abs(other).max()))
            bound = (2e-6 if single or one.dtype == np.float32 else 1e-13) * scale
            np.testing.assert_allclose(one, other, rtol=0, atol=bound, err_msg=case)


def pairs() -> list[tuple[str, int]]:
    """Every type of an image with every depth of its result."""
    numbers = {kind.name: number for number, kind in DEPTHS.items()}
    return [(one, numbers[other]) for one, others in RESULTS.items() for other in others]


@pytest.mark.parametrize(
    ("dtype", "depth"),
    [("uint8", -1), ("uint8", cv2.CV_16S), ("float32", -1), ("float32", cv2.CV_64F), ("uint8", 4),
     *soak(*pairs())],
)  # fmt: skip
def test_filter2d(dtype: str, depth: int) -> None:
    """Every border and anchor, in turn."""
    borders = itertools.cycle([*BORDERS, cv2.BORDER_REFLECT | cv2.BORDER_ISOLATED])
    for shape in SHAPES:
        f = image(shape, dtype)
        for size, anchor in (((3, 3), (-1, -1)), ((2, 5), (0, 1)), ((4, 1), (0, 3))):
            g = RNG.integers(-3, 4, size) / np.float32(4)
            check("filter2D", f, depth, g, anchor=anchor, delta=2.5, borderType=next(borders),
                  off=1)  # fmt: skip
    check("filter2D", f, depth, np.ones((3, 3), np.float32), anchor=(3, 0))
    check("filter2D", f, depth, np.ones((3, 3), np.float32), borderType=cv2.BORDER_TRANSPARENT)


def test_whole_filters_of_whole_images_are_exact() -> None:
    f = image((40, 50), "uint8")
    for g in (np.array([[1, -2, 1]]), np.ones((5, 5), int)):
        check("filter2D", f, cv2.CV_16S, g.astype(np.float32), delta=-7)
        check("filter2D", f, -1, g.astype(np.float32))


@pytest.mark.parametrize("dtype", ["uint8", "float32", *soak("int16", "float64")])
def test_of_two_lines(dtype: str) -> None:
    f, row, column = image((13, 17, 3), dtype), np.array([1, -2, 0.5]), np.array([0.25, 1, 1, -1])
    for given in (row, row[None], row[:, None]):
        check("sepFilter2D", f, -1, given, column, anchor=(1, 3), delta=-0.25, off=1)
    check("sepFilter2D", f, cv2.CV_64F if dtype != "float32" else -1, row, row, off=1)


@pytest.mark.parametrize("dtype", ["uint8", "float32", *soak("uint16", "int16", "float64")])
def test_means(dtype: str) -> None:
    for shape, size in itertools.product(SHAPES, ((3, 3), (1, 4), (6, 5))):
        f, anchor = image(shape, dtype), (0, size[1] - 1)
        check("blur", f, size, anchor=anchor, borderType=cv2.BORDER_REPLICATE, off=1)
        check("boxFilter", f, -1, size, normalize=False, off=0)
        if dtype != "uint16":  # whose squares OpenCV adds in float32
            check("sqrBoxFilter", f, -1, size, borderType=cv2.BORDER_REFLECT)
    for number in (cv2.CV_8U, cv2.CV_32F):
        check("boxFilter", f, number, (3, 3), off=1)


@pytest.mark.parametrize("dtype", ["uint8", "float32", *soak("uint16", "float64")])
def test_gaussians(dtype: str) -> None:
    f = image((40, 37), dtype)
    for size, *widths in (
        ((0, 0), 1.3), ((5, 5), 0), ((9, 3), 0, 0), ((7, 11), -1), ((13, 0), 2, 1), ((3, 3), 5),
        ((0, 0), 0.4, 2.2), ((4, 3), 1), ((0, 0), 0),
    ):  # fmt: skip
        named = dict(zip(("sigmaX", "sigmaY"), widths, strict=False))
        # OpenCV keeps 8 binary digits of taps and rows: 1.6 from the exact value, we 0.5
        check("GaussianBlur", f, size, **named, off=2 if dtype == "uint8" else 1)


@pytest.mark.parametrize("dtype", ["uint8", "float32", *soak("int16")])
def test_derivatives(dtype: str) -> None:
    f = image((23, 19), dtype)
    wide = cv2.CV_64F if dtype != "float32" else -1
    for dx, dy, size in (
        (1, 0, 3), (0, 1, 1), (2, 0, 5), (1, 1, 3), (0, 2, 7), (1, 0, -1), (0, 0, 3), (3, 0, 3),
        (1, 0, 4), (2, 1, 5),
    ):  # fmt: skip
        check("Sobel", f, wide, dx, dy, ksize=size)
        check("Sobel", f, -1, dx, dy, ksize=size, scale=0.25, delta=1, off=1)
    for dx, dy in ((1, 0), (0, 1), (1, 1), (2, 0)):
        check("Scharr", f, wide, dx, dy, scale=2, delta=-3)
    for size in (1, 3, 5, 9, 2):
        check("Laplacian", f, wide, ksize=size, scale=0.5, borderType=cv2.BORDER_CONSTANT,
              single=size == 9)  # fmt: skip


def test_both_slopes_and_pyramids() -> None:
    for border in (cv2.BORDER_REPLICATE, cv2.BORDER_DEFAULT):
        check("spatialGradient", image((9, 14), "uint8"), borderType=border)
    for shape, dtype in itertools.product(((8, 9), (13, 12, 3), (3, 2)), ("uint8", "float32")):
        check("pyrDown", image(shape, dtype))
        check("pyrDown", image(shape, dtype), borderType=cv2.BORDER_REFLECT)


def test_integers_of_large_images_are_exact() -> None:
    """Wider than the tiles, in which other code packs and parts pixels than beside them."""
    for shape in ((70, 301), (33, 150, 3), (20, 129)):
        f = image(shape, "uint8")
        for dx, dy, size in ((1, 0, 3), (0, 1, 5), (2, 0, 3)):
            check("Sobel", f, cv2.CV_16S, dx, dy, ksize=size)
        check("Laplacian", f, cv2.CV_16S, ksize=3)
        check("Scharr", f, cv2.CV_16S, 1, 0)
        check("pyrDown", f)


def test_a_call_again_makes_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    f, line = image((30, 40), "uint8"), np.array([1, 2, 1])

    def every() -> list[np.ndarray]:
        return [
            ours.Sobel(f, ours.CV_16S, 1, 0), ours.Scharr(f, ours.CV_16S, 0, 1, scale=2),
            ours.Laplacian(f, ours.CV_16S, ksize=3), ours.Laplacian(f, ours.CV_16S, scale=2),
            ours.GaussianBlur(f, (0, 0), 1.5), ours.GaussianBlur(f, (5, 3), 0),
            ours.sepFilter2D(f, -1, line / 4, line), ours.sepFilter2D(f, -1, line, line / 4.0),
        ]  # fmt: skip

    first = every()
    for name in ("Outer", "Filter"):
        monkeypatch.setattr(kernels, name, None)
    for one, other in zip(first, every(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", *soak("uint16", "float64")])
def test_enlarged(dtype: str) -> None:
    """Also by a row and a column more and less, which OpenCV lets one ask."""
    for shape in ((8, 9), (13, 12, 3), (3, 2), (1, 4), (4, 1), (1, 1)):
        f = image(shape, dtype)
        if dtype == "int16":
            f -= f.max() // 2  # halves below 0 go up as well
        check("pyrUp", f)
        check("pyrUp", f, borderType=cv2.BORDER_REFLECT)
        height, width = (2 * n for n in shape[:2])
        for size in itertools.product((width - 1, width, width + 1), (height - 1, height)):
            if shape[1] > 1 or size[0] <= width:  # else OpenCV leaves memory as it was
                check("pyrUp", f, dstsize=size)
        check("pyrUp", f, dstsize=(width + 4, height))
    f = image((8, 9), dtype)
    dst = np.zeros((16, 18), dtype)
    assert ours.pyrUp(f, dst) is dst
    np.testing.assert_allclose(dst, cv2.pyrUp(f), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_borders_that_some_refuse(dtype: str) -> None:
    """OpenCV wraps in pyramids, in Gaussians of unsigned integers, and `blur` where a build may."""
    f, g = image((9, 14), dtype), np.ones((3, 3), np.float32)
    for border in (cv2.BORDER_WRAP, cv2.BORDER_TRANSPARENT, 99):
        check("filter2D", f, -1, g, borderType=border)
        check("sepFilter2D", f, -1, g[0], g[0], borderType=border)
        if border != cv2.BORDER_WRAP:
            check("blur", f, (3, 3), borderType=border)
        check("GaussianBlur", f, (5, 5), 1, borderType=border, off=1)
        check("Sobel", f, -1, 1, 0, borderType=border)
        check("pyrDown", f, borderType=border)


def test_large_derivatives() -> None:
    f = image((40, 37), "float64")
    for dx, dy, size in ((1, 0, 31), (2, 3, 11), (0, 5, 9)):
        check("Sobel", f, -1, dx, dy, ksize=size)
    check("Laplacian", f, -1, ksize=31)


def test_taps() -> None:
    for size, sigma in itertools.product((1, 3, 5, 7, 9, 11, 4, 0), (0, -1, 0.7, 3)):
        check("getGaussianKernel", size, sigma)
        check("getGaussianKernel", size, sigma, ktype=cv2.CV_32F)
    for dx, dy, size in itertools.product(range(4), range(3), (-1, 1, 3, 5, 7, 31, 33, 2)):
        check("getDerivKernels", dx, dy, size)
        check("getDerivKernels", dx, dy, size, normalize=True, ktype=cv2.CV_64F)
    for size, theta in itertools.product(((5, 7), (0, 0), (9, 0)), (0, 0.7, 2)):
        check("getGaborKernel", size, 2.0, theta, 5.0, 0.5)
        check("getGaborKernel", size, 1.5, theta, 3.0, 1.5, psi=0, ktype=cv2.CV_32F)


def test_into_an_array() -> None:
    """Which is filled and returned where it fits, also the image itself."""
    f, g = image((30, 31), "float32"), np.ones((3, 3), np.float32)
    right = cv2.filter2D(f, -1, g)
    dst = np.full_like(f, np.nan)
    assert ours.filter2D(f, -1, g, dst) is dst
    np.testing.assert_allclose(dst, right, rtol=1e-5)
    assert ours.filter2D(f, -1, g, np.empty((2, 2), np.float32)).shape == f.shape
    assert ours.filter2D(f, -1, g, f) is f
    np.testing.assert_allclose(f, right, rtol=1e-5)


@pytest.mark.parametrize("wrong", [np.zeros((2, 2), int), np.zeros(3, np.uint8), np.zeros((0, 3)),
                                   np.zeros((2, 2, 2, 2), np.uint8)], ids=str)  # fmt: skip
def test_what_is_no_image(wrong: np.ndarray) -> None:
    with pytest.raises(ours.error, match=r"^src "):
        ours.blur(wrong, (3, 3))


def test_signatures_are_opencvs() -> None:
    for name in ours.__all__:
        found = getattr(ours, name)
        if not inspect.isfunction(found):
            assert name == "error" or found == getattr(cv2, name), name
            continue
        head = getattr(cv2, name).__doc__.splitlines()[0]
        words = re.findall(r"\w+", head[head.index("(") : head.index(")")])
        assert [*inspect.signature(found).parameters] == words, name
