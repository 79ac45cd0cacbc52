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


def growing(
    code: Code,
    weight: Value,
    places: Sequence[Value],
    sift: Callable[..., list[Value]],
) -> Callable[..., None]:
    """``body(column, vectors)`` of columns in which a pixel enters the block.

    It may be told how many elements ahead of the pixels to prefetch.

    ``places``: of the pixels, of their row in the block, of the prefix before it and with it; and,
    where windows end there, of the suffix before it and of where to leave the sum of both.
    ``sift(column, pixels)``: what enters of the pixels that are there.
    """
    pixels, slot, before, after, *window = places
    scale, builder = code.splat(weight), code.builder

    def body(at: Value, vectors: int, ahead: int = 0) -> None:
        for n in range(vectors if ahead else 0):
            code.prefetch(code.at(pixels, at, ahead + n * code.lanes))
        found = sift(at, loads(code, pixels, at, vectors))
        found = [builder.fmul(value, scale) for value in found]
        sums = loads(code, before, at, vectors)
        sums = [builder.fadd(total, value) for total, value in zip(sums, found, strict=True)]
        if window:
            others = loads(code, window[0], at, vectors)
            totals = [builder.fadd(*pair) for pair in zip(others, sums, strict=True)]
            stores(code, totals, window[1], at)
        stores(code, found, slot, at)
        stores(code, sums, after, at)

    return body


@emitted()
def add_upwards(
    builder: Any, scratch: Items, last: Value, step: Value, rows: Value, columns: Value
) -> None:
    """To each of ``rows`` rows above the ``last`` one those below it; they lie ``step`` apart."""
    arguments = scratch.at(last), step, rows, columns
    call_once(builder, "block.up", _add_upwards, arguments)


def _add_upwards(builder: Any, last: Value, step: Value, rows: Value, columns: Value) -> None:
    code, up = Code(builder, last.type.pointee), builder.sub(I64(0), step)

    def one(at: Value, vectors: int) -> None:
        def add(place: Value, *sums: Value) -> Sequence[Value]:
            place = code.at(place, up)
            found = loads(code, place, I64(0), vectors)
            found = [builder.fadd(*pair) for pair in zip(sums, found, strict=True)]
            stores(code, found, place, I64(0))
            return [place, *found]

        start = code.at(last, at)
        code.repeat(rows, [start, *loads(code, start, I64(0), vectors)], add)

    across_columns(code, columns, one)


class _Block:
    """Emits what becomes of a block's rows; the attributes are IR values of the arguments.

    ``rows_at``: a table of where rows begin, from ``pixels`` on; ``suffix``, ``target``: where the
    suffix from the first of the rows on lies, and where sums go, both in rows ``step`` apart.  Of
    ``rows`` rows the first ``skip`` end no window; of the last ``more`` the suffixes are wanted.
    The first column lies ``off`` elements behind a line, of pixels and of all sums.
    """

    def __init__(self, builder: Any, *arguments: Value) -> None:
        self.builder, self.code = builder, Code(builder, arguments[0].type.pointee)
        self.pixels, self.rows_at, weight, self.suffix, self.target, self.step, *numbers = arguments
        self.rows, self.skip, self.more, self.columns, self.ahead, self.off = numbers
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
        row, back = partial(self._row, at, vectors), builder.sub(I64(0), self.step)
        last = builder.sub(self.rows, I64(1))

        def fetch(n: Value) -> Sequence[Value]:
            place = code.at(self._place(n), at, self.ahead)
            for vector in range(some):
                code.prefetch(code.at(place, vector * code.lanes))
            return [builder.add(n, I64(1))]

        def only(n: Value, *sums: Value) -> Sequence[Value]:
            return [builder.add(n, I64(1)), *self._both(sums, row(n))]

        def down(n: Value, others: Value, target: Value, *sums: Value) -> Sequence[Value]:
            totals = self._both(sums, row(n))
            stores(code, self._both(loads(code, others, at, some), totals), target, at)
            places = (code.at(place, self.step) for place in (others, target))
            return [builder.add(n, I64(1)), *places, *totals]

        def up(n: Value, place: Value, *sums: Value) -> Sequence[Value]:
            totals = self._both(sums, row(n))
            stores(code, totals, place, at)
            return [builder.sub(n, I64(1)), code.at(place, back), *totals]

        far = builder.icmp_signed("!=", self.ahead, I64(0))
        code.repeat(builder.select(far, self.rows, I64(0)), [I64(0)], fetch)
        n, *sums = code.repeat(self.skip, [I64(0), *[code.zero] * some], only)
        others = code.at(self.suffix, builder.mul(builder.add(n, I64(1)), self.step))
        ending = builder.sub(self.rows, n)
        code.repeat(ending, [n, others, self.target, *sums], down)
        place, none = code.at(self.suffix, builder.mul(last, self.step)), code.constant(-0.0)
        code.repeat(self.more, [last, place, *[none] * some], up)

    def _place(self, n: Value) -> Value:
        return self.code.at(self.pixels, self.builder.load(self.builder.gep(self.rows_at, [n])))

    def _row(self, at: Value, vectors: int, n: Value) -> list[Value]:
        """Pixels of the ``n``-th row as they enter."""
        code, builder, place = self.code, self.builder, self._place(n)
        some = partial(self._some, code.at(place, at), at)
        found = loads(code, place, at, vectors) if vectors else [some()]
        return [builder.fmul(value, self.scale) for value in found]

    def _some(self, place: Value, at: Value) -> Value:
        """Those of a vector's pixels that are columns'."""
        code, builder = self.code, self.builder
        left = builder.sub(self.columns, at)
        if not machine.FILLS_LINES:
            return code.load_first(place, left)
        before = builder.not_(code.first_lanes(builder.sub(I64(0), at)))
        return code.load_some(place, builder.and_(before, code.first_lanes(left)))

    def _both(self, first: Sequence[Value], second: Sequence[Value]) -> list[Value]:
        return [self.builder.fadd(*pair) for pair in zip(first, second, strict=True)]


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
    suffix, target, step = places
    arguments = pixels.at(first), rows_at, weight, scratch.at(suffix), scratch.at(target), step

    def body(inner: Any, *values: Value) -> None:
        _Block(inner, *values).emit()

    call_once(builder, "block.all", body, [*arguments, *how, columns, ahead, off])
