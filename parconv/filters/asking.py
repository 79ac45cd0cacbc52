"""From a filter and a call's keywords to one convolution as large as the image."""

from typing import Any

from numpy.typing import NDArray

from ..api import run
from ..problem.door import image_of
from ..problem.dtypes import Array
from ..problem.lines import Lines
from ..problem.question import FILTERS, OF_FILTERS, FilterOptions, check_keywords
from .arguments import along, count_for, place_of, warn_of_colours
from .taps import slope


def sloped(
    axis: Any, f: Array, options: FilterOptions, g: Array, smooth: tuple[int, ...]
) -> Array | Lines:
    """Differences along an axis, smoothed along all others that are filtered."""
    count = count_for(f, options)
    if count == 2:
        return along(axis, f, options, g)
    return slope(smooth, place_of(axis, f, options), count)


def same(f: Any, g: Any, out: Any, options: FilterOptions, origin: Any = 0) -> NDArray[Any]:
    image = image_of(f, options)
    if "axes" not in options:
        warn_of_colours(image, level=4)
    if not options.keys() <= OF_FILTERS:
        check_keywords(options, FILTERS)
    asked = {"mode": "same", "boundary": "symmetric", "origin": origin, **options}
    return run(image, g, out, asked, False)
