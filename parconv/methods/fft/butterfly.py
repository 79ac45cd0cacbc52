"""Butterflies and transpositions, as straight-line code on vectors.

Butterflies are of radix 2, 4 and 8, whose rotations are by multiples of 45 degrees: ``a +- w b``
costs two additions, or two additions and two fused multiply-adds.
"""

import math
from collections.abc import Callable, Sequence

from ...simd import Code, Value

Complex = tuple[Value, Value]  # vectors of real and of imaginary parts

# Shuffles inside parts of this many bytes, and of whole parts, take one instruction with every
# vector extension of x86.
PART_BYTES = 16


def swapped(value: Complex) -> Complex:
    """A transform of swapped numbers, swapped again, is the inverse transform."""
    return value[1], value[0]


def product(code: Code, a: Complex, b: Complex) -> Complex:
    """The complex product, lane by lane."""
    multiply, negative = code.builder.fmul, code.builder.fneg
    real = code.fma(negative(a[1]), b[1], multiply(a[0], b[0]))
    return real, code.fma(a[1], b[0], multiply(a[0], b[1]))


def dft(code: Code, get: Callable[[int], Complex], count: int) -> list[Complex]:
    """The discrete Fourier transform of ``get(0)`` to ``get(count - 1)``; at most 8 of them.

    ``get`` is called when a value is wanted, so that few are alive at a time.
    """
    if count == 1:
        return [get(0)]
    even = dft(code, lambda n: get(2 * n), count // 2)
    odd = dft(code, lambda n: get(2 * n + 1), count // 2)
    pairs = [_turned(code, even[k], odd[k], 8 * k // count) for k in range(count // 2)]
    return [pair[0] for pair in pairs] + [pair[1] for pair in pairs]


def _turned(code: Code, a: Complex, b: Complex, eighths: int) -> tuple[Complex, Complex]:
    """``a + w b`` and ``a - w b``, where w turns clockwise by so many eighths of a circle."""
    add, subtract = code.builder.fadd, code.builder.fsub
    if eighths == 0:
        return (add(a[0], b[0]), add(a[1], b[1])), (subtract(a[0], b[0]), subtract(a[1], b[1]))
    if eighths == 2:
        return (add(a[0], b[1]), subtract(a[1], b[0])), (subtract(a[0], b[1]), add(a[1], b[0]))
    half, minus_half = code.constant(math.sqrt(0.5)), code.constant(-math.sqrt(0.5))
    total, difference = add(b[0], b[1]), subtract(b[1], b[0])
    if eighths == 1:  # w b = half * (total, difference)
        real, imaginary, sign = total, difference, (half, minus_half)
    else:  # w b = half * (difference, -total)
        real, imaginary, sign = difference, total, (minus_half, half)
    return (
        (code.fma(real, half, a[0]), code.fma(imaginary, sign[0], a[1])),
        (code.fma(real, minus_half, a[0]), code.fma(imaginary, sign[1], a[1])),
    )


# --- transposition -------------------------------------------------------------------------------


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
