"""Pixels of a strip as they are packed, and a bit of each: whether it is a hole.

Those of a vector of columns lie together, row after row of the ring.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ...codegen import jit, machine
from ...codegen.emitted import Items, Value, emitted, instruction
from ...codegen.layout import OWN, Layout
from ...codegen.packing import aligned_after, fetch, within
from ...codegen.runs import has_runs
from ...codegen.simd import I1, I32, I64, Code
from . import strips
from .flags import call_by_flags
from .marking import fetch_truths
from .quotients import any_of
from .weighing import bytes_at, truths_at

# Behind the names of `strips`: where bits are, and how many rows' there are from those of a vector
# of columns to the next one's; room for words, and whether there are two; tables of a product, and
# the first one's place; room for bytes of a row, and of those left and right of some rows, whose
# number that is.
L = Layout(
    *strips.L.names, "bits_at", "bits_step", "words_at", "two", "groups", "tables_at", "truths_at",
    "aside_at", "aside",
)  # fmt: skip
BYTE = ir.IntType(8)
SIDES = 4  # vectors of pixels side by side


def unit_of(lanes: int) -> int:
    """Bits that are kept of a vector's pixels."""
    return max(lanes, 8)


def bits_place(scratch: Items, start: Value, row: Value) -> Value:
    """Where those of a row and of the first vector are."""
    builder, lanes = scratch.builder, Code(scratch.builder, scratch.element).lanes
    whole = ir.IntType(unit_of(lanes)).as_pointer()
    return builder.gep(builder.bitcast(scratch.at(start), whole), [row])


@emitted(types.int64)
def _mark(
    builder: Any, scratch: Items, row: Value, bits: Sequence[Value], columns: Sequence[Value],
    how: Sequence[Value], pixels: Items, source: Value, truths: Items, there: Value, ahead: Value,
) -> Value:  # fmt: skip
    """Pixels of a row of the ring, holes as 0, and their bits: whether there is no hole.

    All places are those of the row's first column; ``columns`` = (first, end); ``bits`` = where all
    begin, which row's these are, and how many rows' there are of a vector.  ``how``: whether
    bytes tell of holes, and whether NaN does.  ``ahead``: bytes to those that are soon asked for.
    """
    found = cgutils.alloca_once(builder, I64)
    places = [scratch.at(row), bits_place(scratch, *bits[:2]), bits[2], pixels.at(source)]
    places.append(builder.bitcast(truths.at(there), BYTE.as_pointer()))
    arguments = [*places, ahead, *columns, found]
    call_by_flags(builder, "missing.bits", how, _mark_row, arguments, [(False, False)])
    return builder.load(found)


class _Marking:
    """Emits the marks of a row; the attributes are IR values of `_mark`'s arguments."""

    def __init__(
        self, weighted: bool, omits: bool, builder: Any, row: Value, bits: Value, step: Value,
        pixels: Value, truths: Value, ahead: Value,
    ) -> None:  # fmt: skip
        self.weighted, self.omits, self.builder = weighted, omits, builder
        self.row, self.bits, self.step, self.pixels = row, bits, step, pixels
        self.truths, self.ahead = truths, ahead
        self.code = Code(builder, row.type.pointee)
        self.bytes_of = ir.VectorType(BYTE, self.code.lanes)
        self.none = ir.Constant(self.bytes_of, None)

    def emit(self, first: Value, end: Value) -> Value:
        """Columns ``[first, end)``; of any vector's lanes whether one is a hole."""
        code, builder, lanes = self.code, self.builder, I64(self.code.lanes)
        none = ir.Constant(ir.VectorType(I1, code.lanes), [0] * code.lanes)
        carried: Sequence[Value] = [builder.udiv(first, lanes), none]
        some = partial(self.some, first, end)
        broken = builder.icmp_signed("!=", builder.urem(first, lanes), I64(0))
        carried = code.when(broken, carried, lambda: some(*carried))
        last = builder.udiv(end, lanes)
        for vectors in (SIDES, 1):
            turns = builder.sdiv(builder.sub(last, carried[0]), I64(vectors))
            carried = code.repeat(turns, carried, partial(self.several, vectors))
        left = builder.icmp_signed("<", builder.mul(carried[0], lanes), end)
        return code.when(left, carried, lambda: some(*carried))[1]

    def is_lost(self, pixel: Value, truth: Value) -> Value:
        builder = self.builder
        nan = builder.fcmp_unordered("uno", pixel, pixel)
        if not self.weighted:
            return nan
        gone = builder.icmp_signed("==", truth, self.none)
        return builder.or_(gone, nan) if self.omits else gone

    def bits_of_lanes(self, lost: Value) -> Value:
        bits = self.builder.bitcast(lost, ir.IntType(self.code.lanes))
        return self.builder.zext(bits, self.bits.type.pointee)

    def truths_at(self, at: Value) -> Value:
        return self.builder.bitcast(self.builder.gep(self.truths, [at]), self.bytes_of.as_pointer())

    def several(self, vectors: int, number: Value, odd: Value) -> Sequence[Value]:
        """Vectors of the row from that one on."""
        code, builder = self.code, self.builder
        start = builder.mul(number, I64(code.lanes))
        if self.weighted:
            code.prefetch(builder.gep(self.truths, [builder.add(start, self.ahead)]))
        places = [builder.add(start, I64(n * code.lanes)) for n in range(vectors)]
        every = [code.load(code.at(self.pixels, at)) for at in places]
        told = [self.none] * vectors
        if self.weighted:
            told = [builder.load(self.truths_at(at), align=1) for at in places]
        lost = [self.is_lost(*each) for each in zip(every, told, strict=True)]
        for n, (at, pixel, each) in enumerate(zip(places, every, lost, strict=True)):
            code.store(builder.select(each, code.zero, pixel), code.at(self.row, at))
            place = builder.mul(builder.add(number, I64(n)), self.step)
            builder.store(self.bits_of_lanes(each), code.at(self.bits, place))
            odd = builder.or_(odd, each)
        return [builder.add(number, I64(vectors)), odd]

    def some(self, first: Value, end: Value, number: Value, odd: Value) -> Sequence[Value]:
        """Those of a vector's columns that there are."""
        code, builder = self.code, self.builder
        at = builder.mul(number, I64(code.lanes))
        before = code.first_lanes(builder.sub(first, at))
        chosen = builder.and_(code.first_lanes(builder.sub(end, at)), builder.not_(before))
        pixel, truth = code.load_some(code.at(self.pixels, at), chosen), self.none
        if self.weighted:
            name, there = f"llvm.masked.load.v{code.lanes}i8.p0", self.truths_at(at)
            truth = instruction(builder, name, self.bytes_of, there, I32(1), chosen, self.none)
        lost = builder.and_(self.is_lost(pixel, truth), chosen)
        code.store_some(builder.select(lost, code.zero, pixel), code.at(self.row, at), chosen)
        place = code.at(self.bits, builder.mul(number, self.step))
        others = builder.not_(self.bits_of_lanes(chosen))
        kept = builder.and_(builder.load(place), others)
        builder.store(builder.or_(kept, self.bits_of_lanes(lost)), place)
        return [builder.add(number, I64(1)), builder.or_(odd, lost)]


def _mark_row(weighted: bool, omits: bool, builder: Any, *arguments: Value) -> None:
    *given, first, end, found = arguments
    marking = _Marking(weighted, omits, builder, *given)
    whole = builder.not_(any_of(marking.code, marking.emit(first, end)))
    builder.store(builder.zext(whole, I64), found)


@jit.jit(inline="always")
def _truths_aside(layout, scratch, truths, plane, down, across):
    """Bytes that tell of holes left and right of the image, of all rows in it at once."""
    base = aligned_after(scratch, 0, machine.CACHE_LINE)
    (above, below), (begin, end), columns = within(down), within(across), across[2]
    aside = bytes_at(scratch, base + layout[L.aside_at], layout[L.aside] * down[2])
    rows = down[0] + above * down[1], down[1], below - above, *down[3:]
    for start, stop, at_byte in ((0, begin, 0), (end, columns, begin)):
        some = across[0] + start, 1, stop - start, *across[3:]
        fetch_truths(truths, plane, rows, some, aside[at_byte:], layout[L.aside])
    return aside


@jit.jit(inline="always")
def _bits_of(layout, scratch, at, columns):
    """Where bits are, of which row those for ``at`` in the ring are, and how many a vector has."""
    base, step = aligned_after(scratch, 0, machine.CACHE_LINE), layout[L.bits_step]
    packed = (at - base - layout[L.ring_at]) // layout[L.ring_step]
    bits, halo = base + layout[L.bits_at], layout[L.taps_y] - 1
    if packed == halo > 0:  # the ring begins anew
        _move(scratch, bits, layout[L.ring], halo, step, columns)
    return bits, packed, step


@jit.jit()
def pack(f, fill, layout, scratch, plane, down, across, at, whole):
    """Holes as 0 where they are copied, but for what lies beyond the border."""
    step, how = layout[L.ring_step], (layout[L.weighted], layout[L.omits])
    truths, weighted = truths_at(layout, L.weights, scratch), layout[L.weighted]
    (above, below), (begin, end), columns = within(down), within(across), across[2]
    runs = not weighted or truths.strides[2] == 1
    lies = layout[L.reads] == OWN and has_runs(f) and runs and end - begin >= layout[L.lanes]
    fetch(
        f, layout[L.reads], (plane,), down, across, fill, scratch, (at, step, 0), not lies, True
    )  # fmt: skip
    base = aligned_after(scratch, 0, machine.CACHE_LINE)
    found = bytes_at(scratch, base + layout[L.truths_at], columns)
    aside = found
    if lies and weighted:
        aside = _truths_aside(layout, scratch, truths, plane, down, across)
    pixel = plane * (f.strides[0] // f.itemsize) + across[0]
    byte = plane * truths.strides[0] + across[0]
    ahead = layout[L.lanes] * down[1] * truths.strides[1]
    bits, packed, bits_step = _bits_of(layout, scratch, at, columns)
    for n in range(down[2]):
        row, so_far, here = down[0] + n * down[1], at + n * step, (bits, packed + n, bits_step)
        if not (lies and above <= n < below):  # it was copied
            if weighted:
                fetch_truths(truths, plane, (row, 1, 1, *down[3:]), across, found, 0)
            known = _mark(
                scratch, so_far, here, (0, columns), how, scratch, so_far, found, 0, 0
            )  # fmt: skip
        else:
            known = _mark(
                scratch, so_far, here, (begin, end), how, f,
                pixel + row * (f.strides[1] // f.itemsize), truths,
                byte + row * truths.strides[1], ahead,
            )  # fmt: skip
            there = (n - above) * layout[L.aside]
            for start, stop, told in ((0, begin, there), (end, columns, there + begin - end)):
                if start < stop:
                    known &= _mark(
                        scratch, so_far, here, (start, stop), how, scratch, so_far, aside, told, 0
                    )  # fmt: skip
        whole = whole + 1 if known else 0
    return whole


@emitted()
def _move(
    builder: Any, scratch: Items, bits: Value, source: Value, rows: Value, step: Value,
    columns: Value,
) -> None:  # fmt: skip
    """Bits of so many rows become those of the first ones, whole vectors of them at a time."""
    code = Code(builder, scratch.element)
    start, unit = bits_place(scratch, bits, I64(0)), unit_of(code.lanes)
    whole = ir.VectorType(ir.IntType(unit), machine.VECTOR_BYTES * 8 // unit)

    def vector(place: Value) -> Sequence[Value]:
        def some(to: Value) -> Sequence[Value]:
            found = code.at(to, source)
            value = builder.load(builder.bitcast(found, whole.as_pointer()), align=1)
            builder.store(value, builder.bitcast(to, whole.as_pointer()), align=1)
            return [code.at(to, whole.count)]

        count = builder.udiv(builder.add(rows, I64(whole.count - 1)), I64(whole.count))
        code.repeat(count, [place], some)
        return [code.at(place, step)]

    vectors = builder.udiv(builder.add(columns, I64(code.lanes - 1)), I64(code.lanes))
    code.repeat(vectors, [start], vector)
