"""Copies of pixels: every other one of a row, and short runs, tap by tap."""

from typing import Any

from numba.core import cgutils

from ...codegen import machine
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code


@emitted()
def halve_rows(
    builder: Any, source: Items, start: Value, step: Value, target: Items, at: Value, to: Value,
    rows: Value, count: Value,
) -> None:  # fmt: skip
    """Copy ``count`` elements of ``rows`` rows, ``step`` and ``to`` elements apart.

    Each element is the second after the one before; more than a vector of them.  The last vector
    ends with the row and takes the odd lanes, so that nothing beyond is read.
    """
    first, begin = source.at(start), target.at(at)
    lanes, code = machine.lanes(target.itemsize), Code(builder, source.element)

    def one(row: Value, place: Value, at: Value, lane: int) -> None:
        pixel = code.at(row, builder.sub(builder.mul(at, I64(2)), I64(lane)))
        found = code.load(pixel, 2 * lanes)
        value = code.shuffle(found, found, range(lane, 2 * lanes, 2))
        code.store(value, code.at(place, at))

    last = builder.sub(count, I64(lanes))
    whole = builder.sdiv(builder.sub(count, I64(1)), I64(lanes))
    with cgutils.for_range(builder, rows, intp=I64) as outer:
        row = builder.gep(first, [builder.mul(outer.index, step)])
        place = builder.gep(begin, [builder.mul(outer.index, to)])
        with cgutils.for_range(builder, whole, intp=I64) as inner:
            one(row, place, builder.mul(inner.index, I64(lanes)), 0)
        one(row, place, last, 1)


def _emit_piece(
    builder: Any, source: Value, offsets: Value, target: Value, step: Value, lanes: Value,
    count: Value,
) -> None:  # fmt: skip
    """The copy of a few pixels of every tap."""
    code = Code(builder, source.type.pointee)
    mask = code.first_lanes(lanes)

    def one(index: Value, target: Value) -> list[Value]:
        pixels = code.load_some(code.at(source, code.read(offsets, index)), mask)
        code.store_some(pixels, target, mask)
        return [code.at(target, step)]

    code.loop(count, [target], one)


@emitted()
def gather(
    builder: Any, f: Items, scratch: Items, in_place: Value, source: Value, offsets: Value,
    target: Value, step: Value, lanes: Value, count: Value,
) -> None:  # fmt: skip
    """Copy ``lanes`` pixels, at most a vector, of each of ``count`` taps to scratch.

    From element ``source`` of ``f``, where ``in_place``, or of scratch, plus the tap's offset,
    where those begin at the int64 ``offsets`` of scratch; to element ``target``, ``step`` further
    for each tap.
    """
    start = builder.select(in_place, f.at(source), scratch.at(source))
    values = [start, scratch.at(offsets, I64), scratch.at(target), step, lanes, count]
    call_once(builder, "layer.gather", _emit_piece, values)
