"""The plan for a filter over one axis of an array, or over three and more.

Its steps are convolutions of planes.  Of an outer product the lines along leading axes come first,
and what is left goes over the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..problem.dtypes import INT64, Array, DType, exact, real, widest
from ..problem.filter import Filter
from ..problem.lazily import lazily
from ..problem.lines import moduli, ordered, parted, wide
from ..problem.question import Question
from ..problem.volumes import Volume, describe_volume
from ..runtime import arrays
from .choice import is_spec
from .composed import Composed
from .dense import Dense
from .passes import AS_THEY_ARE, Pass, along, left_to_others, over
from .plan import Plan
from .slabs import Slabs
from .slices import dense

Step = Pass | Dense


@dataclass(frozen=True, repr=False)
class VolumePlan(Composed):
    """How a filter over one axis of an array, or over three and more, is computed.

    Made by `parconv.plan2d`; ``plan(f)`` runs it, ``plan.bind(f, out)`` is a call without
    arguments, ``print(plan)`` one line, ``plan.explain()`` tells all.

    Attributes
    ----------
    problem : Volume
        What is asked.
    steps : tuple
        What is done one after another, each by a `Plan`; none where the result is empty.
    between : dtype
        Of what all steps but the last leave.
    filter : Filter or None
        None for a plan that was made from a filter's shape, which cannot run.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> g = parconv.filters.gaussian_factors(1, ndim=3)
    >>> plan = parconv.plan2d(((8, 9, 10), "uint16"), g, axes=(0, 1, 2), mode="same", threads=1)
    >>> plan(np.full((8, 9, 10), 7, np.uint16)).shape
    (8, 9, 10)
    """

    problem: Volume
    steps: tuple[Step, ...]
    between: DType
    filter: Filter | None = field(default=None, repr=False, compare=False)
    wraps: bool = False  # sums of integers
    weights: Array | None = field(default=None, repr=False, compare=False)  # of every array

    def __getstate__(self) -> dict[str, Any]:
        """What was decided, and the filter; what follows from them is found again."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def _fill(self, f: Array, out: Array) -> None:
        if self.limit is not None:
            arrays.check_range(f, self.limit)
        if self.weights is not None and self.steps:
            only = self.steps[0]
            assert isinstance(only, Pass)  # of one axis
            only.weighted(self.weights).run(f, out)
        elif self.steps:
            (self.slabs or self.steps[0]).run(f, out)

    @lazily
    def slabs(self) -> Slabs | None:
        """How several steps follow one another."""
        if len(self.steps) < 2:
            return None
        first, *others = self.steps
        assert isinstance(first, Pass)
        return Slabs(first, tuple(others), self.problem.image, self.between)

    @property
    def alone(self) -> Plan | None:
        """The only step's plan, where that sees arrays as they are and nothing else is to do."""
        if len(self.steps) != 1 or not isinstance(self.steps[0], Pass):
            return None
        plan, problem = self.steps[0].plan, self.problem
        same = (plan.problem.image, plan.problem.shape) == (problem.image, problem.shape)
        return plan if same else None

    @lazily
    def limit(self) -> int | None:
        """The largest absolute pixel whose sums surely fit in int64, where several steps add up."""
        alone = len(self.steps) == 1 and isinstance(self.steps[0], Pass)
        if alone or self.wraps or self.between.kind != "i" or self.filter is None:
            return None
        return ((1 << 63) - 1) // max(1, moduli(self.filter))

    # --- tell ---

    @property
    def method(self) -> str:
        """Those of the steps."""
        return ", ".join(step.plan.method for step in self.steps) or "nothing to do"

    @property
    def strategy(self) -> str:
        """Of the first step."""
        return self.steps[0].plan.strategy if self.steps else "serial"

    @property
    def cost(self) -> float:
        """Floating-point operations, or as many as the direct method would do in the time."""
        return sum(step.cost for step in self.steps)

    @property
    def threads(self) -> int:
        """Used at most."""
        return max((step.plan.threads for step in self.steps), default=1)

    @property
    def workspace(self) -> int:
        """Bytes beyond image and result."""
        between = self.slabs.workspace if self.slabs else 0
        return between + max((step.workspace for step in self.steps), default=0)

    def __repr__(self) -> str:
        return f"<VolumePlan: {self}>"

    def __str__(self) -> str:
        return f"{self.problem}: {self.method}, {self.threads} thread{'s' * (self.threads > 1)}"

    def _facts(self) -> dict[str, str]:
        problem = self.problem
        slabs = str(self.slabs) if self.slabs else "all"
        return {
            "problem": str(problem),
            "output": f"{'x'.join(map(str, problem.shape))} {problem.dtype}",
            **{f"step {n + 1}": f"{step}: {step.plan}" for n, step in enumerate(self.steps)},
            "at a time": slabs,
            "between": f"{self.between}" if len(self.steps) > 1 else "nothing",
            "workspace": f"{self.workspace:,} bytes beyond image and result",
        }


def plan_whole(
    image: Any, g: Any, question: Question, like: "VolumePlan | None" = None
) -> VolumePlan:
    """The plan where every pixel is there; image and filter as in `masked.plan_volume`.

    ``like``: that of a whole of which this is a part, and whose steps' methods it has.
    """
    known = None if is_spec(g) else g
    taps = g if known is None else (known.shape, known.dtype)
    volume = describe_volume(image, taps, question, known is not None and wide(known))
    between = _between(volume, known, question.overflow == "wrap")
    if 0 in volume.shape:
        return VolumePlan(volume, (), between, known)
    steps, wraps = tuple(_steps(volume, g, question, between, like)), question.overflow == "wrap"
    plan = VolumePlan(volume, steps, between, known, wraps)
    if like is not None and len(steps) == len(like.steps):
        return replace(plan, steps=tuple(map(_alike, steps, like.steps)))
    first, *others = plan.steps
    if plan.slabs and isinstance(first, Pass) and question.method == "auto":
        return replace(plan, steps=(first.in_parts(plan.slabs.rows), *others))
    return plan


def _between(volume: Volume, g: Filter | None, wraps: bool) -> DType:
    """The type of what steps leave to others: that of the sums, or where integers are exact.

    Floats wrap by way of int32, which must hold them.
    """
    if volume.compute.kind != "i" or g is None:
        return volume.compute
    largest = widest(volume.image_dtype, volume.cval) * moduli(g)
    return INT64 if wraps and largest >= 1 << 31 else exact(largest)


def _alike(step: Step, whole: Step) -> Step:
    """By the methods of another."""
    if isinstance(step, Pass) and isinstance(whole, Pass):
        return step.by_the_method_of(whole)
    if isinstance(step, Dense) and isinstance(whole, Dense):
        return step.by_the_methods_of(whole)
    return step


def _steps(
    volume: Volume, g: Any, question: Question, between: DType, like: VolumePlan | None
) -> Iterator[Step]:
    """What is done, in order."""
    lines, rest = _parted(volume, g)
    shape, kind, result = volume.image, volume.image_dtype, question.dtype
    asked = replace(question, cval=volume.cval)
    if lines:
        result = volume.dtype
        asked = replace(asked, accumulate=None, **left_to_others(question))
    for place, line in lines:
        step = along(volume, place, shape, (kind, between), line, asked)
        yield step
        shape, kind = step.result(shape), between
        asked = replace(asked, cval=asked.cval * line.sum().item())
    asked = replace(asked, **{name: getattr(question, name) for name in AS_THEY_ARE})
    count = len(rest[0] if is_spec(rest) else rest.shape)
    if count == 1:
        yield along(volume, 0, shape, (kind, result), rest, asked)
    elif count == 2:
        yield over(volume, shape, (kind, result), rest, asked)
    else:
        asked, kinds = replace(asked, dtype=result), (kind, between, volume.dtype)
        last = like.steps[-1] if like is not None else None
        deep = last.deep if isinstance(last, Dense) else None
        yield dense(volume, shape, kinds, rest, asked, deep)


def _parted(volume: Volume, g: Any) -> tuple[list[tuple[int, Array]], Any]:
    """Lines along the first of a volume's axes, with their places, and what is over the others."""
    if is_spec(g):
        return [], (tuple(g[0][place] for place in volume.order), g[1])
    lines, place, rest = [], 0, ordered(g, volume.order)
    while rest.ndim > 2 and (found := parted(rest, real(volume.compute))):
        line, rest = found
        stays = volume.padding[place] == (0, 0) and volume.stride[place] == 1
        if not (stays and len(line) == 1 and line[0] == 1):
            lines.append((place, line))
        place += 1
    return lines, rest
