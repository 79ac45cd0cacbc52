"""The sweep: outputs side by side, from row to row, with their sums in registers.

Every input row is read once.  It adds to the outputs that are under way, then the oldest of them
leave.  An output is one chain of multiply-adds, filter row after filter row.  Rows outside the
image add nothing; columns outside count as zeros.

What the vectors hold is up to the classes that derive from `Sweep`.  Tiles of channels (`channels`)
add in the same order, so their bits are the same.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from ...codegen import machine
from ...codegen.emitted import Value
from ...codegen.simd import I64, Code

KEPT = 3  # the largest filter whose taps stay in registers
SIZES, STRIDES = (3, 5, 7), (1, 2)
# Sums under way, pixels and taps fit the registers: 3, 5, 7 taps a side.  NEON has no operands in
# memory, so taps take registers, too.  Cycles of a row as llvm-mca 19 predicts them: of 7 vectors
# at 3x3 at once 51, with 9 spills, as 4 and 3 42 (skylake-avx512); of 4 at 5x5 at once 42, with 14
# spills, as 2 and 2 32 (neoverse-v1).
VECTORS: dict[int, tuple[int, ...]] = machine.ISA.choose({
    32: {3: (1, 2, 3, 4), 5: (1, 2, 4), 7: (1, 2)},
    16: {3: (1, 2, 4), 5: (1, 2), 7: (1,)},
    "NEON": {3: (1, 2, 3, 4), 5: (1, 2), 7: (1, 2)},
})  # fmt: skip


class Kind(NamedTuple):
    """What a sweep is compiled for.

    Rows and columns of a filter, stride, vectors side by side, and planes that share a vector.
    """

    size: int
    stride: int
    vectors: int
    planes: int = 1

    @property
    def under_way(self) -> int:
        """Rows of outputs that one input row may add to."""
        return -(-self.size // self.stride)


class Products:
    """Weights times values, each added to its sum, for square filters of some size.

    A class that derives from it says where a weight is.
    """

    def __init__(self, code: Code, size: int) -> None:
        self.builder, self.code, self.size = code.builder, code, size
        self.weights: dict[tuple[int, int], Value] = {}

    def read_weight(self, row: int, column: int) -> Value:
        """A tap in all lanes that it concerns."""
        raise NotImplementedError

    def keep_weights(self) -> None:
        """The taps of small filters, in registers from here on."""
        if self.size <= KEPT:
            every = [(row, column) for row in range(self.size) for column in range(self.size)]
            self.weights = {tap: self.read_weight(*tap) for tap in every}

    def added(self, total: Value, value: Value, row: int, column: int) -> Value:
        """A sum with the product of a tap, which begins with the first one's."""
        weight = self.weights.get((row, column)) or self.read_weight(row, column)
        if row or column:
            return self.code.fma(value, weight, total)
        return self.builder.fmul(value, weight)


class Sweep(Products):
    """Emits one kind.

    A class that derives from it sets ``row`` (elements from one input row to the next), ``rows``
    (how many there are), ``first`` (where the sweep begins) and ``height`` (rows of output), IR
    values all, and says what a weight, a column and a place for results are.
    """

    row: Value
    rows: Value
    first: Value
    height: Value

    def __init__(self, builder: Any, kind: Kind, source: Value) -> None:
        super().__init__(Code(builder, source.type.pointee), kind.size)
        self.kind = kind

    # --- what derived classes know ---

    def columns(self, pixels: Value, vector: int) -> Sequence[Value]:
        """What each filter column meets in a row, for one vector of outputs."""
        raise NotImplementedError

    def leave(self, sums: Sequence[Value], place: Sequence[Value]) -> Sequence[Value]:
        """Store a row of outputs at a place; the place of the next row."""
        raise NotImplementedError

    def prefetch(self, pixels: Value) -> None:
        """Ask for what is needed later, at every row."""
        raise NotImplementedError

    # --- what all share ---

    def run(self, pixels: Value, place: Sequence[Value]) -> list[Value]:
        """All rows, the first one at ``pixels``; the place after them."""
        code, kind, self.places = self.code, self.kind, len(place)
        steps = self.builder.add(self.height, I64(kind.under_way - 1))
        sums = [code.zero] * ((kind.under_way - 1) * kind.vectors)
        start = [self.first, pixels, *place, *sums]
        return code.loop(steps, start, self.step, rolled=True)[2 : 2 + self.places]

    def step(self, index: Value, row: Value, pixels: Value, *carried: Value) -> list[Value]:
        """The input rows down to the next row of outputs."""
        builder, kind = self.builder, self.kind
        place, sums = list(carried[: self.places]), carried[self.places :]
        total = [*[self.code.zero] * kind.vectors, *sums]
        for phase in range(kind.stride):
            inside = builder.icmp_unsigned("<", row, self.rows)
            cases = {1: partial(self.add_row, phase, pixels, total), 0: partial(list, total)}
            total = self.code.choose(builder.zext(inside, I64), cases)
            if phase == (kind.size - 1) % kind.stride:
                done = builder.icmp_signed(">=", index, I64(kind.under_way - 1))
                leave = partial(self.leave, total[-kind.vectors :], place)
                place = self.code.when(done, place, leave)
            row = builder.add(row, I64(1))
            pixels = self.code.at(pixels, self.row)
        return [row, pixels, *place, *total[: len(sums)]]

    def add_row(self, phase: int, pixels: Value, sums: Sequence[Value]) -> list[Value]:
        """One input row, added to the outputs that it meets."""
        kind, sums = self.kind, list(sums)
        self.prefetch(pixels)
        columns = [self.columns(pixels, vector) for vector in range(kind.vectors)]
        for column, values in enumerate(zip(*columns, strict=True)):
            for row in range(phase, kind.size, kind.stride):
                for vector, value in enumerate(values):
                    place = row // kind.stride * kind.vectors + vector
                    sums[place] = self.added(sums[place], value, row, column)
        return sums
