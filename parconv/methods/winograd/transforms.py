"""Winograd's transforms F(4x4, 3x3), lanes = channels: 36 products for 16 outputs.

Of a patch, 4 x 4 outputs, its 6 x 6 inputs d become B' d B, a filter g becomes G g G', and their
products m, summed over channels, become the outputs A' m A.  Points 0, 1, -1, 2, -2 and infinity:

    B' = [4 0 -5 0 1 0; 0 -4 -4 1 1 0; 0 4 -4 -1 1 0; 0 -2 -1 2 1 0; 0 2 -1 -2 1 0; 0 4 0 -5 0 1]
    A' = [1 1 1 1 1 0; 0 1 -1 2 -2 0; 0 1 1 4 4 0; 0 1 -1 8 -8 1]
    24 G = [6 0 0; -4 -4 -4; -4 4 -4; 1 2 4; 1 -2 4; 0 0 24]
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from numba import types
from numba.extending import intrinsic

from ...simd import I64, Code, Value, data_pointer, define_once

OUTPUTS, INPUTS = 4, 6  # of a patch, on either axis
POINTS = INPUTS * INPUTS
# Rows of B' that share terms: so a patch needs few registers and nothing is kept in between.
PAIRS = ((0, 5), (1, 2), (3, 4))


def _pair(code: Code, which: int, d: Sequence[Value]) -> list[Value]:
    """Two rows of ``B' d``, those of ``PAIRS[which]``."""
    builder, constant = code.builder, code.constant
    if which == 0:
        return [
            code.fma(first, constant(4), code.fma(second, constant(-5), third))
            for first, second, third in (d[0:5:2], d[1:6:2])
        ]
    if which == 1:
        even = code.fma(d[2], constant(-4), d[4])
        odd = code.fma(d[1], constant(-4), d[3])
        return [builder.fadd(even, odd), builder.fsub(even, odd)]
    even, odd = builder.fsub(d[4], d[2]), builder.fsub(d[3], d[1])
    return [code.fma(odd, constant(2), even), code.fma(odd, constant(-2), even)]


def _inputs(code: Code, d: Sequence[Value]) -> list[Value]:
    """``B' d``."""
    rows: dict[int, Value] = {}
    for which, pair in enumerate(PAIRS):
        rows.update(zip(pair, _pair(code, which, d), strict=True))
    return [rows[n] for n in range(INPUTS)]


def _outputs(code: Code, m: Sequence[Value]) -> list[Value]:
    """``A' m``."""
    builder, constant = code.builder, code.constant
    sums = [builder.fadd(m[n], m[n + 1]) for n in (1, 3)]
    differences = [builder.fsub(m[n], m[n + 1]) for n in (1, 3)]
    return [
        builder.fadd(builder.fadd(m[0], sums[0]), sums[1]),
        code.fma(differences[1], constant(2), differences[0]),
        code.fma(sums[1], constant(4), sums[0]),
        builder.fadd(code.fma(differences[1], constant(8), differences[0]), m[5]),
    ]


def transformed_filter(code: Code, g: Sequence[Value]) -> list[Value]:
    """``G g``."""
    builder, constant = code.builder, code.constant
    outer = builder.fadd(g[0], g[2])
    sixth = constant(-1 / 6)
    even = code.fma(g[2], constant(1 / 6), builder.fmul(g[0], constant(1 / 24)))
    odd = builder.fmul(g[1], constant(1 / 12))
    return [
        builder.fmul(g[0], constant(1 / 4)),
        builder.fmul(builder.fadd(outer, g[1]), sixth),
        builder.fmul(builder.fsub(outer, g[1]), sixth),
        builder.fadd(even, odd),
        builder.fsub(even, odd),
        g[2],
    ]


# --- along a row of patches ----------------------------------------------------------------------


def _emit_inputs(
    builder: Any, count: Value, cells: Value, row: Value, target: Value, plane: Value
) -> None:
    """Transform ``count`` patches side by side; six rows of ``cells`` serve them."""
    code = Code(builder, cells.type.pointee)
    rows = [code.at(cells, builder.mul(row, I64(n))) for n in range(INPUTS)]
    planes = [code.at(target, builder.mul(plane, I64(n))) for n in range(POINTS)]

    def column(which: int, at: Value) -> list[Value]:
        wanted = range(INPUTS) if which == 0 else range(1, INPUTS - 1)
        loaded = [code.load(code.at(rows[n], at)) if n in wanted else None for n in range(INPUTS)]
        return _pair(code, which, loaded)

    def patch(which: int, index: Value, *carried: Value) -> list[Value]:
        """The rows of a pair; the last two columns are the first two of the next patch."""
        left = builder.mul(index, I64(OUTPUTS * code.lanes))
        columns = [list(carried[:2]), list(carried[2:])]
        for n in range(2, INPUTS):
            columns.append(column(which, builder.add(left, I64(n * code.lanes))))
        at = builder.mul(index, I64(code.lanes))
        for row, values in zip(PAIRS[which], zip(*columns, strict=True), strict=True):
            for n, value in enumerate(_inputs(code, values)):
                code.store(value, code.at(planes[row * INPUTS + n], at))
        return [*columns[-2], *columns[-1]]

    for which in range(len(PAIRS)):
        first = [value for n in range(2) for value in column(which, I64(n * code.lanes))]
        code.loop(count, first, partial(patch, which))


def _emit_outputs(
    builder: Any, count: Value, cells: Value, row: Value, source: Value, plane: Value
) -> None:
    """Transform ``count`` patches back, into four rows of ``cells``."""
    code = Code(builder, cells.type.pointee)
    planes = [code.at(source, builder.mul(plane, I64(n))) for n in range(POINTS)]

    def patch(index: Value) -> list[Value]:
        at = builder.mul(index, I64(code.lanes))
        columns = []
        for column in range(INPUTS):
            found = [code.load(code.at(place, at)) for place in planes[column::INPUTS]]
            columns.append(_outputs(code, found))
        for n, values in enumerate(zip(*columns, strict=True)):
            start = code.at(cells, builder.mul(row, I64(n)), builder.mul(at, I64(OUTPUTS)))
            for place, value in enumerate(_outputs(code, values)):
                code.store(value, code.at(start, place * code.lanes))
        return []

    code.loop(count, [], patch)


_WRITTEN = {"inputs": _emit_inputs, "outputs": _emit_outputs}


def _transform(name: str) -> Any:
    """An intrinsic that transforms ``count`` patches in a row.

    ``cells_at`` = the first pixel of `cells`, ``row`` = elements from a row of cells to the next,
    ``at`` = the first patch of the first plane of points, ``plane`` = elements to the next plane.
    """

    def transform(typing, scratch, cells_at, row, at, plane, count):  # fmt: skip
        signature = types.void(scratch, *[types.int64] * 5)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            cells, points = (
                data_pointer(context, builder, scratch, args[0], args[n]) for n in (1, 3)
            )
            values = [args[5], cells, args[2], points, args[4]]
            function = define_once(
                builder.module, f"parconv.winograd.{name}.{cells.type.pointee}",
                [value.type for value in values], _WRITTEN[name],
            )  # fmt: skip
            builder.call(function, values)
            return context.get_dummy_value()

        return signature, codegen

    return intrinsic(transform)


transform_inputs, transform_outputs = _transform("inputs"), _transform("outputs")
