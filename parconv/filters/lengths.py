"""Lengths of gradients, a piece that stays in the caches at a time."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..problem.dtypes import Array

# Numbers.  A length of 1024 x 1024 float64 takes 2.2 ms, 2.5 as whole arrays, of float32 0.88 and
# 1.0; pieces of 4096 take half as long again (Sapphire Rapids VM, AVX-512, 2026-11).
PIECE = 1 << 14


def length(
    slopes: Sequence[Callable[[], Array]], out: Array | None = None, share: float = 1.0
) -> Array:
    """Square root of the sum of squares, times ``share``; no more than two slopes exist at a time.

    Examples
    --------
    >>> length([lambda: np.array([3.0, 0.0]), lambda: np.array([4.0, 1.0])])
    array([5., 1.])
    """
    total = slopes[0]()
    target = total if out is None else out
    if len(slopes) == 1:
        return np.multiply(np.abs(total), share, out=target)
    for place, make in enumerate(slopes[1:], 1):
        for sums, term, found in _pieces(total, make(), target):
            if place == 1:
                np.multiply(sums, sums.conj(), out=sums)
            sums += np.multiply(term, term.conj(), out=term)
            if place == len(slopes) - 1:
                np.multiply(np.sqrt(sums, out=found), share, out=found)
    return target


def _pieces(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """The same numbers of each; whole arrays where one is no line."""
    if not all(each.flags.c_contiguous for each in arrays):
        yield arrays
        return
    lines = [each.reshape(-1) for each in arrays]
    for start in range(0, lines[0].size, PIECE):
        yield tuple(line[start : start + PIECE] for line in lines)
