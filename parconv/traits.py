"""What the values of a filter allow, beyond its shape: found once for each filter.

Knows no image and no problem.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .differences import differences
from .dtypes import Array, DType

MOST_PRODUCTS = 3  # outer products worth looking for: more of them lose to a transform
PRODUCT_ULPS = 4  # of its largest tap, to which a filter must equal a sum of products
EXACT_BITS = 53  # of an integer filter's sum, so that float64 holds its products
SPARSE = 3  # fewer taps than one in so many: the others are left out
NO_LINES: Array = np.empty((0, 1))


class Part(NamedTuple):
    """The rows and columns of a filter that are not zero: every ``step``-th one.

    Zero taps outside the part are not multiplied, so NaN and infinity under them do not spread.
    """

    first: tuple[int, int] = (0, 0)
    size: tuple[int, int] | None = None  # None: all of the filter
    step: tuple[int, int] = (1, 1)

    def of(self, g: Array) -> Array:
        """The part of ``g``."""
        if self.size is None:
            return g
        rows, columns = (
            slice(first, first + (size - 1) * step + 1, step)
            for first, size, step in zip(self.first, self.size, self.step, strict=True)
        )
        return np.ascontiguousarray(g[rows, columns])


class Traits(NamedTuple):
    """What methods ask of a filter's part.

    Attributes
    ----------
    rank : int
        How many outer products of a column and a row sum to it, to within `PRODUCT_ULPS` units in
        the last place of its largest tap (integers: exactly); 0 where they are too many.
    even : (bool, bool)
        Whether all columns, all rows of these products are symmetric.
    odd : (bool, bool)
        Whether they change sign where they are read backwards.
    equal : bool
        Whether all taps are the same number.
    mean : bool
        Whether they are several, and that number no power of two.
    int8 : bool
        Whether all taps are integers from -128 to 127.
    bits : int
        Binary digits of the sum of an integer filter's absolute values, the largest of a bank; 0
        for others.
    support : bytes or None
        Of a sparse filter, the taps that are not zero, as packed bits; it has no trait above but
        ``bits``.
    differences : tuple of (bytes or None)
        Of a filter whose taps cancel, the places of `parconv.differences`; of a complex one those
        of its real and its imaginary part, None where that does not.
    bank : tuple of Traits
        Of the filters of a bank, where the taps of one cancel: nothing but ``differences``.
    """

    rank: int = 0
    even: tuple[bool, bool] = (False, False)
    odd: tuple[bool, bool] = (False, False)
    equal: bool = False
    mean: bool = False
    int8: bool = False
    bits: int = 0
    support: bytes | None = None
    differences: tuple[bytes | None, ...] = ()
    bank: tuple["Traits", ...] = ()


Found = tuple[Part, Traits]
WHOLE, PLAIN = Part(), Traits()
UNKNOWN: Found = WHOLE, PLAIN


def traits_of(g: Array) -> Found:
    """The part of a 2-D filter that matters, and its traits; of a bank its ``bits``, and ``bank``.

    Examples
    --------
    >>> import numpy as np
    >>> part, traits = traits_of(np.array([[0, 0, 0], [1, 2, 1]]))
    >>> part.first, part.size, traits.rank
    ((1, 0), (1, 3), 1)
    """
    if g.size == 0 or g.dtype.kind not in "biufc":
        return UNKNOWN  # refused later
    if g.ndim != 2:
        bits = _most_bits(g) if g.dtype.kind in "biu" else 0
        members = _members(g.tobytes(), g.shape, g.dtype) if g.ndim == 3 else ()
        return WHOLE, Traits(bits=bits, bank=members)
    return _found(g.tobytes(), g.shape, g.dtype)


@lru_cache(maxsize=64)
def _found(content: bytes, shape: tuple[int, ...], dtype: DType) -> Found:
    g = np.frombuffer(content, dtype).reshape(shape)
    lines = [np.flatnonzero((g != 0).any(axis)) for axis in (1, 0)]
    part = _part(lines, shape)
    return part, _traits(part.of(g))


@lru_cache(maxsize=64)
def _members(content: bytes, shape: tuple[int, ...], dtype: DType) -> tuple[Traits, ...]:
    """The filters of a bank over plain images; layers sum over channels, whose sums are rounded."""
    bank = np.frombuffer(content, dtype).reshape(shape)
    found = tuple(Traits(differences=_differences(g)) for g in bank)
    return found if any(one.differences for one in found) else ()


def total(g: Array) -> int:
    """The sum of an integer filter's absolute values, exactly."""
    if g.dtype.itemsize < 8:
        return int(np.abs(g.astype(np.int64)).sum())
    return sum(abs(tap) for tap in g.ravel().tolist())


def _most_bits(g: Array) -> int:
    """Of the sums of absolute values of a bank's filters."""
    return max(total(taps) for taps in g).bit_length()


def _part(lines: list[Array], shape: tuple[int, ...]) -> Part:
    """From the rows and columns that hold a tap; of zeros alone, the one in the middle."""
    if not lines[0].size:
        lines = [np.array([size // 2]) for size in shape]
    first = int(lines[0][0]), int(lines[1][0])
    steps = [int(np.gcd.reduce(np.diff(line), initial=0)) or 1 for line in lines]
    sizes = [int(line[-1] - line[0]) // step + 1 for line, step in zip(lines, steps, strict=True)]
    if tuple(sizes) == tuple(shape):
        return WHOLE
    return Part(first, (sizes[0], sizes[1]), (steps[0], steps[1]))


def _traits(g: Array) -> Traits:
    whole, apart = g.dtype.kind in "biu", _differences(g)
    bits = total(g).bit_length() if whole else 0
    if 0 < SPARSE * np.count_nonzero(g) < g.size:
        support = np.packbits(g != 0).tobytes()
        return Traits(bits=bits, support=support, differences=apart)
    if g.dtype.kind == "c" or not np.isfinite(g).all():
        return Traits(differences=apart)
    found = _fewest_products(g) if bits <= EXACT_BITS else None
    columns, rows = found or (NO_LINES, NO_LINES)
    equal = bool((g == g.flat[0]).all())
    return Traits(
        rank=len(columns),
        even=(_mirrored(columns, 1), _mirrored(rows, 1)),
        odd=(_mirrored(columns, -1), _mirrored(rows, -1)),
        equal=equal,
        mean=equal and g.size > 1 and math.frexp(abs(g.flat[0]))[0] != 0.5,
        int8=whole and bool(g.min() >= -128 and g.max() <= 127),
        bits=bits,
        differences=apart,
    )


def _differences(g: Array) -> tuple[bytes | None, ...]:
    """Places, where any differences are."""
    parts = (g.real, g.imag) if g.dtype.kind == "c" else (g,)
    found = [differences(part) for part in parts]
    places = tuple(None if one is None else one.places.tobytes() for one in found)
    return places if any(places) else ()


def _fewest_products(g: Array) -> tuple[Array, Array] | None:
    """Several only where they have fewer taps than the filter."""
    worthy = [n for n in range(2, MOST_PRODUCTS + 1) if n * sum(g.shape) < g.size]
    tried = (products(g, count) for count in (1, *worthy))
    return next((found for found in tried if found), None)


def _mirrored(factors: Array, sign: int) -> bool:
    """Whether there are any, and each read backwards is ``sign`` times itself."""
    return bool(len(factors)) and bool((factors == sign * factors[:, ::-1]).all())


def products(g: Array, count: int) -> tuple[Array, Array] | None:
    """``count`` columns and as many rows whose outer products sum to ``g``; None where none do.

    Of integers one column and row of integers, of floats numbers of type float64.

    Examples
    --------
    >>> import numpy as np
    >>> products(np.array([[2, 4], [3, 6]]), 1)
    (array([[2, 3]]), array([[1, 2]]))
    """
    return _float_products(g, count) if g.dtype.kind == "f" else _integer_product(g, count)


def _integer_product(g: Array, count: int) -> tuple[Array, Array] | None:
    if count != 1:
        return None
    taps = g.astype(np.int64)
    y, x = divmod(int(taps.astype(bool).argmax()), g.shape[1])
    if taps[y, x] == 0:
        return None
    row = taps[y] // np.gcd.reduce(taps[y])
    column = taps[:, x] // row[x]
    return (column[None], row[None]) if (np.outer(column, row) == taps).all() else None


def _float_products(g: Array, count: int) -> tuple[Array, Array] | None:
    """By elimination, each step with the largest number left."""
    rest = g.astype(np.float64)
    precision = np.finfo(np.result_type(g.dtype, np.float32))
    least = PRODUCT_ULPS * float(precision.eps) * float(np.abs(rest).max())
    columns, rows = [], []
    for _ in range(count):
        y, x = divmod(int(np.abs(rest).argmax()), rest.shape[1])
        if rest[y, x] == 0:
            return None
        columns.append(rest[:, x].copy())
        rows.append(rest[y] / rest[y, x])
        rest -= np.outer(columns[-1], rows[-1])
    return (np.array(columns), np.array(rows)) if np.abs(rest).max() <= least else None
