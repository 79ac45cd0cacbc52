"""Filters whose taps cancel, as sums of differences of two pixels.

Such a sum is exactly 0 where pixels are equal.  One of products is not: the multiply-add rounds
one of two opposite products and not the other.  Knows no image and no problem.
"""

import math
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .dtypes import Array, DType

PLACE: DType = np.dtype(np.int32)
KEPT_BYTES = 1 << 12  # of a filter that is remembered


class Differences(NamedTuple):
    """Of the pixels under the taps ``places[:, 0]`` and ``places[:, 1]``, and what they count."""

    places: Array
    weights: Array


def differences(g: Array) -> Differences | None:
    """A real filter as a sum of differences; None where its taps do not sum to exactly 0.

    Zeros alone are the sum of none.

    Opposite taps make one difference.  What is left of positive taps is matched with what is left
    of negative ones in reading order, so that absolute weights sum to half of those of the taps:
    the error bound of a plain sum holds.  Zero taps are left out.

    Examples
    --------
    >>> import numpy as np
    >>> differences(np.array([[1, 0, -1], [2, 0, -2]]))
    Differences(places=array([[0, 2],
           [3, 5]], dtype=int32), weights=array([1., 2.]))
    >>> differences(np.array([[1, -2, 1]]))
    Differences(places=array([[0, 1],
           [1, 2]], dtype=int32), weights=array([ 1., -1.]))
    >>> differences(np.array([[1, 2, 1]])) is None
    True
    """
    if g.nbytes > KEPT_BYTES:
        return _found(g.ravel(), g.shape)
    return _kept(g.tobytes(), g.shape, g.dtype)


@lru_cache(maxsize=64)
def _kept(content: bytes, shape: tuple[int, ...], dtype: DType) -> Differences | None:
    return _found(np.frombuffer(content, dtype), shape)


def _found(taps: Array, shape: tuple[int, ...]) -> Differences | None:
    taps = taps.astype(np.int64) if taps.dtype.kind in "bi" else taps
    if not _cancel(taps):
        return None
    first, second = _opposite(taps)
    weights = taps[first].astype(np.float64).tolist()
    rest = taps.copy()
    rest[first] = rest[second] = 0
    moved = _moved(rest)
    pairs = [*zip(first.tolist(), second.tolist(), weights, strict=True), *moved]
    return _sorted(pairs, shape[1])


def _cancel(taps: Array) -> bool:
    """Whether they sum to 0 exactly."""
    if taps.dtype.kind != "f":
        return bool(sum(taps.tolist()) == 0)
    wide = taps.astype(np.float64)
    with np.errstate(all="ignore"):
        total, largest = wide.sum(), np.abs(wide).sum()
    if not np.isfinite(largest) or not abs(total) <= 1e-9 * largest:
        return False
    return bool(math.fsum(wide.tolist()) == 0)


def _opposite(taps: Array) -> tuple[Array, Array]:
    """Places of positive taps and of as many negative ones of the same size, in reading order."""
    sizes = np.unique(np.abs(taps), return_inverse=True)[1].ravel()
    keys: list[Array] = []
    places: list[Array] = []
    for chosen in (taps > 0, taps < 0):
        place = np.flatnonzero(chosen)
        order = place[np.argsort(sizes[place], kind="stable")]
        size = sizes[order]
        rank = np.arange(size.size) - np.searchsorted(size, size)
        keys.append(size * taps.size + rank)
        places.append(order)
    _, above, below = np.intersect1d(
        keys[0], keys[1], assume_unique=True, return_indices=True
    )  # fmt: skip
    return places[0][above], places[1][below]


def _moved(taps: Array) -> list[tuple[int, int, float]]:
    """What must be moved from each negative tap to positive ones for all to be 0."""
    above, below = (
        [(place, Fraction(taps[place].item())) for place in np.flatnonzero(chosen).tolist()]
        for chosen in (taps > 0, taps < 0)
    )
    moves: list[tuple[int, int, float]] = []
    while above:
        (high, much), (low, missing) = above.pop(), below.pop()
        amount = min(much, -missing)
        moves.append((high, low, float(amount)))
        if much > amount:
            above.append((high, much - amount))
        if missing < -amount:
            below.append((low, missing + amount))
    return moves


def _sorted(pairs: list[tuple[int, int, float]], columns: int) -> Differences:
    """By the columns of both taps, then by rows: neighbours may share the pixels they read."""
    ordered = [(p, q) if p < q else (q, p) for p, q, _ in pairs]
    table = np.array(ordered, PLACE).reshape(-1, 2)
    weights = np.array([weight if p < q else -weight for p, q, weight in pairs])
    (row, other), (left, right) = table.T // columns, table.T % columns
    order = np.lexsort((row, other - row, right, left))
    return Differences(table[order], weights[order])
