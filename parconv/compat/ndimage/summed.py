"""One correlation into an array of any type, stored as scipy.ndimage stores."""

from typing import Any

import numpy as np

from ... import api
from ...problem.dtypes import Array

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
    shifts = tuple(o + (1 - n % 2) for o, n in zip(origins, g.shape, strict=True))
    asked: dict[str, Any] = {
        "mode": "same", "axes": axes, "boundary": borders, "cval": cval, "origin": shifts,
    } | options  # fmt: skip
    return stored(f, g, output, asked)


def stored(f: Array, g: Any, output: Array, asked: dict[str, Any]) -> Array:
    """The same with the engine's words: sums in double but of float32 images, one rounding."""
    whole = f.dtype.kind in "biu" and float(asked["cval"]).is_integer() and is_whole(g)
    taps = np.asarray(g).astype(np.int64) if whole else g
    if whole:
        asked["cval"] = int(asked["cval"])
    elif output.dtype.kind in "biu" or np.float64 in (f.dtype, output.dtype):
        asked["accumulate"] = np.float64
    if output.dtype == bool:
        output[...] = api.correlate2d(f, taps, dtype=np.uint8, **asked, **STORE) != 0
        return output
    store = STORE if output.dtype.kind in "iu" else {}
    api.correlate2d(f, taps, dtype=output.dtype, out=output, **asked, **store)
    return output


def is_whole(g: Any) -> bool:
    """Whether the weights are integers, which sums of integers keep exact."""
    taps = np.asarray(g)
    if taps.dtype.kind == "c":
        return False
    return bool((taps == np.rint(taps)).all() and np.abs(taps).max(initial=0) < LARGEST)
