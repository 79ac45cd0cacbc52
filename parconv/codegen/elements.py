"""Element types at the edge of a kernel: read any, compute in one, store any.

Each function is an intrinsic that emits what its dtypes need and nothing else; the type computed in
is that of the array ``scratch`` (float32, float64 or int64).
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .simd import Value


def converted(builder: Any, value: Value, source: Any, target: Any) -> Value:
    """A vector of one real type as another: integers round half to even and saturate."""
    if isinstance(source, types.Float) and isinstance(target, types.Integer):
        return _saturated(builder, value, source, target)
    floats = {32: ir.FloatType(), 64: ir.DoubleType()}
    real = isinstance(target, types.Float)
    vector = _shaped(value, floats[target.bitwidth] if real else ir.IntType(target.bitwidth))
    if isinstance(source, types.Float):
        narrower = target.bitwidth < source.bitwidth
        return (builder.fptrunc if narrower else builder.fpext)(value, vector)
    if real:
        return (builder.sitofp if source.signed else builder.uitofp)(value, vector)
    if target == types.int64 or (target.signed and target.bitwidth > source.bitwidth):
        return (builder.sext if source.signed else builder.zext)(value, vector)
    return _saturated(builder, value, source, target)


def _pixel(context: Any, builder: Any, kind: Any, array: Value, indices: Value) -> Value:
    """Pointer to ``array[indices]`` in any layout."""
    fields = context.make_array(kind)(context, builder, array)
    return cgutils.get_item_pointer(
        context, builder, kind, fields, cgutils.unpack_tuple(builder, indices)
    )


def _indices(array: Any) -> Any:
    return types.UniTuple(types.int64, array.ndim)


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

    return scratch.dtype(f, _indices(f), types.int64, scratch), codegen


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

    return types.void(out, _indices(out), real, real), codegen


def _saturated(builder: Any, value: Value, kind: Any, result: Any) -> Value:
    """Floats or int64, one or a vector of them, as the nearest values of an integer type."""
    width = f"v{value.type.count}" if isinstance(value.type, ir.VectorType) else ""
    integer = _shaped(value, ir.IntType(result.bitwidth))
    if isinstance(kind, types.Float):
        if width:
            return _clamped(builder, value, kind, result)
        suffix = f"f{kind.bitwidth}"
        value = _call(builder, f"llvm.rint.{suffix}", value.type, value)
        sign = "s" if result.signed else "u"
        name = f"llvm.fpto{sign}i.sat.i{result.bitwidth}.{suffix}"
        return _call(builder, name, integer, value)
    for name, limit in (("smax", result.minval), ("smin", min(result.maxval, types.int64.maxval))):
        bound = ir.Constant(value.type, [limit] * value.type.count if width else limit)
        value = _call(builder, f"llvm.{name}.{width}i64", value.type, value, bound)
    return builder.trunc(value, integer) if result.bitwidth < 64 else value


def _clamped(builder: Any, value: Value, kind: Any, result: Any) -> Value:
    """A vector of floats as integers; LLVM converts with ``fptosi.sat`` one lane at a time."""
    digits = {32: 24, 64: 53}[kind.bitwidth]
    top = max(0, result.maxval.bit_length() - digits)  # bits of the greatest value no float has

    def every(number: float) -> Value:
        return ir.Constant(value.type, [float(number)] * value.type.count)

    given = value
    if result.signed:  # else NaN fails the first comparison and becomes the least value, 0
        value = builder.select(builder.fcmp_ordered("ord", value, value), value, every(0))
    for relation, limit in ((">", result.minval), ("<", result.maxval >> top << top)):
        bound = every(limit)
        value = builder.select(builder.fcmp_ordered(relation, value, bound), value, bound)
    whole = _rounded(builder, value, kind, result)
    if top == 0:
        return whole
    beyond = builder.fcmp_ordered(">=", given, every(result.maxval + 1))
    return builder.select(
        beyond, ir.Constant(whole.type, [result.maxval] * value.type.count), whole
    )


def _rounded(builder: Any, value: Value, kind: Any, result: Any) -> Value:
    """A vector of floats within the range of an integer type as the nearest of its values."""
    suffix = f"v{value.type.count}f{kind.bitwidth}"
    integer = _shaped(value, ir.IntType(result.bitwidth))
    if result.bitwidth < 32 or result == types.int32:  # one instruction rounds and converts
        whole = _shaped(value, ir.IntType(32))
        value = _call(builder, f"llvm.lrint.v{value.type.count}i32.{suffix}", whole, value)
        return value if result == types.int32 else builder.trunc(value, integer)
    value = _call(builder, f"llvm.rint.{suffix}", value.type, value)
    return (builder.fptosi if result.signed else builder.fptoui)(value, integer)


def _shaped(value: Value, kind: Any) -> Any:
    """The type of as many elements of ``kind`` as ``value`` has."""
    vector = isinstance(value.type, ir.VectorType)
    return ir.VectorType(kind, value.type.count) if vector else kind


def _call(builder: Any, name: str, result: Any, *args: Value) -> Value:
    kind = ir.FunctionType(result, [arg.type for arg in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)
