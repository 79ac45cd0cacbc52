"""Runs and calls of which compiled code alone sees that they are as ones before, and fills them.

`methods.given` has what looks.  Whatever it does not find in order goes the way of a first call.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..methods import given, words
from ..methods.kernels import Taps
from ..problem.dtypes import Array
from ..problem.filter import Filter, calls, trim
from ..runtime import telling
from ..runtime.strategies import STRATEGIES
from . import ready, skipping
from .limits import thread_limit

if TYPE_CHECKING:
    from .plan import Plan

# Bytes of scratch that a filter keeps for runs that look: of pixels that a second-level cache
# holds, and of results.
SCRATCH = (1 << 18) + (1 << 15)
# A kernel that takes no longer keeps the interpreter's lock.  Giving it away and taking it back
# costs 15 ns where nobody waits (Sapphire Rapids VM, 2026-11), but where another thread runs Python
# the caller gets it back only after that one's turn.
KEEPS_NS = 5_000


class Look(NamedTuple):
    """``run(words, f, out)``, what must live as long as the words, and bytes of that."""

    run: Callable[[Array, Array, Any], Array | None]
    words: Array
    kept: Any
    nbytes: int


def looks(plan: "Plan") -> bool:
    """Whether compiled code may look at a run's arrays: one thread's at one go."""
    if len(plan.bands) != 1 or STRATEGIES[plan.strategy].threaded or plan.kernels.obstacle:
        return False
    scratch = plan.stage.workspace(plan.bands) * plan.sums.itemsize
    return scratch <= SCRATCH and words.reads() and bool(ready.lift(plan))


def look_of(plan: "Plan", taps: Taps) -> Look | None:
    """What looks at the arrays of a run of a plan that `looks`; kept with the filter."""
    (_, work, fill, layout), problem, how = plan.shared, plan.problem, ready.lift(plan)
    finite = skipping.rows_of(problem) if taps.given else ()
    sound = finite is None and skipping.pixels_tell(problem)
    if taps.limit is not None or (finite is None and not sound):
        return None
    assert how
    f, out = np.empty(problem.image, problem.image_dtype), np.empty(problem.shape, problem.dtype)
    any_step = [given.ANY] * (0 if sound else f.ndim - how.run)
    image = words.must(f.shape, f.dtype, [*any_step, *f.strides[len(any_step) :]])
    keeps = plan.terms.takes < KEEPS_NS
    scratch = work.new_scratch(1)
    arguments = how.seen(f), taps.values, fill, how.seen(out), layout, scratch, work.table
    kernel = work.kernels.address
    apart = not how.whole and not finite
    numbers = words.words_of(
        kernel, keeps, image, how.order, out, finite or (), sound, apart, arguments
    )
    run = words.entry(given.run, 3)
    kept = plan.problem, work, taps.values, fill, layout, scratch
    found = Look(run, numbers, kept, numbers.nbytes + layout.nbytes + scratch.nbytes)
    object.__setattr__(taps, "look", found)
    trim()
    return found


# --- calls ---------------------------------------------------------------------------------------

# Calls that may be meant by one object, with other images or keywords each; where they are not, one
# in so many others takes their place.
MOST_CALLS, PATIENCE = 4, 100
MOST_KEYS = 256
_others = count(1)


class Call(NamedTuple):
    """A plan's words, if compiled code runs it, and a question's; else the plans that answer.

    ``look``: `given.answer` of the former, else `given.asks`, found once: beside a kernel that
    fills the caches what `words.entry` does costs 3 microseconds (Sapphire Rapids VM, 2026-11).
    ``kept`` must live as long as all these.
    """

    look: Callable[..., Any]
    words: Array | None
    asked: Array
    plans: "Plans"
    kept: Any


class Plans(NamedTuple):
    """The answers to a question: the one that holds however many threads there are, or each.

    For images of that shape and dtype, and a filter of that shape; ``threads`` as asked for.
    ``into``: whether the result's dtype is so by that of an output.
    """

    image: tuple[int, ...]
    kind: Any
    taps: tuple[int, ...]
    threads: Any
    known: Mapping[int, Any]
    lasting: Any
    result: Any
    into: bool


def again(key: Any, f: Any, g: Any, out: Any, options: Mapping[str, Any]) -> Array | None:
    """The result of a call that was made before, with arrays of that kind; None of another.

    ``key``: of operation and filter, where the latter may be another by now; ``g`` is it, or words
    that name it.
    """
    for look, plan, asked, plans, _ in calls.get(key, ()):
        if plan is not None:
            result: Array | None = look(plan, asked, f, g, out, options)
        elif look(asked, g, options):
            result = _run(plans, f, out)
        else:
            result = None
        if result is not None:
            return result
    return None


def _run(plans: Plans, f: Any, out: Any) -> Array | None:
    """A run of the plan for here and now; None where one cannot take the arrays as they are."""
    shape, kind, taps, threads, known, lasting, result, into = plans
    if type(f) is not np.ndarray or f.shape != shape or f.dtype is not kind:
        return None
    if into if out is None else getattr(out, "dtype", result) is not result:
        return None
    pair = lasting or known.get(thread_limit(shape, taps, threads))
    return pair and pair[0].run(f, pair[1], out)


def learn(
    key: Any, g: Any, options: Mapping[str, Any], known: Filter, pair: Any, asked: Mapping[str, Any]
) -> None:
    """Know a call of which no word can change, from now on.

    ``asked``: the keywords that the plan was asked for by, and the dtype where the output named it;
    of others, as of an array, the filter may have kept what they held.
    """
    latest, (plan, taps) = known.latest, pair
    if telling.WANTED:  # compiled code tells nothing
        return
    if latest is None or not asks_so(latest, asked):
        return
    shape, kind, _, _, _, answers, lasting = latest
    if not words.reads() or not any(pair is each for each in (lasting, *answers.values())):
        return
    missing = getattr(plan.problem, "missing", None)
    if missing is not None and getattr(plan, "looks_first", True):  # pixels must be looked at
        return
    before = calls.get(key, ())
    if len(before) >= MOST_CALLS and next(_others) % PATIENCE:
        return
    named = words.naming(g) if type(key) is tuple else _named(g, known)
    if named is None:
        return
    itself = g if named[0] or named[1] else None
    into = "dtype" in asked and "dtype" not in options
    result = plan.problem.dtype
    refused = _was_refused(before, (shape, kind, result), g, options)
    looks = taps is not None and lasting is pair and plan._looks and not refused
    look = taps.look if looks else None
    if looks and look is None:  # that is made by its second run
        return
    # The look too: another thread may have made one as well, which then takes this one's place.
    kept = tuple(options.items()), known, pair, look, itself, getattr(g, "dtype", None)
    plans = Plans(shape, kind, known.shape, asked.get("threads"), answers, lasting, result, into)
    taker = words.entry(given.answer, 6) if look else words.entry(given.asks, 3)
    question = words.asked_of(options, named, into)
    call = Call(taker, look.words if look else None, question, plans, kept)
    if len(calls) >= MOST_KEYS:
        calls.clear()
    calls[key] = *before[: MOST_CALLS - 1], call


def _was_refused(
    known: Sequence[Call], kinds: tuple[Any, ...], g: Any, options: Mapping[str, Any]
) -> bool:
    """Whether compiled code knows the call, but left its arrays to others, as those in Fortran's
    order: it will do so again.
    """
    return any(
        each.words is not None
        and (each.plans.image, each.plans.kind, each.plans.result) == kinds
        and words.entry(given.asks, 3)(each.asked, g, options)
        for each in known
    )


def asks_so(latest: Any, options: Mapping[str, Any]) -> bool:
    """Whether a filter's latest call had the same objects as keywords, in the same order."""
    _, _, _, names, values, _, _ = latest
    return [*options] == names and all(map(operator.is_, options.values(), values))


def _named(g: Any, known: Filter) -> list[int] | None:
    """By what a filter is known again."""
    if g is known:
        return words.same(g)
    if type(g) is not np.ndarray or g.ndim > given.MOST_AXES:
        return None
    content = known.content_of(g)
    return None if content is None else words.holding(g, content if content.size else None)
