"""What is asked of blocks of a filter over one axis, three and more, or of one for each plane.

Blocks are asked anew, with the padding that they meet.
"""

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from ..planner.answers import planned
from ..planner.brief import BriefPlan
from ..planner.masked import plan_volume
from ..planner.planes import PlanesPlan
from ..planner.volume import VolumePlan
from ..problem.arguments import places
from ..problem.banks import Shape
from ..problem.brief import is_brief
from ..problem.dtypes import FLOAT32
from ..problem.geometry import spanned
from ..problem.lazily import lazily
from ..problem.question import Question
from .cuts import Line
from .parts import Cuts, Planes, Whole, rule_of


@dataclass(frozen=True)
class Others(Whole):
    """A filter over one axis, or three and more, or one for each plane: blocks are asked anew."""

    question: Question

    @lazily
    def lines(self) -> tuple[Line, ...]:
        if isinstance(self.plan, PlanesPlan):
            axes = self.plan.problem.axes
            inner = Planes(self.plan.inner, self.kinds).lines[-len(axes) :]
            return tuple(line._replace(axis=axis) for line, axis in zip(inner, axes, strict=True))
        volume = self.plan.problem
        found = zip(
            volume.axes, (volume.image[axis] for axis in volume.axes), volume.outputs, volume.lead,
            spanned(volume.filter, volume.dilation), volume.stride,
            ((rule, rule) for rule in volume.boundary), strict=True,
        )  # fmt: skip
        return tuple(Line(*each) for each in found)

    @property
    def mode(self) -> str:
        plan = self.plan.inner if isinstance(self.plan, PlanesPlan) else self.plan
        return str(plan.problem.mode)

    @property
    def together(self) -> Shape:
        if not isinstance(self.plan, PlanesPlan):
            return ()
        filtered = {line.axis for line in self.lines}
        return tuple(axis for axis in range(len(self.image)) if axis not in filtered)

    @property
    def origins(self) -> tuple[int | None, ...]:
        more = len(self.shape) - len(self.image)
        return (None,) * more + tuple(range(len(self.image)))

    def _asked_of(self, shape: Shape, cuts: Cuts) -> tuple[Any, ...]:
        """The block's shape, and of each axis its rule and the padding."""
        kept = zip(self.lines, cuts, strict=True)
        pads = (line.pads if cut is None else (cut.lead, cut.tail) for line, cut in kept)
        return shape, tuple(zip(map(rule_of, self.lines, cuts), pads, strict=True))

    @property
    def _cval(self) -> Any:
        """What lies beyond the image: 0 as for the whole, where nothing of that is asked for."""
        asked = self.question
        rules = {rule for line in self.lines for rule in line.rules}
        inside = asked.mode == "valid" and asked.padding is None
        return 0 if inside or "constant" not in rules else asked.cval

    def _plan(self, asked: tuple[Any, ...]) -> Any:
        (shape, beyond), whole = asked, self.plan
        axes: tuple[int, ...] = tuple(line.axis for line in self.lines)
        found = dict(zip(axes, beyond, strict=True))
        if len(axes) > 1:
            axes = places(self.question.axes, shape)  # in the filter's order
        boundary, padding = zip(*(found[axis] for axis in axes), strict=True)
        question = replace(
            self.question, mode="valid", origin=0, axes=axes if len(axes) > 1 else axes[0],
            padding=padding, boundary=boundary, cval=self._cval,
        )  # fmt: skip
        if isinstance(whole, PlanesPlan):
            question = replace(question, method=whole.method)
        image = shape, whole.problem.image_dtype
        if isinstance(whole, VolumePlan):
            return plan_volume(image, whole.filter, question, whole)
        return planned(image, whole.filter, question)


def whole_of(plan: Any, question: Question) -> Whole:
    """That of a plan and what it was asked for."""
    kinds = plan.problem.image_dtype, plan.problem.dtype
    if isinstance(plan, BriefPlan):
        plan = plan.inner
        question = replace(question, dtype=FLOAT32) if is_brief(question.dtype) else question
    if isinstance(plan, VolumePlan | PlanesPlan):
        return Others(plan, kinds, _lasting(question))
    return Planes(plan, kinds)


def _lasting(question: Question) -> Question:
    """The question, of which nobody changes a word before blocks are computed."""
    return deepcopy(question)
