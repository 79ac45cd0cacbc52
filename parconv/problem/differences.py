"""Filters whose taps cancel, as sums of differences of two pixels.

Such a sum is exactly 0 where pixels are equal.  One of products is not: the multiply-add rounds
one of two opposite products and not the other.  Knows no image and no problem.
"""

import math
from fractions import Fraction

import numpy as np

from .dtypes import Array, DType

PLACE: DType = np.dtype(np.int32)


def differences(g: Array) -> Array | None:
    """Places in a real filter of two taps each, in order; None where taps do not sum to exactly 0.

    The filter is the sum of differences of the pixels there, with the `weights` that its taps tell.
    Zeros alone are the sum of none.

    Opposite taps make one difference.  What is left of positive taps is matched with what is left
    of negative ones in reading order, so that absolute weights sum to half of those of the taps:
    the error bound of a plain sum holds.  Zero taps are left out.

    Examples
    --------
    >>> import numpy as np
    >>> differences(np.array([[1, 0, -1], [2, 0, -2]])).tolist()
    [[0, 2], [3, 5]]
    >>> differences(np.array([[1, -2, 1]])).tolist()
    [[0, 1], [1, 2]]
    >>> differences(np.array([[1, 2, 1]])) is None
    True
    """
    taps = _plain(g)
    if not _cancel(taps):
        return None
    first, second = _opposite(taps)
    rest = taps.copy()
    rest[first] = rest[second] = 0
    pairs = [*zip(first.tolist(), second.tolist(), strict=True), *_matched(rest)]
    return _sorted(pairs, g.shape[1])


def weights(places: Array, g: Array) -> Array:
    """What the differences of pixels at those places count, for them to sum to a filter.

    Of a pair that shares no tap it is the first one.  The others are trees of taps (each match uses
    one up): at a tap with one difference that counts as much as the tap does, and what is left of
    the other follows.

    Examples
    --------
    >>> import numpy as np
    >>> weights(np.array([[0, 1], [1, 2]]), np.array([[1, -2, 1]]))
    array([ 1., -1.])
    """
    taps = _plain(g)
    found = taps[places[:, 0]].astype(np.float64)
    shared = np.flatnonzero((np.bincount(places.ravel())[places] > 1).any(1)).tolist()
    if not shared:
        return found
    ends = dict(zip(shared, places[shared].tolist(), strict=True))
    at: dict[int, set[int]] = {tap: set() for pair in ends.values() for tap in pair}
    for n, pair in ends.items():
        at[pair[0]].add(n)
        at[pair[1]].add(n)
    rest = {tap: Fraction(taps[tap].item()) for tap in at}
    single = [tap for tap, several in at.items() if len(several) == 1]
    while single:
        for n in at[tap := single.pop()]:  # none, where its last one was the other's, too
            one, other = ends[n]
            found[n] = rest[tap] if tap == one else -rest[tap]
            beyond = other if tap == one else one
            rest[beyond] += rest[tap]
            at[beyond].remove(n)
            if len(at[beyond]) == 1:
                single.append(beyond)
    return found


def _plain(g: Array) -> Array:
    """The taps in a row, in a type that has their opposites."""
    return g.ravel().astype(np.int64) if g.dtype.kind in "bi" else g.ravel()


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


def _matched(taps: Array) -> list[tuple[int, int]]:
    """Positive and negative taps: each pair uses up one of both, the rest of the other goes on."""
    above, below = (
        [(place, Fraction(taps[place].item())) for place in np.flatnonzero(chosen).tolist()]
        for chosen in (taps > 0, taps < 0)
    )
    pairs: list[tuple[int, int]] = []
    while above:
        (high, much), (low, missing) = above.pop(), below.pop()
        pairs.append((high, low))
        if much > -missing:
            above.append((high, much + missing))
        if much < -missing:
            below.append((low, missing + much))
    return pairs


def _sorted(pairs: list[tuple[int, int]], columns: int) -> Array:
    """By the columns of both taps, then by rows: neighbours may share the pixels they read."""
    table = np.sort(np.array(pairs, PLACE).reshape(-1, 2), 1)
    (row, other), (left, right) = table.T // columns, table.T % columns
    return table[np.lexsort((row, other - row, right, left))]
