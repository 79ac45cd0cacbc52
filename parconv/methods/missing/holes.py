"""Holes, pixels that are missing: found, listed, and what they take from sums of weights.

Rows of bits have a bit for each pixel, set where it is missing; a list has the places of a
block's holes, as 32-bit integers.  All lie in scratch, whose elements are those of the sums.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ...codegen.emitted import Items, Value, call_once, emitted, instruction
from ...codegen.flow import call_one_of
from ...codegen.simd import I1, I32, I64, Code

# Columns of holes that are written at a time, of a word of bits, which mostly has no more: nothing
# to foresee.  One in twenty missing: 3 of 64.
AT_ONCE = 8
# Holes are dealt with by turns from so many parts of their list: what neighbours write to is read
# back when it has arrived.
PARTS = 16
WIDEST = 12  # quarters of vectors of a row of taps that registers hold


def group_of(lanes: int) -> int:
    """Pixels whose bits fill whole bytes."""
    return max(8, lanes)


@emitted(types.int64)
def mark(
    builder: Any, scratch: Items, source: Value, weights: Value, target: Value, bits: Value,
    size: Sequence[Value], how: Sequence[Value],
) -> Value:  # fmt: skip
    """Copy a row's pixels, holes as 0, and write its bits; the result is the number of holes.

    ``size`` = columns, and words of the row's bits; ``how``: whether weights lie there, a byte for
    each pixel, where 0 is a hole, and whether NaN is one.
    """
    arguments = [scratch.at(place) for place in (source, weights, target, bits)]
    arguments += [*size, cgutils.alloca_once(builder, I64)]
    yes = [builder.zext(builder.icmp_signed("!=", flag, I64(0)), I64) for flag in how]
    key = builder.sub(builder.add(yes[0], builder.shl(yes[1], I64(1))), I64(1))
    kinds = (True, False), (False, True), (True, True)
    variants = {kind: partial(_mark, *kind) for kind in kinds}
    call_one_of(builder, key, "missing.mark", variants, arguments)
    return builder.load(arguments[-1])


def _mark(
    weighted: bool, omits: bool, builder: Any, source: Value, weights: Value, target: Value,
    bits: Value, columns: Value, words: Value, result: Value,
) -> None:  # fmt: skip
    code = Code(builder, source.type.pointee)
    width = group_of(code.lanes)
    kind, whole = ir.VectorType(code.kind, width), ir.IntType(width)
    bytes_of = ir.VectorType(ir.IntType(8), width)
    there = builder.bitcast(weights, ir.IntType(8).as_pointer())
    row = builder.bitcast(bits, whole.as_pointer())
    last = builder.gep(builder.bitcast(row, I64.as_pointer()), [builder.sub(words, I64(1))])
    builder.store(I64(0), last)
    zero, every_bit = ir.Constant(kind, [0.0] * width), ir.Constant(whole, -1)
    groups = builder.sdiv(builder.add(columns, I64(width - 1)), I64(width))

    def one(n: Value, at: Value, count: Value) -> Sequence[Value]:
        value, lost = code.load(code.at(source, at), width), None
        if omits:
            lost = builder.fcmp_unordered("uno", value, value)
        if weighted:
            place = builder.bitcast(builder.gep(there, [at]), bytes_of.as_pointer())
            none = builder.icmp_signed("==", builder.load(place, align=1), bytes_of([0] * width))
            lost = builder.or_(lost, none) if omits else none
        code.store(builder.select(lost, zero, value), code.at(target, at))
        left = builder.sub(columns, at)
        few = builder.icmp_signed("<", left, I64(width))
        beyond = builder.shl(every_bit, builder.trunc(builder.select(few, left, I64(0)), whole))
        kept = builder.select(few, builder.not_(beyond), every_bit)
        found = builder.and_(builder.bitcast(lost, whole), kept)
        builder.store(found, builder.gep(row, [n]))
        number = instruction(builder, f"llvm.ctpop.i{width}", whole, found)
        return [builder.add(at, I64(width)), builder.add(count, builder.zext(number, I64))]

    builder.store(code.loop(groups, [I64(0), I64(0)], one)[1], result)


@emitted(types.int64)
def list_holes(
    builder: Any, scratch: Items, bits: Value, words: Value, target: Value, count: Value,
    first: Value,
) -> Value:  # fmt: skip
    """Write places of a row's holes behind ``count`` others; how many there are then.

    ``first``: the place of the row's first pixel.
    """
    code = Code(builder, scratch.element)
    row = builder.bitcast(scratch.at(bits), I64.as_pointer())
    start = builder.bitcast(scratch.at(target), I32.as_pointer())

    def word(n: Value, first: Value, count: Value) -> Sequence[Value]:
        found = builder.load(builder.gep(row, [n]), align=8)
        number = instruction(builder, "llvm.ctpop.i64", I64, found)
        turns = builder.udiv(builder.add(number, I64(AT_ONCE - 1)), I64(AT_ONCE))

        def some(found: Value, end: Value) -> Sequence[Value]:
            for k in range(AT_ONCE):
                bit = instruction(builder, "llvm.cttz.i64", I64, found, I1(0))
                place = builder.trunc(builder.add(first, bit), I32)
                builder.store(place, builder.gep(end, [I64(k)]), align=4)
                found = builder.and_(found, builder.sub(found, I64(1)))
            return [found, builder.gep(end, [I64(AT_ONCE)])]

        code.repeat(turns, [found, builder.gep(start, [count])], some)
        return [builder.add(first, I64(64)), builder.add(count, number)]

    return code.loop(words, [first, count], word)[1]


@emitted(types.int64)
def in_parts(builder: Any, scratch: Items, target: Value, count: Value, beyond: Value) -> Value:
    """Fill a list up to whole `PARTS` with the place ``beyond``; the number of each part."""
    start = builder.bitcast(scratch.at(target), I32.as_pointer())
    for k in range(PARTS - 1):
        end = builder.gep(start, [builder.add(count, I64(k))])
        builder.store(builder.trunc(beyond, I32), end, align=4)
    return builder.udiv(builder.add(count, I64(PARTS - 1)), I64(PARTS))


@emitted()
def scatter(
    builder: Any, scratch: Items, holes: Value, number: Value, taps: Items, row: Value,
    size: Value, target: Value,
) -> None:  # fmt: skip
    """Add ``size`` taps from each place on, counted from ``target``; ``number`` of each part."""
    arguments = scratch.at(target), scratch.at(holes), number, taps.at(row)
    code = Code(builder, scratch.element)
    quarter = max(1, code.lanes // 4)

    def known(quarters: int) -> list[Value]:
        widths = _pieces(quarters * quarter, code.lanes)
        call_once(builder, "missing.scatter", partial(_scatter, widths), arguments, [quarters])
        return []

    def others() -> list[Value]:
        def one(target: Value, taps: Value) -> Sequence[Value]:
            given = target, *arguments[1:3], taps
            call_once(builder, "missing.scatter", partial(_scatter, [code.lanes]), given, [4])
            return [code.at(target, code.lanes), code.at(taps, code.lanes)]

        vectors = builder.udiv(builder.add(size, I64(code.lanes - 1)), I64(code.lanes))
        code.repeat(vectors, [arguments[0], arguments[3]], one)
        return []

    quarters = builder.udiv(builder.add(size, I64(quarter - 1)), I64(quarter))
    few = builder.icmp_signed("<=", quarters, I64(WIDEST))
    case = builder.select(few, quarters, I64(0))
    code.choose(case, {0: others, **{n: partial(known, n) for n in range(1, WIDEST + 1)}})


def _pieces(size: int, lanes: int) -> list[int]:
    """So many elements as whole vectors, and powers of two of them.

    Examples
    --------
    >>> _pieces(20, 16), _pieces(7, 4)
    ([16, 4], [4, 2, 1])
    """
    rest = [1 << bit for bit in reversed(range(lanes.bit_length())) if size % lanes >> bit & 1]
    return [lanes] * (size // lanes) + rest


def _scatter(
    widths: Sequence[int], builder: Any, target: Value, holes: Value, number: Value, taps: Value
) -> None:
    code = Code(builder, target.type.pointee)
    places = [sum(widths[:n]) for n in range(len(widths))]
    row = [code.load(code.at(taps, at), width) for at, width in zip(places, widths, strict=True)]
    holes = builder.bitcast(holes, I32.as_pointer())

    def one(holes: Value) -> Sequence[Value]:
        for part in range(PARTS):
            away = builder.mul(number, I64(part))
            hole = builder.sext(builder.load(builder.gep(holes, [away]), align=4), I64)
            place = code.at(target, hole)
            for at, tap in zip(places, row, strict=True):
                end = code.at(place, at)
                found = code.load(end, tap.type.count)
                code.store(builder.fadd(found, tap), end)
        return [builder.gep(holes, [I64(1)])]

    code.repeat(number, [holes], one)


@emitted()
def weights_of(builder: Any, scratch: Items, bits: Value, target: Value, columns: Value) -> None:
    """A row of weights, 0 where bits tell of holes, else 1."""
    code = Code(builder, scratch.element)
    width = group_of(code.lanes)
    kind, whole = ir.VectorType(code.kind, width), ir.IntType(width)
    row = builder.bitcast(scratch.at(bits), whole.as_pointer())
    zero, unit = (ir.Constant(kind, [number] * width) for number in (0.0, 1.0))

    def one(n: Value, end: Value) -> Sequence[Value]:
        found = builder.load(builder.gep(row, [n]))
        holes = builder.bitcast(found, ir.VectorType(I1, width))
        code.store(builder.select(holes, zero, unit), end)
        return [code.at(end, width)]

    groups = builder.sdiv(builder.add(columns, I64(width - 1)), I64(width))
    code.loop(groups, [scratch.at(target)], one)
