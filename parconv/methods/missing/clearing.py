"""Rows of a block as `rowwise` adds them up: holes as 0, and beside each pixel whether it is there.

A pixel is looked at once, multiplied by the power of two, and left with what is known of it, 0 or 1
in 8 or 16 bits, in rows of scratch so short that a block of them stays in the first-level cache.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from llvmlite import ir

from ...codegen import machine
from ...codegen.emitted import Items, Value, emitted
from ...codegen.flow import Flow
from ...codegen.simd import I64, Code
from ..windows.means import NUMBER, share
from ..windows.rowwise import Results, RowsFirst, call_by_reach, rows_first_target
from .entering import BYTE, NEITHER
from .flags import call_by_flags

KINDS = BYTE, NUMBER  # of numbers of pixels: as all taps need


class _Clearing:
    """Emits such rows; the attributes are IR values of the arguments.

    ``rows_at``, ``truths_at``, ``to``: tables of where rows begin: of pixels and of bytes of which
    0 is a hole, and both in the targets.
    """

    def __init__(
        self, weighted: bool, omits: bool, wide: bool, builder: Any, *arguments: Value
    ) -> None:
        self.weighted, self.omits, self.builder = weighted, omits, builder
        self.code, self.small = Code(builder, arguments[0].type.pointee), Code(builder, BYTE)
        self.marks = Code(builder, NUMBER if wide else BYTE)
        self.pixels, self.rows_at, self.truths, self.truths_at, *others = arguments
        self.target, self.numbers, self.to, self.rows, self.columns, weight = others
        self.scale = self.code.splat(weight)

    def emit(self) -> None:
        """Row after row, as many pixels at a time as a vector holds bytes."""
        builder, lanes = self.builder, self.small.lanes
        vectors = builder.sdiv(self.columns, I64(lanes))
        left = builder.srem(self.columns, I64(lanes))
        tables = (
            (self.code, self.pixels, self.rows_at), (self.small, self.truths, self.truths_at),
            (self.code, self.target, self.to), (self.marks, self.numbers, self.to),
        )  # fmt: skip

        def row(n: Value) -> Sequence[Value]:
            places = [
                code.at(start, builder.load(builder.gep(table, [n])))
                for code, start, table in tables
            ]
            places = self.code.repeat(vectors, places, partial(self.some, None))
            with builder.if_then(builder.icmp_signed(">", left, I64(0))):
                self.some(left, *places)
            return [builder.add(n, I64(1))]

        self.code.repeat(self.rows, [I64(0)], row, rolled=True)

    def some(self, left: Value | None, *places: Value) -> Sequence[Value]:
        """So many pixels; of the last ones those that are ``left``, the others as holes or not."""
        code, builder, lanes = self.code, self.builder, self.small.lanes
        pixel, truth, target, number = places
        steps = range(0, lanes, code.lanes)
        pixels = [self.read(code, code.at(pixel, n), left, n) for n in steps]
        there = self.there(pixels, truth, left)
        for n, value in zip(steps, pixels, strict=True):
            kept = builder.select(code.piece(there, n, code.lanes), value, code.zero)
            code.store(builder.fmul(kept, self.scale), code.at(target, n))
        self.marks.store(builder.zext(there, ir.VectorType(self.marks.kind, lanes)), number)
        return [Code(builder, place.type.pointee).at(place, lanes) for place in places]

    def read(self, code: Code, place: Value, left: Value | None, before: int) -> Value:
        """A vector, of the last ones of those that are left with the ones ``before`` it."""
        if left is None:
            return code.load(place)
        return code.load_first(place, self.builder.sub(left, I64(before)))

    def there(self, pixels: Sequence[Value], truth: Value, left: Value | None) -> Value:
        """A bit for each pixel: whether it is no hole."""
        code, builder = self.code, self.builder
        numbers = code.joined([builder.fcmp_ordered("ord", pixel, pixel) for pixel in pixels])
        if not self.weighted:
            return numbers
        truths = self.read(self.small, truth, left, 0)
        used = builder.icmp_signed("!=", truths, ir.Constant(truths.type, None))
        return builder.and_(used, numbers) if self.omits else used


@emitted()
def clear(
    builder: Any, pixels: Items, first: Value, scratch: Items, tables: Sequence[Value],
    truths: Value, targets: Sequence[Value], size: Sequence[Value], taps: Items,
    flags: Sequence[Value],
) -> None:  # fmt: skip
    """Rows of a block, from element ``first`` of the pixels on, and the address ``truths``.

    ``tables``: in scratch, of where rows of pixels, of truths and of both targets begin;
    ``targets``: elements of scratch, and numbers; ``size``: rows and columns; ``flags``: whether
    bytes tell of holes, whether NaN is one, and whether numbers have 16 bits.
    """
    if not machine.FILLS_LINES:
        return
    rows_at, truths_at, to = (builder.bitcast(scratch.at(n), I64.as_pointer()) for n in tables)
    found = builder.inttoptr(truths, BYTE.as_pointer())
    more = to, *size, builder.load(taps.at())

    def by(wide: bool) -> Sequence[Value]:
        def body(*known: Any) -> None:
            weighted, omits, *others = known
            _Clearing(weighted, omits, wide, *others).emit()

        target, numbers = scratch.at(targets[0]), scratch.at(targets[1], KINDS[wide])
        arguments = pixels.at(first), rows_at, found, truths_at, target, numbers, *more
        call_by_flags(builder, f"missing.clear.{wide}", flags[:2], body, arguments, [NEITHER])
        return []

    Flow(builder).choose(flags[2], {n: partial(by, bool(n)) for n in range(2)})


class _Counts(RowsFirst):
    """Emits numbers of pixels; where fewer are there than are needed 0."""

    def read(self, needed: Value) -> None:
        self.needed = self.code.splat(self.builder.trunc(needed, self.code.kind))

    def put(self, at: Value, places: Sequence[Value], totals: Sequence[Value]) -> None:
        builder = self.builder
        enough = [builder.icmp_unsigned(">=", total, self.needed) for total in totals]
        pairs = zip(enough, totals, strict=True)
        found = [builder.select(*pair, self.code.zero) for pair in pairs]
        wide = ir.VectorType(NUMBER, self.code.lanes)
        if self.code.kind != NUMBER:
            found = [builder.zext(value, wide) for value in found]
        super().put(at, places, found)


@emitted()
def count_rowwise(
    builder: Any, reach: Value, wide: Value, scratch: Items, source: Value, table: Value,
    places: Sequence[Value], target: Sequence[Value], how: Sequence[Value],
    columns: Sequence[Value], along: Sequence[Value], needed: Value,
) -> None:  # fmt: skip
    """Numbers of pixels as `add_up_rowwise` makes sums; places in scratch are those of numbers,
    of 16 bits where these are ``wide`` and in the target."""
    if not machine.FILLS_LINES:
        return
    rows_at = builder.bitcast(scratch.at(table), I64.as_pointer())
    more = target[1], *how, *columns, I64(0), *along, needed

    def by(wide: bool) -> Sequence[Value]:
        at, slot = (scratch.at(place, KINDS[wide]) for place in (source, places[0]))
        numbers = at, rows_at, slot, places[1], scratch.at(target[0], NUMBER), *more
        call_by_reach(builder, "counts", reach, _Counts, numbers)
        return []

    Flow(builder).choose(wide, {n: partial(by, bool(n)) for n in range(2)})


class _Means(Results):
    """Emits sums over what is there of their taps, NaN where that is nothing.

    ``there``: where the numbers of the first results are, in rows ``there_down`` apart; ``total``:
    of all taps.  What lies a block below is asked for meanwhile, of ``image`` and ``truths`` by
    tables of their rows: as pixels enter it all came at once, 4096 x 4096 float32 at 15x15 0.92 ns
    a pixel, 0.74 so (Zen 4 VM, AVX-512, 2026-11).
    """

    weighted = False

    def read(self, how: Value, first: Value, second: Value, *others: Value) -> None:
        super().read(how, first, second)
        self.there, self.there_down, total, *far = others
        self.total = self.code.splat(total)
        self.image, self.image_at, self.truths, self.truths_at, self.below = far

    @property
    def moving(self) -> list[tuple[Value, Value]]:
        return [*super().moving, (self.there, self.there_down)]

    def fetch(self, at: Value, vectors: int, n: Value, place: Value) -> None:
        """Of the image, and of the bytes that tell of its holes."""
        row = self.builder.load(self.builder.gep(self.image_at, [n]))
        super().fetch(at, vectors, n, self.code.at(self.image, row, at))
        with self.builder.if_then(self.builder.icmp_signed("!=", self.below, I64(0))):
            row = self.builder.load(self.builder.gep(self.truths_at, [n]))
            small = Code(self.builder, BYTE)
            place = small.at(self.truths, row, at, self.below)
            for first in range(0, vectors * self.code.lanes, small.lanes):
                small.prefetch(small.at(place, first))

    def result(self, value: Value, how: int, column: Value, places: Sequence[Value]) -> Value:
        code, builder = self.code, self.builder
        there = Code(builder, NUMBER).load(code.at(places[1], column), code.lanes)
        part = share(code, self.total, builder.uitofp(there, code.vector))
        return builder.fmul(code.scaled(value, *self.scale), part)


@emitted()
def means_rowwise(
    builder: Any, reach: Value, scratch: Items, source: Value, table: Value,
    places: Sequence[Value], out: Items, target: Sequence[Value], how: Sequence[Value],
    columns: Sequence[Value], along: Sequence[Value], taps: Items, made: Sequence[Value],
    image: Items, first: Value, tables: Sequence[Value], ahead: Sequence[Value], truths: Value,
) -> None:  # fmt: skip
    """Results of rows that are cleared, as `add_up_rowwise` makes them; those left are results too.

    ``made``: where numbers lie, elements from row to row, which numbers scale, and that of taps.
    ``image``, ``tables``, ``ahead``, ``truths``: of what is prefetched meanwhile, perhaps nothing.
    """
    if not machine.FILLS_LINES or out.dtype != scratch.dtype:
        return
    there, down, scale, total = made
    rows_at, image_at, truths_at = (
        builder.bitcast(scratch.at(place), I64.as_pointer()) for place in (table, *tables)
    )
    numbers = [builder.load(builder.gep(taps.at(scale), [I64(n)])) for n in range(2)]
    arguments = (
        scratch.at(source), rows_at, scratch.at(places[0]), places[1],
        rows_first_target(scratch, out, target), target[1], *how, *columns, ahead[0], *along,
        target[2], *numbers, scratch.at(there, NUMBER), down, total, image.at(first), image_at,
        builder.inttoptr(truths, BYTE.as_pointer()), truths_at, ahead[1],
    )  # fmt: skip
    call_by_reach(builder, "means", reach, _Means, arguments)
