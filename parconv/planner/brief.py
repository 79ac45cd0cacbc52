"""The plan for images or results of bfloat16: that of float32, and what is converted around it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..problem.banks import Shape
from ..problem.brief import is_brief, lengthened
from ..problem.dtypes import FLOAT32, Array, DType, quietly
from ..problem.filter import Filter
from ..problem.question import Question
from .choice import is_spec
from .composed import Composed


@dataclass(frozen=True)
class Brief:
    """What is asked, of the call's own types."""

    image: Shape
    image_dtype: DType
    axes: tuple[int, ...]
    shape: Shape
    dtype: DType


@dataclass(frozen=True, repr=False)
class BriefPlan(Composed):
    """How a convolution is computed whose image or result is of bfloat16.

    Attributes
    ----------
    problem : Brief
        What is asked.
    inner : Plan, or another
        The same of float32.
    filter : Filter or None
        None for a plan that was made from a filter's shape, which cannot run.
    """

    problem: Brief
    inner: Any
    filter: Filter | None = field(default=None, compare=False)

    @quietly
    def _fill(self, f: Array, out: Array) -> None:
        inside = self.inner.problem.dtype
        room = out if inside == out.dtype else np.empty(out.shape, inside)
        self.inner(lengthened(f), room)
        if room is not out:
            out[...] = room

    @property
    def method(self) -> str:
        """That of float32."""
        return str(self.inner.method)

    @property
    def threads(self) -> int:
        """Used at most."""
        return int(self.inner.threads)

    def __str__(self) -> str:
        problem = self.problem
        return f"{problem.image_dtype} to {problem.dtype} as {self.inner}"

    def _facts(self) -> dict[str, str]:
        problem = self.problem
        told = f"{problem.image_dtype} to {problem.dtype}, by way of float32"
        return {"types": told, "inside": str(self.inner)}


def plan_brief(image: Any, g: Any, question: Question, planned: Callable[..., Any]) -> BriefPlan:
    """The plan for an image given as ``(shape, dtype)`` and a filter, or its shape and dtype."""
    shape, kind = image
    if question.weights is not None or question.real is not None:
        raise ValueError(
            "where=, weights= and real= go with types that NumPy has, not with bfloat16: pass "
            "larger.astype('float32')"
        )
    asked = FLOAT32 if is_brief(question.dtype) else question.dtype
    inside = FLOAT32 if is_brief(kind) else kind
    inner = planned((shape, inside), g, replace(question, dtype=asked))
    result = inner.problem.dtype
    brief = question.dtype if question.dtype is not None else kind
    if is_brief(brief) and result == FLOAT32:
        result = np.dtype(brief)
    problem = Brief(shape, np.dtype(kind), inner.problem.axes, inner.problem.shape, result)
    return BriefPlan(problem, inner, None if is_spec(g) else g)
