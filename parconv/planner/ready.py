"""What a plan does once for all runs: the bands' work, what the kernel reads, how arrays go in."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..methods.kernels import Taps
from ..problem import maps
from ..problem.bands import joined
from ..problem.door import as_array
from ..problem.dtypes import Array
from ..problem.filter import Filter
from ..runtime import arrays, telling, turning
from ..runtime.outputs import outputs_of
from ..runtime.strategies import STRATEGIES
from ..runtime.strategies.work import Work, spare
from . import skipping
from .bound import Bound
from .excerpts import elsewhere
from .lifting import Lift, lift_of

if TYPE_CHECKING:
    from .plan import Plan

Shared = tuple[Any, Work, Array, Array]  # the strategy, its work, the border's constants, layout
Ends = tuple[Any, ...]  # see `ends`


def shared(plan: "Plan") -> Shared:
    """What every run of a plan shares."""
    stage, needed = plan.stage, plan.stage.workspace(plan.bands)
    table = np.array(plan.bands, np.int64).reshape(-1, 2)
    table.flags.writeable = False
    remote, sent = stage.elsewhere(plan.method) or elsewhere(plan.method, stage.inner)
    work = Work(
        kernels=plan.kernels,
        remote=remote,
        excerpt=sent,
        bands=plan.bands,
        runs=joined(plan.bands),
        table=table,
        threads=plan.threads,
        launch=plan.launch,
        terms=plan.terms,
        workspace=needed,
        element=plan.sums,
        spare=spare(needed),
    )
    fill = stage.method.fill(stage.summed)
    return STRATEGIES[plan.strategy].run, work, fill, stage.layout(plan.bands)


def execute(
    plan: "Plan", source: Array, taps: Array, target: Array, tell: Callable[[Array], Array] | None
) -> None:
    """Run the kernel; with a layout of the call's own where that tells what went wrong."""
    run, work, fill, layout = plan.shared
    layout = layout.copy() if plan.stage.tells else layout
    layout = tell(layout) if tell else layout
    run(work, (source, taps, fill, target, layout))
    plan.stage.check(layout)


def lift(plan: "Plan") -> Lift | None:
    """How arrays go in as they come; None: they are arranged first, and copied where they must."""
    missing = plan.problem.missing
    alone = not (missing and missing.weighted)  # the stage brings weights along
    itself = plan.bands and alone and plan.stage.inner is plan.problem and not plan.stage.tells
    return lift_of(plan.problem, plan.method, plan.threads) if itself else None


def ends(plan: "Plan") -> Ends:
    """What a run asks: of the image, for an output, of one that is given; how both go in."""
    problem = plan.problem
    new = outputs_of(problem.shape, problem.dtype)
    given, taken = (problem.image, problem.image_dtype), (problem.shape, problem.dtype)
    return *given, new, *taken, lift(plan)


def prepared(plan: "Plan", g: Filter) -> Taps:
    """A filter as the kernel reads it; given again where pixels can tell what its zeros do."""
    taps = plan.stage.prepare(maps.filter_of(plan.problem, g))
    tells = skipping.can_tell(plan.stage.inner, plan.stage.method) and g.has_zeros
    return replace(taps, given=g) if tells else taps


def run(plan: "Plan", f: Array, taps: Taps, out: Array | None) -> Array:
    """Check the arrays against the problem, then let the strategy fill the output."""
    shape, kind, new, out_shape, out_kind, how = plan.ends
    if f.shape != shape or f.dtype != kind:
        f = arrays.check_image(f, shape, kind)
    if out is None:
        result: Array = new()
        plain = result
        easy = f.flags.aligned
    elif arrays.are_easy(f, out, out_shape, out_kind):
        result, plain, easy = out, out, True
    else:
        result, (f, plain) = out, arrays.check_output(out, f, out_shape, out_kind)
        easy = arrays.is_plain(f, plain)
    if taps.limit is not None:
        arrays.check_range(f, taps.limit)
    if easy and how and _goes_in(how, f, plain):
        fill_bands, work, fill, layout = plan.shared
        f, plain = how.seen(f), how.seen(plain)
        source, target = (turning.in_rows(f), turning.rows_for(plain)) if how.turns else (f, plain)
        fill_bands(work, (source, taps.values, fill, target, layout))
        if taps.given is not None:
            skipping.hold(plan, source, taps.given, target)
        if target is not plain:
            turning.deliver(target, plain)
    elif plan.bands:
        convert(plan, f, taps, plain)
    return result


def _goes_in(how: Lift, f: Array, out: Array) -> bool:
    return not how.whole or (f.flags.c_contiguous and out.flags.c_contiguous)


def _stays(how: Lift, f: Array, out: Array) -> bool:
    """Whether the kernel sees the arrays' own memory, call for call."""
    return _goes_in(how, f, out) and not (how.turns and any(map(turning.is_due, (f, out))))


def convert(plan: "Plan", f: Array, taps: Taps, out: Array) -> None:
    """Run on what the kernel can see of the arrays, or on copies."""
    problem = plan.problem
    where = problem.map_axes, problem.channels
    target = arrays.writable(out, *where)
    source = arrays.planes(maps.with_channels(problem, arrays.readable(f)), *where)
    skipping.compute(plan, source, taps, target)
    arrays.deliver(target, out, *where)


def bind(plan: "Plan", f: Array, out: Array) -> Bound:
    """The call ``plan(f, out)`` without arguments, as `Plan.bind` tells."""
    if plan.taps is None:
        raise ValueError("the plan was made from a filter's shape: pass the filter to plan2d")
    if not isinstance(f, np.ndarray):
        raise TypeError(f"f is a {type(f).__name__}: pass a numpy array, whose changes are seen")
    problem, image = plan.problem, as_array("f", f, plan.problem.axes)
    again = partial(partial, plan.run, image, plan.taps, out)
    if image.dtype != problem.image_dtype or image.shape != problem.image:
        arrays.check_image(image, problem.image, problem.image_dtype)
        return Bound(again, image, out)
    seen, plain = arrays.check_output(out, image, problem.shape, problem.dtype)
    how = None if telling.WANTED or plan.looks_first else lift(plan)
    plainly = plan.taps.limit is None and plan.taps.given is None
    easy = plainly and arrays.is_plain(image, plain)
    if not how or not easy or not _stays(how, image, plain) or seen is not image:
        return Bound(again, image, out)
    _, work, fill, layout = plan.shared
    source, target = (how.seen(array[...]) for array in (image, plain))  # shapes stay these views'
    given = source, plan.taps.values, fill, target, layout
    return Bound(partial(STRATEGIES[plan.strategy].bind, work, given), image, out)


def workspace(plan: "Plan") -> int:
    """Bytes beyond image and output of a plan with bands."""
    problem = plan.problem
    copies = arrays.copied_bytes(problem.image, problem.image_dtype)
    copies += arrays.copied_bytes(problem.shape, problem.dtype)
    scratch = plan.stage.workspace(plan.bands) * plan.sums.itemsize
    return int(scratch * plan.threads + copies + plan.stage.extra_bytes)
