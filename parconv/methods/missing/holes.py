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
from ...codegen.simd import I1, I32, I64, Code
from .flags import call_by_flags

BYTE = ir.IntType(8).as_pointer()
# Columns of holes that are written at a time, of a word of bits, which mostly has no more: nothing
# to foresee.  One in twenty missing: 3 of 64.
AT_ONCE = 8
# Holes are dealt with by turns from so many parts of their list: what neighbours write to is read
# back when it has arrived.
PARTS = 16
WIDEST = 12  # quarters of vectors of a row of taps that registers hold


GROUP = 8  # pixels whose bits fill a byte


def group_of(lanes: int) -> int:
    """Pixels whose bits fill whole bytes."""
    return max(GROUP, lanes)


@emitted(types.int64)
def mark(
    builder: Any, scratch: Items, pixels: Items, source: Value, truths: Items, there: Value,
    target: Value, bits: Sequence[Value], columns: Value, how: Sequence[Value], hole: Value,
) -> Value:  # fmt: skip
    """Copy a run of a row's pixels, holes as that number, and write its bits.

    ``source``, ``there``: which element of ``pixels`` and which of ``truths``, bytes of which 0 is
    a hole, come first; whole groups of both are read.  ``bits`` = where those of the row begin, and
    the run's first column, at which a group does.  ``how``: whether there are such bytes, and
    whether NaN is a hole; where it is none what comes back tells of NaN among the other pixels.
    """
    element = scratch.element.as_pointer()
    byte = builder.gep(builder.bitcast(scratch.at(bits[0]), BYTE), [builder.lshr(bits[1], I64(3))])
    arguments = [pixels.at(source), builder.bitcast(truths.at(there), element)]
    spoilt = cgutils.alloca_once_value(builder, I64(0))
    arguments += [scratch.at(target), builder.bitcast(byte, element), columns, hole, spoilt]
    call_by_flags(builder, "missing.mark", how, _mark, arguments, [(False, False)])
    return builder.load(spoilt)


def _mark(
    weighted: bool, omits: bool, builder: Any, source: Value, weights: Value, target: Value,
    bits: Value, columns: Value, hole: Value, spoilt: Value,
) -> None:  # fmt: skip
    code = Code(builder, source.type.pointee)
    width = group_of(code.lanes)
    kind, whole = ir.VectorType(code.kind, width), ir.IntType(width)
    bytes_of = ir.VectorType(ir.IntType(8), width)
    there, row = builder.bitcast(weights, BYTE), builder.bitcast(bits, whole.as_pointer())
    every_bit, unseen = ir.Constant(whole, -1), whole(0)
    undefined = ir.Constant(kind, ir.Undefined)
    holes = builder.insert_element(undefined, hole, I32(0))
    holes = builder.shuffle_vector(holes, undefined, ir.Constant(ir.VectorType(I32, width), None))

    def group(n: Value, at: Value) -> tuple[Value, Value, Value]:
        value, lost, seen = code.load(code.at(source, at), width), None, unseen
        nan = builder.fcmp_unordered("uno", value, value)
        if omits:
            lost = nan
        if weighted:
            place = builder.bitcast(builder.gep(there, [at]), bytes_of.as_pointer())
            none = builder.icmp_signed("==", builder.load(place, align=1), bytes_of([0] * width))
            lost = builder.or_(lost, none) if omits else none
        code.store(builder.select(lost, holes, value), code.at(target, at))
        if not omits:
            seen = builder.bitcast(builder.and_(nan, builder.not_(lost)), whole)
        return builder.bitcast(lost, whole), builder.gep(row, [n]), seen

    def one(n: Value, found: Value) -> Sequence[Value]:
        *written, seen = group(n, builder.mul(n, I64(width)))
        builder.store(*written)
        return [builder.add(n, I64(1)), builder.or_(found, seen)]

    groups = builder.udiv(columns, I64(width))
    n, found = code.repeat(groups, [I64(0), unseen], one)
    builder.store(builder.zext(found, I64), spoilt)
    rest = builder.urem(columns, I64(width))
    with builder.if_then(builder.icmp_signed("!=", rest, I64(0))):
        lost, place, seen = group(n, builder.mul(n, I64(width)))
        within = builder.not_(builder.shl(every_bit, builder.trunc(rest, whole)))
        builder.store(builder.and_(lost, within), place)
        found = builder.or_(found, builder.and_(seen, within))
        builder.store(builder.zext(found, I64), spoilt)


@emitted(types.int64)
def holes_of(builder: Any, scratch: Items, bits: Value, columns: Value) -> Value:
    """How many holes a row has."""
    code = Code(builder, scratch.element)
    row = builder.bitcast(scratch.at(bits), I64.as_pointer())

    def word(n: Value, count: Value) -> Sequence[Value]:
        found = builder.load(builder.gep(row, [n]), align=8)
        return [builder.add(count, instruction(builder, "llvm.ctpop.i64", I64, found))]

    return code.loop(_words(builder, columns), [I64(0)], word)[0]


def _words(builder: Any, columns: Value) -> Value:
    return builder.udiv(builder.add(columns, I64(63)), I64(64))


@emitted(types.int64)
def list_holes(
    builder: Any, scratch: Items, bits: Value, first: Value, columns: Value, target: Value,
    count: Value, place: Value,
) -> Value:  # fmt: skip
    """Write places of a row's holes behind ``count`` others; how many there are then.

    ``first``: the column from which so many are looked at, where a word begins; ``place``: its.
    """
    code = Code(builder, scratch.element)
    row = builder.bitcast(scratch.at(bits), I64.as_pointer())
    row = builder.gep(row, [builder.lshr(first, I64(6))])
    start = builder.bitcast(scratch.at(target), I32.as_pointer())

    def word(n: Value, place: Value, count: Value) -> Sequence[Value]:
        found = builder.load(builder.gep(row, [n]), align=8)
        left = builder.sub(columns, builder.shl(n, I64(6)))
        kept = builder.sub(builder.shl(I64(1), left), I64(1))
        few = builder.icmp_signed("<", left, I64(64))
        found = builder.and_(found, builder.select(few, kept, I64(-1)))
        number = instruction(builder, "llvm.ctpop.i64", I64, found)
        turns = builder.udiv(builder.add(number, I64(AT_ONCE - 1)), I64(AT_ONCE))

        def some(found: Value, end: Value) -> Sequence[Value]:
            for k in range(AT_ONCE):
                bit = instruction(builder, "llvm.cttz.i64", I64, found, I1(0))
                hole = builder.trunc(builder.add(place, bit), I32)
                builder.store(hole, builder.gep(end, [I64(k)]), align=4)
                found = builder.and_(found, builder.sub(found, I64(1)))
            return [found, builder.gep(end, [I64(AT_ONCE)])]

        code.repeat(turns, [found, builder.gep(start, [count])], some)
        return [builder.add(place, I64(64)), builder.add(count, number)]

    return code.loop(_words(builder, columns), [place, count], word)[1]


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


@emitted()
def clear(builder: Any, scratch: Items, target: Value, count: Value) -> None:
    """Whole vectors of 0 over so many elements, which stay in the first-level cache.

    ``memset`` of more than 2 KiB goes past it: 1.6 ms instead of 0.5 for 4096 x 4096 float32
    (Sapphire Rapids VM, 2026-11); so LLVM must not know the number.
    """

    def fill(builder: Any, target: Value, count: Value, number: Value) -> None:
        code = Code(builder, number.type)
        value = code.splat(number)
        vectors = builder.udiv(builder.add(count, I64(code.lanes - 1)), I64(code.lanes))

        def one(target: Value) -> Sequence[Value]:
            code.store(value, target)
            return [code.at(target, code.lanes)]

        code.repeat(vectors, [target], one)

    call_once(builder, "missing.clear", fill, [scratch.at(target), count, scratch.element(0.0)])
