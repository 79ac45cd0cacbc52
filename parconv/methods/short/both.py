"""Column and row at once, for rows of an image whose ends are made in registers as well.

Sums of a vector of columns are made of some rows of pixels, and shifted to meet the next ones: they
never leave registers, so what is stored is results alone.  Nanoseconds a pixel of 512 x 512 float32
by rows of sums in the first-level cache, and so: equal taps 3x3 0.22 0.15, 5x5 0.27 0.22, others
3x3 0.21 0.15, 5x5 0.25 0.24; of float64 0.42 0.33 and 0.49 0.45, 0.41 0.33 (Zen 4 VM, AVX-512,
2026-11).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from llvmlite import ir

from ...codegen.emitted import Items, Value, call_once, emitted, instruction
from ...codegen.simd import I64, Code
from ..separable.line import EQUAL
from .across import SHIFTS, order_of, result_of
from .down import ALIKE, PREFETCH, TALL, choose, pixel_of, sum_of
from .lines import Lines

SIDES = {EQUAL: (3,), ALIKE: (3, 5)}  # taps a side, by what their halves are to each other


class _Both:
    """Emits rows of results; the attributes are IR values of the arguments.

    ``size``: columns of the image, of which the first one lies ``lead`` columns into the filter of
    the first of ``width`` results; ``ends``: what `direct.beside` tells of pixels beside them.
    """

    def __init__(self, builder: Any, count: int, kind: int, *arguments: Value) -> None:
        (self.source, self.down, apart, taps, row_taps, self.target, self.target_down, self.rows,
         self.width, self.size, self.lead, self.ends, constant, self.skip, self.flags,
         ) = arguments  # fmt: skip
        self.builder, self.count = builder, count
        self.code = code = Code(builder, taps.type.pointee)
        self.constant = code.splat(constant)
        self.pixel, self.sum = pixel_of(code, taps, kind), sum_of(code, taps, count, kind)
        self.result = result_of(code, row_taps, count, kind)
        self.orders = [order_of(code, builder.mul(apart, I64(n))) for n in range(1, count)]

    def emit(self) -> None:
        """Some rows at a time; the last ones may be made twice, the same bits again."""
        builder, most = self.builder, I64(TALL - 1)
        turns = builder.sdiv(builder.add(self.rows, most), I64(TALL))
        self.code.repeat(turns, [I64(0)], self.block, rolled=True)

    def block(self, n: Value) -> Sequence[Value]:
        """So many rows from the ``n``-th on; where the next ones begin."""
        builder = self.builder
        last = builder.sub(self.rows, I64(TALL))
        row = instruction(builder, "llvm.smin.i64", I64, n, last)
        source = self.code.at(self.source, builder.mul(row, self.down))
        target = self.code.at(self.target, builder.mul(row, self.target_down))
        self.whole_rows(source, target)
        return [builder.add(n, I64(TALL))]

    def whole_rows(self, source: Value, target: Value) -> None:
        code, builder, lanes = self.code, self.builder, I64(self.code.lanes)
        sums, back = partial(self.sums, source), builder.sub(self.width, lanes)
        ends = sums(I64(0)), sums(builder.sub(self.size, lanes))
        left, right = self.folded(ends, 0), self.folded(ends, 2)
        targets = [code.at(target, builder.mul(self.target_down, I64(n))) for n in range(TALL)]
        lines, near = Lines(code, targets, self.flags), sums(builder.sub(lanes, self.lead))
        made = self.results(left, near)
        lines.begin(self.skip, made)
        at = builder.select(lines.joins, lanes, self.skip)
        begun = self.shifted(left, order_of(code, self.skip), near)
        near = [builder.select(lines.joins, *pair) for pair in zip(near, begun, strict=True)]

        def one(at: Value, *known: Value) -> Sequence[Value]:
            following = builder.add(at, lanes)
            found = sums(builder.sub(following, self.lead))
            with builder.if_then(code.has(self.flags, PREFETCH)):
                self.fetch(code.at(source, at))
            made = self.results(known[:TALL], found)
            lines.store(at, known[TALL:], made)
            return [following, *found, *made]

        turns = self.turns(at, lines.joins)
        at, *known = code.repeat(turns, [at, *near, *made], one)
        near, made = known[:TALL], known[TALL:]
        lines.end(at, made)
        end = sums(builder.sub(back, self.lead))
        with builder.if_then(builder.icmp_signed("<", at, back)):
            order = order_of(code, builder.sub(builder.add(at, lanes), back))
            lines.put(at, self.results(near, self.shifted(end, order, right)))
        lines.put(back, self.results(end, right))

    def turns(self, at: Value, joins: Value) -> Value:
        """Vectors from ``at`` on behind which another one lies within the image.

        And, where two are joined, within the row, so that what follows meets none of their lines.
        """
        builder, lanes = self.builder, I64(self.code.lanes)
        inside = builder.sub(builder.add(self.size, self.lead), at)
        inside = builder.sub(builder.sdiv(inside, lanes), I64(1))
        there = builder.sdiv(builder.sub(self.width, at), lanes)
        there = builder.sub(there, builder.zext(joins, I64))
        return instruction(builder, "llvm.smin.i64", I64, inside, there)

    def sums(self, source: Value, column: Value) -> list[Value]:
        """Of a vector of columns, a row after another."""
        code, start = self.code, self.code.at(source, column)
        offsets = [self.builder.mul(self.down, I64(n)) for n in range(TALL + self.count - 1)]
        pixels = [self.pixel(code.load(code.at(start, offset))) for offset in offsets]
        return [self.sum(pixels[n : n + self.count]) for n in range(TALL)]

    def folded(self, ends: Sequence[Sequence[Value]], table: int) -> list[Value]:
        """Sums of a row's first or last vector, some of them of columns beside the image."""
        code, lanes = self.code, self.code.lanes
        order = code.integers(code.at(self.ends, table * lanes))
        known = self.builder.icmp_signed("<", order, ir.Constant(order.type, [2 * lanes] * lanes))
        return [
            self.builder.select(known, moved, self.constant)
            for moved in self.shifted(ends[0], order, ends[1])
        ]

    def shifted(
        self, near: Sequence[Value], order: Value, following: Sequence[Value]
    ) -> list[Value]:
        pairs = zip(near, following, strict=True)
        return [self.code.lookup(one, order, other) for one, other in pairs]

    def results(self, near: Sequence[Value], following: Sequence[Value]) -> list[Value]:
        """Of some rows, of sums that begin with them, and of those behind."""
        lookup, found = self.code.lookup, []
        for first, second in zip(near, following, strict=True):
            others = [lookup(first, order, second) for order in self.orders]
            found.append(self.result([first, *others]))
        return found

    def fetch(self, start: Value) -> None:
        """Ask for the pixels of the rows that come next."""
        for n in range(TALL + self.count - 1, 2 * TALL + self.count - 1):
            self.code.prefetch(self.code.at(start, self.builder.mul(self.down, I64(n))))


@emitted()
def sum_both(
    builder: Any, f: Items, source: Sequence[Value], taps: Items, line: Sequence[Value],
    apart: Value, out: Items, target: Sequence[Value], size: Sequence[Value], layout: Items,
    beside: Sequence[Value], constant: Value, flags: Sequence[Value],
) -> None:  # fmt: skip
    """Emit a call that leaves rows of results in ``out``; nothing where sums are no results.

    ``source``, ``target``: where the first pixel and result lie, and elements from row to row;
    ``line``: the place of the row's taps, their number, which is the column's, and what their
    halves are to each other; ``apart``: columns from one to the next; ``size``: `TALL` rows at
    least, and columns of results; ``beside``: columns of the image, how many the first result needs
    left of it, and the place of the tables in the layout; ``constant``: the sum of such columns
    where no pixel stands for them; ``flags``: columns before those that are streamed, less than a
    vector, and flags.
    """
    if not SHIFTS or taps.element == I64 or out.dtype != taps.dtype:
        return
    (at, down), (to, below), (place, count, halves) = source, target, line
    pixels = builder.bitcast(f.byte_at(at), out.element.as_pointer())
    arguments = [
        pixels, down, apart, taps.at(0), taps.at(place), out.at(to), below, *size, *beside[:2],
        layout.at(beside[2]), constant, *flags,
    ]  # fmt: skip

    def call(count: int, kind: int) -> None:
        def body(inner: Any, *values: Value) -> None:
            _Both(inner, count, kind, *values).emit()

        call_once(builder, "short.both", body, arguments, (count, kind))

    choose(builder, count, halves, SIDES, call)
