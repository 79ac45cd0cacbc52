"""A named filter's call: its filter made from its words, and one convolution, or the last call's.

Each of the filters here is made from an image, its options and the words that describe it, and
comes with its origin.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .. import api
from ..planner.answers import result_of
from ..planner.keepers import keeper_of
from ..planner.looking import again, learn
from ..problem.door import image_of
from ..problem.dtypes import Array
from ..problem.filter import filter_of
from ..problem.lines import Lines
from ..problem.missing import unmasked
from ..problem.question import FILTERS, OF_FILTERS, FilterOptions, check_keywords
from ..problem.shown import shown
from ..problem.store import check_fixed
from ..runtime.telling import told
from .arguments import along, check_shift, count_for, place_of, spatial, warn_of_colours
from .taps import (
    FARID,
    FARID_LINES,
    PREWITT,
    ROBERTS,
    SCHARR,
    SLOPE,
    SOBEL,
    box_factors,
    dog_factors,
    gaussian_factors,
    gaussian_laplace_factors,
    second_differences,
    slope,
    unsharp_factors,
)

Made = tuple[Any, Any]
Line = tuple[float, ...]


def gaussian(f: Array, options: Any, sigma: Any, order: Any, truncate: Any, radius: Any) -> Made:
    ndim = count_for(f, options)
    g = gaussian_factors(sigma, order=order, truncate=truncate, radius=radius, ndim=ndim)
    return g, 0


def box(f: Array, options: Any, size: Any, normalize: Any, origin: Any) -> Made:
    g = box_factors(size, normalize=normalize, ndim=count_for(f, options))
    return g, check_shift(origin, g.shape) if type(origin) is not int or origin else 0


def sobel(f: Array, options: Any, axis: Any) -> Made:
    return _sloped(axis, f, options, SOBEL, (1, 2, 1)), 0


def prewitt(f: Array, options: Any, axis: Any) -> Made:
    return _sloped(axis, f, options, PREWITT, (1, 1, 1)), 0


def scharr(f: Array, options: Any, axis: Any) -> Made:
    return _sloped(axis, f, options, SCHARR, (3, 10, 3)), 0


def farid(f: Array, options: Any, axis: Any) -> Made:
    return _sloped(axis, f, options, FARID, *FARID_LINES), 0


def roberts(f: Array, options: Any, diagonal: Any) -> Made:
    if diagonal not in ROBERTS or count_for(f, options) != 2:
        raise ValueError(
            f"diagonal={shown(diagonal)}: pass 1 or -1, and an image of which two axes are filtered"
        )
    return ROBERTS[int(diagonal)], 1


def difference_of_gaussians(f: Array, options: Any, low: Any, high: Any, truncate: Any) -> Made:
    return dog_factors(low, high, truncate=truncate, ndim=count_for(f, options)), 0


def unsharp_mask(f: Array, options: Any, sigma: Any, amount: Any, truncate: Any) -> Made:
    ndim = count_for(f, options)
    return unsharp_factors(sigma, amount, truncate=truncate, ndim=ndim), 0


def _sloped(
    axis: Any, f: Array, options: Any, g: Array, smooth: Line, differences: Line = SLOPE
) -> Array | Lines:
    """Differences along an axis, smoothed along all others that are filtered."""
    count = count_for(f, options)
    if count == 2:
        return along(axis, f, options, g)
    return slope(smooth, differences, place_of(axis, f, options), count)


def laplace(f: Array, options: Any) -> Made:
    return second_differences(count_for(f, options)), 0


def gaussian_laplace(f: Array, options: Any, sigma: Any, truncate: Any, radius: Any) -> Made:
    ndim = count_for(f, options)
    return gaussian_laplace_factors(sigma, truncate=truncate, radius=radius, ndim=ndim), 0


# --- the call ------------------------------------------------------------------------------------


@told
def run(
    f: Any, out: Any, options: FilterOptions, make: Callable[..., Made], *words: Any
) -> NDArray[Any]:
    """One convolution as large as the image; the same words again are the same filter."""
    key: Any = make, *words
    try:
        result = again(key, f, words, out, options)
    except TypeError:  # a list among the words
        key, result = None, None
    if result is not None:
        return result
    if not options.keys() <= OF_FILTERS:
        check_keywords(options, FILTERS)
    if type(f) is not np.ndarray and (keeper := keeper_of(f)) is not None:
        return cast(NDArray[Any], keeper.each(f, partial(_kept, out, options, make, words)))
    given, options = options, cast(FilterOptions, spatial(f, options))
    f, brought = unmasked(f, options)
    image = image_of(f, options)
    g, origin = make(image, options, *words)
    if "axes" not in options:
        warn_of_colours(image)
    keywords = {"mode": "same", "boundary": "symmetric", "origin": origin, **brought}
    known = filter_of(g)
    result, pair, asked = result_of(image, known, out, keywords, False)
    if key and (image.ndim == 2 or "axes" in options):  # else the next one may be warned of colours
        with suppress(TypeError):  # what may change
            check_fixed((*words, *given.values()))
            learn(key, words, given, known, pair, asked)
    return result


def _kept(
    out: Any, options: FilterOptions, make: Callable[..., Made], words: Any, f: Any
) -> NDArray[Any]:
    """The same of an array that stays what it is."""
    options = cast(FilterOptions, spatial(f, options))
    g, origin = make(f, options, *words)
    if "axes" not in options:
        warn_of_colours(f)
    asked = {"mode": "same", "boundary": "symmetric", "origin": origin, **options}
    return api.run(f, g, out, asked, False)
