"""The inner loop: vectors that lie a step apart, each times a tap, added up.

Down columns the step is that of rows, along rows the distance of neighbours: one function serves
both.  The order of additions of an output is that of the taps, wherever it lies.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from numba import types

from ...codegen import machine
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code
from ..finishing import Finishing, is_narrow, numbers_behind

# Vectors of columns that are added up side by side: as many sums hide the latency of an addition.
SIDES = (12, 4, 1)
STREAM = 1  # as a flag: store whole lines past the caches


class Storing:
    """Emits stores of sums, side by side; ``kinds``: of sums and of results."""

    code: Code
    kinds: Any
    finish: Finishing
    flags: Value

    def store(self, sums: Sequence[Value], target: Value) -> None:
        """As results; past the caches only what fills lines."""
        code, (summed, result) = self.code, self.kinds
        if summed != result:
            self.put([*map(self.finish, sums)], target, code.store)
        elif len(sums) * machine.VECTOR_BYTES % machine.CACHE_LINE:
            self.put(sums, target, code.store)
        else:
            code.store_either(code.has(self.flags, STREAM), partial(self.put, sums, target))

    def put(self, values: Sequence[Value], target: Value, how: Any) -> None:
        for n, value in enumerate(values):
            how(value, self.code.at(target, n * self.code.lanes))


class Weighing(Storing):
    """Emits sums of some vectors' columns; the attributes are IR values of the arguments.

    ``kinds``: of sums and of results, which ``numbers`` may shift.
    """

    def __init__(self, builder: Any, kinds: Any, *arguments: Value) -> None:
        (self.source, self.down, self.step, self.taps, self.count, self.target, self.target_down,
         self.rows, self.vectors, self.flags, *numbers) = arguments  # fmt: skip
        self.builder, self.kinds = builder, kinds
        self.code = Code(builder, self.source.type.pointee)
        self.finish = Finishing(self.code, kinds, numbers)

    def emit(self) -> None:
        """As many vectors side by side as there are, then fewer.

        All rows of some columns, then the next columns: pixels of rows that follow one another are
        still in the first-level cache.
        """
        builder, done = self.builder, I64(0)
        for vectors in SIDES:
            turns = builder.sdiv(builder.sub(self.vectors, done), I64(vectors))
            start = builder.mul(done, I64(self.code.lanes))
            self.code.repeat(turns, [start], partial(self.block, vectors))
            done = builder.add(done, builder.mul(turns, I64(vectors)))

    def block(self, vectors: int, at: Value) -> Sequence[Value]:
        """So many vectors of each row; where the next columns begin."""
        code = self.code

        def one(source: Value, target: Value) -> Sequence[Value]:
            self.store(self.sums(source, vectors), target)
            return [code.at(source, self.down), code.at(target, self.target_down)]

        code.repeat(self.rows, [code.at(self.source, at), code.at(self.target, at)], one)
        return [self.builder.add(at, I64(vectors * code.lanes))]

    def sums(self, start: Value, vectors: int) -> Sequence[Value]:
        """Of so many vectors of columns."""
        code = self.code

        def one(place: Value, taps: Value, *sums: Value) -> Sequence[Value]:
            tap, pixels = code.splat(code.read(taps)), self.loaded(place, vectors)
            added = [code.fma(p, tap, s) for p, s in zip(pixels, sums, strict=True)]
            return [code.at(place, self.step), code.at(taps, 1), *added]

        tap, others = code.splat(code.read(self.taps)), self.builder.sub(self.count, I64(1))
        begun = [self.builder.fmul(value, tap) for value in self.loaded(start, vectors)]
        first = code.at(start, self.step), code.at(self.taps, 1)
        return code.repeat(others, [*first, *begun], one)[2:]

    def loaded(self, place: Value, vectors: int) -> list[Value]:
        return [self.code.load(self.code.at(place, n * self.code.lanes)) for n in range(vectors)]


@emitted()
def weigh(
    builder: Any, scratch: Items, source: Sequence[Value], taps: Items, line: Sequence[Value],
    out: Items, target: Sequence[Value], size: Sequence[Value], flags: Value,
) -> None:  # fmt: skip
    """Emit a call that leaves rows of sums in ``out``; nothing where it cannot store them.

    ``source``: where the first of a sum's pixels lie, elements from row to row and from one pixel
    to the next; ``line``: the place of their taps, and the number.  ``target``: where to, and
    elements from row to row; ``size``: rows and vectors.
    """
    kinds = scratch.dtype, out.dtype
    if kinds[0] != kinds[1] and not (is_narrow(out.dtype) and isinstance(kinds[0], types.Float)):
        return
    (at, *steps), (taps_at, count), (to, down) = source, line, target

    def body(inner: Any, *values: Value) -> None:
        Weighing(inner, kinds, *values).emit()

    arguments = [
        scratch.at(at), *steps, taps.at(taps_at), count, out.at(to), down, *size, flags,
        *numbers_behind(taps, out.dtype),
    ]  # fmt: skip
    call_once(builder, "rows", body, arguments, kinds)
