"""The plan for an image whose sides have rules of their own, or pixels around: one plan a part."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np

from ..problem.banks import Shape
from ..problem.dtypes import Array, DType
from ..problem.filter import Filter
from ..problem.lazily import lazily
from ..problem.problem import Problem, describe
from ..problem.question import Question
from ..problem.shown import shown
from ..problem.sides import Axis, Rules, Run, check_real, check_rules
from ..problem.traits import UNKNOWN
from ..problem.window import Range, begun
from ..runtime.surroundings import surrounded
from .choice import is_spec, make_plan
from .composed import Composed
from .explain import facts
from .limits import thread_limit
from .plan import Plan
from .stages import stages

NOTHING = (0, 0), (0, 0)


@dataclass(frozen=True)
class Sided:
    """What is asked: the problem of the image alone, the rules of its sides, and what lies around.

    Attributes
    ----------
    alone : Problem
        With a constant beyond all sides.
    rules : ((str, str), (str, str))
        Before and behind rows, and columns.
    real : ((int, int), (int, int))
        Pixels of a larger array around the image.
    """

    alone: Problem
    rules: tuple[Rules, Rules]
    real: tuple[Range, Range]

    @property
    def image_dtype(self) -> DType:
        return self.alone.image_dtype

    @property
    def axes(self) -> tuple[int, ...]:
        return self.alone.axes

    @property
    def shape(self) -> Shape:
        """Of the result."""
        return self.alone.shape

    @property
    def dtype(self) -> DType:
        return self.alone.dtype

    @property
    def given(self) -> Shape:
        """Shape of the image without what lies around."""
        return self.alone.image

    @lazily
    def image(self) -> Shape:
        """Shape of the image with what lies around."""
        found = list(self.given)
        for axis, (before, behind) in zip(self.axes, self.real, strict=True):
            found[axis] += before + behind
        return tuple(found)

    @property
    def around(self) -> dict[int, Range]:
        """Pixels around, by the image's axes; none where nothing is."""
        return dict(zip(self.axes, self.real, strict=True)) if any(map(any, self.real)) else {}

    def axis(self, number: int) -> Axis:
        """Rows or columns with all pixels that are there."""
        alone, each = self.alone, self.alone.channels if number else 1
        before, span = self.real[number][0], (alone.span[number] - 1) // each + 1
        lead, outputs = alone.lead[number] // each - before, alone.plane[number] // each
        size = self.image[self.axes[number]]
        return Axis(size, lead, span, alone.stride[number], outputs, self.rules[number])

    def part(self, rows: Run, columns: Run) -> Problem:
        """The problem of some outputs."""
        alone, each = self.alone, self.alone.channels
        image = list(self.given)
        for axis, run in zip(self.axes, (rows, columns), strict=True):
            image[axis] = len(run.pixels)
        first = (
            run.outputs[0] + real[0] // stride
            for run, real, stride in zip((rows, columns), self.real, alone.stride, strict=True)
        )
        down, right = first
        begin = begun(alone, down, right * each)
        return replace(
            alone, image=tuple(image), lead=(rows.lead, columns.lead * each),
            boundary=(rows.rule, columns.rule), begin=begin,
            plane=(_length(rows.outputs), _length(columns.outputs) * each),
        )  # fmt: skip

    def __str__(self) -> str:
        rows, columns = (" to ".join(dict.fromkeys(pair)) for pair in self.rules)
        told = replace(self.alone, boundary=(rows, columns))
        return f"{told}{f', around it {shown(self.real)}' if self.around else ''}"


@dataclass(frozen=True)
class Part:
    """A plan, and the pixels and outputs that it is for."""

    plan: Plan
    rows: Run
    columns: Run


@dataclass(frozen=True, repr=False)
class SidesPlan(Composed):
    """How an image is convolved whose sides have rules of their own, or pixels around.

    Made by `parconv.plan2d` with pairs in ``boundary``, or ``real``; ``plan(f)`` runs it,
    ``plan.bind(f, out)`` is a call without arguments, ``print(plan)`` one line,
    ``plan.explain()`` tells all.

    Attributes
    ----------
    problem : Sided
        What is asked.
    parts : tuple of Part
        One after another; the first is the largest.
    filter : Filter or None
        None for a plan that was made from a filter's shape, which cannot run.
    """

    problem: Sided
    parts: tuple[Part, ...]
    filter: Filter | None = field(default=None, compare=False)

    def _seen(self, f: Array) -> Array:
        problem = self.problem
        if f.shape != problem.given or not problem.around:
            return f
        return surrounded(f, problem.around)

    def _fill(self, f: Array, out: Array) -> None:
        problem = self.problem
        for part in self.parts:
            image = f
            runs = part.rows, part.columns
            for axis, run in zip(problem.axes, runs, strict=True):
                image = _taken(image, axis, run.pixels)
            target = out
            for axis, run in zip(problem.alone.map_axes[-2:], runs, strict=True):
                target = _taken(target, axis, range(*run.outputs))
            part.plan(image, target)

    @property
    def method(self) -> str:
        """That of the largest part."""
        return self.parts[0].plan.method if self.parts else "nothing to do"

    @property
    def threads(self) -> int:
        """Used at most."""
        return max((part.plan.threads for part in self.parts), default=1)

    @property
    def workspace(self) -> int:
        """Bytes beyond image and result."""
        return max((part.plan.workspace for part in self.parts), default=0)

    def __str__(self) -> str:
        if not self.parts:
            return f"{self.problem}: {self.method}"
        count = f"{len(self.parts)} part{'s' * (len(self.parts) > 1)}"
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return f"{self.problem}: {self.method}, {count}, {self.parts[0].plan.strategy}, {threads}"

    def _facts(self) -> dict[str, str]:
        told = {"whole": str(self.problem)}
        for number, part in enumerate(self.parts, 1):
            told[f"part {number}"] = f"rows {part.rows.outputs}, columns {part.columns.outputs}"
        return {**told, **(facts(self.parts[0].plan) if self.parts else {})}


def plan_sides(image: Any, g: Any, question: Question) -> SidesPlan:
    """The plan for an image given as ``(shape, dtype)`` and a filter, or its shape and dtype."""
    known = None if is_spec(g) else g
    taps = g if known is None else (known.shape, known.dtype)
    problem = _sided(image, taps, question, UNKNOWN if known is None else known.found)
    if 0 in problem.shape:
        return SidesPlan(problem, (), known)
    rows, columns = (list(problem.axis(number).runs()) for number in range(2))
    pairs = sorted(product(rows, columns), key=_outputs, reverse=True)
    return SidesPlan(problem, tuple(_parts(problem, pairs, known, question)), known)


def _sided(image: Any, taps: Any, question: Question, found: Any) -> Sided:
    """What is asked, validated with the rules before all axes, and behind them."""
    (top, bottom), (left, right) = rules = check_rules(question.boundary)
    real = check_real(question.real)
    if question.weights is not None or question.nan_policy != "propagate":
        raise ValueError(
            f"nan_policy={shown(question.nan_policy)}, where= and weights= go with one border for "
            "each axis, and without real: fill in what is missing first"
        )
    for pair in (top, left), (bottom, right):
        alone = describe(image, taps, replace(question, boundary=pair, real=None), found)
    if "constant" in (*rules[0], *rules[1]):
        pair = "constant", "constant"  # so that its value is known
        alone = describe(image, taps, replace(question, boundary=pair, real=None), found)
    if question.mode == "valid" and question.padding is None:
        return Sided(alone, (("constant",) * 2,) * 2, NOTHING)
    return Sided(replace(alone, boundary=("constant", "constant")), rules, real)


def _parts(
    problem: Sided, pairs: list[tuple[Run, Run]], g: Filter | None, question: Question
) -> Iterator[Part]:
    """The largest by the method that was asked for, others by the same, if that can."""
    method = question.method
    for rows, columns in pairs:
        part = problem.part(rows, columns)
        if (rows, columns) != pairs[0] and stages(part)[method].refusal:
            method = "direct"
        most = thread_limit(part.image, part.given, question.threads)
        plan = make_plan(part, question.threads, most, question.strategy, method)
        method = plan.method
        yield Part(plan if g is None else plan.with_filter(g), rows, columns)


def _taken(array: Array, axis: int, pixels: range | tuple[int, ...]) -> Array:
    """Some of an array along an axis: a view of those that follow one another."""
    if isinstance(pixels, range):
        found: Array = array[(slice(None),) * axis + (slice(pixels.start, pixels.stop),)]
        return found
    return np.take(array, pixels, axis)


def _length(run: Range) -> int:
    return run[1] - run[0]


def _outputs(pair: tuple[Run, Run]) -> int:
    return math.prod(_length(run.outputs) for run in pair)
