"""skimage's edges: slopes and their lengths."""

import operator
from functools import partial
from typing import Any

import numpy as np

from ...filters.building import product
from ...filters.lengths import length
from ...filters.taps import FARID_LINES, second_differences
from ...problem.dtypes import Array
from ...problem.filter import Filter, recalled
from ...runtime.outputs import new_output
from .. import ndimage
from ..ndimage import words
from ..ndimage.summed import correlated
from .pixels import Pixels, masked, pixels, plane

Line = tuple[float, ...]
STEP = (-1.0, 0.0, 1.0)
# By name: taps along the axis of the slope, of a correlation, and across it.
EDGES: dict[str, tuple[Line, Line]] = {
    "sobel": (STEP, (0.25, 0.5, 0.25)),
    "scharr": (STEP, (3 / 16, 10 / 16, 3 / 16)),
    "prewitt": (STEP, (1 / 3, 1 / 3, 1 / 3)),
    "farid": (FARID_LINES[1][::-1], FARID_LINES[0]),
}
DIAGONALS = {"pos": np.array([[1.0, 0], [0, -1]]), "neg": np.array([[0, 1.0], [-1, 0]])}


def _edges(name: str, image: Any, mask: Any, axis: Any, mode: Any, cval: Any) -> Array:
    """The slope along an axis, or of several the length, over the root of how many there are."""
    found = pixels(image)
    ndim = found.numbers.ndim
    axes: Any = range(ndim) if axis is None else (axis,) if np.isscalar(axis) else axis
    slopes = [partial(_slope, name, found, each, mode, cval) for each in axes]
    if not slopes:
        return masked(np.zeros(found.numbers.shape, found.kind), mask)
    result = slopes[0]() if len(slopes) == 1 else length(slopes, share=1 / np.sqrt(ndim))
    return masked(result, mask)


def _slope(name: str, image: Pixels, axis: int, mode: Any, cval: Any) -> Array:
    f, share, kind = image
    if not -f.ndim <= axis < f.ndim:
        raise IndexError(f"axis {axis} of an image of {f.ndim} axes")
    g = _filter(name, axis, f.ndim, share)
    outside = words.constant(cval / share, f.dtype)
    result = new_output(f.shape, kind)
    return correlated(f, g, tuple(range(f.ndim)), result, words.border(mode), outside,
                      (0,) * f.ndim)  # fmt: skip


def _filter(name: str, axis: int, ndim: int, share: float) -> Filter:
    def made() -> Filter:
        differences, smooth = (np.array(line) for line in EDGES[name])
        lines = [smooth] * ndim
        # along an axis that is counted from the last, skimage smooths as well
        lines[axis] = differences if axis >= 0 else differences * smooth
        lines[0] = lines[0] * share
        return product(lines)

    return recalled((_filter, name, axis, ndim, share), made)


def _convolved(image: Pixels, g: Array) -> Array:
    f, share, kind = image
    return ndimage.convolve(f, g * share, kind)


def sobel(
    image: Any, mask: Any = None, *, axis: Any = None, mode: str = "reflect", cval: float = 0.0
) -> Array:
    """Edges by the Sobel filter, as `skimage.filters.sobel`.

    Examples
    --------
    >>> sobel(np.array([[0.0, 0, 1, 2]]), axis=1)
    array([[0., 1., 2., 1.]])
    """
    return _edges("sobel", image, mask, axis, mode, cval)


def sobel_h(image: Any, mask: Any = None) -> Array:
    """Horizontal edges: the slope along the rows' axis, as `skimage.filters.sobel_h`."""
    return sobel(plane(image), mask, axis=0)


def sobel_v(image: Any, mask: Any = None) -> Array:
    """Vertical edges, as `skimage.filters.sobel_v`."""
    return sobel(plane(image), mask, axis=1)


def scharr(
    image: Any, mask: Any = None, *, axis: Any = None, mode: str = "reflect", cval: float = 0.0
) -> Array:
    """Edges by the Scharr filter, as `skimage.filters.scharr`.

    Examples
    --------
    >>> scharr(np.array([[0.0, 0, 1, 2]]), axis=1)
    array([[0., 1., 2., 1.]])
    """
    return _edges("scharr", image, mask, axis, mode, cval)


def scharr_h(image: Any, mask: Any = None) -> Array:
    """Horizontal edges, as `skimage.filters.scharr_h`."""
    return scharr(plane(image), mask, axis=0)


def scharr_v(image: Any, mask: Any = None) -> Array:
    """Vertical edges, as `skimage.filters.scharr_v`."""
    return scharr(plane(image), mask, axis=1)


def prewitt(
    image: Any, mask: Any = None, *, axis: Any = None, mode: str = "reflect", cval: float = 0.0
) -> Array:
    """Edges by the Prewitt filter, as `skimage.filters.prewitt`.

    Examples
    --------
    >>> prewitt(np.array([[0.0, 0, 1, 2]]), axis=1).round(12)
    array([[0., 1., 2., 1.]])
    """
    return _edges("prewitt", image, mask, axis, mode, cval)


def prewitt_h(image: Any, mask: Any = None) -> Array:
    """Horizontal edges, as `skimage.filters.prewitt_h`."""
    return prewitt(plane(image), mask, axis=0)


def prewitt_v(image: Any, mask: Any = None) -> Array:
    """Vertical edges, as `skimage.filters.prewitt_v`."""
    return prewitt(plane(image), mask, axis=1)


def farid(
    image: Any, mask: Any = None, *, axis: Any = None, mode: str = "reflect", cval: float = 0.0
) -> Array:
    """Edges by the filter of Farid and Simoncelli, as `skimage.filters.farid`.

    Examples
    --------
    >>> farid(np.array([[0.0, 1, 2, 3, 4]]), axis=1)[0, 2].round(3)
    np.float64(0.992)
    """
    return _edges("farid", image, mask, axis, mode, cval)


def farid_h(image: Any, *, mask: Any = None) -> Array:
    """Horizontal edges, as `skimage.filters.farid_h`."""
    return farid(plane(image), mask, axis=0)


def farid_v(image: Any, *, mask: Any = None) -> Array:
    """Vertical edges, as `skimage.filters.farid_v`."""
    return farid(plane(image), mask, axis=1)


def roberts(image: Any, mask: Any = None) -> Array:
    """Edges by differences along both diagonals, as `skimage.filters.roberts`.

    Examples
    --------
    >>> roberts(np.array([[0.0, 0, 0], [0, 3, 0], [0, 0, 0]])).round(2)
    array([[2.12, 2.12, 0.  ],
           [2.12, 2.12, 0.  ],
           [0.  , 0.  , 0.  ]])
    """
    found = pixels(plane(image))
    slopes = [partial(_convolved, found, g) for g in DIAGONALS.values()]
    return masked(length(slopes, share=1 / np.sqrt(2)), mask)


def roberts_pos_diag(image: Any, mask: Any = None) -> Array:
    """Differences along the diagonal down to the right, as `skimage.filters.roberts_pos_diag`."""
    return masked(_convolved(pixels(plane(image)), DIAGONALS["pos"]), mask)


def roberts_neg_diag(image: Any, mask: Any = None) -> Array:
    """Differences along the diagonal down to the left, as `skimage.filters.roberts_neg_diag`."""
    return masked(_convolved(pixels(plane(image)), DIAGONALS["neg"]), mask)


def laplace(image: Any, ksize: int = 3, mask: Any = None) -> Array:
    """The sum of second differences, from above, as `skimage.filters.laplace`.

    ``ksize`` changes nothing there either, but for an error below 3.

    Examples
    --------
    >>> laplace(np.array([1.0, 1, 4, 1]))
    array([ 0., -3.,  6., -3.])
    """
    found = pixels(image)
    ndim = found.numbers.ndim
    if operator.index(ksize) < 3 or not ndim:
        raise ValueError(f"ksize={ksize} for an image of {ndim} axes: pass at least 3, and one")
    return masked(_convolved(found, -second_differences(ndim)), mask)
