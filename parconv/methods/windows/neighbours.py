"""The inner loop along rows: vectors that lie a step apart, added up for many columns at a time.

The order of additions of an output is that of its pixels, for the taps' number alone.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from llvmlite import ir

from ...codegen.emitted import Value, instruction
from ...codegen.operations import PART, operation
from ...codegen.rules import by_rule
from ...codegen.simd import I32, I64, Code
from ..finishing import nearest

# Vectors of columns that are added up side by side: as many sums hide the latency of an addition.
SIDES = (8, 2, 1)
WORDS = PART // 4  # neighbouring sums of a half, where `words` joins two
STREAM = 1  # as a flag: store past the caches


def is_whole(kind: Any) -> bool:
    """Whether numbers of that type, or in vectors of it, are integers."""
    return isinstance(getattr(kind, "element", kind), ir.IntType)


def plus(builder: Any, first: Value, second: Value) -> Value:
    """The sum of two numbers, or vectors, of one type."""
    return (builder.add if is_whole(first.type) else builder.fadd)(first, second)


class Neighbours:
    """Emits sums of vectors that lie a step apart, then of others.

    ``places``: where the first one lies, the step and their number, and the same of the others,
    which may be none.
    """

    def __init__(self, code: Code, places: Sequence[Value]) -> None:
        self.code = code
        (self.start, self.step, self.count, self.more, self.more_step, self.more_count) = places

    def sums(self, at: Value, vectors: int) -> Sequence[Value]:
        """Of so many vectors of columns from ``at`` on."""
        return self.with_more(at, self.added(self.code.at(self.start, at), vectors))

    def added(self, place: Value, vectors: int) -> Sequence[Value]:
        """Of those that lie a step apart alone, from that place on."""
        others = self.code.builder.sub(self.count, I64(1))
        begun = self._loaded(place, vectors)
        return self._added(others, self.code.at(place, self.step), self.step, begun)

    def with_more(self, at: Value, sums: Sequence[Value]) -> Sequence[Value]:
        """The others added, for columns from ``at`` on."""
        place = self.code.at(self.more, at)
        return self._added(self.more_count, place, self.more_step, sums)

    def _loaded(self, place: Value, vectors: int) -> list[Value]:
        code = self.code
        return [code.load(code.at(place, n * code.lanes)) for n in range(vectors)]

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
    many the numbers are: these and flags follow, then perhaps how many results are stored.
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
            self.only = rest[0] if rest else None

    def emit(self) -> None:
        """Row after row."""
        begun, steps = zip(*self.moving, strict=True)

        def one(*places: Value) -> Sequence[Value]:
            self.begin(*places)
            self.row()
            return [self.code.at(place, step) for place, step in zip(places, steps, strict=True)]

        self.code.repeat(self.rows, begun, one)

    @property
    def moving(self) -> list[tuple[Value, Value]]:
        """What points to a row, and how many elements the next one lies further."""
        near, down = self.neighbours, self.down
        return [(near.start, down), (near.more, down), (self.target, self.target_down)]

    def begin(self, *places: Value) -> None:
        """With the row that these point to."""
        self.neighbours.start, self.neighbours.more, self.target = places

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
        return [self.builder.add(at, I64(vectors * self.code.lanes))]

    def store(self, sums: Sequence[Value], at: Value) -> None:
        code, target = self.code, self.code.at(self.target, at)
        if self.kinds is None:
            self.put(sums, target, code.store)
            return
        if self.kinds[0] == self.kinds[1]:
            every = self.results(sums, at)
            if self.only is not None:
                self.put_first(self.only, every, target)
                return
            how = partial(self.put, every, target)
            code.store_either(code.has(self.flags, STREAM), how)
            return
        for n, value in enumerate(sums):  # one by one: registers hold few of those that are wider
            code.store(self.converted(value), code.at(target, n * code.lanes))

    def results(self, sums: Sequence[Value], at: Value) -> list[Value]:
        """Vectors of results of the type that scales sums, of columns from ``at`` on."""
        return [part for value in sums for part in self.scaled(value)]

    def scaled(self, value: Value) -> list[Value]:
        """A vector of sums as results of the type that scales them."""
        return [self.finished(part) for part in self.parts(value)]

    def finished(self, part: Value) -> Value:
        """Sums of the type that scales them as results of it."""
        return self.scaling.scaled(part, *self.scale)

    def converted(self, value: Value) -> Value:
        """A vector of sums as results of another type: of integers none is NaN, which saves much.

        Bytes of 16-bit sums by way of 16 bits: a mean with a scale and a bias takes 1.08, 1.07,
        1.04 of the time without, by way of 32 bits 1.18, 1.17, 1.11 (1024 x 1024 at 3x3, 5x5,
        15x15, two threads, Zen 4 VM, AVX-512, 2026-11).
        """
        target = nearest(self.kinds[1])
        if self.code.kind == self.scaling.kind or target is None:
            return by_rule(self.builder, self.scaling.joined(self.scaled(value)), *self.kinds)
        if self.code.itemsize == 2 and target.bitwidth == 8:
            found = [self.rounded(self.finished(half), target) for half in self.halves(value)]
            return self.limited(operation(self.builder, "words", value.type, *found), target)
        return self.limited(self.rounded(self.scaling.joined(self.scaled(value)), target), target)

    def rounded(self, value: Value, target: Any) -> Value:
        """Scaled sums as the nearest int32, of too large ones the largest that is asked for."""
        most = ir.Constant(value.type, [target.maxval] * value.type.count)
        below = self.builder.fcmp_ordered("<", value, most)
        return self.whole(self.builder.select(below, value, most))

    def whole(self, value: Value) -> Value:
        """Numbers that an int32 holds as the nearest one."""
        lanes, bits = value.type.count, self.kinds[0].bitwidth
        name = f"llvm.lrint.v{lanes}i32.v{lanes}f{bits}"
        return instruction(self.builder, name, ir.VectorType(I32, lanes), value)

    def limited(self, whole: Value, target: Any) -> Value:
        """Integers as those of fewer bits, saturated."""
        lanes, kind = whole.type.count, whole.type
        for how, limit in (("smax", target.minval), ("smin", target.maxval)):
            name = f"llvm.{how}.v{lanes}i{kind.element.width}"
            whole = instruction(self.builder, name, kind, whole, ir.Constant(kind, [limit] * lanes))
        return self.builder.trunc(whole, ir.VectorType(ir.IntType(target.bitwidth), lanes))

    def halves(self, value: Value) -> list[Value]:
        """Unsigned 16-bit sums in the type that scales them, as `words` puts them together."""
        code, wide = self.code, ir.VectorType(I32, self.scaling.lanes)
        found = []
        for first in (0, WORDS):
            places = [n + m for n in range(first, code.lanes, 2 * WORDS) for m in range(WORDS)]
            order = [at for place in places for at in (place, code.lanes)]
            pairs = self.builder.bitcast(code.shuffle(value, code.zero, order), wide)
            found.append(self.builder.sitofp(pairs, self.scaling.vector))
        return found

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
