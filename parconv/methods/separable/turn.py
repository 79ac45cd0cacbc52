"""Blocks of sums, turned from rows in lanes to columns in lanes or back, and stored.

A block is as many vectors as a vector has lanes.  Sums that become narrower integers are converted
before they are turned: those of neighbouring columns are joined to words as wide as a sum, so that
the same turn moves several pixels with every lane and stores whole vectors of them.
"""

from functools import partial
from typing import Any

from llvmlite import ir
from numba import types

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code
from ...codegen.transposition import columns, transposed
from ...problem.dtypes import DType
from ..finishing import Finishing, is_narrow, numbers_behind

STREAM = 1  # as a flag: store past the caches


def pixels_of_word(element: DType, result: DType) -> int:
    """Results that `turn` joins to a word of the type of the sums; 0 where it cannot store them."""
    if element == result:
        return 1
    joined = element.itemsize == 4 and result.kind in "iu" and result.itemsize < 4
    return element.itemsize // result.itemsize if joined else 0


class _Turn:
    """Emits the turn of one block; the attributes are IR values of the function's arguments."""

    def __init__(self, builder: Any, kinds: Any, *arguments: Value) -> None:
        self.source, self.target, self.step, self.flags, *numbers = arguments
        self.builder, self.kinds = builder, kinds
        self.code = Code(builder, self.source.type.pointee)
        self.finish = Finishing(self.code, kinds, numbers)

    def emit(self) -> None:
        code = self.code
        rows = transposed(code, [self.word(n) for n in range(code.lanes)])
        if self.kinds is None:
            self.store(rows, code.store)
        else:
            code.store_either(code.has(self.flags, STREAM), partial(self.store, rows))

    def store(self, rows: Any, how: Any) -> None:
        for vector, (row,) in zip(rows, columns(self.code, self.code.lanes), strict=True):
            how(vector, self.code.at(self.target, self.builder.mul(self.step, I64(row))))

    def word(self, index: int) -> Value:
        """The vector of sums, or of several that are converted and joined, at ``index``."""
        code, builder = self.code, self.builder
        if self.kinds is None or self.kinds[0] == self.kinds[1]:
            return code.load(code.at(self.source, index * code.lanes))
        bits = self.kinds[1].bitwidth
        pixels = 8 * code.itemsize // bits
        words = ir.VectorType(ir.IntType(8 * code.itemsize), code.lanes)
        joined = None
        for n in range(pixels):
            sums = code.load(code.at(self.source, (index * pixels + n) * code.lanes))
            pixel = builder.zext(self.finish(sums), words)
            shift = ir.Constant(words, [n * bits] * code.lanes)
            pixel = builder.shl(pixel, shift) if n else pixel
            joined = builder.or_(joined, pixel) if joined else pixel
        return builder.bitcast(joined, code.vector)


def _call_turn(builder: Any, kinds: Any, *arguments: Value) -> None:
    def emit(inner: Any, *values: Value) -> None:
        _Turn(inner, kinds, *values).emit()

    call_once(builder, "turn", emit, arguments, kinds[1:] if kinds else ())


@emitted()
def turn(builder: Any, scratch: Items, at: Value, target: Value, step: Value) -> None:
    """Turn the block at ``at`` to rows of scratch ``step`` elements apart."""
    _call_turn(builder, None, scratch.at(at), scratch.at(target), step, I64(0))


@emitted()
def deliver(
    builder: Any,
    scratch: Items,
    at: Value,
    out: Items,
    target: Value,
    step: Value,
    flags: Value,
    taps: Items,
) -> None:
    """Turn the block at ``at`` to rows of results; emits nothing where it cannot store them."""
    kinds = scratch.dtype, out.dtype
    if kinds[0] == kinds[1] or (is_narrow(out.dtype) and kinds[0] == types.float32):
        numbers = numbers_behind(taps, out.dtype)
        _call_turn(builder, kinds, scratch.at(at), out.at(target), step, flags, *numbers)
