"""Element types at the edge of a kernel: read any, compute in one, store any.

Each function emits what its dtypes need and nothing else; the type computed in is that of the array
``scratch`` (float32, float64 or int64).
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types

from .emitted import Items, Value, emitted, instruction


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


def _kind(value: Value) -> Any:
    """The type of a sum."""
    return {"float": types.float32, "double": types.float64}.get(str(value.type), types.int64)


@emitted(lambda f, index, scratch: scratch.dtype)
def read(_: Any, f: Items, index: Sequence[Value], scratch: Items) -> Value:
    """One real pixel in the type computed in."""
    value = f.context.unpack_value(f.builder, f.dtype, f.item(index))
    return f.context.cast(f.builder, value, f.dtype, scratch.dtype)


@emitted()
def write(builder: Any, out: Items, index: Sequence[Value], value: Value) -> None:
    """Store one real result: integers round half to even and saturate, NaN becomes 0."""
    put(out.context, builder, out.dtype, out.item(index), value, None)


def put(context: Any, builder: Any, kind: Any, place: Value, real: Value, imaginary: Value) -> None:
    """The same of any type, at a pointer to it."""
    if isinstance(kind, types.Complex):
        parts = context.make_complex(builder, kind)
        parts.real, parts.imag = (
            context.cast(builder, part, _kind(part), kind.underlying_float)
            for part in (real, imaginary)
        )
        value = parts._getvalue()
    elif isinstance(kind, types.Float):
        value = context.cast(builder, real, _kind(real), kind)
    else:
        value = _saturated(builder, real, _kind(real), kind)
    context.pack_value(builder, kind, value, place)


def _saturated(builder: Any, value: Value, kind: Any, result: Any) -> Value:
    """Floats or int64, one or a vector of them, as the nearest values of an integer type."""
    width = f"v{value.type.count}" if isinstance(value.type, ir.VectorType) else ""
    integer = _shaped(value, ir.IntType(result.bitwidth))
    if isinstance(kind, types.Float):
        if width:
            return _clamped(builder, value, kind, result)
        suffix = f"f{kind.bitwidth}"
        value = instruction(builder, f"llvm.rint.{suffix}", value.type, value)
        sign = "s" if result.signed else "u"
        name = f"llvm.fpto{sign}i.sat.i{result.bitwidth}.{suffix}"
        return instruction(builder, name, integer, value)
    for name, limit in (("smax", result.minval), ("smin", min(result.maxval, types.int64.maxval))):
        bound = ir.Constant(value.type, [limit] * value.type.count if width else limit)
        value = instruction(builder, f"llvm.{name}.{width}i64", value.type, value, bound)
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
        value = instruction(builder, f"llvm.lrint.v{value.type.count}i32.{suffix}", whole, value)
        return value if result == types.int32 else builder.trunc(value, integer)
    value = instruction(builder, f"llvm.rint.{suffix}", value.type, value)
    return (builder.fptosi if result.signed else builder.fptoui)(value, integer)


def _shaped(value: Value, kind: Any) -> Any:
    """The type of as many elements of ``kind`` as ``value`` has."""
    vector = isinstance(value.type, ir.VectorType)
    return ir.VectorType(kind, value.type.count) if vector else kind
