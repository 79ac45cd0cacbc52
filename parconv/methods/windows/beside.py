"""Columns beside an image, whose sums are those of the columns of it that they stand for.

A table in scratch, of 64-bit integers, says which these are, -1 for the constant: first those left
of the image, then those right of it.
"""

from collections.abc import Sequence
from typing import Any

from ...codegen import jit
from ...codegen.borders import source_index
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code

ENTRY = 8  # bytes


def _entry(builder: Any, scratch: Items, table: Value, n: Value) -> Value:
    start = builder.bitcast(scratch.at(table), I64.as_pointer())
    return builder.gep(start, [n])


@emitted()
def write_entry(builder: Any, scratch: Items, table: Value, n: Value, column: Value) -> None:
    """The ``n``-th of such a table: which column it is, or where a row lies."""
    builder.store(column, _entry(builder, scratch, table, n))


@jit.jit()
def number_columns(scratch, table, size, outside, channels, border):
    """Write the table of an image's ``size`` columns; ``outside``: how many lie left and right."""
    pixels, n = size // channels, 0
    for begin, end in (
        (-outside[0] // channels, 0), (pixels, pixels + outside[1] // channels),
    ):  # fmt: skip
        for pixel in range(begin, end):
            source = source_index(pixel, pixels, border)
            for channel in range(channels):
                write_entry(scratch, table, n, -1 if source < 0 else source * channels + channel)
                n += 1


def _copy(
    builder: Any, row: Value, sources: Value, first: Value, last: Value, rows: Value, step: Value,
    constant: Value,
) -> None:  # fmt: skip
    code = Code(builder, row.type.pointee)

    def each(row: Value) -> Sequence[Value]:
        def one(column: Value, sources: Value) -> Sequence[Value]:
            source = builder.load(sources)
            outside = builder.icmp_signed("<", source, I64(0))
            found = builder.load(code.at(row, builder.select(outside, I64(0), source)))
            builder.store(builder.select(outside, constant, found), code.at(row, column))
            return [builder.add(column, I64(1)), code.at(sources, 1)]

        code.repeat(builder.sub(last, first), [first, sources], one)
        return [code.at(row, step)]

    code.repeat(rows, [row], each)


@emitted()
def copy_beside(
    builder: Any, scratch: Items, table: Value, n: Value, row: Value, columns: Sequence[Value],
    rows: Value, step: Value, constant: Value,
) -> None:  # fmt: skip
    """``columns`` = (first, end), perhaps none, of rows whose column 0 is at ``row``.

    ``n``: the place in the table of the first; ``step``: from one of the ``rows`` to the next.
    """
    sources = _entry(builder, scratch, table, n)
    if constant.type != scratch.element:  # integers come as those of 64 bits
        constant = builder.trunc(constant, scratch.element)
    arguments = scratch.at(row), sources, *columns, rows, step, constant
    call_once(builder, "windows.beside", _copy, arguments)
