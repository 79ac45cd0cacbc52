"""What is asked of every chunk: the same convolution, of fewer items or fewer rows."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from ..api import plan2d
from ..planner import choice as planner
from ..planner.plan import Plan
from ..problem.dtypes import DType
from ..problem.filter import filter_of
from ..problem.shown import shown
from ..problem.window import narrowed, window_of
from .cut import Chunk

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
    """

    def __init__(
        self, shape: Shape, dtype: DType, g: Any, keywords: Mapping[str, Any], stacked: bool = False
    ) -> None:
        self.shape, self.dtype, self.stacked = shape, dtype, stacked
        self.g = g if planner.is_spec(g) else filter_of(g, lasting=True)
        self._keywords: Mapping[str, Any] = keywords
        self.whole = self._plan(shape)
        if self.whole.problem.missing:
            raise ValueError(
                "where=, weights= and nan_policy= are not offered for streams: filter the array "
                "itself"
            )
        self._keywords = {**keywords, "method": self.whole.method}
        self._known: dict[Any, Plan] = {}
        self.batched = not stacked and self._leads_a_batch()

    def _plan(self, shape: Shape) -> Plan:
        plan: object = plan2d((shape, self.dtype), self.g, **self._keywords)
        if not isinstance(plan, Plan):
            words = "axes", "boundary", "real", "groups"
            given = {name: self._keywords[name] for name in words if name in self._keywords}
            raise ValueError(
                f"{', '.join(f'{name}={shown(value)}' for name, value in given.items())}: pass two "
                "axes, the rows and columns of what is read piece by piece, one border for each, "
                "and neither real nor groups='planes'"
            )
        return plan

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
        return self.whole.problem.plane[0]

    # --- chunks ---

    def plan(self, chunk: Chunk) -> Plan:
        """Of the chunk; made once for all chunks alike."""
        whole = self._of_items(chunk.items[1] - chunk.items[0])
        if chunk.rows is None:
            return whole
        problem = narrowed(whole.problem, window_of(whole.problem, 0, chunk.rows))
        if problem not in self._known:
            self._known[problem] = planner.part_of(whole, problem)
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
        problem, axes = self.whole.problem, len(self.shape)
        axis, at = problem.axes[0], 0
        whole = [slice(None)] * axes
        if chunk.rows is None:
            yield self._index(chunk, axes, axis), tuple(whole)
            return
        for start, stop in window_of(problem, 0, chunk.rows).runs:
            whole[axis] = slice(at, at + stop - start)
            yield self._index(chunk._replace(rows=(start, stop)), axes, axis), tuple(whole)
            at += stop - start

    def result(self, chunk: Chunk) -> Index:
        """Where the chunk lies in the result."""
        if self.stacked:
            return (slice(*chunk.items),)
        problem = self.whole.problem
        return self._index(chunk, len(problem.shape), problem.map_axes[-2])

    def _index(self, chunk: Chunk, ndim: int, row_axis: int) -> Index:
        index = [slice(None)] * ndim
        if self.batched:
            index[0] = slice(*chunk.items)
        if chunk.rows is not None:
            index[row_axis] = slice(*chunk.rows)
        return tuple(index)
