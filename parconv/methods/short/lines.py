"""How results leave registers that are made of some rows side by side, from left to right."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from ...codegen.emitted import Value
from ...codegen.simd import I64, Code
from .across import order_of
from .down import JOIN, STREAM


class Lines:
    """Emits the stores of some rows of vectors that follow one another, in ``targets``.

    Past the caches go whole lines.  Where rows begin unlike on these, a line is joined of two
    vectors; what lies before the first and behind the last is stored through the caches, as nothing
    of the others is.  Nanoseconds a pixel of 3000 x 3001 float32 and float64 at 3x3 through the
    caches 0.31 0.66, so 0.21 0.38 (Zen 4 VM, AVX-512, 2026-11).
    """

    def __init__(self, code: Code, targets: Sequence[Value], flags: Value) -> None:
        self.code, self.targets = code, targets
        self.joins, self.streams = code.has(flags, JOIN), code.has(flags, STREAM)
        self.skips = [self.skip(target) for target in targets]
        self.orders = [order_of(code, skip) for skip in self.skips]

    def skip(self, target: Value) -> Value:
        """Elements to the first whole line."""
        builder, code = self.code.builder, self.code
        at = builder.udiv(builder.ptrtoint(target, I64), I64(code.itemsize))
        return builder.and_(builder.sub(I64(0), at), I64(code.lanes - 1))

    def begin(self, skip: Value, made: Sequence[Value]) -> None:
        """Of the first vectors what lies before lines; ``skip``: columns, of all rows."""
        builder = self.code.builder
        with builder.if_then(builder.icmp_signed(">", skip, I64(0))):
            self.put(I64(0), made)
        with builder.if_then(self.joins):
            for target, value, before in zip(self.targets, made, self.skips, strict=True):
                self.code.store_some(value, target, self.code.first_lanes(before))

    def store(self, at: Value, before: Sequence[Value], made: Sequence[Value]) -> None:
        """Vectors from column ``at`` on, behind ``before``."""
        code, builder = self.code, self.code.builder
        with builder.if_else(self.joins) as (joined, alone):
            with joined:
                for n, target in enumerate(self.targets):
                    line = code.lookup(before[n], self.orders[n], made[n])
                    column = builder.sub(builder.add(at, self.skips[n]), I64(code.lanes))
                    code.stream(line, code.at(target, column))
            with alone:
                code.store_either(self.streams, partial(self.put, at, made))

    def end(self, at: Value, before: Sequence[Value]) -> None:
        """What is left of the vectors before ``at``."""
        code, builder = self.code, self.code.builder
        with builder.if_then(self.joins):
            for target, value, skip in zip(self.targets, before, self.skips, strict=True):
                left = builder.not_(code.first_lanes(skip))
                code.store_some(value, code.at(target, builder.sub(at, I64(code.lanes))), left)

    def put(self, at: Value, made: Sequence[Value], how: Any = None) -> None:
        for target, value in zip(self.targets, made, strict=True):
            (how or self.code.store)(value, self.code.at(target, at))
