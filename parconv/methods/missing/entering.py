"""Pixels that enter their block of `windows`, holes among them as 0; those that are there count.

Every sum of a column has its number of pixels, a byte: those of a block's suffixes, of its prefixes
in registers, and of whole windows.  A byte lies as many bytes from the first one as the sum lies
elements from the beginning of scratch.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code
from ..windows.blocks import Block
from ..windows.means import NUMBER
from ..windows.neighbours import Adding
from .flags import call_by_flags

BYTE = ir.IntType(8)
MOST = (1 << 8) - 1  # pixels of a column
NEITHER = (False, False)  # that holes are told of neither by bytes nor by NaN never is


class _Counting(Block):
    """Emits a block's sums, and behind those of some vectors their numbers of pixels.

    ``truths``: bytes of which 0 is a hole, from which the table ``truths_at`` tells where rows
    begin, ``below`` what lies a block below.
    """

    def __init__(self, weighted: bool, omits: bool, builder: Any, *arguments: Value) -> None:
        *others, self.numbers, self.truths, self.truths_at, self.below = arguments
        super().__init__(builder, *others)
        self.weighted, self.omits, self.small = weighted, omits, Code(builder, BYTE)

    def none(self, vectors: int, number: Value) -> list[Value]:
        kind = ir.VectorType(BYTE, vectors * self.code.lanes)
        return [*super().none(vectors, number), ir.Constant(kind, None)]

    def places(self, at: Value) -> list[Value]:
        return [*super().places(at), self.small.at(self.numbers, at)]

    def get(self, places: Sequence[Value], at: Value, vectors: int) -> list[Value]:
        there = self.small.load(self.small.at(places[1], at), vectors * self.code.lanes)
        return [*super().get(places, at, vectors), there]

    def put(self, sums: Sequence[Value], places: Sequence[Value], at: Value) -> None:
        *pixels, there = sums
        super().put(pixels, places, at)
        self.small.store(there, self.small.at(places[1], at))

    def fetch(self, at: Value, vectors: int, n: Value) -> None:
        super().fetch(at, vectors, n)
        if self.weighted:
            self.code.prefetch(self.small.at(self._row_of_truths(n), at, self.below))

    def row(self, at: Value, vectors: int, n: Value) -> list[Value]:
        code, builder = self.code, self.builder
        pixels = self.pixels_of(at, vectors, n)
        there = self.there(at, vectors, n, pixels)
        pieces = (code.piece(there, m * code.lanes, code.lanes) for m in range(len(pixels)))
        pairs = zip(pieces, pixels, strict=True)
        kept = [builder.select(used, pixel, code.zero) for used, pixel in pairs]
        ones = builder.zext(there, ir.VectorType(BYTE, there.type.count))
        return [*(builder.fmul(pixel, self.scale) for pixel in kept), ones]

    def there(self, at: Value, vectors: int, n: Value, pixels: Sequence[Value]) -> Value:
        """A bit for each of a row's pixels: whether it is no hole."""
        code, builder = self.code, self.builder
        numbers = code.joined([builder.fcmp_ordered("ord", pixel, pixel) for pixel in pixels])
        if not self.weighted:
            return numbers
        place = self.small.at(self._row_of_truths(n), at)
        if vectors:
            truths = self.small.load(place, vectors * code.lanes)
            # One line of each row after another, which no processor foresees: 512 x 512 float32 at
            # 15x15 0.209 ms, 0.212 without (Zen 4 VM, AVX-512, 2026-11).
            code.prefetch(self.small.at(place, vectors * code.lanes), level=1)
        else:
            truths = self.some_of(self.small, place, at)
        used = builder.icmp_signed("!=", truths, ir.Constant(truths.type, None))
        return builder.and_(used, numbers) if self.omits else used

    def _row_of_truths(self, n: Value) -> Value:
        row = self.builder.load(self.builder.gep(self.truths_at, [n]))
        return self.small.at(self.truths, row)


@emitted()
def count_block(
    builder: Any, pixels: Items, first: Value, scratch: Items, table: Value, weight: Value,
    places: Sequence[Value], how: Sequence[Value], columns: Sequence[Value], flags: Sequence[Value],
    numbers: Items, origin: Value, truths: Sequence[Value],
) -> None:  # fmt: skip
    """Rows of a block as `blocks.add_up_block` adds them up, holes as 0, and numbers of others.

    ``columns``: how many, ``ahead`` and ``off`` of that; ``flags``: whether bytes tell of holes,
    and whether NaN is one; ``numbers``: bytes, of which that one is of scratch's ``origin``;
    ``truths``: the address of those bytes, the place of their table, and bytes to what is
    prefetched.
    """
    pointer, (there, there_at, below) = I64.as_pointer(), truths
    tables = [builder.bitcast(scratch.at(place), pointer) for place in (table, there_at)]
    found = builder.inttoptr(there, BYTE.as_pointer())
    arguments = [pixels.at(first), tables[0], weight, scratch.at(), *places, *how, *columns]
    arguments += [numbers.at(origin), found, tables[1], below]
    call_by_flags(builder, "missing.block", flags, _count_block, arguments, [NEITHER])


def _count_block(weighted: bool, omits: bool, builder: Any, *arguments: Value) -> None:
    _Counting(weighted, omits, builder, *arguments).emit()


# --- numbers along rows --------------------------------------------------------------------------


class _Widening(Adding):
    """Emits sums of numbers as those of 16 bits; those below the last argument as 0."""

    def __init__(self, *arguments: Any) -> None:
        *others, needed = arguments
        super().__init__(*others)
        self.needed = self.code.splat(self.builder.trunc(needed, self.code.kind))

    def store(self, sums: Sequence[Value], at: Value) -> None:
        code, builder, place = self.code, self.builder, self.code.at(self.target, at)
        for n, value in enumerate(sums):
            enough = builder.icmp_unsigned(">=", value, self.needed)
            value = builder.select(enough, value, code.zero)
            if code.kind != NUMBER:
                value = builder.zext(value, ir.VectorType(NUMBER, code.lanes))
            code.store(value, code.at(place, n * code.lanes))


@emitted()
def add_numbers(
    builder: Any, numbers: Items, source: Sequence[Value], more: Sequence[Value], wide: Items,
    target: Sequence[Value], size: Sequence[Value], needed: Value,
) -> None:  # fmt: skip
    """The last step of rows of numbers, as `windows.adding.add_up` has it, into wide ones.

    Where fewer than are ``needed`` are there, these are 0.
    """
    (at, *others), (more_at, *rest), (to, down) = source, more, target
    places = numbers.at(at), *others, numbers.at(more_at), *rest, wide.at(to), down, *size

    def body(inner: Any, *values: Value) -> None:
        _Widening(inner, None, *values).emit()

    call_once(builder, "missing.numbers", body, [*places, needed])


@emitted()
def widen(
    builder: Any, numbers: Items, source: Value, wide: Items, target: Value, down: Value,
    size: Sequence[Value],
) -> None:  # fmt: skip
    """Rows of bytes as wide numbers, in whole vectors; ``down``: elements from row to row."""
    arguments = numbers.at(source), wide.at(target), down, *size
    call_once(builder, "missing.widen", _widen, arguments)


def _widen(
    builder: Any, source: Value, target: Value, down: Value, rows: Value, columns: Value
) -> None:
    small, code = Code(builder, BYTE), Code(builder, NUMBER)
    vectors = builder.udiv(builder.add(columns, I64(code.lanes - 1)), I64(code.lanes))

    def one(source: Value, target: Value) -> Sequence[Value]:
        code.store(builder.zext(small.load(source, code.lanes), code.vector), target)
        return [small.at(source, code.lanes), code.at(target, code.lanes)]

    def row(*places: Value) -> Sequence[Value]:
        code.repeat(vectors, places, one)
        return [code.at(place, down) for place in places]

    code.repeat(rows, [source, target], row)


@emitted(types.int64)
def address_of(builder: Any, numbers: Items, at: Value) -> Value:
    """Where an element lies in memory."""
    return builder.ptrtoint(numbers.at(at), I64)
