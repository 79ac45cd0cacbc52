"""Pixels weighted on their way into a method, and its sums divided on their way out.

Rows of scratch hold numbers of the type of the sums side by side; weights lie in rows of their own,
as far apart.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import populate_array

from ...codegen import machine
from ...codegen.emitted import Items, Value, emitted
from ...codegen.runs import vectors_then_elements
from ...codegen.simd import I1, I32, I64, Code

BYTE = ir.IntType(8).as_pointer()


def _planes(scratch: Any, axes: int = 3) -> Any:
    return scratch.copy(ndim=axes, layout="A")


@emitted(lambda scratch, *_: _planes(scratch))
def planes_at(builder: Any, scratch: Items, at: Value, shape: Any, steps: Any) -> Value:
    """Numbers of scratch as planes: (planes, rows, columns), elements from one to the next."""
    size = I64(scratch.itemsize)
    strides = [builder.mul(step, size) for step in steps]
    return _made(scratch, scratch.at(at), shape, strides)


@emitted(lambda out, *_: out)
def rows_of(builder: Any, out: Items, plane: Value, y: Value, x: Value, size: Any) -> Value:
    """One plane of so many rows and columns from that place of a result on."""
    strides = out.each("strides")
    away = I64(0)
    for stride, place in zip(strides, (plane, y, x), strict=True):
        away = builder.add(away, builder.mul(stride, place))
    start = builder.gep(builder.bitcast(out.fields.data, BYTE), [away])
    data = builder.bitcast(start, out.fields.data.type)
    found = out.context.make_array(out.kind)(out.context, builder)
    populate_array(found, data, [I64(1), *size], strides, out.fields.itemsize, None)
    return found._getvalue()


@emitted(lambda layout, at, scratch: _planes(scratch))
def weights_at(builder: Any, layout: Items, at: Value, scratch: Items) -> Value:
    """The array whose address and strides a layout holds, as planes of whatever type."""
    pointer = scratch.element.as_pointer()
    data = builder.load(builder.bitcast(layout.at(at), pointer.as_pointer()))
    strides = [builder.load(layout.at(builder.add(at, I64(1 + n)))) for n in range(3)]
    return _made(scratch, data, [I64(0)] * 3, strides)


BYTES = types.Array(types.uint8, 3, "A"), types.Array(types.uint8, 1, "C")


@emitted(BYTES[0])
def truths_at(builder: Any, layout: Items, at: Value, scratch: Items) -> Value:
    """The same array of single bytes, as such."""
    data = builder.load(builder.bitcast(layout.at(at), BYTE.as_pointer()))
    strides = [builder.load(layout.at(builder.add(at, I64(1 + n)))) for n in range(3)]
    found = scratch.context.make_array(BYTES[0])(scratch.context, builder)
    populate_array(found, data, [I64(0)] * 3, strides, I64(1), None)
    return found._getvalue()


@emitted(BYTES[1])
def bytes_at(builder: Any, scratch: Items, at: Value, count: Value) -> Value:
    """So many bytes of scratch from an element on."""
    data = builder.bitcast(scratch.at(at), BYTE)
    found = scratch.context.make_array(BYTES[1])(scratch.context, builder)
    populate_array(found, data, [count], [I64(1)], I64(1), None)
    return found._getvalue()


def _made(scratch: Items, data: Value, shape: Any, strides: Any) -> Value:
    found = scratch.context.make_array(_planes(scratch.kind))(scratch.context, scratch.builder)
    size = I64(scratch.itemsize)
    populate_array(found, data, shape, strides, size, None)
    return found._getvalue()


@emitted(types.boolean)
def weigh(
    builder: Any, scratch: Items, at: Value, weights: Value, size: Any, step: Value, omits: Value
) -> Value:
    """Multiply the pixels by their weights; a pixel without weight becomes 0, whatever it is.

    ``omits``: whether NaN has no weight.  The result tells whether all weights are 1.
    """
    code = Code(builder, scratch.element)
    bits = ir.IntType(8 * code.itemsize)
    kinds = {width: ir.VectorType(bits, width) for width in (code.lanes, 1)}
    skips = builder.sext(builder.icmp_signed("!=", omits, I64(0)), bits)
    odd = {
        width: cgutils.alloca_once_value(builder, ir.Constant(kind, [0] * width))
        for width, kind in kinds.items()
    }

    def row(start: Value, beside: Value) -> None:
        def one(place: Value, width: int) -> None:
            kind = ir.VectorType(code.kind, width)
            zero, unit = (ir.Constant(kind, [number] * width) for number in (0.0, 1.0))
            value, weight = (code.load(code.at(one, place), width) for one in (start, beside))
            nan = builder.sext(builder.fcmp_unordered("uno", value, value), kinds[width])
            weight = _without(builder, weight, builder.and_(nan, _every(builder, skips, width)))
            lost = builder.sext(builder.fcmp_ordered("==", weight, zero), kinds[width])
            other = builder.sext(builder.fcmp_unordered("!=", weight, unit), kinds[width])
            value = _without(builder, builder.fmul(value, weight), lost)
            code.store(value, code.at(start, place))
            code.store(weight, code.at(beside, place))
            builder.store(builder.or_(builder.load(odd[width]), other), odd[width])

        vectors_then_elements(builder, size[1], code.lanes, one)

    with cgutils.for_range(builder, size[0], intp=I64) as loop:
        away = builder.mul(loop.index, step)
        row(*(scratch.at(builder.add(place, away)) for place in (at, weights)))
    whole = I1(1)
    for width, found in odd.items():
        every = builder.bitcast(builder.load(found), ir.IntType(8 * code.itemsize * width))
        whole = builder.and_(whole, builder.icmp_signed("==", every, every.type(0)))
    return whole


@emitted()
def divide(
    builder: Any, scratch: Items, source: Any, size: Any, numbers: Any, exact: Value, out: Items,
    target: Any,
) -> None:  # fmt: skip
    """Each sum over that of its weights, times what the filter sums to; into ``out``.

    ``source`` = places of the sums and of those of the weights, elements from row to row;
    ``numbers`` = what the filter sums to, its sign, how much of that there must be, what stands
    where there is less, or nothing; ``target`` = place and elements from row to row.  Sums of
    integers, ``exact``, are multiplied first: so what is half between two stays there.
    """
    code = Code(builder, scratch.element)

    def row(sums: Value, weights: Value, end: Value, whole: bool) -> None:
        def one(place: Value, width: int) -> None:
            total, sign, least, nothing = (_every(builder, one, width) for one in numbers)
            zero = ir.Constant(total.type, [0.0] * width)
            value = code.load(code.at(sums, place), width)
            weight = code.load(code.at(weights, place), width)
            if whole:
                result = builder.fdiv(builder.fmul(value, total), weight)
            else:
                result = builder.fmul(value, builder.fdiv(total, weight))
            few = builder.fcmp_ordered("<", builder.fmul(weight, sign), least)
            none = builder.fcmp_ordered("==", weight, zero)
            result = builder.select(builder.or_(few, none), nothing, result)
            code.store(result, code.at(end, place))

        vectors_then_elements(builder, size[1], machine.lanes(scratch.itemsize), one)

    with cgutils.for_range(builder, size[0], intp=I64) as loop:
        away = builder.mul(loop.index, source[2])
        sums, weights = (scratch.at(builder.add(place, away)) for place in source[:2])
        end = out.at(builder.add(target[0], builder.mul(loop.index, target[1])))
        with builder.if_else(builder.icmp_signed("!=", exact, I64(0))) as (integers, others):
            with integers:
                row(sums, weights, end, True)
            with others:
                row(sums, weights, end, False)


def _without(builder: Any, numbers: Value, lost: Value) -> Value:
    """0 where all bits of an integer are set."""
    kept = builder.and_(builder.bitcast(numbers, lost.type), builder.not_(lost))
    return builder.bitcast(kept, numbers.type)


def _every(builder: Any, scalar: Value, width: int) -> Value:
    """The scalar in every lane."""
    kind = ir.VectorType(scalar.type, width)
    undefined = ir.Constant(kind, ir.Undefined)
    one = builder.insert_element(undefined, scalar, I32(0))
    order = ir.Constant(ir.VectorType(I32, width), [0] * width)
    return builder.shuffle_vector(one, undefined, order)
