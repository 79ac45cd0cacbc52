"""What is asked of every block: the same convolution of some pixels, by the method of the whole.

A block is a problem of its own, whose border is a constant or lies among the pixels that it is
given.  Its plan is made where it runs, for the threads that may be used there.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

from ..planner.choice import like
from ..planner.missing import with_weights
from ..planner.plan import Plan
from ..planner.sides import NOTHING, Sided, SidesPlan
from ..problem.banks import Shape
from ..problem.brief import lengthened
from ..problem.dtypes import Array, DType, quietly
from ..problem.lazily import lazily
from ..problem.problem import Problem
from ..problem.window import narrowed
from ..runtime import budget
from .cuts import Cut, Line

Cuts = tuple[Cut | None, ...]  # of each axis that a filter lies along; None: all of it


@dataclass(frozen=True)
class Whole:
    """A plan for all pixels, from which those of blocks are made; pickles with its filter.

    Attributes
    ----------
    plan : Plan, or one that others run for
        Of all pixels, by which blocks know their method.
    kinds : (dtype, dtype)
        Of the image and the result.
    """

    plan: Any
    kinds: tuple[DType, DType]

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @lazily
    def lines(self) -> tuple[Line, ...]:
        """The axes that the filter lies along."""
        raise NotImplementedError

    @property
    def mode(self) -> str:
        """Where outputs lie: a mode, or the padding in its place."""
        return str(self.plan.problem.mode)

    @property
    def together(self) -> Shape:
        """Other axes of the image that no block may have a part of."""
        return ()

    @property
    def summed(self) -> Shape:
        """Those of them along which outputs stand for no pixel, as they are sums over all."""
        return ()

    @property
    def image(self) -> Shape:
        return tuple(self.plan.problem.image)

    @property
    def shape(self) -> Shape:
        """Of the result."""
        return tuple(self.plan.problem.shape)

    @property
    def origins(self) -> tuple[int | None, ...]:
        """Of each axis of the result the image's, or none."""
        return tuple(range(len(self.shape)))

    @quietly
    def run(self, f: Array, cuts: Cuts, weights: Array | None) -> Array:
        """The result of a block's pixels."""
        image = lengthened(f)
        plan = self._part(image.shape, cuts)
        result: Array = _weighted(plan, weights)(image)
        return result.astype(self.kinds[1], copy=False)

    def _part(self, shape: Shape, cuts: Cuts) -> Any:
        """Made once for all blocks alike, and for each number of threads."""
        asked = self._asked_of(shape, cuts)
        key = asked, budget.thread_budget()
        if key not in self._known:
            self._known[key] = self._plan(asked)
        return self._known[key]

    @lazily
    def _known(self) -> dict[Any, Any]:
        return {}

    def _asked_of(self, shape: Shape, cuts: Cuts) -> Any:
        """What is asked of a block, as a key."""
        raise NotImplementedError

    def _plan(self, asked: Any) -> Any:
        raise NotImplementedError


def rule_of(line: Line, cut: Cut | None) -> str:
    """What lies beyond a block's ends: of a cut only the constant is left."""
    return line.rules[0] if cut is None else "constant"


def _weighted(plan: Any, weights: Array | None) -> Any:
    if weights is None:
        return plan
    if isinstance(plan, Plan):
        return with_weights(plan, weights)
    return replace(plan, weights=weights)


@dataclass(frozen=True)
class Planes(Whole):
    """One filter over two axes, a bank or a layer: blocks are windows of its problem."""

    @property
    def _asked(self) -> Sided:
        problem = self.plan.problem
        if isinstance(problem, Sided):
            return problem
        rows, columns = problem.boundary
        return Sided(problem, ((rows, rows), (columns, columns)), NOTHING)

    @property
    def _problem(self) -> Problem:
        return self._asked.alone

    @lazily
    def lines(self) -> tuple[Line, ...]:
        asked = self._asked
        found = []
        for number, axis in enumerate(asked.axes):
            size, lead, span, stride, outputs, rules = asked.axis(number)
            found.append(Line(axis, size, outputs, lead, span, stride, rules))
        return tuple(found)

    @property
    def mode(self) -> str:
        return self._problem.mode

    @property
    def together(self) -> Shape:
        problem = self._problem
        return self.summed or (len(problem.image) - 1,) * (problem.channels > 1)

    @property
    def summed(self) -> Shape:
        bank = self._problem.bank
        return (bank.axes[0],) if bank and bank.summed else ()

    @property
    def origins(self) -> tuple[int | None, ...]:
        bank = self._problem.bank
        found: list[int | None] = list(range(len(self.image)))
        if bank and not bank.summed:
            found.insert(bank.axes[0], None)
        return tuple(found)

    def _asked_of(self, shape: Shape, cuts: Cuts) -> Problem:
        rows, columns = map(rule_of, self.lines, cuts)
        problem = replace(self._problem, image=shape, boundary=(rows, columns))
        return narrowed(problem, *filter(None, cuts))

    def _plan(self, asked: Problem) -> Plan:
        whole = self.plan.parts[0].plan if isinstance(self.plan, SidesPlan) else self.plan
        return like(replace(whole, filter=self.plan.filter), asked)
