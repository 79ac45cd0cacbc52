"""Pixels of few channels copied beside each other, each channel as often as it has filters."""

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code

MOST = 4  # filters of a channel


def _emit(
    builder: Any, filters: Value, channels: Value, source: Value, target: Value, step: Value,
    wide: Value, vectors: Value, count: Value,
) -> None:  # fmt: skip
    """By the narrowest vectors that hold a pixel.

    Nanoseconds for a vector of results of every second output, 3x3 of 2 channels, by whole vectors
    and so: 46, 29 (Zen 4 VM, AVX2, 2026-11).
    """
    code = Code(builder, source.type.pointee)
    widths = [1 << n for n in range(1, code.lanes.bit_length())]

    def pixels(filters: int, width: int) -> list[Value]:
        order = [lane // filters for lane in range(filters * width)]

        def some(channels: Value, place: Value) -> list[Value]:
            value = code.load(channels, width)
            code.store(code.shuffle(value, value, order) if filters > 1 else value, place)
            return [code.at(channels, width), code.at(place, filters * width)]

        def one(pixel: Value, place: Value) -> list[Value]:
            if width < code.lanes:
                some(pixel, place)
            else:
                code.repeat(vectors, [pixel, place], some)
            return [code.at(pixel, step), code.at(place, wide)]

        code.repeat(count, [source, target], one)
        return []

    key = I64(0)
    for width in widths[:-1]:
        wider = builder.icmp_signed(">", channels, I64(width))
        key = builder.add(key, builder.zext(wider, I64))
    key = builder.add(key, builder.mul(builder.sub(filters, I64(1)), I64(len(widths))))
    cases = itertools.product(range(1, MOST + 1), widths)
    code.choose(key, {n: partial(pixels, *case) for n, case in enumerate(cases)})


@emitted()
def spread_pixels(
    builder: Any, filters: Value, channels: Value, f: Items, source: Value, scratch: Items,
    at: Value, steps: Sequence[Value], vectors: Value, count: Value,
) -> None:  # fmt: skip
    """Emit a call that copies ``count`` pixels of so many channels, each for so many filters.

    ``steps``: elements from one pixel to the next, in the image and in the copy.  A pixel is read
    in ``vectors``; what these read and write beyond the last one is left to the caller.
    """
    values = [filters, channels, f.at(source), scratch.at(at), *steps, vectors, count]
    call_once(builder, "spread", _emit, values)
