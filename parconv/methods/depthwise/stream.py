"""Cache lines from scratch to the result, past the caches."""

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ... import machine
from ...simd import I64, Code, data_pointer


@intrinsic
def stream_lines(typing: Any, source: Any, source_at: Any, target: Any, at: Any, lines: Any) -> Any:
    """Copy ``lines`` cache lines; the target begins with one."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        start = data_pointer(context, builder, kinds[0], args[0], args[1])
        end = data_pointer(context, builder, kinds[2], args[2], args[3])
        code = Code(builder, start.type.pointee)
        line = machine.CACHE_LINE // code.itemsize
        with cgutils.for_range(builder, args[4], intp=I64) as loop:
            first = builder.mul(loop.index, I64(line))
            for lane in range(0, line, code.lanes):
                pixels = code.load(code.at(start, first, lane))
                code.stream(pixels, code.at(end, first, lane))
        return context.get_dummy_value()

    return types.void(source, types.int64, target, types.int64, types.int64), codegen
