"""A single filter row over an image that is read as it lies: row by row, vector after vector.

Each vector of pixels is loaded and converted once, and shifted in registers for each tap.  Memory
is read and written as a copy does it, which prefetchers foresee: few taps take hardly longer.
Tiles are high and narrow, and packed pixels go through another cache: 256 x 512 x 512 uint16, sums
in double, at 3, 5, 9 taps, two threads, 0.28 0.32 0.42 ns a pixel by packed tiles, 0.18 0.22 0.36
so; a copy takes 0.11 to 0.14 (Zen 4 VM, AVX-512, 2026-11).

Products are added as those of a tile are: the same bits.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from llvmlite import ir

from ...codegen.elements import converted
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.rules import Stored
from ...codegen.simd import I64, Code
from ..finishing import NUMBERS, Finishing
from .beginning import BEGIN
from .beside import FOLDS, longest
from .tile import COLUMNS, STREAM


class Lines:
    """Emits rows of results; the attributes are IR values of the function's arguments.

    ``kinds``: types of sums and of results, which that of the pixels is, too.
    """

    def __init__(self, builder: Any, kinds: Sequence[Any], *arguments: Value) -> None:
        (self.height, self.width, self.source, self.down, self.taps, self.steps, self.out,
         self.out_down, self.flags, self.columns, self.lead, self.before, self.ends,
         constant) = arguments  # fmt: skip
        self.builder, self.kinds = builder, kinds
        self.code = Code(builder, self.taps.type.pointee)
        self.constant = self.code.splat(constant)

    def emit(self) -> None:
        """All rows; past the caches if asked, but for results that are narrower than sums."""
        code, (sums, result) = self.code, self.kinds
        plain = self.whole_row if FOLDS else self.inner_row
        if sums == result:
            streams = code.has(self.flags, STREAM)
            with self.builder.if_else(streams) as (past_caches, others):
                with past_caches:
                    self.rows(partial(self.inner_row, code.stream))
                with others:
                    self.rows(partial(plain, code.store))
        else:
            self.rows(partial(plain, code.store))

    def rows(self, one_row: Callable[..., None]) -> None:
        """All rows, each so."""
        code = self.code

        def of(count: int) -> list[Value]:
            weights = [code.splat(code.read(self.taps, n)) for n in range(count)]
            add = partial(self.sum, weights, *self.rule(count))

            def row(index: Value) -> list[Value]:
                source = code.at(self.source, self.builder.mul(index, self.down))
                out = code.at(self.out, self.builder.mul(index, self.out_down))
                one_row(count, add, source, out)
                return []

            code.loop(self.height, [], row)
            return []

        cases = {count: partial(of, count) for count in range(1, longest(code.lanes) + 1)}
        code.choose(code.read(self.steps, COLUMNS), cases)

    def rule(self, count: int) -> tuple[Value, Callable[[Value], Value]]:
        """What sums of so many products begin with, and what makes results of them."""
        code, numbers, begin = self.code, [], self.code.zero
        if isinstance(self.kinds[1], Stored):
            numbers = [code.read(self.taps, count + n) for n in range(NUMBERS)]
            begin = code.splat(code.read(self.taps, -BEGIN))
        return begin, Finishing(code, self.kinds, numbers)

    def sum(
        self, weights: Sequence[Value], total: Value, finish: Callable[[Value], Value],
        pixels: Sequence[Value],
    ) -> Value:  # fmt: skip
        """A vector of results."""
        for value, weight in zip(pixels, weights, strict=True):
            total = self.code.fma(value, weight, total)
        return finish(total)

    def inner_row(self, store: Any, count: int, add: Any, source: Value, out: Value) -> None:
        """Vectors side by side, then those at the end, behind which the image may end."""
        code, builder, lanes = self.code, self.builder, self.code.lanes

        def apart(at: Value, how: Any) -> list[Value]:
            how(add([self.load(source, at, n) for n in range(count)]), code.at(out, at))
            return [builder.add(at, I64(lanes))]

        whole = builder.sdiv(self.width, I64(lanes))
        vectors = builder.sdiv(builder.add(self.width, I64(count - 1)), I64(lanes))
        vectors = builder.sub(vectors, I64(1))
        self.vectors(vectors, store, count, add, source, out, self.load(source))
        done = builder.mul(vectors, I64(lanes))
        code.repeat(builder.sub(whole, vectors), [done], lambda at: apart(at, store))
        rest = builder.srem(self.width, I64(lanes))
        with builder.if_then(builder.icmp_signed("!=", rest, I64(0))):
            apart(builder.sub(self.width, I64(lanes)), code.store)

    def whole_row(self, store: Any, count: int, add: Any, source: Value, out: Value) -> None:
        """The same with what lies beside the image, made of a row's first and last vector."""
        code, builder, lanes = self.code, self.builder, self.code.lanes
        last = builder.sub(builder.add(self.lead, self.columns), I64(lanes))
        ends = self.load(source, self.lead), self.load(source, last)

        def folded(table: int) -> Value:
            order = code.integers(code.at(self.ends, table * lanes))
            known = builder.icmp_signed("<", order, ir.Constant(order.type, [2 * lanes] * lanes))
            return builder.select(known, code.lookup(ends[0], order, ends[1]), self.constant)

        def put(at: Value, pixels: tuple[Value, Value]) -> None:
            total = add([self.shifted(pixels, n) for n in range(count)])
            store(total, code.at(out, at))

        left = self.vectors(self.before, store, count, add, source, out, folded(0))
        done, end = builder.mul(self.before, I64(lanes)), builder.sub(self.width, I64(lanes))
        with builder.if_then(builder.icmp_signed("<", done, end)):
            put(done, (left, folded(1)))
        put(end, (self.load(source, end), folded(2)))

    def vectors(
        self, vectors: Value, store: Any, count: int, add: Any, source: Value, out: Value,
        first: Value,
    ) -> Value:  # fmt: skip
        """So many vectors of results from the first of pixels on; the next one of these."""
        code, lanes = self.code, self.code.lanes

        def one(index: Value, pixels: Value) -> list[Value]:
            at = self.builder.mul(index, I64(lanes))
            following = self.load(source, at, lanes)
            total = add([self.shifted((pixels, following), n) for n in range(count)])
            store(total, code.at(out, at))
            return [following]

        return code.loop(vectors, [first], one)[0]

    def load(self, source: Value, *at: Value) -> Value:
        """A vector of pixels in the type of the sums."""
        code, (sums, kind) = self.code, self.kinds
        place = code.at(source, *at)
        if sums == kind:
            return code.load(place)
        value = Code(self.builder, place.type.pointee).load(place, code.lanes)
        return converted(self.builder, value, getattr(kind, "whole", kind), sums)

    def shifted(self, pixels: tuple[Value, Value], columns: int) -> Value:
        """The vector that begins so many pixels further on."""
        if columns in (0, self.code.lanes):
            return pixels[columns > 0]
        return self.code.shift(*pixels, columns)


def _emit_lines(builder: Any, *arguments: Value, kinds: Sequence[Any]) -> None:
    Lines(builder, kinds, *arguments).emit()


@emitted()
def line_rows(
    builder: Any, f: Items, at: Value, down: Value, taps: Items, taps_at: Value, layout: Items,
    steps_at: Value, out: Items, target: Value, out_down: Value, size: Sequence[Value],
    flags: Value, ends: Sequence[Value], fill: Items,
) -> None:  # fmt: skip
    """Emit a call that computes ``size`` = (rows, columns, two vectors at least) of outputs.

    Pixels are of the results' type.  Elements of each from row to row: ``down`` and ``out_down``.
    ``ends`` = pixels of a row, those before the first in its first vector, and what `beside` tells:
    vectors, and the table's place in the layout.  Emits nothing for what never goes so.
    """
    kinds = taps.dtype, out.dtype
    if taps.element == I64 or not (FOLDS or taps.dtype == out.dtype):
        return
    source = builder.bitcast(f.byte_at(at), out.element.as_pointer())
    arguments = (
        *size, source, down, taps.at(taps_at), layout.at(steps_at), out.at(target), out_down,
        flags, *ends[:3], layout.at(ends[3]), builder.load(fill.at()),
    )  # fmt: skip
    call_once(builder, "lines", partial(_emit_lines, kinds=kinds), arguments, kinds)


@emitted()
def no_rows(
    builder: Any, f: Items, at: Value, down: Value, taps: Items, taps_at: Value, layout: Items,
    steps_at: Value, out: Items, target: Value, out_down: Value, size: Sequence[Value],
    flags: Value, ends: Sequence[Value], fill: Items,
) -> None:  # fmt: skip
    """Nothing, for a kernel whose sums never go so."""
