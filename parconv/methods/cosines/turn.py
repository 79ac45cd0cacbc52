"""Blocks of sums, as many vectors as a vector has lanes, turned to rows of scratch or results."""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code
from ...codegen.transposition import columns, transposed


def _emit(
    builder: Any, source: Value, target: Value, row: Value, following: Value, count: Value
) -> None:
    """Block after block, to rows ``row`` elements apart, each ``following`` from the last."""
    code = Code(builder, source.type.pointee)
    narrow = ir.VectorType(target.type.pointee, code.lanes)

    def one(source: Value, target: Value) -> Sequence[Value]:
        vectors = [code.load(code.at(source, n * code.lanes)) for n in range(code.lanes)]
        for vector, (n,) in zip(transposed(code, vectors), columns(code, code.lanes), strict=True):
            value = vector if narrow == code.vector else builder.fptrunc(vector, narrow)
            code.store(value, code.at(target, builder.mul(row, I64(n))))
        return [code.at(source, code.lanes**2), code.at(target, following)]

    code.repeat(count, [source, target], one)


@emitted()
def turn(builder: Any, scratch: Items, at: Value, target: Sequence[Value], count: Value) -> None:
    """``count`` blocks from ``at`` on, to rows of scratch.

    ``target``: a place, elements from row to row, and from one block to the next.
    """
    to, *steps = target
    call_once(builder, "blocks", _emit, [scratch.at(at), scratch.at(to), *steps, count], ["kept"])


@emitted()
def deliver(
    builder: Any, scratch: Items, at: Value, out: Items, target: Sequence[Value], count: Value
) -> None:
    """The same to rows of results, which are float32."""
    to, *steps = target
    single = ir.FloatType().as_pointer()
    place = builder.bitcast(out.byte_at(to), single)
    call_once(builder, "blocks", _emit, [scratch.at(at), place, *steps, count], ["single"])
