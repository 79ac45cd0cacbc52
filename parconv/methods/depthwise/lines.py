"""Cache lines from scratch to the result."""

from collections.abc import Sequence
from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ... import machine
from ...simd import I64, Code, Value, data_pointer


def line_of(code: Code) -> int:
    """Elements of a cache line."""
    return machine.CACHE_LINE // code.itemsize


def drain(code: Code, base: Value, large: Value, place: Sequence[Value]) -> list[Value]:
    """Whole lines leave for the result; the rest of the last one comes first.

    ``place`` is what is done: elements from ``base`` on, where they go, and how many of them are
    not ours.  The base stands for a line of the result.  A ``large`` result goes past the caches.
    """
    builder, line = code.builder, line_of(code)
    filled, target, skip = place
    whole = builder.and_(filled, I64(-line))
    others = builder.icmp_signed(">", skip, I64(0))
    with builder.if_then(others, likely=False):
        with cgutils.for_range_slice(builder, skip, I64(line), I64(1), I64) as (n, _):
            builder.store(code.read(base, n), code.at(target, n))
    start = builder.select(others, I64(line), I64(0))
    past, through = builder.icmp_signed("!=", large, I64(0)), code.store
    with builder.if_else(past) as (then, otherwise):
        for branch, store in ((then, code.stream), (otherwise, through)):
            with branch, cgutils.for_range_slice(builder, start, whole, I64(line), I64) as (n, _):
                for lane in range(0, line, code.lanes):
                    store(code.load(code.at(base, n, lane)), code.at(target, n, lane))
    for lane in range(0, line, code.lanes):
        code.store(code.load(code.at(base, whole, lane)), code.at(base, lane))
    return [builder.sub(filled, whole), code.at(target, whole), I64(0)]


@intrinsic
def leave(typing: Any, scratch: Any, base: Any, out: Any, run: Any, place: Any, large: Any) -> Any:
    """Emit `drain` of ``place`` = elements, and how many are not ours, to element ``run``."""
    signature = types.void(scratch, types.int64, out, types.int64, place, types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        start = data_pointer(context, builder, signature.args[0], args[0], args[1])
        target = data_pointer(context, builder, signature.args[2], args[2], args[3])
        filled, skip = cgutils.unpack_tuple(builder, args[4])
        code = Code(builder, start.type.pointee)
        drain(code, start, args[5], [filled, target, skip])
        return context.get_dummy_value()

    return signature, codegen
