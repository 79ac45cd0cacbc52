"""Pixels that enter their block of `windows`, holes among them as 0, and what these are counted by.

A byte tells of each pixel of a block's row whether it is a hole.  A row that enters takes the place
of the one that leaves the windows: so both change their column's number of holes at once, and a
column that is dealt with twice changes nothing the second time.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types

from ...codegen.emitted import Items, Value, emitted
from ...codegen.simd import I64, Code
from ..windows.adding import AHEAD, ENTERING
from ..windows.blocks import across_columns, growing
from .flags import call_by_flags
from .quotients import Counted, call_shared

BYTE, NUMBER = ir.IntType(8), ir.IntType(16)
Places = Sequence[Value]
NEITHER = (False, False)  # that holes are told of neither by bytes nor by NaN never is


def _sift(
    code: Code, how: Sequence[bool], truths: Value, marks: Value, numbers: Value
) -> Callable[[Value, list[Value]], list[Value]]:
    """What `growing` asks: pixels as they enter; all places: of column 0."""
    builder, lanes, (weighted, omits) = code.builder, code.lanes, how
    bytes_of, wide = (ir.VectorType(kind, lanes) for kind in (BYTE, NUMBER))

    def is_lost(place: Value, pixel: Value) -> Value:
        nan = builder.fcmp_unordered("uno", pixel, pixel)
        if not weighted:
            return nan
        truth = builder.bitcast(builder.gep(truths, [place]), bytes_of.as_pointer())
        none = builder.icmp_signed("==", builder.load(truth, align=1), ir.Constant(bytes_of, None))
        return builder.or_(none, nan) if omits else none

    def one(place: Value, pixel: Value) -> Value:
        lost = is_lost(place, pixel)
        mark = builder.bitcast(builder.gep(marks, [place]), bytes_of.as_pointer())
        number = builder.bitcast(builder.gep(numbers, [place]), wide.as_pointer())
        found, left = builder.zext(lost, bytes_of), builder.load(mark, align=1)
        builder.store(found, mark, align=1)
        change = builder.sext(builder.sub(found, left), wide)
        builder.store(builder.add(builder.load(number, align=2), change), number, align=2)
        return builder.select(lost, code.zero, pixel)

    def sift(at: Value, pixels: list[Value]) -> list[Value]:
        places = [builder.add(at, at.type(n * lanes)) for n in range(len(pixels))]
        return [one(*each) for each in zip(places, pixels, strict=True)]

    return sift


def _entering(code: Code, how: Sequence[bool], arguments: Sequence[Value]) -> Callable[..., None]:
    """``body(column, vectors)``, of the weight, what `_sift` takes, and the places of `growing`."""
    weight, truths, marks, numbers, *places = arguments
    return growing(code, weight, places, _sift(code, how, truths, marks, numbers))


def _arguments(
    weight: Value, scratch: Items, counted: Places, pixels: Items, at: Value, places: Places
) -> list[Value]:
    builder, (there, *others) = scratch.builder, counted
    kinds = BYTE.as_pointer(), NUMBER.as_pointer()
    counters = [
        builder.bitcast(scratch.at(place), kind) for place, kind in zip(others, kinds, strict=True)
    ]
    truths = builder.inttoptr(there, BYTE.as_pointer())
    return [weight, truths, *counters, pixels.at(at), *map(scratch.at, places)]


def _enter(weighted: bool, omits: bool, builder: Any, *arguments: Value) -> None:
    *given, first, columns = arguments
    code = Code(builder, given[4].type.pointee)
    body = _entering(code, (weighted, omits), given)

    def from_first(at: Value, vectors: int) -> None:
        body(builder.add(at, first), vectors)

    across_columns(code, columns, from_first)


@emitted()
def enter_counted(
    builder: Any, pixels: Items, at: Value, weight: Value, scratch: Items, places: Places,
    columns: Places, how: Places, counted: Places,
) -> None:  # fmt: skip
    """Columns = (first, count) of a row of ``pixels`` enter its block, as `blocks.enter` tells.

    All places are those of column 0.  ``how``: whether bytes tell of holes, and whether NaN is one;
    ``counted``: the address of those bytes, places of the row's marks and of the numbers of holes.
    """
    arguments = _arguments(weight, scratch, counted, pixels, at, places)
    # the first pointer is to bytes, whatever the sums are
    name = f"missing.enter.{scratch.element}.{len(places)}"
    call_by_flags(builder, name, how, _enter, [*arguments, *columns], [NEITHER])


@emitted(types.int64)
def address_of(builder: Any, scratch: Items, at: Value) -> Value:
    """Where an element of scratch lies in memory."""
    return builder.ptrtoint(scratch.at(at), I64)


class _Both(Counted):
    """Of one row, while columns of another enter their block, from the first one on."""

    def __init__(self, how: Sequence[bool], streams: bool, builder: Any, *arguments: Value) -> None:
        super().__init__(False, streams, builder, *arguments[:6])
        self.enter = _entering(self.code, how, arguments[6:])

    def block(self, sides: int, at: Value, found: Value) -> Sequence[Value]:
        code, builder = self.code, self.builder
        column, carried = builder.sub(at, self.skip), super().block(sides, at, found)
        for n in range(0, sides, ENTERING):
            place = builder.add(column, at.type(n * code.lanes))
            self.enter(place, min(ENTERING, sides), AHEAD // code.itemsize)
        return carried


@emitted()
def share_and_enter(
    builder: Any, scratch: Items, source: Places, numbers: Places, out: Items, target: Value,
    size: Places, streams: Value, pixels: Items, entering: Places, weight: Value, how: Places,
    counted: Places,
) -> None:  # fmt: skip
    """A row of results, as `share_row` tells, while another one's pixels enter their block.

    Both wait for the memory, and neither long, where the processor finds work of either kind.
    ``entering``: places of the pixels, then in scratch of what `enter_counted` takes, which tells
    of ``how`` and ``counted``.
    """
    at, *places = entering
    entered = _arguments(weight, scratch, counted, pixels, at, places)

    def body(weighted: bool, omits: bool, streams: bool, inner: Any, *values: Value) -> None:
        row, (end, columns, skip), others = values[:6], values[6:9], values[9:]
        _Both((weighted, omits), streams, inner, *row, *others).emit(end, columns, skip)

    call_shared(
        builder, "missing.both", [*how, streams], body, scratch, source, numbers, out, target, size,
        entered, [(*NEITHER, past) for past in (False, True)],
    )  # fmt: skip
