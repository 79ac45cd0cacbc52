"""A filter over three and more axes that is no product of smaller ones: a sum over planes.

Each plane of the result is the sum, over the taps along the leading axes, of the plane that such a
tap meets, filtered by the taps over the last two axes that lie under it.  A layer of one filter
sums those under the last of the leading axes: its channels are planes of the image, read where they
lie.  Other methods filter plane by plane; what they leave lies in the caches, then one pass adds it
up and stores the result.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..problem.banks import Shape
from ..problem.dtypes import INT64, Array, DType
from ..problem.lazily import lazily
from ..problem.question import Question
from ..problem.volumes import with_sizes
from .passes import Pass, left_to_others, lined
from .plan import Plan

MOST = 1 << 25  # bytes of filtered planes that are kept for one of the result
# Operations in the time of one that is kept and added up.  Nanoseconds a pixel of 3 x 3 x 3 on 32 x
# 512 x 512 uint16 by double sums, float32, two threads: 3.4, 2.4, 1.0 and 0.6 by a layer's sums,
# which cost 145 operations (Sapphire Rapids VM, AVX-512, 2026-11).
SUM_WORK = 120
OUTSIDE = -1  # the index of a plane of constants

Row = tuple[int, ...]  # the planes that the taps of an output meet along an axis


class Slice(NamedTuple):
    """The taps at one place of the leading axes, or of those before the last of them.

    Attributes
    ----------
    place : tuple of int
        In the order in which taps meet the image.
    step : Pass
        Over some planes, or over the planes that some outputs meet.
    """

    place: tuple[int, ...]
    step: Pass


@dataclass(frozen=True)
class Dense:
    """One filter over three and more axes of an array.

    Attributes
    ----------
    slices : tuple of Slice
        What is added up.
    deep : bool
        Whether each of them sums over the last of the leading axes.
    axes, outputs : tuple of int
        Of the array, and the result's sizes there.
    maps : tuple of tuple
        Of each leading axis, which plane each output's taps meet.
    steps : (int, int)
        Planes from one output to the next, and from one tap to the next, along the last of them.
    kinds : (dtype, dtype)
        Of filtered planes, and of the result.
    cval : number
        Of planes beyond the image.
    together : int
        Planes of the result along the last of the leading axes that are made at a time.
    question : Question
        Who adds up.
    """

    slices: tuple[Slice, ...]
    deep: bool
    axes: tuple[int, ...]
    outputs: tuple[int, ...]
    maps: tuple[tuple[Row, ...], ...]
    steps: tuple[int, int]
    kinds: tuple[DType, DType]
    cval: complex
    together: int
    question: Question

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def __str__(self) -> str:
        where, count = ", ".join(map(str, self.axes)), len(self.slices)
        added = f", {count} planes added up for each" if count > 1 else ""
        return f"{self.plan.method} along axes {where}{added}"

    def result(self, shape: Shape) -> Shape:
        """What it leaves of an array."""
        return with_sizes(shape, self.axes, self.outputs)

    @property
    def plan(self) -> Plan:
        """Of the taps in the middle."""
        return self.slices[len(self.slices) // 2].step.plan

    def by_the_methods_of(self, whole: "Dense") -> "Dense":
        """The same slices by the methods of another's, if these can."""
        pairs = zip(self.slices, whole.slices, strict=True)
        slices = [one._replace(step=one.step.by_the_method_of(other.step)) for one, other in pairs]
        return replace(self, slices=tuple(slices))

    # --- run ---

    def run(self, f: Array, out: Array) -> None:
        """Filter an array as large as the whole, but for axes beside those that are filtered."""
        ends, f = range(-len(self.axes), 0), f if f.flags.aligned else f.copy()
        source, target = (np.moveaxis(array, self.axes, ends) for array in (f, out))
        room = np.empty((self._rows, self.together, *self.outputs[-2:]), self.kinds[0])
        outer = len(self.maps) - 1
        for item in np.ndindex(source.shape[: -len(self.axes)]):
            for place in np.ndindex(self.outputs[:outer]):
                meets = [self.maps[axis][at] for axis, at in enumerate(place)]
                for start, stop in self._runs:
                    planes, rows = target[item][place][start:stop], self.maps[-1][start:stop]
                    self._add(source[item], meets, rows, room, planes)

    def _add(
        self, f: Array, meets: list[Row], rows: tuple[Row, ...], room: Array, out: Array
    ) -> None:
        """Planes of the result: slice by slice, then the sum; of many slices some at a time."""
        if len(self.slices) == 1:
            self._filter(self.slices[0], f, meets, rows, out)
            return
        sums, count = room[:, : len(out)], 0
        for number, each in enumerate(self.slices, 1):
            self._filter(each, f, meets, rows, sums[count])
            count += 1
            if number == len(self.slices):
                self._sum(count, len(out), True).run(sums[:count], out[None])
            elif count == self._rows:
                total = np.empty_like(sums[:1])
                self._sum(count, len(out), False).run(sums, total)
                sums[0], count = total[0], 1

    def _filter(
        self, each: Slice, f: Array, meets: list[Row], rows: tuple[Row, ...], out: Array
    ) -> None:
        """What one slice makes of the planes that it meets."""
        places = tuple(row[tap] for row, tap in zip(meets, each.place, strict=False))
        met = rows if self.deep else tuple((row[each.place[-1]],) for row in rows)
        image = self._met(None if OUTSIDE in places else f[places], met)
        each.step.run(*((image, out[:, None]) if self.deep else (image[:, 0], out)))

    def _met(self, planes: Array | None, met: tuple[Row, ...]) -> Array:
        """Outputs and taps as axes of the planes themselves, if these lie evenly apart.

        Where there are several outputs, theirs do.
        """
        sizes, kind = self._given
        if planes is None:
            constant = np.array(self.cval).astype(self._wide)
            return np.broadcast_to(constant, (len(met), len(met[0]), *sizes))
        if is_even(met[0], self.steps[1]):
            plane, first = planes.strides[0], planes[met[0][0] :]
            steps = self.steps[0] * plane, self.steps[1] * plane, *planes.strides[1:]
            return as_strided(first, (len(met), len(met[0]), *sizes), steps, writeable=False)
        (row,) = met
        copy = np.empty((1, len(row), *sizes), self._wide if OUTSIDE in row else kind)
        for tap, at in enumerate(row):
            copy[0, tap] = self.cval if at == OUTSIDE else planes[at]
        return copy

    @lazily
    def _wide(self) -> DType:
        """A type of pixels that holds the constant, too, as sums do."""
        problem, kind = self.plan.problem, self._given[1]
        held = np.asarray(self.cval).astype(kind) == self.cval
        wide = INT64 if problem.compute.kind == "i" else problem.compute
        return kind if held else wide

    @property
    def _given(self) -> tuple[Shape, DType]:
        """Rows and columns, and the type, of a plane of the image."""
        problem = self.plan.problem
        return problem.image[-2:], problem.image_dtype

    def _sum(self, count: int, planes: int, whole: bool) -> Pass:
        """Of so many rows of planes; the ``whole`` sum is stored as the result is."""
        key = count, planes, whole
        if key not in self._sums:
            shape = count, planes, *self.outputs[-2:]
            ones, kinds = np.ones(count, int), (self.kinds[0], self.kinds[whole])
            asked = (
                self.question if whole else replace(self.question, **left_to_others(self.question))
            )
            self._sums[key] = lined(shape, 0, 1, kinds, ones, asked)
        return self._sums[key]

    @lazily
    def _sums(self) -> dict[Any, Pass]:
        return {}

    @lazily
    def _runs(self) -> tuple[tuple[int, int], ...]:
        """Outputs along the last of the leading axes: together where all planes are the image's."""
        return tuple(_runs(self.maps[-1], self.steps, self.together))

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
        """Floating-point operations of all slices; the sum counts as `SUM_WORK` each."""
        runs = math.prod(self.outputs[:-2]) / self.together
        count = len(self.slices)
        sums = SUM_WORK * count * math.prod(self.outputs) if count > 1 else 0
        return runs * sum(each.step.cost for each in self.slices) + sums

    @property
    def workspace(self) -> int:
        """Bytes beyond image and result."""
        rows, (sizes, kind) = self._rows + (0 < self._rows < len(self.slices)), self._given
        copied = len(self.maps[-1][0]) * math.prod(sizes) * kind.itemsize
        sums = rows * self.together * self._plane
        return sums + copied + self.plan.workspace


def rows_of_room(slices: int, plane: int) -> int:
    """Planes that are kept until they are added up; none where nothing is."""
    return min(slices, max(2, MOST // max(1, plane))) if slices > 1 else 0


def is_even(row: Row, hole: int) -> bool:
    """Whether the planes are the image's, and lie so many apart.

    Examples
    --------
    >>> is_even((1, 3, 5), 2), is_even((0, 0, 1), 1), is_even((OUTSIDE, 0), 1)
    (True, False, False)
    """
    return row[0] != OUTSIDE and row == tuple(range(row[0], row[0] + len(row) * hole, hole))


def _runs(
    meets: tuple[Row, ...], steps: tuple[int, int], together: int
) -> Iterator[tuple[int, int]]:
    """Outputs that meet planes evenly far apart, at most so many; others one by one."""
    even = [is_even(row, steps[1]) for row in meets]
    start = 0
    while start < len(meets):
        stop = start + 1
        while stop < min(len(meets), start + together) and even[stop - 1] and even[stop]:
            if meets[stop][0] - meets[stop - 1][0] != steps[0]:
                break
            stop += 1
        yield start, stop
        start = stop
