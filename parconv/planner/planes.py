"""The plan for a filter for each plane: that of a layer, on views of image, filters and result."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..problem.arguments import check_boundaries, check_integers, each, places
from ..problem.banks import Shape
from ..problem.dtypes import Array, DType
from ..problem.filter import Filter, filter_of
from ..problem.planewise import Planewise, planewise
from ..problem.question import Question
from ..problem.shown import shown
from ..problem.sides import is_sided
from ..problem.volumes import count_of, with_sizes
from .choice import is_spec
from .composed import Composed
from .passes import planned
from .plan import Plan


@dataclass(frozen=True)
class Planes:
    """What is asked: shapes and types of the call's own arrays."""

    image: Shape
    image_dtype: DType
    axes: tuple[int, ...]
    shape: Shape
    dtype: DType


@dataclass(frozen=True, repr=False)
class PlanesPlan(Composed):
    """How planes that each have their own filter are computed.

    Made by `parconv.plan2d` with ``groups="planes"``; ``plan(f)`` runs it, ``plan.bind(f, out)`` is
    a call without arguments, ``print(plan)`` one line, ``plan.explain()`` tells all.

    Attributes
    ----------
    problem : Planes
        What is asked.
    views : Planewise
        How the arrays are seen.
    inner : Plan
        Of the layer, or of the one filter that all planes have.
    filter : Filter or None
        None for a plan that was made from a filter's shape, which cannot run.
    """

    problem: Planes
    views: Planewise
    inner: Plan
    filter: Filter | None = field(default=None, compare=False)

    def _fill(self, f: Array, out: Array) -> None:
        if not out.size:
            return
        views = self.views
        inside = with_sizes(views.shape, self._plane, _plane_of(self.inner))
        target = out.reshape(inside).transpose(views.back)
        room = target.reshape(self.inner.problem.shape)
        self.inner(views.view(f), room)
        if not np.may_share_memory(room, out):
            target[...] = room.reshape(target.shape)

    @property
    def _plane(self) -> tuple[int, ...]:
        """Its axes in the result."""
        return tuple(axis + self.views.more for axis in self.views.axes)

    @property
    def method(self) -> str:
        """Of the layer."""
        return self.inner.method

    @property
    def threads(self) -> int:
        """Used at most."""
        return self.inner.threads

    @property
    def workspace(self) -> int:
        """Bytes beyond image and result, where both are seen without a copy."""
        return self.inner.workspace

    def __str__(self) -> str:
        image, taps = ("x".join(map(str, s)) for s in (self.problem.image, self.views.given))
        return f"{image} with a filter for each plane, {taps}, as {self.inner}"

    def _facts(self) -> dict[str, str]:
        from .explain import facts  # of a plan

        shape = "x".join(map(str, self.problem.shape))
        return {
            "planes": f"{self.views.groups or 'all'} with filters of their own; result {shape}",
            **facts(self.inner),
        }


def plan_planes(image: Any, g: Any, question: Question) -> PlanesPlan:
    """The plan for an image given as ``(shape, dtype)`` and filters, or their shape and dtype."""
    if question.weights is not None or question.nan_policy == "omit":
        raise ValueError(
            "groups='planes' goes with neither where=, weights= nor nan_policy='omit': call once "
            "for each filter"
        )
    if is_sided(question):
        raise ValueError(
            f"groups='planes' goes with one border for each axis, and without real: pass others "
            f"than boundary={shown(question.boundary)}, real={shown(question.real)}"
        )
    given, shape = g[0] if is_spec(g) else g.shape, image[0]
    line = count_of(question.axes) == 1
    if line:
        (axis,) = places(question.axes, shape)
        question = _of_lines(question, axis)
        shape, given = (*shape[:axis], 1, *shape[axis:]), (*given[:-1], 1, *given[-1:])
    views = planewise(shape, given, question.axes)
    taps = _taps(views, g, not question.correlate)
    asked = replace(
        question, groups=views.groups or 1, axes=views.plane,
        scale=views.numbers("scale", question.scale), bias=views.numbers("bias", question.bias),
    )  # fmt: skip
    inner = planned((views.seen, image[1]), taps, asked)
    result = with_sizes(
        views.shape, tuple(axis + views.more for axis in views.axes), _plane_of(inner)
    )
    if line:
        at = views.axes[0] + views.more
        result = (*result[:at], *result[at + 1 :])
    axes = (views.axes[0],) if line else views.axes
    problem = Planes(image[0], inner.problem.image_dtype, axes, result, inner.problem.dtype)
    return PlanesPlan(problem, views, inner, None if is_spec(g) else g)


def _taps(views: Planewise, g: Any, reflect: bool) -> Any:
    """The filters as the layer's; a correlation conjugates them, which a layer's does not."""
    if is_spec(g):
        return views.taps, g[1]
    taps = np.asarray(g).reshape(views.given)
    conjugate = views.groups and not reflect and taps.dtype.kind == "c"
    return filter_of(views.layer(taps.conj() if conjugate else taps))


def _plane_of(plan: Plan) -> tuple[int, int]:
    """Rows and columns of its result."""
    problem = plan.problem
    rows, columns = (problem.shape[axis] for axis in problem.map_axes[-2:])
    return rows, columns


def _of_lines(question: Question, axis: int) -> Question:
    """The same about rows of one pixel, where one axis is named."""

    def pair(name: str, neutral: int) -> tuple[int, ...]:
        return neutral, *check_integers(name, getattr(question, name), 1)

    padding = question.padding
    return replace(
        question, axes=(axis, axis + 1), boundary=check_boundaries(question.boundary, 1) * 2,
        padding=padding if padding is None else ((0, 0), *each(padding, 1)),
        origin=pair("origin", 0), stride=pair("stride", 1), dilation=pair("dilation", 1),
    )  # fmt: skip
