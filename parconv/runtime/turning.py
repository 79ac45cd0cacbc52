"""Planes whose columns lie in one piece, copied to rows that do, and back.

Kernels read and write rows.  Of small elements along a column a vector's worth lies a cache line
apart each, and is read one by one.
"""

from functools import cache
from typing import Any

import numba
import numpy as np
from numba import types

from ..codegen import jit, machine
from ..codegen.emitted import Items, Value, emitted
from ..codegen.runs import pulled_back
from ..codegen.simd import I64, Code
from ..codegen.transposition import columns, transposed
from ..problem.dtypes import Array, DType

MOST = 16  # rows of a block: more would not stay in registers
GROUP = 128  # rows that are turned together, whose pages the processor keeps in mind
# Of larger elements it gains nothing.  Of 1000 x 1500 pixels on one core, turned first and as they
# lie, 3 x 3 boxes of uint8 take 0.42 and 1.73 ms, other filters 0.57 and 0.87, of uint16 0.68 and
# 2.15, 0.78 and 0.95, of float32 1.23 and 1.13, 1.29 and 1.17 (Sapphire Rapids VM, AVX-512,
# 2026-11).
ITEM_BYTES = 2


def pays(plane: tuple[int, ...], itemsize: int) -> bool:
    """Whether a plane of such elements is worth turning: small ones, and a block of them."""
    return itemsize <= ITEM_BYTES and min(plane) >= max(machine.lanes(itemsize), MOST)


def is_due(array: Array) -> bool:
    """Whether that is so of a plane whose columns lie in one piece, and not its rows."""
    down, right = array.strides[-2:]
    return down == array.itemsize != right and pays(array.shape[-2:], array.itemsize)


def in_rows(plane: Array) -> Array:
    """A single plane, or its copy in rows."""
    if not is_due(plane):
        return plane
    copy = np.empty(plane.shape, plane.dtype)
    _turn(plane[0].T, copy[0])
    return copy


def rows_for(plane: Array) -> Array:
    """What to write in place of a single plane: `deliver` brings it home."""
    return np.empty(plane.shape, plane.dtype) if is_due(plane) else plane


def deliver(rows: Array, plane: Array) -> None:
    """Copy what stood in place of a plane into it."""
    _turn(rows[0], plane[0].T)


def _turn(source: Array, target: Array) -> None:
    """``target`` = ``source`` transposed; both have rows in one piece, a block or more."""
    kind = np.dtype(f"u{source.itemsize}")
    _entry(kind)(source.view(kind), target.view(kind))


@cache
def _entry(kind: DType) -> Any:
    array = types.Array(numba.from_dtype(kind), 2, "A")
    return jit.entry(_turned, (array, array))


def _turned(source, target):
    _emit(source, target)


@emitted()
def _emit(builder: Any, source: Items, target: Items) -> None:
    """Block by block, the last ones pulled back."""
    code, size = Code(builder, source.element), I64(source.itemsize)
    high, (count, width) = min(MOST, code.lanes), source.each("shape")
    step, apart = (builder.sdiv(array.each("strides")[0], size) for array in (source, target))

    def block(row: Value, column: Value) -> None:
        start = source.at(builder.add(builder.mul(row, step), column))
        end = target.at(builder.add(builder.mul(column, apart), row))
        rows = [code.load(code.at(start, builder.mul(step, I64(n)))) for n in range(high)]
        for run in _in_order(code, transposed(code, rows), high):
            code.store(run, end)
            end = code.at(end, apart)

    def group(first: Value, rows: int) -> None:
        def strip(column: Value, _: int) -> None:
            def one(row: Value, _: int) -> None:
                block(builder.add(first, row), column)

            pulled_back(builder, I64(rows), (high,), one)

        pulled_back(builder, width, (code.lanes,), strip)

    pulled_back(builder, count, (GROUP, high), group)


def _in_order(code: Code, vectors: list[Value], high: int) -> list[Value]:
    """The runs of the vectors that `transposed` makes, column after column."""
    places = enumerate(columns(code, high))
    runs = sorted((at, n, part) for n, found in places for part, at in enumerate(found))
    return [code.piece(vectors[n], part * high, high) for _, n, part in runs]
