"""Rows of tiles: what the kernel calls, for sums of products or of differences."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from ...codegen import machine
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.rows import BYTE
from ...codegen.simd import I64, Code
from .difference import HIGH, DifferenceTile
from .finishing import tile_for
from .tile import COLUMNS, ROWS, STREAM, TALL, VECTORS, Conversion, Tile


def _emit_rows(
    builder: Any, height: Value, vectors: Value, source: Value, row: Value, step: Value,
    taps: Value, steps: Value, out: Value, out_row: Value, out_bytes: Value, ahead: Value,
    ahead_row: Value, ahead_step: Value, pixel: Value, flags: Value, convert: Any = None,
    tile: Any = Tile,
) -> None:  # fmt: skip
    """Rows of whole tiles, then columns of single vectors: no output need be a multiple of a tile.

    The last row of tiles is pulled back to end with the output: the same bits again.  Rows of the
    output lie ``out_row`` of its elements, ``out_bytes`` bytes, apart, whatever they are.  Past the
    caches go whole lines.
    """
    whole = builder.sdiv(vectors, I64(VECTORS))
    done = builder.mul(whole, I64(VECTORS))
    code = Code(builder, source.type.pointee)

    def tiles(rows: int, columns: int, start: Value, count: Value) -> None:
        last = builder.sub(height, I64(rows))
        whole = columns == VECTORS or machine.FILLS_LINES
        how = flags if whole else builder.and_(flags, I64(~STREAM))

        def one(index: Value) -> list[Value]:
            first = builder.mul(index, I64(rows))
            first = builder.select(builder.icmp_signed("<", first, last), first, last)
            place = builder.gep(builder.bitcast(out, BYTE), [builder.mul(first, out_bytes)])
            arguments = (
                code.at(source, builder.mul(first, step)), row, step, taps, steps,
                builder.bitcast(place, out.type), out_row,
                builder.gep(ahead, [builder.mul(first, ahead_step)]), ahead_row, pixel, how,
            )  # fmt: skip
            tile(builder, convert, rows, columns, *arguments).emit(start, count)
            return []

        code.loop(builder.sdiv(builder.add(height, I64(rows - 1)), I64(rows)), [], one)

    rest = builder.sub(vectors, done)
    high, long = (HIGH, HIGH * VECTORS) if issubclass(tile, DifferenceTile) else (ROWS, TALL)
    tiles(high, VECTORS, I64(0), whole)
    with builder.if_else(builder.icmp_signed(">=", height, I64(long))) as (tall, low):
        with tall:
            tiles(long, 1, done, rest)
        with low:
            tiles(high, 1, done, rest)


@emitted()
def tile_rows(
    builder: Any, source: Items, at: Value, rows: Sequence[Value], taps: Items, taps_at: Value,
    layout: Items, steps_at: Value, target: Items, target_at: Value, image: Items,
    ahead: Sequence[Value], size: Sequence[Value], out: Items,
) -> None:  # fmt: skip
    """Emit a call that computes ``size`` = (rows, at least `ROWS`; vector columns) of outputs.

    ``rows`` = elements from one source row to the next, the same times the stride, elements from
    one row of the target to the next, and the flags.  ``ahead`` = element of ``image`` to prefetch,
    elements from one of its rows to the next, and the same times the stride.  ``out`` is the array
    of results, whatever the target: one function serves both.
    """
    row, step, out_row, flags = rows
    pixel, steps, convert, variant = image.fields.itemsize, layout.at(steps_at), None, []
    if out.dtype != taps.dtype:
        convert, variant = Conversion((taps.dtype, out.dtype), out.element), [out.dtype]
    arguments = [
        *size, source.at(at), row, step, taps.at(taps_at), steps,
        builder.bitcast(target.at(target_at), taps.element.as_pointer()), out_row,
        builder.mul(out_row, I64(target.itemsize)),
        image.byte_at(ahead[0]), *(builder.mul(each, pixel) for each in ahead[1:]), pixel, flags,
    ]  # fmt: skip

    def call(tile: Any) -> None:
        body = partial(_emit_rows, convert=convert, tile=tile_for(tile, out.dtype))
        call_once(builder, tile.name, body, arguments, variant)

    if taps.element == I64:  # exact in any order
        call(Tile)
        return
    columns = builder.load(builder.gep(steps, [I64(COLUMNS)]))
    products = builder.icmp_signed(">", columns, I64(0))
    with builder.if_else(products) as (of_products, of_differences):
        with of_products:
            call(Tile)
        with of_differences:
            call(DifferenceTile)
