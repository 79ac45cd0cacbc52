"""Convolutions of dask arrays: lazy in, lazy out, with the bits of one call.

Blocks exchange what their filter reaches of one another, no border is invented between them, and
all are computed by the method of the whole.
"""

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

import dask.array as da
import numpy as np
from dask.array import PerformanceWarning
from numpy.typing import ArrayLike

from ..filters.lengths import length as length_of
from ..planner.answers import planned
from ..planner.brief import BriefPlan
from ..planner.chain import Chain
from ..planner.missing import MissingPlan
from ..planner.plan import Plan
from ..planner.planes import PlanesPlan
from ..planner.sides import SidesPlan
from ..planner.volume import VolumePlan
from ..problem.brief import is_brief
from ..problem.dtypes import FLOAT32, Array
from ..problem.filter import filter_of
from ..problem.question import Options, Question, spelled
from ..problem.shown import shown
from .collections import collection
from .cuts import merged
from .graph import Cutting
from .parts import Others, Planes, Whole
from .weights import with_weights

__all__ = ["apply", "conv2d", "correlate2d"]
OURS = f"{__package__.partition('.')[0]}."


@spelled()
def conv2d(f: da.Array, g: ArrayLike, **options: Unpack[Options]) -> da.Array:
    """Convolve a dask array, block by block and lazily: `parconv.conv2d` of all its pixels.

    Parameters
    ----------
    f : dask.array.Array
        Image or stack of images, whose chunks have known sizes.  Chunks smaller than what the
        filter reaches become larger ones, with a `dask.array.PerformanceWarning`; so does an axis
        that a layer sums over, or that holds colours, become one chunk.
    g : array_like
        Filter, bank of filters or layer.
    mode, boundary, cval, padding, origin, axes, stride, dilation, groups : optional
        As in `parconv.conv2d`.
    real : None
        Not offered: a dask array has all its pixels.
    dtype, accumulate, tolerance, zero_taps, bias, scale, overflow, rounding : optional
        As in `parconv.conv2d`.
    where, weights, nan_policy, min_weight : optional
        As in `parconv.conv2d`; arrays may be dask's.
    threads : int, optional
        Of each task, at most; by default the share that a task has of the cores.
    strategy, method : optional
        As in `parconv.conv2d`.

    Returns
    -------
    dask.array.Array
        Of the chunks of ``f`` with ``mode="same"``.  Bit-identical to `parconv.conv2d` of the
        whole, except that transforms (methods "fft" and "winograd"), "cosines" and the products of
        "gemm" begin anew in each block, and means over what is there (``where``,
        ``nan_policy="omit"``) may round otherwise.

    Raises
    ------
    TypeError, ValueError
        Where an argument is wrong, when the graph is made; what is wrong with pixels is known when
        they are computed.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> import parconv
    >>> x = da.ones((400, 600), chunks=(200, 200), dtype="float32")
    >>> y = parconv.chunked.dask.conv2d(x, np.ones((3, 3)), mode="same")
    >>> y.chunks, y.dtype
    (((200, 200), (200, 200, 200)), dtype('float32'))
    >>> float(y.sum().compute())
    2154004.0
    """
    return answer(_array(f), g, None, options, False)


@spelled()
def correlate2d(f: da.Array, g: ArrayLike, **options: Unpack[Options]) -> da.Array:
    """Correlate a dask array, block by block and lazily: `conv2d` without reflecting the filter.

    Parameters
    ----------
    f : dask.array.Array
        Image or stack of images.
    g : array_like
        Filter, bank of filters or layer.
    mode, boundary, cval, padding, origin, axes, stride, dilation, groups, real : optional
        As in `conv2d`.
    dtype, accumulate, tolerance, zero_taps, bias, scale, overflow, rounding : optional
        As in `conv2d`.
    where, weights, nan_policy, min_weight : optional
        As in `conv2d`.
    threads, strategy, method : optional
        As in `conv2d`.

    Returns
    -------
    dask.array.Array
        As by `conv2d`, whose errors these are, too.

    Examples
    --------
    >>> import dask.array as da
    >>> import parconv
    >>> x = da.arange(12, chunks=12).reshape(2, 6)
    >>> parconv.chunked.dask.correlate2d(x, [[0, 1]]).compute()
    array([[ 1,  2,  3,  4,  5],
           [ 7,  8,  9, 10, 11]])
    """
    return answer(_array(f), g, None, options, True)


def apply(plan: Plan | Chain, f: da.Array) -> da.Array:
    """Run a plan, or a chain of plans, on a dask array, lazily.

    Parameters
    ----------
    plan : Plan or Chain
        For an image of the array's shape and dtype, as `parconv.plan2d` makes it of
        ``(f.shape, f.dtype)``: over two axes.
    f : dask.array.Array
        The image.

    Returns
    -------
    dask.array.Array
        What the plan makes of it; of a chain step by step.

    Raises
    ------
    TypeError, ValueError
        Where the plan is for another image, is over other than two axes, or knows no filter.

    Examples
    --------
    >>> import dask.array as da
    >>> import parconv
    >>> x = da.ones((30, 40), chunks=20)
    >>> plan = parconv.plan2d((x.shape, x.dtype), [[1, 1]], mode="same")
    >>> parconv.chunked.dask.apply(plan, x).compute()[0, :3]
    array([2., 2., 2.])
    """
    if isinstance(plan, Chain):
        for step in plan.plans:
            f = apply(step, f)
        return f
    f = _array(f)
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


# --- for calls that find such an array -----------------------------------------------------------


def answer(f: Any, g: Any, out: Any, options: Any, correlate: bool) -> da.Array:
    """The convolution of a dask array, where `parconv.conv2d` or `parconv.correlate2d` met it."""
    _refuse_out(out)
    f = _array(f)
    if options.get("real") is not None:
        raise ValueError(f"real={shown(options['real'])} is for arrays in memory: leave it out")
    f, keywords, weights = with_weights(f, options)
    question = Question.of(keywords, correlate)
    plan = planned((f.shape, f.dtype), filter_of(g), question)
    return _filtered(_whole(plan, question), f, weights)


def applied(plan: Any, f: Any, out: Any) -> da.Array:
    """What a plan makes of it that was called with it."""
    _refuse_out(out)
    return apply(plan, f)


def length(slopes: Sequence[Callable[[], da.Array]]) -> da.Array:
    """Square root of the sum of squares, block by block."""
    made = [make() for make in slopes]
    return da.map_blocks(_length, *made, dtype=made[0].dtype, meta=made[0]._meta)


def _length(*slopes: Array) -> Array:
    return length_of([partial(np.array, each) for each in slopes])


def each(f: Any, call: Callable[[Any], Any]) -> Any:
    """What a call makes of it, which is one array."""
    return call(_array(f))


def _array(f: Any) -> da.Array:
    if not isinstance(f, da.Array):
        raise TypeError(
            f"f is a {type(f).__module__}.{type(f).__name__}: pass a dask array, as "
            "da.from_array(f, chunks=...) or da.from_delayed(f, shape, dtype) makes one"
        )
    if any(size != size for size in f.shape):
        raise ValueError(f"f has shape {f.shape}: pass f.compute_chunk_sizes()")
    if not isinstance(f._meta, np.ndarray):
        raise TypeError(
            f"f has blocks of {type(f._meta).__module__}: pass f.map_blocks(numpy.asarray)"
        )
    return f


def _refuse_out(out: Any) -> None:
    if out is not None:
        raise TypeError(
            f"out is a {type(out).__name__}, and f an array of dask, which is computed later: "
            "leave it out, and store the result, as by da.store(result, out)"
        )


def _whole(plan: Any, question: Question) -> Whole:
    kinds = plan.problem.image_dtype, plan.problem.dtype
    if isinstance(plan, BriefPlan):
        plan = plan.inner
        question = replace(question, dtype=FLOAT32) if is_brief(question.dtype) else question
    if isinstance(plan, VolumePlan | PlanesPlan):
        return Others(plan, kinds, question)
    return Planes(plan, kinds)


def _filtered(whole: Whole, f: da.Array, weights: da.Array | None) -> da.Array:
    if 0 in whole.shape:
        return da.empty(whole.shape, whole.kinds[1], chunks=-1)
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
        PerformanceWarning, stacklevel=_callers(),
    )  # fmt: skip
    return f.rechunk(changed)


def _callers() -> int:
    """Frames up to the first one that is not ours, as `warnings.warn` counts them."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(OURS):
        level, frame = level + 1, frame.f_back
    return level
