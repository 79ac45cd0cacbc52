"""Rows of bytes: copied from the image into scratch, and results from scratch to the output."""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from ...codegen.emitted import Items, Value, emitted
from ...codegen.runs import pulled_back
from ...codegen.simd import Code

I8 = ir.IntType(8)


@emitted()
def copy_bytes(
    builder: Any, f: Items, f_at: Value, cells: Items, at: Value, count: Value, flip: Value
) -> None:
    """Copy ``count`` neighbouring pixels, their bits flipped as in ``flip``.

    Vector by vector, the last one pulled back to end with the run.
    """
    code, source, target = Code(builder, I8), f.at(f_at), cells.at(at)
    flips = code.splat(builder.trunc(flip, I8))

    def one(at: Value, width: int) -> None:
        pixels = code.load(code.at(source, at), width)
        code.store(builder.xor(pixels, code.piece(flips, 0, width)), code.at(target, at))

    pulled_back(builder, count, (code.lanes, 1), one)


@emitted()
def deliver(
    builder: Any, cells: Items, at: Value, out: Items, index: Sequence[Value], count: Value
) -> None:
    """Copy ``count`` results that lie at byte ``at`` to ``out[index]`` and its neighbours."""
    cgutils.raw_memcpy(builder, out.item(index), cells.at(at), count, out.itemsize)
