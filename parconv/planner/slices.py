"""How a filter over three and more axes becomes slices that are added up, the faster way."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ..problem.banks import Shape
from ..problem.borders import BOUNDARIES, source_index
from ..problem.dtypes import DType, kernel_dtype
from ..problem.filter import filter_of
from ..problem.question import Question
from ..problem.volumes import Volume
from .choice import is_spec
from .dense import Dense, Row, Slice, rows_of_room
from .passes import AS_THEY_ARE, Pass, asked_of, left_to_others, planned

# Bytes of filtered planes that are added up together, unless a single plane of the result needs
# more.  Of 3 to 16 MiB none is faster: 3 x 3 x 3 on 66 x 512 x 512 uint16 takes 1.1 to 1.2 ms a
# plane on one core (Zen 3 VM, 2026-11).
ROOM = 1 << 23

# The method of layers that the direct method of planes is part of.  `auto` of a layer of one filter
# takes tiles that load more than they multiply: 3 x 3 x 3 on one core, ms by these and so, float64
# and float32: 40 x 60 x 64 0.78, 0.28 and 0.46, 0.16; 48 x 300 x 310 22.8, 12.5 and 11.8, 6.7 (Zen
# 4 VM, AVX-512, 2026-11).
SUMMING = "planes"
# Taps of a plane up to which nothing beats sums that run through: 16 x 9 x 11 float32, 3 x 3 x 3,
# 0.03 ms, added up apart 0.08, whose cost is a third (likewise).
FEW = 49


def dense(
    volume: Volume, shape: Shape, kinds: tuple[DType, DType, Any], g: Any, question: Question,
    deep: bool | None = None,
) -> Dense:  # fmt: skip
    """A filter, or its shape and dtype, over the last axes of a volume, the faster way.

    ``kinds``: of the array, of filtered planes, of the result; ``deep``: by slices that are, or
    are not, where that was decided.
    """
    if deep is not None:
        return _dense(volume, shape, kinds, g, question, deep)
    given = g[0] if is_spec(g) else g.shape
    summed = given[-3] > 1 and volume.compute.kind != "c" and question.method in ("auto", "direct")
    ways = [deep for deep in (True, False) if deep <= summed]
    if question.method == "direct" or math.prod(given[-2:]) <= FEW:
        ways = ways[:1]
    found = [_dense(volume, shape, kinds, g, question, deep) for deep in ways]
    return min(found, key=lambda each: each.cost)


def _dense(
    volume: Volume, shape: Shape, kinds: tuple[DType, DType, Any], g: Any, question: Question,
    deep: bool,
) -> Dense:  # fmt: skip
    (kind, between, result), places = kinds, _places(volume, g, deep)
    count = len(volume.axes)
    led = range(count - len(g[0] if is_spec(g) else g.shape), count - 2)
    outputs, axes = volume.outputs[led[0] :], volume.axes[led[0] :]
    maps = tuple(_map(volume, place, shape[volume.axes[place]]) for place in led)
    who = Question(
        threads=question.threads, strategy=question.strategy,
        **{name: getattr(question, name) for name in AS_THEY_ARE},
    )  # fmt: skip
    asked = asked_of(volume, (count - 2, count - 1), replace(question, axes=(-2, -1)))
    if len(places) > 1 or not deep:
        asked = replace(asked, dtype=between, accumulate=None, **left_to_others(question))
    sizes = tuple(shape[axis] for axis in axes[-2:])
    taps = len(maps[-1][0]) if deep else 1
    together = _together(outputs, sizes, kinds, len(places), taps)
    image = (together, *(taps,) * deep, *sizes), kind
    slices = tuple(Slice(place, _step(image, outputs, each, asked)) for place, each in places)
    steps = volume.stride[led[-1]], volume.dilation[led[-1]]
    return Dense(
        slices, deep, axes, outputs, maps, steps, (between, result), asked.cval, together, who
    )


def _together(
    outputs: Shape, sizes: Shape, kinds: tuple[DType, DType, Any], slices: int, taps: int
) -> int:
    """Planes at a time: all that need no room; images of some types are copied on their way."""
    kind, between, _ = kinds
    filtered = math.prod(outputs[-2:]) * between.itemsize
    plane = rows_of_room(slices, filtered) * filtered
    if kernel_dtype(kind) != kind:
        plane += taps * math.prod(sizes) * kernel_dtype(kind).itemsize
    most = ROOM // plane if plane else outputs[-3]
    return max(1, min(outputs[-3], most))


def _map(volume: Volume, place: int, size: int) -> tuple[Row, ...]:
    """Which pixel each tap of each output meets along an axis."""
    kind = BOUNDARIES.index(volume.boundary[place])
    step, hole, lead = volume.stride[place], volume.dilation[place], volume.lead[place]
    taps = range(0, volume.filter[place] * hole, hole)
    return tuple(
        tuple(source_index(at * step - lead + tap, size, kind) for tap in taps)
        for at in range(volume.outputs[place])
    )


def _places(volume: Volume, g: Any, deep: bool) -> list[tuple[tuple[int, ...], Any]]:
    """The slices of a filter that hold a tap, by their places as the image meets them.

    Deep ones have their planes in that order, too, as a filter of a layer has its channels.
    """
    last = 3 if deep else 2
    if is_spec(g):
        (*led, rows, columns), kind = g
        shape = (1, *led[-1:], rows, columns) if deep else (rows, columns)
        return [(place, (shape, kind)) for place in np.ndindex(*led[: len(g[0]) - last])]
    taps = np.asarray(g)
    met = np.flip(taps, tuple(range(taps.ndim - 2))) if volume.reflect else taps
    every = [(place, met[place][None] if deep else met[place])
             for place in np.ndindex(met.shape[:-last])]  # fmt: skip
    kept = [each for each in every if volume.zero_taps == "keep" or each[1].any()]
    return kept or every[:1]


def _step(image: Any, outputs: Shape, taps: Any, asked: Question) -> Pass:
    """One of them, over planes or the planes that outputs meet."""
    deep = len(image[0]) == 4
    if deep:
        summing = asked.method in ("auto", "direct")
        asked = replace(asked, method=SUMMING if summing else asked.method)
    g = taps if is_spec(taps) else filter_of(taps)
    return Pass(planned(image, g, asked), (-2, -1), outputs[-2:])
