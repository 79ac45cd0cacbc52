"""Rows of bytes: copied from the image into scratch, and results from scratch to the output."""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from ...codegen.emitted import Items, Value, emitted
from ...codegen.simd import I64, Code

I8 = ir.IntType(8)


@emitted()
def copy_bytes(
    builder: Any, f: Items, f_at: Value, cells: Items, at: Value, count: Value, flip: Value
) -> None:
    """Copy ``count`` neighbouring pixels, their bits flipped as in ``flip``.

    Vector by vector, the last one pulled back to end with the run.
    """
    code, zero = Code(builder, I8), I64(0)
    source, target = f.at(f_at), cells.at(at)
    flip = builder.trunc(flip, I8)

    def run(lanes: int, number: Value, last: Value) -> None:
        flips = code.piece(code.splat(flip), 0, lanes)
        with cgutils.for_range(builder, number, intp=I64) as loop:
            at = builder.mul(loop.index, I64(lanes))
            at = builder.select(builder.icmp_signed("<", at, last), at, last)
            pixels = builder.xor(code.load(code.at(source, at), lanes), flips)
            code.store(pixels, code.at(target, at))

    last = builder.sub(count, I64(code.lanes))
    whole = builder.icmp_signed(">=", last, zero)
    vectors = builder.sdiv(builder.add(count, I64(code.lanes - 1)), I64(code.lanes))
    run(code.lanes, builder.select(whole, vectors, zero), last)
    run(1, builder.select(whole, zero, count), count)


@emitted()
def deliver(
    builder: Any, cells: Items, at: Value, out: Items, index: Sequence[Value], count: Value
) -> None:
    """Copy ``count`` results that lie at byte ``at`` to ``out[index]`` and its neighbours."""
    cgutils.raw_memcpy(builder, out.item(index), cells.at(at), count, out.itemsize)
