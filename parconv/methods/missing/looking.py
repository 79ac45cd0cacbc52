"""What columns of weights sum to: numbers from tables, looked up by words of a column's bits.

Under a strip a column's bits make a word, or two; each table has the sums of some taps.
"""

import itertools
from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from ...codegen import jit
from ...codegen.emitted import Items, Value, call_once, emitted, instruction
from ...codegen.simd import I32, I64, Code
from ..separable import kernel as alone
from .bits import L, bits_place
from .flags import call_by_flags

COLUMNS = 8  # whose sums are looked up side by side


def bits_of(lanes: int) -> int:
    """Whose sums are looked up at a time: a table has two vectors."""
    return (2 * lanes).bit_length() - 1


def _numbers(code: Code) -> Code:
    """Of words, as wide as elements."""
    return Code(code.builder, I32 if code.itemsize == 4 else I64)


def _funnel(builder: Any, high: Value, low: Value, bits: Value) -> Value:
    """The lower word of two, shifted down together by fewer bits than one has."""
    name = f"llvm.fshr.v{low.type.count}i{low.type.element.width}"
    return instruction(builder, name, low.type, high, low, bits)


@emitted()
def _collect(
    builder: Any, scratch: Items, bits: Value, place: Value, words: Value, two: Value
) -> None:
    """Words of a vector of columns, of each the first rows' lowest, then perhaps those of others.

    ``place``: which bits are those of the first row.
    """
    numbers = _numbers(Code(builder, scratch.element)).kind.as_pointer()
    target = builder.bitcast(scratch.at(words), numbers)
    arguments = [target, bits_place(scratch, bits, place), two]
    call_once(builder, "missing.words", _collect_words, arguments)


def _collect_words(builder: Any, words: Value, bits: Value, two: Value) -> None:
    numbers = Code(builder, words.type.pointee)
    rows = ir.VectorType(bits.type.pointee, 8 * numbers.itemsize)

    def word(bits: Value, target: Value) -> Sequence[Value]:
        every = builder.load(builder.bitcast(bits, rows.as_pointer()), align=1)
        for column in range(numbers.lanes):
            bit = ir.Constant(rows, [1 << column] * rows.count)
            lost = builder.icmp_signed("!=", builder.and_(every, bit), ir.Constant(rows, None))
            builder.store(builder.bitcast(lost, numbers.kind), numbers.at(target, column))
        return [numbers.at(bits, rows.count), numbers.at(target, numbers.lanes)]

    numbers.repeat(builder.add(two, I64(1)), [bits, words], word)


@emitted()
def _look_up(
    builder: Any, scratch: Items, words: Value, taps: Items, tables: Sequence[Value],
    target: Value, two: Value,
) -> None:  # fmt: skip
    """Sums of weights under a vector of columns, a row of scratch for each.

    ``tables`` = place of the first, and their number.
    """
    numbers = _numbers(Code(builder, scratch.element)).kind.as_pointer()
    arguments = [scratch.at(target), builder.bitcast(scratch.at(words), numbers)]
    arguments += [taps.at(tables[0]), tables[1]]
    call_by_flags(builder, "missing.looked", [two], _look, arguments)


def _look(
    two: bool, builder: Any, target: Value, words: Value, tables: Value, count: Value
) -> None:
    code = Code(builder, target.type.pointee)
    numbers, sides = _numbers(code), min(COLUMNS, code.lanes)

    def every(number: int) -> Value:
        return ir.Constant(numbers.vector, [number] * code.lanes)

    rows = ir.Constant(numbers.vector, [*range(code.lanes)])
    group = every(bits_of(code.lanes))

    def shifted(words: Sequence[Value], by: Value) -> list[Value]:
        low, *high = words
        if not high:
            return [builder.lshr(low, by)]
        return [_funnel(builder, high[0], low, by), builder.lshr(high[0], by)]

    def begun(column: Value) -> list[Value]:
        """A column's words, the lower one first, with each row's first bit lowest."""
        places = [builder.add(column, I64(n * code.lanes)) for n in range(1 + two)]
        return shifted([numbers.splat(numbers.read(words, at)) for at in places], rows)

    def looked(table: Value, words: Sequence[Sequence[Value]]) -> list[Value]:
        pair = code.load(table), code.load(code.at(table, code.lanes))
        return [code.lookup(pair[0], word[0], pair[1]) for word in words]

    def some(_: Value, at: Value) -> Sequence[Value]:
        begin = [begun(builder.add(at, I64(n))) for n in range(sides)]

        def one(table: Value, *carried: Value) -> Sequence[Value]:
            sums, flat, table = carried[:sides], carried[sides:], code.at(table, 2 * code.lanes)
            words = [shifted(flat[n : n + 1 + two], group) for n in range(0, len(flat), 1 + two)]
            pairs = zip(sums, looked(table, words), strict=True)
            return [table, *(builder.fadd(*pair) for pair in pairs), *itertools.chain(*words)]

        carried = [tables, *looked(tables, begin), *itertools.chain(*begin)]
        found = code.repeat(builder.sub(count, I64(1)), carried, one)[1 : 1 + sides]
        for n, value in enumerate(found):
            code.store(value, code.at(target, builder.mul(at, I64(code.lanes)), n * code.lanes))
        return [builder.add(at, I64(sides))]

    code.loop(I64(code.lanes // sides), [I64(0)], some)


@jit.jit(inline="always")
def sum_columns(taps, layout, scratch, under, block, target, whole):
    alone.sum_columns(taps, layout, scratch, under, block, target, whole)
    if whole:
        return
    base, lanes = block - layout[L.block_at], layout[L.lanes]
    column, words = (target - base - layout[L.turned_at]) // lanes, base + layout[L.words_at]
    row = (under - column - base - layout[L.ring_at]) // layout[L.ring_step]
    place = column // lanes * layout[L.bits_step] + row
    _collect(scratch, base + layout[L.bits_at], place, words, layout[L.two])
    for product in range(layout[L.products]):
        groups = layout[L.groups]
        _look_up(
            scratch, words, taps, (layout[L.tables_at] + product * groups * 2 * lanes, groups),
            target + layout[L.turned_beside] + product * layout[L.turned_step], layout[L.two],
        )  # fmt: skip
