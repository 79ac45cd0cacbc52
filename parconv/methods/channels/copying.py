"""Copies of pixels to scratch, as `copies` has them, their channels side by side."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ...codegen import jit
from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.packing import put
from ...codegen.runs import pulled_back
from ...codegen.simd import I64, Code
from ...codegen.transposition import columns, transposed
from .numbers import L
from .table import I8

STEPS = 1, 2  # pixels of a row, between two that are copied, where blocks are transposed


class _Copy:
    """Emits the copy; the attributes are IR values of the function's arguments.

    ``source``, ``target``: the first channel of the first pixel.  ``channel``, ``column``: bytes
    from one channel and one pixel to the next.  ``step``: elements from one pixel to the next, in
    the copy.
    """

    def __init__(self, builder: Any, *arguments: Value) -> None:
        self.builder = builder
        (self.target, self.source, self.channel, self.column, self.step, self.channels,
         self.count) = arguments  # fmt: skip
        self.code = Code(builder, self.target.type.pointee)

    def emit(self) -> None:
        """By runs where channels are neighbours; by blocks where pixels are, or every other is."""
        code, builder = self.code, self.builder
        cases: dict[int, Callable[[], list[Value]]] = {0: self.runs, 1: self.one_by_one}
        key = builder.select(self.lies(self.channel, 1), I64(0), I64(1))
        for case, step in enumerate(STEPS, start=2):
            enough = builder.icmp_signed(">=", self.channels, I64(code.lanes))
            fits = builder.and_(enough, self.lies(self.column, step))
            fits = builder.and_(fits, builder.icmp_signed("==", key, I64(1)))
            key = builder.select(fits, I64(case), key)
            cases[case] = partial(self.blocks, step)
        code.choose(key, cases)

    def lies(self, step: Value, elements: int) -> Value:
        """Whether so many bytes are so many elements."""
        return self.builder.icmp_signed("==", step, I64(elements * self.code.itemsize))

    def element(self, place: Value) -> Value:
        return self.builder.bitcast(place, self.code.kind.as_pointer())

    def runs(self) -> list[Value]:
        """Pixel by pixel."""
        code = self.code

        def one(_: Value, pixel: Value, target: Value) -> list[Value]:
            def some(first: Value, width: int) -> None:
                value = code.load(code.at(self.element(pixel), first), width)
                code.store(value, code.at(target, first))

            pulled_back(self.builder, self.channels, (code.lanes, 1), some)
            return [code.at(pixel, self.column), code.at(target, self.step)]

        code.loop(self.count, [self.source, self.target], one, rolled=True)
        return []

    def one_by_one(self) -> list[Value]:
        code, builder = self.code, self.builder

        def one_channel(index: Value, first: Value) -> list[Value]:
            def one(_: Value, pixel: Value, target: Value) -> list[Value]:
                builder.store(builder.load(self.element(pixel)), target)
                return [code.at(pixel, self.column), code.at(target, self.step)]

            code.loop(self.count, [first, code.at(self.target, index)], one, rolled=True)
            return [code.at(first, self.channel)]

        code.loop(self.channels, [self.source], one_channel, rolled=True)
        return []

    def blocks(self, step: int) -> list[Value]:
        """Squares of channels and pixels; those of the last pixels have fewer."""
        code, builder = self.code, self.builder
        whole, rest = builder.sdiv(self.count, I64(code.lanes)), None
        rest = builder.srem(self.count, I64(code.lanes))

        def some(first: Value, _: int) -> None:
            source = code.at(self.source, builder.mul(first, self.channel))
            target = code.at(self.target, first)

            def one(source: Value, target: Value) -> list[Value]:
                self.block(step, source, target, None)
                away = builder.mul(self.step, I64(code.lanes))
                return [code.at(source, step * code.lanes * code.itemsize), code.at(target, away)]

            source, target = code.repeat(whole, [source, target], one)
            with builder.if_then(builder.icmp_signed(">", rest, I64(0))):
                self.block(step, source, target, rest)

        pulled_back(builder, self.channels, (code.lanes,), some)
        return []

    def block(self, step: int, source: Value, target: Value, count: Value | None) -> None:
        """As many channels as a vector has lanes of as many pixels, or of ``count``."""
        code, builder = self.code, self.builder
        rows = []
        for _ in range(code.lanes):
            rows.append(self.pixels(step, self.element(source), count))
            source = code.at(source, self.channel)
        found = zip(columns(code, code.lanes), transposed(code, rows), strict=True)
        for (pixel,), value in sorted(found, key=lambda pair: pair[0]):
            place = code.at(target, builder.mul(self.step, I64(pixel)))
            if count is None:
                code.store(value, place)
                continue
            with builder.if_then(builder.icmp_signed("<", I64(pixel), count)):
                code.store(value, place)

    def pixels(self, step: int, first: Value, count: Value | None) -> Value:
        """A vector of one channel: nothing beyond the last pixel is read."""
        code = self.code
        if step == 1:
            return self.some(first, count)
        # so that both begin and end with a pixel that is copied
        elements, half = count, code.lanes // step
        if count is not None:
            elements = self.builder.sub(self.builder.mul(count, I64(step)), I64(step - 1))
        second = code.lanes - step + 1
        left = None if elements is None else self.builder.sub(elements, I64(second))
        parts = self.some(first, elements), self.some(code.at(first, second), left)
        order: Sequence[int] = [*range(0, code.lanes, step)]
        order = [*order, *(code.lanes + step - 1 + place for place in order)]
        assert len(order) == 2 * half
        return code.shuffle(*parts, order)

    def some(self, place: Value, count: Value | None) -> Value:
        return self.code.load(place) if count is None else self.code.load_first(place, count)


@emitted()
def copy_cells(
    builder: Any, f: Items, source: Value, channel: Value, column: Value, scratch: Items,
    at: Value, step: Value, channels: Value, count: Value,
) -> None:  # fmt: skip
    """The channels of ``count`` pixels side by side, from element ``at`` of scratch on.

    They begin at byte ``source`` of ``f``, and lie so many bytes apart there from one channel and
    one pixel to the next; ``step`` elements from one pixel to the next in scratch.
    """
    values = [scratch.at(at), f.at(source, I8), channel, column, step, channels, count]

    def body(inner: Any, *values: Value) -> None:
        _Copy(inner, *values).emit()

    call_once(builder, "channels.copy", body, values)


@jit.jit(inline="always")
def _inside(first, step, count, size):
    """Which of ``count`` indices from ``first`` on lie in an axis of that size: [begin, end)."""
    begin = min(max((step - 1 - first) // step, 0), count)
    return begin, min(max((size - first + step - 1) // step, begin), count)


@jit.jit()
def copy_unit(f, fill, layout, scratch, image, channel, y, height):
    """Everything that rows ``[y, y + height)`` of output need of a group's channels."""
    channels, count, step = layout[L.channels], layout[L.run], layout[L.step]
    cells, size = layout[L.pitch] * layout[L.pixel] * channels, layout[L.runs] * channels
    for phase in range(layout[L.phases]):
        top = y * layout[L.stride_y] - layout[L.lead_y] + layout[layout[L.remainders] + phase]
        at = layout[L.copy_at] + layout[layout[L.starts] + phase] * cells
        for down in range(height + layout[layout[L.depths] + phase]):
            row = top + down * layout[L.stride_y]
            for run in range(layout[L.runs] if 0 <= row < layout[L.rows_in] else 0):
                left = run * layout[L.dilation_x] - layout[L.lead_x]
                begin, end = _inside(left, step, count, layout[L.columns_in])
                source = image * f.strides[0] + channel * f.strides[1] + row * f.strides[2]
                source += (left + begin * step) * f.strides[3]
                place = at + run * channels
                for n in range(begin):
                    put(scratch, place + n * size, 1, channels, fill[0])
                if end > begin:
                    copy_cells(
                        f, source, f.strides[1], step * f.strides[3], scratch,
                        place + begin * size, size, channels, end - begin,
                    )  # fmt: skip
                for n in range(end, count):
                    put(scratch, place + n * size, 1, channels, fill[0])
            if row < 0 or row >= layout[L.rows_in]:
                put(scratch, at, 1, cells, fill[0])
            at += cells
