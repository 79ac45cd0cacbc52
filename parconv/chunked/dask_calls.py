"""Calls that find a dask array: what they make of it, lazily."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import dask.array as da
import numpy as np
from dask.array import PerformanceWarning

from ..filters.lengths import length as length_of
from ..planner.answers import planned
from ..planner.chain import Chain
from ..planner.missing import MissingPlan
from ..planner.plan import Plan
from ..planner.sides import SidesPlan
from ..problem.caller import stacklevel
from ..problem.dtypes import Array
from ..problem.filter import filter_of
from ..problem.question import Question
from ..problem.shown import shown
from .collections import collection
from .cuts import merged
from .graph import Cutting
from .others import whole_of
from .parts import Planes, Whole
from .weights import check_blocks, with_weights


def answer(f: Any, g: Any, out: Any, options: Any, correlate: bool) -> da.Array:
    """The convolution of a dask array, where `parconv.conv2d` or `parconv.correlate2d` met it."""
    _refuse_out(out)
    f = checked(f)
    if options.get("real") is not None:
        raise ValueError(f"real={shown(options['real'])} is for arrays in memory: leave it out")
    f, keywords, weights = with_weights(f, options)
    question = Question.of(keywords, correlate)
    plan = planned((f.shape, f.dtype), filter_of(g, lasting=True), question)
    return _filtered(whole_of(plan, question), f, weights)


def applied(plan: Any, f: Any, out: Any) -> da.Array:
    """What a plan, or a chain of plans, makes of it."""
    _refuse_out(out)
    if isinstance(plan, Chain):
        for step in plan.plans:
            f = applied(step, f, None)
        return f
    f = checked(f)
    if not isinstance(plan, Plan | SidesPlan):
        raise TypeError(
            f"{shown(plan)}: pass a plan over two axes, or call conv2d with the dask array itself"
        )
    if plan.filter is None:
        raise ValueError("the plan was made from a filter's shape: pass the filter to plan2d")
    problem = plan.problem
    if (f.shape, f.dtype) != (problem.image, problem.image_dtype):
        raise ValueError(
            f"f has shape {f.shape} and dtype {f.dtype}, the plan is for {problem.image} and "
            f"{problem.image_dtype}: make it by plan2d((f.shape, f.dtype), ...)"
        )
    weights = None
    if isinstance(plan, MissingPlan) and plan.weights is not None:
        weights, plan = da.from_array(plan.weights, chunks=f.chunks), replace(plan, weights=None)
    return _filtered(Planes(plan, (problem.image_dtype, problem.dtype)), f, weights)


def length(slopes: Sequence[Callable[[], da.Array]], out: Any) -> da.Array:
    """Square root of the sum of squares, block by block."""
    _refuse_out(out)
    made = [make() for make in slopes]
    return da.map_blocks(_length, *made, dtype=made[0].dtype, meta=made[0]._meta)


def _length(*slopes: Array) -> Array:
    return length_of([partial(np.array, each) for each in slopes])


def each(f: Any, call: Callable[[Any], Any]) -> Any:
    """What a call makes of it, which is one array."""
    return call(checked(f))


def checked(f: Any) -> da.Array:
    """It, if blocks of it can be filtered."""
    if not isinstance(f, da.Array):
        raise TypeError(
            f"f is a {type(f).__module__}.{type(f).__name__}: pass a dask array, as "
            "da.from_array(f, chunks=...) or da.from_delayed(f, shape, dtype) makes one"
        )
    check_blocks("f", f)
    return f


def _refuse_out(out: Any) -> None:
    if out is not None:
        raise TypeError(
            f"out is a {type(out).__name__}, and f an array of dask, which is computed later: "
            "leave it out, and store the result, as by da.store(result, out)"
        )


def _filtered(whole: Whole, f: da.Array, weights: da.Array | None) -> da.Array:
    if 0 in whole.shape:
        return da.empty(whole.shape, dtype=whole.kinds[1], chunks=-1)
    f = _rechunked(whole, f)
    if weights is not None:
        weights = weights.rechunk(f.chunks)
    return collection(Cutting(whole, f.chunks), f, weights)


def _rechunked(whole: Whole, f: da.Array) -> da.Array:
    """Chunks of at least what a block needs of its neighbours."""
    wanted: dict[int, tuple[int, ...]] = {axis: (f.shape[axis],) for axis in whole.together}
    for line in whole.lines:
        chunks = f.chunks[line.axis]
        wanted[line.axis] = chunks
        if line.is_odd:
            wanted[line.axis] = (line.size,)
        elif len(chunks) > 1 and min(chunks) < line.halo:
            wanted[line.axis] = merged(chunks, line.halo)
    changed = {axis: sizes for axis, sizes in wanted.items() if sizes != f.chunks[axis]}
    if not changed:
        return f
    told = "; ".join(
        f"{shown(f.chunks[axis])} along axis {axis} become {shown(sizes)}"
        for axis, sizes in changed.items()
    )
    warnings.warn(
        f"f has chunks that are smaller than a block needs: {told}; pass f.rechunk(...) with "
        "larger ones, or with one along an axis that is summed over or holds colours",
        PerformanceWarning, stacklevel=stacklevel(),
    )  # fmt: skip
    return f.rechunk(changed)
