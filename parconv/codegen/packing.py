"""Pixels into a worker's scratch, and sums out of it, where tiles cannot read or write in place.

The pixels of a block are those of some rows and columns of the extended image.  Each axis is a
tuple (first, step, count, size, channels, border): ``count`` indices from ``first`` on, ``step``
apart, of an axis of ``size`` elements, ``channels`` to a pixel, that the image goes on beyond as
`borders` says.  ``where`` is the index of what the axes belong to: a plane, or an image and a
channel.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from . import jit
from .borders import source_column, source_index
from .elements import write
from .emitted import Items, Value, emitted
from .runs import (
    convert_run,
    convert_vectors,
    has_complex_runs,
    has_runs,
    join_runs,
    split_run,
)
from .simd import I64

BYTE = ir.IntType(8).as_pointer()

# What is short is emitted or inlined: compiled as functions of their own, these cost a kernel 1.5 s
# of 6 (Zen 3 VM, 2026-11).


def _bytes_to(array: Items, index: Sequence[Value]) -> Value:
    """From an array's first element to that of an index."""
    builder, total = array.builder, I64(0)
    strides = cgutils.unpack_tuple(builder, array.fields.strides)
    for stride, place in zip(strides, index, strict=True):
        total = builder.add(total, builder.mul(stride, place))
    return total


@emitted(types.int64)
def element(builder: Any, array: Items, index: Sequence[Value]) -> Value:
    """How many elements from the first that of an index lies, in an array of `runs`.

    Without a division: the size of an element is a constant here.
    """
    return builder.sdiv(_bytes_to(array, index), I64(array.itemsize), flags=("exact",))


@jit.jit(inline="always")
def runs(array):
    """Whether rows are runs of elements, real or complex."""
    return has_runs(array) or has_complex_runs(array)


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
def copy(
    builder: Any, f: Items, flat: Value, where: Sequence[Value], rows: Sequence[Value],
    columns: Sequence[Value], scratch: Items, target: Sequence[Value],
) -> None:  # fmt: skip
    """Convert pixels that lie in the image; rows and columns are (first, step, count).

    ``flat``: whether to go by runs, which neighbouring real pixels allow.  ``target``: where in
    scratch, elements from one row to the next, and from real to imaginary parts.

    Runs go vector by vector even where nothing is converted: 4096 x 4096 float32 with separable
    9 x 9 taps, one core: 7.1 ms with calls of memcpy, 6.4 so (Zen 5, 2026-11).
    """
    at, step, part_step = target
    begin = _bytes_to(f, [*where, rows[0], columns[0]])
    origin = builder.gep(builder.bitcast(f.fields.data, BYTE), [begin])
    strides = cgutils.unpack_tuple(builder, f.fields.strides)[-2:]
    down, right = (
        builder.mul(stride, axis[1]) for stride, axis in zip(strides, (rows, columns), strict=True)
    )
    first, pixels = scratch.at(at), f.fields.data.type

    def apart(row: Value, place: Value) -> None:
        with cgutils.for_range(builder, columns[2], intp=I64) as loop:
            pixel = builder.bitcast(builder.gep(row, [builder.mul(loop.index, right)]), pixels)
            for part, value in reversed([*enumerate(_parts(f, pixel, scratch.dtype))]):
                away = builder.add(loop.index, builder.mul(part_step, I64(part)))
                builder.store(value, builder.gep(place, [away]))

    with cgutils.for_range(builder, rows[2], intp=I64) as loop:
        row = builder.gep(origin, [builder.mul(loop.index, down)])
        place = builder.gep(first, [builder.mul(loop.index, step)])
        if isinstance(f.dtype, types.Complex):
            apart(row, place)
        else:
            with builder.if_else(flat) as (then, otherwise):
                with then:
                    run = builder.bitcast(row, pixels)
                    convert_vectors(builder, (f.dtype, scratch.dtype), run, place, columns[2])
                with otherwise:
                    apart(row, place)


def _parts(f: Items, pixel: Value, kind: Any) -> list[Value]:
    """A pixel converted; of a complex one the real part and the imaginary one."""
    value, context, builder = (
        f.context.unpack_value(f.builder, f.dtype, pixel),
        f.context,
        f.builder,
    )
    if not isinstance(f.dtype, types.Complex):
        return [context.cast(builder, value, f.dtype, kind)]
    real = f.dtype.underlying_float
    parts = (builder.extract_value(value, n) for n in range(2))
    return [context.cast(builder, part, real, kind) for part in parts]


@jit.jit()
def fetch(f, flat, where, down, across, fill, scratch, target, inner, beside):
    """Everything of a block, border applied; `copy` has the arguments.

    ``flat`` as `runs` has it.  ``fill``: the constant, and its imaginary part.  ``inner``,
    ``beside``: whether to write what lies in the image, and what lies left and right of it; other
    rows are always written.
    """
    (top, step_y, rows, height, _, border_y) = down
    (left, step_x, columns, width, channels, border_x) = across
    (at, step, part_step), parts = target, 2 if target[2] else 1
    (above, below), (begin, end) = within(down), within(across)
    x = left + begin * step_x
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
        if flat and step_x == 1 and part_step and (inner or group > 0):
            for n in range(count):
                place = start + n * step + begin
                pixel = row + n * step_y, x
                source = element(f, where + pixel)
                split_run(f, source, scratch, place, place + part_step, end - begin)
        elif inner or group > 0:
            place = start + begin, step, part_step
            inside = x, step_x, end - begin
            copy(f, flat and step_x == 1, where, (row, step_y, count), inside, scratch, place)
        # column by column: one look at the border's rule serves a whole column
        for n in range(columns - (end - begin) if beside or group > 0 else 0):
            column = n if n < begin else n + end - begin
            pixel = source_column(left + column * step_x, width, channels, border_x)
            place = start + column
            if pixel >= 0:
                copy(
                    f, False, where, (row, step_y, count), (pixel, 1, 1), scratch,
                    (place, step, part_step),
                )  # fmt: skip
                continue
            for part in range(parts):
                put(scratch, place + part * part_step, step, count, fill[part])


@jit.jit(inline="always")
def store(scratch, at, second, out, flat, where, x, count):
    """Convert ``count`` sums to pixels of the row ``where`` from column ``x`` on.

    Their imaginary parts lie ``second`` elements on; 0: there are none.  ``flat``: whether rows are
    runs of elements, which are complex where the sums have imaginary parts, and only there.
    """
    first = (x,)
    if flat and second == 0:
        convert_run(scratch, at, out, element(out, where + first), count)
    elif flat:
        join_runs(scratch, at, at + second, out, element(out, where + first), count)
    else:
        for n in range(count):
            imaginary = scratch[at + second + n] if second else scratch.dtype.type(0)
            column = (x + n,)
            write(out, where + column, scratch[at + n], imaginary)


@jit.jit()
def store_rows(scratch, source, out, plane, down, across):
    """The same of rows of sums of a plane.

    ``source`` = where they begin, elements from one to the next, and to imaginary parts.  ``down``
    = the plane's first row, rows from one to the next, and how many; ``across`` = its first column,
    and how many.
    """
    (at, step, second), (y, apart, rows), (x, count) = source, down, across
    flat = has_complex_runs(out) if second else has_runs(out)
    for n in range(rows):
        store(scratch, at + n * step, second, out, flat, (plane, y + n * apart), x, count)


@jit.jit(inline="always")
def rows_alike(out, unit):
    """Whether what lies along the first two axes begins alike on units of so many bytes."""
    return out.strides[0] % unit == 0 and out.strides[1] % unit == 0


@jit.jit(inline="always")
def aligned_after(out, at, unit):
    """Elements from the ``at``-th to the next that begins such a unit."""
    return -(out.ctypes.data // out.itemsize + at) % (unit // out.itemsize)
