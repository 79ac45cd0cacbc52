"""What the values of a filter allow, beyond its shape: found once for each filter.

Knows no image and no problem.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from .cosines import LEAST, misfit
from .differences import differences
from .dtypes import FLOAT32, FLOAT64, Array, DType, fits_float32, quietly
from .products import Products, fewest_products, products

EXACT_BITS = 53  # of an integer filter's sum, so that float64 holds its products
SPARSE = 3  # fewer taps than one in so many: the others are left out


class Part(NamedTuple):
    """The rows and columns of a filter that are not zero: every ``step``-th one.

    Zero taps outside the part are not multiplied.
    """

    first: tuple[int, int] = (0, 0)
    size: tuple[int, int] | None = None  # None: all of the filter
    step: tuple[int, int] = (1, 1)

    def of(self, g: Any) -> Any:
        """The part of ``g``."""
        if self.size is None:
            return g
        rows, columns = (
            slice(first, first + (size - 1) * step + 1, step)
            for first, size, step in zip(self.first, self.size, self.step, strict=True)
        )
        piece = g[rows, columns]
        return np.ascontiguousarray(piece) if isinstance(piece, np.ndarray) else piece


class Traits(NamedTuple):
    """What methods ask of a filter's part.

    Attributes
    ----------
    rank, even, odd, error : int, (bool, bool), (bool, bool), float
        Those of its `Products`, as precise as sums in float64 are.
    single : Products or None
        Those that are as precise as sums in float32; None where they are the same.
    equal : bool
        Whether all taps are the same number.
    mean : bool
        Whether they are several, and that number no power of two.
    int8 : bool
        Whether all taps are integers from -128 to 127.
    bits : int
        Binary digits of the sum of an integer filter's absolute values, the largest of a bank; 0
        for others.
    wide : bool
        Whether float32 does not hold the taps, or their sum, to its precision.
    known : bool
        Whether anybody saw the taps.
    support : bytes or None
        Of a sparse filter, the taps that are not zero, as packed bits; it has no trait above but
        ``bits``.
    differences : tuple of (bytes or None)
        Of a filter whose taps cancel, the places of `problem.differences`; of a complex one those
        of its real and its imaginary part, None where that does not.
    misfit : float
        What sums of few cosines miss of its taps, by the sum of their absolute values; infinite
        where nobody looked for such sums.
    bank : tuple of Traits
        Of the filters of a bank, where the taps of one cancel: nothing but ``differences``.
    """

    rank: int = 0
    even: tuple[bool, bool] = (False, False)
    odd: tuple[bool, bool] = (False, False)
    error: float = 0.0
    single: Products | None = None
    equal: bool = False
    mean: bool = False
    int8: bool = False
    bits: int = 0
    wide: bool = False
    known: bool = True
    support: bytes | None = None
    differences: tuple[bytes | None, ...] = ()
    misfit: float = math.inf
    bank: tuple["Traits", ...] = ()

    def within(self, kind: DType) -> "Traits":
        """For sums in a type: of the products those as precise as that is."""
        if self.single is None or kind != FLOAT32:
            return self._replace(single=None)
        return self._replace(**self.single._asdict(), single=None)


Found = tuple[Part, Traits]
WHOLE, PLAIN = Part(), Traits()
UNKNOWN: Found = WHOLE, Traits(known=False)
UNSEEN = "unknown: pass the filter, not its shape"


def traits_of(g: Array) -> Found:
    """The part of a 2-D filter that matters, and its traits; of a bank bits, width and members.

    Examples
    --------
    >>> import numpy as np
    >>> part, traits = traits_of(np.array([[0, 0, 0], [1, 2, 1]]))
    >>> part.first, part.size, traits.rank
    ((1, 0), (1, 3), 1)
    """
    if g.size == 0 or g.ndim < 2 or g.dtype.kind not in "biufc":
        return UNKNOWN  # refused later
    if g.ndim > 2:
        members = _members(g) if g.ndim == 3 else ()
        return WHOLE, Traits(bits=_most_bits(g), wide=is_wide(g), bank=members)
    return _found(g)


@quietly
def _found(g: Array) -> Found:
    lines = [np.flatnonzero((g != 0).any(axis)) for axis in (1, 0)]
    part = part_of(lines, g.shape)
    return part, _traits(part.of(g))


def _members(g: Array) -> tuple[Traits, ...]:
    """The filters of a bank over plain images; layers sum over channels, whose sums are rounded."""
    found = tuple(Traits(differences=differences_in(each)) for each in g)
    return found if any(one.differences for one in found) else ()


def total(g: Array) -> int:
    """The sum of an integer filter's absolute values, exactly."""
    if g.dtype.itemsize < 8 or max(-int(g.min()), int(g.max())) * g.size < 1 << 63:
        return int(np.abs(g.astype(np.int64)).sum())
    return sum(abs(tap) for tap in g.ravel().tolist())


def _most_bits(g: Array) -> int:
    """Of the sums of absolute values of a bank's filters; 0 where they are no integers."""
    return max(total(taps) for taps in g).bit_length() if g.dtype.kind in "biu" else 0


def is_wide(g: Array) -> bool:
    """Whether float32 does not hold them: only float64 and complex128 may be so."""
    kind = g.dtype
    if kind.itemsize < {"f": 8, "c": 16}.get(kind.kind, math.inf):
        return False
    parts = np.ascontiguousarray(g).view(FLOAT64.newbyteorder(kind.byteorder))
    return not fits_float32(max(float(parts.max()), -float(parts.min())), parts.size)


def part_of(lines: list[Array], shape: tuple[int, ...]) -> Part:
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
    whole, wide, apart = g.dtype.kind in "biu", is_wide(g), differences_in(g)
    bits = max(1, total(g).bit_length()) if whole else 0
    if 0 < SPARSE * np.count_nonzero(g) < g.size:
        support = np.packbits(g != 0).tobytes()
        return Traits(bits=bits, wide=wide, support=support, differences=apart)
    if g.dtype.kind == "c" or not np.isfinite(g).all():
        return Traits(wide=wide, differences=apart)
    double, single = fewest_products(g) if bits <= EXACT_BITS else (Products(), None)
    equal = bool((g == g.flat[0]).all())
    return Traits(
        *double,
        single=single,
        equal=equal,
        mean=equal and is_mean(g.flat[0], g.size),
        int8=whole and bool(g.min() >= -128 and g.max() <= 127),
        bits=bits,
        wide=wide,
        differences=apart,
        misfit=_misfit(g, double if double.rank else single),
    )


def _misfit(g: Array, found: Products | None) -> float:
    if found is None or found.rank != 1 or min(g.shape) < LEAST:
        return math.inf
    factors = products(g, 1, FLOAT32)
    return misfit(*factors) if factors else math.inf


def is_mean(tap: float, count: int) -> bool:
    """Whether so many equal taps are several, and no power of two."""
    return count > 1 and math.frexp(abs(tap))[0] != 0.5


def differences_in(g: Array) -> tuple[bytes | None, ...]:
    """Places, where any differences are."""
    parts = (g.real, g.imag) if g.dtype.kind == "c" else (g,)
    found = [differences(part) for part in parts]
    places = tuple(None if one is None else one.tobytes() for one in found)
    return places if any(places) else ()
