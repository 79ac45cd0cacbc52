"""Sums that wait in scratch, stored as results: scaled, shifted, and converted by a rule.

One compiled function for each pair of types and rule; a kernel of any types calls it by its
address.
"""

from functools import cache
from typing import Any

import numba
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import populate_array

from ..problem.dtypes import DType
from ..problem.store import Store
from . import jit, machine
from .emitted import Items, Value, call_at, emitted
from .places import BYTE
from .rules import by_rule, finished, stored
from .runs import pulled_back
from .simd import I64, Code

_CALLED = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # by compiled code alone
_VOID = types.CPointer(types.uint8)


def write(out, places, size, sums, step, scales, biases, each, large, beyond):
    """Fill ``size`` = (rows, columns) of results; ``places`` = bytes between rows and columns.

    ``each``: 1 where every column has a scale and a bias of its own, 0 where one serves all;
    ``large``: whether the caches hold no such result.
    """
    _write(out, places, size, sums, step, scales, biases, (each, large), beyond)


@cache
def writer(element: DType, result: DType, store: Store, exact: bool) -> int:
    """Address of what stores sums of type ``element`` as such results."""
    sums = numba.from_dtype(element)
    kinds = (stored(result, store, exact), sums, sums, sums, types.int64)
    out, source, scales, biases, beyond = map(types.CPointer, kinds)
    pair = types.UniTuple(types.int64, 2)
    flags = types.int64, types.int64
    signature = out, pair, pair, source, types.int64, scales, biases, *flags, beyond
    return jit.address(jit.compiled(write, signature, **_CALLED), signature)


@emitted()
def _write(
    builder: Any, out: Items, places: Any, size: Any, sums: Items, step: Value, scales: Items,
    biases: Items, flags: Any, beyond: Items,
) -> None:  # fmt: skip
    (down, right), (each, large) = places, flags
    flat = builder.icmp_signed("==", right, I64(out.itemsize))
    size = _as_long_rows(builder, places, size, step, each)
    with cgutils.for_range(builder, size[0], intp=I64) as loop:
        place = builder.gep(builder.bitcast(out.at(), BYTE), [builder.mul(loop.index, down)])
        source = sums.at(builder.mul(loop.index, step))
        row = _Row(builder, (sums, out, beyond), (source, place, right), (scales.at(), biases.at()))
        with builder.if_else(flat) as (together, apart):
            with together, builder.if_else(builder.icmp_signed("==", each, I64(0))) as (one, many):
                with one:
                    row.fill(size[1], large, splat=True)
                with many:
                    row.fill(size[1], large, splat=False)
            with apart:
                row.scatter(size[1], each)


def _as_long_rows(builder: Any, places: Any, size: Any, step: Value, each: Value) -> Any:
    """Rows and columns; one row where all follow one another here and there."""
    (down, right), (rows, columns) = places, size
    whole = builder.and_(
        builder.icmp_signed("==", step, columns),
        builder.icmp_signed("==", down, builder.mul(columns, right)),
    )
    whole = builder.and_(whole, builder.icmp_signed("==", each, I64(0)))
    every = builder.mul(rows, columns)
    return builder.select(whole, I64(1), rows), builder.select(whole, every, columns)


class _Row:
    """Emits what a row of results becomes."""

    def __init__(self, builder: Any, arrays: Any, places: Any, numbers: Any) -> None:
        self.builder, (self.sums, self.out, beyond) = builder, arrays
        self.source, self.place, self.right = places
        self.numbers, self.beyond = numbers, beyond.at()
        self.code = Code(builder, self.sums.element)
        self.end = builder.bitcast(self.place, self.out.element.as_pointer())

    def fill(self, count: Value, large: Value, splat: bool) -> None:
        """Results that lie side by side, by cache lines, past the caches where they are whole.

        4096 x 4096 float32 at 3x3, scaled: 20.4 ms through the caches, 16.3 past them (one core,
        Sapphire Rapids VM, AVX-512, 2026-11).
        """
        lanes = machine.lanes(max(self.sums.itemsize, self.out.itemsize))
        line = max(lanes, machine.CACHE_LINE // self.sums.itemsize)
        kept = [self.builder.load(number) for number in self.numbers] if splat else []

        def one(at: Value, width: int, how: Any = self.code.store) -> None:
            if splat:
                scale, bias = (self._every(number, width) for number in kept)
            else:
                scale, bias = (self.code.load(self.code.at(n, at), width) for n in self.numbers)
            how(self._found(at, width, scale, bias), self.code.at(self.end, at))

        if not machine.FILLS_LINES or line * self.out.itemsize != machine.VECTOR_BYTES:
            pulled_back(self.builder, count, (line, lanes, 1), one)
            return
        skip = self._to_line()
        whole = self.builder.icmp_signed(">=", count, self.builder.add(skip, I64(line)))
        whole = self.builder.and_(whole, self.builder.icmp_signed("!=", large, I64(0)))
        whole = self.builder.and_(whole, self._is_aligned())
        with self.builder.if_else(whole) as (past, through):
            with past:
                one(I64(0), line)
                self._stream(skip, count, line, one)
                one(self.builder.sub(count, I64(line)), line)
            with through:
                pulled_back(self.builder, count, (line, lanes, 1), one)

    def _to_line(self) -> Value:
        """Results before the first cache line."""
        away = self.builder.neg(self.builder.ptrtoint(self.place, I64))
        away = self.builder.and_(away, I64(machine.CACHE_LINE - 1))
        return self.builder.udiv(away, I64(self.out.itemsize))

    def _is_aligned(self) -> Value:
        """Whether whole results lie before it."""
        away = self.builder.ptrtoint(self.place, I64)
        away = self.builder.and_(away, I64(self.out.itemsize - 1))
        return self.builder.icmp_signed("==", away, I64(0))

    def _stream(self, first: Value, count: Value, line: int, one: Any) -> None:
        """All whole lines."""
        lines = self.builder.udiv(self.builder.sub(count, first), I64(line))
        with cgutils.for_range(self.builder, lines, intp=I64) as loop:
            at = self.builder.add(first, self.builder.mul(loop.index, I64(line)))
            one(at, line, self.code.stream)

    def scatter(self, count: Value, each: Value) -> None:
        """Results that lie apart."""
        with cgutils.for_range(self.builder, count, intp=I64) as loop:
            at = self.builder.mul(loop.index, each)
            numbers = (self.code.load(self.code.at(n, at), 1) for n in self.numbers)
            away = self.builder.mul(loop.index, self.right)
            place = self.builder.gep(self.place, [away])
            target = self.builder.bitcast(place, self.end.type)
            self.code.store(self._found(loop.index, 1, *numbers), target)

    def _every(self, number: Value, width: int) -> Value:
        one = self.code.splat(number)
        return self.code.shuffle(one, one, [0] * width)

    def _found(self, at: Value, width: int, scale: Value, bias: Value) -> Value:
        value = self.code.load(self.code.at(self.source, at), width)
        value = finished(self.code, value, scale, bias)
        return by_rule(self.builder, value, self.sums.dtype, self.out.dtype, self.beyond)


# --- in a kernel that leaves a band of sums in scratch ------------------------------------------


@emitted(types.int64)
def line_after(builder: Any, scratch: Items, at: Value) -> Value:
    """Bytes from the start of scratch to the first cache line from its ``at``-th element on."""
    at = builder.mul(at, scratch.fields.itemsize)
    place = builder.add(builder.ptrtoint(scratch.fields.data, I64), at)
    return builder.add(at, builder.and_(builder.neg(place), I64(machine.CACHE_LINE - 1)))


@emitted(lambda out, *_: out)
def elsewhere(
    builder: Any, out: Items, scratch: Items, away: Value, steps: Any, itemsize: Value
) -> Value:
    """The array of results with its first element so many bytes from the start of scratch.

    ``steps`` are bytes; without that of filters where there is no such axis.
    """
    found = out.context.make_array(out.kind)(out.context, builder)
    data = builder.gep(builder.bitcast(scratch.fields.data, BYTE), [away])
    data = builder.bitcast(data, out.fields.data.type)
    steps = steps if out.kind.ndim == len(steps) else [steps[0], *steps[2:]]
    populate_array(found, data, out.each("shape"), steps, itemsize, None)
    return found._getvalue()


@emitted(lambda array: array.copy(ndim=4))
def as_maps(builder: Any, array: Items) -> Value:
    """Planes as maps of a single filter; maps as they are."""
    if array.kind.ndim == 4:
        return array.value
    found = array.context.make_array(array.kind.copy(ndim=4))(array.context, builder)
    (planes, *size), (step, *steps) = map(array.each, ("shape", "strides"))
    shape, steps = [planes, I64(1), *size], [step, I64(0), *steps]
    populate_array(found, array.fields.data, shape, steps, array.fields.itemsize, None)
    return found._getvalue()


@emitted()
def put(
    builder: Any, address: Value, out: Items, index: Any, places: Any, size: Any, scratch: Items,
    source: Any, layout: Items, numbers: Any,
) -> None:  # fmt: skip
    """Call the function at that address for results from ``index`` on.

    ``places``: bytes between the result's rows and columns, ``source``: bytes in scratch to the
    first sum, and elements to the next row.  ``numbers``: where in the layout scales, biases and
    ``beyond`` lie; bytes to the first scale and bias; whether every column has its own; whether the
    caches hold no such result.
    """
    start = builder.bitcast(out.fields.data, BYTE)
    for step, place in zip(out.each("strides"), index, strict=True):
        start = builder.gep(start, [builder.mul(step, place)])
    sums = builder.gep(builder.bitcast(scratch.fields.data, BYTE), [source[0]])
    scales, biases, beyond = (builder.bitcast(layout.at(n), BYTE) for n in numbers[:3])
    scales, biases = (builder.gep(each, [numbers[3]]) for each in (scales, biases))
    pair = types.UniTuple(types.int64, 2)
    kinds = _VOID, pair, pair, _VOID, types.int64, _VOID, _VOID, types.int64, types.int64, _VOID
    sides, area = (cgutils.pack_array(builder, two) for two in (places, size))
    call_at(
        out.context, builder, kinds, address, start, sides, area, sums, source[1], scales, biases,
        *numbers[4:6], beyond,
    )  # fmt: skip
