"""Copies of pixels: every other one of a row, and short runs, tap by tap.

Intrinsics that emit what their dtypes need and nothing else.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ... import machine
from ...simd import I1, I32, I64, Code, Value, data_pointer, define_once
from ..direct.elements import converted


@intrinsic
def halve_run(typing: Any, source: Any, source_at: Any, target: Any, at: Any, count: Any) -> Any:
    """Convert ``count`` elements, each the second after the one before; more than a vector.

    The last vector ends with the run and takes the odd lanes, so that nothing beyond is read.
    """
    signature = types.void(source, types.int64, target, types.int64, types.int64)
    kinds = source.dtype, target.dtype

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        start = data_pointer(context, builder, source, args[0], args[1])
        end = data_pointer(context, builder, target, args[2], args[3])
        sizes = [kind.bitwidth // 8 for kind in kinds]
        lanes = machine.lanes(sizes[1])
        kind, result = (pointer.type.pointee for pointer in (start, end))

        def one(at: Value, first: int) -> None:
            pixel = builder.gep(start, [builder.sub(builder.mul(at, I64(2)), I64(first))])
            pair = ir.VectorType(kind, 2 * lanes).as_pointer()
            found = builder.load(builder.bitcast(pixel, pair), align=sizes[0])
            order = list(range(first, 2 * lanes, 2))
            value = builder.shuffle_vector(
                found, found, ir.Constant(ir.VectorType(I32, lanes), order)
            )
            if kinds[0] != kinds[1]:
                value = converted(builder, value, *kinds)
            vector = ir.VectorType(result, lanes).as_pointer()
            builder.store(value, builder.bitcast(builder.gep(end, [at]), vector), align=sizes[1])

        last = builder.sub(args[4], I64(lanes))
        steps = builder.sdiv(builder.sub(args[4], I64(1)), I64(lanes))
        with cgutils.for_range(builder, steps, intp=I64) as loop:
            one(builder.mul(loop.index, I64(lanes)), 0)
        one(last, 1)
        return context.get_dummy_value()

    return signature, codegen


class _Piece:
    """Emits the copy of a few pixels of every tap; the attributes are IR values of arguments."""

    def __init__(self, builder: Any, *arguments: Value) -> None:
        self.source, self.offsets, self.target, self.step, self.lanes, self.count = arguments
        self.builder, self.code = builder, Code(builder, self.source.type.pointee)

    def emit(self) -> None:
        code, builder = self.code, self.builder
        mask_kind = ir.VectorType(I1, code.lanes)
        wide = ir.VectorType(I64, code.lanes)
        bound = builder.insert_element(ir.Constant(wide, ir.Undefined), self.lanes, I32(0))
        bound = code.shuffle(bound, bound, [0] * code.lanes)
        mask = builder.icmp_signed("<", ir.Constant(wide, list(range(code.lanes))), bound)
        pointer = code.vector.as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [code.vector, pointer, I32, mask_kind])
        letter = {"float": "f32", "double": "f64", "i64": "i64"}[str(code.kind)]
        name = f"llvm.masked.store.v{code.lanes}{letter}.p0"
        store = cgutils.get_or_insert_function(builder.module, kind, name)

        def one(index: Value, target: Value) -> list[Value]:
            pixels = code.load(code.at(self.source, code.read(self.offsets, index)))
            place = builder.bitcast(target, pointer)
            builder.call(store, [pixels, place, I32(code.itemsize), mask])
            return [code.at(target, self.step)]

        code.loop(self.count, [self.target], one)


def _emit_piece(builder: Any, *arguments: Value) -> None:
    _Piece(builder, *arguments).emit()


@intrinsic
def gather(typing, scratch, source, offsets, target, step, lanes, count):  # fmt: skip
    """Copy ``lanes`` pixels, at most a vector, of each of ``count`` taps within scratch.

    From element ``source`` plus the tap's offset, where those begin at the int64 ``offsets`` of
    scratch; to element ``target``, ``step`` further for each tap.
    """
    signature = types.void(scratch, *[types.int64] * 6)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        base, source, target = (
            data_pointer(context, builder, scratch, args[0], at)
            for at in (I64(0), args[1], args[3])
        )
        table = builder.gep(builder.bitcast(base, I64.as_pointer()), [args[2]])
        values = [source, table, target, args[4], args[5], args[6]]
        name = f"parconv.layer.gather.{source.type.pointee}"
        function = define_once(builder.module, name, [v.type for v in values], _emit_piece)
        builder.call(function, values)
        return context.get_dummy_value()

    return signature, codegen
