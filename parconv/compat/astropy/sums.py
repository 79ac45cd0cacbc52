"""Sums over an image, and means over what is there: the two that astropy's functions are made of.

Planes and signals go by ``where=`` and ``nan_policy="omit"``, in one pass.  What these do not say,
volumes and kernels with taps below 0, is two sums, of pixels and of weights, and their quotient.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ... import api
from ...problem.dtypes import FLOAT64, Array, DType
from ...problem.missing import has_nan

SLACK = 1e-14  # by which a sum of weights may fall short of what it is, relative
BORDERS = {"fill": "constant", "extend": "edge", "wrap": "wrap"}


class Means(NamedTuple):
    """What a mean is beyond its pixels and taps.

    Attributes
    ----------
    total : float
        What ones would give.
    least : float
        What those taps must sum to that something is under.
    nothing : float or None
        What stands where less is, or nothing; None: ``total`` times the pixel, which may be NaN.
    """

    total: float
    least: float = -math.inf
    nothing: float | None = None


class Sums(NamedTuple):
    """How pixels are summed.

    Attributes
    ----------
    boundary : str
        Of `BORDERS`.
    outside : float
        What a border that is filled holds; NaN: nothing.
    reaches : bool
        Whether results reach the border; else there are those that the pixels alone determine.
    dtype : dtype
        Of the results, which are summed in float64.
    """

    boundary: str
    outside: float
    reaches: bool
    dtype: DType

    def of(self, f: Array, g: Array, **more: Any) -> Array:
        """The plain sums; taps that are 0 are multiplied, as by astropy."""
        image, taps = (f[None], g[None]) if f.ndim == 1 else (f, g)
        border: Any = BORDERS[self.boundary]
        result: Array = api.conv2d(
            image, taps, axes=tuple(range(image.ndim)), boundary=border, cval=self.outside,
            padding=self._padding(taps), dtype=self.dtype, accumulate=np.float64,
            zero_taps="keep", **more,
        )  # fmt: skip
        return result.reshape(result.shape[image.ndim - f.ndim :])

    def _padding(self, g: Array) -> Any:
        """Pixels of border on each side: the tap at ``n // 2`` lies on the pixel."""
        return tuple(((n - 1) // 2, n // 2) if self.reaches else (0, 0) for n in g.shape)

    def mean(self, f: Array, g: Array, lost: Array | None, asked: Means) -> Array:
        """The means over pixels that are not NaN and not lost."""
        whole = float(g.sum())
        all_there = lost is None and not math.isnan(self.outside) and not has_nan(f)
        if all_there and asked.least <= whole > 0:
            return self.of(f, g * (asked.total / whole))
        if not _in_one_pass(f, g, asked):
            return self._divided(f, g, lost, asked)
        there = None if lost is None else ~lost
        if f.ndim == 1 and there is not None:
            there = there[None]
        result = self.of(
            f, g * (asked.total / whole), where=there, nan_policy="omit",
            min_weight=max(0.0, asked.least / whole),
        )  # fmt: skip
        if asked.nothing is not None and not math.isnan(asked.nothing):
            result[np.isnan(result)] = asked.nothing
        return result

    def _divided(self, f: Array, g: Array, lost: Array | None, asked: Means) -> Array:
        """The same by sums of pixels and of weights; these exactly 0 where nothing is."""
        gone = np.isnan(f) if lost is None else lost | np.isnan(f)
        beyond = math.isnan(self.outside)
        plain = self._replace(outside=0.0 if beyond else self.outside, dtype=FLOAT64)
        sums = plain.of(np.where(gone, f.dtype.type(0), f), g)
        weights = plain._replace(outside=float(not beyond)).of(~gone, g, tolerance=0)
        with np.errstate(all="ignore"):
            sums /= weights
            sums *= asked.total
        few = (weights == 0) | (weights < asked.least * (1 - SLACK))
        if asked.nothing is not None:
            sums[few] = asked.nothing
        elif few.any():
            sums[few] = np.where(gone, np.nan, f)[self._inside(f, g)][few] * asked.total
        return sums.astype(self.dtype, copy=False)

    def _inside(self, f: Array, g: Array) -> tuple[slice, ...]:
        """Where the pixels lie that results are of."""
        if self.reaches:
            return (slice(None),) * f.ndim
        return inside(f.shape, g.shape)


def inside(shape: tuple[int, ...], taps: tuple[int, ...]) -> tuple[slice, ...]:
    """The pixels that have all their neighbours."""
    return tuple(slice(k // 2, n - (k - 1) // 2) for n, k in zip(shape, taps, strict=True))


def _in_one_pass(f: Array, g: Array, asked: Means) -> bool:
    """Whether the engine's own mean is meant: no tap counts against another.

    And where the weights sum to 0 the pixel itself is not there, for its own tap is none of 0.
    """
    whole = g.sum()
    own = asked.nothing is not None or g[tuple(n // 2 for n in g.shape)] > 0
    return bool(f.ndim <= 2 and own and (g >= 0).all() and asked.least <= whole > 0)
