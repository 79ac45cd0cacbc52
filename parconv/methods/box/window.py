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

from numba import types

from ...codegen import jit, machine
from ...codegen.elements import converted
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.runs import vectors_then_elements
from ...codegen.simd import I64, Code


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


def _call(name: str, builder: Any, kinds: Sequence[Any], *arguments: Value) -> None:
    def body(inner: Any, *values: Value) -> None:
        getattr(_Windows(kinds, inner, *values), name)()

    call_once(builder, f"window.{name}", body, arguments, kinds)


def _step(name: str) -> Any:
    @emitted()
    def step(
        builder: Any, scratch: Items, at: Value, sums: Value, out: Items, target: Value,
        lines: Value, taps: Value, more: Value, most: Value, rest: Value,
    ) -> None:  # fmt: skip
        source, place, numbers = scratch.at(at), scratch.at(sums), (lines, taps, more, most, rest)
        past_caches = builder.icmp_signed(">=", target, I64(0))
        with builder.if_else(past_caches) as (as_results, as_sums):
            with as_results:
                if not isinstance(out.dtype, types.Complex):  # else never reached
                    kinds = scratch.dtype, out.dtype
                    _call(name, builder, kinds, source, place, out.at(target), *numbers)
            with as_sums:
                _call(name, builder, [scratch.dtype], source, place, place, *numbers)

    return step


_begin, _widen = _step("begin"), _step("widen")


@jit.jit(inline="always")
def windows(scratch, at, sums, width, taps, lanes, scale, out, target, lines):
    """Sums of ``taps`` neighbours of the row at ``at``, ``width`` of them, scaled.

    By the number that the two of ``scale`` make together.  To ``sums`` or, where ``target``
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
    code, of = Code(builder, sums.type.pointee), Code(builder, entering.type.pointee)

    def one(place: Value, width: int) -> None:
        def pixels(start: Value) -> Value:
            return converted(builder, of.load(of.at(start, place), width), *kinds)

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


@emitted()
def slide(
    builder: Any, f: Items, entering: Value, leaving: Value, scratch: Items, sums: Value,
    count: Value, how: Value,
) -> None:  # fmt: skip
    """Add the pixels of a row of ``f`` to sums, take those of another away, or both."""
    if not isinstance(f.dtype, types.Integer):  # never reached
        return
    arguments = f.at(entering), f.at(leaving), scratch.at(sums), count

    def case(how: int) -> Sequence[Value]:
        _emit_slide(builder, (f.dtype, scratch.dtype), how, *arguments)
        return []

    code = Code(builder, scratch.element)
    code.choose(how, {how: partial(case, how) for how in (ENTER, LEAVE, BOTH)})
