"""The inner loop: sums of cosines that slide by one pixel a step, for a vector of lines at a time.

Each term keeps its last two sums.  The next one is ``turn * last - before + d``, where d is the
same for all terms: what enters and leaves.  What the steps of a run add is made first, so that
the two sums of all seven terms stay in registers; weights are read from memory as they are used.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code
from ...problem.cosines import TERMS

# Of the numbers of an axis, each a vector of equal ones: turns, weights, the ratio.
NUMBERS, WEIGHTS, EDGE = 2 * TERMS + 1, TERMS, 2 * TERMS
SUMS = 2 * TERMS  # vectors: the last of all terms, then those before


class _Run:
    """Emits an even number of steps; the attributes are IR values of the function's arguments."""

    def __init__(self, builder: Any, stored: bool, *arguments: Value) -> None:
        (self.enter, self.enter_step, self.leave, self.leave_step, self.numbers, self.added,
         self.sums, self.target, self.target_step, self.pairs) = arguments  # fmt: skip
        self.builder, self.stored = builder, stored
        self.code = Code(builder, self.enter.type.pointee)

    def emit(self) -> None:
        self.add()
        self.turn()

    def number(self, index: int) -> Value:
        return self.code.load(self.code.at(self.numbers, index * self.code.lanes))

    def add(self) -> None:
        """What each step adds: pixels beyond both ends, less so much of those at the ends."""
        code, builder = self.code, self.builder
        edge = self.number(EDGE)

        def one(
            enter: Value, leave: Value, added: Value, last: Value, gone: Value
        ) -> tuple[Value, ...]:
            enter, leave = code.at(enter, self.enter_step), code.at(leave, self.leave_step)
            new, inside = code.load(enter), code.load(leave)
            beyond, ends = builder.fadd(new, gone), builder.fadd(last, inside)
            code.store(builder.fsub(beyond, builder.fmul(edge, ends)), added)
            return enter, leave, code.at(added, code.lanes), new, inside

        def two(_: Value, *carried: Value) -> Sequence[Value]:
            return one(*one(*carried))

        begin = code.load(self.enter), code.load(self.leave)
        code.loop(self.pairs, [self.enter, self.leave, self.added, *begin], two)

    def turn(self) -> None:
        code = self.code
        places = [code.at(self.sums, n * code.lanes) for n in range(SUMS)]
        sums = [code.load(place) for place in places]
        found = code.loop(self.pairs, [self.added, self.target, *sums], self.two, rolled=True)
        for value, place in zip(found[2:], places, strict=True):
            code.store(value, place)

    def two(self, _: Value, added: Value, target: Value, *sums: Value) -> Sequence[Value]:
        """Two steps, after which each sum is in its own register again.

        The place of the numbers is hidden from LLVM, which would keep numbers in registers and sums
        in memory, where nothing is stored.
        """
        self.numbers = self.code.opaque(self.numbers)
        last, before = list(sums[:TERMS]), list(sums[TERMS:])
        for _ in range(2):
            last, before = self.step(added, target, last, before), last
            added = self.code.at(added, self.code.lanes)
            target = self.code.at(target, self.target_step)
        return [added, target, *last, *before]

    def step(self, added: Value, target: Value, last: Any, before: Any) -> list[Value]:
        code, builder, both = self.code, self.builder, self.code.load(added)
        sums, total = [], None
        for n, (one, other) in enumerate(zip(last, before, strict=True)):
            sums.append(code.fma(self.number(n), one, builder.fsub(both, other)))
            if self.stored:
                weight = self.number(WEIGHTS + n)
                whole = code.fma(weight, sums[n], total) if total else builder.fmul(weight, sums[n])
                total = whole
        if self.stored:
            code.store(total, target)
        return sums


@emitted()
def slide(
    builder: Any, scratch: Items, enter: Sequence[Value], leave: Sequence[Value], taps: Items,
    numbers: Value, places: Sequence[Value], target: Sequence[Value], pairs: Value,
) -> None:  # fmt: skip
    """Emit a call that moves sums by ``2 * pairs`` steps.

    ``enter``: the place of the vector that was the last to enter, and elements to the next;
    ``leave``: the same of the last that left.  ``numbers``: those of the axis, in ``taps``.
    ``places``: of what steps add, and of the sums.  ``target``: of results, and elements from one
    to the next; -1 where they are not wanted.
    """
    arguments = [
        scratch.at(enter[0]), enter[1], scratch.at(leave[0]), leave[1], taps.at(numbers),
        *map(scratch.at, places), scratch.at(target[0]), target[1], pairs,
    ]  # fmt: skip

    def emit(stored: bool, inner: Any, *values: Value) -> None:
        _Run(inner, stored, *values).emit()

    wanted = builder.icmp_signed(">=", target[0], I64(0))
    with builder.if_else(wanted) as branches:
        for branch, stored in zip(branches, (True, False), strict=True):
            with branch:
                call_once(builder, "cosines", partial(emit, stored), arguments, [stored])
