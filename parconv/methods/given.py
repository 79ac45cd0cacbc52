"""Arrays as a caller gives them: whether a kernel may take them so is seen by compiled code.

What Python asks NumPy about two arrays takes longer than a kernel on a small image: a planned call
on 28 x 28 pixels at 3x3 takes 2.6 microseconds so, 1.9 as it is here (Zen 3 VM, 2026-11).
"""

from functools import reduce
from typing import Any

from numba import types
from numba.np.arrayobj import populate_array

from ..codegen.emitted import Items, Value, emitted
from ..codegen.foreign import ELEMENT
from ..codegen.simd import I64
from ..runtime.crew.record import call

ALIGNED = 8
SIZES = types.Array(types.int64, 1, "C", readonly=True)


def signature(axes: int) -> tuple[Any, ...]:
    """Argument types of the functions here, for arrays of ``axes`` axes."""
    image, line = (types.Array(ELEMENT, count, "A") for count in (axes, 1))
    return types.int64, image, line, line, image, line, line, types.int64, types.int64, SIZES


def planes(kernel, f, taps, fill, out, layout, scratch, start, stop, sizes):
    """Whether a kernel of planes could fill rows of ``out``, and has: ``sizes`` are of both arrays.

    The kernel comes as an address.
    """
    if not _fit(f, out, sizes):
        return False
    call(kernel, _of_axes(f, 3), taps, fill, _of_axes(out, 3), layout, scratch, start, stop)
    return True


def rows(kernel, f, taps, fill, out, layout, scratch, start, stop, sizes):
    """The same of an image whose rows lie in one piece."""
    if not _fit(f, out, sizes) or f.strides[f.ndim - 1] != f.itemsize:
        return False
    call(kernel, _of_axes(f, 3), taps, fill, _of_axes(out, 3), layout, scratch, start, stop)
    return True


def maps(kernel, f, taps, fill, out, layout, scratch, start, stop, sizes):
    """The same of a kernel of maps."""
    if not _fit(f, out, sizes):
        return False
    call(kernel, _of_axes(f, 4), taps, fill, _of_axes(out, 4), layout, scratch, start, stop)
    return True


def colours(kernel, f, taps, fill, out, layout, scratch, start, stop, sizes):
    """The same of a kernel of planes, whose rows are those of pixels, channel after channel."""
    if not _fit(f, out, sizes) or f.strides[f.ndim - 2] != f.shape[f.ndim - 1] * f.itemsize:
        return False
    if f.strides[f.ndim - 1] != f.itemsize:
        return False
    seen, target = _of_axes(_widened(f), 3), _of_axes(_widened(out), 3)
    call(kernel, seen, taps, fill, target, layout, scratch, start, stop)
    return True


def channels_last(kernel, f, taps, fill, out, layout, scratch, start, stop, sizes):
    """The same of a kernel of maps, given rows, columns and then channels."""
    if not _fit(f, out, sizes):
        return False
    seen, target = _of_axes(_channels_first(f), 4), _of_axes(_channels_first(out), 4)
    call(kernel, seen, taps, fill, target, layout, scratch, start, stop)
    return True


@emitted(types.boolean)
def _fit(builder: Any, f: Items, out: Items, sizes: Items) -> Value:
    """Whether both have those sizes and are aligned, ``out`` in one piece and apart from ``f``."""
    first, end = _ends(builder, f)
    begin, last = _ends(builder, out)
    fits = [
        _are(builder, [*f.each("shape"), *out.each("shape")], sizes),
        _is_aligned(builder, f),
        _is_aligned(builder, out),
        _is_whole(builder, out),
        builder.or_(
            builder.icmp_unsigned("<=", end, begin), builder.icmp_unsigned("<=", last, first)
        ),
    ]
    return reduce(builder.and_, fits)


def _address(array: Items) -> Value:
    return array.builder.ptrtoint(array.fields.data, I64)


def _are(builder: Any, lengths: list[Value], sizes: Items) -> Value:
    same = [
        builder.icmp_signed("==", length, builder.load(sizes.at(place)))
        for place, length in enumerate(lengths)
    ]
    return reduce(builder.and_, same)


def _is_aligned(builder: Any, array: Items) -> Value:
    places = reduce(builder.or_, [_address(array), *array.each("strides")])
    size = array.fields.itemsize  # no element asks for more than `ALIGNED` bytes
    size = builder.select(builder.icmp_signed("<", size, I64(ALIGNED)), size, I64(ALIGNED))
    rest = builder.and_(places, builder.sub(size, I64(1)))
    return builder.icmp_signed("==", rest, I64(0))


def _is_whole(builder: Any, array: Items) -> Value:
    """Row after row, without gaps."""
    expected, same = array.fields.itemsize, []
    for length, step in zip(
        reversed(array.each("shape")), reversed(array.each("strides")), strict=True
    ):
        same.append(builder.icmp_signed("==", step, expected))
        expected = builder.mul(expected, length)
    return reduce(builder.and_, same)


def _ends(builder: Any, array: Items) -> tuple[Value, Value]:
    """Addresses between which all elements lie, whatever the signs of the steps."""
    low = high = _address(array)
    for length, step in zip(array.each("shape"), array.each("strides"), strict=True):
        reach = builder.mul(step, builder.sub(length, I64(1)))
        back = builder.icmp_signed("<", reach, I64(0))
        low = builder.add(low, builder.select(back, reach, I64(0)))
        high = builder.add(high, builder.select(back, I64(0), reach))
    return low, builder.add(high, array.fields.itemsize)


@emitted(lambda array, axes: array.copy(ndim=axes.literal_value), known=["axes"])
def _of_axes(builder: Any, array: Items, axes: int) -> Value:
    """The array with axes of length 1 before its own."""
    missing = axes - array.kind.ndim
    shape = [I64(1)] * missing + array.each("shape")
    steps = [I64(0)] * missing + array.each("strides")
    return _view(array, shape, steps)


@emitted(lambda array: array.copy(ndim=array.ndim - 1))
def _widened(builder: Any, array: Items) -> Value:
    """The array without its last axis, whose elements are columns of the one before."""
    *outer, columns, channels = array.each("shape")
    *steps, _, step = array.each("strides")
    return _view(array, [*outer, builder.mul(columns, channels)], [*steps, step])


@emitted(lambda array: array)
def _channels_first(builder: Any, array: Items) -> Value:
    """The array with its last axis before rows and columns."""
    shape, steps = (
        [*outer, last, rows, columns]
        for *outer, rows, columns, last in map(array.each, ("shape", "strides"))
    )
    return _view(array, shape, steps)


def _view(array: Items, shape: list[Value], steps: list[Value]) -> Value:
    kind = array.kind.copy(ndim=len(shape))
    found = array.context.make_array(kind)(array.context, array.builder)
    populate_array(found, array.fields.data, shape, steps, array.fields.itemsize, None)
    return found._getvalue()
