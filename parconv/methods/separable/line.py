"""The inner loop: a factor of the filter along one axis, for a block of neighbouring outputs.

`RUN` neighbouring outputs, each a vector of lanes that go along the other axis, are summed at a
time.  The pixels that neighbours share stay in registers: a tap moves the window by one pixel, so
it loads one vector (two, where the factor is symmetric) for `RUN` multiply-adds.

The order of additions of an output is that of the taps; where the factor is symmetric, from the
middle outwards, the two pixels that meet equal taps added first.  It depends on nothing else.
Where taps change sign when read backwards, one pixel is taken from the other: exactly 0 where they
are equal.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from numba.core import cgutils

from ...codegen import machine
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code

# Outputs of one block: sums and two windows of as many vectors must fit the register file, and
# their number must hide the latency of a multiply-add.
RUN = machine.ISA.choose({32: 8, 16: 4})
# Taps of one turn of the loop, after which the window is where it was but for moves of registers.
UNROLL = 4
PLAIN, EQUAL, OPPOSITE = range(3)  # halves of a factor's taps


def run_of(lanes: int) -> int:
    """Outputs of one block for vectors of so many lanes, at least one block of which are turned."""
    return min(RUN, lanes)


class _Line:
    """Emits blocks one after another; the attributes are IR values of the function's arguments."""

    def __init__(self, builder: Any, opposite: bool, *arguments: Value) -> None:
        (self.source, self.step, self.taps, self.count, self.target, self.target_step,
         self.onto, self.blocks) = arguments  # fmt: skip
        self.builder = builder
        self.code = Code(builder, self.source.type.pointee)
        self.run = run_of(self.code.lanes)
        self.opposite = opposite  # taps on both sides of the middle

    def emit(self, block: Callable[[], None]) -> None:
        """All blocks, at least one."""
        steps = [self.builder.mul(step, I64(self.run)) for step in (self.step, self.target_step)]

        def one(_: Value, *places: Value) -> Sequence[Value]:
            self.source, self.target = places
            block()
            return [self.code.at(place, step) for place, step in zip(places, steps, strict=True)]

        self.code.loop(self.blocks, [self.source, self.target], one)

    def results(self) -> list[Value]:
        return self.rows(self.target, self.target_step, self.run)

    def rows(self, pointer: Value, step: Value, count: int) -> list[Value]:
        """Pointers to rows ``step`` elements apart."""
        return [self.code.at(pointer, self.builder.mul(step, I64(n))) for n in range(count)]

    def before(self) -> list[Value]:
        """The sums of an earlier product, which come first."""
        code, builder = self.code, self.builder
        begun = builder.zext(builder.icmp_signed("!=", self.onto, I64(0)), I64)
        return code.choose(begun, {
            0: lambda: [code.zero] * self.run,
            1: lambda: [code.load(place) for place in self.results()],
        })  # fmt: skip

    def first(self, pixels: Sequence[Value]) -> list[Value]:
        """The sums after the first tap."""
        code, weight = self.code, self.code.splat(self.code.read(self.taps))
        return [code.fma(p, weight, s) for p, s in zip(pixels, self.before(), strict=True)]

    def pair(self, lower: Value, upper: Value) -> Value:
        """Pixels under two taps that differ in nothing but their sign."""
        builder = self.builder
        return builder.fsub(upper, lower) if self.opposite else builder.fadd(lower, upper)

    def slide(
        self, taps: Value, carried: Sequence[Value], move: Callable[..., Sequence[Value]]
    ) -> list[Value]:
        """``move`` over so many taps after the first."""
        unrolled = self.builder.udiv(taps, I64(UNROLL))
        rest = self.builder.urem(taps, I64(UNROLL))

        def several(*carried: Value) -> Sequence[Value]:
            for _ in range(UNROLL):
                carried = tuple(move(*carried))
            return carried

        return self.code.repeat(rest, self.code.repeat(unrolled, carried, several), move)

    def store(self, sums: Sequence[Value]) -> None:
        for value, place in zip(sums, self.results(), strict=True):
            self.code.store(value, place)

    def plain(self) -> None:
        """First tap to last."""
        code, run = self.code, self.run
        window = [code.load(row) for row in self.rows(self.source, self.step, run)]

        def move(taps: Value, following: Value, *carried: Value) -> Sequence[Value]:
            taps = code.at(taps, 1)
            weight = code.splat(code.read(taps))
            window = [*carried[1:run], code.load(following)]
            sums = [
                code.fma(pixel, weight, total)
                for pixel, total in zip(window, carried[run:], strict=True)
            ]
            return [taps, code.at(following, self.step), *window, *sums]

        following = code.at(self.source, self.builder.mul(self.step, I64(run)))
        carried = [self.taps, following, *window, *self.first(window)]
        others = self.builder.sub(self.count, I64(1))
        self.store(self.slide(others, carried, move)[2 + run :])

    def odd(self) -> None:
        """From the middle outwards, an odd number of taps that read the same from both ends."""
        middle = [self.code.load(row) for row in self.rows(self.middle(), self.step, self.run)]
        # opposite taps have a zero between them, which counts no pixel
        sums = self.before() if self.opposite else self.first(middle)
        self.outwards(middle, middle, sums)

    def even(self) -> None:
        """The same for an even number of taps, between the two middle ones."""
        upper = self.middle()
        below = [self.code.load(row) for row in self.rows(upper, self.step, self.run)]
        first = self.code.load(self.code.at(upper, self.builder.neg(self.step)))
        above = [first, *below[:-1]]
        pairs = [self.pair(low, high) for low, high in zip(above, below, strict=True)]
        self.outwards(above, below, self.first(pairs))

    def middle(self) -> Value:
        half = self.builder.lshr(self.count, I64(1))
        return self.code.at(self.source, self.builder.mul(half, self.step))

    def outwards(
        self, lower: Sequence[Value], upper: Sequence[Value], sums: Sequence[Value]
    ) -> None:
        """All other taps, given the windows that the first one met."""
        code, builder, run = self.code, self.builder, self.run
        single = builder.and_(self.count, I64(1))
        back = builder.neg(self.step)

        def move(taps: Value, before: Value, following: Value, *carried: Value) -> Sequence[Value]:
            taps = code.at(taps, 1)
            weight = code.splat(code.read(taps))
            lower = [code.load(before), *carried[: run - 1]]
            upper = [*carried[run + 1 : 2 * run], code.load(following)]
            sums = [
                code.fma(self.pair(low, high), weight, total)
                for low, high, total in zip(lower, upper, carried[2 * run :], strict=True)
            ]
            return [taps, code.at(before, back), code.at(following, self.step), *lower, *upper,
                    *sums]  # fmt: skip

        following = code.at(self.middle(), builder.mul(self.step, I64(run)))
        before = code.at(self.middle(), builder.mul(builder.sub(single, I64(2)), self.step))
        others = builder.lshr(builder.sub(self.count, I64(1)), I64(1))
        carried = [self.taps, before, following, *lower, *upper, *sums]
        self.store(self.slide(others, carried, move)[3 + 2 * run :])


# By what the two halves of the taps are to each other, then by whether their number is odd.
LINES = (
    ("plain", False), ("plain", False), ("even", False), ("odd", False), ("even", True),
    ("odd", True),
)  # fmt: skip


def variant(halves: int, count: int) -> str:
    """What the name of the function ends with that sums so many taps."""
    name, opposite = LINES[2 * halves + count % 2]
    return ".".join([name, *["opposite"] * opposite])


@emitted()
def line(
    builder: Any, scratch: Items, at: Value, step: Value, taps: Items, factor: Sequence[Value],
    target: Value, target_step: Value, onto: Value, blocks: Value,
) -> None:  # fmt: skip
    """Emit a call that sums so many blocks of neighbours, from and to places in ``scratch``.

    ``step`` and ``target_step`` are elements from one output, and from one tap, to the next;
    ``factor`` = place in ``taps``, number of taps, and `PLAIN`, `EQUAL` or `OPPOSITE`: what the two
    halves of the taps are to each other.  ``onto``: the sums begin with the numbers at the target.
    """
    taps_at, count, halves = factor
    arguments = [
        scratch.at(at), step, taps.at(taps_at), count, scratch.at(target), target_step, onto, blocks
    ]  # fmt: skip

    def emit(name: str, opposite: bool, inner: Any, *values: Value) -> None:
        line = _Line(inner, opposite, *values)
        line.emit(getattr(line, name))

    def call(name: str, opposite: bool) -> list[Value]:
        kind = name, *["opposite"] * opposite
        call_once(builder, "line", partial(emit, name, opposite), arguments, kind)
        return []

    which = builder.add(builder.shl(halves, I64(1)), builder.and_(count, I64(1)))
    cases = {n: partial(call, *kind) for n, kind in enumerate(LINES)}
    Code(builder, taps.element).choose(which, cases)


@emitted()
def scale_vectors(
    builder: Any, scratch: Items, at: Value, count: Value, taps: Items, place: Value
) -> None:
    """Vectors of scratch times the number that two in ``taps`` make together."""
    start, factors, code = scratch.at(at), taps.at(place), Code(builder, taps.element)
    most, rest = (code.splat(code.read(factors, n)) for n in range(2))
    with cgutils.for_range(builder, count, intp=I64) as loop:
        pointer = code.at(start, builder.mul(loop.index, I64(code.lanes)))
        code.store(code.scaled(code.load(pointer), most, rest), pointer)
