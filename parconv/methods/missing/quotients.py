"""Sums over those of their weights, of which holes took a part: a row of results at a time.

Where holes took most, what is left is too little to tell by subtraction: such pixels are weak, and
the weights that are there are added up for each of them.  Vectors are counted from the block's
first column: results do not depend on where they are stored.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from llvmlite import ir
from numba import types

from ...codegen.emitted import Items, Value, emitted
from ...codegen.flow import call_one_of
from ...codegen.runs import pulled_back
from ...codegen.simd import I32, I64, Code

SIDES = (8, 1)  # vectors of results side by side: their sums hide an addition's latency
BYTE = ir.IntType(8).as_pointer()


class _Row:
    """Emits results of one row; the attributes are IR values of the function's arguments.

    ``holes``: what rows of holes take, ``step`` elements apart, ``count`` of which a column of taps
    sums; ``weak``: where to list vectors that have weak pixels, after their number.
    """

    def __init__(self, exact: bool, builder: Any, *arguments: Value) -> None:
        (self.sums, self.holes, self.step, self.column, self.count, self.end, self.weak,
         *rest) = arguments  # fmt: skip
        self.builder, self.exact = builder, exact
        self.code = Code(builder, self.sums.type.pointee)
        self.weak = builder.bitcast(self.weak, I32.as_pointer())
        numbers, self.rest = rest[:4], rest[4:]
        self.total, self.least, self.nothing, self.bound = map(self.code.splat, numbers)

    # --- all vectors ---

    def emit(self) -> None:
        """``rest`` = number of vectors."""
        builder, done, found = self.builder, I64(0), I64(0)
        for sides in SIDES:
            turns = builder.sdiv(builder.sub(self.rest[0], done), I64(sides))
            done, found = self.code.repeat(turns, [done, found], partial(self.block, sides))
        builder.store(builder.trunc(found, I32), self.weak)

    def block(self, sides: int, first: Value, found: Value) -> Sequence[Value]:
        code, builder = self.code, self.builder
        at = builder.mul(first, I64(code.lanes))
        for n, taken in enumerate(self.taken(at, sides)):
            place = builder.add(at, I64(n * code.lanes))
            left = builder.fsub(self.total, taken)
            value = code.load(code.at(self.sums, place))
            code.store(self.finished(value, taken, left), code.at(self.end, place))
            entry = builder.gep(self.weak, [builder.add(found, I64(1))])
            builder.store(builder.trunc(builder.add(first, I64(n)), I32), entry)
            found = builder.add(found, self.any(self.is_weak(left)))
        return [builder.add(first, I64(sides)), found]

    def any(self, lanes: Value) -> Value:
        """1 where any lane has its bit, else 0."""
        bits = self.builder.bitcast(lanes, ir.IntType(self.code.lanes))
        return self.builder.zext(self.builder.icmp_signed("!=", bits, bits.type(0)), I64)

    def taken(self, at: Value, sides: int) -> Sequence[Value]:
        """What holes take from so many vectors."""
        code = self.code

        def one(_: Value, tap: Value, place: Value, *sums: Value) -> Sequence[Value]:
            weight = code.splat(code.read(tap))
            parts = [code.load(code.at(place, n * code.lanes)) for n in range(sides)]
            sums = tuple(code.fma(part, weight, s) for part, s in zip(parts, sums, strict=True))
            return [code.at(tap, 1), code.at(place, self.step), *sums]

        begin = [self.column, code.at(self.holes, at), *[code.zero] * sides]
        return code.loop(self.count, begin, one)[2:]

    def is_weak(self, left: Value) -> Value:
        return self.builder.fcmp_ordered("<", left, self.bound)

    def finished(self, value: Value, taken: Value, left: Value) -> Value:
        """The mean: exactly the sum where nothing is taken."""
        builder = self.builder
        if self.exact:
            return builder.fdiv(builder.fmul(value, self.total), left)
        return builder.fmul(value, self.factor(taken, left))

    def factor(self, taken: Value, left: Value) -> Value:
        """1 and what is taken by what is left, a number about 1 where no pixel is weak.

        In float64 by an inverse of float32, which its rest and the square of that make precise:
        a division takes 16 cycles, that 6 (Sapphire Rapids, AVX-512, by its tables).
        """
        code, builder, one = self.code, self.builder, self.code.constant(1.0)
        if code.itemsize == 4:
            return builder.fadd(builder.fdiv(taken, left), one)
        kind = ir.VectorType(ir.FloatType(), code.lanes)
        single = ir.Constant(kind, [1.0] * code.lanes)
        inverse = builder.fdiv(single, builder.fptrunc(left, kind))
        inverse = builder.fpext(inverse, code.vector)
        rest = code.fma(builder.fneg(left), inverse, one)
        rest = code.fma(rest, rest, rest)
        return code.fma(taken, code.fma(inverse, rest, inverse), one)

    def enough(self, result: Value, left: Value) -> Value:
        """What stands where too little is there."""
        builder = self.builder
        few = builder.fcmp_ordered("<", left, self.least)
        none = builder.fcmp_ordered("==", left, self.code.zero)
        return builder.select(builder.or_(few, none), self.nothing, result)

    # --- weak pixels ---

    def mend(self) -> None:
        """``rest`` = bits of the first row, bytes between rows, rows and columns of the filter, the
        first pixel's bit; rows of taps, the last tap first, elements between them, and between
        those of the column.
        """
        number = self.builder.zext(self.builder.load(self.weak), I64)
        self.code.repeat(number, [self.builder.gep(self.weak, [I64(1)])], self.mend_one)

    def mend_one(self, entry: Value) -> Sequence[Value]:
        code, builder = self.code, self.builder
        at = builder.mul(builder.zext(builder.load(entry), I64), I64(code.lanes))
        weak = self.is_weak(builder.fsub(self.total, self.taken(at, 1)[0]))
        left, value = self.added(at), code.load(code.at(self.sums, at))
        if self.exact:
            mean = builder.fdiv(builder.fmul(value, self.total), left)
        else:
            mean = builder.fmul(value, builder.fdiv(self.total, left))
        end = code.at(self.end, at)
        mean = self.enough(mean, left)
        code.store(builder.select(weak, mean, code.load(end)), end)
        return [builder.gep(entry, [I64(1)])]

    def added(self, at: Value) -> Value:
        """The weights that are there, added up."""
        code, builder = self.code, self.builder
        bits, pitch, height, width, first, rows, rows_step, column_step = self.rest
        at = builder.add(at, first)
        last = code.at(rows, builder.sub(width, I64(1)))

        def row(_: Value, bits: Value, last: Value, column: Value, left: Value) -> Sequence[Value]:
            down = code.read(column)

            def one(u: Value, tap: Value, left: Value) -> Sequence[Value]:
                place = builder.add(at, u)
                byte = builder.gep(bits, [builder.lshr(place, I64(3))])
                found = builder.load(builder.bitcast(byte, I64.as_pointer()), align=1)
                found = builder.lshr(found, builder.and_(place, I64(7)))
                weight = code.splat(builder.fmul(down, code.read(tap)))
                weight = builder.select(code.lanes_of(found), code.zero, weight)
                return [code.at(tap, -1), builder.fadd(left, weight)]

            left = code.loop(width, [last, left], one)[1]
            return [
                builder.gep(bits, [pitch]), code.at(last, rows_step), code.at(column, column_step),
                left,
            ]  # fmt: skip

        begin = [builder.bitcast(bits, BYTE), last, self.column, code.zero]
        return code.loop(height, begin, row)[3]


def _call(
    builder: Any, name: str, emit: Callable[[_Row], None], exact: Value, *arguments: Value
) -> None:
    def body(exact: bool, inner: Any, *values: Value) -> None:
        emit(_Row(exact, inner, *values))

    variants = {(word,): partial(body, bool(word)) for word in (0, 1)}
    key = builder.zext(builder.icmp_signed("!=", exact, I64(0)), I64)
    call_one_of(builder, key, name, variants, arguments)


@emitted()
def divide_row(
    builder: Any, scratch: Items, source: Sequence[Value], taps: Items, column: Sequence[Value],
    target: Value, weak: Value, numbers: Sequence[Value], exact: Value, vectors: Value,
) -> None:  # fmt: skip
    """A row of results: ``source`` = its sums, what holes take, elements to the next row of that.

    ``column`` = place and number of taps; ``numbers`` = what the filter sums to, above 0, how much
    of that there must be, what stands where there is less, or nothing, and below what a pixel is
    weak, not below that; ``weak``: where to list them.  Sums of integers, ``exact``, are multiplied
    first.
    """
    sums, holes, step = source
    _call(
        builder, "missing.divide", _Row.emit, exact, scratch.at(sums), scratch.at(holes), step,
        taps.at(column[0]), column[1], scratch.at(target), scratch.at(weak), *numbers, vectors,
    )  # fmt: skip


@emitted()
def mend_row(
    builder: Any, scratch: Items, source: Sequence[Value], taps: Items, column: Sequence[Value],
    target: Value, weak: Value, numbers: Sequence[Value], exact: Value, bits: Sequence[Value],
    rows: Sequence[Value],
) -> None:  # fmt: skip
    """The same of the weak pixels listed.

    ``bits`` = those of the row's holes, bytes to the next row, rows and columns of the filter, and
    where the first pixel's is;
    ``rows`` = of taps, elements to the next, and to the column's next tap.
    """
    sums, holes, step = source
    _call(
        builder, "missing.mend", _Row.mend, exact, scratch.at(sums), scratch.at(holes), step,
        taps.at(column[0]), column[1], scratch.at(target), scratch.at(weak), *numbers,
        scratch.at(bits[0]), *bits[1:], taps.at(rows[0]), *rows[1:],
    )  # fmt: skip


@emitted(lambda *_: types.int64)
def weak_in(builder: Any, scratch: Items, weak: Value) -> Value:
    """How many vectors are listed."""
    return builder.zext(builder.load(builder.bitcast(scratch.at(weak), I32.as_pointer())), I64)


@emitted()
def put_row(
    builder: Any, scratch: Items, source: Value, out: Items, at: Value, columns: Value,
    skip: Value, streams: Value,
) -> None:  # fmt: skip
    """Copy results, past the caches where whole vectors begin after ``skip`` columns."""
    if out.dtype != scratch.dtype:  # never reached
        return
    code, start, end = Code(builder, scratch.element), scratch.at(source), out.at(at)
    lanes = code.lanes

    def copy(how: Any, place: Value, width: int) -> None:
        how(code.load(code.at(start, place), width), code.at(end, place))

    with builder.if_else(builder.icmp_signed("!=", streams, I64(0))) as (past, through):
        with past:
            whole = builder.sdiv(builder.sub(columns, skip), I64(lanes))
            copy(code.store, I64(0), lanes)
            copy(code.store, builder.sub(columns, I64(lanes)), lanes)

            def one(place: Value) -> Sequence[Value]:
                copy(code.stream, place, lanes)
                return [builder.add(place, I64(lanes))]

            code.repeat(whole, [skip], one)
        with through:
            pulled_back(builder, columns, (lanes, 1), partial(copy, code.store))
