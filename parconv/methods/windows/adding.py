"""The inner loop along rows: vectors that lie a step apart, added up for many columns at a time.

The order of additions of an output is that of its pixels, for the taps' number alone.
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

    ``kinds``: of sums, and of results where those are what is stored: then two numbers that scale
    them, and flags, are the last arguments.
    """

    def __init__(self, builder: Any, kinds: Any, *arguments: Value) -> None:
        (self.source, self.down, self.step, self.count, self.more, self.more_step, self.more_count,
         self.target, self.target_down, self.rows, self.vectors, *rest) = arguments  # fmt: skip
        self.builder, self.kinds = builder, kinds
        self.code = Code(builder, self.source.type.pointee)
        self.scale, self.flags = [self.code.splat(part) for part in rest[:2]], I64(0)
        if kinds:
            self.flags = rest[2]

    def emit(self) -> None:
        """Row after row."""
        code = self.code

        def one(*places: Value) -> Sequence[Value]:
            self.source, self.more, self.target = places
            self.row()
            steps = self.down, self.down, self.target_down
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
        code = self.code
        start, others = code.at(self.source, at), self.builder.sub(self.count, I64(1))
        begun = self.loaded(start, vectors)
        found = self.added(others, code.at(start, self.step), self.step, begun)
        return self.added(self.more_count, code.at(self.more, at), self.more_step, found)

    def loaded(self, place: Value, vectors: int) -> list[Value]:
        return [self.code.load(self.code.at(place, n * self.code.lanes)) for n in range(vectors)]

    def added(
        self, count: Value, place: Value, step: Value, sums: Sequence[Value]
    ) -> Sequence[Value]:
        """``count`` further vectors of each column, ``step`` apart."""
        code = self.code

        def one(place: Value, *sums: Value) -> Sequence[Value]:
            pixels = self.loaded(place, len(sums))
            added = [self.builder.fadd(*pair) for pair in zip(sums, pixels, strict=True)]
            return [code.at(place, step), *added]

        return code.repeat(count, [place, *sums], one)[1:]

    def store(self, sums: Sequence[Value], at: Value) -> None:
        code, target = self.code, self.code.at(self.target, at)
        if self.kinds is None:
            self.put(sums, target, code.store)
            return
        scaled = [code.scaled(value, *self.scale) for value in sums]
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
    builder: Any, scratch: Items, source: Sequence[Value], more: Sequence[Value],
    target: Sequence[Value], size: Sequence[Value],
) -> None:  # fmt: skip
    """Emit a call that leaves rows of sums in scratch.

    ``source``: where the first neighbours lie, elements from row to row and to the next ones of a
    sum, and their number; ``more``: where others begin, perhaps none, which come after, and the
    last two of them.  ``target``: where to, and elements from row to row; ``size``: rows and
    vectors.
    """
    (at, *numbers), (more_at, *others), (to, down) = source, more, target
    places = scratch.at(at), *numbers, scratch.at(more_at), *others, scratch.at(to), down
    _call(builder, None, *places, *size)


@emitted()
def add_to(
    builder: Any, scratch: Items, source: Sequence[Value], more: Sequence[Value], taps: Items,
    scale: Value, out: Items, target: Sequence[Value], size: Sequence[Value], flags: Value,
) -> None:  # fmt: skip
    """The same of results in ``out``, scaled; emits nothing where it cannot store them.

    ``scale``: place in ``taps`` of the two numbers that do.
    """
    kinds = scratch.dtype, out.dtype
    narrow = isinstance(out.dtype, types.Integer) and out.dtype.bitwidth < 32
    if kinds[0] == kinds[1] or (narrow and kinds[0] == types.float32):
        (at, *numbers), (more_at, *others), (to, down) = source, more, target
        places = scratch.at(at), *numbers, scratch.at(more_at), *others, out.at(to), down
        most, rest = (builder.load(builder.gep(taps.at(scale), [I64(n)])) for n in range(2))
        _call(builder, kinds, *places, *size, most, rest, flags)
