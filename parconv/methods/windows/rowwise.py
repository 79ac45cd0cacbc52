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
from ...codegen.flow import Flow
from ...codegen.simd import I64, Code
from ..finishing import SCALED
from .blocks import loads, stores
from .hops import Hops, both
from .neighbours import is_whole, plus

# Vectors that go down together: a row's first steps reach beyond them by some more.  4096 x 4096
# float32 at 15x15 with four 6.7 ms, with eight 5.7 (Zen 4 VM, AVX-512, 2026-11).
SIDES = 8, 4, 2, 1
# By how many vectors the second step shifts sums, and how many of a row it makes at a time.
REACHES = {1: 8, 2: 4, 4: 4}
# What becomes of sums: scaled results but where they are left, of some columns in vectors that lie
# beside a tile.
LEAVE, STORE, STREAM, SOME = range(4)
ALONG = 6  # numbers of `_Along`, beside the weight


class _Along:
    """Emits the sums of a row's pixels, each multiplied by ``weight``, if any, as it is loaded.

    Of ``count`` neighbours ``apart`` from one another, then of ``hops`` more of these, ``hop``
    apart, made in registers: vectors of the first step's sums are shifted by at most ``reach``
    vectors.  Then ``rest`` neighbours that begin ``beyond`` the first.
    """

    def __init__(self, code: Code, reach: int, weight: Value | None, *numbers: Value) -> None:
        self.code, self.reach, builder = code, reach, code.builder
        self.weight = code.splat(weight) if weight else None
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
        begun = loads(self.code, place, I64(0), vectors)
        if self.weight:
            begun = [self.code.builder.fmul(value, self.weight) for value in begun]
        return self.added(self.others, self.code.at(place, self.apart), begun)

    def added(self, count: Value, place: Value, sums: Sequence[Value]) -> list[Value]:
        """``count`` further pixels; products by a power of two are exact, so added at once."""
        code = self.code

        def one(place: Value, *sums: Value) -> Sequence[Value]:
            pixels = loads(code, place, I64(0), len(sums))
            return [code.at(place, self.apart), *map(self.more, sums, pixels)]

        return code.repeat(count, [place, *sums], one, rolled=True)[1:]

    def more(self, total: Value, pixel: Value) -> Value:
        if self.weight:
            return self.code.fma(pixel, self.weight, total)
        return plus(self.code.builder, total, pixel)


class RowsFirst:
    """Emits sums of a block's rows; the attributes are IR values of the arguments.

    ``rows_at``: a table of where rows begin, from ``pixels`` on; ``suffix``: where the suffix from
    the first of the rows on lies, in rows ``step`` apart; ``target``: where sums go, in rows
    ``down`` apart.  Of ``rows`` rows the first ``skip`` end no window; of the last ``more`` the
    suffixes are wanted.  Columns ``begin`` to ``end`` have results.  ``others``: what a class asks
    for beside that.
    """

    weighted = False  # by the first of the other numbers

    def __init__(self, reach: int, builder: Any, *arguments: Value) -> None:
        self.builder, self.code = builder, Code(builder, arguments[0].type.pointee)
        self.pixels, self.rows_at, self.suffix, self.step, *numbers = arguments
        self.target, self.down, *numbers = numbers
        self.rows, self.skip, self.more, self.begin, self.end, self.ahead, *numbers = numbers
        along, others = numbers[:ALONG], numbers[ALONG:]
        self.along = _Along(self.code, reach, others[0] if self.weighted else None, *along)
        self.read(*others[self.weighted :])

    def read(self, *others: Value) -> None:
        """What else there is."""

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
        self.add_up(at, vectors, partial(self.put, at))
        return [self.builder.add(at, I64(vectors * self.code.lanes))]

    @property
    def moving(self) -> list[tuple[Value, Value]]:
        """What points to the first result, and how many elements the next one lies further."""
        return [(self.target, self.down)]

    def put(self, at: Value, places: Sequence[Value], totals: Sequence[Value]) -> None:
        """Sums from column ``at`` on."""
        stores(self.code, totals, places[0], at)

    def add_up(self, at: Value, vectors: int, put: Callable[..., None]) -> None:
        """So many vectors of columns from ``at`` on, all rows of them."""
        code, builder = self.code, self.builder
        pointers, steps = zip(*self.moving, strict=True)
        back, kinds = builder.sub(I64(0), self.step), len(steps)
        before = builder.sub(I64(0), self.skip)
        row, first = partial(self.row, at, vectors), code.at(self.suffix, at)

        def down(n: Value, slot: Value, *carried: Value) -> Sequence[Value]:
            places, sums = carried[:kinds], carried[kinds:]
            found, following = row(n), code.at(slot, self.step)
            totals = both(code, sums, found)
            ends = builder.icmp_signed(">=", n, self.skip)
            with builder.if_then(ends):
                put(places, both(code, loads(code, following, I64(0), vectors), totals))
            stores(code, found, slot, I64(0))
            moved = [code.at(*pair) for pair in zip(places, steps, strict=True)]
            return [builder.add(n, I64(1)), following, *moved, *totals]

        def up(slot: Value, *sums: Value) -> Sequence[Value]:
            totals = both(code, sums, loads(code, slot, I64(0), vectors))
            stores(code, totals, slot, I64(0))
            return [code.at(slot, back), *totals]

        pairs = zip(pointers, steps, strict=True)
        begun = [code.at(place, builder.mul(before, step)) for place, step in pairs]
        begun = [I64(0), first, *begun, *[code.zero] * vectors]
        slot = code.repeat(self.rows, begun, down, rolled=True)[1]
        none = [code.zero if is_whole(code.kind) else code.constant(-0.0)] * vectors
        code.repeat(self.more, [code.at(slot, back), *none], up, rolled=True)

    def row(self, at: Value, vectors: int, n: Value) -> list[Value]:
        """Sums of the ``n``-th row's pixels, of which those a block further are asked for."""
        start = self.builder.load(self.builder.gep(self.rows_at, [n]))
        place = self.code.at(self.pixels, start, at)
        with self.builder.if_then(self.builder.icmp_signed("!=", self.ahead, I64(0))):
            self.fetch(at, vectors, n, place)
        return self.along.sums(place, vectors)

    def fetch(self, at: Value, vectors: int, n: Value, place: Value) -> None:
        """Ask for pixels of the row that lies a block below; ``place``: of its own first one."""
        for vector in range(vectors):
            self.code.prefetch(self.code.at(place, self.ahead, vector * self.code.lanes))


class Results(RowsFirst):
    """Emits what becomes of these sums; ``how``: scaled results but where they are left."""

    weighted = True

    def read(self, how: Value, *numbers: Value) -> None:
        self.how = how
        self.scale = [self.code.splat(number) for number in numbers]

    def group(self, vectors: int, at: Value) -> Sequence[Value]:
        builder, end = self.builder, self.builder.add(at, I64(vectors * self.code.lanes))
        first = builder.icmp_signed("<=", self.begin, at)
        whole = builder.and_(first, builder.icmp_signed("<=", end, self.end))
        whole = builder.or_(whole, builder.icmp_signed("==", self.how, I64(LEAVE)))
        how = builder.select(whole, self.how, I64(SOME))
        self.add_up(at, vectors, partial(self.put_so, how, at))
        return [end]

    def put_so(
        self, how: Value, at: Value, places: Sequence[Value], totals: Sequence[Value]
    ) -> None:
        """Sums as results, or as they are."""
        code, builder = self.code, self.builder

        def case(how: int) -> Sequence[Value]:
            for n, value in enumerate(totals):
                column = builder.add(at, I64(n * code.lanes))
                place = code.at(places[0], column)
                found = self.result(value, how, column, places)
                if how == SOME:
                    code.store_some(found, place, self.chosen(column))
                else:
                    (code.stream if how == STREAM else code.store)(found, place)
            return []

        code.choose(how, {how: partial(case, how) for how in (LEAVE, STORE, STREAM, SOME)})

    def result(self, value: Value, how: int, column: Value, places: Sequence[Value]) -> Value:
        """What becomes of a vector's sums."""
        return value if how == LEAVE else self.code.scaled(value, *self.scale)

    def chosen(self, column: Value) -> Value:
        """Which of a vector's columns have results."""
        code, builder = self.code, self.builder
        before = builder.not_(code.first_lanes(builder.sub(self.begin, column)))
        return builder.and_(before, code.first_lanes(builder.sub(self.end, column)))


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
    place = rows_first_target(scratch, out, target)
    _, down, what = target
    rows_at = builder.bitcast(scratch.at(table), I64.as_pointer())
    numbers = [builder.load(taps.at(n)) for n in range(1, 1 + SCALED)]
    arguments = (
        pixels.at(first), rows_at, scratch.at(places[0]), places[1], place, down, *how, *columns,
        ahead, *along, builder.load(taps.at()), what, *numbers,
    )  # fmt: skip
    call_by_reach(builder, "rowwise", reach, Results, arguments)


def rows_first_target(scratch: Items, out: Items, target: Sequence[Value]) -> Value:
    """Where column 0 of the first result is, in ``out`` or, of what is left, in scratch."""
    builder, (to, _, what) = scratch.builder, target
    place = scratch.at(to)
    if out.dtype != scratch.dtype:
        return place
    return builder.select(builder.icmp_signed("==", what, I64(LEAVE)), place, out.at(to))


def call_by_reach(
    builder: Any, name: str, reach: Value, emits: Callable[..., RowsFirst],
    arguments: Sequence[Value],
) -> None:  # fmt: skip
    """Call what a class emits, where sums are shifted by at most ``reach`` vectors."""

    def case(reach: int) -> Sequence[Value]:
        def body(inner: Any, *values: Value) -> None:
            emits(reach, inner, *values).emit()

        call_once(builder, f"block.{name}.{reach}", body, arguments)
        return []

    Flow(builder).choose(reach, {vectors: partial(case, vectors) for vectors in REACHES})
