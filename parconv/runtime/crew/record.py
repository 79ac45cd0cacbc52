"""A kernel's arguments as words of the board, so that any worker can call any kernel.

Compiled code passes an array as its fields, pointers and 64-bit integers, whatever its elements
are.  So one compiled caller for each number of axes serves the kernels of all dtypes.
"""

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...codegen.simd import I64, data_pointer

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


@intrinsic
def call(typing, address, f, taps, fill, out, layout, scratch, start, stop):  # fmt: skip
    """Run the compiled kernel at ``address``."""
    signature = types.void(address, f, taps, fill, out, layout, scratch, start, stop)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _call(context, builder, signature.args[1:], args)
        return context.get_dummy_value()

    return signature, codegen


def _call(context: Any, builder: Any, kinds: Any, args: Any) -> None:
    """The kernel at the address that comes first, with the rest."""
    function = context.call_conv.get_function_type(types.void, kinds).as_pointer()
    kernel = builder.inttoptr(args[0], function)
    context.call_conv.call_function(builder, kernel, types.void, kinds, args[1:])


@intrinsic
def write(typing, board, at, f, taps, fill, out, layout, scratch, bands):  # fmt: skip
    """Put down the arrays at place ``at`` of the board."""
    signature = types.void(board, types.intp, f, taps, fill, out, layout, scratch, bands)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        for place, array in zip(_places(signature.args[2].ndim), args[2:], strict=True):
            where = builder.add(args[1], I64(place))
            pointer = data_pointer(context, builder, signature.args[0], args[0], where)
            builder.store(array, builder.bitcast(pointer, array.type.as_pointer()), align=8)
        return context.get_dummy_value()

    return signature, codegen


def _run(axes: int, board: Any) -> Any:
    """The signature and code of a call with the arrays that `write` put down."""
    arrays = [types.Array(BYTES, count, "A") for count in AXES[axes]]
    kinds = (*arrays[:5], BYTES[::1], types.int64, types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        board, at, kernel, worker, band = args
        values = []
        for place, kind in zip(_places(axes), arrays, strict=True):
            where = builder.add(at, I64(place))
            pointer = data_pointer(context, builder, signature.args[0], board, where)
            struct = context.get_value_type(kind)
            values.append(builder.load(builder.bitcast(pointer, struct.as_pointer()), align=8))
        *values, scratch, bands = values
        row = _row(context, builder, scratch, worker)
        _call(context, builder, kinds, [kernel, *values, row, *_ends(builder, bands, band)])
        return context.get_dummy_value()

    return types.void(board, *[types.int64] * 4), codegen


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


@intrinsic
def run_planes(typing, board, at, kernel, worker, band):
    """Fill that band by the kernel and the arrays put down at ``at``, with the worker's scratch."""
    return _run(PLANES, board)


@intrinsic
def run_maps(typing, board, at, kernel, worker, band):
    """The same where image and output have four axes."""
    return _run(MAPS, board)
