"""Sums over those of their weights, of which holes took a part: a row of results at a time.

Where holes took most, what is left is too little to tell by subtraction: such pixels are weak, and
the weights that are there are added up for each of them.  Vectors are counted from the block's
first column: results do not depend on where they are stored.
"""

from collections.abc import Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from ...codegen.emitted import Items, Value, call_once, emitted, instruction
from ...codegen.simd import I64, Code
from ..windows.means import NUMBER, factor
from .flags import call_by_flags

GIVEN = 18  # arguments that weak pixels' function takes, too
SIDES = (8, 4, 2, 1)  # vectors of results side by side: their sums hide an addition's latency
BYTE = ir.IntType(8).as_pointer()
# Above nothing, whether or not smaller numbers are taken for that.
TINY = {size: float(np.finfo(f"f{size}").tiny) for size in (4, 8)}


def any_of(code: Code, lanes: Value) -> Value:
    """Whether any lane has its bit."""
    bits = bits_of(code, lanes)
    return code.builder.icmp_signed("!=", bits, bits.type(0))


def bits_of(code: Code, lanes: Value) -> Value:
    """The bits of all lanes as one number."""
    return code.builder.bitcast(lanes, ir.IntType(lanes.type.count))


def shared(
    code: Code, values: Sequence[Value], left: Sequence[Value], numbers: Sequence[Value],
    quickly: bool,
) -> list[Value]:  # fmt: skip
    """Vectors of sums over those of their weights, where these are added up.

    ``numbers`` = what the filter sums to, its sign, how much of that there must be, what stands
    where there is less, or nothing; ``quickly``: where no weight is above 1.
    """
    builder, (total, sign, least, nothing) = code.builder, numbers

    def mean(value: Value, left: Value) -> Value:
        taken = builder.fsub(total, left)
        part = factor(code, taken, left) if quickly else builder.fdiv(total, left)
        return builder.fmul(value, part)

    def enough(mean: Value, there: Value) -> Value:
        few = builder.fcmp_ordered("<", there, least)
        none = builder.fcmp_ordered("==", there, code.zero)
        return builder.select(builder.or_(few, none), nothing, mean)

    means = [mean(*each) for each in zip(values, left, strict=True)]
    there = [builder.fmul(each, sign) for each in left]
    # one comparison, mostly, tells that there is enough of all
    tiny = code.constant(TINY[code.itemsize])
    bound = builder.select(builder.fcmp_ordered("<", least, tiny), tiny, least)
    some = builder.fcmp_ordered("<", reduce(partial(_least, builder), there), bound)
    pairs = zip(means, there, strict=True)
    return code.when(any_of(code, some), means, lambda: [enough(*pair) for pair in pairs])


def _least(builder: Any, one: Value, other: Value) -> Value:
    return builder.select(builder.fcmp_ordered("<", one, other), one, other)


class _Results:
    """Emits results of one row; the attributes are IR values of the function's arguments.

    ``exact``: sums are of integers, and multiplied first: what is half between two stays there.
    ``numbers`` = what the filter sums to, how much of that there must be, what stands where there
    is less, and below what a pixel is weak.
    """

    def __init__(
        self, exact: bool, streams: bool, builder: Any, sums: Value, numbers: Sequence[Value]
    ) -> None:
        self.builder, self.exact, self.sums = builder, exact, sums
        self.code = Code(builder, sums.type.pointee)
        self.put = self.code.stream if streams else self.code.store
        self.total, self.least, self.nothing, self.bound = map(self.code.splat, numbers)

    def taken(self, at: Value, sides: int) -> Sequence[Value]:
        """What holes take from so many vectors."""
        raise NotImplementedError

    def values(self, at: Value, sides: int) -> Sequence[Value]:
        """Sums of so many vectors."""
        return [
            self.code.load(self.code.at(self.sums, at, n * self.code.lanes)) for n in range(sides)
        ]

    def mended(
        self, at: Value, means: Sequence[Value], left: Sequence[Value], found: Value,
        only: Value | None,
    ) -> Sequence[Value]:  # fmt: skip
        """The same vectors with weak pixels made right, and ``found`` with the number of these.

        ``left``: what is left of the filter's sum; ``only``: lanes that are counted, or all.
        """
        raise NotImplementedError

    # --- all vectors ---

    def emit(self, end: Value, columns: Value, skip: Value) -> Value:
        """All vectors into ``end``, ``skip`` columns before whole ones are aligned.

        What comes back is the number of weak pixels.  No line is both streamed and stored through
        the caches: that takes as long as 20 streamed ones.
        """
        code, builder, self.end, self.skip = self.code, self.builder, end, skip
        found = self.edge(I64(0), skip, I64(0))
        for sides in SIDES:
            turns = builder.sdiv(builder.sub(columns, skip), I64(sides * code.lanes))
            skip, found = code.repeat(turns, [skip, found], partial(self.block, sides))
        return self.edge(skip, builder.sub(columns, skip), found)

    def edge(self, at: Value, count: Value, found: Value) -> Value:
        """A vector of which the first ``count`` lanes are stored, where there are any."""

        def block() -> Sequence[Value]:
            means, number = self.means(at, 1, found, count)
            self.code.store_first(means[0], self.code.at(self.end, at), count)
            return [number]

        some = self.builder.icmp_signed(">", count, I64(0))
        return self.code.when(some, [found], block)[0]

    def block(self, sides: int, at: Value, found: Value) -> Sequence[Value]:
        code = self.code
        means, found = self.means(at, sides, found)
        for n, mean in enumerate(means):
            self.put(mean, code.at(self.end, at, n * code.lanes))
        return [self.builder.add(at, I64(sides * code.lanes)), found]

    def means(
        self, at: Value, sides: int, found: Value, only: Value | None = None
    ) -> tuple[list[Value], Value]:
        """So many vectors of results, and ``found`` with the number of weak pixels.

        Those are counted among the first ``only`` lanes.
        """
        code, builder = self.code, self.builder
        lost = self.taken(at, sides)
        left = [builder.fsub(self.total, taken) for taken in lost]
        means = [
            self.finished(*each) for each in zip(self.values(at, sides), lost, left, strict=True)
        ]
        some = any_of(code, self.is_weak(reduce(partial(_least, builder), left)))
        body = partial(self.mended, at, means, left, found, only)
        *means, found = code.when(some, [*means, found], body)
        return means, found

    def is_weak(self, left: Value) -> Value:
        return self.builder.fcmp_ordered("<", left, self.bound)

    def finished(self, value: Value, taken: Value, left: Value) -> Value:
        """The mean: exactly the sum where nothing is taken."""
        builder = self.builder
        if self.exact:
            return builder.fdiv(builder.fmul(value, self.total), left)
        return builder.fmul(value, factor(self.code, taken, left))


class _Row(_Results):
    """Of sums from which holes took parts.

    ``holes``: what rows of holes take, ``step`` elements apart, ``count`` of which a column of taps
    sums; ``slot``: room for vectors that have weak pixels.
    """

    def __init__(self, exact: bool, streams: bool, builder: Any, *arguments: Value) -> None:
        self.arguments = arguments[:GIVEN]
        (sums, self.holes, self.step, self.column, self.count, self.slot, self.bits, self.pitch,
         self.height, self.width, self.first, self.rows, self.rows_step,
         self.column_step) = arguments[4:GIVEN]  # fmt: skip
        super().__init__(exact, streams, builder, sums, arguments[:4])

    def taken(self, at: Value, sides: int) -> Sequence[Value]:
        code = self.code

        def one(_: Value, tap: Value, place: Value, *sums: Value) -> Sequence[Value]:
            weight = code.splat(code.read(tap))
            parts = [code.load(code.at(place, n * code.lanes)) for n in range(sides)]
            sums = tuple(code.fma(part, weight, s) for part, s in zip(parts, sums, strict=True))
            return [code.at(tap, 1), code.at(place, self.step), *sums]

        begin = [self.column, code.at(self.holes, at), *[code.zero] * sides]
        return code.loop(self.count, begin, one)[2:]

    def mended(
        self, at: Value, means: Sequence[Value], left: Sequence[Value], found: Value,
        only: Value | None,
    ) -> Sequence[Value]:  # fmt: skip
        code, builder, results = self.code, self.builder, []
        for n, (mean, each) in enumerate(zip(means, left, strict=True)):
            code.store(mean, self.slot)
            weak, place = self.is_weak(each), builder.add(at, I64(n * code.lanes))
            some = any_of(code, weak)
            with builder.if_then(some, likely=False):
                body = partial(_mend, self.exact)
                call_once(builder, "missing.mend", body, [*self.arguments, place], [self.exact])
            results.append(code.load(self.slot))
            found = builder.add(found, self.number_of(weak, only))
        return [*results, found]

    def number_of(self, weak: Value, only: Value | None) -> Value:
        """How many lanes are weak, of so many or all: a neighbour may count the others."""
        builder = self.builder
        found = builder.zext(bits_of(self.code, weak), I64)
        if only is not None:
            found = builder.and_(found, builder.sub(builder.shl(I64(1), only), I64(1)))
        return instruction(builder, "llvm.ctpop.i64", I64, found)

    def enough(self, result: Value, left: Value) -> Value:
        """What stands where too little is there."""
        builder = self.builder
        few = builder.fcmp_ordered("<", left, self.least)
        none = builder.fcmp_ordered("==", left, self.code.zero)
        return builder.select(builder.or_(few, none), self.nothing, result)

    # --- weak pixels ---

    def mend(self, at: Value) -> None:
        """Those of a vector in ``slot``.

        ``bits``, ``pitch``: those of the row's holes, bytes to the next row; ``height``, ``width``
        of the filter; ``first``: the bit of the row's first pixel.  ``rows`` of taps, the last tap
        first, elements to the next row, and to the column's next tap.
        """
        code, builder = self.code, self.builder
        weak = self.is_weak(builder.fsub(self.total, self.taken(at, 1)[0]))
        left, value = self.added(at), code.load(code.at(self.sums, at))
        if self.exact:
            mean = builder.fdiv(builder.fmul(value, self.total), left)
        else:
            mean = builder.fmul(value, builder.fdiv(self.total, left))
        mean = self.enough(mean, left)
        code.store(builder.select(weak, mean, code.load(self.slot)), self.slot)

    def added(self, at: Value) -> Value:
        """The weights that are there, added up."""
        code, builder = self.code, self.builder
        at = builder.add(at, self.first)
        last = code.at(self.rows, builder.sub(self.width, I64(1)))

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

            left = code.loop(self.width, [last, left], one)[1]
            return [
                builder.gep(bits, [self.pitch]), code.at(last, self.rows_step),
                code.at(column, self.column_step), left,
            ]  # fmt: skip

        begin = [builder.bitcast(self.bits, BYTE), last, self.column, code.zero]
        return code.loop(self.height, begin, row)[3]


class Counted(_Results):
    """Of sums of equal taps, from which holes took numbers of 16 bits each."""

    def __init__(self, exact: bool, streams: bool, builder: Any, *arguments: Value) -> None:
        sums, self.holes, *numbers = arguments
        super().__init__(exact, streams, builder, sums, numbers)

    def taken(self, at: Value, sides: int) -> Sequence[Value]:
        code, builder = self.code, self.builder
        kind = ir.VectorType(NUMBER, code.lanes)
        found = []
        for n in range(sides):
            place = builder.gep(self.holes, [builder.add(at, I64(n * code.lanes))])
            numbers = builder.load(builder.bitcast(place, kind.as_pointer()), align=2)
            found.append(builder.uitofp(numbers, code.vector))
        return found

    def mended(
        self, at: Value, means: Sequence[Value], left: Sequence[Value], found: Value,
        only: Value | None,
    ) -> Sequence[Value]:  # fmt: skip
        """What is left is exact: where it is too little, nothing stands."""
        pairs = zip(map(self.is_weak, left), means, strict=True)
        return [*(self.builder.select(few, self.nothing, mean) for few, mean in pairs), found]


def _mend(exact: bool, builder: Any, *arguments: Value) -> None:
    _Row(exact, False, builder, *arguments).mend(arguments[-1])


@emitted(types.int64)
def divide_row(
    builder: Any, scratch: Items, source: Sequence[Value], taps: Items, column: Sequence[Value],
    slot: Value, numbers: Sequence[Value], bits: Sequence[Value], rows: Sequence[Value],
    out: Items, target: Value, size: Sequence[Value], how: Sequence[Value],
) -> Value:  # fmt: skip
    """A row of results into ``out``; what comes back is how many pixels are weak.

    ``source`` = its sums, what holes take, elements to the next row of that;
    ``column`` = place and number of taps; ``numbers`` = what the filter sums to, above 0, how much
    of that there must be, what stands where there is less, or nothing, and below what a pixel is
    weak, not below that; ``slot``: room in scratch for a vector;
    ``bits`` = those of the row's holes, bytes to the next row, rows and columns of the filter, and
    where the first pixel's is; ``rows`` = of taps, elements to the next, and to the column's next
    tap; ``size`` = columns, and those before vectors are aligned; ``how``: whether sums are of
    integers, which are multiplied first, and whether to store past the caches.
    """
    if out.dtype != scratch.dtype:  # never reached
        return I64(0)
    sums, holes, step = source
    result = cgutils.alloca_once(builder, I64)
    arguments = [
        *numbers, scratch.at(sums), scratch.at(holes), step, taps.at(column[0]), column[1],
        scratch.at(slot), scratch.at(bits[0]), *bits[1:], taps.at(rows[0]), *rows[1:],
        out.at(target), *size, result,
    ]  # fmt: skip

    def body(exact: bool, streams: bool, inner: Any, *values: Value) -> None:
        *row, end, columns, skip, result = values
        inner.store(_Row(exact, streams, inner, *row).emit(end, columns, skip), result)

    call_by_flags(builder, "missing.divide", how, body, arguments)
    return builder.load(result)


@emitted()
def share_row(
    builder: Any, scratch: Items, source: Sequence[Value], numbers: Sequence[Value], out: Items,
    target: Value, size: Sequence[Value], how: Sequence[Value],
) -> None:  # fmt: skip
    """A row of results of equal taps into ``out``; `divide_row` has the arguments.

    ``source`` = its sums and numbers of holes; ``numbers`` = taps, how many of them must see a
    pixel, what stands where fewer do, and one below which that is so.
    """

    def body(exact: bool, streams: bool, inner: Any, *values: Value) -> None:
        Counted(exact, streams, inner, *values[:6]).emit(*values[6:])

    if out.dtype != scratch.dtype:  # never reached
        return
    holes = builder.bitcast(scratch.at(source[1]), NUMBER.as_pointer())
    arguments = [scratch.at(source[0]), holes, *numbers, out.at(target), *size]
    call_by_flags(builder, "missing.share", how, body, arguments)
