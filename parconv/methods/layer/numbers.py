"""Integers in a worker's scratch, whose elements are those of the sums."""

from typing import Any

from numba import types
from numba.extending import intrinsic

from ...codegen.simd import I64, Value, data_pointer


def _place(context: Any, builder: Any, scratch: Any, array: Value, at: Value) -> Value:
    start = data_pointer(context, builder, scratch, array, I64(0))
    return builder.gep(builder.bitcast(start, I64.as_pointer()), [at])


@intrinsic
def put(typing: Any, scratch: Any, at: Any, value: Any) -> Any:
    """Write the ``at``-th int64 of scratch."""
    signature = types.void(scratch, types.int64, types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(context, builder, scratch, args[0], args[1])
        builder.store(args[2], place, align=scratch.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return signature, codegen
