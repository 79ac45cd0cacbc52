"""What calls ask the engine for, stored as scipy.ndimage stores: found once, filled each time."""

from typing import Any, NamedTuple, Protocol

import numpy as np

from ... import api
from ...problem.dtypes import Array, DType
from ...problem.question import DEFAULTS
from ..recalling import array_of, content, recalled

LARGEST = 1 << 31  # of whole weights that are summed as such
STORE: dict[str, Any] = {"rounding": "trunc", "overflow": "wrap"}


class Fills(Protocol):
    """What a call means."""

    def fill(self, f: Array, output: Array) -> Array:
        """Fill an array from another, and return it."""
        ...


class Copy(NamedTuple):
    """The image as it is, times a number."""

    scale: Any = 1.0

    def fill(self, f: Array, output: Array) -> Array:
        output[...] = f if self.scale == 1 else f * self.scale
        return output


class Zeros(NamedTuple):
    """Of no weights."""

    def fill(self, f: Array, output: Array) -> Array:
        output[...] = 0
        return output


class Sum(NamedTuple):
    """One convolution, or correlation, in the engine's words."""

    g: Any
    asked: dict[str, Any]
    correlate: bool = True

    def fill(self, f: Array, output: Array) -> Array:
        g, asked, correlate = self
        if not f.size:
            return output
        if output.dtype.char == "?":
            output[...] = api.run(f, g, None, asked, correlate) != 0
        else:
            api.run(f, g, output, asked, correlate)
        return output


def correlated(
    f: Array, g: Any, axes: tuple[int, ...], output: Array, borders: Any, cval: Any,
    origins: tuple[int, ...],
) -> Array:  # fmt: skip
    """Fill ``output``; ``g`` has an axis for each of ``axes``, and its taps ``g`` lie as given.

    ``origins`` are SciPy's, of a correlation: by so much the result moves up or left.
    """
    found = _correlation(
        content(np.asarray(g)), axes, borders, cval, origins, f.dtype, output.dtype
    )
    return found.fill(f, output)


@recalled
def _correlation(g: Any, *given: Any) -> Sum:
    return correlation(array_of(g), *given)


def correlation(
    g: Array, axes: Any, borders: Any, cval: Any, origins: Any, image: DType, result: DType,
    **options: Any,
) -> Sum:  # fmt: skip
    """The sum by which `correlated` fills arrays of such types."""
    shifts = tuple(o + (1 - n % 2) for o, n in zip(origins, g.shape, strict=True))
    asked = {"mode": "same", "axes": axes, "boundary": borders, "cval": cval, "origin": shifts}
    return summed(g, asked | options, image, result)


def summed(g: Any, asked: dict[str, Any], image: DType, result: DType) -> Sum:
    """With taps and words by which sums are as precise as SciPy's, and stored like them."""
    whole = image.kind in "biu" and float(asked["cval"]).is_integer() and is_whole(g)
    if whole:
        asked = asked | {"cval": int(asked["cval"])}
    elif result.kind in "biu" or np.float64 in (image, result):
        asked = asked | {"accumulate": np.float64}
    store = STORE if result.kind in "biu" else {}
    kind = np.dtype(np.uint8) if result.kind == "b" else result
    taps = np.ascontiguousarray(g, np.int64 if whole else None)  # calls with others are not known
    return Sum(taps, asked | store | {"dtype": kind})


def precision(image: DType, result: DType) -> Any:
    """What sums of floats are formed in."""
    return np.float64 if np.float64 in (image, result) else DEFAULTS["accumulate"]


def is_whole(g: Any) -> bool:
    """Whether the weights are integers, which sums of integers keep exact."""
    taps = np.asarray(g)
    if taps.dtype.kind == "c":
        return False
    return bool((taps == np.rint(taps)).all() and np.abs(taps).max(initial=0) < LARGEST)
