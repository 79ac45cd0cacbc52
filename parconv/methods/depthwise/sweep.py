"""The sweep: a strip of output columns, from row to row, with its sums in registers.

Every input row is read once.  It adds to the outputs that are under way, then the oldest of them is
stored; so a row's vectors serve all filter rows that meet them.  An output is ``(t0 + t1) + t2``:
``t`` is what a filter row adds, a chain of multiply-adds of its own, so that chains of neighbouring
rows overlap.  Rows outside the image add nothing; columns outside count as zeros.

A vector's lanes beyond its row of results hold garbage: the next vector or row overwrites it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ... import machine
from ...simd import I1, I64, Code, Value, call_one_of, data_pointer, define_once
from .masked import masked_load, masked_store

# Whether vectors are loaded under masks, which keep them inside the rows of an image.
MASKED = machine.IS_X86 and machine.VECTOR_BYTES == 64
KEPT = 3  # the largest filter whose taps stay in registers


class Kind(NamedTuple):
    """What a sweep is compiled for: rows and columns of a filter, stride, vectors of a strip."""

    size: int
    stride: int
    vectors: int

    @property
    def under_way(self) -> int:
        """Rows of outputs that one input row may add to."""
        return -(-self.size // self.stride)

    @property
    def loads(self) -> int:
        """For one vector of outputs and one input row, which is how many masks it needs."""
        return self.size if self.stride == 1 else 2

    def outputs(self, lanes: int) -> int:
        """Of a vector: with a stride those that two vectors of input hold all pixels for."""
        return lanes if self.stride == 1 else lanes - (self.size - 1) // 2


# Sums under way, those of one vector, a pixel and a tap or those that are kept: 27 registers of 32.
_VECTORS = {
    32: {3: (1, 2, 3, 4, 7), 5: (1, 2, 4), 7: (1, 2)},
    16: {3: (1, 2, 4), 5: (1, 2), 7: (1,)},
}
SIZES, STRIDES = (3, 5, 7), (1, 2)
KINDS = [
    Kind(size, stride, vectors)
    for size in SIZES
    for stride in STRIDES
    for vectors in _VECTORS[machine.VECTOR_REGISTERS][size]
]


class _Sweep:
    """Emits one kind; the attributes are IR values of the function's arguments."""

    def __init__(self, builder: Any, kind: Kind, *arguments: Value) -> None:
        (self.sources, self.plane, self.row, self.first, self.rows, self.filters, self.outs,
         self.out_row, self.height, self.planes, self.last, self.masks, self.ahead,
        ) = arguments  # fmt: skip
        self.builder, self.kind = builder, kind
        self.code = Code(builder, self.sources.type.pointee)
        self.outputs = kind.outputs(self.code.lanes)
        self.weights: dict[tuple[int, int], Value] = {}
        self.lanes: list[Value] = []

    def emit(self) -> None:
        """All planes, one after another."""
        code, builder = self.code, self.builder
        if MASKED:
            count = self.kind.loads * min(2, self.kind.vectors)
            self.lanes = [self.mask(index) for index in range(count)]
        self.steps = builder.add(self.height, I64(self.kind.under_way - 1))
        source = code.at(self.sources, builder.mul(self.first, self.row))
        out = code.at(self.outs, builder.mul(self.out_row, I64(1 - self.kind.under_way)))
        self.out_plane = builder.mul(self.out_row, self.height)
        code.loop(self.planes, [source, self.filters, out], self.one_plane, rolled=True)

    def mask(self, index: int) -> Value:
        bits = self.builder.trunc(self.code.read(self.masks, index), ir.IntType(self.code.lanes))
        return self.builder.bitcast(bits, ir.VectorType(I1, self.code.lanes))

    def one_plane(self, _: Value, source: Value, taps: Value, out: Value) -> list[Value]:
        code, size = self.code, self.kind.size
        self.taps = taps
        if size <= KEPT:
            every = [(row, column) for row in range(size) for column in range(size)]
            self.weights = {tap: self.read_weight(*tap) for tap in every}
        sums = [code.zero] * ((self.kind.under_way - 1) * self.kind.vectors)
        code.loop(self.steps, [self.first, source, out, *sums], self.step, rolled=True)
        ends = (source, self.plane), (taps, size * size), (out, self.out_plane)
        return [code.at(pointer, plane) for pointer, plane in ends]

    def read_weight(self, row: int, column: int) -> Value:
        return self.code.splat(self.code.read(self.taps, row * self.kind.size + column))

    def weight(self, row: int, column: int) -> Value:
        return self.weights.get((row, column)) or self.read_weight(row, column)

    def step(self, index: Value, row: Value, pixels: Value, out: Value, *sums: Value) -> Any:
        """The input rows down to the next vectors of outputs."""
        builder, count = self.builder, self.kind.vectors
        total = [*[self.code.zero] * count, *sums]
        for phase in range(self.kind.stride):
            inside = builder.icmp_unsigned("<", row, self.rows)
            cases = {1: partial(self.add_row, phase, pixels, total), 0: partial(list, total)}
            total = self.code.choose(builder.zext(inside, I64), cases)
            if phase == (self.kind.size - 1) % self.kind.stride:
                done = builder.icmp_signed(">=", index, I64(self.kind.under_way - 1))
                with builder.if_then(done, likely=True):
                    self.store(total[-count:], out)
            row = builder.add(row, I64(1))
            pixels = self.code.at(pixels, self.row)
        return [row, pixels, self.code.at(out, self.out_row), *total[: len(total) - count]]

    def store(self, sums: Sequence[Value], out: Value) -> None:
        code = self.code
        for vector, value in enumerate(sums):
            pointer = code.at(out, self.place(vector))
            if vector == len(sums) - 1 and self.outputs < code.lanes:
                self.store_first(value, pointer)
            else:
                code.store(value, pointer)

    def store_first(self, value: Value, pointer: Value) -> None:
        """The vector's outputs alone: beyond the last one lie those of the strip on the right."""
        code = self.code
        lanes = ir.Constant(
            ir.VectorType(I1, code.lanes), [lane < self.outputs for lane in range(code.lanes)]
        )
        masked_store(code, value, pointer, lanes)

    def place(self, vector: int) -> Value:
        """Of a vector in its row, in outputs."""
        outer = 0 < vector == self.kind.vectors - 1
        return self.last if outer else I64(vector * self.outputs)

    def add_row(self, phase: int, pixels: Value, sums: Sequence[Value]) -> list[Value]:
        """One input row, added to the outputs that it meets."""
        kind, sums = self.kind, list(sums)
        self.prefetch(pixels)
        meets = range(phase, kind.size, kind.stride)
        for vector in range(kind.vectors):
            start = self.code.at(pixels, self.builder.mul(I64(kind.stride), self.place(vector)))
            total: dict[int, Value] = {}
            for column, value in enumerate(self.columns(start, vector)):
                for row in meets:
                    weight = self.weight(row, column)
                    total[row] = (
                        self.code.fma(value, weight, total[row])
                        if column
                        else self.builder.fmul(value, weight)
                    )
            for row in meets:
                place = row // kind.stride * kind.vectors + vector
                before = sums[place]
                sums[place] = self.builder.fadd(before, total[row]) if row else total[row]
        return sums

    def columns(self, start: Value, vector: int) -> list[Value]:
        """What each filter column meets, for one vector of outputs."""
        code, kind = self.code, self.kind
        if kind.stride == 1:
            return [self.load(start, column, vector, column) for column in range(kind.size)]
        first, second = (self.load(start, half * code.lanes, vector, half) for half in range(2))
        last = 2 * code.lanes - 1
        return [
            code.shuffle(
                first, second, [min(column + 2 * lane, last) for lane in range(code.lanes)]
            )
            for column in range(kind.size)
        ]

    def load(self, start: Value, offset: int, vector: int, mask: int) -> Value:
        """A vector of a row; of the strip's outer ones only what lies inside the image."""
        code, pointer = self.code, self.code.at(start, offset)
        if not MASKED or 0 < vector < self.kind.vectors - 1:
            return code.load(pointer)
        lanes = self.lanes[mask + (self.kind.loads if vector else 0)]
        return masked_load(code, pointer, lanes)

    def prefetch(self, pixels: Value) -> None:
        """As much of what comes later as the row holds."""
        line = machine.CACHE_LINE // self.code.itemsize
        start = self.code.at(pixels, self.ahead)
        for at in range(0, self.kind.stride * self.kind.vectors * self.code.lanes, line):
            self.code.prefetch(self.code.at(start, at))


def _emit(builder: Any, name: str, key: Value, *arguments: Value) -> None:
    """A function that chooses among the kinds, each a function of its own."""

    def body(kind: Kind) -> Callable[..., None]:
        return lambda inner, *values: _Sweep(inner, kind, *values).emit()

    variants = {f"{name}.{'.'.join(map(str, map(int, kind)))}": body(kind) for kind in KINDS}
    call_one_of(builder, key, variants, arguments)


@intrinsic
def sweep(
    typing, key, source, at, plane, rows, taps, taps_at, scratch, target, size, layout, masks_at,
    ahead,
):  # fmt: skip
    """Emit a call that computes ``size`` = rows of one strip and planes, which follow one another.

    ``key`` counts through `KINDS`.  ``rows`` = elements from one input row to the next, the first
    input row, how many there are, elements from one row of the target to the next, and where the
    last vector begins.  ``at`` is where the strip's first output meets the image's row 0, ``plane``
    elements from one input plane to the next, ``ahead`` how far on to prefetch.
    """
    signature = types.void(
        key, source, at, plane, rows, taps, taps_at, scratch, target, size, layout, masks_at, ahead
    )

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args

        def pointer(array: int, at: Value) -> Value:
            return data_pointer(context, builder, kinds[array], args[array], at)

        row, first, rows, out_row, last = (builder.extract_value(args[4], i) for i in range(5))
        height, planes = (builder.extract_value(args[9], i) for i in range(2))
        arguments = [
            args[0], pointer(1, args[2]), args[3], row, first, rows, pointer(5, args[6]),
            pointer(7, args[8]), out_row, height, planes, last, pointer(10, args[11]), args[12],
        ]  # fmt: skip
        name = f"parconv.sweep.{arguments[1].type.pointee}"
        function = define_once(
            builder.module,
            name,
            [value.type for value in arguments],
            lambda inner, *values: _emit(inner, name, *values),
        )
        builder.call(function, arguments)
        return context.get_dummy_value()

    return signature, codegen
