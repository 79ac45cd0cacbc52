"""Copies of pixels: every other one of a row, and short runs, tap by tap.

Intrinsics that emit what their dtypes need and nothing else.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...codegen import machine
from ...codegen.elements import converted
from ...codegen.simd import I32, I64, Code, Value, call_once, data_pointer


@intrinsic
def halve_rows(typing, source, start, step, target, at, to, rows, count):  # fmt: skip
    """Convert ``count`` elements of ``rows`` rows, ``step`` and ``to`` elements apart.

    Each element is the second after the one before; more than a vector of them.  The last vector
    ends with the row and takes the odd lanes, so that nothing beyond is read.
    """
    signature = types.void(source, types.int64, types.int64, target, *[types.int64] * 4)
    kinds = source.dtype, target.dtype

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        first = data_pointer(context, builder, source, args[0], args[1])
        begin = data_pointer(context, builder, target, args[3], args[4])
        sizes = [kind.bitwidth // 8 for kind in kinds]
        lanes = machine.lanes(sizes[1])
        pair = ir.VectorType(first.type.pointee, 2 * lanes).as_pointer()
        vector = ir.VectorType(begin.type.pointee, lanes).as_pointer()

        def one(row: Value, place: Value, at: Value, lane: int) -> None:
            pixel = builder.gep(row, [builder.sub(builder.mul(at, I64(2)), I64(lane))])
            found = builder.load(builder.bitcast(pixel, pair), align=sizes[0])
            order = ir.Constant(ir.VectorType(I32, lanes), list(range(lane, 2 * lanes, 2)))
            value = builder.shuffle_vector(found, found, order)
            if kinds[0] != kinds[1]:
                value = converted(builder, value, *kinds)
            builder.store(
                value, builder.bitcast(builder.gep(place, [at]), vector), align=sizes[1]
            )  # fmt: skip

        last = builder.sub(args[7], I64(lanes))
        whole = builder.sdiv(builder.sub(args[7], I64(1)), I64(lanes))
        with cgutils.for_range(builder, args[6], intp=I64) as outer:
            row = builder.gep(first, [builder.mul(outer.index, args[2])])
            place = builder.gep(begin, [builder.mul(outer.index, args[5])])
            with cgutils.for_range(builder, whole, intp=I64) as inner:
                one(row, place, builder.mul(inner.index, I64(lanes)), 0)
            one(row, place, last, 1)
        return context.get_dummy_value()

    return signature, codegen


class _Piece:
    """Emits the copy of a few pixels of every tap; the attributes are IR values of arguments."""

    def __init__(self, builder: Any, *arguments: Value) -> None:
        self.source, self.offsets, self.target, self.step, self.lanes, self.count = arguments
        self.builder, self.code = builder, Code(builder, self.source.type.pointee)

    def emit(self) -> None:
        code = self.code
        mask = code.first_lanes(self.lanes)

        def one(index: Value, target: Value) -> list[Value]:
            pixels = code.load_some(code.at(self.source, code.read(self.offsets, index)), mask)
            code.store_some(pixels, target, mask)
            return [code.at(target, self.step)]

        code.loop(self.count, [self.target], one)


def _emit_piece(builder: Any, *arguments: Value) -> None:
    _Piece(builder, *arguments).emit()


@intrinsic
def gather(typing, f, scratch, in_place, source, offsets, target, step, lanes, count):  # fmt: skip
    """Copy ``lanes`` pixels, at most a vector, of each of ``count`` taps to scratch.

    From element ``source`` of ``f``, where ``in_place``, or of scratch, plus the tap's offset,
    where those begin at the int64 ``offsets`` of scratch; to element ``target``, ``step`` further
    for each tap.
    """
    signature = types.void(f, scratch, types.boolean, *[types.int64] * 6)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        base, start, target = (
            data_pointer(context, builder, scratch, args[1], at)
            for at in (I64(0), args[3], args[5])
        )
        if f.dtype == scratch.dtype:
            image = data_pointer(context, builder, f, args[0], args[3])
            start = builder.select(args[2], image, start)
        table = builder.gep(builder.bitcast(base, I64.as_pointer()), [args[4]])
        values = [start, table, target, *args[6:]]
        call_once(builder, f"parconv.layer.gather.{start.type.pointee}", _emit_piece, values)
        return context.get_dummy_value()

    return signature, codegen
