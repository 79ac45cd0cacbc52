"""`compat.ndimage` of a volume beside `scipy.ndimage`, which has one thread."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from ..common import image
from . import Call, Row

SHAPE, DTYPE = (256, 512, 512), "uint16"


def _filters() -> Iterator[tuple[str, str, float, tuple[Any, ...], dict[str, Any]]]:
    """Name, function, quotient, arguments behind the volume, keywords."""
    taps = np.random.default_rng(2).random(9)
    for sigma in (1, 2):
        yield f"gaussian_filter {sigma}", "gaussian_filter", 10, (sigma,), {}
    for size in (3, 5):
        yield f"uniform_filter {size}", "uniform_filter", 8, (size,), {}
    for count in (3, 5, 9):
        for axis in (0, 1, 2):
            name, g = f"convolve1d {count} along {axis}", taps[:count] / taps[:count].sum()
            yield name, "convolve1d", 8, (g,), {"axis": axis}
    g = np.random.default_rng(3).random((3, 3, 3))
    yield "correlate 3x3x3", "correlate", 8, (g / g.sum(),), {}


def rows() -> Iterator[Row]:
    for name, *asked in _filters():
        function, wanted, arguments, words = asked
        yield Row(name, wanted, False, partial(_make, function, arguments, words))


def _make(
    function: str, arguments: tuple[Any, ...], words: dict[str, Any], threads: int
) -> tuple[Call, Mapping[str, Call]]:
    import scipy.ndimage

    from parconv.compat import ndimage

    f, out = image(SHAPE, DTYPE), np.empty(SHAPE, DTYPE)
    ours, theirs = (getattr(module, function) for module in (ndimage, scipy.ndimage))
    words = {**words, "output": out}
    return partial(ours, f, *arguments, **words), {"scipy": partial(theirs, f, *arguments, **words)}
