"""Sums of vectors and of what lies some lanes further, and again so far, made in registers."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from llvmlite import ir

from ...codegen.emitted import Value, instruction
from ...codegen.simd import I64, Code
from .neighbours import is_whole, plus


class Hops:
    """Emits the second of two steps along rows: of ``hops`` more neighbours, ``hop`` lanes apart.

    Vectors of the first step's sums are shifted, by at most ``reach`` vectors; those of narrow
    integers as if they were float32, so a hop must be whole ones of these.
    """

    def __init__(self, code: Code, reach: int, hop: Value, hops: Value) -> None:
        self.code, builder = code, code.builder
        self.parts = Code(builder, ir.FloatType()) if is_whole(code.kind) else code
        lanes, whole = self.parts.lanes, ir.IntType(8 * self.parts.itemsize)
        kind = ir.VectorType(whole, lanes)
        self.numbers = ir.Constant(kind, list(range(lanes)))
        self.back = ir.Constant(kind, [lanes] * lanes)
        turn = builder.sdiv(hop, I64(code.lanes // lanes))
        self.turn = code.splat(turn if whole == I64 else builder.trunc(turn, whole), lanes)
        self.counts, done = [], I64(0)
        for vectors in range(1, reach + 1):  # how often within one vector, then the next, and so on
            most = builder.sdiv(I64(vectors * code.lanes), hop)
            most = instruction(builder, "llvm.smin.i64", I64, most, hops)
            self.counts.append(builder.sub(most, done))
            done = most

    def sums(self, found: Sequence[Value], vectors: int) -> Sequence[Value]:
        """Of so many vectors; ``found``: as many of the first step's as they reach."""
        order, sums = self.numbers, found[:vectors]
        for n, count in enumerate(self.counts):
            pairs = [*pairwise(found[n:])][:vectors]
            order, *sums = self.code.repeat(
                count, [order, *sums], partial(self.shifted, pairs), rolled=True
            )
            order = self.code.builder.sub(order, self.back)
        return sums

    def shifted(
        self, pairs: Sequence[Sequence[Value]], order: Value, *sums: Value
    ) -> Sequence[Value]:
        """A hop further: lanes of neighbouring vectors, added to the sums."""
        code, order = self.code, self.code.builder.add(order, self.turn)
        moved = [self.moved(order, *pair) for pair in pairs]
        return [order, *both(code, sums, moved)]

    def moved(self, order: Value, *pair: Value) -> Value:
        """The lanes of two neighbouring vectors that an order tells."""
        builder = self.code.builder
        first, second = (builder.bitcast(value, self.parts.vector) for value in pair)
        return builder.bitcast(self.parts.lookup(first, order, second), self.code.vector)


def both(code: Code, first: Sequence[Value], second: Sequence[Value]) -> list[Value]:
    """Sums of two lists of vectors."""
    return [plus(code.builder, *pair) for pair in zip(first, second, strict=True)]
