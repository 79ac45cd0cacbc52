"""Pixels into a worker's scratch, and sums out of it, where tiles cannot read or write in place.

The pixels of a block are those of some rows and columns of the extended image.  Each axis is a
tuple (first, step, count, size, channels, border): ``count`` indices from ``first`` on, ``step``
apart, of an axis of ``size`` elements, ``channels`` to a pixel, that the image goes on beyond as
`borders` says.  ``where`` is the index of what the axes belong to: a plane, or an image and a
channel.
"""

import math
from collections.abc import Sequence
from typing import Any

from numba import types
from numba.core import cgutils

from . import jit
from .borders import source_column, source_index
from .emitted import Items, Value, emitted
from .foreign import convert
from .places import BYTE, Parts, Rows
from .rows import read_one, read_rows, write_rows
from .simd import I64, Code

# What is short is emitted or inlined: compiled as functions of their own, these cost a kernel 1.5 s
# of 6 (Zen 3 VM, 2026-11).


def _bytes_to(array: Items, index: Sequence[Value]) -> Value:
    """From an array's first element to that of an index."""
    builder, total = array.builder, I64(0)
    strides = cgutils.unpack_tuple(builder, array.fields.strides)
    for stride, place in zip(strides, index, strict=True):
        total = builder.add(total, builder.mul(stride, place))
    return total


@emitted(lambda axis: types.UniTuple(types.int64, 2))
def within(builder: Any, axis: Sequence[Value]) -> Value:
    """Which of an axis' indices lie in the image: [begin, end)."""
    first, step, count, size = axis[:4]

    def reached(index: Value, least: Value) -> Value:
        """How many indices lie below that one, at least so many."""
        found = builder.sub(builder.add(index, builder.sub(step, I64(1))), first)
        found = builder.sdiv(found, step)
        found = builder.select(builder.icmp_signed("<", found, count), found, count)
        return builder.select(builder.icmp_signed(">", found, least), found, least)

    begin = reached(I64(0), I64(0))
    return cgutils.pack_array(builder, [begin, reached(size, begin)])


@emitted()
def put(builder: Any, scratch: Items, at: Value, step: Value, count: Value, value: Value) -> None:
    """The same number ``count`` times, ``step`` elements apart."""
    target = scratch.at(at)
    with cgutils.for_range(builder, count, intp=I64) as loop:
        builder.store(value, builder.gep(target, [builder.mul(loop.index, step)]))


@emitted()
def move(
    builder: Any, scratch: Items, source: Value, target: Value, step: Value, count: Value
) -> None:
    """``count`` numbers to another place of scratch; they lie ``step`` apart here and there."""
    begin, end = scratch.at(source), scratch.at(target)
    with cgutils.for_range(builder, count, intp=I64) as loop:
        away = builder.mul(loop.index, step)
        builder.store(builder.load(builder.gep(begin, [away])), builder.gep(end, [away]))


@emitted()
def copy(
    builder: Any, f: Items, reads: Value, where: Sequence[Value], rows: Sequence[Value],
    columns: Sequence[Value], scratch: Items, target: Sequence[Value],
) -> None:  # fmt: skip
    """Convert pixels that lie in the image; rows and columns are (first, step, count).

    ``reads``: the address of what reads an image of another type, or `foreign.OWN`.  ``target``:
    where in scratch, elements from one row to the next, and from real to imaginary parts.
    """
    places = _places(f, where, rows, columns)
    size, parts = (rows[2], columns[2]), Parts(scratch.at(target[0]), *target[1:])
    convert(read_rows, f, reads, scratch, places, size, parts)


@emitted()
def copy_one(
    builder: Any, f: Items, reads: Value, index: Sequence[Value], scratch: Items, at: Value
) -> None:
    """A single pixel."""
    *where, row, column = index
    one, none = I64(1), I64(0)
    places, parts = _places(f, where, (row, one, one), (column, one, one)), (none, none)
    convert(read_one, f, reads, scratch, places, (one, one), Parts(scratch.at(at), *parts))


def _places(
    array: Items, where: Sequence[Value], rows: Sequence[Value], columns: Sequence[Value]
) -> Rows:
    """Of those rows and columns of an image or a result."""
    builder = array.builder
    begin = _bytes_to(array, [*where, rows[0], columns[0]])
    start = builder.gep(builder.bitcast(array.fields.data, BYTE), [begin])
    down, right = cgutils.unpack_tuple(builder, array.fields.strides)[-2:]
    return Rows(start, builder.mul(down, rows[1]), builder.mul(right, columns[1]))


@jit.jit()
def fetch(f, reads, where, down, across, fill, scratch, target, inner, beside):
    """Everything of a block, border applied; `copy` has the arguments.

    ``fill``: the constant, and its imaginary part.  ``inner``, ``beside``: whether to write what
    lies in the image, and what lies left and right of it; other rows are always written.
    """
    (top, step_y, rows, height, _, border_y) = down
    (left, step_x, columns, width, channels, border_x) = across
    (at, step, part_step), parts = target, 2 if target[2] else 1
    (above, below), (begin, end) = within(down), within(across)
    inside = left + begin * step_x, step_x, end - begin
    # the rows in the image go together, the others one by one
    for group in range(1 + rows - (below - above)):
        y, row, count = above, top + above * step_y, below - above
        if group > 0:
            y = group - 1 if group <= above else group - 1 + below - above
            row, count = source_index(top + y * step_y, height, border_y), 1
        start = at + y * step
        if group > 0 and row < 0:
            for part in range(parts):
                put(scratch, start + part * part_step, 1, columns, fill[part])
            continue
        if inner or group > 0:
            place = start + begin, step, part_step
            copy(f, reads, where, (row, step_y, count), inside, scratch, place)
        # column by column: one look at the border's rule serves a whole column, most of which are
        # there already
        for n in range(columns - (end - begin) if beside or group > 0 else 0):
            column = n if n < begin else n + end - begin
            pixel = source_column(left + column * step_x, width, channels, border_x)
            place, known = start + column, pixel - left
            if (inner or group > 0) and step_x == 1 and begin <= known < end:
                for part in range(parts):
                    away = start + part * part_step
                    move(scratch, away + known, away + column, step, count)
                continue
            if pixel >= 0:
                copy(
                    f, reads, where, (row, step_y, count), (pixel, 1, 1), scratch,
                    (place, step, part_step),
                )  # fmt: skip
                continue
            for part in range(parts):
                put(scratch, place + part * part_step, step, count, fill[part])


@emitted()
def store(
    builder: Any, scratch: Items, source: Sequence[Value], out: Items, writes: Value,
    where: Sequence[Value], rows: Sequence[Value], columns: Sequence[Value],
) -> None:  # fmt: skip
    """Convert sums to results in those rows and columns, (first, step, count) each.

    ``source`` = where they begin, elements from one row to the next, and to imaginary parts; 0:
    there are none.  ``writes``: the address of what writes an output of another type, or
    `foreign.OWN`.
    """
    places = _places(out, where, rows, columns)
    size, parts = (rows[2], columns[2]), Parts(scratch.at(source[0]), *source[1:])
    convert(write_rows, out, writes, scratch, places, size, parts)


@emitted()
def store_planes(
    builder: Any, scratch: Items, source: Sequence[Value], out: Items, writes: Value,
    index: Sequence[Value], size: Sequence[Value],
) -> None:  # fmt: skip
    """The same of ``size`` = (planes, columns): in maps, from ``index`` on, a run of each plane."""
    _, plane, _, column = out.each("strides")
    start = builder.gep(builder.bitcast(out.fields.data, BYTE), [_bytes_to(out, index)])
    parts = Parts(scratch.at(source[0]), *source[1:])
    convert(write_rows, out, writes, scratch, Rows(start, plane, column), tuple(size), parts)


@emitted()
def stream_row(
    builder: Any, scratch: Items, at: Value, out: Items, out_at: Value, count: Value, ahead: Value
) -> None:
    """``count`` numbers past the caches, whole lines of them; the ends, in parts of lines, not.

    Those wait for their line: the line that a row ``ahead`` elements further on shares with its
    neighbour is fetched now.  4096 x 4096 float32 at 15x15 into an array that begins within a line,
    as NumPy's do: 20.0 ms without, 17.4 with; 15.1 where rows begin on lines (Zen 5, 2026-11).
    """
    code, source, target = Code(builder, scratch.element), scratch.at(at), out.at(out_at)

    def part(start: Value, count: Value) -> None:
        """Less than a line, in vectors of 8, 4, 2 and 1, as the bits of ``count`` say."""
        for bit in reversed(range(int(math.log2(code.lanes)))):
            lanes = 1 << bit
            held = builder.and_(count, I64(lanes))
            with builder.if_then(builder.icmp_signed("!=", held, I64(0))):
                code.store(code.load(code.at(source, start), lanes), code.at(target, start))
            start = builder.add(start, held)

    address = builder.udiv(builder.ptrtoint(target, I64), I64(code.itemsize))
    head = builder.and_(builder.neg(address), I64(code.lanes - 1))
    head = builder.select(builder.icmp_signed("<", head, count), head, count)
    rest = builder.sub(count, head)
    tail = builder.and_(rest, I64(code.lanes - 1))
    later = code.at(target, ahead)
    for length, place in ((head, later), (tail, code.at(later, count))):
        with builder.if_then(builder.icmp_signed("!=", length, I64(0))):
            code.prefetch(place)

    part(I64(0), head)
    with cgutils.for_range(builder, builder.udiv(rest, I64(code.lanes)), intp=I64) as loop:
        at = builder.add(head, builder.mul(loop.index, I64(code.lanes)))
        code.stream(code.load(code.at(source, at)), code.at(target, at))
    part(builder.sub(count, tail), tail)


@jit.jit(inline="always")
def rows_alike(out, unit):
    """Whether what lies along the first two axes begins alike on units of so many bytes."""
    return out.strides[0] % unit == 0 and out.strides[1] % unit == 0


@jit.jit(inline="always")
def aligned_after(out, at, unit):
    """Elements from the ``at``-th to the next that begins such a unit."""
    return -(out.ctypes.data // out.itemsize + at) % (unit // out.itemsize)
