"""A filter over three and more axes that is no product of smaller ones: a layer of planes.

Each plane of the result sums over those planes of the image that lie under the filter's leading
axes, as a layer sums over channels.  Along one leading axis these are a view of the image, whose
maps overlap; beside its ends, and along several, few of them at a time are copied, as the border
has it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..problem.banks import Shape
from ..problem.borders import BOUNDARIES, source_index
from ..problem.dtypes import Array, DType, is_whole, kernel_dtype, quietly
from ..problem.filter import filter_of
from ..problem.lazily import lazily
from ..problem.question import Question
from ..problem.volumes import Volume, with_sizes
from ..problem.window import Range
from .choice import is_spec, part_of
from .passes import asked_of, planned
from .plan import Plan

# Bytes of planes that are copied at a time.
COPIED = 1 << 22
OUTSIDE = -1  # the index of a plane of constants


@dataclass(frozen=True)
class Dense:
    """One filter over three and more axes of an array.

    Attributes
    ----------
    plan : Plan
        Of the layer, for all planes of the result along the last of the leading axes.
    axes, outputs : tuple of int
        Of the array, and the result's sizes there.
    taps, lead, stride, dilation, boundary : tuple
        Of the leading axes.
    cval : number
        The constant beyond the image.
    """

    plan: Plan
    axes: tuple[int, ...]
    outputs: tuple[int, ...]
    taps: tuple[int, ...]
    lead: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    boundary: tuple[str, ...]
    cval: complex

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def workspace(self) -> int:
        """Bytes beyond image and result: planes that are copied at a time among them."""
        rows, columns = self.plan.problem.image[-2:]
        each = math.prod(self.taps) * rows * columns * self.plan.problem.image_dtype.itemsize
        return max(COPIED, each) + self.plan.workspace

    def __str__(self) -> str:
        planes, where = math.prod(self.taps), ", ".join(map(str, self.axes))
        return f"{self.plan.method} along axes {where}, as a layer of {planes} planes each"

    @lazily
    def _known(self) -> dict[Any, Plan]:
        return {}

    def result(self, shape: Shape) -> Shape:
        """What it leaves of an array."""
        return with_sizes(shape, self.axes, self.outputs)

    def run(self, f: Array, out: Array) -> None:
        """Filter an array as large as the whole, but for axes beside those that are filtered."""
        ends = range(-len(self.axes), 0)
        source, target = (np.moveaxis(array, self.axes, ends) for array in (f, out))
        for item in np.ndindex(source.shape[: -len(self.axes)]):
            self._volume(source[item], target[item])

    def _volume(self, f: Array, out: Array) -> None:
        maps = [self._map(place, size) for place, size in enumerate(f.shape[: len(self.taps)])]
        for place in np.ndindex(out.shape[: len(maps) - 1]):
            fixed = [sources[at] for sources, at in zip(maps, place, strict=False)]
            for start, stop, seen in self._parts(f):
                rows = [*fixed, maps[-1][start:stop]]
                image = self._view(f, start, stop) if seen else self._copy(f, rows)
                self._of(image)(image, out[place][start:stop, None])

    def _of(self, image: Array) -> Plan:
        key = len(image), image.dtype
        if key not in self._known:
            whole = self.plan.problem
            problem = replace(whole, image=image.shape, image_dtype=image.dtype)
            self._known[key] = part_of(self.plan, problem)
        return self._known[key]

    # --- planes under the leading axes ---

    def _map(self, place: int, size: int) -> Array:
        """Which plane each tap of each output meets along a leading axis: (outputs, taps)."""
        starts = np.arange(self.outputs[place]) * self.stride[place] - self.lead[place]
        meets = starts[:, None] + np.arange(self.taps[place]) * self.dilation[place]
        kind = BOUNDARIES.index(self.boundary[place])
        for at in np.argwhere((meets < 0) | (meets >= size)):
            index = tuple(at)
            meets[index] = source_index(int(meets[index]), size, kind)
        return meets

    def _parts(self, f: Array) -> Iterator[tuple[int, int, bool]]:
        """Outputs along the last of the leading axes, and whether a view holds their planes."""
        count, each = self.outputs[len(self.taps) - 1], self._each(f)
        first, last = self._inside(f) if len(self.taps) == 1 else (0, 0)
        for start, stop, seen in ((0, first, False), (first, last, True), (last, count, False)):
            step = max(1, stop - start) if seen and self._is_seen else each
            yield from ((at, min(at + step, stop), seen) for at in range(start, stop, step))

    def _inside(self, f: Array) -> Range:
        """The outputs that meet planes of the image alone."""
        (stride, *_), (lead, *_), count = self.stride, self.lead, self.outputs[0]
        span = (self.taps[0] - 1) * self.dilation[0] + 1
        first = min(-(-lead // stride), count)
        return first, max(first, min((len(f) - span + lead) // stride + 1, count))

    def _each(self, f: Array) -> int:
        """Outputs whose planes are copied together."""
        plane: int = math.prod(f.shape[-2:]) * f.itemsize
        return max(1, COPIED // max(1, math.prod(self.taps) * plane))

    @property
    def _is_seen(self) -> bool:
        """Whether the kernel takes pixels as they are: else it copies all planes of a part."""
        kind = self.plan.problem.image_dtype
        return kind.kind != "c" and kernel_dtype(kind).itemsize == kind.itemsize

    def _view(self, f: Array, start: int, stop: int) -> Array:
        """Planes that lie in the image, which those of several outputs share."""
        step, *others = f.strides
        (stride, *_), (hole, *_) = self.stride, self.dilation
        shape = stop - start, *self.taps, *f.shape[1:]
        image = f[start * stride - self.lead[0] :]
        return as_strided(image, shape, (step * stride, step * hole, *others), writeable=False)

    @quietly
    def _copy(self, f: Array, maps: list[Array]) -> Array:
        """Copies of planes, and constants; of several outputs along the last leading axis alone."""
        count = len(maps[-1])
        places = [
            rows.reshape(-1, *(rows.shape[-1] if at == axis else 1 for at in range(len(maps))))
            for axis, rows in enumerate(maps)
        ]
        outside = np.broadcast_to(
            reduce(np.logical_or, [rows == OUTSIDE for rows in places]), (count, *self.taps)
        )
        kind = self._held(f.dtype) if outside.any() else f.dtype
        planes = np.full((*outside.shape, *f.shape[len(maps) :]), self.cval, kind)
        if not outside.all():
            index = np.broadcast_arrays(*places)
            real = ~outside
            planes[real] = f[tuple(np.broadcast_to(rows, outside.shape)[real] for rows in index)]
        return planes.reshape(count, -1, *planes.shape[-2:])

    def _held(self, kind: DType) -> DType:
        """The type of planes among which some are constant."""
        return kind if _holds(kind, self.cval) else kernel_dtype(self.plan.problem.compute)


def _holds(kind: DType, value: complex) -> bool:
    if kind.kind == "b":
        return value in (0, 1)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return is_whole(value) and limits.min <= value.real <= limits.max
    return value != value or bool(kind.type(value) == value)


def dense(
    volume: Volume, shape: Shape, kinds: tuple[DType, Any], g: Any, question: Question
) -> Dense:
    """A filter, or its shape and dtype, over the last axes of a volume; ``kinds``: see `along`."""
    given = g[0] if is_spec(g) else g.shape
    begin = len(volume.axes) - len(given)
    led = slice(begin, len(volume.axes) - 2)
    outputs, axes = volume.outputs[begin:], volume.axes[begin:]
    places = len(volume.axes) - 2, len(volume.axes) - 1
    asked = replace(asked_of(volume, places, question), axes=(2, 3), dtype=kinds[1], correlate=True)
    maps = outputs[len(given) - 3], math.prod(given[:-2]), *(shape[axis] for axis in axes[-2:])
    plan = planned((maps, kinds[0]), _layer(g, volume.reflect), asked)
    return Dense(
        plan, axes, outputs, volume.filter[led], volume.lead[led], volume.stride[led],
        volume.dilation[led], volume.boundary[led], question.cval,
    )  # fmt: skip


def _layer(g: Any, reflect: bool) -> Any:
    """The filter as one of a layer, whose channels are the planes of taps."""
    if is_spec(g):
        (*led, rows, columns), kind = g
        return (1, math.prod(led), rows, columns), kind
    taps = np.asarray(g)
    taps = np.flip(taps) if reflect else taps.conj()
    return filter_of(taps.reshape(1, -1, *taps.shape[-2:]))
