"""Transposition of vectors in registers, in steps that every vector extension has."""

from collections.abc import Sequence

from .emitted import Value
from .simd import Code

# Shuffles inside parts of this many bytes, and of whole parts, take one instruction with every
# vector extension of x86.
PART_BYTES = 16


def _zip(code: Code, first: Value, second: Value, unit: int) -> list[Value]:
    """Units of two vectors in turn: those of the lower halves, those of the upper ones.

    Within parts of `PART_BYTES` while units are smaller than that.
    """
    block = _block(code, unit)
    orders: list[list[int]] = [[], []]
    for lane in range(code.lanes):
        start, (place, inside) = lane // block * block, divmod(lane % block, unit)
        for half, order in enumerate(orders):
            source = start + half * block // 2 + place // 2 * unit + inside
            order.append(source + place % 2 * code.lanes)
    return [code.shuffle(first, second, order) for order in orders]


def _unzip(code: Code, lower: Value, upper: Value, unit: int) -> list[Value]:
    """The two vectors of which `_zip` makes these."""
    block = _block(code, unit)
    orders: list[list[int]] = [[], []]
    for lane in range(code.lanes):
        start, (place, inside) = lane // block * block, divmod(lane % block, unit)
        which, place = divmod(2 * place, block // unit)
        for half, order in enumerate(orders):
            order.append(which * code.lanes + start + (place + half) * unit + inside)
    return [code.shuffle(lower, upper, order) for order in orders]


def _block(code: Code, unit: int) -> int:
    part = min(PART_BYTES // code.itemsize, code.lanes)
    return part if unit < part else code.lanes


def transposed(code: Code, rows: Sequence[Value]) -> list[Value]:
    """Vectors whose lanes are runs of ``rows`` for one column; `columns` tells which."""
    if len(rows) == 1:
        return list(rows)
    half = len(rows) // 2
    parts = transposed(code, rows[:half]), transposed(code, rows[half:])
    return [v for pair in zip(*parts, strict=True) for v in _zip(code, *pair, half)]


def untransposed(code: Code, vectors: Sequence[Value]) -> list[Value]:
    """The rows of which `transposed` makes these."""
    if len(vectors) == 1:
        return list(vectors)
    half = len(vectors) // 2
    pairs = zip(vectors[::2], vectors[1::2], strict=True)
    parts = [_unzip(code, *pair, half) for pair in pairs]
    return [row for part in zip(*parts, strict=True) for row in untransposed(code, part)]


def columns(code: Code, rows: int) -> list[list[int]]:
    """For each vector of `transposed`, the column of each of its runs of ``rows`` lanes."""
    symbols = _Symbols(code)
    found = transposed(symbols, [range(code.lanes)] * rows)
    return [list(vector[::rows]) for vector in found]


class _Symbols(Code):
    """Shuffles lists in place of vectors."""

    def __init__(self, code: Code) -> None:
        self.itemsize, self.lanes = code.itemsize, code.lanes

    def shuffle(self, first: Value, second: Value, order: Sequence[int]) -> Value:
        return [[*first, *second][lane] for lane in order]
