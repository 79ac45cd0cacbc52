"""Sums along rows of sums, of few that are weighed alike from both ends.

A vector of neighbours is loaded, or made of two in registers: by turns, since the units that shift
have as much to do as those that load what lies in two lines.  Nanoseconds a pixel of 1024 x 1024 at
5x5 with all shifted, by turns, and all loaded: float32 0.261 0.246 0.298, uint8 0.253 0.223 0.252
(Zen 4 VM, AVX-512, 2026-11).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from llvmlite import ir

from ...codegen import machine
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code
from ..finishing import SCALED, Finishing, is_narrow, numbers_behind
from ..rows.weighing import Storing
from ..separable.line import EQUAL, OPPOSITE
from .down import ALIKE, TAPS, choose, sum_of

# Whether vectors that begin at any element are made in registers.
SHIFTS = "lookup4" in machine.ISA.instructions
SIDES = 4, 1  # vectors of results side by side


def order_of(code: Code, away: Value) -> Value:
    """Lanes of two neighbouring vectors, so many further."""
    whole = ir.IntType(8 * code.itemsize)
    away = away if whole == I64 else code.builder.trunc(away, whole)
    numbers = ir.Constant(ir.VectorType(whole, code.lanes), list(range(code.lanes)))
    return code.builder.add(code.splat(away), numbers)


def result_of(code: Code, taps: Value, count: int, kind: int) -> Callable[[Sequence[Value]], Value]:
    """What makes a result of so many sums: those of equal taps are scaled."""
    total = sum_of(code, taps, count, kind)
    if kind != ALIKE:
        return total
    scale = [code.splat(code.read(taps, n)) for n in range(1, 1 + SCALED)]
    return lambda sums: code.scaled(total(sums), *scale)


class Across(Storing):
    """Emits rows of results of so many taps; ``kinds``: types of sums and of results."""

    def __init__(self, builder: Any, kinds: Any, count: int, kind: int, *arguments: Value) -> None:
        (self.source, self.down, self.apart, taps, self.target, self.target_down, self.rows,
         self.vectors, self.flags, *numbers) = arguments  # fmt: skip
        self.builder, self.kinds, self.count = builder, kinds, count
        self.code = Code(builder, taps.type.pointee)
        self.finish = Finishing(self.code, kinds, numbers)
        self.sum = result_of(self.code, taps, count, kind)
        shifted = [n for n in range(1, count) if SHIFTS and (n % 2 or count == 3)]
        self.orders = {n: order_of(self.code, builder.mul(self.apart, I64(n))) for n in shifted}

    def emit(self) -> None:
        code = self.code

        def row(source: Value, target: Value) -> Sequence[Value]:
            self.row(source, target)
            return [code.at(source, self.down), code.at(target, self.target_down)]

        code.repeat(self.rows, [self.source, self.target], row)

    def row(self, source: Value, target: Value) -> None:
        code, builder, done, at = self.code, self.builder, I64(0), I64(0)
        found = self.first(source)
        for vectors in SIDES:
            turns = builder.sdiv(builder.sub(self.vectors, done), I64(vectors))
            body = partial(self.group, vectors, source, target)
            at, *found = code.repeat(turns, [at, *found], body)
            done = builder.add(done, builder.mul(turns, I64(vectors)))

    def first(self, source: Value) -> list[Value]:
        """What is loaded of a row before its first vectors."""
        return [self.code.load(source)] if SHIFTS else []

    def group(
        self, vectors: int, source: Value, target: Value, at: Value, *found: Value
    ) -> Sequence[Value]:
        """So many vectors; where the next ones begin, and the first of their sums."""
        code = self.code
        results, last = self.results(vectors, code.at(source, at), found)
        self.store(results, code.at(target, at))
        return [self.builder.add(at, I64(vectors * code.lanes)), *last]

    def results(
        self, vectors: int, place: Value, found: Sequence[Value]
    ) -> tuple[list[Value], Sequence[Value]]:
        """Of so many vectors of sums, and the first one behind."""
        code, sums = self.code, [*found]
        if SHIFTS:
            sums += [code.load(code.at(place, n * code.lanes)) for n in range(1, vectors + 1)]
        return [self.sum(self.pixels(place, sums, n)) for n in range(vectors)], sums[vectors:]

    def pixels(self, place: Value, sums: Sequence[Value], vector: int) -> list[Value]:
        """The vectors that begin with each of the taps."""
        code, start = self.code, self.code.at(place, vector * self.code.lanes)

        def one(taps: int) -> Value:
            if taps in self.orders:
                return code.lookup(sums[vector], self.orders[taps], sums[vector + 1])
            return code.load(code.at(start, self.builder.mul(self.apart, I64(taps))))

        return [sums[vector] if SHIFTS else one(0), *map(one, range(1, self.count))]


@emitted()
def sum_across(
    builder: Any, scratch: Items, source: Sequence[Value], taps: Items, line: Sequence[Value],
    out: Items, target: Sequence[Value], size: Sequence[Value], flags: Value,
) -> None:  # fmt: skip
    """Emit a call that leaves rows of results in ``out``; nothing where it cannot store them.

    ``source``: where the first of a result's sums lie, elements from row to row and from one sum
    to the next; ``line``: the place of their taps, the number, and what their halves are to each
    other.  ``target``: where to, and elements from row to row; ``size``: rows and vectors.
    """
    kinds = scratch.dtype, out.dtype
    if scratch.element == I64 or not (kinds[0] == kinds[1] or is_narrow(out.dtype)):
        return
    (at, *steps), (taps_at, count, halves), (to, below) = source, line, target
    arguments = [
        scratch.at(at), *steps, taps.at(taps_at), out.at(to), below, *size, flags,
        *numbers_behind(taps, out.dtype),
    ]  # fmt: skip

    def call(count: int, kind: int) -> None:
        def body(inner: Any, *values: Value) -> None:
            Across(inner, kinds, count, kind, *values).emit()

        call_once(builder, "short.across", body, arguments, (*kinds, count, kind))

    known = (EQUAL, OPPOSITE, *[ALIKE] * (kinds[0] == kinds[1]))
    choose(builder, count, halves, {kind: TAPS[kind] for kind in known}, call)
