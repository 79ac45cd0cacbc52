"""Elements of images and results whose columns are runs, turned in registers block by block."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

from numba import types

from . import machine
from .emitted import Value, instruction
from .places import BYTE, Kinds, Parts, Rows, Size, itemsize
from .rules import by_rule
from .runs import pulled_back
from .simd import I64, Code
from .transposition import columns, transposed

Places = Sequence[Value]
Turn = Callable[[Code, Kinds, Places, Places, Value], None]
# Rows and columns of a block that is turned in registers: more would not stay in those of AVX2.
BLOCK = 8
# Rows that are turned at least, of a whole block where vectors have no masks.  Milliseconds of
# float64 3255 x 1288, image and result in Fortran's order, by `windows` element by element and so:
# 3x3 24.6 29.7, 5x5 23.6 19.8, 7x7 24.0 16.0 (Zen 4 VM, 2026-12).
FEWEST = 5


@contextmanager
def or_turned(
    context: Any, builder: Any, kinds: Kinds, rows: Rows, size: Size, parts: Parts, turn: Turn
) -> Iterator[None]:
    """What is emitted inside is for arrays whose columns are no runs; others go block by block.

    Those are of real elements, and a block and more; the last blocks are pulled back.  Masks turn
    fewer rows, too, as boxes pack.  Microseconds of an image in Fortran's order, one core, element
    by element and so: float32 1000 x 1500 at 3x3 1354, 640; float64 100 x 128 at 1x9 22, 12;
    3255 x 1288 by `windows` at 7x7 float32 9670, 6150, float64 13,090, 8570 (Zen 4 VM, 2026-11).
    """
    if isinstance(kinds.element, types.Complex):
        yield
        return
    item, high = I64(itemsize(context, kinds)), min(BLOCK, machine.lanes(kinds.sums.bitwidth // 8))
    due = builder.icmp_signed("==", rows.down, item)
    due = builder.and_(due, builder.icmp_signed("!=", rows.right, item))
    least = min(FEWEST, high) if machine.ISA.masks else high
    for count, fewest in zip(size, (least, high), strict=True):
        due = builder.and_(due, builder.icmp_signed(">=", count, I64(fewest)))
    pixels, start = (
        context.get_data_type(kinds.element).as_pointer(),
        builder.bitcast(rows.start, BYTE),
    )
    code = Code(builder, parts.start.type.pointee)
    code.lanes = high
    last = builder.sub(size[0], I64(1))

    def bounded(name: str, value: Value, bound: Value) -> Value:
        return instruction(builder, f"llvm.{name}.i64", I64, value, bound)

    def column(row: Value, at: Value) -> Value:
        place = builder.gep(start, [builder.mul(at, rows.right)])
        return code.at(builder.bitcast(place, pixels), row)

    def strip(left: Value, _: int) -> None:
        def block(top: Value, _: int) -> None:
            places = [column(top, builder.add(left, I64(n))) for n in range(high)]
            below = [bounded("smin", builder.add(top, I64(n)), last) for n in range(high)]
            below = [builder.mul(row, parts.step) for row in below]
            targets = [code.at(parts.start, down, left) for down in below]
            turn(code, kinds, places, targets, size[0])

        pulled_back(builder, bounded("smax", size[0], I64(high)), (high,), block)

    with builder.if_else(due) as (turned, others):
        with turned:
            pulled_back(builder, size[1], (high,), strip)
        with others:
            yield


def turn_in(code: Code, kinds: Kinds, places: Places, rows: Places, count: Value) -> None:
    """A block of columns at those places, of which so many rows count, into rows of sums.

    Rows behind these have the place of the last one, which is written after them.
    """
    pixels, builder = _columns(code, places), code.builder
    found = [
        pixels.load_first(place, count) if machine.ISA.masks else pixels.load(place, code.lanes)
        for place in places
    ]
    found = [by_rule(builder, value, *kinds) for value in found]
    for vector, row in sorted(_turned(code, found), key=itemgetter(1), reverse=True):
        code.store(vector, rows[row])


def turn_out(code: Code, kinds: Kinds, places: Places, rows: Places, count: Value) -> None:
    """And back."""
    pixels, builder = _columns(code, places), code.builder
    found = [code.load(row, code.lanes) for row in rows]
    for vector, column in _turned(code, found):
        value, place = by_rule(builder, vector, *kinds[::-1]), places[column]
        if machine.ISA.masks:
            pixels.store_first(value, place, count)
        else:
            code.store(value, place)


def _columns(code: Code, places: Places) -> Code:
    """What loads and stores pixels, as many together as sums."""
    pixels = Code(code.builder, places[0].type.pointee)
    pixels.lanes = code.lanes
    return pixels


def _turned(code: Code, vectors: Sequence[Value]) -> Iterator[tuple[Value, int]]:
    """As many vectors as each has lanes, transposed, and which each of them is."""
    orders = columns(code, code.lanes)
    return zip(transposed(code, vectors), (n for (n,) in orders), strict=True)
