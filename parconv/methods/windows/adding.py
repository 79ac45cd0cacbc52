"""The inner loop: vectors that lie a step apart, added up for many columns at a time.

Down columns the step is that of rows, along rows the distance of neighbours: one function serves
both.  The order of additions of an output is that of its pixels, for the taps' number alone.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from numba import types

from ...codegen.elements import converted
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code

# Vectors of columns that are added up side by side: as many sums hide the latency of an addition.
SIDES = (8, 2, 1)
STREAM = 1  # as a flag: store past the caches


class _Adding:
    """Emits sums of some vectors' columns; the attributes are IR values of the arguments.

    ``kinds``: of sums, and of results where those are what is stored.
    """

    def __init__(self, builder: Any, kinds: Any, *arguments: Value) -> None:
        (self.source, self.down, self.step, self.count, self.more, self.more_down, self.more_step,
         self.more_count, self.taps, self.target, self.target_down, self.rows, self.vectors,
         self.flags) = arguments  # fmt: skip
        self.builder, self.kinds = builder, kinds
        self.code = Code(builder, self.source.type.pointee)

    def emit(self) -> None:
        """Row after row."""
        code = self.code
        self.weights = [code.splat(code.read(self.taps, n)) for n in range(4)]
        steps = self.down, self.more_down, self.target_down

        def one(*places: Value) -> Sequence[Value]:
            self.source, self.more, self.target = places
            self.row()
            return [code.at(place, step) for place, step in zip(places, steps, strict=True)]

        code.repeat(self.rows, [self.source, self.more, self.target], one)

    def row(self) -> None:
        code, builder = self.code, self.builder
        done = I64(0)
        for vectors in SIDES:
            turns = builder.sdiv(builder.sub(self.vectors, done), I64(vectors))

            start = builder.mul(done, I64(code.lanes))
            code.repeat(turns, [start], partial(self.block, vectors))
            done = builder.add(done, builder.mul(turns, I64(vectors)))

    def block(self, vectors: int, at: Value) -> Sequence[Value]:
        """So many vectors of columns; where the next ones begin."""
        self.store(self.sums(at, vectors), at)
        return [self.builder.add(at, I64(vectors * self.code.lanes))]

    def sums(self, at: Value, vectors: int) -> Sequence[Value]:
        """Of so many vectors of columns from ``at`` on."""
        code, (weight, other, *_) = self.code, self.weights
        start = code.at(self.source, at)
        begun = [self.builder.fmul(value, weight) for value in self.loaded(start, vectors)]
        others = self.builder.sub(self.count, I64(1))
        found = self.added(others, code.at(start, self.step), self.step, weight, begun)
        return self.added(self.more_count, code.at(self.more, at), self.more_step, other, found)

    def loaded(self, place: Value, vectors: int) -> list[Value]:
        return [self.code.load(self.code.at(place, n * self.code.lanes)) for n in range(vectors)]

    def added(
        self, count: Value, place: Value, step: Value, weight: Value, sums: Sequence[Value]
    ) -> list[Value]:
        """``count`` further vectors of each column, ``step`` apart."""
        code = self.code

        def one(place: Value, *sums: Value) -> Sequence[Value]:
            pixels = self.loaded(place, len(sums))
            added = [code.fma(p, weight, s) for p, s in zip(pixels, sums, strict=True)]
            return [code.at(place, step), *added]

        return code.repeat(count, [place, *sums], one)[1:]

    def store(self, sums: Sequence[Value], at: Value) -> None:
        code, target = self.code, self.code.at(self.target, at)
        if self.kinds is None:
            self.put(sums, target, code.store)
            return
        scaled = [code.scaled(value, *self.weights[2:]) for value in sums]
        if self.kinds[0] == self.kinds[1]:
            how = partial(self.put, scaled, target)
            code.store_either(code.has(self.flags, STREAM), how)
        else:
            results = [converted(self.builder, value, *self.kinds) for value in scaled]
            self.put(results, target, code.store)

    def put(self, values: Sequence[Value], target: Value, how: Any) -> None:
        for n, value in enumerate(values):
            how(value, self.code.at(target, n * self.code.lanes))


def _call(builder: Any, kinds: Any, *arguments: Value) -> None:
    def body(inner: Any, *values: Value) -> None:
        _Adding(inner, kinds, *values).emit()

    call_once(builder, "windows", body, arguments, kinds or ())


@emitted()
def add_up(
    builder: Any, pixels: Items, source: Sequence[Value], others: Items, more: Sequence[Value],
    taps: Items, weights: Value, scratch: Items, target: Sequence[Value], size: Sequence[Value],
) -> None:  # fmt: skip
    """Emit a call that leaves rows of sums in scratch.

    ``source``: where the first of ``pixels`` lie, elements from row to row and to the next ones of
    a sum, and their number; ``more``: the same of ``others``, perhaps none, which come after.
    ``weights``: place in ``taps`` of what both are multiplied by, powers of two, and of the two
    numbers that scale results.  ``target``: where to, and elements from row to row; ``size``: rows
    and vectors.
    """
    (at, *numbers), (more_at, *rest), (to, down) = source, more, target
    _call(
        builder, None, pixels.at(at), *numbers, others.at(more_at), *rest, taps.at(weights),
        scratch.at(to), down, *size, I64(0),
    )  # fmt: skip


@emitted()
def add_to(
    builder: Any, scratch: Items, source: Sequence[Value], more: Sequence[Value], taps: Items,
    weights: Value, out: Items, target: Sequence[Value], size: Sequence[Value], flags: Value,
) -> None:  # fmt: skip
    """The same of results in ``out``, scaled; emits nothing where it cannot store them."""
    kinds = scratch.dtype, out.dtype
    narrow = isinstance(out.dtype, types.Integer) and out.dtype.bitwidth < 32
    if kinds[0] == kinds[1] or (narrow and kinds[0] == types.float32):
        (at, *numbers), (more_at, *others), (to, down) = source, more, target
        _call(
            builder, kinds, scratch.at(at), *numbers, scratch.at(more_at), *others,
            taps.at(weights), out.at(to), down, *size, flags,
        )  # fmt: skip
