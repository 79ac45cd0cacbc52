"""A filter over three and more axes that is no product of smaller ones: a sum over planes.

Each plane of the result is the sum, over the taps along the leading axes, of the plane that such a
tap meets, filtered by the taps over the last two axes that lie under it.  So many planes lie in the
caches, then one pass adds them up and stores the result.  Planes of the image are read where they
lie.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from ..problem.banks import Shape
from ..problem.borders import BOUNDARIES, source_index
from ..problem.dtypes import Array, DType, quietly
from ..problem.filter import filter_of
from ..problem.lazily import lazily
from ..problem.question import Question
from ..problem.volumes import Volume, with_sizes
from .choice import is_spec
from .passes import AS_THEY_ARE, Pass, asked_of, lined, planned
from .plan import Plan

# Bytes of filtered planes that are added up together, and the most where a single plane of the
# result needs more than that.  Of 3 to 16 MiB none is faster: 3 x 3 x 3 on 66 x 512 x 512 uint16
# takes 1.1 to 1.2 ms a plane on one core (Zen 3 VM, 2026-11).
ROOM, MOST = 1 << 23, 1 << 25
OUTSIDE = -1  # the index of a plane of constants


class Slice(NamedTuple):
    """The taps at one place of the leading axes.

    Attributes
    ----------
    place : tuple of int
        In the order in which taps meet the image.
    step : Pass
        Over some planes.
    constant : number
        What they make of a plane beyond the image.
    """

    place: tuple[int, ...]
    step: Pass
    constant: Any


@dataclass(frozen=True)
class Dense:
    """One filter over three and more axes of an array.

    Attributes
    ----------
    slices : tuple of Slice
        What is added up.
    axes, outputs : tuple of int
        Of the array, and the result's sizes there.
    maps : tuple of tuple
        Of each leading axis, which plane each output's taps meet.
    kinds : (dtype, dtype)
        Of filtered planes, and of the result.
    together : int
        Planes of the result along the last of the leading axes that are made at a time.
    question : Question
        Who computes.
    """

    slices: tuple[Slice, ...]
    axes: tuple[int, ...]
    outputs: tuple[int, ...]
    maps: tuple[tuple[tuple[int, ...], ...], ...]
    kinds: tuple[DType, DType]
    together: int
    question: Question

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def __str__(self) -> str:
        where = ", ".join(map(str, self.axes))
        return f"{self.plan.method} along axes {where}, {len(self.slices)} planes added up for each"

    def result(self, shape: Shape) -> Shape:
        """What it leaves of an array."""
        return with_sizes(shape, self.axes, self.outputs)

    @property
    def plan(self) -> Plan:
        """Of the taps in the middle."""
        return self.slices[len(self.slices) // 2].step.plan

    # --- run ---

    def run(self, f: Array, out: Array) -> None:
        """Filter an array as large as the whole, but for axes beside those that are filtered."""
        ends = range(-len(self.axes), 0)
        source, target = (np.moveaxis(array, self.axes, ends) for array in (f, out))
        room = np.empty((self._rows, self.together, *self.outputs[-2:]), self.kinds[0])
        outer = len(self.maps) - 1
        for item in np.ndindex(source.shape[: -len(self.axes)]):
            for place in np.ndindex(self.outputs[:outer]):
                meets = [self.maps[axis][at] for axis, at in enumerate(place)]
                for start, stop in self._runs:
                    planes = target[item][place][start:stop]
                    self._add(source[item], meets, (start, stop), room, planes)

    def _add(
        self, f: Array, meets: list[Any], run: tuple[int, int], room: Array, out: Array
    ) -> None:
        """Planes of the result: slice by slice, then the sum; of many slices some at a time."""
        rows, count = room[:, : len(out)], 0
        for number, each in enumerate(self.slices, 1):
            self._filter(each, f, meets, run, rows[count])
            count += 1
            if number == len(self.slices):
                self._sum(count, len(out), True).run(rows[:count], out[None])
            elif count == self._rows:
                total = np.empty_like(rows[:1])
                self._sum(count, len(out), False).run(rows, total)
                rows[0], count = total[0], 1

    def _filter(
        self, each: Slice, f: Array, meets: list[Any], run: tuple[int, int], out: Array
    ) -> None:
        """What one slice makes of the planes that it meets."""
        places = [rows[tap] for rows, tap in zip(meets, each.place, strict=False)]
        first, last = (self.maps[-1][at][each.place[-1]] for at in (run[0], run[1] - 1))
        if OUTSIDE in (*places, first):
            out[...] = each.constant
            return
        step = max(1, (last - first) // max(1, len(out) - 1))
        each.step.run(f[tuple(places)][first : last + 1 : step], out)

    def _sum(self, count: int, planes: int, whole: bool) -> Pass:
        """Of so many rows of planes; the ``whole`` sum is stored as the result is."""
        key = count, planes, whole
        if key not in self._sums:
            shape = count, planes, *self.outputs[-2:]
            ones, kinds = np.ones(count, int), (self.kinds[0], self.kinds[whole])
            asked = self.question if whole else replace(self.question, **AS_THEY_ARE)
            self._sums[key] = lined(shape, 0, 1, kinds, ones, asked)
        return self._sums[key]

    @lazily
    def _sums(self) -> dict[Any, Pass]:
        return {}

    @lazily
    def _runs(self) -> tuple[tuple[int, int], ...]:
        """Outputs along the last of the leading axes: together where all planes are the image's."""
        return tuple(_runs(self.maps[-1], self.together))

    # --- room ---

    @lazily
    def _rows(self) -> int:
        """Filtered planes that are kept for each of the result."""
        return rows_of_room(len(self.slices), self._plane)

    @property
    def _plane(self) -> int:
        """Bytes of a filtered plane."""
        return math.prod(self.outputs[-2:]) * self.kinds[0].itemsize

    @property
    def cost(self) -> float:
        """Floating-point operations of all slices; the sum counts as one each."""
        runs = math.prod(self.outputs[:-2]) / self.together
        sums = len(self.slices) * math.prod(self.outputs)
        return runs * sum(each.step.cost for each in self.slices) + sums

    @property
    def workspace(self) -> int:
        """Bytes beyond image and result."""
        rows = self._rows + (self._rows < len(self.slices))
        return rows * self.together * self._plane + self.plan.workspace


def rows_of_room(slices: int, plane: int) -> int:
    """Planes that are kept until they are added up."""
    return min(slices, max(2, MOST // max(1, plane)))


def _runs(meets: tuple[tuple[int, ...], ...], together: int) -> Iterator[tuple[int, int]]:
    """Outputs that meet planes evenly far apart, at most so many; others one by one."""
    start = 0
    while start < len(meets):
        stop, steps = start + 1, None
        while stop < min(len(meets), start + together):
            moved = {new - old for new, old in zip(meets[stop], meets[stop - 1], strict=True)}
            if len(moved) > 1 or min(moved) < 1 or steps not in (None, moved):
                break
            if OUTSIDE in meets[stop - 1]:
                break
            stop, steps = stop + 1, moved
        yield start, stop
        start = stop


def dense(
    volume: Volume, shape: Shape, kinds: tuple[DType, Any], g: Any, question: Question
) -> Dense:
    """A filter, or its shape and dtype, over the last axes of a volume; ``kinds``: see `along`.

    ``question.dtype`` is that of filtered planes.
    """
    given = g[0] if is_spec(g) else g.shape
    begin, count = len(volume.axes) - len(given), len(volume.axes)
    outputs, axes = volume.outputs[begin:], volume.axes[begin:]
    led = range(begin, count - 2)
    maps = tuple(_map(volume, place, shape[volume.axes[place]]) for place in led)
    between = question.dtype
    plane = math.prod(outputs[-2:]) * between.itemsize
    places = _places(volume, g)
    rows = rows_of_room(len(places), plane)
    together = max(1, min(outputs[-3], ROOM // max(1, rows * plane)))
    asked = replace(asked_of(volume, (count - 2, count - 1), question), axes=(1, 2))
    image = (together, *(shape[axis] for axis in axes[-2:])), kinds[0]
    slices = tuple(_slice(image, outputs, place, taps, asked) for place, taps in places)
    who = Question(
        threads=question.threads, strategy=question.strategy,
        **{name: getattr(question, name) for name in AS_THEY_ARE},
    )  # fmt: skip
    question = replace(question, **AS_THEY_ARE)
    return Dense(slices, axes, outputs, maps, (between, kinds[1]), together, who)


def _map(volume: Volume, place: int, size: int) -> tuple[tuple[int, ...], ...]:
    """Which pixel each tap of each output meets along an axis."""
    kind = BOUNDARIES.index(volume.boundary[place])
    step, hole, lead = volume.stride[place], volume.dilation[place], volume.lead[place]
    taps = range(0, volume.filter[place] * hole, hole)
    return tuple(
        tuple(source_index(at * step - lead + tap, size, kind) for tap in taps)
        for at in range(volume.outputs[place])
    )


def _places(volume: Volume, g: Any) -> list[tuple[tuple[int, ...], Any]]:
    """The slices of a filter that hold a tap, by their places as the image meets them."""
    if is_spec(g):
        (*led, rows, columns), kind = g
        return [(place, ((rows, columns), kind)) for place in np.ndindex(*led)]
    taps = np.asarray(g)
    met = np.flip(taps, tuple(range(taps.ndim - 2))) if volume.reflect else taps
    every = [(place, met[place]) for place in np.ndindex(met.shape[:-2])]
    kept = [each for each in every if volume.zero_taps == "keep" or each[1].any()]
    return kept or every[:1]


def _slice(
    image: Any, outputs: tuple[int, ...], place: tuple[int, ...], taps: Any, asked: Question
) -> Slice:
    """One of them, and what it makes of the constant."""
    if is_spec(taps):
        return Slice(place, Pass(planned(image, taps, asked), (1, 2), outputs[-2:]), 0)
    step = Pass(planned(image, filter_of(taps), asked), (1, 2), outputs[-2:])
    return Slice(place, step, _constant(taps, asked))


@quietly
def _constant(taps: Array, asked: Question) -> Any:
    """Sums of a constant, which taps that are 0 do not meet unless they are kept."""
    met = taps if asked.zero_taps == "keep" else taps[taps != 0]
    return (asked.cval * (met.conj() if asked.correlate else met)).sum()
