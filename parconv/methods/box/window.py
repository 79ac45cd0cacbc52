"""Sums of neighbours by doubling, and of columns by sliding.

The window of ``taps`` neighbours of a row grows by the binary digits of ``taps``, the first digit
first: a window twice as wide is the sum of two next to each other, to which the digit 1 adds one
more pixel.  The first steps happen in registers.  The order of additions of an output
depends on ``taps`` alone.

Sums of columns come from those above: plus the pixel that enters, minus the one that leaves.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ...codegen import jit, machine
from ...codegen.elements import converted
from ...codegen.runs import vectors_then_elements
from ...codegen.simd import I64, Code, Value, data_pointer, define_once


class _Windows:
    """Emits windows of a row; the attributes are IR values of the function's arguments.

    ``kinds``: of the sums, and of results if they are to be converted and stored past the caches,
    a line at a time.
    """

    def __init__(self, kinds: Sequence[Any], builder: Any, *arguments: Value) -> None:
        (self.source, self.sums, self.target, self.lines, self.taps, self.more,
         *scale) = arguments  # fmt: skip
        self.kinds, self.builder = kinds, builder
        self.code = Code(builder, self.source.type.pointee)
        self.scale = [self.code.splat(part) for part in scale]
        self.group = vectors_of_line(self.code.lanes, kinds[1]) if kinds[1:] else 1

    def begin(self) -> None:
        """Windows of 1 to `Code.lanes` neighbours, in registers."""
        widths = range(1, self.code.lanes + 1)
        self.code.choose(self.taps, {width: partial(self.windows, width) for width in widths})

    def windows(self, taps: int) -> Sequence[Value]:
        """A window that begins in one vector ends in the next: each doubling waits for that."""
        code, digits = self.code, bin(taps)[3:]
        lag = max(len(digits) - 1, 0)

        def one(at: Value, before: Sequence[Value]) -> tuple[Value, list[Value]]:
            """Sums ``lag`` vectors behind ``at``, and what the next vector needs."""
            newest, width, sums = [], 1, code.load(at)
            for step, digit in enumerate(digits):
                if step == 0:
                    sums = self.builder.fadd(sums, code.load(code.at(at, 1)))
                else:
                    newest.append(sums)
                    older, at = before[step - 1], code.at(at, -code.lanes)
                    sums = self.builder.fadd(older, code.shift(older, sums, width))
                width *= 2
                if digit == "1":
                    sums = self.builder.fadd(sums, code.load(code.at(at, width)))
                    width += 1
            return sums, newest

        def line(index: Value, *before: Value) -> Sequence[Value]:
            first = self.first_vector(index)
            state, found = list(before), []
            for n in range(self.group):
                sums, state = one(code.at(self.source, first, (lag + n) * code.lanes), state)
                found.append(sums)
            self.store(found, index)
            return state

        state = [code.zero] * lag
        for n in range(lag):
            state = one(code.at(self.source, n * code.lanes), state)[1]
        code.loop(self.lines, state, line)
        return []

    def widen(self) -> None:
        """Windows twice as wide as those at ``sums``, and one wider where ``more``."""
        self.code.choose(self.more, {more: partial(self.wider, more) for more in (0, 1)})

    def wider(self, more: int) -> Sequence[Value]:
        code, add = self.code, self.builder.fadd
        twice = self.builder.shl(self.taps, I64(1))

        def line(index: Value) -> Sequence[Value]:
            found = []
            for n in range(self.group):
                place = code.at(self.sums, self.first_vector(index), n * code.lanes)
                sums = add(code.load(place), code.load(code.at(place, self.taps)))
                if more:
                    place = code.at(self.source, self.first_vector(index), n * code.lanes)
                    sums = add(sums, code.load(code.at(place, twice)))
                found.append(sums)
            self.store(found, index)
            return []

        self.code.loop(self.lines, [], line)
        return []

    def first_vector(self, index: Value) -> Value:
        return self.builder.mul(index, I64(self.group * self.code.lanes))

    def store(self, sums: Sequence[Value], index: Value) -> None:
        scaled = [self.code.scaled(value, *self.scale) for value in sums]
        target = self.code.at(self.target, self.first_vector(index))
        if self.kinds[1:]:
            if self.kinds[0] != self.kinds[1]:
                scaled = [converted(self.builder, value, *self.kinds) for value in scaled]
            self.code.stream(self.code.joined(scaled), target)
        else:
            self.code.store(scaled[0], target)


def vectors_of_line(lanes: int, result: Any) -> int:
    """Vectors of sums that become a line of results."""
    return max(1, machine.CACHE_LINE * 8 // (int(result.bitwidth) * lanes))


def _call(builder: Any, name: str, kinds: Sequence[Any], arguments: list[Value]) -> None:
    function = define_once(
        builder.module,
        ".".join(["parconv.window", name, *map(str, kinds)]),
        [argument.type for argument in arguments],
        lambda inner, *values: getattr(_Windows(kinds, inner, *values), name)(),
    )
    builder.call(function, arguments)


def _step(name: str) -> Any:
    def emitted(typing, scratch, at, sums, out, target, lines, taps, more, most, rest):  # fmt: skip
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            place = partial(data_pointer, context, builder, scratch, args[0])
            arguments = [place(args[1]), place(args[2]), place(args[2]), *args[5:]]
            past_caches = builder.icmp_signed(">=", args[4], I64(0))
            with builder.if_else(past_caches) as (as_results, as_sums):
                with as_results:
                    if not isinstance(out.dtype, types.Complex):  # else never reached
                        end = data_pointer(context, builder, out, args[3], args[4])
                        _call(
                            builder, name, [scratch.dtype, out.dtype],
                            [*arguments[:2], end, *arguments[3:]],
                        )  # fmt: skip
                with as_sums:
                    _call(builder, name, [scratch.dtype], arguments)
            return context.get_dummy_value()

        return types.void(
            scratch, *[types.int64] * 2, out, *[types.int64] * 4, scratch.dtype, scratch.dtype
        ), codegen

    return intrinsic(emitted)


_begin, _widen = _step("begin"), _step("widen")


@jit.jit(inline="always")
def windows(scratch, at, sums, width, taps, lanes, scale, out, target, lines):
    """Sums of ``taps`` neighbours of the row at ``at``, ``width`` of them, scaled.

    By the number that the first two of ``scale`` make together.  To ``sums`` or, where ``target``
    is a place in ``out``, to ``lines`` lines of results there.
    """
    steps = 0
    while taps >> steps > lanes:
        steps += 1
    one, zero = scratch.dtype.type(1), scratch.dtype.type(0)
    found, most, rest, place, count = taps >> steps, scale[0], scale[1], target, lines
    if steps:
        most, rest, place = one, zero, -1
    if place < 0:
        count = (width + taps - found + lanes - 1) // lanes
    _begin(scratch, at, sums, out, place, count, found, 0, most, rest)
    while steps:
        steps -= 1
        more = taps >> steps & 1
        if steps == 0:
            most, rest, place, count = scale[0], scale[1], target, lines
        if place < 0:
            count = (width + taps - 2 * found - more + lanes - 1) // lanes
        _widen(scratch, at, sums, out, place, count, found, more, most, rest)
        found = 2 * found + more


# --- columns of integers -------------------------------------------------------------------------

ENTER, LEAVE, BOTH = range(3)


def _emit_slide(builder: Any, kinds: Sequence[Any], how: int, *arguments: Value) -> None:
    entering, leaving, sums, count = arguments
    code = Code(builder, sums.type.pointee)

    def one(place: Value, width: int) -> None:
        def pixels(start: Value) -> Value:
            pointer = builder.gep(start, [place])
            kind = ir.VectorType(pointer.type.pointee, width)
            loaded = builder.load(builder.bitcast(pointer, kind.as_pointer()), align=1)
            return converted(builder, loaded, *kinds)

        at = code.at(sums, place)
        total = code.load(at, width)
        if how == BOTH:
            change = builder.fsub(pixels(entering), pixels(leaving))
            total = builder.fadd(total, change)
        elif how == ENTER:
            total = builder.fadd(total, pixels(entering))
        else:
            total = builder.fsub(total, pixels(leaving))
        code.store(total, at)

    vectors_then_elements(builder, count, code.lanes, one)


@intrinsic
def slide(typing, f, entering, leaving, scratch, sums, count, how):  # fmt: skip
    """Add the pixels of a row of ``f`` to sums, take those of another away, or both."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = f.dtype, scratch.dtype
        if not isinstance(f.dtype, types.Integer):  # never reached
            return context.get_dummy_value()
        rows = [data_pointer(context, builder, f, args[0], place) for place in args[1:3]]
        target = data_pointer(context, builder, scratch, args[3], args[4])

        def case(how: int) -> Sequence[Value]:
            _emit_slide(builder, kinds, how, *rows, target, args[5])
            return []

        code = Code(builder, target.type.pointee)
        code.choose(args[6], {how: partial(case, how) for how in (ENTER, LEAVE, BOTH)})
        return context.get_dummy_value()

    return types.void(f, *[types.int64] * 2, scratch, *[types.int64] * 3), codegen
