"""Images and results of other types than the sums', for kernels that know only the latter.

A kernel for each pair of types would take seconds to compile for each.  So it takes elements of any
type, and rows of another one than its sums' are read and written by functions of their own, one for
each pair, whose addresses its layout holds; `layout.OWN` where types are the same.

A first call of a uint8 image after one of float32 waits for 0.2 s, which was 4.2, and 84 rows of
types and sizes take 1.00 of the time in the median, up to 1.06 (Zen 3 VM, 2026-11).
"""

from functools import cache
from typing import Any

import numba
from numba import types
from numba.np.arrayobj import populate_array

from ..problem.dtypes import Array, DType
from . import jit
from .emitted import Items, Value, call_at, emitted
from .layout import ENDS, OWN, Layout
from .places import BYTE, Kinds, Parts, Rows, Size
from .rows import read_rows, write_rows
from .simd import I64

# Of any array: Numba looks at the size of elements only where it has a name for them.
ELEMENT = types.Opaque("parconv.element")
E = Layout(*ENDS)  # what begins the layout of a kernel of such arrays
_CALLED = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # by compiled code alone
_NUMBERS = (types.int64,) * 4, (types.int64,) * 2
Ends = tuple[int, int]


def read(f, down, right, rows, columns, scratch, step, second):
    """Convert pixels to scratch, as `rows.read_rows` tells."""
    _read(f, (down, right), (rows, columns), scratch, (step, second))


def write(out, down, right, rows, columns, scratch, step, second):
    """Convert sums to results, as `rows.write_rows` tells."""
    _write(out, (down, right), (rows, columns), scratch, (step, second))


@emitted()
def _read(builder: Any, f: Items, down: Any, size: Any, scratch: Items, right: Any) -> None:
    _run(read_rows, builder, f, down, size, scratch, right)


@emitted()
def _write(builder: Any, out: Items, down: Any, size: Any, scratch: Items, right: Any) -> None:
    _run(write_rows, builder, out, down, size, scratch, right)


def _run(
    rows: Any, builder: Any, array: Items, down: Any, size: Any, scratch: Items, right: Any
) -> None:
    kinds = Kinds(array.dtype, scratch.dtype)
    places = Rows(array.at(), *down), size, Parts(scratch.at(), *right)
    rows(array.context, builder, kinds, *places)


def no_ends(*_: DType) -> Ends:
    """Of a kernel that leaves both to another, or knows both types."""
    return OWN, OWN


@cache
def ends(image: DType, element: DType, result: DType) -> Ends:
    """Addresses of what reads such images and writes such results of sums of type ``element``.

    Compiled, or loaded, where nobody asked before; they stay as long as the process.
    """
    sums = numba.from_dtype(element)
    asked = (read, numba.from_dtype(image)), (write, numba.from_dtype(result))
    reads, writes = (OWN if kind == sums else _address(how, kind, sums) for how, kind in asked)
    return reads, writes


def told(layout: Array, ends: Ends) -> Array:
    """The layout of a kernel, with these addresses."""
    if not any(ends):
        return layout
    layout = layout.copy()
    layout[[E.reads, E.writes]] = ends
    layout.flags.writeable = False
    return layout


def _address(function: Any, kind: Any, sums: Any) -> int:
    pointers = types.CPointer(kind), types.CPointer(sums)
    signature = pointers[0], *_NUMBERS[0], pointers[1], *_NUMBERS[1]
    return jit.address(jit.compiled(function, signature, **_CALLED), signature)


def _seen(array: Any, scratch: Any) -> Any:
    return array.copy(dtype=scratch.dtype) if array.dtype == ELEMENT else array


@emitted(_seen)
def as_sums(builder: Any, array: Items, scratch: Items) -> Value:
    """An array of `ELEMENT` as one of the type of the sums; the size of an element stays its own.

    One of a type that the kernel knows is left as it is.
    """
    if array.dtype != ELEMENT:
        return array.value
    kind = _seen(array.kind, scratch.kind)
    found = array.context.make_array(kind)(array.context, builder)
    data = builder.bitcast(array.fields.data, scratch.element.as_pointer())
    shape, strides = map(array.each, ("shape", "strides"))
    populate_array(found, data, shape, strides, array.fields.itemsize, None)
    return found._getvalue()


@emitted(lambda array, scratch: scratch)
def as_line(builder: Any, array: Items, scratch: Items) -> Value:
    """The elements from an array's first one on as an array like scratch, wherever it ends."""
    found = array.context.make_array(scratch.kind)(array.context, builder)
    data = builder.bitcast(array.fields.data, scratch.element.as_pointer())
    size = I64(scratch.itemsize)
    populate_array(found, data, array.each("shape")[:1], [size], size, None)
    return found._getvalue()


@emitted(lambda array, *_: array.copy(ndim=array.ndim - 1))
def one_plane(builder: Any, array: Items, image: Value, channel: Value) -> Value:
    """A single plane of maps, as an array of planes."""
    kind = array.kind.copy(ndim=array.kind.ndim - 1)
    found = array.context.make_array(kind)(array.context, builder)
    shape, strides = map(array.each, ("shape", "strides"))
    away = builder.add(builder.mul(image, strides[0]), builder.mul(channel, strides[1]))
    data = builder.gep(builder.bitcast(array.fields.data, BYTE), [away])
    data = builder.bitcast(data, array.fields.data.type)
    shape = [I64(1), *shape[2:]]
    populate_array(found, data, shape, strides[1:], array.fields.itemsize, None)
    return found._getvalue()


def convert(
    rows: Any, array: Items, address: Value, scratch: Items, places: Rows, size: Size, parts: Parts
) -> None:
    """Rows of ``array`` read or written by the function at the address, or here where it is `OWN`.

    There elements are of any type, here of the one that the compiled code knows.
    """
    builder, context = array.builder, array.context

    def here() -> None:
        rows(context, builder, Kinds(array.dtype, scratch.dtype), places, size, parts)

    if getattr(address, "constant", None) == OWN:
        return here()
    with builder.if_else(builder.icmp_signed("==", address, I64(OWN))) as (own, others):
        with own:
            here()
        with others:
            pointers = types.CPointer(types.uint8), types.CPointer(scratch.dtype)
            kinds = pointers[0], *_NUMBERS[0], pointers[1], *_NUMBERS[1]
            start = builder.bitcast(places.start, BYTE)
            call_at(context, builder, kinds, address, start, *places[1:], *size, *parts)
    return None
