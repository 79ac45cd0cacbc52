"""What is asked of every chunk: the same convolution, of fewer items, fewer rows and columns."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from ..api import plan2d
from ..planner import choice as planner
from ..planner.missing import MissingPlan, with_weights
from ..planner.plan import Plan
from ..problem.dtypes import Array, DType
from ..problem.filter import filter_of
from ..problem.shown import shown
from ..problem.window import Range, narrowed, window_of
from .cut import PIXEL, Chunk, Grain

Shape = tuple[int, ...]
Index = tuple[slice, ...]


class Question:
    """A filter, and keywords of `plan2d`, for a batch of images or for one image.

    The method is that of the whole, so that every chunk is computed alike.

    Parameters
    ----------
    shape : tuple of int
        Of the source.
    dtype : dtype
        Of its elements, in native order.
    g : array_like or (shape, dtype)
        The filter; where only its shape is known the chunks can be planned, not run.
    keywords : dict
        Those of `plan2d`.
    stacked : bool
        Whether the source holds items of ``shape`` that no leading axis joins.
    nothing : number, optional
        What stands where no pixel is; by default what a call puts there.
    weighing : int
        Bytes of a pixel's weight, where some are missing.
    """

    def __init__(
        self, shape: Shape, dtype: DType, g: Any, keywords: Mapping[str, Any],
        stacked: bool = False, nothing: float | None = None, weighing: int = 0,
    ) -> None:  # fmt: skip
        self.shape, self.dtype, self.stacked, self.weighing = shape, dtype, stacked, weighing
        self.g = g if planner.is_spec(g) else filter_of(g, lasting=True)
        self.keywords, self._nothing = keywords, nothing
        self.whole = self._plan(shape)
        self.keywords = {**keywords, "method": self.whole.method}
        self._known: dict[Any, Plan] = {}
        self.batched = not stacked and self._leads_a_batch()

    def _plan(self, shape: Shape) -> Plan:
        plan: object = plan2d((shape, self.dtype), self.g, **self.keywords)
        if not isinstance(plan, Plan):
            words = "axes", "boundary", "real", "groups"
            given = {name: self.keywords[name] for name in words if name in self.keywords}
            raise ValueError(
                f"{', '.join(f'{name}={shown(value)}' for name, value in given.items())}: pass two "
                "axes, the rows and columns of what is read piece by piece, one border for each, "
                "and neither real nor groups='planes'"
            )
        return self._without_some(plan) if plan.problem.missing else plan

    def _without_some(self, plan: Plan) -> Plan:
        """One that answers chunks without holes like those with, so that no bit tells of cuts."""
        missing, kind = plan.problem.missing, plan.problem.dtype
        assert missing
        if self._nothing is not None:
            _check_fits(self._nothing, kind)
            marked = replace(plan.problem, missing=missing._replace(nothing=self._nothing))
            plan = planner.like(plan, marked)
        return MissingPlan.of(plan, None)

    def _leads_a_batch(self) -> bool:
        """Whether items of the leading axis are filtered alike, each for itself."""
        problem = self.whole.problem
        if 0 in problem.axes:
            return False
        try:
            shapes = [self._plan((n, *self.shape[1:])).problem.shape for n in (1, 2)]
        except ValueError:  # channels: the filter tells their number
            return False
        return shapes == [(n, *problem.shape[1:]) for n in (1, 2)]

    def shape_of(self, items: int) -> Shape:
        """Of the result of so many items."""
        shape = self.whole.problem.shape
        return (items, *(shape[1:] if self.batched else shape)) if self.leads else shape

    @property
    def leads(self) -> bool:
        """Whether the result's leading axis counts items."""
        return self.batched or self.stacked

    @property
    def rows(self) -> int:
        """Of an item's result."""
        return self.plane[0]

    @property
    def plane(self) -> tuple[int, int]:
        """Rows and columns of an item's result."""
        problem = self.whole.problem
        return problem.plane[0], problem.shape[problem.map_axes[-1]]

    # --- what stores keep as one ---

    def grain_read(self, unit: Shape | None) -> Grain:
        """That of results whose pixels a store has in units of that shape."""
        if unit is None:
            return PIXEL
        problem = self.whole.problem
        pairs = zip(problem.axes, problem.stride, strict=True)
        plane = (unit[axis] // step if unit[axis] % step == 0 else 1 for axis, step in pairs)
        return Grain(unit[0] if self.batched else 1, *plane)

    def grain_kept(self, unit: Shape | None) -> Grain:
        """That of results in a store with units of that shape."""
        if unit is None:
            return PIXEL
        items, rest = (unit[0], unit[1:]) if self.stacked else (unit[0], unit)
        axes = self.whole.problem.map_axes
        return Grain(items if self.leads else 1, rest[axes[-2]], rest[axes[-1]])

    # --- chunks ---

    def answer(self, chunk: Chunk, f: Array, weights: Array | None, out: Array) -> None:
        """The chunk's result into its place."""
        with_weights(self.plan(chunk), weights)(f, out[0] if self.stacked else out)

    def result_of(self, part: tuple[Chunk, Array, Array | None]) -> Array:
        """The same in an array of its own."""
        chunk, f, weights = part
        return with_weights(self.plan(chunk), weights)(f)

    def shape_in(self, chunk: Chunk) -> Shape:
        """Of the chunk's result, as it lies in the whole's."""
        shape = self.plan(chunk).problem.shape
        return (1, *shape) if self.stacked else shape

    def plan(self, chunk: Chunk) -> Plan:
        """Of the chunk; made once for all chunks alike."""
        whole = self._of_items(chunk.items[1] - chunk.items[0])
        ranges = [(axis, some) for axis, some in enumerate(chunk[1:]) if some is not None]
        if not ranges:
            return whole
        windows = (window_of(whole.problem, axis, some) for axis, some in ranges)
        problem = narrowed(whole.problem, *windows)
        if problem not in self._known:
            part = planner.part_of(whole, problem)
            self._known[problem] = MissingPlan.of(part, None) if problem.missing else part
        return self._known[problem]

    def _of_items(self, count: int) -> Plan:
        if not self.batched:
            return self.whole
        if count not in self._known:
            self._known[count] = self._plan((count, *self.shape[1:]))
        return self._known[count]

    def nbytes(self, chunk: Chunk) -> int:
        """Of the chunk's result."""
        problem = self.plan(chunk).problem
        return math.prod(problem.shape) * problem.dtype.itemsize

    def wanted(self, chunk: Chunk) -> Iterator[tuple[Index, Index]]:
        """Parts of the source that the chunk needs, and where they lie in its image."""
        axes = self.whole.problem.axes
        for rows, columns in product(*map(self._runs, (0, 1), chunk[1:])):
            index = self._index(chunk, len(self.shape), axes, (rows[0], columns[0]))
            yield index, _at(len(self.shape), axes, (rows[1], columns[1]))

    def _runs(self, axis: int, outputs: Range | None) -> list[tuple[slice, slice]]:
        """What outputs need on an axis of the source, and where it lies in their image."""
        if outputs is None:
            return [(slice(None), slice(None))]
        found, at = [], 0
        for start, stop in window_of(self.whole.problem, axis, outputs).runs:
            found.append((slice(start, stop), slice(at, at + stop - start)))
            at += stop - start
        return found

    def result(self, chunk: Chunk) -> Index:
        """Where the chunk lies in the result."""
        if self.stacked:
            return (slice(*chunk.items),)
        problem = self.whole.problem
        places = tuple(slice(None) if some is None else slice(*some) for some in chunk[1:])
        return self._index(chunk, len(problem.shape), problem.map_axes[-2:], places)

    def _index(
        self, chunk: Chunk, ndim: int, axes: tuple[int, ...], places: tuple[slice, ...]
    ) -> Index:
        index = _at(ndim, axes, places)
        return (slice(*chunk.items), *index[1:]) if self.batched else index


def _at(ndim: int, axes: tuple[int, ...], places: tuple[slice, ...]) -> Index:
    """Everything, but on those axes."""
    found = dict(zip(axes, places, strict=True))
    return tuple(found.get(axis, slice(None)) for axis in range(ndim))


def _check_fits(nothing: float, kind: DType) -> None:
    """Refuse a number for pixels without data that results cannot hold."""
    with np.errstate(all="ignore"):
        held = np.array(nothing).astype(kind)
    if (held != nothing and nothing == nothing) or (nothing != nothing and kind.kind in "biu"):
        raise ValueError(f"nodata={nothing} does not fit in {kind} results: pass another dtype=")
