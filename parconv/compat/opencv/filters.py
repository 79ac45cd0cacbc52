"""OpenCV's functions that filter: each one correlation."""

from functools import lru_cache
from typing import Any

import numpy as np

from ... import api
from ...filters import box_factors
from ...problem.dtypes import Array, DType
from ...problem.outer import Outer
from ...problem.shown import shown
from ..recalling import recalled
from . import kernels
from .words import (
    BORDER_DEFAULT,
    CV_16S,
    FILTER_SCHARR,
    OF_MEANS,
    border,
    depth,
    error,
    image,
    target,
)

Size = tuple[int, int]  # width and height
CENTRE = (-1, -1)


def filter2D(
    src: Any, ddepth: int, kernel: Any, dst: Any = None, anchor: Size = CENTRE, delta: float = 0,
    borderType: int = BORDER_DEFAULT,
) -> Array:  # fmt: skip
    """Correlate with a filter.

    Examples
    --------
    >>> import numpy as np
    >>> filter2D(np.array([[1, 2, 3]], np.uint8), -1, np.array([[1.0, 0, 1]]), delta=1)
    array([[5, 5, 5]], dtype=uint8)
    """
    f, g = image("src", src), np.asarray(kernel)
    if g.ndim != 2 or not g.size:
        raise error(f"kernel has shape {g.shape}: pass one of two axes")
    return _correlated(f, depth(f.dtype, ddepth), g, dst, anchor, delta, borderType)


def sepFilter2D(
    src: Any, ddepth: int, kernelX: Any, kernelY: Any, dst: Any = None,
    anchor: Size = CENTRE, delta: float = 0, borderType: int = BORDER_DEFAULT,
) -> Array:  # fmt: skip
    """Correlate rows with one filter and columns with another.

    Examples
    --------
    >>> import numpy as np
    >>> sepFilter2D(np.eye(3, dtype=np.float32), -1, [1, 2, 1], [1])
    array([[2., 1., 0.],
           [2., 2., 2.],
           [0., 1., 2.]], dtype=float32)
    """
    f, row, column = image("src", src), _line("kernelX", kernelX), _line("kernelY", kernelY)
    g = kernels.of_lines(row, column)
    return _correlated(f, depth(f.dtype, ddepth), g, dst, anchor, delta, borderType)


def GaussianBlur(
    src: Any, ksize: Size, sigmaX: float, dst: Any = None, sigmaY: float = 0,
    borderType: int = BORDER_DEFAULT, hint: int = 0,
) -> Array:  # fmt: skip
    """Smooth with a Gaussian.

    Examples
    --------
    >>> import numpy as np
    >>> GaussianBlur(np.array([[0, 0, 16, 0, 0]], np.uint8), (3, 1), 0)
    array([[0, 4, 8, 4, 0]], dtype=uint8)
    """
    f = image("src", src)
    widths = sigmaX, sigmaY if sigmaY > 0 else sigmaX
    reach = 3 if f.dtype == np.uint8 else 4
    wide, high = (n if n > 0 or w <= 0 else round(2 * reach * w + 1) | 1
                  for n, w in zip(ksize, widths, strict=True))  # fmt: skip
    if min(wide, high) <= 0 or not (wide % 2 and high % 2):
        raise error(f"ksize={shown(ksize)}: pass odd numbers above 0, or 0 and a sigma above 0")
    g = kernels.gaussian((wide, high), widths)
    wraps = f.dtype.kind == "u"  # which OpenCV sums in a way of their own
    return _correlated(f, f.dtype, g, dst, CENTRE, 0, borderType, wraps)


def blur(
    src: Any, ksize: Size, dst: Any = None, anchor: Size = CENTRE,
    borderType: int = BORDER_DEFAULT,
) -> Array:  # fmt: skip
    """Mean of the pixels in a rectangle.

    Examples
    --------
    >>> import numpy as np
    >>> blur(np.array([[1, 2, 6]], np.float32), (3, 1))
    array([[1.6666666, 3.       , 3.3333333]], dtype=float32)
    """
    return boxFilter(src, -1, ksize, dst, anchor, True, borderType)


def boxFilter(
    src: Any, ddepth: int, ksize: Size, dst: Any = None, anchor: Size = CENTRE,
    normalize: bool = True, borderType: int = BORDER_DEFAULT,
) -> Array:  # fmt: skip
    """Mean, or sum, of the pixels in a rectangle.

    Examples
    --------
    >>> import numpy as np
    >>> boxFilter(np.full((2, 2), 200, np.uint8), -1, (3, 3), normalize=False)
    array([[255, 255],
           [255, 255]], dtype=uint8)
    """
    f = image("src", src)
    wanted = depth(f.dtype, ddepth, OF_MEANS)
    return _correlated(f, wanted, _box(ksize, normalize), dst, anchor, 0, borderType)


def sqrBoxFilter(
    src: Any, ddepth: int, ksize: Size, dst: Any = None, anchor: Size = CENTRE,
    normalize: bool = True, borderType: int = BORDER_DEFAULT,
) -> Array:  # fmt: skip
    """Mean, or sum, of the squares of the pixels in a rectangle, summed in float64.

    Examples
    --------
    >>> import numpy as np
    >>> sqrBoxFilter(np.array([[1, 2, 3]], np.uint8), -1, (1, 1))
    array([[1., 4., 9.]], dtype=float32)
    """
    f = image("src", src)
    usual = np.dtype("float32" if f.dtype.kind in "ui" else "float64")
    wanted = usual if ddepth == -1 else depth(f.dtype, ddepth, OF_MEANS)
    squares = np.square(f, dtype=np.float64)
    return _correlated(squares, wanted, _box(ksize, normalize), dst, anchor, 0, borderType)


def Sobel(
    src: Any, ddepth: int, dx: int, dy: int, dst: Any = None, ksize: int = 3, scale: float = 1,
    delta: float = 0, borderType: int = BORDER_DEFAULT,
) -> Array:  # fmt: skip
    """A derivative of any order by Sobel's filters.

    Examples
    --------
    >>> import numpy as np
    >>> Sobel(np.array([[0, 1, 3]], np.uint8), CV_16S, 1, 0)
    array([[ 0, 12,  0]], dtype=int16)
    """
    f = image("src", src)
    g = kernels.derivative(dx, dy, ksize, float(scale))
    return _correlated(f, depth(f.dtype, ddepth), g, dst, CENTRE, delta, borderType)


def Scharr(
    src: Any, ddepth: int, dx: int, dy: int, dst: Any = None, scale: float = 1, delta: float = 0,
    borderType: int = BORDER_DEFAULT,
) -> Array:  # fmt: skip
    """The first derivative by Scharr's filter.

    Examples
    --------
    >>> import numpy as np
    >>> Scharr(np.array([[0, 1, 3]], np.uint8), CV_16S, 1, 0)
    array([[ 0, 48,  0]], dtype=int16)
    """
    return Sobel(src, ddepth, dx, dy, dst, FILTER_SCHARR, scale, delta, borderType)


def Laplacian(
    src: Any, ddepth: int, dst: Any = None, ksize: int = 1, scale: float = 1, delta: float = 0,
    borderType: int = BORDER_DEFAULT,
) -> Array:  # fmt: skip
    """The sum of both second derivatives.

    Examples
    --------
    >>> import numpy as np
    >>> Laplacian(np.array([[0, 0, 1, 0, 0]], np.int16), -1)
    array([[ 0,  1, -2,  1,  0]], dtype=int16)
    """
    f = image("src", src)
    g = kernels.laplacian(ksize, float(scale))
    return _correlated(f, depth(f.dtype, ddepth), g, dst, CENTRE, delta, borderType)


def spatialGradient(
    src: Any, dx: Any = None, dy: Any = None, ksize: int = 3,
    borderType: int = BORDER_DEFAULT,
) -> tuple[Array, Array]:  # fmt: skip
    """Both first derivatives of an image of bytes, in int16.

    Examples
    --------
    >>> import numpy as np
    >>> [slope.tolist() for slope in spatialGradient(np.array([[0, 1, 3]], np.uint8))]
    [[[0, 12, 0]], [[0, 0, 0]]]
    """
    if image("src", src).dtype != np.uint8 or ksize != 3:
        raise error("src of bytes and ksize=3 alone: pass others to Sobel")
    return (
        Sobel(src, CV_16S, 1, 0, dx, ksize, borderType=borderType),
        Sobel(src, CV_16S, 0, 1, dy, ksize, borderType=borderType),
    )


# --- their common part ---------------------------------------------------------------------------


def _line(name: str, taps: Any) -> Array:
    line = np.asarray(taps)
    if line.size != max(line.shape, default=0) or not line.size:
        raise error(f"{name} has shape {line.shape}: pass one row or column of taps")
    return line.ravel()


@recalled
def _box(ksize: Size, normalize: bool) -> Outer:
    columns, rows = ksize
    return box_factors((rows, columns), normalize=bool(normalize))


def _correlated(
    f: Array, dtype: DType, g: Any, dst: Any, anchor: Size, delta: float, number: int,
    wraps: bool = False,
) -> Array:  # fmt: skip
    """``anchor`` is the tap over the pixel itself, (x, y), from the filter's first."""
    in_double = dtype == np.float64 and "f" in f.dtype.kind + g.dtype.kind
    asked = _asked(g.shape, *anchor, float(delta), border(number, wraps), dtype, in_double)
    return api.correlate2d(f, g, out=target(dst, f.shape, dtype), **asked)


@lru_cache(maxsize=256, typed=True)
def _asked(
    shape: Size, x: int, y: int, delta: float, rule: str, dtype: DType, in_double: bool
) -> dict[str, Any]:
    """A call's keywords: the same objects for the same words, which is how `api` knows it again."""
    shifts = []
    for name, size, at in zip("yx", shape, (y, x), strict=True):
        place = size // 2 if at == -1 else at
        if not 0 <= place < size:
            raise error(f"anchor={shown((x, y))}: pass {name} from 0 to {size - 1}, or -1")
        shifts.append(place - (size - 1) // 2)
    asked: dict[str, Any] = {
        "mode": "same", "axes": (0, 1), "origin": tuple(shifts), "boundary": rule, "dtype": dtype,
    }  # fmt: skip
    if delta:
        asked["bias"] = delta
    if in_double:
        asked["accumulate"] = dtype
    return asked
