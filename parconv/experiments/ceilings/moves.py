"""Compiled loops that move vectors between registers and memory.

Times nothing; each is compiled when it is first called.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from parconv.codegen import jit, machine
from parconv.codegen.simd import I64, Code, data_pointer, store_fence

from .gate import Gate, meet

Floats = NDArray[np.float32]
Value = Any  # llvmlite values are untyped

UNROLL = 8  # vectors in one step: the loop's own instructions cost nothing beside them
STEP = UNROLL * machine.lanes(4)  # elements


def _begin(context: Any, builder: Any, kinds: Any, args: Any) -> tuple[Code, Value, Value]:
    """The language of float32, and pointers to x and out."""
    x, out = (
        data_pointer(context, builder, kind, array, I64(0))
        for kind, array in zip(kinds[:2], args[:2], strict=True)
    )
    return Code(builder, context.get_data_type(types.float32)), x, out


def _places(code: Code, index: Value) -> Iterator[Value]:
    """Where the vectors of step ``index`` begin."""
    start = code.builder.mul(index, I64(STEP))
    return (code.builder.add(start, I64(n * code.lanes)) for n in range(UNROLL))


def _emit_read(typing: Any, x: Any, out: Any, steps: Any) -> Any:
    """Load all of ``x``; the first vectors of ``out`` receive a digest, so that no load is idle."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        code, source, target = _begin(context, builder, signature.args, args)
        bits = Code(builder, I64)  # "or" keeps pace with the loads, which additions might not

        def body(index: Value, *digests: Value) -> list[Value]:
            loads = (code.load(code.at(source, place)) for place in _places(code, index))
            return [
                builder.or_(digest, builder.bitcast(load, bits.vector))
                for digest, load in zip(digests, loads, strict=True)
            ]

        for n, digest in enumerate(code.loop(args[2], [bits.zero] * UNROLL, body)):
            code.store(builder.bitcast(digest, code.vector), code.at(target, n * code.lanes))
        return context.get_dummy_value()

    return types.void(x, out, types.int64), codegen


def _emit_write(typing: Any, x: Any, out: Any, steps: Any, doubled: Any, streaming: Any) -> Any:
    """``out = x + x`` if ``doubled`` is 1, else the first vector of x; past the caches if asked."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        code, source, target = _begin(context, builder, signature.args, args)
        store = code.stream if streaming.literal_value else code.store
        same = code.load(source)  # no constant, which would become a call of memset

        def body(index: Value) -> list[Value]:
            for place in _places(code, index):
                value = same
                if doubled.literal_value:
                    value = code.load(code.at(source, place))
                    value = builder.fadd(value, value)
                store(value, code.at(target, place))
            return []

        code.loop(args[2], [], body)
        return context.get_dummy_value()

    return types.void(x, out, types.int64, doubled, streaming), codegen


# Any: called from compiled code, without the ``typing`` argument.
_read: Any = intrinsic(_emit_read)
_write: Any = intrinsic(prefer_literal=True)(_emit_write)


def _written(doubled: int, streaming: int) -> Any:
    """``out = x + x`` where ``doubled`` is 1, else the first vector of x, so many times."""

    @jit.jit()
    def write(gate: Gate, x: Floats, out: Floats, steps: int, passes: int) -> None:
        meet(gate)
        for _ in range(passes):
            _write(x, out, steps, doubled, streaming)
        store_fence()  # of nothing, where no store went past the caches

    return write


@jit.jit()
def load(gate: Gate, x: Floats, out: Floats, steps: int, passes: int) -> None:
    """Read ``steps`` STEPs of x, ``passes`` times."""
    meet(gate)
    for _ in range(passes):
        _read(x, out, steps)


store, copy, stream = _written(0, 0), _written(1, 0), _written(1, 1)
# the loop, and how many of its two arrays it touches
MOVES = {"load": (load, 1), "store": (store, 1), "copy": (copy, 2), "stream": (stream, 2)}
