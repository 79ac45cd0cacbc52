"""Runs of neighbouring elements at the edge of a kernel: recognised and converted.

`elements` has single elements and the rules of conversion.
"""

from collections.abc import Sequence
from typing import Any

from numba import types
from numba.core import cgutils

from . import machine
from .emitted import Items, Value, emitted
from .rules import by_rule
from .simd import I1, I64, Code


def _flat(array: Items) -> Value:
    builder, fields = array.builder, array.fields
    strides = cgutils.unpack_tuple(builder, fields.strides)
    flat = builder.icmp_signed("==", strides[-1], fields.itemsize)
    for stride in strides[:-1]:
        rest = builder.srem(stride, fields.itemsize)
        flat = builder.and_(flat, builder.icmp_signed("==", rest, rest.type(0)))
    return flat


def _complex(*arrays: Items) -> bool:
    return any(isinstance(array.dtype, types.Complex) for array in arrays)


@emitted(types.boolean)
def lies_flat(_: Any, array: Items, scratch: Items) -> Value:
    """Whether rows of ``array`` are runs of elements of the type computed in."""
    return _flat(array) if array.dtype == scratch.dtype else I1(0)


@emitted(types.boolean)
def has_runs(_: Any, array: Items) -> Value:
    """Whether rows of ``array`` are runs of real elements of any type, for `convert_run`."""
    return I1(0) if _complex(array) else _flat(array)


def vectors_then_elements(builder: Any, count: Value, lanes: int, body: Any) -> None:
    """``body(first element, elements)`` for whole vectors, then for one element at a time."""
    done = I64(0)
    for width in (lanes, 1):
        left = builder.sdiv(builder.sub(count, done), I64(width))
        with cgutils.for_range(builder, left, intp=I64) as loop:
            body(builder.add(done, builder.mul(loop.index, I64(width))), width)
        done = builder.mul(left, I64(width))


@emitted()
def convert_run(
    builder: Any, source: Items, source_at: Value, target: Items, at: Value, count: Value
) -> None:
    """Convert ``count`` neighbouring elements, a vector at a time; `converted` says how.

    4096 x 4096 uint8 to uint8, 5x5, one core: 55 ms element by element, 7.0 so (Zen 5, 2026-11).
    Emits nothing for complex numbers (never reached).
    """
    if _complex(source, target):
        return
    start, end = source.at(source_at), target.at(at)
    if source.dtype == target.dtype:
        cgutils.raw_memcpy(builder, end, start, count, source.itemsize)
    else:
        convert_vectors(builder, (source.dtype, target.dtype), start, end, count)


def convert_vectors(builder: Any, kinds: Any, source: Value, target: Value, count: Value) -> None:
    """By cache lines, of fewer elements by vectors, of fewer still one by one.

    The last line or vector is pulled back to end with the run.  Loops over what is left would cost
    more than the conversion: 4096 x 4096 uint8 to uint8 at 3x3, 3.2 -> 2.95 ms (Zen 5, 2026-11).
    """
    sizes, code = [kind.bitwidth // 8 for kind in kinds], Code(builder, source.type.pointee)
    lanes = machine.lanes(max(sizes))
    line = max(lanes, machine.CACHE_LINE // sizes[0])

    def one(at: Value, width: int) -> None:
        value = code.load(code.at(source, at), width)
        value = by_rule(builder, value, *kinds)
        code.store(value, code.at(target, at))

    pulled_back(builder, count, (line, lanes, 1), one)


def pulled_back(builder: Any, count: Value, widths: Sequence[int], body: Any) -> None:
    """``body(first element, elements)`` of the first width that ``count`` elements fill.

    The last elements are pulled back to end with them.
    """
    left = count
    for width in dict.fromkeys(widths):
        enough = builder.icmp_signed(">=", left, I64(width))
        steps = builder.sdiv(builder.add(left, I64(width - 1)), I64(width))
        last = builder.sub(left, I64(width))
        with cgutils.for_range(builder, builder.select(enough, steps, I64(0)), intp=I64) as loop:
            at = builder.mul(loop.index, I64(width))
            body(builder.select(builder.icmp_signed("<", at, last), at, last), width)
        left = builder.select(enough, I64(0), left)


@emitted()
def fetch_lines(builder: Any, f: Items, at: Value, step: Value, count: Value) -> None:
    """Ask for the lines of ``count`` elements of ``f``, ``step`` apart, which may lie anywhere."""
    code = Code(builder, f.element)
    with cgutils.for_range(builder, count, intp=I64) as loop:
        code.prefetch(f.byte_at(builder.add(at, builder.mul(loop.index, step))))
