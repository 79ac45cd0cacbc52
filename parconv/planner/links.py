"""Which steps of a chain go together, and how much of an image at a time.

Steps whose results have the same bits in any part of an image do, a few rows or images at a time,
so that what lies between them stays in the caches (`rolling`).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..problem.borders import BOUNDARIES, WRAP
from ..problem.dtypes import Array
from ..problem.problem import Problem
from .choice import part_of
from .plan import Plan
from .rolling import Rolling, rows_axes

# Bytes of a part: of the image, of the result and of what lies between; for each of many threads.
# Milliseconds of two 3x3 on 3000 x 4000 float32, one after another 7.5, by parts of 2, 4, 8 MiB
# 11.5, 9.6, 8.1; on 4096 x 4096 20.4, and 37.9, 26.8, 15.3 (one core, Zen 3 VM, 2026-11).
PART_BYTES, THREAD_BYTES = 1 << 23, 1 << 21
STEP = 24  # rows: whole tiles of most methods


@dataclass(frozen=True, eq=False)
class Link:
    """Steps that go together: ``items`` of the leading axis, ``rows`` of the result at a time.

    None of either: all.
    """

    plans: tuple[Plan, ...]
    items: int | None = None
    rows: int | None = None
    _known: dict[int | None, Rolling] = field(default_factory=dict, repr=False)

    def run(self, f: Array, out: Array) -> None:
        """All parts of the result, one after another."""
        if self.items is None:
            self._rolling(None).run(f, out)
            return
        for start in range(0, len(out), self.items):
            part = slice(start, min(start + self.items, len(out)))
            self._rolling(part.stop - part.start).run(f[part], out[part])

    def _rolling(self, items: int | None) -> Rolling:
        if items not in self._known:
            plans = self.plans if items is None else [_of_items(plan, items) for plan in self.plans]
            self._known[items] = Rolling(plans, self.rows or plans[-1].problem.plane[0])
        return self._known[items]

    @property
    def room(self) -> int:
        """Bytes of what is kept between steps."""
        return self._rolling(self.items).room

    def __str__(self) -> str:
        if len(self.plans) == 1:
            return "1 step, on the whole"
        cut = [f"{self.items} items"] * (self.items is not None)
        cut += [f"{self.rows} rows of the result"] * (self.rows is not None)
        return f"{len(self.plans)} steps, {' and '.join(cut) or 'all'} at a time"


def links_of(plans: Sequence[Plan]) -> Iterator[Link]:
    """All steps, as few links as may be."""
    begun: list[Plan] = []
    for plan in plans:
        if begun and not _follows(begun[-1], plan):
            yield _link(begun)
            begun = []
        begun.append(plan)
    yield _link(begun)


def _follows(before: Plan, plan: Plan) -> bool:
    """Whether a step can take the rows before it as they come."""
    same_axis = rows_axes(before.problem)[1] == rows_axes(plan.problem)[0]
    wraps = plan.problem.boundary[0] == BOUNDARIES[WRAP]
    return same_axis and not wraps and _goes_by_parts(before) and _goes_by_parts(plan)


def _goes_by_parts(plan: Plan) -> bool:
    """Whether parts of the result have the same bits, and refuse no more pixels, than the whole."""
    stage, taps = plan.stage, plan.taps
    assert taps is not None
    return bool(plan.bands) and taps.limit is None and stage.method.anywhere(stage.asked)


def _link(plans: Sequence[Plan]) -> Link:
    """Its parts are so small that what lies between steps stays in the caches."""
    if len(plans) == 1:
        return Link(tuple(plans))
    whole = _bytes([plan.problem for plan in plans])
    part = max(PART_BYTES, THREAD_BYTES * max(plan.threads for plan in plans))
    if whole <= part:
        return Link(tuple(plans))
    items, count = None, 1
    if all(map(_leads, plans)):
        count = plans[-1].problem.shape[0]
        items = max(1, count * part // whole)
    rows, least = plans[-1].problem.plane[0], sum(plan.problem.span[0] for plan in plans)
    height = rows * part // (whole // (1 if items is None else count)) // STEP * STEP
    height = max(STEP, least, height)
    return Link(tuple(plans), items, None if height >= rows else height)


def _bytes(problems: Sequence[Problem]) -> int:
    """Of the image, the result and what lies between."""
    first = math.prod(problems[0].image) * problems[0].image_dtype.itemsize
    return first + sum(math.prod(each.shape) * each.dtype.itemsize for each in problems)


def _leads(plan: Plan) -> bool:
    """Whether items of the leading axis are filtered alike, each for itself."""
    problem = plan.problem
    if 0 in problem.axes or len(problem.image) < 3:
        return False
    shapes = [_with_items(problem, n).shape for n in (1, 2)]
    return shapes == [(n, *problem.shape[1:]) for n in (1, 2)]


def _with_items(problem: Problem, items: int) -> Problem:
    return replace(problem, image=(items, *problem.image[1:]))


def _of_items(plan: Plan, items: int) -> Plan:
    return part_of(plan, _with_items(plan.problem, items))
