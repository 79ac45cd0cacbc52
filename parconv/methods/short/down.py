"""Sums down columns of few pixels, of some rows at a time that share what is loaded.

Each row of pixels is read once for all the rows of sums that meet it, as it lies: few streams, side
by side, which prefetchers foresee.  Pixels equally far from the middle of a symmetric column are
added before they are multiplied; where its taps change sign when read backwards, one is taken from
the other: exactly 0 where they are equal.  Where all are equal, pixels are added up in pairs, and
pairs of these, which rows of sums share.  The order of additions is that of the taps alone.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ...codegen import machine
from ...codegen.elements import converted
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code
from ..finishing import Finishing, is_narrow, numbers_behind
from ..separable.line import EQUAL, OPPOSITE, PLAIN

ALIKE, KINDS = 3, 4  # what halves are to each other, beside `separable`'s: of taps all equal
COUNTS = 2, 3, 5, 7, 9  # of taps
# Of those of a line that changes sign when read backwards: of three the middle one is 0, and they
# are two.
OPPOSITES = 2, 5
# Of equal ones.  Nanoseconds a pixel of 1000 x 1000 float32 and float64 at 7x7, and by `windows`:
# AVX2 0.45 1.07, 0.43 1.01, SSE 0.78 1.73, 0.66 1.45 (Zen 4 VM, 2026-11).
ALIKES = machine.ISA.choose({32: (3, 5, 7), 16: (3, 5)})
TAPS = {PLAIN: COUNTS, EQUAL: COUNTS, OPPOSITE: OPPOSITES, ALIKE: ALIKES}
PAIR = 2
# Rows of sums that share their pixels: with weights and sums these fill the registers.
TALL = machine.ISA.choose({32: 4, 16: 2})
FEW = 2  # of these where rows evict each other
# As flags: store past the caches, ask for pixels ahead, few rows at a time; join what is stored of
# two vectors.
STREAM, PREFETCH, LOW, JOIN = 1, 2, 4, 8


def paired(code: Code, kind: int, pixels: Sequence[Value], weights: Sequence[Value]) -> Value:
    """The sum of products of weights that are the same from both ends, or opposite.

    ``weights``: from the middle on.  Opposite ones have a zero there, which counts no pixel.
    """
    how = code.builder.fsub if kind == OPPOSITE else code.builder.fadd
    count = len(pixels)
    pairs = [how(pixels[count - 1 - n], pixels[n]) for n in reversed(range(count // 2))]
    if count % 2:
        pairs = [pixels[count // 2], *pairs]
        if kind == OPPOSITE:
            pairs, weights = pairs[1:], weights[1:]
    return alone(code, pairs, weights)


def alone(code: Code, pixels: Sequence[Value], weights: Sequence[Value]) -> Value:
    """The sum of products, from 0 on: of zeros it is no negative one."""
    total = code.zero
    for pixel, weight in zip(pixels, weights, strict=True):
        total = code.fma(pixel, weight, total)
    return total


def added(code: Code, values: Sequence[Value]) -> Value:
    """Their sum, in an order in which neighbouring sums share parts."""
    if len(values) == 1:
        return values[0]
    half = 1 << (len(values) - 1).bit_length() - 1
    return code.builder.fadd(added(code, values[:half]), added(code, values[half:]))


def sum_of(code: Code, taps: Value, count: int, kind: int) -> Callable[[Sequence[Value]], Value]:
    """What sums so many pixels: `PLAIN`, `EQUAL` or `OPPOSITE` is what the halves of taps are."""
    if kind == ALIKE:
        return partial(added, code)
    first = 0 if kind == PLAIN else count // 2
    weights = [code.splat(code.read(taps, n)) for n in range(first, count)]
    if kind == PLAIN:
        return partial(alone, code, weights=weights)
    return partial(paired, code, kind, weights=weights)


def pixel_of(code: Code, taps: Value, kind: int) -> Callable[[Value], Value]:
    """What makes of a pixel what is summed: under equal taps times a power of two, never -0."""
    if kind != ALIKE:
        return lambda pixel: pixel
    power = code.splat(code.read(taps))
    return lambda pixel: code.fma(pixel, power, code.zero)


def choose(
    builder: Any,
    count: Value,
    halves: Value,
    known: Mapping[int, Sequence[int]],
    call: Callable[[int, int], None],
) -> None:
    """Call for a number of taps, and what their halves are to each other: for these ``known``."""

    def case(count: int, kind: int) -> list[Value]:
        call(count, kind)
        return []

    cases = {
        KINDS * count + kind: partial(case, count, kind)
        for kind, counts in known.items()
        for count in counts
    }
    Code(builder, I64).choose(builder.add(builder.mul(count, I64(KINDS)), halves), cases)


class Down:
    """Emits rows of sums of so many taps, or of their results.

    ``kinds``: types of sums, of results, and of pixels; the attributes are IR values.
    """

    def __init__(self, builder: Any, kinds: Any, count: int, kind: int, *arguments: Value) -> None:
        (self.source, self.down, self.apart, taps, self.target, self.target_down, self.rows,
         self.vectors, self.flags, *numbers) = arguments  # fmt: skip
        self.builder, self.kinds, self.count = builder, kinds, count
        self.code = Code(builder, taps.type.pointee)
        self.finish = Finishing(self.code, kinds[:2], numbers)
        self.sum = sum_of(self.code, taps, count, kind)
        self.pixel = pixel_of(self.code, taps, kind)

    def emit(self) -> None:
        """Some rows at a time, then one by one."""
        code, builder = self.code, self.builder
        places, left = self.places(), self.rows
        for tall in dict.fromkeys((TALL, FEW, 1)):
            turns = builder.sdiv(left, I64(tall))
            if tall > FEW:
                turns = builder.select(code.has(self.flags, LOW), I64(0), turns)
            places = code.repeat(turns, places, partial(self.block, tall))
            left = builder.sub(left, builder.mul(turns, I64(tall)))

    def places(self) -> list[Value]:
        """What `block` goes on from."""
        return [self.source, self.target]

    def block(self, tall: int, *places: Value) -> Sequence[Value]:
        """So many rows; where the next ones begin."""
        code, builder, (source, target) = self.code, self.builder, places
        offsets = self.offsets(tall)
        below = self.rows_apart(self.target_down, tall)

        def one(at: Value) -> Sequence[Value]:
            start = code.at(source, at)
            pixels = [self.pixel(self.load(code.at(start, offset))) for offset in offsets]
            sums = [self.sum(self.under(pixels, n)) for n in range(tall)]
            self.store(sums, [code.at(target, at, offset) for offset in below])
            if self.kinds[0] == self.kinds[2]:
                with builder.if_then(code.has(self.flags, PREFETCH)):
                    self.fetch(start, tall)
            return [builder.add(at, I64(code.lanes))]

        code.repeat(self.vectors, [I64(0)], one)
        return self.following(tall, source, target)

    def following(self, tall: int, source: Value, target: Value) -> list[Value]:
        """Places so many rows further down."""
        code, steps = self.code, ((self.down, source), (self.target_down, target))
        return [code.at(place, self.builder.mul(step, I64(tall))) for step, place in steps]

    def offsets(self, tall: int) -> list[Value]:
        """Of the pixels under so many rows of sums; two taps may lie apart."""
        rows = self.rows_apart(self.down, tall + self.count - 1 if self.count > PAIR else tall)
        others = [self.builder.add(row, self.apart) for row in rows] if self.count == PAIR else []
        return [*rows, *others]

    def rows_apart(self, step: Value, count: int) -> list[Value]:
        return [self.builder.mul(step, I64(n)) for n in range(count)]

    def under(self, pixels: Sequence[Value], row: int) -> Sequence[Value]:
        """Those of one row."""
        return (
            pixels[row : row + self.count] if self.count > PAIR else pixels[row :: len(pixels) // 2]
        )

    def fetch(self, start: Value, tall: int) -> None:
        """Ask for the pixels of the rows that come next, where the image lies far."""
        code, builder = self.code, self.builder
        begin = code.at(start, builder.mul(self.apart, I64(self.count - 1)))
        for n in range(tall, 2 * tall):
            code.prefetch(code.at(begin, builder.mul(self.down, I64(n))))

    def load(self, place: Value) -> Value:
        code, (sums, _, kind) = self.code, self.kinds
        if sums == kind:
            return code.load(place)
        value = Code(self.builder, place.type.pointee).load(place, code.lanes)
        return converted(self.builder, value, getattr(kind, "whole", kind), sums)

    def store(self, sums: Sequence[Value], ends: Sequence[Value]) -> None:
        code, (summed, result, _) = self.code, self.kinds

        def put(values: Sequence[Value], how: Any) -> None:
            for value, end in zip(values, ends, strict=True):
                how(value, end)

        if summed != result:
            put([*map(self.finish, sums)], code.store)
        elif machine.FILLS_LINES:
            code.store_either(code.has(self.flags, STREAM), partial(put, sums))
        else:
            put(sums, code.store)


@emitted()
def sum_down(
    builder: Any, f: Items, like: Items, source: Sequence[Value], taps: Items,
    line: Sequence[Value], out: Items, target: Sequence[Value], size: Sequence[Value], flags: Value,
) -> None:  # fmt: skip
    """Emit a call that leaves rows of sums down columns in ``out``; nothing where it cannot.

    ``source``, ``target``: where the first pixel and the first sum lie, and elements from row to
    row; pixels are of the type of ``like``.  ``line``: the number of taps, what their halves are
    to each other, and rows from one to the next; ``size``: rows and vectors.
    """
    sums = taps.dtype
    if taps.element == I64 or not (out.dtype == sums or is_narrow(out.dtype)):
        return
    if not (like.dtype == sums or is_narrow(like.dtype)):
        return
    kinds = sums, out.dtype, like.dtype
    (at, down), (to, below), (count, halves, step) = source, target, line
    pixels = builder.bitcast(f.byte_at(at), like.element.as_pointer())
    numbers = numbers_behind(taps, out.dtype)
    apart = builder.mul(down, step)
    arguments = [pixels, down, apart, taps.at(0), out.at(to), below, *size, flags, *numbers]

    def call(count: int, kind: int) -> None:
        def body(inner: Any, *values: Value) -> None:
            Down(inner, kinds, count, kind, *values).emit()

        call_once(builder, "short.down", body, arguments, (*kinds, count, kind))

    choose(builder, count, halves, {kind: TAPS[kind] for kind in _known(kinds)}, call)


def _known(kinds: Any) -> Sequence[int]:
    """What halves are to each other where sums, their results and pixels are of those types."""
    sums, result, pixel = kinds
    if sums != result:
        return PLAIN, OPPOSITE  # of a column alone
    return (PLAIN, EQUAL, OPPOSITE) if sums != pixel else tuple(TAPS)
