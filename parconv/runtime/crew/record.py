"""A kernel's arguments as words of the board, so that any worker can call any kernel.

Compiled code passes an array as its fields, pointers and 64-bit integers, whatever its elements
are.  So one compiled caller for each number of axes serves the kernels of all types: it takes
arrays of `ELEMENT`.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ...codegen.emitted import Items, Value, call_at, emitted
from ...codegen.foreign import ELEMENT
from ...codegen.simd import I64

BYTE = ir.IntType(8).as_pointer()
FIELDS = 5  # of an array, before sizes and strides: owner, parent, elements, their bytes, data
PLANES, MAPS = 3, 4  # axes of image and output
# image, taps, fill, output, layout; then scratch of all workers and bands
AXES = {axes: (axes, 1, 1, axes, 1, 2, 2) for axes in (PLANES, MAPS)}
WORDS = sum(FIELDS + 2 * axes for axes in AXES[MAPS])
ARGUMENTS = 1  # where they begin behind a counter


def places(axes: int) -> list[int]:
    """Where each array begins."""
    places = [0]
    for count in AXES[axes]:
        places.append(places[-1] + FIELDS + 2 * count)
    return places[:-1]


def arrays(axes: int) -> list[Any]:
    """Types of image, taps, fill, output, layout and the scratch of all workers."""
    return [types.Array(ELEMENT, count, "A") for count in AXES[axes][:6]]


SCRATCH = types.Array(ELEMENT, 1, "A")  # a worker's own
_BAND = types.int64, types.int64
_BANDS = types.Array(types.int64, 2, "A")


@emitted()
def call(
    builder: Any, address: Value, f: Items, taps: Items, fill: Items, out: Items, layout: Items,
    scratch: Items, start: Value, stop: Value,
) -> None:  # fmt: skip
    """Run the compiled kernel at ``address``."""
    given = f, taps, fill, out, layout, scratch
    kinds, values = zip(*((array.kind, array.value) for array in given), strict=True)
    call_at(f.context, builder, (*kinds, *_BAND), address, *values, start, stop)


@emitted(SCRATCH)
def worker_scratch(builder: Any, scratch: Items, worker: Value) -> Value:
    """A worker's own of all scratch."""
    return _own(scratch.context, builder, scratch.value, worker)


@emitted()
def write(
    builder: Any, board: Items, at: Value, f: Items, taps: Items, fill: Items, out: Items,
    layout: Items, scratch: Items, bands: Items,
) -> None:  # fmt: skip
    """Put down the arrays at place ``at`` of the board."""
    given = f, taps, fill, out, layout, scratch, bands
    for place, array in zip(places(f.kind.ndim), given, strict=True):
        where = builder.bitcast(
            board.at(builder.add(at, I64(place))), array.value.type.as_pointer()
        )
        builder.store(array.value, where, align=8)


def _run(
    axes: int, builder: Any, board: Items, at: Value, kernel: Value, worker: Value, band: Value
) -> None:
    """A call with the arrays that `write` put down."""
    context, kinds = board.context, [*arrays(axes), _BANDS]
    values = []
    for place, kind in zip(places(axes), kinds, strict=True):
        fields = context.get_value_type(kind).as_pointer()
        where = builder.bitcast(board.at(builder.add(at, I64(place))), fields)
        values.append(builder.load(where, align=8))
    *values, scratch, bands = values
    own = _own(context, builder, scratch, worker)
    ends = _ends(builder, bands, band)
    call_at(context, builder, (*kinds[:5], SCRATCH, *_BAND), kernel, *values, own, *ends)


DATA, SHAPE, STRIDES = 4, 5, 6  # of an array's fields


def _ends(builder: Any, bands: Any, band: Any) -> list[Any]:
    """Start and stop of a band: a row of a table of pairs of int64."""
    pairs = builder.bitcast(builder.extract_value(bands, DATA), I64.as_pointer())
    first = builder.mul(band, I64(2))
    return [builder.load(builder.gep(pairs, [builder.add(first, I64(n))])) for n in (0, 1)]


def _own(context: Any, builder: Any, scratch: Any, worker: Any) -> Any:
    """A worker's own of all scratch, as a kernel takes it."""
    meminfo, parent, _, itemsize, data = (builder.extract_value(scratch, n) for n in range(FIELDS))
    size = builder.extract_value(scratch, [SHAPE, 1])
    offset = builder.mul(worker, builder.extract_value(scratch, [STRIDES, 0]))
    own = context.make_array(SCRATCH)(context, builder)
    own.meminfo, own.parent, own.nitems, own.itemsize = meminfo, parent, size, itemsize
    place = builder.gep(builder.bitcast(data, BYTE), [offset])
    own.data = builder.bitcast(place, data.type)
    own.shape = cgutils.pack_array(builder, [size])
    own.strides = cgutils.pack_array(builder, [itemsize])
    return own._getvalue()


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
