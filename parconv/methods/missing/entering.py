"""Pixels that enter their block of `windows`, holes among them as 0, and what these are counted by.

A byte tells of each pixel of a block's row whether it is a hole.  A row that enters takes the place
of the one that leaves the windows: so both change their column's number of holes, a byte, at once,
and a column that is dealt with twice changes nothing the second time.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code
from ..windows.blocks import across_columns, growing
from .flags import call_by_flags
from .quotients import NUMBER

BYTE = ir.IntType(8)
MOST = (1 << 8) - 1  # holes of a column
Places = Sequence[Value]
NEITHER = (False, False)  # that holes are told of neither by bytes nor by NaN never is


def _sift(
    code: Code, how: Sequence[bool], truths: Value, marks: Value, numbers: Value
) -> Callable[[Value, list[Value]], list[Value]]:
    """What `growing` asks: pixels as they enter; all places: of column 0."""
    builder, small, (weighted, omits) = code.builder, Code(code.builder, BYTE), how

    def nan_of(pixels: list[Value]) -> Value:
        return code.joined([builder.fcmp_unordered("uno", pixel, pixel) for pixel in pixels])

    def lost_of(at: Value, pixels: list[Value]) -> Value:
        if not weighted:
            return nan_of(pixels)
        truth = small.load(small.at(truths, at), len(pixels) * code.lanes)
        none = builder.icmp_signed("==", truth, ir.Constant(truth.type, None))
        return builder.or_(none, nan_of(pixels)) if omits else none

    def sift(at: Value, pixels: list[Value]) -> list[Value]:
        lost, (mark, number) = (
            lost_of(at, pixels),
            (small.at(each, at) for each in (marks, numbers)),
        )
        found = builder.zext(lost, ir.VectorType(BYTE, lost.type.count))
        left, before = (small.load(each, lost.type.count) for each in (mark, number))
        small.store(found, mark)
        small.store(builder.add(before, builder.sub(found, left)), number)
        pieces = (code.piece(lost, n * code.lanes, code.lanes) for n in range(len(pixels)))
        pairs = zip(pieces, pixels, strict=True)
        return [builder.select(gone, code.zero, pixel) for gone, pixel in pairs]

    return sift


def entering(code: Code, how: Sequence[bool], arguments: Sequence[Value]) -> Callable[..., None]:
    """``body(column, vectors)``, of the weight, what `_sift` takes, and the places of `growing`."""
    weight, truths, marks, numbers, *places = arguments
    return growing(code, weight, places, _sift(code, how, truths, marks, numbers))


def arguments_of(
    weight: Value, scratch: Items, counted: Places, pixels: Items, at: Value, places: Places
) -> list[Value]:
    """What `entering` takes; ``counted``: see `enter_counted`."""
    builder, (there, *others) = scratch.builder, counted
    truths = builder.inttoptr(there, BYTE.as_pointer())
    counters = [builder.bitcast(scratch.at(place), BYTE.as_pointer()) for place in others]
    return [weight, truths, *counters, pixels.at(at), *map(scratch.at, places)]


def _enter(weighted: bool, omits: bool, builder: Any, *arguments: Value) -> None:
    *given, first, columns = arguments
    code = Code(builder, given[4].type.pointee)
    body = entering(code, (weighted, omits), given)

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
    arguments = arguments_of(weight, scratch, counted, pixels, at, places)
    # the first pointer is to bytes, whatever the sums are
    name = f"missing.enter.{scratch.element}.{len(places)}"
    call_by_flags(builder, name, how, _enter, [*arguments, *columns], [NEITHER])


@emitted(types.int64)
def address_of(builder: Any, scratch: Items, at: Value) -> Value:
    """Where an element of scratch lies in memory."""
    return builder.ptrtoint(scratch.at(at), I64)


@emitted()
def widen(builder: Any, scratch: Items, source: Value, target: Value, columns: Value) -> None:
    """Bytes of so many columns as numbers of 16 bits, in whole vectors."""
    arguments = [builder.bitcast(scratch.at(source), BYTE.as_pointer())]
    arguments += [builder.bitcast(scratch.at(target), NUMBER.as_pointer()), columns]
    call_once(builder, "missing.widen", _widen, arguments)


def _widen(builder: Any, source: Value, target: Value, columns: Value) -> None:
    small, code = Code(builder, BYTE), Code(builder, NUMBER)

    def one(source: Value, target: Value) -> Sequence[Value]:
        code.store(builder.zext(small.load(source, code.lanes), code.vector), target)
        return [small.at(source, code.lanes), code.at(target, code.lanes)]

    vectors = builder.udiv(builder.add(columns, I64(code.lanes - 1)), I64(code.lanes))
    code.repeat(vectors, [source, target], one)
