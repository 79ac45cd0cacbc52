"""Filters given by their factors: outer products of a column and a row, or sums of a few.

Such a filter of 8001 x 8001 taps is 16002 numbers.  Only a method that wants its taps one by one
builds it in two dimensions.
"""

from hashlib import sha256
from typing import Any, NoReturn

import numpy as np

from .cosines import misfit
from .door import as_array
from .dtypes import FLOAT32, FLOAT64, INT64, Array, DType, fits_float32
from .filter import Filter
from .lazily import lazily
from .products import MOST_PRODUCTS, Products, given
from .traits import EXACT_BITS, Found, Traits, differences_in, is_mean, part_of, total

SMALL = 1 << 16  # taps in two dimensions, among which differences are looked for
LARGEST = 1 << 24  # taps in two dimensions: a slip of the pen must not ask for gigabytes


class Outer(Filter):
    """A filter that is the outer product of a column and a row, or a sum of two or three such.

    Wherever the library takes a filter it takes this one, and answers as it does to the array; but
    the array is never built where a method needs the factors alone, as two passes of a wide
    Gaussian do.  Of more than 16 million taps zeros between others count as taps: NaN under them
    spreads.

    Parameters
    ----------
    column : array_like, shape (KH,) or (N, KH)
        Finite real numbers, or integers; of several products one line each.
    row : array_like, shape (KW,) or (N, KW)
        Likewise, as many lines.

    Attributes
    ----------
    columns, rows : ndarray, shape (N, KH) and (N, KW)
        The factors, float64 or int64, read-only.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> g = parconv.Outer([1, 2, 1], [1, 0, -1])
    >>> np.asarray(g)
    array([[ 1,  0, -1],
           [ 2,  0, -2],
           [ 1,  0, -1]])
    >>> wide = parconv.Outer(np.ones(5001) / 5001, np.ones(5001) / 5001)
    >>> parconv.conv2d(np.ones((3, 4)), wide, mode="same", boundary="edge").round(12)
    array([[1., 1., 1., 1.],
           [1., 1., 1., 1.],
           [1., 1., 1., 1.]])
    """

    def __init__(self, column: Any, row: Any) -> None:
        lines = _lines("column", column), _lines("row", row)
        counts = tuple(len(line) for line in lines)
        if counts[0] != counts[1] or counts[0] > MOST_PRODUCTS:
            raise ValueError(
                f"column and row have {counts[0]} and {counts[1]} lines: pass as many of both, at "
                f"most {MOST_PRODUCTS}"
            )
        self.dtype: DType = INT64 if all(line.dtype == INT64 for line in lines) else FLOAT64
        self.columns, self.rows = (np.ascontiguousarray(line, self.dtype) for line in lines)
        for line in (self.columns, self.rows):
            line.flags.writeable = False
        self.shape = self.columns.shape[1], self.rows.shape[1]
        self._key = None
        if self.dtype == INT64 and self.total.bit_length() > 63:
            raise ValueError("column and row have products beyond int64: pass them as floats")

    def __repr__(self) -> str:
        return f"Outer of {len(self.columns)} x ({self.shape[0]}, {self.shape[1]}) {self.dtype}"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """The taps in two dimensions."""
        if self.shape[0] * self.shape[1] > LARGEST:
            raise ValueError(
                f"g has {self.shape[0]} x {self.shape[1]} taps, more than the {LARGEST} that a "
                "method may want one by one; pass fewer, or a question that method='passes' answers"
            )
        with np.errstate(all="ignore"):  # far from its centre a Gaussian becomes 0, as it should
            taps: Array = np.outer(self.columns[0], self.rows[0])
            for column, row in zip(self.columns[1:], self.rows[1:], strict=True):
                taps += np.outer(column, row)
        return taps if dtype is None else taps.astype(dtype)

    def __getitem__(self, index: tuple[slice, slice]) -> "Outer":
        """Some of its rows and columns."""
        return Outer(self.columns[:, index[0]], self.rows[:, index[1]])

    @lazily
    def has_zeros(self) -> bool:
        """Whether a tap is 0; one of too many taps to be written out counts as one without."""
        if self.shape[0] * self.shape[1] > LARGEST:
            return False
        return len(self.rows) > 1 or not (self.rows.all() and self.columns.all())

    def __mul__(self, number: float) -> "Outer":
        """As many times it."""
        return Outer(self.columns * number, self.rows)

    def factors(self, count: int, kind: DType) -> tuple[Array, Array] | None:
        """Columns and rows, if they are so many."""
        return (self.columns, self.rows) if len(self.columns) == count else None

    def __reduce__(self) -> Any:
        return Outer, (self.columns, self.rows)

    @property
    def nbytes(self) -> int:
        """Of the factors, and of the taps where they are kept."""
        kept = self.__dict__.get("taps")
        return self.columns.nbytes + self.rows.nbytes + (0 if kept is None else kept.nbytes)

    def digest(self) -> str:
        """What tells it from others of its shape and dtype, none of which is an array."""
        return sha256(b"Outer" + self.columns.tobytes() + self.rows.tobytes()).hexdigest()

    @lazily
    def total(self) -> int:
        """Of integers: at least the sum of the taps' absolute values."""
        return sum(total(c) * total(r) for c, r in zip(self.columns, self.rows, strict=True))

    @lazily
    def taps(self) -> Array:
        """Those in two dimensions, read-only, kept for whoever asks again."""
        return self.new_taps()

    def new_taps(self) -> Array:
        """The same, kept by nobody."""
        taps = np.asarray(self)
        taps.flags.writeable = False
        return taps

    @lazily
    def found(self) -> Found:
        """The part that matters, and its traits."""
        lines = [np.flatnonzero((factors != 0).any(0)) for factors in (self.columns, self.rows)]
        if not all(map(len, lines)):
            lines = [np.empty(0, int)] * 2
        part = part_of(lines, self.shape)
        return part, part.of(self).traits()

    def traits(self) -> Traits:
        """Of the whole."""
        whole = self.dtype == INT64
        bits = max(1, self.total.bit_length()) if whole else 0
        columns, rows = self.columns, self.rows
        largest = sum(np.abs(columns).max(1) * np.abs(rows).max(1))
        equal = len(columns) == 1 and all(bool((x == x[:, :1]).all()) for x in (columns, rows))
        double, single = (given(columns, rows, kind) for kind in (FLOAT64, FLOAT32))
        if bits > EXACT_BITS:
            double = Products()
        return Traits(
            *double,
            single=single if single != double and not whole else None,
            equal=equal,
            mean=equal and is_mean(columns[0, 0] * rows[0, 0], self.shape[0] * self.shape[1]),
            int8=whole and bool(largest <= 127),
            bits=bits,
            wide=not (whole or fits_float32(float(largest), self.shape[0] * self.shape[1])),
            differences=differences_in(np.asarray(self)) if self._is_small else (),
            misfit=misfit(columns, rows),
        )

    @property
    def _is_small(self) -> bool:
        """Whether a method may well want its taps one by one."""
        return bool(self.shape[0] * self.shape[1] <= SMALL)


def _lines(name: str, value: Any) -> Array:
    """One factor a line, float64 or int64."""
    given = as_array(name, value)
    lines = given[None] if given.ndim == 1 else given
    if lines.ndim != 2 or lines.size == 0:
        raise ValueError(f"{name} has shape {given.shape}: pass (taps,) or (products, taps)")
    if lines.dtype.kind == "c":
        _refuse(name, "is complex")
    if lines.dtype.kind == "f":
        if not np.isfinite(lines).all():
            _refuse(name, "holds NaN or infinity")
        return lines.astype(FLOAT64)
    if lines.dtype == np.uint64 and lines.max() > np.iinfo(INT64).max:
        _refuse(name, "holds numbers beyond int64")
    return lines.astype(INT64)


def _refuse(name: str, why: str) -> NoReturn:
    raise ValueError(f"{name} {why}: pass real numbers, or np.outer(column, row) in place of both")
