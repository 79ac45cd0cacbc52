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

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...codegen import machine
from ...codegen.simd import I64, Code, Value, call_once, data_pointer

# Outputs of one block: sums and two windows of as many vectors must fit the register file, and
# their number must hide the latency of a multiply-add.
RUN = 8 if machine.VECTOR_REGISTERS == 32 else 4
# Taps of one turn of the loop, after which the window is where it was but for moves of registers.
UNROLL = 4
PLAIN, EQUAL, OPPOSITE = range(3)  # halves of a factor's taps


def run_of(lanes: int) -> int:
    """Outputs of one block for vectors of so many lanes, at least one block of which are turned."""
    return min(RUN, lanes)


def _repeat(
    code: Code, count: Value, carried: Sequence[Value], body: Callable[..., Sequence[Value]]
) -> list[Value]:
    """``for _ in range(count): carried = body(*carried)``, where ``count`` may be 0."""
    builder = code.builder
    before = builder.block
    top, turn, after = (builder.append_basic_block(name) for name in ("top", "turn", "after"))
    builder.branch(top)
    builder.position_at_end(top)
    index, *phis = (builder.phi(value.type) for value in (count, *carried))
    builder.cbranch(builder.icmp_signed("<", index, count), turn, after)
    builder.position_at_end(turn)
    results = body(*phis)
    following = builder.add(index, I64(1), flags=("nuw", "nsw"))
    for phi, first, result in zip(
        [index, *phis], [I64(0), *carried], [following, *results], strict=True
    ):
        phi.add_incoming(first, before)
        phi.add_incoming(result, builder.block)
    builder.branch(top)
    builder.position_at_end(after)
    return phis


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

        return _repeat(self.code, rest, _repeat(self.code, unrolled, carried, several), move)

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


def _call_line(builder: Any, name: str, opposite: bool, arguments: Sequence[Value]) -> list[Value]:
    def body(inner: Any, *values: Value) -> None:
        line = _Line(inner, opposite, *values)
        line.emit(getattr(line, name))

    whole = f"parconv.line.{'opposite.' * opposite}{name}.{arguments[0].type.pointee}"
    call_once(builder, whole, body, arguments)
    return []


@intrinsic
def line(
    typing, scratch, at, step, taps, factor, target, target_step, onto, blocks
):  # fmt: skip
    """Emit a call that sums so many blocks of neighbours, from and to places in ``scratch``.

    ``step`` and ``target_step`` are elements from one output, and from one tap, to the next;
    ``factor`` = place in ``taps``, number of taps, and `PLAIN`, `EQUAL` or `OPPOSITE`: what the two
    halves of the taps are to each other.  ``onto``: the sums begin with the numbers at the target.
    """
    signature = types.void(scratch, at, step, taps, factor, target, target_step, onto, blocks)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        source, target = (
            data_pointer(context, builder, kinds[0], args[0], place) for place in (args[1], args[5])
        )
        taps_at, count, halves = (builder.extract_value(args[4], n) for n in range(3))
        weights = data_pointer(context, builder, kinds[3], args[3], taps_at)
        arguments = [source, args[2], weights, count, target, *args[6:]]
        single = builder.and_(count, I64(1))
        which = builder.add(builder.shl(halves, I64(1)), single)
        names = (
            ("plain", False), ("plain", False), ("even", False), ("odd", False), ("even", True),
            ("odd", True),
        )  # fmt: skip
        cases = {n: partial(_call_line, builder, *name, arguments) for n, name in enumerate(names)}
        Code(builder, weights.type.pointee).choose(which, cases)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def scale_vectors(typing, scratch, at, count, taps, place):  # fmt: skip
    """Vectors of scratch times the number that two in ``taps`` make together."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        start = data_pointer(context, builder, scratch, args[0], args[1])
        factors = data_pointer(context, builder, taps, args[3], args[4])
        code = Code(builder, factors.type.pointee)
        most, rest = (code.splat(code.read(factors, n)) for n in range(2))
        with cgutils.for_range(builder, args[2], intp=I64) as loop:
            pointer = code.at(start, builder.mul(loop.index, I64(code.lanes)))
            code.store(code.scaled(code.load(pointer), most, rest), pointer)
        return context.get_dummy_value()

    return types.void(scratch, *[types.int64] * 2, taps, types.int64), codegen


@intrinsic
def fetch_lines(typing, f, at, step, count):  # fmt: skip
    """Ask for the lines of ``count`` elements of ``f``, ``step`` apart, which may lie anywhere."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        start = data_pointer(context, builder, f, args[0], args[1])
        code = Code(builder, ir.FloatType())
        with cgutils.for_range(builder, args[3], intp=I64) as loop:
            code.prefetch(code.at(start, builder.mul(loop.index, args[2])))
        return context.get_dummy_value()

    return types.void(f, *[types.int64] * 3), codegen
