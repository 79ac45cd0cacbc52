"""Rows of tiles: what the kernel calls, for sums of products or of differences."""

from functools import partial
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ...codegen.simd import I64, Code, Value, call_once, data_pointer
from .difference import HIGH, DifferenceTile
from .tile import COLUMNS, PREFETCH, ROWS, TALL, VECTORS, Conversion, Tile


def _emit_rows(
    builder: Any, height: Value, vectors: Value, source: Value, row: Value, step: Value,
    taps: Value, steps: Value, out: Value, out_row: Value, out_bytes: Value, ahead: Value,
    ahead_row: Value, ahead_step: Value, flags: Value, convert: Any = None, tile: Any = Tile,
) -> None:  # fmt: skip
    """Rows of whole tiles, then columns of single vectors: no output need be a multiple of a tile.

    The last row of tiles is pulled back to end with the output: the same bits again.  Rows of the
    output lie ``out_row`` of its elements, ``out_bytes`` bytes, apart, whatever they are.
    """
    whole = builder.sdiv(vectors, I64(VECTORS))
    done = builder.mul(whole, I64(VECTORS))
    code, byte = Code(builder, source.type.pointee), ir.IntType(8).as_pointer()

    def tiles(rows: int, columns: int, start: Value, count: Value) -> None:
        last = builder.sub(height, I64(rows))

        def one(index: Value) -> list[Value]:
            first = builder.mul(index, I64(rows))
            first = builder.select(builder.icmp_signed("<", first, last), first, last)
            place = code.at(builder.bitcast(out, byte), builder.mul(first, out_bytes))
            arguments = (
                code.at(source, builder.mul(first, step)), row, step, taps, steps,
                builder.bitcast(place, out.type), out_row,
                code.at(ahead, builder.mul(first, ahead_step)), ahead_row, flags,
            )  # fmt: skip
            tile(builder, convert, rows, columns, *arguments).emit(start, count)
            return []

        code.loop(builder.sdiv(builder.add(height, I64(rows - 1)), I64(rows)), [], one)

    rest = builder.sub(vectors, done)
    high, long = (ROWS, TALL) if tile is Tile else (HIGH, HIGH * VECTORS)
    tiles(high, VECTORS, I64(0), whole)
    with builder.if_else(builder.icmp_signed(">=", height, I64(long))) as (tall, low):
        with tall:
            tiles(long, 1, done, rest)
        with low:
            tiles(high, 1, done, rest)


@intrinsic
def tile_rows(
    typing, source, at, rows, taps, taps_at, layout, steps_at, target, target_at, image, ahead,
    size, out,
):  # fmt: skip
    """Emit a call that computes ``size`` = (rows, at least `ROWS`; vector columns) of outputs.

    ``rows`` = elements from one source row to the next, the same times the stride, elements from
    one row of the target to the next, and the flags.  ``ahead`` = element of ``image`` to prefetch,
    elements from one of its rows to the next, and the same times the stride.  ``out`` is the array
    of results, whatever the target: one function serves both.  Emits nothing where source and taps
    differ in type: such a call is never reached.
    """
    signature = types.void(
        source, at, rows, taps, taps_at, layout, steps_at, target, target_at, image, ahead,
        size, out,
    )  # fmt: skip

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        sum_kind, target_kind, result = kinds[3].dtype, kinds[7].dtype, kinds[12].dtype
        if kinds[0].dtype != sum_kind or isinstance(target_kind, types.Complex):
            return context.get_dummy_value()
        kind = context.get_data_type(sum_kind)
        element = kind.as_pointer()
        convert, name = None, str(kind)
        if result != sum_kind and not isinstance(result, types.Complex):
            convert = Conversion((sum_kind, result), context.get_data_type(result))
            name += f".{result}"

        def pointer(array: int, at: Value) -> Value:
            return data_pointer(context, builder, kinds[array], args[array], at)

        row, step, out_row, flags = (builder.extract_value(args[2], i) for i in range(4))
        ahead_at, ahead_row, ahead_step = (builder.extract_value(args[10], i) for i in range(3))
        height, vectors = (builder.extract_value(args[11], i) for i in range(2))
        size = context.get_abi_sizeof(context.get_data_type(target_kind))
        out_bytes = builder.mul(out_row, I64(size))
        start = pointer(0, args[1])
        ahead, pixel = start, kinds[9].dtype
        if isinstance(pixel, types.Complex):
            flags = builder.and_(flags, I64(~PREFETCH))
        else:
            ahead = pointer(9, ahead_at)
            name += f".{pixel}"
        arguments = [
            height, vectors, start, row, step, pointer(3, args[4]), pointer(5, args[6]),
            builder.bitcast(pointer(7, args[8]), element), out_row, out_bytes, ahead, ahead_row,
            ahead_step, flags,
        ]  # fmt: skip

        def call(tile: Any) -> None:
            body = partial(_emit_rows, convert=convert, tile=tile)
            call_once(builder, f"{tile.name}.{name}", body, arguments)

        if kind == I64:  # exact in any order
            call(Tile)
            return context.get_dummy_value()
        columns = builder.load(builder.gep(arguments[6], [I64(COLUMNS)]))
        products = builder.icmp_signed(">", columns, I64(0))
        with builder.if_else(products) as (of_products, of_differences):
            with of_products:
                call(Tile)
            with of_differences:
                call(DifferenceTile)
        return context.get_dummy_value()

    return signature, codegen
