"""Rows of tiles: what the kernel calls, for sums of products or of differences."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from ...codegen import machine
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.places import BYTE
from ...codegen.simd import I64, Code
from .difference import DifferenceTile
from .finishing import tile_for
from .omitting import OmittingTile
from .tile import COLUMNS, LOW, LOW_ROWS, STREAM, Conversion, Tile


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
    high, wide = tile.size
    whole = builder.sdiv(vectors, I64(wide))
    done = builder.mul(whole, I64(wide))
    code = Code(builder, source.type.pointee)

    def tiles(rows: int, columns: int, start: Value, count: Value) -> None:
        last = builder.sub(height, I64(rows))
        whole = columns >= wide or machine.FILLS_LINES
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
    pairs = I64(0)
    if tile.low:
        pairs = builder.select(code.has(flags, LOW), builder.sdiv(whole, I64(2)), pairs)
        tiles(LOW_ROWS, 2 * wide, I64(0), pairs)
    twice = builder.mul(pairs, I64(2))
    tiles(high, wide, builder.mul(twice, I64(wide)), builder.sub(whole, twice))
    # Tiles of one vector have as many sums, to hide the latency.  Microseconds at 3x3, with lower
    # ones alone and so: 256 x 256 12.0 -> 11.5, 258 x 290 9.8 -> 9.3 (Zen 5, 2026-11).
    long = high * wide
    with builder.if_else(builder.icmp_signed(">=", height, I64(long))) as (tall, low):
        with tall:
            tiles(long, 1, done, rest)
        with low:
            tiles(high, 1, done, rest)


def _call(builder: Any, out: Items, taps: Items, arguments: Sequence[Value], tile: Any) -> None:
    """Rows of such tiles, by a function for each type of results."""
    convert, variant = None, []
    if out.dtype != taps.dtype:
        convert, variant = Conversion((taps.dtype, out.dtype), out.element), [out.dtype]
    body = partial(_emit_rows, convert=convert, tile=tile_for(tile, out.dtype))
    call_once(builder, tile.name, body, arguments, variant)


def _arguments(
    builder: Any, source: Items, at: Value, rows: Sequence[Value], taps: Items, taps_at: Value,
    layout: Items, steps_at: Value, target: Items, target_at: Value, image: Items,
    ahead: Sequence[Value], size: Sequence[Value],
) -> list[Value]:  # fmt: skip
    """What `_emit_rows` gets of `tile_rows`' arguments."""
    row, step, out_row, flags = rows
    pixel = image.fields.itemsize
    return [
        *size, source.at(at), row, step, taps.at(taps_at), layout.at(steps_at),
        builder.bitcast(target.at(target_at), taps.element.as_pointer()), out_row,
        builder.mul(out_row, I64(target.itemsize)),
        image.byte_at(ahead[0]), *(builder.mul(each, pixel) for each in ahead[1:]), pixel, flags,
    ]  # fmt: skip


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
    arguments = _arguments(
        builder, source, at, rows, taps, taps_at, layout, steps_at, target, target_at, image,
        ahead, size,
    )  # fmt: skip
    call = partial(_call, builder, out, taps, arguments)
    if taps.element == I64:  # exact in any order
        call(Tile)
        return
    columns = builder.load(builder.gep(layout.at(steps_at), [I64(COLUMNS)]))
    products = builder.icmp_signed(">", columns, I64(0))
    with builder.if_else(products) as (of_products, of_differences):
        with of_products:
            call(Tile)
        with of_differences:
            call(DifferenceTile)


@emitted()
def mean_rows(
    builder: Any, source: Items, at: Value, rows: Sequence[Value], taps: Items, taps_at: Value,
    layout: Items, steps_at: Value, target: Items, target_at: Value, image: Items,
    ahead: Sequence[Value], size: Sequence[Value], out: Items,
) -> None:  # fmt: skip
    """The same of pixels of which NaN is left out."""
    arguments = _arguments(
        builder, source, at, rows, taps, taps_at, layout, steps_at, target, target_at, image,
        ahead, size,
    )  # fmt: skip
    _call(builder, out, taps, arguments, OmittingTile)
