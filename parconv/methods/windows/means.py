"""Sums as means over the pixels that are there, by their numbers.

These lie in rows of scratch, 16 bits each, as far apart in elements as the sums.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from ...codegen import machine
from ...codegen.emitted import Value
from ...codegen.operations import operation
from ...codegen.simd import Code
from .neighbours import Adding

NUMBER = ir.IntType(16)
ESTIMATES = "inverse4" in machine.ISA.instructions
STEPS = {4: 1, 8: 2} if ESTIMATES else {4: 0, 8: 0}  # of Newton's method: each doubles 14 bits


def inverse(code: Code, value: Value) -> Value:
    """1 over a vector's lanes; in float64, and where they are estimated, of 0 NaN.

    There the last bit is open.  16 divisions of float32 take 10 cycles, 4 so; 8 of float64 16, and
    6 by an inverse of float32, which its rest and the square of that make precise (Sapphire Rapids,
    by its tables).
    """
    one, builder = code.constant(1.0), code.builder
    if code.itemsize == 8 and not ESTIMATES:
        single = ir.VectorType(ir.FloatType(), code.lanes)
        found = operation(builder, "inverse4", single, builder.fptrunc(value, single))
        found = builder.fpext(found, code.vector)
        rest = code.fma(builder.fneg(value), found, one)
        return code.fma(found, code.fma(rest, rest, rest), found)
    found = operation(builder, f"inverse{code.itemsize}", value.type, value)
    for _ in range(STEPS[code.itemsize]):
        rest = code.fma(builder.fneg(value), found, one)
        found = code.fma(found, rest, found)
    return found


def factor(code: Code, taken: Value, left: Value) -> Value:
    """1 and what is taken by what is left: exactly 1 where nothing is taken."""
    one = code.constant(1.0)
    if code.itemsize == 4 and not ESTIMATES:
        return code.builder.fadd(code.builder.fdiv(taken, left), one)
    return code.fma(taken, inverse(code, left), one)


def share(code: Code, total: Value, left: Value) -> Value:
    """The whole by what is left, which are integers: exactly 1 where that is all, of 0 NaN."""
    builder = code.builder
    if code.itemsize == 8 or ESTIMATES:
        return factor(code, builder.fsub(total, left), left)
    bits = ir.VectorType(ir.IntType(8 * code.itemsize), code.lanes)
    none = builder.sext(builder.fcmp_ordered("==", left, code.zero), bits)
    whole = builder.bitcast(builder.fdiv(total, left), bits)
    return builder.bitcast(builder.or_(whole, none), code.vector)


class Means(Adding):
    """Emits sums over what is there of their taps, NaN where that is nothing.

    Of the last arguments ``there`` is where the first number lies, ``total`` that of all taps.
    """

    def __init__(self, *arguments: Any) -> None:
        *others, self.there, total = arguments
        super().__init__(*others)
        self.total = self.code.splat(total)

    @property
    def moving(self) -> list[tuple[Value, Value]]:
        return [*super().moving, (self.there, self.down)]

    def begin(self, *places: Value) -> None:
        *others, self.there = places
        super().begin(*others)

    def results(self, sums: Sequence[Value], at: Value) -> list[Value]:
        place, lanes = self.code.at(self.there, at), self.code.lanes
        left = [self.number(self.code.at(place, n * lanes)) for n in range(len(sums))]
        parts = (share(self.code, self.total, each) for each in left)
        pairs = zip(super().results(sums, at), parts, strict=True)
        return [self.builder.fmul(*pair) for pair in pairs]

    def number(self, place: Value) -> Value:
        """A vector of numbers."""
        whole = Code(self.builder, NUMBER).load(place, self.code.lanes)
        return self.builder.uitofp(whole, self.code.vector)
