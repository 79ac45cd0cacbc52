"""Rows of bytes: copied from the image into scratch, and results from scratch to the output."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...codegen.simd import I64, Code, Value, data_pointer

I8 = ir.IntType(8)


@intrinsic
def copy_bytes(typing, f, f_at, cells, at, count, flip):  # fmt: skip
    """Copy ``count`` neighbouring pixels, their bits flipped as in ``flip``.

    Vector by vector, the last one pulled back to end with the run.
    """
    signature = types.void(f, types.int64, cells, types.int64, types.int64, types.uint8)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        code, count, zero = Code(builder, I8), args[4], I64(0)
        source = data_pointer(context, builder, f, args[0], args[1])
        target = data_pointer(context, builder, cells, args[2], args[3])

        def run(lanes: int, number: Value, last: Value) -> None:
            flips = code.piece(code.splat(args[5]), 0, lanes)
            with cgutils.for_range(builder, number, intp=I64) as loop:
                at = builder.mul(loop.index, I64(lanes))
                at = builder.select(builder.icmp_signed("<", at, last), at, last)
                pixels = builder.xor(code.load(code.at(source, at), lanes), flips)
                code.store(pixels, code.at(target, at))

        last = builder.sub(count, I64(code.lanes))
        whole = builder.icmp_signed(">=", last, zero)
        vectors = builder.sdiv(builder.add(count, I64(code.lanes - 1)), I64(code.lanes))
        run(code.lanes, builder.select(whole, vectors, zero), last)
        run(1, builder.select(whole, zero, count), count)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def deliver(typing, cells, at, out, index, count):  # fmt: skip
    """Copy ``count`` results that lie at byte ``at`` to ``out[index]`` and its neighbours."""
    signature = types.void(cells, types.int64, out, types.UniTuple(types.int64, 3), types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source = data_pointer(context, builder, cells, args[0], args[1])
        fields = context.make_array(out)(context, builder, args[2])
        place = cgutils.unpack_tuple(builder, args[3])
        target = cgutils.get_item_pointer(context, builder, out, fields, place)
        size = context.get_abi_sizeof(context.get_data_type(out.dtype))
        cgutils.raw_memcpy(builder, target, source, args[4], size)
        return context.get_dummy_value()

    return signature, codegen
