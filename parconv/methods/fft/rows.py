"""Rows of scratch: finite or not, correlated by definition."""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ...codegen import machine
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code

TOGETHER = 8  # vectors summed at a time: enough to hide the latency of a multiply-add


def _each(code: Code, count: Value, body: Callable[[Value], None]) -> None:
    """``body(index)`` for every index below ``count``, which may be 0."""
    with cgutils.for_range(code.builder, count, intp=I64) as loop:
        body(loop.index)


@emitted(types.boolean)
def all_finite(
    builder: Any, scratch: Items, at: Value, row: Value, rows: Value, columns: Value
) -> Value:
    """Whether ``rows`` x ``columns`` numbers (whole vectors) hold neither NaN nor infinity."""
    code, start = Code(builder, scratch.element), scratch.at(at)
    total = cgutils.alloca_once_value(builder, code.zero)

    def one_row(index: Value) -> None:
        base = code.at(start, builder.mul(index, row))

        def one_vector(n: Value) -> None:
            value = code.load(code.at(base, builder.mul(n, I64(code.lanes))))
            # 0 times a finite number is 0, times anything else NaN, which stays
            builder.store(code.fma(value, code.zero, builder.load(total)), total)

        _each(code, vectors, one_vector)

    vectors = builder.udiv(builder.add(columns, I64(code.lanes - 1)), I64(code.lanes))
    _each(code, rows, one_row)
    found = builder.load(total)
    lanes = builder.fcmp_ordered("ord", found, found)
    bits = builder.bitcast(lanes, ir.IntType(code.lanes))
    return builder.icmp_signed("==", bits, bits.type(-1))


@emitted()
def fetch_row(builder: Any, f: Items, at: Value, count: Value) -> None:
    """Ask for the lines of ``count`` elements, which may lie anywhere."""
    code, start, line = Code(builder, ir.FloatType()), f.byte_at(at), machine.CACHE_LINE
    size = builder.mul(count, f.fields.itemsize)
    lines = builder.sdiv(builder.add(size, I64(line - 1)), I64(line))
    _each(code, lines, lambda n: code.prefetch(builder.gep(start, [builder.mul(n, I64(line))])))


class _Sums:
    """Emits sums by definition; the attributes are IR values of the function's arguments."""

    def __init__(self, builder: Any, window: Value, taps: Value, offsets: Value, *sizes: Value):
        self.window, self.taps, self.offsets = window, taps, offsets
        self.count, self.row, self.rows, self.vectors = sizes
        self.builder, self.code = builder, Code(builder, window.type.pointee)

    def emit(self) -> None:
        whole = self.builder.udiv(self.vectors, I64(TOGETHER))
        done = self.builder.mul(whole, I64(TOGETHER))

        def one_row(index: Value) -> None:
            start = self.code.at(self.window, self.builder.mul(index, self.row))
            self.side_by_side(start, whole, TOGETHER)
            rest = self.code.at(start, self.builder.mul(done, I64(self.code.lanes)))
            self.side_by_side(rest, self.builder.sub(self.vectors, done), 1)

        _each(self.code, self.rows, one_row)

    def side_by_side(self, start: Value, count: Value, vectors: int) -> None:
        width = vectors * self.code.lanes

        def one(index: Value) -> None:
            place = self.code.at(start, self.builder.mul(index, I64(width)))
            places = [self.code.at(place, n * self.code.lanes) for n in range(vectors)]
            for pointer, value in zip(places, self.sums(places), strict=True):
                self.code.store(value, pointer)

        _each(self.code, count, one)

    def sums(self, places: Sequence[Value]) -> list[Value]:
        code = self.code

        def one_tap(index: Value, *sums: Value) -> list[Value]:
            weight = code.splat(code.read(self.taps, index))
            offset = code.read(self.offsets, index)
            pixels = [code.load(code.at(place, offset)) for place in places]
            return [code.fma(p, weight, s) for p, s in zip(pixels, sums, strict=True)]

        return code.loop(self.count, [code.zero] * len(places), one_tap)


@emitted()
def correlate_window(
    builder: Any, scratch: Items, at: Value, taps: Items, taps_at: Value, layout: Items,
    offsets_at: Value, sizes: Sequence[Value],
) -> None:  # fmt: skip
    """Replace the window at ``at`` by its correlation, tap after tap in the order given.

    ``sizes`` = taps, elements from row to row, rows and vectors of output.  In place: an output
    replaces the first pixel it is made from, which no later output wants.
    """
    arguments = [scratch.at(at), taps.at(taps_at), layout.at(offsets_at), *sizes]
    call_once(builder, "fft.sums", lambda *values: _Sums(*values).emit(), arguments)
