"""Element types at the edge of a kernel: read any, compute in one, store any.

Each function is an intrinsic that emits what its dtypes need and nothing else; the type computed in
is that of the array ``scratch`` (float32, float64 or int64).
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ... import machine
from ...simd import I1, I64, Value, data_pointer


def _flat(context: Any, builder: Any, array: Any, value: Value) -> Value:
    fields = context.make_array(array)(context, builder, value)
    strides = cgutils.unpack_tuple(builder, fields.strides)
    flat = builder.icmp_signed("==", strides[2], fields.itemsize)
    for stride in strides[:2]:
        rest = builder.srem(stride, fields.itemsize)
        flat = builder.and_(flat, builder.icmp_signed("==", rest, rest.type(0)))
    return flat


@intrinsic
def lies_flat(typing: Any, array: Any, scratch: Any) -> Any:
    """Whether rows of ``array`` are runs of elements of the type computed in."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        same = array.dtype == scratch.dtype
        return _flat(context, builder, array, args[0]) if same else I1(0)

    return types.boolean(array, scratch), codegen


@intrinsic
def has_runs(typing: Any, array: Any) -> Any:
    """Whether rows of ``array`` are runs of real elements of any type, for `convert_run`."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        complexes = isinstance(array.dtype, types.Complex)
        return I1(0) if complexes else _flat(context, builder, array, args[0])

    return types.boolean(array), codegen


@intrinsic
def has_complex_runs(typing: Any, array: Any) -> Any:
    """Whether rows of ``array`` are runs of complex elements, for `split_run` and `join_runs`."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        complexes = isinstance(array.dtype, types.Complex)
        return _flat(context, builder, array, args[0]) if complexes else I1(0)

    return types.boolean(array), codegen


@intrinsic
def split_run(
    typing: Any, source: Any, source_at: Any, target: Any, real: Any, imaginary: Any, count: Any
) -> Any:
    """The real and the imaginary parts of ``count`` neighbouring complex elements.

    1024 x 1024 complex64 at 7x7, one core: 8.0 ms with parts read and written one by one, 2.7 by
    this and `join_runs` (Zen 5, 2026-11).  Emits nothing for real elements (never reached).
    """
    signature = types.void(source, types.int64, target, *[types.int64] * 3)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if not isinstance(source.dtype, types.Complex):
            return context.get_dummy_value()
        kinds = source.dtype.underlying_float, target.dtype
        start = _parts(context, builder, source, args[0], args[1])
        ends = [data_pointer(context, builder, target, args[2], args[n]) for n in (3, 4)]

        def one(at: Value, width: int) -> None:
            pairs = _wide(builder, builder.gep(start, [builder.mul(at, I64(2))]), 2 * width)
            value = builder.load(pairs, align=kinds[0].bitwidth // 8)
            for part, end in enumerate(ends):
                lanes = list(range(part, 2 * width, 2))
                order = ir.Constant(ir.VectorType(ir.IntType(32), width), lanes)
                found = converted(builder, builder.shuffle_vector(value, value, order), *kinds)
                target_at = _wide(builder, builder.gep(end, [at]), width)
                builder.store(found, target_at, align=kinds[1].bitwidth // 8)

        lanes = machine.lanes(kinds[1].bitwidth // 8)
        vectors_then_elements(builder, args[5], lanes, one)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def join_runs(
    typing: Any, scratch: Any, real: Any, imaginary: Any, out: Any, at: Any, count: Any
) -> Any:
    """Store ``count`` complex elements, given their real and imaginary parts."""
    signature = types.void(scratch, types.int64, types.int64, out, types.int64, types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if not isinstance(out.dtype, types.Complex):
            return context.get_dummy_value()
        kinds = scratch.dtype, out.dtype.underlying_float
        starts = [data_pointer(context, builder, scratch, args[0], args[n]) for n in (1, 2)]
        end = _parts(context, builder, out, args[3], args[4])

        def one(at: Value, width: int) -> None:
            pointers = [_wide(builder, builder.gep(start, [at]), width) for start in starts]
            parts = [builder.load(p, align=kinds[0].bitwidth // 8) for p in pointers]
            parts = [converted(builder, value, *kinds) for value in parts]
            lanes = [lane + part * width for lane in range(width) for part in range(2)]
            order = ir.Constant(ir.VectorType(ir.IntType(32), 2 * width), lanes)
            pairs = builder.gep(end, [builder.mul(at, I64(2))])
            builder.store(
                builder.shuffle_vector(*parts, order), _wide(builder, pairs, 2 * width),
                align=kinds[1].bitwidth // 8,
            )  # fmt: skip

        vectors_then_elements(builder, args[5], machine.lanes(kinds[0].bitwidth // 8), one)
        return context.get_dummy_value()

    return signature, codegen


def _parts(context: Any, builder: Any, array: Any, value: Value, at: Value) -> Value:
    """Pointer to the real part of element ``at``."""
    kind = context.get_data_type(array.dtype.underlying_float)
    pointer = data_pointer(context, builder, array, value, at)
    return builder.bitcast(pointer, kind.as_pointer())


def _wide(builder: Any, pointer: Value, lanes: int) -> Value:
    return builder.bitcast(pointer, ir.VectorType(pointer.type.pointee, lanes).as_pointer())


def vectors_then_elements(builder: Any, count: Value, lanes: int, body: Any) -> None:
    """``body(first element, elements)`` for whole vectors, then for one element at a time."""
    done = I64(0)
    for width in (lanes, 1):
        left = builder.sdiv(builder.sub(count, done), I64(width))
        with cgutils.for_range(builder, left, intp=I64) as loop:
            body(builder.add(done, builder.mul(loop.index, I64(width))), width)
        done = builder.mul(left, I64(width))


@intrinsic
def convert_run(typing: Any, source: Any, source_at: Any, target: Any, at: Any, count: Any) -> Any:
    """Convert ``count`` neighbouring elements, a vector at a time; `converted` says how.

    4096 x 4096 uint8 to uint8, 5x5, one core: 55 ms element by element, 7.0 so (Zen 5, 2026-11).
    Emits nothing for complex numbers (never reached).
    """
    signature = types.void(source, types.int64, target, types.int64, types.int64)
    kinds = source.dtype, target.dtype

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if any(isinstance(kind, types.Complex) for kind in kinds):
            return context.get_dummy_value()
        start = data_pointer(context, builder, source, args[0], args[1])
        end = data_pointer(context, builder, target, args[2], args[3])
        if kinds[0] == kinds[1]:
            size = context.get_abi_sizeof(context.get_data_type(kinds[0]))
            cgutils.raw_memcpy(builder, end, start, args[4], size)
        else:
            convert_vectors(context, builder, kinds, start, end, args[4])
        return context.get_dummy_value()

    return signature, codegen


def convert_vectors(
    context: Any, builder: Any, kinds: Any, source: Value, target: Value, count: Value
) -> None:
    """By cache lines, of fewer elements by vectors, of fewer still one by one.

    The last line or vector is pulled back to end with the run.  Loops over what is left would cost
    more than the conversion: 4096 x 4096 uint8 to uint8 at 3x3, 3.2 -> 2.95 ms (Zen 5, 2026-11).
    """
    data = [context.get_data_type(kind) for kind in kinds]
    sizes = [kind.bitwidth // 8 for kind in kinds]
    lanes = machine.lanes(max(sizes))
    line = max(lanes, machine.CACHE_LINE // sizes[0])
    left = count
    for width in dict.fromkeys((line, lanes, 1)):
        vectors = [ir.VectorType(kind, width).as_pointer() for kind in data]
        enough = builder.icmp_signed(">=", left, I64(width))
        steps = builder.sdiv(builder.add(left, I64(width - 1)), I64(width))
        last = builder.sub(left, I64(width))
        with cgutils.for_range(builder, builder.select(enough, steps, I64(0)), intp=I64) as loop:
            at = builder.mul(loop.index, I64(width))
            at = builder.select(builder.icmp_signed("<", at, last), at, last)
            read_from, write_to = (
                builder.bitcast(builder.gep(pointer, [at]), vector)
                for pointer, vector in zip((source, target), vectors, strict=True)
            )
            value = builder.load(read_from, align=sizes[0])
            if kinds[0] != kinds[1]:
                value = converted(builder, value, *kinds)
            builder.store(value, write_to, align=sizes[1])
        left = builder.select(enough, I64(0), left)


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
    if target == types.int64:
        return (builder.sext if source.signed else builder.zext)(value, vector)
    return _saturated(builder, value, source, target)


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
