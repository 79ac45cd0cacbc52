"""Sums along rows first, then down columns, both in registers: results of a block of rows.

Some vectors of columns at a time go down all rows of a block.  Pixels of a row are added up in two
steps, the second one by lanes that are shifted; these sums are what `blocks` adds up of pixels, and
wait, until their suffixes are made, where the last block's suffix was that they have used up.  So
pixels are read once and in order, and nothing but suffixes leaves the first-level cache.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ...codegen import machine
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code
from ..finishing import SCALED
from .blocks import loads, stores
from .hops import Hops, both

# Vectors that go down together: a row's first steps reach beyond them by some more.  4096 x 4096
# float32 at 15x15 with four 6.7 ms, with eight 5.7 (Zen 4 VM, AVX-512, 2026-11).
SIDES = 8, 4, 2, 1
# By how many vectors the second step shifts sums, and how many of a row it makes at a time.
REACHES = {1: 8, 2: 4, 4: 4}
# What becomes of sums: scaled results but where they are left, of some columns in vectors that lie
# beside a tile.
LEAVE, STORE, STREAM, SOME = range(4)


class _Along:
    """Emits the sums of a row's pixels, each multiplied by ``weight`` as it is loaded.

    Of ``count`` neighbours ``apart`` from one another, then of ``hops`` more of these, ``hop``
    apart, made in registers: vectors of the first step's sums are shifted by at most ``reach``
    vectors.  Then ``rest`` neighbours that begin ``beyond`` the first.
    """

    def __init__(self, code: Code, reach: int, weight: Value, *numbers: Value) -> None:
        self.code, self.reach, self.weight, builder = code, reach, code.splat(weight), code.builder
        self.apart, count, hop, hops, self.beyond, self.rest = numbers
        self.others, self.hops = builder.sub(count, I64(1)), Hops(code, reach, hop, hops)

    def sums(self, place: Value, vectors: int) -> list[Value]:
        """Of so many vectors of columns from that place on."""
        code, reach, found = self.code, self.reach, self.first(place, self.reach)
        sums: list[Value] = []
        while len(sums) < vectors:
            some = min(REACHES[reach], vectors - len(sums))
            here = code.at(place, len(sums) * code.lanes)
            found += self.first(code.at(here, reach * code.lanes), some)
            sums += self.added(self.rest, code.at(here, self.beyond), self.hops.sums(found, some))
            found = found[some:]
        return sums

    def first(self, place: Value, vectors: int) -> list[Value]:
        """Sums of the first step."""
        found = loads(self.code, place, I64(0), vectors)
        begun = [self.code.builder.fmul(value, self.weight) for value in found]
        return self.added(self.others, self.code.at(place, self.apart), begun)

    def added(self, count: Value, place: Value, sums: Sequence[Value]) -> list[Value]:
        """``count`` further pixels; products by a power of two are exact, so added at once."""
        code = self.code

        def one(place: Value, *sums: Value) -> Sequence[Value]:
            pixels = loads(code, place, I64(0), len(sums))
            pairs = zip(pixels, sums, strict=True)
            added = [code.fma(pixel, self.weight, total) for pixel, total in pairs]
            return [code.at(place, self.apart), *added]

        return code.repeat(count, [place, *sums], one, rolled=True)[1:]


class _Block:
    """Emits what becomes of a block's rows; the attributes are IR values of the arguments.

    ``rows_at``: a table of where rows begin, from ``pixels`` on; ``suffix``: where the suffix from
    the first of the rows on lies, in rows ``step`` apart; ``target``: where sums go, in rows
    ``down`` apart.  Of ``rows`` rows the first ``skip`` end no window; of the last ``more`` the
    suffixes are wanted.  Columns ``begin`` to ``end`` have results.
    """

    def __init__(self, reach: int, builder: Any, *arguments: Value) -> None:
        self.builder, self.code = builder, Code(builder, arguments[0].type.pointee)
        self.pixels, self.rows_at, self.suffix, self.step, *numbers = arguments
        self.target, self.down, self.how, *numbers = numbers
        self.rows, self.skip, self.more, self.begin, self.end, self.ahead, *numbers = numbers
        self.scale = [self.code.splat(number) for number in numbers[:SCALED]]
        self.along = _Along(self.code, reach, *numbers[SCALED:])

    def emit(self) -> None:
        """All columns by whole vectors, counted from 0."""
        builder, lanes = self.builder, I64(self.code.lanes)
        done = builder.sub(self.begin, builder.srem(self.begin, lanes))
        end = builder.add(self.end, I64(self.code.lanes - 1))
        for vectors in SIDES:
            size = builder.mul(I64(vectors), lanes)
            turns = builder.sdiv(builder.sub(end, done), size)
            [done] = self.code.repeat(turns, [done], partial(self.group, vectors), rolled=True)

    def group(self, vectors: int, at: Value) -> Sequence[Value]:
        """So many vectors of columns, of which perhaps not all have results."""
        builder, end = self.builder, self.builder.add(at, I64(vectors * self.code.lanes))
        first = builder.icmp_signed("<=", self.begin, at)
        whole = builder.and_(first, builder.icmp_signed("<=", end, self.end))
        whole = builder.or_(whole, builder.icmp_signed("==", self.how, I64(LEAVE)))
        how = builder.select(whole, self.how, I64(SOME))
        self.add_up(at, vectors, partial(self.put, at, how))
        return [end]

    def put(self, at: Value, how: Value, target: Value, totals: Sequence[Value]) -> None:
        """Sums as results, or as they are."""
        code, builder = self.code, self.builder

        def case(how: int) -> Sequence[Value]:
            for n, value in enumerate(totals):
                column = builder.add(at, I64(n * code.lanes))
                place = code.at(target, column)
                found = value if how == LEAVE else code.scaled(value, *self.scale)
                if how == SOME:
                    code.store_some(found, place, self.chosen(column))
                else:
                    (code.stream if how == STREAM else code.store)(found, place)
            return []

        code.choose(how, {how: partial(case, how) for how in (LEAVE, STORE, STREAM, SOME)})

    def chosen(self, column: Value) -> Value:
        """Which of a vector's columns have results."""
        code, builder = self.code, self.builder
        before = builder.not_(code.first_lanes(builder.sub(self.begin, column)))
        return builder.and_(before, code.first_lanes(builder.sub(self.end, column)))

    def add_up(self, at: Value, vectors: int, put: Callable[..., None]) -> None:
        """So many vectors of columns from ``at`` on, all rows of them."""
        code, builder = self.code, self.builder
        back, back_down = (builder.sub(I64(0), step) for step in (self.step, self.down))
        row, first = partial(self.row, at, vectors), code.at(self.suffix, at)

        def down(n: Value, slot: Value, target: Value, *sums: Value) -> Sequence[Value]:
            found, following = row(n), code.at(slot, self.step)
            totals = both(code, sums, found)
            ends = builder.icmp_signed(">=", n, self.skip)
            with builder.if_then(ends):
                put(target, both(code, loads(code, following, I64(0), vectors), totals))
            stores(code, found, slot, I64(0))
            return [builder.add(n, I64(1)), following, code.at(target, self.down), *totals]

        def up(slot: Value, *sums: Value) -> Sequence[Value]:
            totals = both(code, sums, loads(code, slot, I64(0), vectors))
            stores(code, totals, slot, I64(0))
            return [code.at(slot, back), *totals]

        target = code.at(self.target, builder.mul(back_down, self.skip))
        begun = [I64(0), first, target, *[code.zero] * vectors]
        _, slot, *_ = code.repeat(self.rows, begun, down, rolled=True)
        none = [code.constant(-0.0)] * vectors
        code.repeat(self.more, [code.at(slot, back), *none], up, rolled=True)

    def row(self, at: Value, vectors: int, n: Value) -> list[Value]:
        """Sums of the ``n``-th row's pixels, of which those a block further are asked for."""
        code, builder = self.code, self.builder
        start = builder.load(builder.gep(self.rows_at, [n]))
        place = code.at(self.pixels, start, at)
        with builder.if_then(builder.icmp_signed("!=", self.ahead, I64(0))):
            for vector in range(vectors):
                code.prefetch(code.at(place, self.ahead, vector * code.lanes))
        return self.along.sums(place, vectors)


@emitted()
def add_up_rowwise(
    builder: Any, reach: Value, pixels: Items, first: Value, scratch: Items, table: Value,
    places: Sequence[Value], out: Items, target: Sequence[Value], how: Sequence[Value],
    columns: Sequence[Value], ahead: Value, taps: Items, along: Sequence[Value],
) -> None:  # fmt: skip
    """Results of a block's rows, then suffixes for those that follow.

    ``places`` in scratch: of the suffix from the first row on, and elements from row to row;
    ``target``: where column 0 of the first result is, in ``out`` or, of sums that are left, in
    scratch, elements from row to row, and which of these; ``how``: how many rows, how many of them
    end no window, and of how many of the last suffixes are wanted; ``columns`` = (begin, end);
    ``ahead``: elements from a row to the one a block further, which is prefetched, or 0; ``along``:
    the numbers of `_Along`.
    """
    if not machine.FILLS_LINES:
        return
    to, down, what = target
    place = scratch.at(to)
    if out.dtype == scratch.dtype:
        place = builder.select(builder.icmp_signed("==", what, I64(LEAVE)), place, out.at(to))
    rows_at = builder.bitcast(scratch.at(table), I64.as_pointer())
    numbers = [builder.load(taps.at(n)) for n in range(1, 1 + SCALED)]
    arguments = (
        pixels.at(first), rows_at, scratch.at(places[0]), places[1], place, down, what, *how,
        *columns, ahead, *numbers, builder.load(taps.at()), *along,
    )  # fmt: skip

    def case(reach: int) -> Sequence[Value]:
        def body(inner: Any, *values: Value) -> None:
            _Block(reach, inner, *values).emit()

        call_once(builder, f"block.rowwise.{reach}", body, arguments)
        return []

    code = Code(builder, scratch.element)
    code.choose(reach, {vectors: partial(case, vectors) for vectors in REACHES})
