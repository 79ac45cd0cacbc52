"""The inner loop along rows whose sums are integers, which become means by a multiplication.

ns a pixel of 324 x 271 x 4 uint16 at 27x27 so, and by float64 0.38 0.49, of 156 x 658 x 3 at 25x25
0.41 0.56; one permutation of two vectors instead of two truncations 0.38 (Zen 4 VM, AVX-512,
2026-11).
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from ...codegen.emitted import Value
from ...codegen.simd import I32, I64
from .neighbours import Adding


class Dividing(Adding):
    """Emits means of integers from sums of twice the bits, by the numbers of `means.reciprocal`."""

    def __init__(self, builder: Any, kinds: Any, *arguments: Value) -> None:
        *places, first, factor, shift = arguments
        super().__init__(builder, None, *places)
        self.added, self.factor, self.shift = map(self.code.splat, (first, factor, shift))
        [result] = kinds
        self.least = result.minval

    def store(self, sums: Sequence[Value], at: Value) -> None:
        code, target = self.code, self.code.at(self.target, at)
        for n, value in enumerate(sums):
            code.store(self.mean(value), code.at(target, n * code.lanes))

    def mean(self, value: Value) -> Value:
        """A vector of sums as means."""
        builder, narrow = self.builder, ir.VectorType(self.half, self.code.lanes)
        whole = builder.lshr(self.upper(builder.add(value, self.added)), self.shift)
        least = ir.Constant(narrow, [self.least] * self.code.lanes)
        return builder.add(builder.trunc(whole, narrow), least)

    @property
    def half(self) -> Any:
        return ir.IntType(4 * self.code.itemsize)

    def upper(self, value: Value) -> Value:
        """The upper halves of products with the factor, as processors multiply."""
        bits, lanes, builder = 8 * self.code.itemsize, self.code.lanes, self.builder
        if self.code.kind == I32:
            return self.upper_words(value)
        wide = ir.VectorType(ir.IntType(2 * bits), lanes)
        product = builder.mul(*(builder.zext(n, wide) for n in (value, self.factor)))
        upper = builder.lshr(product, ir.Constant(wide, [bits] * lanes))
        return builder.trunc(upper, value.type)

    def upper_words(self, value: Value) -> Value:
        """The same of words, of which every second one is multiplied at a time."""
        builder, pairs = self.builder, ir.VectorType(I64, self.code.lanes // 2)
        low, word = (ir.Constant(pairs, [n] * pairs.count) for n in (0xFFFFFFFF, 32))
        factor = builder.and_(builder.bitcast(self.factor, pairs), low)
        both = builder.bitcast(value, pairs)
        even = builder.mul(builder.and_(both, low), factor)
        odd = builder.mul(builder.lshr(both, word), factor)
        joined = builder.or_(builder.lshr(even, word), builder.and_(odd, builder.not_(low)))
        return builder.bitcast(joined, value.type)
