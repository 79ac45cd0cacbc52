"""Steps of a convolution over an array's axes that are convolutions of planes, on views of it.

Parts of an array are filtered by the method of the whole, if that can.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import islice, pairwise
from typing import Any

import numpy as np

from ..problem.banks import Shape
from ..problem.dtypes import Array, DType
from ..problem.filter import Filter, filter_of
from ..problem.lazily import lazily
from ..problem.problem import Problem
from ..problem.question import Question
from ..problem.traits import UNKNOWN
from ..problem.volumes import Volume, with_sizes
from ..problem.window import Range, narrowed, window_of
from .choice import decide, is_spec, like, part_of
from .missing import with_weights
from .plan import Plan
from .rolling import gathered, rows_of
from .stages import fastest

# Elements of a row, at least, where taps lie along another axis.  Milliseconds of 17 taps along the
# first axis of 24 x 512 x 512 uint16 on one and two threads, where rows have 512 elements, 4096,
# 262144: 3.9 and 2.2, 3.2 and 1.9, 3.4 and 3.2 (Zen 3 VM, 2026-11).
WIDE = 1 << 9
NONE = -1  # the place of an axis that the filter does not lie along


# Of what a step leaves to another: the words of a result.
AS_THEY_ARE: dict[str, Any] = {
    "rounding": "even", "overflow": "saturate", "scale": None, "bias": None,
}  # fmt: skip


def left_to_others(question: Question) -> dict[str, Any]:
    """Those words, but that sums which wrap do so in each step: none refuses what comes before."""
    return {**AS_THEY_ARE, "overflow": "wrap"} if question.overflow == "wrap" else AS_THEY_ARE


@dataclass(frozen=True)
class Pass:
    """One plan over one axis of an array, or over two.

    Attributes
    ----------
    plan : Plan
        For the whole.
    axes, outputs : tuple of int
        Of the array, and the result's sizes there.
    ends : tuple of int or None
        Where those axes end that become one in the view that the plan is for.
    """

    plan: Plan
    axes: tuple[int, ...]
    outputs: tuple[int, ...]
    ends: tuple[int, ...] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def __str__(self) -> str:
        where = ", ".join(map(str, self.axes))
        return f"{self.plan.method} along {'axes' if len(self.axes) > 1 else 'axis'} {where}"

    @lazily
    def _by_shape(self) -> dict[tuple[Shape, DType], Plan]:
        """For all outputs of arrays; those for some of them cost a window each, and a hash."""
        return {}

    @lazily
    def _known(self) -> dict[Problem, Plan]:
        return {self.plan.problem: self.plan}

    def result(self, shape: Shape) -> Shape:
        """What it leaves of an array."""
        return with_sizes(shape, self.axes, self.outputs)

    def weighted(self, weights: Array) -> "Pass":
        """The same with the weights of an array as large as the whole."""
        seen = weights.reshape(self.plan.problem.image)
        return replace(self, plan=with_weights(self.plan, seen))

    def run(self, f: Array, out: Array) -> None:
        """Filter an array as large as the whole, but for axes before those that are filtered.

        Its numbers may be of a wider type, in which sums are formed.
        """
        plan = self._by_shape.get((f.shape, f.dtype))
        if plan is None:
            problem = replace(self._problem(f.shape), image_dtype=f.dtype)
            plan = self._by_shape[f.shape, f.dtype] = self._of(problem)
        self._run(plan, f, out)

    def run_rows(self, f: Array, out: Array, rows: Range) -> None:
        """Fill some of the result's outputs along the axis."""
        problem, axis = self._problem(f.shape), self.axes[0]
        window = window_of(problem, 0, rows)
        image = gathered(f, [rows_of(axis, *run) for run in window.runs])
        self._run(self._of(narrowed(problem, window)), image, out)

    def in_parts(self, rows: int) -> "Pass":
        """The same by the method that is fastest for so many of the outputs at a time."""
        plan, problem = self.plan, self.plan.problem
        method = fastest(narrowed(problem, window_of(problem, 0, (0, rows))))
        return replace(self, plan=part_of(replace(plan, method=method), problem))

    def by_the_method_of(self, whole: "Pass") -> "Pass":
        """The same by another's, if that can."""
        return replace(self, plan=replace(self, plan=whole.plan)._of(self.plan.problem))

    def _problem(self, shape: Shape) -> Problem:
        return replace(self.plan.problem, image=folded(shape, self.ends))

    def _of(self, problem: Problem) -> Plan:
        """The plan for a part, by the same method if that can."""
        if problem not in self._known:
            self._known[problem] = like(self.plan, problem)
        return self._known[problem]

    def _run(self, plan: Plan, f: Array, out: Array) -> None:
        target = out.reshape(folded(out.shape, self.ends))
        plan(f.reshape(folded(f.shape, self.ends)), target)
        if not np.may_share_memory(target, out):
            out[...] = target.reshape(out.shape)

    @property
    def cost(self) -> float:
        """That of the plan."""
        return self.plan.cost

    @property
    def workspace(self) -> int:
        """Bytes beyond image and result."""
        return self.plan.workspace


@lru_cache(maxsize=1024)
def folded(shape: Shape, ends: tuple[int, ...] | None) -> Shape:
    """A shape whose axes between two ends are one.

    Examples
    --------
    >>> folded((2, 3, 4, 5), (2, 4)), folded((7,), (0, 1)), folded((2, 3), None)
    ((6, 20), (1, 7), (2, 3))
    """
    if ends is None:
        return shape
    return tuple(math.prod(shape[start:end]) for start, end in pairwise((0, *ends)))


def along(
    volume: Volume, place: int, shape: Shape, kinds: tuple[DType, Any], g: Any, question: Question
) -> Pass:
    """A line of taps along one of a volume's axes; ``kinds``: of the array, of what is left."""
    axis = volume.axes[place]
    places = (NONE, place) if axis == len(shape) - 1 else (place, NONE)
    return lined(shape, axis, volume.outputs[place], kinds, g, asked_of(volume, places, question))


def lined(
    shape: Shape, axis: int, outputs: int, kinds: tuple[DType, Any], g: Any, question: Question
) -> Pass:
    """A line of taps along an axis; asked as of a column, or a row where the axis is the last."""
    ends, is_last = _ends(shape, axis), axis == len(shape) - 1
    axes = ends.index(axis + 1) - is_last, len(ends) - 1
    asked = replace(question, axes=axes, dtype=kinds[1])
    plan = planned((folded(shape, ends), kinds[0]), _column_or_row(g, is_last), asked)
    return Pass(plan, (axis,), (outputs,), ends)


def over(
    volume: Volume, shape: Shape, kinds: tuple[DType, Any], g: Filter, question: Question
) -> Pass:
    """A filter over the last two of a volume's axes."""
    places = len(volume.axes) - 2, len(volume.axes) - 1
    asked = replace(asked_of(volume, places, question), axes=volume.axes[-2:], dtype=kinds[1])
    return Pass(planned((shape, kinds[0]), g, asked), volume.axes[-2:], volume.outputs[-2:])


def asked_of(volume: Volume, places: Sequence[int], question: Question) -> Question:
    """What is asked of two axes of a volume, one of which may be `NONE`."""

    def pair(values: Sequence[Any], neutral: Any) -> tuple[Any, ...]:
        return tuple(neutral if at == NONE else values[at] for at in places)

    border = volume.boundary[max(places)]
    return replace(
        question, mode="valid", origin=0, padding=pair(volume.padding, (0, 0)),
        boundary=pair(volume.boundary, border), stride=pair(volume.stride, 1),
        dilation=pair(volume.dilation, 1),
    )  # fmt: skip


def planned(image: Any, g: Any, question: Question) -> Plan:
    """A plan with its filter, where that is known."""
    if is_spec(g):
        return decide(image, g, UNKNOWN, question)
    return decide(image, (g.shape, g.dtype), g.found, question).with_filter(g)


def _ends(shape: Shape, axis: int) -> tuple[int, ...]:
    """Where the axes of a view end that has few: the filter's, and rows that are long enough."""
    count = len(shape)
    if axis == count - 1:
        return axis, count
    if math.prod(shape[:axis]) > 1:
        return axis, axis + 1, count
    wide = (at for at in range(count - 1, axis + 1, -1) if math.prod(shape[at:]) >= WIDE)
    return axis + 1, *islice(wide, 1), count


def _column_or_row(g: Any, is_row: bool) -> Any:
    """A line of taps, or its shape and dtype, as a filter over two axes."""
    if is_spec(g):
        (count,), kind = g
        return ((1, count) if is_row else (count, 1)), kind
    line = np.asarray(g)
    return filter_of(line[None] if is_row else line[:, None])
