"""Results of `windows` where pixels are missing: the last step along a row, and the quotient.

Neighbours' sums are added up, of pixels and of holes, where they are divided: neither waits in
scratch.
"""

from collections.abc import Sequence
from typing import Any

from ...codegen.emitted import Items, Value, emitted
from ...codegen.simd import Code
from ..windows.neighbours import Neighbours
from .entering import NEITHER, Places, arguments_of, entering as entering_of
from .flags import call_by_flags
from .quotients import NUMBER, Counted

AHEAD = 1 << 12  # bytes from a pixel that enters to what is prefetched
ENTERING = 4  # vectors of columns in which pixels enter side by side
GIVEN = 18  # arguments of a row but for where it goes to


class _Summed(Counted):
    """Of sums of neighbours, pixels' and holes', that the row's last step adds up.

    ``places``: those of `Neighbours`, of pixels, then of holes; ``scale``: two numbers of the sums.
    """

    def __init__(self, streams: bool, builder: Any, *arguments: Value) -> None:
        pixels, holes, scale, numbers = (
            arguments[first:end] for first, end in ((0, 6), (6, 12), (12, 14), (14, GIVEN))
        )
        super().__init__(False, streams, builder, pixels[0], holes[0], *numbers)
        self.pixels, self.places = Neighbours(self.code, pixels), holes
        self.scale = [self.code.splat(part) for part in scale]

    def values(self, at: Value, sides: int) -> Sequence[Value]:
        sums = self.pixels.sums(at, sides)
        return [self.code.scaled(value, *self.scale) for value in sums]

    def taken(self, at: Value, sides: int) -> Sequence[Value]:
        code, numbers = self.code, Code(self.builder, NUMBER)
        width = min(sides * code.lanes, numbers.lanes)
        found = Neighbours(numbers, self.places, width).sums(at, sides * code.lanes // width)
        pieces = (numbers.piece(one, n, code.lanes) for one in found
                  for n in range(0, width, code.lanes))  # fmt: skip
        return [self.builder.uitofp(piece, code.vector) for piece in pieces]


class _Both(_Summed):
    """Of one row, while columns of another enter their block, from the first one on."""

    def __init__(self, how: Sequence[bool], streams: bool, builder: Any, *arguments: Value) -> None:
        super().__init__(streams, builder, *arguments[:GIVEN])
        self.enter = entering_of(self.code, how, arguments[GIVEN:])

    def block(self, sides: int, at: Value, found: Value) -> Sequence[Value]:
        code, builder = self.code, self.builder
        column, carried = builder.sub(at, self.skip), super().block(sides, at, found)
        for n in range(0, sides, ENTERING):
            place = builder.add(column, at.type(n * code.lanes))
            self.enter(place, min(ENTERING, sides), AHEAD // code.itemsize)
        return carried


def _arguments(
    scratch: Items, source: Places, holes: Places, scale: Sequence[Value], numbers: Sequence[Value],
    out: Items, target: Value, size: Sequence[Value],
) -> list[Value]:  # fmt: skip
    builder = scratch.builder
    bits = builder.bitcast(scratch.at(), NUMBER.as_pointer())

    def located(start: Value, places: Places) -> list[Value]:
        first, more = (builder.gep(start, [places[n]]) for n in (0, 3))
        return [first, *places[1:3], more, *places[4:]]

    sums = [*located(scratch.at(), source), *located(bits, holes)]
    return [*sums, *scale, *numbers, out.at(target), *size]


@emitted()
def share_sums(
    builder: Any, scratch: Items, source: Places, holes: Places, scale: Sequence[Value],
    numbers: Places, out: Items, target: Value, size: Places, streams: Value,
) -> None:  # fmt: skip
    """A row of results into ``out``, as `quotients.share_row` tells, from the last step's sums.

    ``source``, ``holes``: where the first of a result's sums lie, elements to the next ones, how
    many these are; and the same of those that come after.  Of holes numbers of 16 bits, counted
    from the beginning of scratch.  ``scale``: two numbers that scale sums of pixels.
    """
    if out.dtype != scratch.dtype:  # never reached
        return
    arguments = _arguments(scratch, source, holes, scale, numbers, out, target, size)

    def body(streams: bool, inner: Any, *values: Value) -> None:
        _Summed(streams, inner, *values[:GIVEN]).emit(*values[GIVEN:])

    call_by_flags(builder, "missing.sums", [streams], body, arguments)


@emitted()
def share_and_enter(
    builder: Any, scratch: Items, source: Places, holes: Places, scale: Sequence[Value],
    numbers: Places, out: Items, target: Value, size: Places, streams: Value, pixels: Items,
    entering: Places, weight: Value, how: Places, counted: Places,
) -> None:  # fmt: skip
    """The same, while another row's pixels enter their block.

    Both wait for the memory, and neither long, where the processor finds work of either kind.
    ``entering``: places of the pixels, then in scratch of what `enter_counted` takes, which tells
    of ``how`` and ``counted``.
    """
    if out.dtype != scratch.dtype:  # never reached
        return
    arguments = _arguments(scratch, source, holes, scale, numbers, out, target, size)
    at, *places = entering
    entered = arguments_of(weight, scratch, counted, pixels, at, places)

    def body(weighted: bool, omits: bool, streams: bool, inner: Any, *values: Value) -> None:
        row, end, others = values[:GIVEN], values[GIVEN : GIVEN + 3], values[GIVEN + 3 :]
        _Both((weighted, omits), streams, inner, *row, *others).emit(*end)

    call_by_flags(
        builder, "missing.both", [*how, streams], body, [*arguments, *entered],
        [(*NEITHER, past) for past in (False, True)],
    )  # fmt: skip
