"""Runs of neighbouring elements at the edge of a kernel: recognised, converted, split and joined.

Intrinsics that emit what their dtypes need and nothing else; `elements` has single elements and the
rules of conversion.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import machine
from .elements import converted
from .simd import I1, I64, Value, data_pointer


def _flat(context: Any, builder: Any, array: Any, value: Value) -> Value:
    fields = context.make_array(array)(context, builder, value)
    strides = cgutils.unpack_tuple(builder, fields.strides)
    flat = builder.icmp_signed("==", strides[-1], fields.itemsize)
    for stride in strides[:-1]:
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


@intrinsic
def convert_rows(
    typing: Any, source: Any, start: Any, step: Any, target: Any, at: Any, to: Any, rows: Any,
    count: Any,
) -> Any:  # fmt: skip
    """The same for ``rows`` runs, ``step`` and ``to`` elements apart, as short as may be."""
    signature = types.void(source, *[types.int64] * 2, target, *[types.int64] * 4)
    kinds = source.dtype, target.dtype

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if any(isinstance(kind, types.Complex) for kind in kinds):
            return context.get_dummy_value()
        first = data_pointer(context, builder, source, args[0], args[1])
        begin = data_pointer(context, builder, target, args[3], args[4])
        with cgutils.for_range(builder, args[6], intp=I64) as loop:
            row = builder.gep(first, [builder.mul(loop.index, args[2])])
            place = builder.gep(begin, [builder.mul(loop.index, args[5])])
            convert_vectors(context, builder, kinds, row, place, args[7])
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
