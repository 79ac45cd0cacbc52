"""Butterflies, as straight-line code on vectors.

Butterflies are of radix 2, 4 and 8, whose rotations are by multiples of 45 degrees: ``a +- w b``
costs two additions, or two additions and two fused multiply-adds.  Those of radix 5 and 10 make
sizes between powers of two, of which an image often wastes less.
"""

import math
from collections.abc import Callable, Sequence

from ...codegen.emitted import Value
from ...codegen.simd import Code

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
    """The discrete Fourier transform of ``get(0)`` to ``get(count - 1)``: 1, 2, 4, 5, 8 or 10.

    ``get`` is called when a value is wanted, so that few are alive at a time.
    """
    if count == 1:
        return [get(0)]
    if count == 5:
        return _fifths(code, [get(n) for n in range(5)])
    if count == 10:  # as 2 x 5 by remainders (Good and Thomas): nothing is rotated between
        halves = [
            _fifths(code, [get((first + n) % 10) for n in range(0, 10, 2)]) for first in (0, 5)
        ]
        pairs = [_turned(code, even, odd, 0) for even, odd in zip(*halves, strict=True)]
        return [pairs[k % 5][k % 2] for k in range(10)]
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


def _fifths(code: Code, x: Sequence[Complex]) -> list[Complex]:
    """The transform of five, in 32 operations."""
    cosines, sines = ([turn(n * math.tau / 5) for n in (1, 2)] for turn in (math.cos, math.sin))
    ratio = sines[1] / sines[0]

    def plus(a: Complex, factor: float, b: Complex) -> Complex:
        weight = code.constant(factor)
        return code.fma(b[0], weight, a[0]), code.fma(b[1], weight, a[1])

    def turned(a: Complex, sine: float, b: Complex) -> Complex:
        """``a - i sine b``."""
        real, imaginary = code.constant(sine), code.constant(-sine)
        return code.fma(b[1], real, a[0]), code.fma(b[0], imaginary, a[1])

    near, near_difference = _turned(code, x[1], x[4], 0)
    far, far_difference = _turned(code, x[2], x[3], 0)
    a = plus(plus(x[0], cosines[0], near), cosines[1], far)
    a_2 = plus(plus(x[0], cosines[1], near), cosines[0], far)
    b = plus(near_difference, ratio, far_difference)
    b_2 = plus(far_difference, -ratio, near_difference)
    return [
        plus(plus(x[0], 1, near), 1, far),
        turned(a, sines[0], b),
        turned(a_2, -sines[0], b_2),
        turned(a_2, sines[0], b_2),
        turned(a, -sines[0], b),
    ]
