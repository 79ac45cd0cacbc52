"""Rows of elements converted on their way from an image into scratch, and from there to a result.

Elements of an image or a result lie any number of bytes apart; those of scratch side by side, the
imaginary parts of complex numbers some elements behind the real ones.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from numba import types
from numba.core import cgutils

from . import machine
from .blocks import or_turned, turn_in, turn_out
from .elements import converted, put
from .emitted import Value
from .places import BYTE, Kinds, Parts, Rows, Size, itemsize
from .rules import Stored, by_rule, put_by_rule
from .runs import convert_vectors, vectors_then_elements
from .simd import I64, Code

Run = Callable[[Value, Value], None]  # what to do with a row's first element and number


def read_rows(
    context: Any, builder: Any, kinds: Kinds, rows: Rows, size: Size, parts: Parts
) -> None:
    """Convert pixels to scratch.

    Runs go vector by vector even where nothing is converted: 4096 x 4096 float32 with separable
    9 x 9 taps, one core: 7.1 ms with calls of memcpy, 6.4 so (Zen 5, 2026-11).
    """
    pixels = context.get_data_type(kinds.element).as_pointer()

    def run(row: Value, place: Value) -> None:
        row = builder.bitcast(row, pixels)
        if isinstance(kinds.element, types.Complex):
            _split(context, builder, kinds, row, place, parts.second, size[1])
        else:
            convert_vectors(builder, kinds, row, place, size[1])

    def second(row: Value, place: Value) -> None:
        _every_second(builder, kinds, builder.bitcast(row, pixels), place, size[1])

    def apart(row: Value, place: Value) -> None:
        with cgutils.for_range(builder, size[1], intp=I64) as loop:
            pixel = builder.gep(row, [builder.mul(loop.index, rows.right)])
            value = context.unpack_value(builder, kinds.element, builder.bitcast(pixel, pixels))
            found = [value]
            if isinstance(kinds.element, types.Complex):
                found = [builder.extract_value(value, n) for n in range(2)]
            # the real part last: it stays where both have one place
            for part, number in reversed([*enumerate(found)]):
                away = builder.add(loop.index, builder.mul(parts.second, I64(part)))
                number = context.cast(builder, number, kinds.real, kinds.sums)
                builder.store(number, builder.gep(place, [away]))

    complex_ = isinstance(kinds.element, types.Complex)
    ways = ((1, run),) if complex_ else ((1, run), (2, second))
    with or_turned(context, builder, kinds, rows, size, parts, turn_in):
        _each_row(context, builder, kinds, rows, size, parts, ways, apart)


def read_one(context: Any, builder: Any, kinds: Kinds, rows: Rows, _: Size, parts: Parts) -> None:
    """The same of a single real pixel."""
    pixel = builder.bitcast(rows.start, context.get_data_type(kinds.element).as_pointer())
    value = context.unpack_value(builder, kinds.element, pixel)
    builder.store(context.cast(builder, value, kinds.element, kinds.sums), parts.start)


def write_rows(
    context: Any, builder: Any, kinds: Kinds, rows: Rows, size: Size, parts: Parts
) -> None:
    """Convert sums to results; of complex ones without imaginary parts these are 0."""
    results = context.get_data_type(kinds.element).as_pointer()

    def run(row: Value, place: Value) -> None:
        row = builder.bitcast(row, results)
        if isinstance(kinds.element, types.Complex):
            _join(context, builder, kinds, row, place, parts.second, size[1])
        elif kinds.element == kinds.sums:
            itemsize = context.get_abi_sizeof(place.type.pointee)
            cgutils.raw_memcpy(builder, row, place, size[1], itemsize)
        else:
            convert_vectors(builder, kinds[::-1], place, row, size[1])

    def apart(row: Value, place: Value) -> None:
        none = place.type.pointee(0)
        lacking = builder.icmp_signed("==", parts.second, I64(0))
        with cgutils.for_range(builder, size[1], intp=I64) as loop:
            result = builder.gep(row, [builder.mul(loop.index, rows.right)])
            number = builder.gep(place, [loop.index])
            if isinstance(kinds.element, Stored):
                result = builder.bitcast(result, results)
                put_by_rule(builder, kinds.sums, number, kinds.element, result)
                return
            imaginary = builder.load(builder.gep(number, [parts.second]))
            imaginary = builder.select(lacking, none, imaginary)
            result = builder.bitcast(result, results)
            put(context, builder, kinds.element, result, builder.load(number), imaginary)

    with or_turned(context, builder, kinds, rows, size, parts, turn_out):
        _each_row(context, builder, kinds, rows, size, parts, ((1, run),), apart)


def _each_row(
    context: Any, builder: Any, kinds: Kinds, rows: Rows, size: Size, parts: Parts,
    ways: Sequence[tuple[int, Run]], apart: Run,
) -> None:  # fmt: skip
    """One of ``ways`` for rows whose elements lie so many apart, ``apart`` for all others.

    The former are longer than a vector, or as long where elements are neighbours.
    """
    item = itemsize(context, kinds)
    lanes, chosen = machine.lanes(kinds.sums.bitwidth // 8), I64(0)
    for step, _ in ways:
        fits = builder.icmp_signed("==", rows.right, I64(step * item))
        long = builder.icmp_signed(">=", size[1], I64(lanes + step - 1))
        chosen = builder.select(builder.and_(fits, long), I64(step), chosen)
    if isinstance(kinds.element, types.Complex):
        real = builder.icmp_signed("==", parts.second, I64(0))
        chosen = builder.select(real, I64(0), chosen)
    start = builder.bitcast(rows.start, BYTE)
    with cgutils.for_range(builder, size[0], intp=I64) as loop:
        row = builder.gep(start, [builder.mul(loop.index, rows.down)])
        place = builder.gep(parts.start, [builder.mul(loop.index, parts.step)])
        with ExitStack() as others:
            for step, way in ways:
                fits = builder.icmp_signed("==", chosen, I64(step))
                then, otherwise = others.enter_context(builder.if_else(fits))
                with then:
                    way(row, place)
                others.enter_context(otherwise)
            apart(row, place)


def _every_second(builder: Any, kinds: Kinds, row: Value, place: Value, count: Value) -> None:
    """Convert elements between which one lies, more of them than a vector holds.

    Nothing beyond the last one is read: it comes in a vector that begins before its first element.
    Milliseconds for 1024 x 1024 uint8 at 5x5 with a stride of 2, one core: 0.46 one by one, 0.28
    so; float32 0.52, 0.41 (Sapphire Rapids VM, AVX-512, 2026-11).
    """
    code, lanes = Code(builder, row.type.pointee), machine.lanes(kinds.sums.bitwidth // 8)

    def some(at: Value, before: int) -> None:
        begin = builder.sub(builder.mul(at, I64(2)), I64(before))
        value = code.load(code.at(row, begin), 2 * lanes)
        found = code.shuffle(value, value, range(before, 2 * lanes, 2))
        found = by_rule(builder, found, *kinds)
        code.store(found, code.at(place, at))

    steps = builder.sdiv(builder.sub(count, I64(1)), I64(lanes))
    with cgutils.for_range(builder, steps, intp=I64) as loop:
        some(builder.mul(loop.index, I64(lanes)), 0)
    some(builder.sub(count, I64(lanes)), 1)


def _split(
    context: Any, builder: Any, kinds: Kinds, row: Value, place: Value, second: Value, count: Value
) -> None:
    """The real and the imaginary parts of ``count`` neighbouring complex elements.

    1024 x 1024 complex64 at 7x7, one core: 8.0 ms with parts read and written one by one, 2.7 by
    this and `_join` (Zen 5, 2026-11).
    """
    start, ends = _real_parts(context, builder, kinds, row), (place, builder.gep(place, [second]))
    code = Code(builder, start.type.pointee)

    def one(at: Value, width: int) -> None:
        value = code.load(code.at(start, builder.mul(at, I64(2))), 2 * width)
        for part, end in enumerate(ends):
            found = code.shuffle(value, value, range(part, 2 * width, 2))
            found = converted(builder, found, kinds.real, kinds.sums)
            code.store(found, code.at(end, at))

    vectors_then_elements(builder, count, machine.lanes(kinds.sums.bitwidth // 8), one)


def _join(
    context: Any, builder: Any, kinds: Kinds, row: Value, place: Value, second: Value, count: Value
) -> None:
    """``count`` neighbouring complex elements from their real and imaginary parts."""
    starts, end = (place, builder.gep(place, [second])), _real_parts(context, builder, kinds, row)
    code = Code(builder, place.type.pointee)

    def one(at: Value, width: int) -> None:
        parts = [code.load(code.at(start, at), width) for start in starts]
        parts = [converted(builder, value, kinds.sums, kinds.real) for value in parts]
        lanes = [lane + part * width for lane in range(width) for part in range(2)]
        pairs = code.shuffle(parts[0], parts[1], lanes)
        code.store(pairs, code.at(end, builder.mul(at, I64(2))))

    vectors_then_elements(builder, count, machine.lanes(kinds.sums.bitwidth // 8), one)


def _real_parts(context: Any, builder: Any, kinds: Kinds, row: Value) -> Value:
    """Pointer to the real part of a row's first element."""
    return builder.bitcast(row, context.get_data_type(kinds.real).as_pointer())
