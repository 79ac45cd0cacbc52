"""Filters over any number of axes that are outer products of lines, one along each.

Knows no image and no problem.
"""

import math
from collections.abc import Sequence
from functools import reduce
from hashlib import sha256
from typing import Any

import numpy as np

from .dtypes import FLOAT64, INT64, Array, DType, fits_float32
from .filter import Filter, filter_of
from .lazily import lazily
from .outer import LARGEST, Outer
from .products import products
from .traits import Found, is_wide, total, traits_of


class Lines(Filter):
    """A filter that is the outer product of lines, one for each of its axes.

    Parameters
    ----------
    lines : sequence of array_like
        Finite real numbers, or integers.

    Examples
    --------
    >>> import numpy as np
    >>> np.asarray(Lines([[1, 2], [1], [1, 3]])).tolist()
    [[[1, 3]], [[2, 6]]]
    """

    def __init__(self, lines: Sequence[Any]) -> None:
        given = [np.asarray(line) for line in lines]
        whole = all(line.dtype.kind in "biu" for line in given)
        self.dtype: DType = INT64 if whole else FLOAT64
        self.lines = tuple(np.array(line, self.dtype) for line in given)
        for line in self.lines:
            line.flags.writeable = False
        self.shape = tuple(map(len, self.lines))
        self._key = None

    def __repr__(self) -> str:
        return f"Lines of {' x '.join(map(str, self.shape))} {self.dtype}"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """All taps."""
        count = math.prod(self.shape)
        if count > LARGEST:
            raise ValueError(f"g has {count} taps: pass at most {LARGEST} for an array of them")
        taps: Array = reduce(np.multiply.outer, self.lines)
        return taps if dtype is None else taps.astype(dtype)

    def __reduce__(self) -> Any:
        return Lines, (self.lines,)

    @property
    def nbytes(self) -> int:
        return sum(line.nbytes for line in self.lines)

    def digest(self) -> str:
        """What tells it from others of its shape and dtype, none of which is an array."""
        return sha256(b"Lines" + b"".join(line.tobytes() for line in self.lines)).hexdigest()

    @lazily
    def found(self) -> Found:
        """Of the array that it stands for, where that is a bank's."""
        return traits_of(np.asarray(self))

    @lazily
    def has_zeros(self) -> bool:
        """Whether a tap is 0."""
        return not all(line.all() for line in self.lines)


def ordered(g: Filter, order: Sequence[int]) -> Filter:
    """The filter with its axes in another order."""
    if isinstance(g, Lines):
        return Lines([g.lines[place] for place in order])
    return filter_of(np.asarray(g).transpose(order))


def parted(g: Filter, kind: DType) -> tuple[Array, Filter] | None:
    """A line along the first axis and the filter over the others whose outer product it is.

    As precise as sums in ``kind``; None where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> line, rest = parted(filter_of(np.ones((3, 2, 2), int)), np.dtype("f4"))
    >>> line, rest.shape
    (array([1, 1, 1]), (2, 2))
    """
    if isinstance(g, Lines):
        first, *others = g.lines
        return first, Outer(*others) if len(others) == 2 else Lines(others)
    taps = np.asarray(g)
    if len(taps) == 1:
        return np.ones(1, int), filter_of(taps[0])
    if taps.dtype.kind == "c" or not np.isfinite(taps).all():
        return None
    found = products(taps.reshape(len(taps), -1), 1, kind)
    return found and (found[0][0], filter_of(found[1][0].reshape(taps.shape[1:])))


def moduli(g: Filter) -> int:
    """Of integers: the sum of the taps' absolute values."""
    if isinstance(g, Lines):
        return math.prod(map(total, g.lines))
    return total(np.asarray(g))


def wide(g: Filter) -> bool:
    """Whether float32 does not hold the taps."""
    if 0 in g.shape or not isinstance(g, Lines):
        return 0 not in g.shape and is_wide(np.asarray(g))
    largest = math.prod(float(np.abs(line).max()) for line in g.lines)
    return g.dtype != INT64 and not fits_float32(largest, math.prod(g.shape))
