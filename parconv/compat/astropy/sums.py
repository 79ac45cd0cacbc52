"""Sums over an image, and means over what is there: the two that astropy's functions are made of.

Planes and signals go by ``where=`` and ``nan_policy="omit"``, in one pass.  What these do not say,
volumes and kernels with taps below 0, is two sums, of pixels and of weights, and their quotient.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ... import api
from ...problem.dtypes import FLOAT64, Array, DType

PADS: dict[str, Any] = {"extend": "edge", "wrap": "wrap"}  # as NumPy says it
# A long signal's pieces: pixels of each, at least, and how many there must be.
PIECE, ROWS = 1 << 9, 6
# From so many taps on sums apart may be faster than a mean, and are where that costs so many times
# one of them (it is a plan's count of operations; planning takes about a millisecond).
MANY, TIMES = 200, 4
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
    exact : bool
        Whether weights of nothing sum to 0; else to less than ``least``, as by transforms.
    """

    total: float
    least: float = -math.inf
    nothing: float | None = None
    exact: bool = True


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

    def of(self, f: Array, g: Array, where: Array | None = None, **more: Any) -> Array:
        """The plain sums; taps that are 0 are multiplied, as by astropy."""
        if f.ndim == 1:
            return self._of_signal(f, g, where, more)
        return self._asked(f, g, padding=self._padding(g), where=where, **more)

    def _padding(self, g: Array) -> tuple[tuple[int, int], ...]:
        """Pixels of border on each side: the tap at ``n // 2`` lies on the pixel."""
        return tuple(((n - 1) // 2, n // 2) if self.reaches else (0, 0) for n in g.shape)

    def _words(self, ndim: int) -> dict[str, Any]:
        return {
            "axes": tuple(range(ndim)), "boundary": BORDERS[self.boundary], "cval": self.outside,
            "dtype": self.dtype, "accumulate": np.float64, "zero_taps": "keep",
        }  # fmt: skip

    def _asked(self, f: Array, g: Array, **more: Any) -> Array:
        result: Array = api.conv2d(f, g, **self._words(f.ndim), **more)
        return result

    def _of_signal(self, f: Array, g: Array, where: Array | None, more: Any) -> Array:
        """The same of one axis: a plane of one row, or a long signal's overlapping pieces as rows.

        Bands are cut from rows, and tiles are several high: on one and two threads a million
        float64 pixels with 31 taps and NaN take 19 and 10 ms as one row, 10 and 6 as many (Sapphire
        Rapids VM, AVX-512, 2026-11).
        """
        (sides,) = self._padding(g)
        count, columns = len(f) + sum(sides) - len(g) + 1, max(PIECE, 8 * len(g))
        rows = -(-count // columns)
        if rows < ROWS:
            there = None if where is None else where[None]
            row = self._asked(f[None], g[None], padding=((0, 0), sides), where=there, **more)
            return row.reshape(-1)
        ends = sides[0], sides[1] + rows * columns - count
        image = self._pieces(f.astype(FLOAT64, copy=False), ends, columns, len(g), self.outside)
        there = None if where is None else self._pieces(where, ends, columns, len(g), True)
        results = self._asked(image, g[None], where=there, **more).reshape(-1)
        return results[:count]

    def _pieces(
        self, f: Array, ends: tuple[int, int], columns: int, taps: int, outside: float
    ) -> Array:
        """Rows of so many outputs, with the pixels that these share with the next."""
        if self.boundary == "fill":
            padded = np.pad(f, ends, constant_values=outside)
        else:
            padded = np.pad(f, ends, PADS[self.boundary])
        rows: Array = np.lib.stride_tricks.sliding_window_view(padded, columns + taps - 1)
        return rows[::columns]

    def mean(self, f: Array, g: Array, lost: Array | None, asked: Means) -> Array:
        """The means over pixels that are not NaN and not lost."""
        whole = float(g.sum())
        if not _in_one_pass(f, g, whole, asked) or (not asked.exact and self._is_slow(f, g)):
            return self._divided(f, g, lost, asked)
        result = self.of(
            f, g * (asked.total / whole), None if lost is None else ~lost, nan_policy="omit",
            min_weight=max(0.0, asked.least / whole),
        )  # fmt: skip
        if asked.nothing is not None and not math.isnan(asked.nothing):
            result[np.isnan(result)] = asked.nothing
        return result

    def _is_slow(self, f: Array, g: Array) -> bool:
        """Whether two plain sums, which transforms may form, take less time than one mean."""
        if f.ndim == 1 or g.size < MANY:
            return False
        image, words = (f.shape, f.dtype), {**self._words(f.ndim), "padding": self._padding(g)}
        plain, mean = (api.plan2d(image, g, **words, nan_policy=policy).cost
                       for policy in ("propagate", "omit"))  # fmt: skip
        return mean > TIMES * plain

    def _divided(self, f: Array, g: Array, lost: Array | None, asked: Means) -> Array:
        """The same by sums of pixels and of weights; these exactly 0 where nothing is."""
        gone = np.isnan(f) if lost is None else lost | np.isnan(f)
        beyond = math.isnan(self.outside)
        plain = self._replace(outside=0.0 if beyond else self.outside, dtype=FLOAT64)
        sums = plain.of(np.where(gone, f.dtype.type(0), f), g * asked.total)
        there = ~gone if asked.exact else (~gone).astype(np.float64)
        tolerance = 0 if asked.exact else None
        weights = plain._replace(outside=float(not beyond)).of(there, g, tolerance=tolerance)
        with np.errstate(all="ignore"):
            sums /= weights
        few = weights == 0
        if asked.least > 0:
            few |= weights < asked.least * (1 - SLACK)
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


def _in_one_pass(f: Array, g: Array, whole: float, asked: Means) -> bool:
    """Whether the engine's own mean is meant: no tap counts against another.

    And where the weights sum to 0 the pixel itself is not there, for its own tap is none of 0.
    """
    own = asked.nothing is not None or g[tuple(n // 2 for n in g.shape)] > 0
    return bool(f.ndim <= 2 and own and g.min() >= 0 and asked.least <= whole > 0)
