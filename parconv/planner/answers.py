"""From a call to the plan that answers it: what a filter remembers, or a new one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..problem.brief import is_brief
from ..problem.door import other_dtype
from ..problem.dtypes import Array
from ..problem.filter import Filter, keep
from ..problem.missing import ARRAYS, brings, without_arrays
from ..problem.planewise import is_planewise
from ..problem.question import Question, told
from ..problem.sides import is_sided
from ..problem.store import check_fixed, hashable
from ..problem.traits import UNKNOWN
from ..problem.volumes import is_volume
from ..runtime.strategies import STRATEGIES
from .brief import plan_brief
from .choice import decide, is_spec
from .composed import Composed
from .limits import is_small, thread_limit
from .looking import asks_so
from .masked import plan_volume
from .plan import Plan
from .planes import plan_planes
from .sides import plan_sides
from .volume import VolumePlan

ANY = 0  # threads
Made = Plan | Composed
Pair = tuple[Made, Any]  # and the filter as its method reads it


def result_of(
    f: Array, g: Filter, out: Any, options: Mapping[str, Any], correlate: bool
) -> tuple[Array, Any, Mapping[str, Any]]:
    """The result, what `answer` found, and by which keywords: an output may name the dtype."""
    plan, taps = pair = answer(f, g, options, correlate)
    try:
        return plan.run(f, taps, out), pair, options
    except TypeError:  # a look before each call would take 0.2 of 3 microseconds
        kind = other_dtype(out, plan.problem.dtype) if options.get("dtype") is None else None
        if kind is None:
            raise
    asked = {**options, "dtype": kind}
    plan, taps = pair = answer(f, g, asked, correlate)
    return plan.run(f, taps, out), pair, asked


def answer(f: Array, g: Filter, options: Mapping[str, Any], correlate: bool) -> Pair:
    """The plan for a call, and its filter prepared: those of such a call before, if there was one.

    Those for any number of threads stand under `ANY`, others under the threads they may use.
    """
    latest = g.latest  # looked up once: another thread may forget it
    if latest is not None:
        shape, kind, product, _, _, known, lasting = latest
        same = f.shape == shape and f.dtype is kind and correlate is product
        # The same objects again are the same question: nobody changes such.  A call with six
        # keywords takes 1 microsecond less so (Zen 3 VM, 2026-11).
        if same and asks_so(latest, options):
            found = lasting or _here(known, f, g, options)
            if found is not None:
                return found
    if not ARRAYS.isdisjoint(options) and brings(options):
        return _weighted(f, g, options, correlate)
    key: Any
    try:
        key = f.shape, f.dtype, correlate, told(options) if options else ()
        check_fixed(options.values())
        known = g.plans.get(key)
    except Exception:  # a list, an array or a stranger among the options cannot be a key
        if kept := hashable(options):
            return answer(f, g, kept, correlate)
        key = known = None
    if known is not None:
        lasting = _always(known, options)
        found = lasting or _here(known, f, g, options)
        if found is not None:
            words = [*options], [*options.values()]
            g.latest = f.shape, f.dtype, correlate, *words, known, lasting
            return found
    return _answered(key, f, g, Question.of(options, correlate))


def _always(known: dict[int, Pair], options: Mapping[str, Any]) -> Pair | None:
    """Of the answers to a question the one that holds however many threads there are."""
    threads = options.get("threads")
    return known.get(ANY) or (known.get(1) if type(threads) is int and threads == 1 else None)


def _here(known: dict[int, Pair], f: Array, g: Filter, options: Mapping[str, Any]) -> Pair | None:
    """The one for the threads that may be used here and now."""
    return known.get(thread_limit(f.shape, g.shape, options.get("threads")))


def _weighted(f: Array, g: Filter, options: Mapping[str, Any], correlate: bool) -> Pair:
    """The same where an array of weights is among the options, which no key can hold."""
    rest, weights = without_arrays(options, f.shape)
    plan, taps = answer(f, g, rest, correlate)
    if isinstance(plan, VolumePlan):
        return replace(plan, weights=weights), None
    return plan, taps if weights is None else taps.weighted(weights)


def _answered(key: Any, f: Array, g: Filter, question: Question) -> Pair:
    """The same for the first time; the filter is known from now on."""
    found, threads = _found((f.shape, f.dtype), g, question), question.threads
    if key is not None:
        most = thread_limit(f.shape, g.shape, threads)
        small = is_small(f.shape, g.shape) and (threads is None or _is_for_one(found, question))
        lasting = small or (most > 1 and _is_serial(found, question))
        g.plans.setdefault(key, {})[ANY if lasting else most] = found
    keep(g)
    return found


def _is_for_one(found: Pair, question: Question) -> bool:
    """Whether a plan of one thread is no matter of how many there are."""
    return question.strategy == "auto" and getattr(found[0], "threads", 0) == 1


def _is_serial(found: Pair, question: Question) -> bool:
    """Whether a plan is one thread's though there are several: its work asks for no more."""
    plan, auto = found[0], question.strategy == "auto"
    return auto and type(plan) is Plan and not STRATEGIES[plan.strategy].threaded


def _found(image: Any, g: Filter, question: Question) -> Pair:
    """A plan, and the filter prepared; plans of plans hold theirs."""
    whole = _composed(image, g, g.shape, question)
    if whole is not None:
        alone = whole.alone if type(whole) is VolumePlan else None
        return (alone, alone.taps) if alone else (whole, None)
    plan = decide(image, (g.shape, g.dtype), g.found, question)
    return plan, plan.prepare(g)


def _composed(image: Any, g: Any, given: tuple[int, ...], question: Question) -> Composed | None:
    """A plan that others run for, where the question is not of one filter or layer over planes."""
    if is_brief(image[1]) or is_brief(question.dtype):
        return plan_brief(image, g, question, planned)
    if is_planewise(question):
        return plan_planes(image, g, question)
    if is_volume(question, image[0], given):
        return plan_volume(image, g, question)
    if is_sided(question):
        return plan_sides(image, g, question)
    return None


def planned(image: Any, g: Any, question: Question) -> Made:
    """The plan for an image given as ``(shape, dtype)``, and a filter or its shape and dtype."""
    whole = _composed(image, g, g[0] if is_spec(g) else g.shape, question)
    if whole is not None:
        return whole
    if is_spec(g):
        return decide(image, g, UNKNOWN, question)
    return decide(image, (g.shape, g.dtype), g.found, question).with_filter(g)
