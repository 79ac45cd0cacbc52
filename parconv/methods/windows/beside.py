"""Columns beside an image, whose sums are those of the columns of it that they stand for.

A table in scratch, of 64-bit integers, says which these are, -1 for the constant: first those left
of the image, then those right of it.
"""

from collections.abc import Sequence
from typing import Any

from ...codegen import jit
from ...codegen.borders import source_index
from ...codegen.emitted import Items, Value, call_once, emitted, instruction
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


@emitted()
def pack_ends(
    builder: Any, f: Items, scratch: Items, tables: Sequence[Value], target: Value, step: Value,
    rows: Value, columns: Sequence[Value], size: Value, before: Value, ahead: Value,
    constant: Value,
) -> None:  # fmt: skip
    """Copy ``columns`` = (first, end) of rows of an image, and what stands for those beside it.

    ``tables``: of where rows begin, and of those columns, of which ``before`` lie left; ``target``,
    ``step``: where the first goes, and elements from row to row; ``size``: columns of the image;
    ``ahead``: elements to what is prefetched meanwhile.
    """
    rows_at, sources = (_entry(builder, scratch, table, I64(0)) for table in tables)
    places = f.at(), rows_at, sources, scratch.at(target), step
    numbers = rows, *columns, size, before, ahead, constant
    call_once(builder, "windows.ends", _pack_ends, [*places, *numbers])


def _pack_ends(
    builder: Any, pixels: Value, rows_at: Value, sources: Value, target: Value, step: Value,
    rows: Value, first: Value, end: Value, size: Value, before: Value, ahead: Value,
    constant: Value,
) -> None:  # fmt: skip
    code = Code(builder, pixels.type.pointee)

    def either(name: str, one: Value, other: Value) -> Value:
        return instruction(builder, f"llvm.{name}.i64", I64, one, other)

    begin, stop = either("smax", first, I64(0)), either("smin", end, size)
    lanes = I64(code.lanes)

    def row(rows_at: Value, target: Value) -> Sequence[Value]:
        source = code.at(pixels, builder.load(rows_at))
        target = code.at(target, builder.sub(I64(0), first))  # of column 0

        def whole(at: Value) -> Sequence[Value]:
            code.prefetch(code.at(source, at, ahead))
            code.store(code.load(code.at(source, at)), code.at(target, at))
            return [builder.add(at, lanes)]

        def beside(at: Value, entry: Value) -> Sequence[Value]:
            column = builder.load(entry)
            outside = builder.icmp_signed("<", column, I64(0))
            found = builder.load(code.at(source, builder.select(outside, I64(0), column)))
            builder.store(builder.select(outside, constant, found), code.at(target, at))
            return [builder.add(at, I64(1)), builder.gep(entry, [I64(1)])]

        with builder.if_then(builder.icmp_signed(">", stop, begin)):  # else all lies beside it
            [at] = code.repeat(builder.sdiv(builder.sub(stop, begin), lanes), [begin], whole)
            left = code.load_first(code.at(source, at), builder.sub(stop, at))
            code.store(left, code.at(target, at))
        place = builder.gep(sources, [builder.add(before, first)])
        code.repeat(builder.sub(either("smin", end, I64(0)), first), [first, place], beside)
        last = either("smax", first, size)
        place = builder.gep(sources, [builder.sub(builder.add(before, last), size)])
        code.repeat(builder.sub(end, last), [last, place], beside)
        return [builder.gep(rows_at, [I64(1)]), code.at(target, builder.add(first, step))]

    code.repeat(rows, [rows_at, target], row)
