"""A picture through a filter: which pixels go in, and what becomes of the sums."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..api import conv2d
from ..problem.dtypes import Array, DType
from ..problem.outer import Outer
from .picture import Picture

NODATA = ("refuse", "spread", "ignore")
CANCEL = 1e-6  # of the sum of the absolute taps: less is rounding


@dataclass(frozen=True)
class Wish:
    """What the user wants of the result.

    Parameters
    ----------
    dtype : dtype, optional
        By default the picture's own.
    absolute : bool
        Whether to take absolute values of the sums.
    offset : number
        Added to them afterwards.
    nodata : {"refuse", "spread", "ignore"}
        Pixels without data: raise; let every output that they would reach have none either; or
        filter them as data.
    """

    dtype: DType | None = None
    absolute: bool = False
    offset: float = 0
    nodata: str = "refuse"

    def __post_init__(self) -> None:
        if not math.isfinite(self.offset):
            raise ValueError(f"offset={self.offset}: pass a finite number")
        if self.nodata not in NODATA:
            raise ValueError(f"nodata={self.nodata!r} is unknown: pass one of {', '.join(NODATA)}")

    def dtype_of(self, picture: Picture) -> DType | None:
        """Element type of the result; None leaves it to the convolution."""
        own = picture.pixels.dtype
        return self.dtype or (own if own.kind in "ui" else None)

    def preview(self, picture: Picture) -> Picture:
        """What the result will be, but for its size and numbers."""
        dtype = self.dtype_of(picture) or picture.pixels.dtype
        return replace(picture, pixels=np.broadcast_to(np.zeros((), dtype), picture.pixels.shape))

    def loses_signs(self, picture: Picture, g: Array | Outer) -> bool:
        """Whether about half of the sums are negative, and become 0: the taps cancel."""
        dtype = self.dtype_of(picture)
        if dtype is None or dtype.kind != "u" or self.absolute or self.offset:
            return False
        return any(map(_cancels, [*g.columns, *g.rows] if isinstance(g, Outer) else [g]))


def _cancels(taps: Array) -> bool:
    """Whether some taps are taken off others and nothing is left."""
    alike = taps.dtype.kind in "if" and taps.sum() <= CANCEL * np.abs(taps).sum()
    return bool(alike and (taps < 0).any())


def scaled(g: Array | Outer, scale: float) -> Array | Outer:
    """The filter whose sums are ``scale`` times as large."""
    if not math.isfinite(scale):
        raise ValueError(f"scale={scale}: pass a finite number")
    return g if scale == 1 else g * scale


def check_nodata(picture: Picture, wish: Wish) -> None:
    """Raise ValueError where nodata would be filtered as data and nobody has said so."""
    if picture.nodata is None:
        return
    if wish.nodata == "spread":
        _check_fits(picture.nodata, wish.dtype_of(picture))
    if wish.nodata == "refuse":
        count = int(np.count_nonzero(picture.light() == picture.nodata))
        if count:
            raise ValueError(
                f"{count} pixels are nodata={picture.nodata}: pass --nodata spread (outputs within "
                "reach of one have no data either) or --nodata ignore (they are filtered as data)"
            )


def _check_fits(nodata: float, dtype: DType | None) -> None:
    if dtype is None or dtype.kind not in "ui":
        return
    limits = np.iinfo(dtype)
    if not limits.min <= nodata <= limits.max or nodata != int(nodata):
        raise ValueError(f"nodata={nodata} does not fit in {dtype}: pass another --dtype")


def filtered(picture: Picture, run: Callable[..., Array], wish: Wish) -> Picture:
    """The picture with its light through ``run``, a convolution that knows its filter."""
    check_nodata(picture, wish)
    axes, dtype = picture.plane, wish.dtype_of(picture)
    spread = wish.nodata == "spread" and picture.nodata is not None
    if not (wish.absolute or wish.offset or spread):
        return picture.lit(run(picture.light(), axes=axes, dtype=dtype))
    light = _with_holes(picture) if spread else picture.light()
    sums = run(light, axes=axes, dtype=None)
    sums = np.abs(sums) if wish.absolute else sums
    sums = sums + wish.offset if wish.offset else sums
    result = _in_dtype(sums, axes, dtype)
    if spread:
        result[np.isnan(sums)] = picture.nodata
    return picture.lit(result)


def _with_holes(picture: Picture) -> Array:
    """The light, with NaN where there is none."""
    light = picture.light()
    holes = light == picture.nodata
    if light.dtype.kind in "bui":
        light = light.astype(np.float32 if light.dtype.itemsize <= 2 else np.float64)
    return np.where(holes, light.dtype.type(np.nan), light)


def _in_dtype(sums: Array, axes: tuple[int, int], dtype: DType | None) -> Array:
    """Rounded and saturated by the rules of the convolution itself."""
    if dtype is None or dtype == sums.dtype:
        return sums
    one = np.ones((1, 1), int if sums.dtype.kind in "bui" else float)
    return conv2d(sums, one, axes=axes, dtype=dtype)
