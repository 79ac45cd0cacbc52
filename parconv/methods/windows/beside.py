"""Columns beside an image, whose sums are those of the columns of it that they stand for."""

from collections.abc import Sequence
from typing import Any

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code


def _copy(
    builder: Any, row: Value, sources: Value, first: Value, last: Value, rows: Value, step: Value,
    constant: Value,
) -> None:  # fmt: skip
    code = Code(builder, row.type.pointee)

    def each(row: Value) -> Sequence[Value]:
        def one(column: Value, sources: Value) -> Sequence[Value]:
            source = builder.fptosi(code.read(sources), I64)
            outside = builder.icmp_signed("<", source, I64(0))
            found = builder.load(code.at(row, builder.select(outside, I64(0), source)))
            builder.store(builder.select(outside, constant, found), code.at(row, column))
            return [builder.add(column, I64(1)), code.at(sources, 1)]

        code.repeat(builder.sub(last, first), [first, sources], one)
        return [code.at(row, step)]

    code.repeat(rows, [row], each)


@emitted()
def copy_beside(
    builder: Any, scratch: Items, sources: Value, row: Value, first: Value, last: Value,
    rows: Value, step: Value, constant: Value,
) -> None:  # fmt: skip
    """Columns ``[first, last)``, perhaps none, of rows that begin at ``row``, ``step`` apart.

    ``sources``: where the numbers of the columns that these stand for begin; one below 0 stands for
    the constant.
    """
    arguments = scratch.at(row), scratch.at(sources), first, last, rows, step, constant
    call_once(builder, "windows.beside", _copy, arguments)
