"""Results of phases, each in one piece, woven into the rows that they are columns of.

A layer whose outputs lie two apart stores them one by one: 64 -> 32 channels of 32 x 32, eight
images, filters 4 x 4, stride 2, 6.5 ms so, 5.1 in pieces that are woven (one thread, Sapphire
Rapids VM, AVX-512, 2026-11).
"""

from collections import deque
from typing import Any

import numpy as np

from ..codegen.emitted import Items, Value, emitted
from ..codegen.layout import Layout
from ..codegen.machine import lanes
from ..codegen.runs import pulled_back
from ..codegen.simd import Code
from ..methods.kernels import kernels_of
from ..problem.bands import joined, split_rows
from ..problem.dtypes import Array
from ..runtime.crew import Terms
from ..runtime.crew.record import MAPS
from ..runtime.strategies import STRATEGIES, automatic
from ..runtime.strategies.work import Work

L = Layout("channels", "rows", "columns", "steps_y", "steps_x", "phases_x")
BANDS = 4  # for each thread
NS = 0.3  # of an element


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


def weave(f, taps, fill, out, layout, scratch, start, stop):
    """Planes ``[start, stop)`` of maps whose phases are ``f``'s (images, phases * maps, ...)."""
    size, channels, phases = f.itemsize, layout[L.channels], layout[L.phases_x]
    plane, row = f.strides[1] // size, f.strides[2] // size
    paired = layout[L.steps_x] == 2 and phases == 2 and out.strides[3] == size
    whole = (out.strides[0] | out.strides[1] | out.strides[2]) % size == 0
    pairs = layout[L.columns] // 2 if paired and whole else 0
    while start < stop:
        image, channel = start // channels, start % channels
        start += 1
        for y in range(layout[L.rows]):
            down, across = y // layout[L.steps_y], y % layout[L.steps_y]
            at = image * out.strides[0] // size + channel * out.strides[1] // size
            at += y * out.strides[2] // size
            begin = image * f.strides[0] // size + down * row
            begin += (across * phases * channels + channel) * plane
            _pairs(f, begin, begin + channels * plane, out, at, pairs)
            for x in range(2 * pairs, layout[L.columns]):
                step = x % layout[L.steps_x]
                place = across * phases + step
                out[image, channel, y, x] = f[
                    image, place * channels + channel, down, x // layout[L.steps_x]
                ]


_kernels = kernels_of(weave, axes=MAPS)


def weave_into(out: Array, parts: Array, stride: tuple[int, int], threads: int) -> None:
    """Fill maps from ``parts``, (images, phases of rows, of columns, maps, rows, columns)."""
    images, high, wide, channels, *plane = parts.shape
    layout = L.pack({}, channels=channels, rows=out.shape[2], columns=out.shape[3],
                    steps_y=stride[0], steps_x=stride[1], phases_x=wide)  # fmt: skip
    bands = split_rows(images * channels, BANDS * threads)
    table = np.array(bands, np.int64).reshape(-1, 2)
    kinds, nothing = (out.dtype,) * 3, np.empty(0, out.dtype)
    seconds = 1e-9 * NS * out.size
    work = Work(
        kernels=_kernels(*kinds), remote=weave, bands=bands, runs=joined(bands), table=table,
        threads=threads, launch=len(bands), terms=Terms.of(threads - 1, len(bands), seconds, False),
        workspace=0, element=out.dtype, spare=deque(maxlen=0),
    )  # fmt: skip
    source = parts.reshape(images, high * wide * channels, *plane)
    run = STRATEGIES[automatic(threaded=threads > 1)].run
    run(work, (source, nothing, nothing, out, layout))
