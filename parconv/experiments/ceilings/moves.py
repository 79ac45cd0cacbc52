"""Compiled loops that move vectors between registers and memory.

Times nothing; each is compiled when it is first called.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parconv.codegen import jit, machine
from parconv.codegen.emitted import Items, Value, emitted
from parconv.codegen.simd import I64, Code, store_fence

from .gate import Gate, meet

Floats = NDArray[np.float32]

UNROLL = 8  # vectors in one step: the loop's own instructions cost nothing beside them
STEP = UNROLL * machine.lanes(4)  # elements


def _places(code: Code, index: Value) -> Iterator[Value]:
    """Where the vectors of step ``index`` begin."""
    start = code.builder.mul(index, I64(STEP))
    return (code.builder.add(start, I64(n * code.lanes)) for n in range(UNROLL))


@emitted()
def _read(builder: Any, x: Items, out: Items, steps: Value) -> None:
    """Load all of ``x``; the first vectors of ``out`` receive a digest, so that no load is idle."""
    code, source, target = Code(builder, x.element), x.at(), out.at()
    bits = Code(builder, I64)  # "or" keeps pace with the loads, which additions might not

    def body(index: Value, *digests: Value) -> list[Value]:
        loads = (code.load(code.at(source, place)) for place in _places(code, index))
        return [
            builder.or_(digest, builder.bitcast(load, bits.vector))
            for digest, load in zip(digests, loads, strict=True)
        ]

    for n, digest in enumerate(code.loop(steps, [bits.zero] * UNROLL, body)):
        code.store(builder.bitcast(digest, code.vector), code.at(target, n * code.lanes))


@emitted(known=["doubled", "streaming"])
def _write(builder: Any, x: Items, out: Items, steps: Value, doubled: int, streaming: int) -> None:
    """``out = x + x`` if ``doubled`` is 1, else the first vector of x; past the caches if asked."""
    code, source, target = Code(builder, x.element), x.at(), out.at()
    store = code.stream if streaming else code.store
    same = code.load(source)  # no constant, which would become a call of memset

    def body(index: Value) -> list[Value]:
        for place in _places(code, index):
            value = same
            if doubled:
                value = code.load(code.at(source, place))
                value = builder.fadd(value, value)
            store(value, code.at(target, place))
        return []

    code.loop(steps, [], body)


def _written(doubled: int, streaming: int) -> Any:
    """``out = x + x`` where ``doubled`` is 1, else the first vector of x, so many times."""

    @jit.jit(called=True)
    def write(gate: Gate, x: Floats, out: Floats, steps: int, passes: int) -> None:
        meet(gate)
        for _ in range(passes):
            _write(x, out, steps, doubled, streaming)
        store_fence()  # of nothing, where no store went past the caches

    return write


@jit.jit(called=True)
def load(gate: Gate, x: Floats, out: Floats, steps: int, passes: int) -> None:
    """Read ``steps`` STEPs of x, ``passes`` times."""
    meet(gate)
    for _ in range(passes):
        _read(x, out, steps)


store, copy, stream = _written(0, 0), _written(1, 0), _written(1, 1)
# the loop, and how many of its two arrays it touches
MOVES = {"load": (load, 1), "store": (store, 1), "copy": (copy, 2), "stream": (stream, 2)}
