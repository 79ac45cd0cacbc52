"""Sums down columns of few pixels, of some rows at a time that share what is loaded.

Each row of pixels is read once for all the rows of sums that meet it, as it lies: few streams, side
by side, which prefetchers foresee.  Pixels equally far from the middle of a symmetric column are
added before they are multiplied.  The order of additions is that of the taps alone.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ...codegen import machine
from ...codegen.elements import converted
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code
from ..finishing import Finishing, is_narrow, numbers_behind

COUNTS = 3, 5, 7, 9  # of taps: as many kernels
# Rows of sums that share their pixels: with weights and sums these fill the registers.
TALL = machine.ISA.choose({32: 4, 16: 2})
FEW = 2  # of these where rows evict each other
# As flags: store past the caches, ask for pixels ahead, few rows at a time.
STREAM, PREFETCH, LOW = 1, 2, 4


def paired(code: Code, pixels: Sequence[Value], weights: Sequence[Value]) -> Value:
    """The sum of an odd number of products, of weights that are the same from both ends.

    ``weights``: from the middle on.
    """
    middle = len(pixels) // 2
    total = code.builder.fmul(pixels[middle], weights[0])
    for n in range(1, middle + 1):
        both = code.builder.fadd(pixels[middle - n], pixels[middle + n])
        total = code.fma(both, weights[n], total)
    return total


def alone(code: Code, pixels: Sequence[Value], weights: Sequence[Value]) -> Value:
    """The sum of products."""
    total = code.builder.fmul(pixels[0], weights[0])
    for pixel, weight in zip(pixels[1:], weights[1:], strict=True):
        total = code.fma(pixel, weight, total)
    return total


def weights_of(code: Code, taps: Value, count: int, even: bool) -> list[Value]:
    """Of so many taps, of symmetric ones those from the middle on."""
    first = count // 2 if even else 0
    return [code.splat(code.read(taps, n)) for n in range(first, count)]


class _Down:
    """Emits rows of sums of so many taps, or of their results.

    ``kinds``: types of sums, of results, and of pixels; the attributes are IR values.
    """

    def __init__(self, builder: Any, kinds: Any, count: int, even: bool, *arguments: Value) -> None:
        (self.source, self.down, taps, self.target, self.target_down, self.rows, self.vectors,
         self.flags, *numbers) = arguments  # fmt: skip
        self.builder, self.kinds, self.count = builder, kinds, count
        self.code = Code(builder, taps.type.pointee)
        self.finish = Finishing(self.code, kinds[:2], numbers)
        weights = weights_of(self.code, taps, count, even)
        self.sum = partial(paired if even else alone, self.code, weights=weights)

    def emit(self) -> None:
        """Some rows at a time, then one by one."""
        code, builder = self.code, self.builder
        places, left = [self.source, self.target], self.rows
        for tall in dict.fromkeys((TALL, FEW, 1)):
            turns = builder.sdiv(left, I64(tall))
            if tall > FEW:
                turns = builder.select(code.has(self.flags, LOW), I64(0), turns)
            places = code.repeat(turns, places, partial(self.block, tall))
            left = builder.sub(left, builder.mul(turns, I64(tall)))

    def block(self, tall: int, source: Value, target: Value) -> Sequence[Value]:
        """So many rows; where the next ones begin."""
        code, builder = self.code, self.builder
        offsets = [builder.mul(self.down, I64(n)) for n in range(tall + self.count - 1)]
        below = [builder.mul(self.target_down, I64(n)) for n in range(tall)]

        def one(fetches: bool, at: Value) -> Sequence[Value]:
            start = code.at(source, at)
            pixels = [self.load(code.at(start, offset)) for offset in offsets]
            sums = [self.sum(pixels[n : n + self.count]) for n in range(tall)]
            self.store(sums, [code.at(target, at, offset) for offset in below])
            if fetches:
                self.fetch(start, tall)
            return [builder.add(at, I64(code.lanes))]

        self.columns(one)
        steps = (self.down, source), (self.target_down, target)
        return [code.at(place, builder.mul(step, I64(tall))) for step, place in steps]

    def columns(self, one: Callable[[bool, Value], Sequence[Value]]) -> None:
        """All columns; pixels of the sums' type are asked for ahead, if asked."""
        code, plain = self.code, partial(one, False)
        if self.kinds[0] != self.kinds[2]:
            code.repeat(self.vectors, [I64(0)], plain)
            return
        with self.builder.if_else(code.has(self.flags, PREFETCH)) as branches:
            for branch, body in zip(branches, (partial(one, True), plain), strict=True):
                with branch:
                    code.repeat(self.vectors, [I64(0)], body)

    def fetch(self, start: Value, tall: int) -> None:
        """Ask for the pixels of the rows that come next."""
        code, builder, first = self.code, self.builder, tall + self.count - 1
        for n in range(first, first + tall):
            code.prefetch(code.at(start, builder.mul(self.down, I64(n))))

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
    row; pixels are of the type of ``like``.  ``line``: the number of taps, and whether they are
    symmetric; ``size``: rows and vectors.
    """
    sums = taps.dtype
    if taps.element == I64 or not (out.dtype == sums or is_narrow(out.dtype)):
        return
    if not (like.dtype == sums or is_narrow(like.dtype)):
        return
    kinds = sums, out.dtype, like.dtype
    (at, down), (to, below), (count, even) = source, target, line
    pixels = builder.bitcast(f.byte_at(at), like.element.as_pointer())
    numbers = numbers_behind(taps, out.dtype)
    arguments = [pixels, down, taps.at(0), out.at(to), below, *size, flags, *numbers]
    code = Code(builder, taps.element)

    def case(count: int, even: bool) -> Sequence[Value]:
        def body(inner: Any, *values: Value) -> None:
            _Down(inner, kinds, count, even, *values).emit()

        call_once(builder, "short.down", body, arguments, (*kinds, count, even))
        return []

    cases = {2 * n + even: partial(case, n, even) for n in COUNTS for even in (False, True)}
    code.choose(builder.add(builder.mul(count, I64(2)), even), cases)
