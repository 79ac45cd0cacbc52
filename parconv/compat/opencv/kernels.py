"""OpenCV's filters as it makes them."""

import math
from typing import Any

import numpy as np

from ...filters.derivatives import pascal
from ...problem.dtypes import Array
from ...problem.filter import Filter, recalled
from ...problem.outer import Outer
from ...problem.shown import shown
from .words import CV_32F, CV_64F, DEPTHS, FILTER_SCHARR, error

LARGEST_SOBEL = 31
# Of sizes up to 9 whose sigma is not given.
SMOOTHING = {
    1: (1.0,),
    3: (0.25, 0.5, 0.25),
    5: (0.0625, 0.25, 0.375, 0.25, 0.0625),
    7: (0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125),
    9: (4 / 256, 13 / 256, 30 / 256, 51 / 256, 60 / 256, 51 / 256, 30 / 256, 13 / 256, 4 / 256),
}


def _typed(taps: Any, ktype: Any) -> Array:
    if ktype not in (CV_32F, CV_64F):
        raise error(f"ktype={shown(ktype)}: pass CV_32F or CV_64F")
    made: Array = np.asarray(taps, DEPTHS[ktype])
    return made


def getGaussianKernel(ksize: int, sigma: float, ktype: int = CV_64F) -> Array:
    """A Gaussian's taps, as a column; of ``sigma`` from the size where it is not above 0.

    Examples
    --------
    >>> getGaussianKernel(3, 0).ravel()
    array([0.25, 0.5 , 0.25])
    """
    if ksize <= 0:
        raise error(f"ksize={shown(ksize)}: pass a number above 0")
    if sigma <= 0 and ksize in SMOOTHING:
        return _typed(SMOOTHING[ksize], ktype)[:, None]
    width = sigma if sigma > 0 else 0.3 * ((ksize - 1) * 0.5 - 1) + 0.8
    square = width * width * (1 if ksize % 2 else 8 / 9)  # as OpenCV 5.0 has it
    taps = np.exp(-0.5 * (np.arange(ksize) - (ksize - 1) / 2) ** 2 / square)
    return _typed(taps / taps.sum(), ktype)[:, None]


def getDerivKernels(
    dx: int, dy: int, ksize: int, kx: Any = None, ky: Any = None, normalize: bool = False,
    ktype: int = CV_32F,
) -> tuple[Array, Array]:  # fmt: skip
    """Row and column of a derivative's filter, as columns: Sobel's, or Scharr's of ksize -1.

    Examples
    --------
    >>> row, column = getDerivKernels(1, 0, 3)
    >>> row.ravel(), column.ravel()
    (array([-1.,  0.,  1.], dtype=float32), array([1., 2., 1.], dtype=float32))
    """
    made = scharr if ksize <= 0 else sobel
    row, column = made(dx, dy, ksize)
    shares = [_share(taps, order, ksize) if normalize else 1.0 for taps, order in
              ((row, dx), (column, dy))]  # fmt: skip
    return _typed(row * shares[0], ktype)[:, None], _typed(column * shares[1], ktype)[:, None]


def _share(taps: Array, order: int, ksize: int) -> float:
    if ksize <= 0:
        return 1.0 if order else 1 / 32
    return 1 / (1 << (len(taps) - order - 1))


def scharr(dx: int, dy: int, ksize: int = FILTER_SCHARR) -> tuple[Array, Array]:
    """Row and column, of whole numbers."""
    if dx < 0 or dy < 0 or dx + dy != 1:
        raise error(f"dx={shown(dx)}, dy={shown(dy)}: pass 1 and 0, or 0 and 1")
    taps = np.array([3, 10, 3]), np.array([-1, 0, 1])
    return taps[dx], taps[dy]


def sobel(dx: int, dy: int, ksize: int) -> tuple[Array, Array]:
    """Row and column, of whole numbers."""
    if ksize % 2 == 0 or ksize > LARGEST_SOBEL:
        raise error(f"ksize={shown(ksize)}: pass -1 or an odd number up to {LARGEST_SOBEL}")
    if dx < 0 or dy < 0 or dx + dy == 0:
        raise error(f"dx={shown(dx)}, dy={shown(dy)}: pass orders of which one is above 0")
    return _sobel(dx, ksize), _sobel(dy, ksize)


def _sobel(order: int, ksize: int) -> Array:
    size = 3 if ksize == 1 and order else ksize
    if size <= order:
        raise error(f"a derivative of order {order} by {size} taps: pass a larger ksize")
    return pascal(order, size)


def getGaborKernel(
    ksize: tuple[int, int], sigma: float, theta: float, lambd: float, gamma: float,
    psi: float = math.pi / 2, ktype: int = CV_64F,
) -> Array:  # fmt: skip
    """A wave under a Gaussian: ``lambd`` its length, ``theta`` the direction of its normal.

    Examples
    --------
    >>> getGaborKernel((5, 3), 2, 0, 4, 1, psi=0).shape
    (3, 5)
    """
    wide, high = sigma, sigma / gamma
    c, s = math.cos(theta), math.sin(theta)
    columns = ksize[0] // 2 if ksize[0] > 0 else round(max(abs(3 * wide * c), abs(3 * high * s)))
    rows = ksize[1] // 2 if ksize[1] > 0 else round(max(abs(3 * wide * s), abs(3 * high * c)))
    y, x = np.mgrid[rows : -rows - 1 : -1, columns : -columns - 1 : -1]
    along, across = x * c + y * s, y * c - x * s
    hill = np.exp(-0.5 * ((along / wide) ** 2 + (across / high) ** 2))
    return _typed(hill * np.cos(2 * np.pi / lambd * along + psi), ktype)


# --- as they are passed on: the same one for the same words --------------------------------------


def of_lines(row: Array, column: Array) -> Outer:
    """The product of a column and a row."""
    key = (*((line.dtype, line.tobytes()) for line in (column, row)),)
    return recalled((of_lines, *key), lambda: Outer(column, row))


def gaussian(sizes: tuple[int, int], widths: tuple[float, float]) -> Outer:
    """Of as many columns and rows."""

    def made() -> Outer:
        row, column = (getGaussianKernel(*each)[:, 0] for each in zip(sizes, widths, strict=True))
        return Outer(column, row)

    return recalled((gaussian, sizes, widths), made)


def derivative(dx: int, dy: int, ksize: int, scale: float) -> Outer:
    """By Sobel's filters, or by Scharr's."""

    def made() -> Outer:
        row, column = (scharr if ksize <= 0 else sobel)(dx, dy, ksize)
        return Outer(column if scale == 1 else column * scale, row)

    return recalled((derivative, dx, dy, ksize, scale), made)


def laplacian(ksize: int, scale: float) -> Filter:
    """The sum of both second derivatives."""

    def made() -> Filter:
        g = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
        if ksize != 1:
            (twice, smooth), (other, again) = sobel(2, 0, ksize), sobel(0, 2, ksize)
            g = np.outer(smooth, twice) + np.outer(again, other)
        g = g if scale == 1 else g * scale
        g.flags.writeable = False
        return Filter(g)

    return recalled((laplacian, ksize, scale), made)
