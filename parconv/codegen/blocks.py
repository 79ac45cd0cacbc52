"""Elements of images and results whose columns are runs, turned in registers block by block."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from numba import types

from . import machine
from .emitted import Value
from .places import BYTE, Kinds, Parts, Rows, Size, itemsize
from .rules import by_rule
from .runs import pulled_back
from .simd import I64, Code
from .transposition import columns, transposed

Places = Sequence[Value]
Turn = Callable[[Code, Kinds, Places, Places], None]
# Rows and columns of a block that is turned in registers: more would not stay in those of AVX2.
BLOCK = 8


@contextmanager
def or_turned(
    context: Any, builder: Any, kinds: Kinds, rows: Rows, size: Size, parts: Parts, turn: Turn
) -> Iterator[None]:
    """What is emitted inside is for arrays whose columns are no runs; others go block by block.

    Those are of real elements, and a block and more; the last blocks are pulled back.  Microseconds
    of 3x3 on an image in Fortran's order, one core, element by element and so: float32 1000 x 1500
    1354, 640; float64 100 x 128 at 1x9 22, 12 (Zen 4 VM, 2026-11).
    """
    if isinstance(kinds.element, types.Complex):
        yield
        return
    item, high = I64(itemsize(context, kinds)), min(BLOCK, machine.lanes(kinds.sums.bitwidth // 8))
    due = builder.icmp_signed("==", rows.down, item)
    due = builder.and_(due, builder.icmp_signed("!=", rows.right, item))
    for count in size:
        due = builder.and_(due, builder.icmp_signed(">=", count, I64(high)))
    pixels, start = (
        context.get_data_type(kinds.element).as_pointer(),
        builder.bitcast(rows.start, BYTE),
    )
    code = Code(builder, parts.start.type.pointee)
    code.lanes = high

    def column(row: Value, at: Value) -> Value:
        place = builder.gep(start, [builder.mul(at, rows.right)])
        return code.at(builder.bitcast(place, pixels), row)

    def strip(left: Value, _: int) -> None:
        def block(top: Value, _: int) -> None:
            places = [column(top, builder.add(left, I64(n))) for n in range(high)]
            below = [builder.mul(builder.add(top, I64(n)), parts.step) for n in range(high)]
            turn(code, kinds, places, [code.at(parts.start, down, left) for down in below])

        pulled_back(builder, size[0], (high,), block)

    with builder.if_else(due) as (turned, others):
        with turned:
            pulled_back(builder, size[1], (high,), strip)
        with others:
            yield


def turn_in(code: Code, kinds: Kinds, places: Places, rows: Places) -> None:
    """A block of columns at those places into rows of sums at these."""
    pixels, builder = Code(code.builder, places[0].type.pointee), code.builder
    found = [by_rule(builder, pixels.load(place, code.lanes), *kinds) for place in places]
    for vector, row in _turned(code, found):
        code.store(vector, rows[row])


def turn_out(code: Code, kinds: Kinds, places: Places, rows: Places) -> None:
    """And back."""
    found = [code.load(row, code.lanes) for row in rows]
    for vector, column in _turned(code, found):
        code.store(by_rule(code.builder, vector, *kinds[::-1]), places[column])


def _turned(code: Code, vectors: Sequence[Value]) -> Iterator[tuple[Value, int]]:
    """As many vectors as each has lanes, transposed, and which each of them is."""
    orders = columns(code, code.lanes)
    return zip(transposed(code, vectors), (n for (n,) in orders), strict=True)
