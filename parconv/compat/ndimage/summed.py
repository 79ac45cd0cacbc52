"""One correlation into an array of any type, stored as scipy.ndimage stores."""

from typing import Any

import numpy as np

from ... import api
from ...problem.dtypes import Array, DType
from ..recalling import array_of, content, recalled

LARGEST = 1 << 31  # of whole weights that are summed as such
STORE: dict[str, Any] = {"rounding": "trunc", "overflow": "wrap"}


def correlated(
    f: Array, g: Any, axes: tuple[int, ...], output: Array, borders: Any, cval: Any,
    origins: tuple[int, ...], **options: Any,
) -> Array:  # fmt: skip
    """Fill ``output``; ``g`` has an axis for each of ``axes``, and its taps ``g`` lie as given.

    ``origins`` are SciPy's, of a correlation: by so much the result moves up or left.
    """
    if not f.size:
        return output
    given = content(np.asarray(g)), axes, borders, cval, origins, tuple(options.items())
    return _filled(f, output, *_placed(*given, f.dtype, output.dtype))


@recalled
def _placed(
    g: Any, axes: Any, borders: Any, cval: Any, origins: Any, options: Any, image: DType,
    result: DType,
) -> tuple[Array, dict[str, Any]]:  # fmt: skip
    taps = array_of(g)
    shifts = tuple(o + (1 - n % 2) for o, n in zip(origins, taps.shape, strict=True))
    asked = {"mode": "same", "axes": axes, "boundary": borders, "cval": cval, "origin": shifts}
    return _summed(taps, asked | dict(options), image, result)


def stored(f: Array, g: Any, output: Array, asked: dict[str, Any]) -> Array:
    """The same with the engine's words: sums in double but of float32 images, one rounding."""
    return _filled(f, output, *_summed(g, asked, f.dtype, output.dtype))


def _summed(
    g: Any, asked: dict[str, Any], image: DType, result: DType
) -> tuple[Any, dict[str, Any]]:
    """Taps and words by which sums are as precise as SciPy's, and stored like them."""
    whole = image.kind in "biu" and float(asked["cval"]).is_integer() and is_whole(g)
    if whole:
        asked = asked | {"cval": int(asked["cval"])}
    elif result.kind in "biu" or np.float64 in (image, result):
        asked = asked | {"accumulate": np.float64}
    store = STORE if result.kind in "biu" else {}
    kind = np.dtype(np.uint8) if result.kind == "b" else result
    return np.asarray(g).astype(np.int64) if whole else g, asked | store | {"dtype": kind}


def _filled(f: Array, output: Array, taps: Any, asked: dict[str, Any]) -> Array:
    if output.dtype == bool:
        output[...] = api.correlate2d(f, taps, **asked) != 0
    else:
        api.correlate2d(f, taps, out=output, **asked)
    return output


def is_whole(g: Any) -> bool:
    """Whether the weights are integers, which sums of integers keep exact."""
    taps = np.asarray(g)
    if taps.dtype.kind == "c":
        return False
    return bool((taps == np.rint(taps)).all() and np.abs(taps).max(initial=0) < LARGEST)
