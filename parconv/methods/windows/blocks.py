"""Sums of columns: of the rows of a window that lie in one block, and of those in the next.

Blocks are as many rows as the filter has taps.  A window that begins within one ends within the
next: its sum is that of the rows from its first to the block's end, a suffix, which are added up
from below once the block is complete, and a prefix of the next block, which grows by the row that
enters.  So each pixel is added three times, whatever the filter's size (van Herk; Gil and Werman),
and no sum holds a pixel of another window.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ...codegen import machine
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code
from .neighbours import plus

SIDES = (4, 1)  # vectors of columns side by side: loads first, since stores might change them
# Likewise where all rows of a block are read before the next columns: whole lines, which rows that
# lie a page apart take from one another.  4096 x 4096 float32 at 15x15 with four vectors of AVX2
# 1.29 ns a pixel, with eight 0.71 (Zen 4 VM, 2026-11).
TALL_SIDES = machine.ISA.choose({"AVX-512": SIDES, 16: (8, 1)})


def across_columns(code: Code, columns: Value, body: Callable[[Value, int], None]) -> None:
    """``body(column, vectors)`` for all columns, one vector of them at least.

    The last vector is pulled back to end with them, over columns that were dealt with before.
    """
    builder, done = code.builder, I64(0)
    for vectors in SIDES:
        size = I64(vectors * code.lanes)
        turns = builder.sdiv(builder.sub(columns, done), size)

        def one(at: Value, vectors: int = vectors, size: Value = size) -> Sequence[Value]:
            body(at, vectors)
            return [builder.add(at, size)]

        [done] = code.repeat(turns, [done], one)
    with builder.if_then(builder.icmp_signed("<", done, columns)):
        body(builder.sub(columns, I64(code.lanes)), 1)


def loads(code: Code, start: Value, at: Value, vectors: int) -> list[Value]:
    place = code.at(start, at)
    return [code.load(code.at(place, n * code.lanes)) for n in range(vectors)]


def stores(code: Code, values: Sequence[Value], start: Value, at: Value) -> None:
    place = code.at(start, at)
    for n, value in enumerate(values):
        code.store(value, code.at(place, n * code.lanes))


class Block:
    """Emits what becomes of a block's rows; the attributes are IR values of the arguments.

    ``rows_at``: a table of where rows begin, from ``pixels`` on; ``suffix``, ``target``: the places
    in ``scratch`` of the suffix from the first of the rows on, and of sums, both in rows ``step``
    apart.  Of ``rows`` rows the first ``skip`` end no window; of the last ``more`` the suffixes are
    wanted.  The first column lies ``off`` elements behind a line, of pixels and of all sums.
    """

    def __init__(self, builder: Any, *arguments: Value) -> None:
        self.builder, self.code = builder, Code(builder, arguments[0].type.pointee)
        self.pixels, self.rows_at, weight, self.scratch, *numbers = arguments
        self.suffix, self.target, self.step, self.rows, self.skip, *numbers = numbers
        self.more, self.columns, self.ahead, self.off = numbers
        self.scale = self.code.splat(weight)

    def emit(self) -> None:
        """All columns, the first and the last of them fewer than a vector."""
        builder, done = self.builder, I64(0)
        if machine.FILLS_LINES:
            some = builder.zext(builder.icmp_signed("!=", self.off, I64(0)), I64)
            [done] = self.code.repeat(some, [builder.sub(done, self.off)], self.first)
        for vectors in TALL_SIDES:
            size = I64(vectors * self.code.lanes)
            turns = builder.sdiv(builder.sub(self.columns, done), size)

            def one(at: Value, vectors: int = vectors, size: Value = size) -> Sequence[Value]:
                self.add_up(at, vectors)
                return [builder.add(at, size)]

            [done] = self.code.repeat(turns, [done], one)
        with builder.if_then(builder.icmp_signed("<", done, self.columns)):
            self.add_up(done, 0)

    def first(self, at: Value) -> Sequence[Value]:
        """What comes before the first line."""
        self.add_up(at, 0)
        return [self.builder.add(at, I64(self.code.lanes))]

    def add_up(self, at: Value, vectors: int) -> None:
        """So many vectors of columns from ``at`` on, or those that are left, where that is 0."""
        code, builder, some = self.code, self.builder, max(vectors, 1)
        row, back = partial(self.row, at, vectors), builder.sub(I64(0), self.step)
        target = self.places(self.target)
        kinds = len(target)
        last = builder.sub(self.rows, I64(1))

        def fetch(n: Value) -> Sequence[Value]:
            self.fetch(at, some, n)
            return [builder.add(n, I64(1))]

        def only(n: Value, *sums: Value) -> Sequence[Value]:
            return [builder.add(n, I64(1)), *self._both(sums, row(n))]

        def down(n: Value, *carried: Value) -> Sequence[Value]:
            places, sums = carried[: 2 * kinds], carried[2 * kinds :]
            totals = self._both(sums, row(n))
            ending = self._both(self.get(places[:kinds], at, some), totals)
            self.put(ending, places[kinds:], at)
            return [builder.add(n, I64(1)), *moved(places, self.step), *totals]

        def up(n: Value, *carried: Value) -> Sequence[Value]:
            places, sums = carried[:kinds], carried[kinds:]
            totals = self._both(sums, row(n))
            self.put(totals, places, at)
            return [builder.sub(n, I64(1)), *moved(places, back), *totals]

        def moved(places: Sequence[Value], step: Value) -> list[Value]:
            return [code.at(place, step) for place in places]

        far = builder.icmp_signed("!=", self.ahead, I64(0))
        code.repeat(builder.select(far, self.rows, I64(0)), [I64(0)], fetch)
        n, *sums = code.repeat(self.skip, [I64(0), *self.none(some, code.zero)], only)
        others = moved(self.places(self.suffix), builder.mul(builder.add(n, I64(1)), self.step))
        code.repeat(builder.sub(self.rows, n), [n, *others, *target, *sums], down)
        places = moved(self.places(self.suffix), builder.mul(last, self.step))
        code.repeat(self.more, [last, *places, *self.none(some, code.constant(-0.0))], up)

    # --- what is added up ---

    def none(self, vectors: int, number: Value) -> list[Value]:
        """What sums of so many vectors begin with, those of pixels with that number."""
        return [number] * vectors

    def places(self, at: Value) -> list[Value]:
        """Where what is added up lies of that place in scratch: of each kind a pointer."""
        return [self.code.at(self.scratch, at)]

    def get(self, places: Sequence[Value], at: Value, vectors: int) -> list[Value]:
        """Sums from a row of scratch."""
        return loads(self.code, places[0], at, vectors)

    def put(self, sums: Sequence[Value], places: Sequence[Value], at: Value) -> None:
        stores(self.code, sums, places[0], at)

    def row(self, at: Value, vectors: int, n: Value) -> list[Value]:
        """What the ``n``-th row adds."""
        return [self.builder.fmul(value, self.scale) for value in self.pixels_of(at, vectors, n)]

    def fetch(self, at: Value, vectors: int, n: Value) -> None:
        """Ask for pixels of the row that lies a block below."""
        place = self.code.at(self._place(n), at, self.ahead)
        for vector in range(vectors):
            self.code.prefetch(self.code.at(place, vector * self.code.lanes))

    def pixels_of(self, at: Value, vectors: int, n: Value) -> list[Value]:
        """As many vectors of the row, or those of one vector's pixels that are columns'."""
        code, place = self.code, self._place(n)
        return loads(code, place, at, vectors) or [self.some_of(code, code.at(place, at), at)]

    def some_of(self, code: Code, place: Value, at: Value) -> Value:
        """Those of a vector's numbers that are columns', of whatever type; others are 0."""
        builder, lanes = self.builder, self.code.lanes
        left = builder.sub(self.columns, at)
        if not machine.FILLS_LINES:
            return code.load_first(place, left, lanes)
        before = builder.not_(code.first_lanes(builder.sub(I64(0), at), lanes))
        return code.load_some(place, builder.and_(before, code.first_lanes(left, lanes)))

    def _place(self, n: Value) -> Value:
        return self.code.at(self.pixels, self.builder.load(self.builder.gep(self.rows_at, [n])))

    def _both(self, first: Sequence[Value], second: Sequence[Value]) -> list[Value]:
        return [plus(self.builder, *pair) for pair in zip(first, second, strict=True)]


@emitted()
def add_up_block(
    builder: Any, pixels: Items, first: Value, scratch: Items, table: Value, weight: Value,
    places: Sequence[Value], how: Sequence[Value], columns: Value, ahead: Value, off: Value,
) -> None:  # fmt: skip
    """Rows of a block: sums of the windows that end there, then suffixes for those that follow.

    Columns are added up four vectors at a time, all rows of them, so that pixels are read from
    memory once and prefixes stay in registers.  ``places`` in scratch: of the suffix from the first
    row on, of sums, and elements from row to row; ``how``: how many rows, how many of them end no
    window, and of how many of the last suffixes are wanted; ``ahead``: elements from a row to the
    one a block further, which is prefetched, or 0; ``off``: elements from a line to the first.
    """
    rows_at = builder.bitcast(scratch.at(table), I64.as_pointer())
    arguments = pixels.at(first), rows_at, weight, scratch.at(), *places

    def body(inner: Any, *values: Value) -> None:
        Block(inner, *values).emit()

    call_once(builder, "block.all", body, [*arguments, *how, columns, ahead, off])
