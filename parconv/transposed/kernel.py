"""The kernel of transposed layers: pieces of the result, of which all phases are computed at once.

A piece's maps and results stay in the caches while one phase after another meets them.  Phases are
layers, computed by the kernels of any method, whose addresses the layout has.
"""

from typing import Any

from numba.np.arrayobj import populate_array

from ..codegen import jit
from ..codegen.emitted import Items, Value, emitted
from ..codegen.foreign import as_line
from ..codegen.machine import VECTOR_BYTES, lanes
from ..codegen.rows import BYTE
from ..codegen.runs import pulled_back
from ..codegen.simd import Code
from ..codegen.storing import line_after
from ..methods.channels.copying import copy_cells
from ..methods.kernels import kernels_of
from ..runtime.crew.record import MAPS, call
from . import numbers as n
from .numbers import L


@emitted(lambda like, *_: like)
def view(
    builder: Any, like: Items, base: Items, away: Value, shape: list[Value], steps: list[Value]
) -> Value:
    """An array of that kind whose first element lies so many bytes behind the other's first."""
    found = like.context.make_array(like.kind)(like.context, builder)
    data = builder.gep(builder.bitcast(base.fields.data, BYTE), [away])
    data = builder.bitcast(data, like.fields.data.type)
    populate_array(found, data, shape, steps, like.fields.itemsize, None)
    return found._getvalue()


@emitted()
def _pairs(builder: Any, f: Items, first: Value, second: Value, out: Items, at: Value,
           count: Value) -> None:  # fmt: skip
    """``count`` pairs of an element of each of two runs."""
    code = Code(builder, f.element)

    def some(place: Value, width: int) -> None:
        one, other = (
            code.load(f.at(builder.add(begin, place)), width) for begin in (first, second)
        )
        target = builder.add(at, builder.shl(place, place.type(1)))
        if width == 1:
            code.store(one, out.at(target))
            code.store(other, out.at(builder.add(target, place.type(1))))
            return
        for half in range(2):
            places = range(half * width // 2, (half + 1) * width // 2)
            order = [n + width * side for n in places for side in range(2)]
            where = builder.add(target, place.type(half * width))
            code.store(code.shuffle(one, other, order), out.at(where))

    pulled_back(builder, count, (lanes(f.itemsize), 1), some)


@jit.jit()
def _turn_in(f, layout, piece, scratch, at):
    """The rows that a piece reads, channels side by side, from element ``at`` of scratch on."""
    channels, columns = f.shape[1], f.shape[3]
    top, bottom, row = layout[piece + n.TOP], layout[piece + n.BOTTOM], columns * channels
    together = bottom - top if f.strides[2] == columns * f.strides[3] else 1
    for image in range(layout[piece + n.IMAGES_END] - layout[piece + n.IMAGE]):
        source = (layout[piece + n.IMAGE] + image) * f.strides[0]
        place = at + image * f.shape[2] * row
        for y in range(top, bottom, max(together, 1)):
            copy_cells(
                f, source + y * f.strides[2], f.strides[1], f.strides[3], scratch,
                place + y * row, channels, channels, together * columns,
            )  # fmt: skip


@jit.jit()
def _turn(scratch, source, filters, out, place, count):
    """``count`` pixels of all filters, from element ``source`` of scratch on, to a plane each.

    By vectors of filters, and from where the first plane's pixels begin on cache lines.
    """
    size, line = out.itemsize, as_line(out, scratch)
    wide = VECTOR_BYTES // size
    (target, plane), head = place, 0
    if count >= 2 * wide:
        head = (wide - (out.ctypes.data // size + target) % wide) % wide
    for number in range(0, filters, wide):
        some = min(wide, filters - number)
        for first, pixels in ((0, wide if head else 0), (head, count - head)):
            if pixels:
                copy_cells(
                    scratch, (source + first * filters + number) * size, filters * size, size,
                    line, target + first + number * plane, plane, pixels, some,
                )  # fmt: skip


@jit.jit()
def _turn_out(scratch, away, layout, piece, out, first, rows):
    """Results whose channels lie side by side, so many bytes from scratch's first, to their maps.

    Pixels are to the copy what channels are to that of images.
    """
    size, columns, o = out.itemsize, out.shape[3], layout[piece + n.FILTER]
    filters = layout[piece + n.FILTERS_END] - o
    whole = (out.strides[0] | out.strides[1] | out.strides[2]) % size == 0
    whole = whole and out.strides[3] == size
    together = rows if whole and out.strides[2] == columns * size else 1
    row = columns * filters
    image_step = layout[L.steps_y] * (layout[piece + n.ROWS_END] - layout[piece + n.ROW]) * row
    for image in range(layout[piece + n.IMAGES_END] - layout[piece + n.IMAGE]):
        b = layout[piece + n.IMAGE] + image
        for y in range(0, rows, together):
            source = away // size + image * image_step + y * row
            if whole:
                target = b * out.strides[0] + o * out.strides[1] + (first + y) * out.strides[2]
                place = target // size, out.strides[1] // size
                _turn(scratch, source, filters, out, place, together * columns)
                continue
            for x in range(columns):
                for number in range(filters):
                    out[b, o + number, first + y, x] = scratch[source + x * filters + number]


@jit.jit()
def _weave(scratch, away, layout, piece, out, first, rows):
    """Results of phases, each in one piece, woven into the rows that they are columns of."""
    size, wide = out.itemsize, layout[L.phases_x]
    steps_y, steps_x = layout[L.steps_y], layout[L.steps_x]
    filters = layout[piece + n.FILTERS_END] - layout[piece + n.FILTER]
    plane = layout[L.part_rows] * layout[L.part_columns]
    part, begin = filters * plane, away // size
    whole = (out.strides[0] | out.strides[1] | out.strides[2]) % size == 0
    paired = steps_x == 2 and wide == 2 and whole and out.strides[3] == size
    pairs = out.shape[3] // 2 if paired else 0
    for turn in range((layout[piece + n.IMAGES_END] - layout[piece + n.IMAGE]) * filters):
        image, number = turn // filters, turn % filters
        b, o = layout[piece + n.IMAGE] + image, layout[piece + n.FILTER] + number
        source = begin + image * layout[L.parts] * part + number * plane
        for y in range(rows):
            at = source + y % steps_y * wide * part + y // steps_y * layout[L.part_columns]
            target = b * out.strides[0] + o * out.strides[1] + (first + y) * out.strides[2]
            _pairs(scratch, at, at + part, as_line(out, scratch), target // size, pairs)
            for x in range(2 * pairs, out.shape[3]):
                out[b, o, first + y, x] = scratch[at + x % steps_x * part + x // steps_x]


@jit.jit()
def _blank(layout, piece, at, fill, target):
    """Outputs of a phase that meets no tap: the biases."""
    first, last = layout[at + n.FILL], layout[at + n.FILL_END]
    rows = min(layout[piece + n.ROWS_END], layout[at + n.ROWS])
    for b in range(layout[piece + n.IMAGE], layout[piece + n.IMAGES_END]):
        for o in range(layout[piece + n.FILTER], layout[piece + n.FILTERS_END]):
            value = fill[first + o] if last > first else fill.dtype.type(0)
            for y in range(layout[piece + n.ROW], rows):
                for x in range(layout[at + n.COLUMNS]):
                    target[b, o, y, x] = value


@jit.jit(inline="always")
def _maps(f, scratch, away, layout, at):
    """The maps that a phase meets: as they are, or in scratch, so many bytes from its first."""
    shape = f.shape[0], f.shape[1], layout[at + n.HIGH], layout[at + n.WIDE]
    y, x, size = layout[at + n.SKIP_Y], layout[at + n.SKIP_X], f.itemsize
    if layout[L.way] != n.TURNED:
        steps = f.strides[0], f.strides[1], f.strides[2], f.strides[3]
        return view(f, f, y * steps[2] + x * steps[3], shape, steps)
    pixel = f.shape[1] * size
    row = f.shape[3] * pixel
    image = 0 if layout[L.turned] == 1 else f.shape[2] * row  # of one at a time all are the same
    return view(f, scratch, away + y * row + x * pixel, shape, (image, size, row, pixel))


@jit.jit(inline="always")
def _results(out, scratch, away, layout, piece, at):
    """Where a phase's results go: their place, or scratch, where the piece's begin at ``away``."""
    shape = out.shape[0], out.shape[1], layout[at + n.ROWS], layout[at + n.COLUMNS]
    y, x, size = layout[at + n.FIRST_Y], layout[at + n.FIRST_X], out.itemsize
    steps_y, steps_x = layout[L.steps_y], layout[L.steps_x]
    if layout[L.way] == n.STRIDED:
        steps = out.strides[0], out.strides[1], steps_y * out.strides[2], steps_x * out.strides[3]
        return view(out, out, y * out.strides[2] + x * out.strides[3], shape, steps)
    filters = layout[piece + n.FILTERS_END] - layout[piece + n.FILTER]
    if layout[L.way] == n.TURNED:
        pixel = filters * size
        row = out.shape[3] * pixel
        image = steps_y * (layout[piece + n.ROWS_END] - layout[piece + n.ROW]) * row
        steps, begin = (image, size, steps_y * row, steps_x * pixel), y * row + x * pixel
    else:
        row = layout[L.part_columns] * size
        plane = layout[L.part_rows] * row
        steps = layout[L.parts] * filters * plane, plane, row, size
        begin = layout[at + n.PART] * filters * plane
    before = layout[piece + n.IMAGE] * steps[0] + layout[piece + n.FILTER] * steps[1]
    before += layout[piece + n.ROW] * steps[2]
    return view(out, scratch, away + begin - before, shape, steps)


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill pieces ``[start, stop)``."""
    size, way = out.itemsize, layout[L.way]
    maps_at = line_after(scratch, layout[L.needed])
    held = layout[L.turned] * f.shape[1] * f.shape[2] * f.shape[3]
    sums_at = line_after(scratch, maps_at // size + held)
    for number in range(start, stop):
        piece = layout[L.pieces] + number * n.PIECE
        if way == n.TURNED:
            _turn_in(f, layout, piece, scratch, maps_at // size)
        for job in range(layout[piece + n.JOB], layout[piece + n.JOBS_END]):
            word = layout[L.jobs] + job * n.WORDS
            at = layout[L.phases] + layout[word + n.PHASE] * n.NUMBERS
            target = _results(out, scratch, sums_at, layout, piece, at)
            if layout[at + n.KERNEL] == 0:
                _blank(layout, piece, at, fill, target)
                continue
            inner = layout[L.inner]
            call(
                layout[at + n.KERNEL], _maps(f, scratch, maps_at, layout, at),
                taps[layout[at + n.TAPS] : layout[at + n.TAPS_END]],
                fill[layout[at + n.FILL] : layout[at + n.FILL_END]], target,
                layout[inner + layout[at + n.INNER] : inner + layout[at + n.INNER_END]], scratch,
                layout[word + n.START], layout[word + n.STOP],
            )  # fmt: skip
        first = layout[piece + n.ROW] * layout[L.steps_y]
        rows = min(layout[piece + n.ROWS_END] * layout[L.steps_y], out.shape[2]) - first
        if way == n.TURNED:
            _turn_out(scratch, sums_at, layout, piece, out, first, rows)
        elif way == n.WOVEN:
            _weave(scratch, sums_at, layout, piece, out, first, rows)


kernels = kernels_of(kernel, axes=MAPS)
