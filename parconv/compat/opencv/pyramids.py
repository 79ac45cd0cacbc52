"""OpenCV's steps of pyramids: half as many rows and columns, or twice as many."""

import itertools
from functools import cache
from typing import Any

import numpy as np

from ... import api
from ...problem.dtypes import Array, DType
from ...problem.outer import Outer
from ...problem.shown import shown
from .words import BORDER_DEFAULT, border, error, image, target

Size = tuple[int, int]  # width and height
LINE = np.array([1, 4, 6, 4, 1]) / 16
SMOOTH = Outer(LINE, LINE)
# The same for bytes, whose sums are multiples of 1 / 256: a half becomes more than one, and so goes
# up, by more than sums are rounded by, and no other sum reaches a half.
UPWARDS = Outer(LINE * (1 + 2**-19), LINE)
PHASES = np.array([[1, 6, 1], [0, 4, 4]]) / 8


def pyrDown(
    src: Any, dst: Any = None, dstsize: Size | None = None,
    borderType: int = BORDER_DEFAULT,
) -> Array:  # fmt: skip
    """Smooth, and keep every other row and column.

    Examples
    --------
    >>> import numpy as np
    >>> pyrDown(np.full((5, 4), 7, np.uint8))
    array([[7, 7],
           [7, 7],
           [7, 7]], dtype=uint8)
    """
    f, name = image("src", src), border(borderType, wraps=True)
    rows, columns = f.shape[:2]
    shape = (rows + 1) // 2, (columns + 1) // 2
    if dstsize is not None and tuple(dstsize) not in ((0, 0), shape[::-1]):
        raise error(f"dstsize={shown(dstsize)}: pass {shape[::-1]}, or none")
    if name == "constant":
        raise error("borderType=BORDER_CONSTANT: pass another")
    out = target(dst, (*shape, *f.shape[2:]), f.dtype)
    g = UPWARDS if f.dtype == np.uint8 else SMOOTH
    return api.correlate2d(f, g, out=out, **_asked(name, f.dtype))


@cache
def _asked(border: str, dtype: DType) -> dict[str, Any]:
    """A call's keywords, as `filters` has them."""
    asked: dict[str, Any] = {
        "axes": (0, 1), "padding": 2, "stride": 2, "boundary": border, "dtype": dtype,
    }  # fmt: skip
    if dtype == np.uint16:  # a half goes up
        asked |= {"bias": 0.5, "rounding": "trunc"}
    return asked


def pyrUp(
    src: Any, dst: Any = None, dstsize: Size | None = None,
    borderType: int = BORDER_DEFAULT,
) -> Array:  # fmt: skip
    """Put a row and a column between each two, and smooth.

    Examples
    --------
    >>> import numpy as np
    >>> pyrUp(np.array([[0, 80]], np.uint8))
    array([[20, 40, 70, 80],
           [20, 40, 70, 80]], dtype=uint8)
    """
    f = image("src", src)
    if border(borderType) != border(BORDER_DEFAULT):
        raise error(f"borderType={shown(borderType)}: pass BORDER_DEFAULT")
    rows, columns = (2 * n for n in f.shape[:2])
    wide, high = dstsize if dstsize and tuple(dstsize) != (0, 0) else (columns, rows)
    if abs(high - rows) > 1 or abs(wide - columns) > 1:
        raise error(f"dstsize={shown(dstsize)}: pass {(columns, rows)}, or 1 more or less")
    whole = _enlarged(f)
    # of one more the last but one is taken again for rows, the last for columns, as OpenCV has it
    places = np.ix_([*range(rows), rows - 2][:high], [*range(columns), columns - 1][:wide])
    found = whole if (high, wide) == (rows, columns) else whole[places]
    out = target(dst, found.shape, f.dtype)
    if out is None:
        return found
    out[...] = found
    return out


def _enlarged(f: Array) -> Array:
    """Rows and columns of either kind apart: 1, 6, 1 eighths of three, or the mean of two."""
    around = [(1, 1), (1, 1), *[(0, 0)] * (f.ndim - 2)]
    ended = np.pad(f, around, "edge")  # at the far ends; at the near ones neighbours are mirrored
    ended[0], ended[:, 0] = ended[min(2, len(f))], ended[:, min(2, f.shape[1])]
    kind = np.float32 if f.dtype.kind in "ui" else f.dtype  # which holds their sums
    whole = np.empty((2 * f.shape[0], 2 * f.shape[1], *f.shape[2:]), kind)
    for (y, column), (x, row) in itertools.product(enumerate(PHASES), enumerate(PHASES)):
        api.correlate2d(ended, Outer(column, row), axes=(0, 1), padding=0, dtype=kind,
                        out=whole[y::2, x::2])  # fmt: skip
    if kind == f.dtype:
        return whole
    whole += 0.5  # a half goes up
    return np.floor(whole, out=whole).astype(f.dtype)
