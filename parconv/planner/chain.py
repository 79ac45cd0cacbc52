"""Several convolutions in one call, each of what the last one left.

Steps whose results have the same bits in any part of an image go together, a few rows or images at
a time, so that what lies between them stays in the caches (`rolling`).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..problem.borders import BOUNDARIES, WRAP
from ..problem.door import as_array
from ..problem.dtypes import Array
from ..problem.lazily import lazily
from ..problem.problem import Problem
from ..problem.shown import shown
from ..runtime import arrays
from ..runtime.outputs import new_output
from .choice import part_of
from .explain import as_table, as_text
from .plan import Plan
from .rolling import Rolling, rows_axes

# Bytes of a part: of the image, of the result and of what lies between; for each of many threads.
# Milliseconds of two 3x3 on 3000 x 4000 float32, one after another 7.5, by parts of 2, 4, 8 MiB
# 11.5, 9.6, 8.1; on 4096 x 4096 20.4, and 37.9, 26.8, 15.3 (one core, Zen 3 VM, 2026-11).
PART_BYTES, THREAD_BYTES = 1 << 23, 1 << 21
STEP = 24  # rows: whole tiles of most methods


def chain(*plans: Plan) -> "Chain":
    """Several convolutions in one call, each of the last one's result.

    The bits are those of the plans called one after another, which take longer: between two steps
    only rows lie that stay in the caches.  So Gaussian and derivative, or a depthwise layer and a
    layer of 1 x 1, read the image once and write the result once.

    Parameters
    ----------
    *plans : Plan
        Steps in order; each is for an image of the shape and dtype of the result before, as
        ``plan2d(plan_before, g, ...)`` makes it.

    Returns
    -------
    Chain
        ``chain(f, out=None)`` runs it on any image that the first plan takes; ``print(chain)``
        shows it in one line, ``chain.explain()`` in full.

    Raises
    ------
    TypeError, ValueError
        Where a step is no plan, knows no filter, or takes another image than the step before
        leaves.

    See Also
    --------
    plan2d : A step.

    Notes
    -----
    Transforms (methods "fft" and "winograd", "planes"), products by BLAS ("gemm"), "passes" of
    filters longer than the image is high and sums in int64 that might overflow take the whole of
    what the step before leaves; so does a step whose rows wrap around.  `Chain.explain` tells what
    goes together.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> f = np.random.default_rng(0).random((512, 512), np.float32)
    >>> smooth = parconv.plan2d(f, parconv.filters.gaussian_factors(1), mode="same", threads=1)
    >>> slope = parconv.plan2d(smooth, [[1, 0, -1]], mode="same", threads=1)
    >>> both = parconv.chain(smooth, slope)
    >>> bool((both(f) == slope(smooth(f))).all())
    True
    """
    for number, plan in enumerate(plans):
        _check_step(number, plan, plans[number - 1] if number else None)
    if not plans:
        raise ValueError("chain() has no steps: pass plans")
    return Chain(plans)


def _check_step(number: int, plan: Any, before: Plan | None) -> None:
    name = f"step {number + 1} of the chain"
    if not isinstance(plan, Plan):
        raise TypeError(f"{name} is {shown(plan)}: pass a plan, as plan2d makes it")
    if plan.filter is None:
        raise ValueError(f"{name} was made from a filter's shape: pass the filter to plan2d")
    if before is None:
        return
    wanted, left = plan.problem, before.problem
    if (wanted.image, wanted.image_dtype) != (left.shape, left.dtype):
        raise ValueError(
            f"{name} is for an image of shape {wanted.image} and dtype {wanted.image_dtype}, the "
            f"step before leaves shape {left.shape} and dtype {left.dtype}: make it by "
            "plan2d(plan_before, ...)"
        )


@dataclass(frozen=True, repr=False)
class Chain:
    """Several convolutions in one call; made by `parconv.chain`.

    Attributes
    ----------
    plans : tuple of Plan
        The steps.
    """

    plans: tuple[Plan, ...]

    def __getstate__(self) -> dict[str, Any]:
        """The steps; what follows from them is found again."""
        return {"plans": self.plans}

    def __call__(self, f: ArrayLike, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Run all steps.

        Parameters
        ----------
        f : array_like
            An image of the first plan's shape and dtype.
        out : ndarray, optional
            Where to put the result, of the last plan's shape and dtype; it may overlap ``f``.

        Returns
        -------
        ndarray
            The result: ``out`` where it was given.
        """
        first, last = self.plans[0].problem, self.plans[-1].problem
        image = as_array("f", f, first.axes)
        if image.shape != first.image or image.dtype != first.image_dtype:
            image = arrays.check_image(image, first.image, first.image_dtype)
        result: Array = new_output(last.shape, last.dtype) if out is None else out
        image, target = arrays.check_output(result, image, last.shape, last.dtype)
        for link in self._links:
            problem = link.plans[-1].problem
            left = target if link is self._links[-1] else np.empty(problem.shape, problem.dtype)
            link.run(image, left)
            image = left
        return result

    @lazily
    def _links(self) -> tuple["Link", ...]:
        return tuple(_links(self.plans))

    # --- tell ---

    @property
    def workspace(self) -> int:
        """Bytes beyond image and result: what lies between steps, and the largest scratch."""
        between = sum(link.room for link in self._links)
        whole = [link.plans[-1].problem for link in self._links[:-1]]
        between += sum(math.prod(problem.shape) * problem.dtype.itemsize for problem in whole)
        return between + max(plan.workspace for plan in self.plans)

    def __str__(self) -> str:
        return " | ".join(map(str, self.plans))

    def __repr__(self) -> str:
        return f"<Chain: {self}>"

    def _repr_html_(self) -> str:
        """A table of what `explain` tells, for notebooks."""
        return as_table(self._facts())

    def explain(self) -> str:
        """The chain in full, one fact a line."""
        return as_text(self._facts())

    def _facts(self) -> dict[str, str]:
        steps = {f"step {n + 1}": str(plan) for n, plan in enumerate(self.plans)}
        parts = {f"part {n + 1}": str(link) for n, link in enumerate(self._links)}
        return {**steps, **parts, "workspace": f"{self.workspace:,} bytes beyond image and result"}


# --- what goes together --------------------------------------------------------------------------


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


def _links(plans: Sequence[Plan]) -> Iterator[Link]:
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
    return bool(plan.bands) and taps.limit is None and stage.method.anywhere(stage.inner)


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
