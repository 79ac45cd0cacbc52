"""Sums along a strided row, sorted by the tap that meets them: such neighbours lie side by side."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code

WIDEST = 4  # strides that shuffles sort


@emitted()
def sort(
    builder: Any, scratch: Items, source: Sequence[Value], target: Sequence[Value], stride: Value,
    size: Sequence[Value],
) -> None:  # fmt: skip
    """Every ``stride``-th sum of a row into a part of a row of its own.

    ``source``: where the first row begins, and elements to the next; ``target``: the same, and
    elements from part to part; ``size``: rows, and vectors of each part.
    """
    (start, *down), (end, *apart) = source, target
    arguments = [scratch.at(start), *down, scratch.at(end), *apart, stride, *size]

    def call(known: int) -> list[Value]:
        call_once(builder, "rows.sort", partial(_sort, known), arguments, [known])
        return []

    few = builder.icmp_signed("<=", stride, I64(WIDEST))
    case = builder.select(few, stride, I64(0))
    cases = {known: partial(call, known) for known in range(WIDEST + 1)}
    Code(builder, scratch.element).choose(case, cases)


def _sort(
    known: int, builder: Any, source: Value, down: Value, target: Value, below: Value,
    apart: Value, stride: Value, rows: Value, vectors: Value,
) -> None:  # fmt: skip
    code = Code(builder, source.type.pointee)

    def by_vectors(source: Value, target: Value) -> Sequence[Value]:
        given = [code.load(code.at(source, n * code.lanes)) for n in range(known)]
        for part in range(known):
            place = code.at(target, builder.mul(apart, I64(part)))
            code.store(_every(code, given, part), place)
        return [code.at(source, known * code.lanes), code.at(target, code.lanes)]

    def one_by_one(source: Value, target: Value) -> Sequence[Value]:
        def one(source: Value, target: Value) -> Sequence[Value]:
            builder.store(builder.load(source), target)
            return [code.at(source, stride), code.at(target, 1)]

        count = builder.mul(vectors, I64(code.lanes))
        code.repeat(count, [source, target], one)
        return [code.at(source, 1), code.at(target, apart)]

    def row(source: Value, target: Value) -> Sequence[Value]:
        body, turns = (by_vectors, vectors) if known else (one_by_one, stride)
        code.repeat(turns, [source, target], body)
        return [code.at(source, down), code.at(target, below)]

    code.repeat(rows, [source, target], row)


def _every(code: Code, given: Sequence[Value], part: int) -> Value:
    """The elements of vectors that follow one another, as many apart as these are, from one on."""
    found, stride = given[0], len(given)
    for n, vector in enumerate(given[1:], 1):
        order = []
        for lane in range(code.lanes):
            which, place = divmod(lane * stride + part, code.lanes)
            first = place if n == 1 else lane  # of what is there already
            order.append(code.lanes + place if which == n else first if which < n else 0)
        found = code.shuffle(found, vector, order)
    return found
