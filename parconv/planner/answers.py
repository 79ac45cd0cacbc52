"""From a call to the plan that answers it: what a filter remembers, or a new one."""

import operator
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..problem.dtypes import Array
from ..problem.filter import Filter, keep
from ..problem.missing import ARRAYS, brings, without_arrays
from ..problem.question import Question, told
from ..problem.store import hashable
from ..problem.traits import UNKNOWN
from ..problem.volumes import is_volume
from .choice import decide, is_small, is_spec, thread_limit
from .masked import plan_volume
from .plan import Plan
from .volume import VolumePlan

ANY = 0  # threads
Pair = tuple[Plan | VolumePlan, Any]  # and the filter as its method reads it


def answer(f: Array, g: Filter, options: Mapping[str, Any], correlate: bool) -> Pair:
    """The plan for a call, and its filter prepared: those of such a call before, if there was one.

    Those for any number of threads stand under `ANY`, others under the threads they may use.
    """
    latest = g.latest  # looked up once: another thread may forget it
    if latest is not None:
        shape, kind, product, names, values, pair = latest
        same = f.shape == shape and f.dtype is kind and correlate is product
        if same and [*options] == names and all(map(operator.is_, options.values(), values)):
            return pair  # type: ignore[no-any-return]
    if not ARRAYS.isdisjoint(options) and brings(options):
        return _weighted(f, g, options, correlate)
    key: Any
    try:
        key = f.shape, f.dtype, correlate, told(options) if options else ()
        known = g.plans.get(key)
    except Exception:  # a list or an array among the options, or a stranger, cannot be a key
        if kept := hashable(options):
            return answer(f, g, kept, correlate)
        key = known = None
    if known is not None:
        threads = options.get("threads")
        found: Pair | None = known.get(ANY)
        if found is not None or (type(threads) is int and threads == 1):
            found = found or known.get(1)
            # The same objects again are the same question: they are hashable, so nobody changes
            # them.  A call with six keywords takes 1 microsecond less so (Zen 3 VM, 2026-11).
            if found is not None:
                g.latest = f.shape, f.dtype, correlate, [*options], [*options.values()], found
        else:
            found = known.get(thread_limit(f.shape, g.shape, threads))
        if found is not None:
            return found
    return _answered(key, f, g, Question.of(options, correlate))


def _weighted(f: Array, g: Filter, options: Mapping[str, Any], correlate: bool) -> Pair:
    """The same where an array of weights is among the options, which no key can hold."""
    rest, weights = without_arrays(options, f.shape)
    plan, taps = answer(f, g, rest, correlate)
    if isinstance(plan, VolumePlan):
        return replace(plan, weights=weights), None
    return plan, replace(taps, weights=weights)


def _answered(key: Any, f: Array, g: Filter, question: Question) -> Pair:
    """The same for the first time; the filter is known from now on."""
    found, threads = _found((f.shape, f.dtype), g, question), question.threads
    if key is not None:
        small = threads is None and is_small(f.shape, g.shape)
        most = ANY if small else thread_limit(f.shape, g.shape, threads)
        g.plans.setdefault(key, {})[most] = found
    keep(g)
    return found


def _found(image: Any, g: Filter, question: Question) -> Pair:
    """A plan, and the filter prepared; plans over other than two axes hold theirs."""
    if is_volume(question, image[0], g.shape):
        return plan_volume(image, g, question), None
    plan = decide(image, (g.shape, g.dtype), g.found, question)
    return plan, plan.prepare(g)


def planned(image: Any, g: Any, question: Question) -> Plan | VolumePlan:
    """The plan for an image given as ``(shape, dtype)``, and a filter or its shape and dtype."""
    shape = g[0] if is_spec(g) else g.shape
    if is_volume(question, image[0], shape):
        return plan_volume(image, g, question)
    if is_spec(g):
        return decide(image, g, UNKNOWN, question)
    return decide(image, (g.shape, g.dtype), g.found, question).with_filter(g)
