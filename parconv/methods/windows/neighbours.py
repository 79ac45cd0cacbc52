"""The inner loop along rows: vectors that lie a step apart, added up for many columns at a time.

The order of additions of an output is that of its pixels, for the taps' number alone.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from llvmlite import ir

from ...codegen.emitted import Value, instruction
from ...codegen.rules import by_rule
from ...codegen.simd import I32, I64, Code
from ..finishing import nearest
from .blocks import growing

# Vectors of columns that are added up side by side: as many sums hide the latency of an addition.
SIDES = (8, 2, 1)
AHEAD = 1 << 12  # bytes from a pixel that enters to what is prefetched
ENTERING = 4  # vectors of columns in which pixels enter side by side
STREAM = 1  # as a flag: store past the caches


def plus(builder: Any, first: Value, second: Value) -> Value:
    """The sum of two numbers, or vectors, of one type."""
    whole = isinstance(getattr(first.type, "element", first.type), ir.IntType)
    return (builder.add if whole else builder.fadd)(first, second)


class Neighbours:
    """Emits sums of vectors that lie a step apart, then of others.

    ``places``: where the first one lies, the step and their number, and the same of the others,
    which may be none.  Vectors have so many ``lanes``, or the machine's.
    """

    def __init__(self, code: Code, places: Sequence[Value], lanes: int = 0) -> None:
        self.code, self.lanes = code, lanes or code.lanes
        (self.start, self.step, self.count, self.more, self.more_step, self.more_count) = places

    def sums(self, at: Value, vectors: int) -> Sequence[Value]:
        """Of so many vectors of columns from ``at`` on."""
        code = self.code
        start, others = code.at(self.start, at), code.builder.sub(self.count, I64(1))
        begun = self._loaded(start, vectors)
        found = self._added(others, code.at(start, self.step), self.step, begun)
        return self._added(self.more_count, code.at(self.more, at), self.more_step, found)

    def _loaded(self, place: Value, vectors: int) -> list[Value]:
        code, lanes = self.code, self.lanes
        return [code.load(code.at(place, n * lanes), lanes) for n in range(vectors)]

    def _added(
        self, count: Value, place: Value, step: Value, sums: Sequence[Value]
    ) -> Sequence[Value]:
        """``count`` further vectors of each column, ``step`` apart."""
        code = self.code

        def one(place: Value, *sums: Value) -> Sequence[Value]:
            pixels = self._loaded(place, len(sums))
            added = [plus(code.builder, *pair) for pair in zip(sums, pixels, strict=True)]
            return [code.at(place, step), *added]

        return code.repeat(count, [place, *sums], one)[1:]


class Adding:
    """Emits sums of some vectors' columns; the attributes are IR values of the arguments.

    ``kinds``: of the numbers that scale sums, of results, where those are what is stored, and how
    many the numbers are: these and flags follow; then, where pixels of another row enter their
    block meanwhile, what `blocks.growing` takes.
    """

    def __init__(self, builder: Any, kinds: Any, *arguments: Value) -> None:
        source, self.down, *others = arguments[:7]
        self.target, self.target_down, self.rows, self.vectors, *rest = arguments[7:]
        self.builder, self.kinds = builder, kinds
        self.code = Code(builder, source.type.pointee)
        self.neighbours = Neighbours(self.code, [source, *others])
        if kinds:
            *self.kinds, count = kinds
            numbers, (self.flags, *rest) = rest[:count], rest[count:]
            self.scaling = Code(builder, numbers[0].type)
            self.scale = [self.scaling.splat(part) for part in numbers]
            self.only = rest[0] if len(rest) == 1 else None
            self.enter = growing(self.code, rest[0], rest[1:]) if rest[1:] else None

    def emit(self) -> None:
        """Row after row."""
        code, near = self.code, self.neighbours

        def one(*places: Value) -> Sequence[Value]:
            near.start, near.more, self.target = places
            self.row()
            steps = self.down, self.down, self.target_down
            return [code.at(place, step) for place, step in zip(places, steps, strict=True)]

        code.repeat(self.rows, [near.start, near.more, self.target], one)

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
        self.store(self.neighbours.sums(at, vectors), at)
        if self.kinds and self.enter:
            for n in range(0, vectors, ENTERING):
                place = self.builder.add(at, I64(n * self.code.lanes))
                self.enter(place, min(ENTERING, vectors), AHEAD // self.code.itemsize)
        return [self.builder.add(at, I64(vectors * self.code.lanes))]

    def store(self, sums: Sequence[Value], at: Value) -> None:
        code, target = self.code, self.code.at(self.target, at)
        if self.kinds is None:
            self.put(sums, target, code.store)
            return
        if self.kinds[0] == self.kinds[1]:
            every = [part for value in sums for part in self.scaled(value)]
            if self.only is not None:
                self.put_first(self.only, every, target)
                return
            how = partial(self.put, every, target)
            code.store_either(code.has(self.flags, STREAM), how)
            return
        for n, value in enumerate(sums):  # one by one: registers hold few of those that are wider
            whole = self.scaling.joined(self.scaled(value))
            code.store(self.converted(whole), code.at(target, n * code.lanes))

    def scaled(self, value: Value) -> list[Value]:
        """A vector of sums as results of the type that scales them."""
        return [self.scaling.scaled(part, *self.scale) for part in self.parts(value)]

    def converted(self, value: Value) -> Value:
        """Scaled sums as results of another type: of integers none is NaN, which saves much."""
        source, target = self.kinds[0], nearest(self.kinds[1])
        if self.code.kind == self.scaling.kind or target is None:
            return by_rule(self.builder, value, *self.kinds)
        most = ir.Constant(value.type, [target.maxval] * value.type.count)
        below = self.builder.fcmp_ordered("<", value, most)
        value = self.builder.select(below, value, most)
        whole, name = ir.VectorType(I32, value.type.count), f"v{value.type.count}i32"
        kind = f"v{value.type.count}f{source.bitwidth}"
        value = instruction(self.builder, f"llvm.lrint.{name}.{kind}", whole, value)
        for how, limit in (("smax", target.minval), ("smin", target.maxval)):
            bound = ir.Constant(whole, [limit] * whole.count)
            value = instruction(self.builder, f"llvm.{how}.{name}", whole, value, bound)
        narrow = ir.VectorType(ir.IntType(target.bitwidth), whole.count)
        return self.builder.trunc(value, narrow)

    def parts(self, value: Value) -> list[Value]:
        """A vector of sums in the type that scales them, in as many as these take."""
        lanes = self.scaling.lanes
        if self.code.kind == self.scaling.kind:
            return [value]
        pieces = [
            self.code.piece(value, start, lanes) for start in range(0, self.code.lanes, lanes)
        ]
        if self.code.kind != I32:
            pieces = [self.builder.zext(piece, ir.VectorType(I32, lanes)) for piece in pieces]
        return [self.builder.sitofp(piece, self.scaling.vector) for piece in pieces]

    def put_first(self, count: Value, values: Sequence[Value], target: Value) -> None:
        """Only the first ``count`` results of some vectors."""
        for value in values:
            left = instruction(self.builder, "llvm.smax.i64", I64, count, I64(0))
            self.scaling.store_first(value, target, left)
            lanes = value.type.count
            target, count = self.code.at(target, lanes), self.builder.sub(count, I64(lanes))

    def put(self, values: Sequence[Value], target: Value, how: Any) -> None:
        place = target
        for value in values:
            how(value, place)
            place = self.code.at(place, value.type.count)


class Dividing(Adding):
    """Emits means of bytes from sums of 16 bits, by the numbers of `means.reciprocal`."""

    def __init__(self, builder: Any, kinds: Any, *arguments: Value) -> None:
        *places, first, second, third = arguments
        super().__init__(builder, None, *places)
        self.added, *self.factors = (self.code.splat(each) for each in (first, second, third))

    def store(self, sums: Sequence[Value], at: Value) -> None:
        code, target = self.code, self.code.at(self.target, at)
        for n, value in enumerate(sums):
            whole = self.builder.add(value, self.added)
            for factor in self.factors:
                whole = self.high(whole, factor)
            narrow = ir.VectorType(ir.IntType(8), code.lanes)
            code.store(self.builder.trunc(whole, narrow), code.at(target, n * code.lanes))

    def high(self, value: Value, factor: Value) -> Value:
        """The upper 16 bits of products, which processors multiply so."""
        wide = ir.VectorType(I32, self.code.lanes)
        product = self.builder.mul(*(self.builder.zext(each, wide) for each in (value, factor)))
        upper = self.builder.lshr(product, ir.Constant(wide, [16] * self.code.lanes))
        return self.builder.trunc(upper, value.type)
