"""Sums of pixels along rows by blocks of as many as the filter has taps, as `blocks` has columns.

For pixels of three or four channels, which fill a short vector: a sum is that of a suffix of one
block and a prefix of the next, three additions of a vector whatever the filter's size, and none is
moved within a register.  Blocks are counted from the whole result's first pixel.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from llvmlite import ir

from ...codegen.emitted import Items, Value, call_once, emitted, instruction
from ...codegen.simd import I64, Code
from .neighbours import plus

PIXEL = 4  # lanes of a pixel, of which the last may be the next one's first
CHANNELS = 3, 4  # as many kernels
ROWS = (4, 1)  # side by side, since each addition waits for the last one


def room_of(taps: int) -> int:
    """Elements of scratch in which suffixes wait."""
    return ROWS[0] * taps * PIXEL


class _Along:
    """Emits sums of some rows at a time; the attributes are IR values of the arguments.

    ``channels`` elements from pixel to pixel of rows of numbers and of sums, which lie ``down``
    apart.  Suffixes wait in ``room``, whole vectors: loads that overlap the last stores would wait
    for these.  ``begin`` pixels of the first block are left of the row.
    """

    def __init__(self, builder: Any, channels: int, *arguments: Value) -> None:
        self.builder, self.channels = builder, channels
        source, target, self.room, self.down, self.rows, windows, self.count, begin = arguments
        self.code = Code(builder, source.type.pointee)
        self.ends: Sequence[Value] = (source, target)
        self.start = builder.sub(I64(0), begin)
        self.before = builder.sub(self.count, I64(1))  # pixels of a sum before its last one
        self.end = builder.add(windows, self.before)  # pixels there are
        self.blocks = builder.sdiv(  # which begin before that
            builder.add(builder.sub(self.end, self.start), self.before), self.count
        )
        none = ir.Constant(ir.VectorType(self.code.kind, PIXEL), [-0.0] * PIXEL)
        self.none = [none] * ROWS[0]

    def emit(self) -> None:
        builder, code, done = self.builder, self.code, I64(0)
        for rows in ROWS:
            turns = builder.sdiv(builder.sub(self.rows, done), I64(rows))
            self.ends = code.repeat(turns, self.ends, partial(self.group, rows))
            done = builder.add(done, builder.mul(turns, I64(rows)))

    def group(self, rows: int, *ends: Value) -> Sequence[Value]:
        """All sums of so many rows; where the next rows begin."""
        builder, code = self.builder, self.code
        offsets = [builder.mul(self.down, I64(n)) for n in range(rows)]
        self.numbers, self.sums = ([code.at(end, n) for n in offsets] for end in ends)
        pitch = builder.mul(self.count, I64(PIXEL))
        self.suffixes = [code.at(self.room, builder.mul(pitch, I64(n))) for n in range(rows)]
        code.repeat(self.blocks, [self.start], self.block)
        return [code.at(end, builder.mul(self.down, I64(rows))) for end in ends]

    def block(self, start: Value) -> Sequence[Value]:
        """Sums that end in the block of pixels from there on, then its suffixes."""
        builder, code, none = self.builder, self.code, self.none[: len(self.numbers)]
        end, first = builder.add(start, self.count), self.either("smax", start, I64(0))
        here = self.either("smin", end, self.end)
        begun = self.either("smin", self.either("smax", start, self.before), here)
        inside = builder.icmp_signed(">=", start, I64(0))
        whole = builder.and_(inside, builder.icmp_signed("==", here, end))
        last = self.either("smin", here, builder.add(start, self.before))
        turns = builder.select(inside, builder.sub(begun, first), I64(0))
        at, *sums = code.repeat(turns, [first, *none], self.only, rolled=True)
        at, *sums = code.repeat(
            builder.sub(last, begun), [at, *sums], partial(self.both, start), True
        )
        code.repeat(builder.zext(whole, I64), [at, *sums], self.alone)
        follows = builder.icmp_signed("<", end, self.end)
        second = self.either("smax", builder.add(start, I64(1)), I64(0))
        turns = builder.select(follows, builder.sub(end, second), I64(0))
        code.repeat(turns, [builder.sub(end, I64(1)), *none], partial(self.up, start), rolled=True)
        return [end]

    def only(self, at: Value, *sums: Value) -> Sequence[Value]:
        """A pixel of a prefix that ends no window."""
        return [self.builder.add(at, I64(1)), *self.added(sums, at)]

    def both(self, start: Value, at: Value, *sums: Value) -> Sequence[Value]:
        """One that does: sums of a suffix of the last block and the prefix."""
        builder, code, totals = self.builder, self.code, self.added(sums, at)
        place = builder.mul(builder.add(builder.sub(at, start), I64(1)), I64(PIXEL))
        suffixes = [code.load(code.at(row, place), PIXEL) for row in self.suffixes]
        self.store([plus(builder, *pair) for pair in zip(suffixes, totals, strict=True)], at)
        return [builder.add(at, I64(1)), *totals]

    def alone(self, at: Value, *sums: Value) -> Sequence[Value]:
        """The last of a block, whose pixels are those of the window."""
        self.store(self.added(sums, at), at)
        return [at, *sums]

    def up(self, start: Value, at: Value, *sums: Value) -> Sequence[Value]:
        """A pixel of a suffix."""
        builder, code, totals = self.builder, self.code, self.added(sums, at)
        place = builder.mul(builder.sub(at, start), I64(PIXEL))
        for row, value in zip(self.suffixes, totals, strict=True):
            code.store(value, code.at(row, place))
        return [builder.sub(at, I64(1)), *totals]

    def added(self, sums: Sequence[Value], at: Value) -> list[Value]:
        """That pixel added to its rows' sums."""
        place, code = self.builder.mul(at, I64(self.channels)), self.code
        pixels = [code.load(code.at(row, place), PIXEL) for row in self.numbers]
        return [plus(self.builder, *pair) for pair in zip(sums, pixels, strict=True)]

    def store(self, sums: Sequence[Value], at: Value) -> None:
        """Sums of windows that end with that pixel, where these begin."""
        begin = self.builder.sub(at, self.before)
        place = self.builder.mul(begin, I64(self.channels))
        for row, value in zip(self.sums, sums, strict=True):
            self.code.store(value, self.code.at(row, place))

    def either(self, name: str, first: Value, second: Value) -> Value:
        return instruction(self.builder, f"llvm.{name}.i64", I64, first, second)


@emitted()
def add_pixels(
    builder: Any, scratch: Items, channels: Value, source: Value, target: Value, room: Value,
    down: Value, size: Sequence[Value], blocks: Sequence[Value],
) -> None:  # fmt: skip
    """Emit a call that leaves rows of such sums in scratch; of integers nothing.

    ``source``, ``target``, ``down``: places, and elements from row to row; ``room``: of `room_of`
    elements; ``size``: rows and windows; ``blocks``: pixels of each, and those of the first that
    are left of the row.
    """
    if isinstance(scratch.element, ir.IntType):  # which never ask
        return
    arguments = *map(scratch.at, (source, target, room)), down, *size, *blocks

    def case(channels: int) -> Sequence[Value]:
        def body(inner: Any, *values: Value) -> None:
            _Along(inner, channels, *values).emit()

        call_once(builder, f"windows.pixels.{channels}", body, arguments)
        return []

    code = Code(builder, scratch.element)
    code.choose(channels, {n: partial(case, n) for n in CHANNELS})
