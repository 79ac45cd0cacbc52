"""Maps and results of a piece on their way into scratch and out of it."""

from typing import Any

from numba.core import cgutils

from ...codegen import jit
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.foreign import as_line
from ...codegen.machine import VECTOR_BYTES, lanes
from ...codegen.runs import pulled_back
from ...codegen.simd import I64, Code
from ...codegen.transposition import columns, transposed
from ..channels.copying import copy_cells
from . import numbers as n
from .numbers import L


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
def turn_in(f, layout, piece, scratch, at):
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


@emitted()
def _turn_blocks(builder: Any, source: Items, begin: Value, step: Value, out: Items, at: Value,
                 plane: Value, blocks: Value) -> None:  # fmt: skip
    """Vectors of pixels of as many filters, past the caches; ``at`` and ``plane`` on lines.

    ``step``: elements from one pixel to the next; ``plane``: from one filter's results to the
    next's.
    """

    def body(builder: Any, first: Value, target: Value, step: Value, plane: Value,
             blocks: Value) -> None:  # fmt: skip
        code = Code(builder, first.type.pointee)

        def one(first: Value, target: Value) -> list[Value]:
            pixels = [
                code.load(code.at(first, builder.mul(step, I64(n)))) for n in range(code.lanes)
            ]
            found = zip(columns(code, code.lanes), transposed(code, pixels), strict=True)
            for (number,), value in sorted(found, key=lambda pair: pair[0]):
                code.stream(value, code.at(target, builder.mul(plane, I64(number))))
            away = builder.mul(step, I64(code.lanes))
            return [code.at(first, away), code.at(target, code.lanes)]

        code.repeat(blocks, [first, target], one)

    values = [source.at(begin), out.at(at), step, plane, blocks]
    call_once(builder, "transposed.turn", body, values)


@jit.jit()
def _turn(scratch, source, filters, out, place, count, large):
    """``count`` pixels of all filters, from element ``source`` of scratch on, to a plane each.

    By vectors of filters, and from where the first plane's pixels begin on cache lines.
    """
    size, line = out.itemsize, as_line(out, scratch)
    wide = VECTOR_BYTES // size
    (target, plane), head = place, 0
    if count >= 2 * wide:
        head = (wide - (out.ctypes.data // size + target) % wide) % wide
    blocks = (count - head) // wide if large and count >= 2 * wide and plane % wide == 0 else 0
    for number in range(0, filters, wide):
        some = min(wide, filters - number)
        begin, at, streamed = source + number, target + number * plane, 0
        if some == wide:
            streamed = blocks * wide
            _turn_blocks(scratch, begin + head * filters, filters, line, at + head, plane, blocks)
        for first, pixels in ((0, wide if head else 0), (head + streamed, count - head - streamed)):
            if pixels:
                copy_cells(
                    scratch, (begin + first * filters) * size, filters * size, size, line,
                    at + first, plane, pixels, some,
                )  # fmt: skip


@jit.jit()
def turn_out(scratch, away, layout, piece, out, first, rows):
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
                _turn(scratch, source, filters, out, place, together * columns, layout[L.large])
                continue
            for x in range(columns):
                for number in range(filters):
                    out[b, o + number, first + y, x] = scratch[source + x * filters + number]


@emitted()
def _carry(builder: Any, source: Items, begin: Value, out: Items, at: Value, count: Value,
           stream: Value) -> None:  # fmt: skip
    """``count`` elements as they lie; whole lines of them past the caches, where that is asked."""
    code = Code(builder, source.element)
    address = builder.ptrtoint(out.at(at), I64)
    rest = builder.and_(builder.neg(address), I64(VECTOR_BYTES - 1))
    head = builder.sdiv(rest, I64(code.itemsize))
    head = builder.select(builder.icmp_signed("<", head, count), head, count)

    def first(place: Value, some: Value) -> None:
        value = code.load_first(source.at(builder.add(begin, place)), some)
        code.store_first(value, out.at(builder.add(at, place)), some)

    first(I64(0), head)
    vectors = builder.sdiv(builder.sub(count, head), I64(code.lanes))

    def body(how: Any) -> None:
        with cgutils.for_range(builder, vectors, intp=I64) as loop:
            place = builder.add(head, builder.mul(loop.index, I64(code.lanes)))
            how(code.load(source.at(builder.add(begin, place))), out.at(builder.add(at, place)))

    code.store_either(builder.icmp_signed("!=", stream, I64(0)), body)
    done = builder.add(head, builder.mul(vectors, I64(code.lanes)))
    first(done, builder.sub(count, done))


@jit.jit()
def copy_out(scratch, away, layout, piece, out, first, rows):
    """Results whose channels lie side by side, so many bytes from scratch's first, to pixels."""
    size, columns, o = out.itemsize, out.shape[3], layout[piece + n.FILTER]
    filters = layout[piece + n.FILTERS_END] - o
    row = columns * filters
    image_step = layout[L.steps_y] * (layout[piece + n.ROWS_END] - layout[piece + n.ROW]) * row
    whole = (out.strides[0] | out.strides[3] | out.strides[2]) % size == 0
    whole = whole and out.strides[1] == size
    run = 1
    if out.strides[3] == filters * size:
        run = columns * rows if out.strides[2] == columns * out.strides[3] else columns
    for image in range(layout[piece + n.IMAGES_END] - layout[piece + n.IMAGE]):
        b = layout[piece + n.IMAGE] + image
        begin = away // size + image * image_step
        for pixel in range(0, rows * columns, run):
            y, x = first + pixel // columns, pixel % columns
            source = begin + pixel * filters
            if whole:
                at = b * out.strides[0] + o * size + y * out.strides[2] + x * out.strides[3]
                _carry(
                    scratch,
                    source,
                    as_line(out, scratch),
                    at // size,
                    run * filters,
                    layout[L.large],
                )
                continue
            for number in range(filters):
                out[b, o + number, y, x] = scratch[source + number]


@jit.jit()
def weave(scratch, away, layout, piece, out, first, rows):
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
