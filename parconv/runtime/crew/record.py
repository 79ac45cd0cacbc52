"""A kernel's arguments as words of the board, so that any worker can call any kernel.

Compiled code passes an array as its fields, pointers and 64-bit integers, whatever its elements
are.  So one compiled caller for each number of axes serves the kernels of all dtypes.
"""

from typing import Any

from numba import types
from numba.core import cgutils

from ...codegen.emitted import Items, Value, emitted
from ...codegen.simd import I64

BYTES = types.uint8  # stands for any element
FIELDS = 5  # of an array, before sizes and strides: owner, parent, elements, their bytes, data
PLANES, MAPS = 3, 4  # axes of image and output
# image, taps, fill, output, layout; then scratch of all workers and bands
AXES = {axes: (axes, 1, 1, axes, 1, 2, 2) for axes in (PLANES, MAPS)}
WORDS = sum(FIELDS + 2 * axes for axes in AXES[MAPS])


def _places(axes: int) -> list[int]:
    """Where each array begins."""
    places = [0]
    for count in AXES[axes]:
        places.append(places[-1] + FIELDS + 2 * count)
    return places[:-1]


@emitted()
def call(
    builder: Any, address: Value, f: Items, taps: Items, fill: Items, out: Items, layout: Items,
    scratch: Items, start: Value, stop: Value,
) -> None:  # fmt: skip
    """Run the compiled kernel at ``address``."""
    arrays = f, taps, fill, out, layout, scratch
    kinds = [array.kind for array in arrays]
    values = [array.value for array in arrays]
    _call(f.context, builder, kinds, address, *values, start, stop)


def _call(context: Any, builder: Any, arrays: Any, address: Value, *values: Value) -> None:
    """The kernel at the address, with arrays of those types and two integers."""
    kinds = (*arrays, types.int64, types.int64)
    function = context.call_conv.get_function_type(types.void, kinds).as_pointer()
    kernel = builder.inttoptr(address, function)
    context.call_conv.call_function(builder, kernel, types.void, kinds, values)


@emitted()
def write(
    builder: Any, board: Items, at: Value, f: Items, taps: Items, fill: Items, out: Items,
    layout: Items, scratch: Items, bands: Items,
) -> None:  # fmt: skip
    """Put down the arrays at place ``at`` of the board."""
    arrays = f, taps, fill, out, layout, scratch, bands
    for place, array in zip(_places(f.kind.ndim), arrays, strict=True):
        where = board.at(builder.add(at, I64(place)), array.value.type)
        builder.store(array.value, where, align=8)


def _run(
    axes: int, builder: Any, board: Items, at: Value, kernel: Value, worker: Value, band: Value
) -> None:
    """A call with the arrays that `write` put down."""
    context = board.context
    kinds = [types.Array(BYTES, count, "A") for count in AXES[axes]]
    values = []
    for place, kind in zip(_places(axes), kinds, strict=True):
        where = board.at(builder.add(at, I64(place)), context.get_value_type(kind))
        values.append(builder.load(where, align=8))
    *values, scratch, bands = values
    row = _row(context, builder, scratch, worker)
    ends = _ends(builder, bands, band)
    _call(context, builder, [*kinds[:5], BYTES[::1]], kernel, *values, row, *ends)


DATA, SHAPE, STRIDES = 4, 5, 6  # of an array's fields


def _ends(builder: Any, bands: Any, band: Any) -> list[Any]:
    """Start and stop of a band: a row of a table of pairs of int64."""
    pairs = builder.bitcast(builder.extract_value(bands, DATA), I64.as_pointer())
    first = builder.mul(band, I64(2))
    return [builder.load(builder.gep(pairs, [builder.add(first, I64(n))])) for n in (0, 1)]


def _row(context: Any, builder: Any, scratch: Any, worker: Any) -> Any:
    """A worker's own of all scratch, as a kernel takes it."""
    meminfo, parent, _, itemsize, data = (builder.extract_value(scratch, n) for n in range(FIELDS))
    size = builder.extract_value(scratch, [SHAPE, 1])
    offset = builder.mul(worker, builder.extract_value(scratch, [STRIDES, 0]))
    row = context.make_array(BYTES[::1])(context, builder)
    row.meminfo, row.parent, row.nitems, row.itemsize = meminfo, parent, size, itemsize
    row.data = builder.gep(data, [offset])
    row.shape = cgutils.pack_array(builder, [size])
    row.strides = cgutils.pack_array(builder, [itemsize])
    return row._getvalue()


@emitted()
def run_planes(
    builder: Any, board: Items, at: Value, kernel: Value, worker: Value, band: Value
) -> None:
    """Fill that band by the kernel and the arrays put down at ``at``, with the worker's scratch."""
    _run(PLANES, builder, board, at, kernel, worker, band)


@emitted()
def run_maps(
    builder: Any, board: Items, at: Value, kernel: Value, worker: Value, band: Value
) -> None:
    """The same where image and output have four axes."""
    _run(MAPS, builder, board, at, kernel, worker, band)
