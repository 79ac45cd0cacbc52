"""Filters as sums of outer products of a column and a row.

Knows no image and no problem.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .dtypes import FLOAT32, FLOAT64, Array, DType

MOST_PRODUCTS = 3  # worth looking for: more of them lose to a transform
SUMMED = 1 << 20  # taps at a time
PRODUCT_EPSILONS = 4  # of sum |g|, by which several products may miss all taps together


class Products(NamedTuple):
    """Outer products of a column and a row that sum to a filter.

    Attributes
    ----------
    rank : int
        How many; 0 where they are too many.  One meets each tap to within the rounding of a plain
        sum of as many taps; several miss all taps together by at most `PRODUCT_EPSILONS` of the
        type of the sums times sum |g|; those of integers are exact.
    even, odd : (bool, bool)
        Whether all columns, all rows are symmetric, or change sign where they are read backwards.
    error : float
        What sums of them err by beside the rounding of a plain sum, in units of the largest |f|
        nearby times sum |g|; 0 for one product.
    """

    rank: int = 0
    even: tuple[bool, bool] = (False, False)
    odd: tuple[bool, bool] = (False, False)
    error: float = 0.0


def products(g: Array, count: int, kind: DType = FLOAT64) -> tuple[Array, Array] | None:
    """``count`` columns and as many rows whose outer products sum to ``g``; None where none do.

    Of integers one column and row of integers; of floats numbers of type float64 that are as
    precise as sums in ``kind``.

    Examples
    --------
    >>> import numpy as np
    >>> products(np.array([[2, 4], [3, 6]]), 1)
    (array([[2, 3]]), array([[1, 2]]))
    """
    if g.dtype.kind != "f":
        return _integer_product(g) if count == 1 else None
    for columns, rows, rest in _eliminated(g, count):
        if len(rows) == count and _judged(g, columns, rows, rest, kind):
            return columns, rows
    return None


def fewest_products(g: Array) -> tuple[Products, Products | None]:
    """Those for sums in float64, and in float32; several only where they have fewer taps."""
    if g.dtype.kind != "f":
        pair = _integer_product(g)
        return Products(1, *_mirrored(*pair)) if pair else Products(), None
    most = max(n for n in range(1, MOST_PRODUCTS + 1) if n == 1 or n * sum(g.shape) < g.size)
    single = None
    for found in _eliminated(g, most):
        single = single or _judged(g, *found, FLOAT32)
        double = _judged(g, *found, FLOAT64)
        if double:
            return double, single
    return Products(), single


def given(columns: Array, rows: Array, kind: DType) -> Products:
    """Those of a filter that is given by them, for sums in a type: they miss nothing."""
    count, size = len(rows), columns.shape[1] * rows.shape[1]
    if count == 1 or columns.dtype.kind != "f":
        return Products(count, *_mirrored(columns, rows))
    whole = sum(np.abs(part.T @ rows).sum() for part in np.array_split(columns, _parts(size), 1))
    if whole == 0:
        return Products(count, *_mirrored(columns, rows))
    growth = float((np.abs(columns).sum(1) * np.abs(rows).sum(1)).sum() / whole)
    lines = columns.shape[1] + rows.shape[1]
    return Products(count, *_mirrored(columns, rows), _rounding(kind, growth, lines, size))


def _parts(size: int) -> int:
    """In which so many taps are summed, so that they need no memory to speak of."""
    return -(-size // SUMMED)


def _rounding(kind: DType, growth: float, lines: int, size: int) -> float:
    """What several products err by beside a plain sum, in units of the largest |f| times sum |g|.

    ``growth``: how many times sum |g| the sum of all |u| |v| is.
    """
    return float(np.finfo(kind).eps) / 2 * max(growth, (lines + 3) * growth - size)


Sides = tuple[bool, bool]


def _mirrored(columns: Array, rows: Array) -> tuple[Sides, Sides]:
    """Whether all columns, all rows are symmetric; and whether they change sign."""
    return _read_backwards(columns, rows, 1), _read_backwards(columns, rows, -1)


def _read_backwards(columns: Array, rows: Array, sign: int) -> Sides:
    """Whether each is then ``sign`` times itself."""
    down, across = (bool((lines == sign * lines[:, ::-1]).all()) for lines in (columns, rows))
    return down, across


def _integer_product(g: Array) -> tuple[Array, Array] | None:
    taps = g.astype(np.int64)
    y, x = divmod(int(taps.astype(bool).argmax()), g.shape[1])
    if taps[y, x] == 0:
        return None
    row = taps[y] // np.gcd.reduce(taps[y])
    column = taps[:, x] // row[x]
    return (column[None], row[None]) if (np.outer(column, row) == taps).all() else None


def _eliminated(g: Array, most: int) -> Iterator[tuple[Array, Array, Array]]:
    """Columns, rows and what their products leave of ``g``: one product more each time.

    Each comes from the largest number left.
    """
    rest = g.astype(np.float64)
    if len(rest) == 1 and rest.any() and np.isfinite(rest).all() and not _divides(rest):
        yield np.ones((1, 1)), rest, np.zeros_like(rest)
        return
    columns, rows = [], []
    for _ in range(most):
        y, x = divmod(int(np.abs(rest).argmax()), rest.shape[1])
        if rest[y, x] == 0:
            return
        columns.append(rest[:, x].copy())
        rows.append(rest[y] / rest[y, x])
        rest -= np.outer(columns[-1], rows[-1])
        yield np.array(columns), np.array(rows), rest


def _divides(row: Array) -> bool:
    """Whether a filter of one row over its largest tap is exact, as of differences, which cancel.

    Another stays as it is: an impulse gives its numbers, and integers are summed without rounding.
    """
    largest = row[0, np.abs(row).argmax()]
    short = row / largest
    return bool((short.astype(np.float32) == short).all() and (short * largest == row).all())


def _judged(g: Array, columns: Array, rows: Array, rest: Array, kind: DType) -> Products | None:
    """The products of a float filter, if they are as precise as sums in ``kind``.

    One product has to meet each tap as precisely as a plain sum of all taps would be: then its
    error, too, is one of each pixel's own neighbourhood.
    """
    limits, taps = np.finfo(kind), np.abs(g).astype(np.float64)
    unit, largest, left = float(limits.eps) / 2, float(taps.max()), np.abs(rest)
    if len(rows) == 1:
        allowed = max(2 * PRODUCT_EPSILONS, g.size) * unit * taps + float(limits.tiny)
        return Products(1, *_mirrored(columns, rows)) if (left <= allowed).all() else None
    whole = (taps / largest).sum()
    missed = float((left / largest).sum() / whole)
    if missed > 2 * PRODUCT_EPSILONS * unit:
        return None
    growth = float(((np.abs(columns) / largest).T @ np.abs(rows)).sum() / whole)
    error = missed + _rounding(kind, growth, sum(g.shape), g.size)
    return Products(len(rows), *_mirrored(columns, rows), error)
