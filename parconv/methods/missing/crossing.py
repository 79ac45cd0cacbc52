"""Sums of `short` over pixels and over their weights, which are 1, or 0 where a hole is.

Down a column each tap is added where its row has no hole, in the order of the taps, to rows of
their own; what both kinds of rows sum to across is divided in registers.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ...codegen import machine
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I1, I64, Code
from ..separable.line import EQUAL
from ..short.across import Across
from ..short.down import COUNTS, PAIR, PREFETCH, Down, choose
from .flags import call_by_flags
from .quotients import any_of, shared

BYTE = ir.IntType(8)
COLUMNS, ROWS = {EQUAL: [count for count in COUNTS if count > PAIR]}, {EQUAL: COUNTS}


class _Marked(Down):
    """Emits rows of sums, and ``beside`` them those of weights.

    ``truths``, ``pitch``: bytes that tell of holes, and how many from row to row.  ``whole``: lanes
    that have met no hole.
    """

    def __init__(
        self, weighted: bool, omits: bool, builder: Any, kind: Any, count: int, taps: Value,
        beside: Value, truths: Value, pitch: Value, whole: Value, *arguments: Value,
    ) -> None:  # fmt: skip
        source, down, apart, *others = arguments
        kinds = kind, kind, kind
        super().__init__(builder, kinds, count, EQUAL, source, down, apart, taps, *others)
        self.weighted, self.omits, self.small = weighted, omits, Code(builder, BYTE)
        self.beside, self.truths, self.pitch, self.whole = beside, truths, pitch, whole
        self.weights = [self.code.splat(self.code.read(taps, max(n, count - 1 - n)))
                        for n in range(count)]  # fmt: skip

    def places(self) -> list[Value]:
        return [*super().places(), self.truths]

    def block(self, tall: int, *places: Value) -> Sequence[Value]:
        """So many rows; where the next ones begin."""
        code, builder, (source, target, truths) = self.code, self.builder, places
        offsets = self.offsets(tall)
        bytes_at = self.rows_apart(self.pitch, len(offsets))
        below = self.rows_apart(self.target_down, tall)

        def one(at: Value, whole: Value) -> Sequence[Value]:
            start, truth = code.at(source, at), self.small.at(truths, at)
            pixels, kept = [], []
            for offset, byte in zip(offsets, bytes_at, strict=True):
                pixel = code.load(code.at(start, offset))
                kept.append(self.is_there(pixel, self.small.at(truth, byte)))
                pixels.append(builder.select(kept[-1], pixel, code.zero))
                whole = builder.and_(whole, kept[-1])
            left = [self.left(self.under(kept, n)) for n in range(tall)]
            sums = [self.sum(self.under(pixels, n)) for n in range(tall)]
            for away, values in ((I64(0), sums), (self.beside, left)):
                self.store(values, [code.at(target, at, away, offset) for offset in below])
            with builder.if_then(code.has(self.flags, PREFETCH)):
                self.fetch(start, tall)
            return [builder.add(at, I64(code.lanes)), whole]

        _, whole = code.repeat(self.vectors, [I64(0), builder.load(self.whole)], one)
        builder.store(whole, self.whole)
        truths = self.small.at(truths, builder.mul(self.pitch, I64(tall)))
        return [*self.following(tall, source, target), truths]

    def is_there(self, pixel: Value, truth: Value) -> Value:
        builder = self.builder
        number = builder.fcmp_ordered("ord", pixel, pixel)
        if not self.weighted:
            return number
        byte = self.small.load(truth, self.code.lanes)
        used = builder.icmp_signed("!=", byte, ir.Constant(byte.type, None))
        return builder.and_(used, number) if self.omits else used

    def left(self, kept: Sequence[Value]) -> Value:
        """The sum of weights that are there."""
        builder, zero = self.builder, self.code.zero
        total = builder.select(kept[0], self.weights[0], zero)
        for there, weight in zip(kept[1:], self.weights[1:], strict=True):
            if machine.ISA.masks:
                total = builder.select(there, builder.fadd(total, weight), total)
            else:
                total = builder.fadd(total, builder.select(there, weight, zero))
        return total


@emitted(types.int64)
def mark_down(
    builder: Any, pixels: Items, source: Sequence[Value], there: Sequence[Value], taps: Items,
    line: Sequence[Value], scratch: Items, target: Sequence[Value], beside: Value,
    size: Sequence[Value], how: Sequence[Value], flags: Value,
) -> Value:  # fmt: skip
    """Emit a call that leaves rows of sums, and of those of weights: whether there is a hole.

    As `short.down.sum_down` has it; ``there``: the address of bytes that tell of holes, and how
    many from row to row; ``beside``: elements from sums to those of weights; ``how``: whether
    there are such bytes, and whether NaN is a hole.
    """
    (at, down), (address, pitch), (count, halves, step), (to, below) = source, there, line, target
    code, kind = Code(builder, scratch.element), scratch.dtype
    every = ir.Constant(ir.VectorType(I1, code.lanes), [1] * code.lanes)
    whole = cgutils.alloca_once_value(builder, every)
    arguments = [
        taps.at(0), beside, builder.inttoptr(address, BYTE.as_pointer()), pitch, whole,
        pixels.at(at), down, builder.mul(down, step), scratch.at(to), below, *size, flags,
    ]  # fmt: skip

    def call(count: int, _: int) -> None:
        def body(weighted: bool, omits: bool, inner: Any, *values: Value) -> None:
            _Marked(weighted, omits, inner, kind, count, *values).emit()

        neither = [(False, False)]
        call_by_flags(builder, f"missing.down{count}", how, body, arguments, neither)

    choose(builder, count, halves, COLUMNS, call)
    return builder.zext(any_of(code, builder.not_(builder.load(whole))), I64)


class _Dividing(Across):
    """Emits rows of results, of sums over those of weights ``beside``, as `shared` has them."""

    def __init__(
        self, builder: Any, kind: Any, count: int, beside: Value, numbers: Sequence[Value],
        *arguments: Value,
    ) -> None:  # fmt: skip
        super().__init__(builder, (kind, kind), count, EQUAL, *arguments)
        self.beside, self.every = beside, [self.code.splat(number) for number in numbers]

    def first(self, source: Value) -> list[Value]:
        return [*super().first(source), *super().first(self.code.at(source, self.beside))]

    def group(
        self, vectors: int, source: Value, target: Value, at: Value, *found: Value
    ) -> Sequence[Value]:
        code, half = self.code, len(found) // 2
        place = code.at(source, at)
        values, kept = self.results(vectors, place, found[:half])
        left, others = self.results(vectors, code.at(place, self.beside), found[half:])
        self.store(shared(code, values, left, self.every, True), code.at(target, at))
        return [self.builder.add(at, I64(vectors * code.lanes)), *kept, *others]


@emitted()
def divide_across(
    builder: Any, scratch: Items, source: Sequence[Value], beside: Value, taps: Items,
    line: Sequence[Value], numbers: Value, out: Items, target: Sequence[Value],
    size: Sequence[Value], flags: Value,
) -> None:  # fmt: skip
    """Emit a call that leaves rows of results in ``out``; nothing where it cannot store them.

    As `short.across.sum_across` has it; ``numbers``: the place among taps of what divides.
    """
    kind = scratch.dtype
    if out.dtype != kind:  # never reached
        return
    (at, *steps), (taps_at, count, halves), (to, below) = source, line, target
    every = [builder.load(taps.at(builder.add(numbers, I64(n)))) for n in range(4)]
    arguments = [
        beside, *every, scratch.at(at), *steps, taps.at(taps_at), out.at(to), below, *size, flags,
    ]  # fmt: skip

    def call(count: int, _: int) -> None:
        def body(inner: Any, beside: Value, *values: Value) -> None:
            _Dividing(inner, kind, count, beside, values[:4], *values[4:]).emit()

        call_once(builder, "missing.across", body, arguments, (kind, count))

    choose(builder, count, halves, ROWS, call)
