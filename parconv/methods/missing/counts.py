"""Equal taps: what holes take from their sum is told by a number of holes.

Such numbers are exact, so no pixel is weak, and take the same time however many holes there are: 16
bits each, summed down columns from row to row and along rows in a few steps.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from ...codegen import jit, machine
from ...codegen.emitted import Items, Value, emitted
from ...codegen.packing import store
from ...codegen.simd import I1, I64, Code
from .holes import clear
from .names import L
from .quotients import share_row
from .targets import ends_of, place_of

NUMBER = ir.IntType(16)
LANES = machine.VECTOR_BYTES // 2
NUMBERS = ir.VectorType(NUMBER, LANES)


def _vectors(builder: Any, columns: Value) -> Value:
    return builder.udiv(builder.add(columns, I64(LANES - 1)), I64(LANES))


def _vector(builder: Any, pointer: Value) -> Value:
    return builder.bitcast(pointer, NUMBERS.as_pointer())


@emitted()
def add_row(
    builder: Any, scratch: Items, bits: Value, target: Value, columns: Value, less: Value
) -> None:
    """Add a row's holes to the numbers of their columns; ``less``: or take them away."""
    code = Code(builder, scratch.element)
    row = builder.bitcast(scratch.at(bits), ir.IntType(LANES).as_pointer())
    sign = builder.select(builder.icmp_signed("!=", less, I64(0)), NUMBER(-1), NUMBER(1))
    undefined = ir.Constant(NUMBERS, ir.Undefined)
    every = builder.insert_element(undefined, sign, ir.IntType(32)(0))
    every = code.shuffle(every, undefined, [0] * LANES)

    def one(n: Value, end: Value) -> Sequence[Value]:
        found = builder.load(builder.gep(row, [n]), align=1)
        holes = builder.bitcast(found, ir.VectorType(I1, LANES))
        whole = _vector(builder, end)
        added = builder.select(holes, every, ir.Constant(NUMBERS, None))
        builder.store(builder.add(builder.load(whole, align=2), added), whole, align=2)
        return [builder.gep(end, [I64(LANES)])]

    start = builder.bitcast(scratch.at(target), NUMBER.as_pointer())
    code.loop(_vectors(builder, columns), [start], one)


@emitted()
def _add_ahead(
    builder: Any, scratch: Items, first: Value, second: Value, away: Value, target: Value,
    columns: Value,
) -> None:  # fmt: skip
    """A row of numbers, and those ``away`` further on in another, into a row, maybe either."""
    code = Code(builder, scratch.element)
    starts = [builder.bitcast(scratch.at(at), NUMBER.as_pointer()) for at in (first, second)]
    starts[1] = builder.gep(starts[1], [away])
    starts.append(builder.bitcast(scratch.at(target), NUMBER.as_pointer()))

    def one(_: Value, *places: Value) -> Sequence[Value]:
        parts = [builder.load(_vector(builder, at), align=2) for at in places[:2]]
        builder.store(builder.add(*parts), _vector(builder, places[2]), align=2)
        return [builder.gep(at, [I64(LANES)]) for at in places]

    code.loop(_vectors(builder, columns), starts, one)


@jit.jit()
def along(layout, scratch, source, columns):
    """Sums of a row's neighbours, by sums of 1, 2, 4 and so on; they lie two rows behind it."""
    step, apart, taps = layout[L.counts_step], layout[L.dilation_x], layout[L.taps_x]
    doubled, target, done, span = source + step, source + 2 * step, 0, 1
    clear(scratch, target, step)
    while taps > 0:
        if taps % 2:
            _add_ahead(scratch, target, source, done * apart, target, columns)
            done += span
        taps //= 2
        if taps > 0:
            _add_ahead(scratch, source, source, span * apart, doubled, columns)
            source, span = doubled, 2 * span
    return target


@jit.jit()
def count(out, layout, scratch, numbers, corner, size):
    """Fill a block of ``size`` = (rows, columns) from ``corner`` on.

    ``numbers`` = taps, how many of them must see a pixel, and what stands where fewer do, or none.
    """
    (rows, columns), (plane, y, x), numbers_at = size, corner, layout[L.weights_at]
    halo, columns_in = layout[L.span_y] - 1, columns + layout[L.span_x] - 1
    bits, bits_step = layout[L.bits_at], layout[L.bits_step]
    flat, streams, skip = ends_of(
        out, (layout[L.writes], layout[L.large], layout[L.lanes]), corner, columns
    )  # fmt: skip
    clear(scratch, numbers_at, layout[L.counts_step])
    for n in range(halo):
        add_row(scratch, bits + n * bits_step, numbers_at, columns_in, 0)
    for row in range(rows):
        add_row(scratch, bits + (row + halo) * bits_step, numbers_at, columns_in, 0)
        holes = along(layout, scratch, numbers_at, columns_in)
        add_row(scratch, bits + row * bits_step, numbers_at, columns_in, 1)
        sums, how = layout[L.sums_at] + row * layout[L.sums_step], (layout[L.exact], streams)
        if flat:
            end = place_of(out, plane, y + row, x)
            share_row(scratch, (sums, holes), numbers, out, end, (columns, skip), how)
            continue
        line = layout[L.row_at]
        share_row(scratch, (sums, holes), numbers, scratch, line, (columns, 0), how)
        store(
            scratch, (line, 0, 0), out, layout[L.writes], (plane,), (y + row, 1, 1), (x, 1, columns)
        )
