"""Butterflies, as straight-line code on vectors.

Butterflies are of radix 2, 4 and 8, whose rotations are by multiples of 45 degrees: ``a +- w b``
costs two additions, or two additions and two fused multiply-adds.
"""

import math
from collections.abc import Callable

from ...simd import Code, Value

Complex = tuple[Value, Value]  # vectors of real and of imaginary parts


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
