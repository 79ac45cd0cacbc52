"""Element types at the edge of a kernel: read any, compute in one, store any.

Each function is an intrinsic that emits what its dtypes need and nothing else; the type computed in
is that of the array ``scratch`` (float32, float64 or int64).
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...simd import I1, Value, data_pointer


@intrinsic
def lies_flat(typing: Any, array: Any, scratch: Any) -> Any:
    """Whether rows of ``array`` are runs of elements of the type computed in."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if array.dtype != scratch.dtype:
            return I1(0)
        fields = context.make_array(array)(context, builder, args[0])
        strides = cgutils.unpack_tuple(builder, fields.strides)
        flat = builder.icmp_signed("==", strides[2], fields.itemsize)
        for stride in strides[:2]:
            rest = builder.srem(stride, fields.itemsize)
            flat = builder.and_(flat, builder.icmp_signed("==", rest, rest.type(0)))
        return flat

    return types.boolean(array, scratch), codegen


@intrinsic
def copy_run(typing: Any, source: Any, source_at: Any, target: Any, at: Any, count: Any) -> Any:
    """Copy ``count`` neighbouring elements; emits nothing for two types (never reached)."""
    signature = types.void(source, types.int64, target, types.int64, types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if source.dtype == target.dtype:
            size = context.get_abi_sizeof(context.get_data_type(source.dtype))
            start = data_pointer(context, builder, source, args[0], args[1])
            end = data_pointer(context, builder, target, args[2], args[3])
            cgutils.raw_memcpy(builder, end, start, args[4], size)
        return context.get_dummy_value()

    return signature, codegen


def _pixel(context: Any, builder: Any, kind: Any, array: Value, indices: Value) -> Value:
    """Pointer to ``array[plane, row, column]`` in any layout."""
    fields = context.make_array(kind)(context, builder, array)
    return cgutils.get_item_pointer(
        context, builder, kind, fields, cgutils.unpack_tuple(builder, indices)
    )


_INDEX = types.UniTuple(types.int64, 3)


@intrinsic
def read(typing: Any, f: Any, index: Any, part: Any, scratch: Any) -> Any:
    """One pixel in the type computed in: its real (part 0) or imaginary (part 1) part."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _pixel(context, builder, f, args[0], args[1])
        value = context.unpack_value(builder, f.dtype, pointer)
        if not isinstance(f.dtype, types.Complex):
            return context.cast(builder, value, f.dtype, scratch.dtype)
        imaginary = builder.icmp_signed("!=", args[2], args[2].type(0))
        value = builder.select(
            imaginary, builder.extract_value(value, 1), builder.extract_value(value, 0)
        )
        return context.cast(builder, value, f.dtype.underlying_float, scratch.dtype)

    return scratch.dtype(f, _INDEX, types.int64, scratch), codegen


@intrinsic
def write(typing: Any, out: Any, index: Any, real: Any, imaginary: Any) -> Any:
    """Store one result: integers round half to even and saturate, NaN becomes 0."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if isinstance(out.dtype, types.Complex):
            kind = out.dtype.underlying_float
            parts = context.make_complex(builder, out.dtype)
            parts.real = context.cast(builder, args[2], real, kind)
            parts.imag = context.cast(builder, args[3], real, kind)
            value = parts._getvalue()
        elif isinstance(out.dtype, types.Float):
            value = context.cast(builder, args[2], real, out.dtype)
        else:
            value = _saturated(builder, args[2], real, out.dtype)
        pointer = _pixel(context, builder, out, args[0], args[1])
        context.pack_value(builder, out.dtype, value, pointer)
        return context.get_dummy_value()

    return types.void(out, _INDEX, real, real), codegen


def _saturated(builder: Any, value: Value, kind: Any, result: Any) -> Value:
    """A float or int64 as the nearest value of an integer type."""
    integer = ir.IntType(result.bitwidth)
    if isinstance(kind, types.Float):
        suffix = f"f{kind.bitwidth}"
        value = _call(builder, f"llvm.rint.{suffix}", value.type, value)
        sign = "s" if result.signed else "u"
        name = f"llvm.fpto{sign}i.sat.i{result.bitwidth}.{suffix}"
        return _call(builder, name, integer, value)
    low = value.type(result.minval)
    high = value.type(min(result.maxval, types.int64.maxval))
    value = _call(builder, "llvm.smax.i64", value.type, value, low)
    value = _call(builder, "llvm.smin.i64", value.type, value, high)
    return builder.trunc(value, integer) if result.bitwidth < 64 else value


def _call(builder: Any, name: str, result: Any, *args: Value) -> Value:
    kind = ir.FunctionType(result, [arg.type for arg in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)
