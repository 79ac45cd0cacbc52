"""From a question to its plan, by rule and remembered; touches no data."""

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from ..codegen import machine
from ..methods import methods_for
from ..problem.arguments import LARGEST
from ..problem.brief import is_brief
from ..problem.dtypes import check_dtype
from ..problem.filter import forget_all as forget_filters
from ..problem.problem import Problem, describe
from ..problem.question import Question
from ..problem.shown import shown
from ..problem.traits import Found
from ..runtime.strategies import STRATEGIES, automatic, is_automatic
from . import wisdom
from .limits import PIXEL_WORK, SERIAL_WORK, thread_limit
from .missing import MissingPlan
from .plan import Plan
from .stage import Stage
from .stages import fastest, stages

# Work of one thread between two looks at the signals, so that Ctrl-C is served within 0.1 s even on
# a core a fifth as fast as its vectors suggest.  20 ms on Zen 5 (250 GFLOP/s): each launch ends in
# a barrier, which a busy machine makes expensive.
LAUNCH_WORK = 80_000_000 * machine.VECTOR_BYTES
INTEGER_SLOWNESS = 8  # 64-bit integer multiplications against floating ones
# Bands for each thread: the next free one takes the next band, so a core that the system borrows
# for a while delays the end by a fraction of its share.  Speed-up of two threads, 4096 x 4096, with
# 1 / 4 / 8 / 16 / 32 bands each (Zen 5, 2026-11): 7x7 1.85 1.87 1.87 1.83 1.77, 15x15 1.92 1.93
# 1.92 1.88 1.86.
BANDS_PER_THREAD = 4
MOST_BANDS = 1 << 16  # however large the problem: a plan stays small


def decide(image: Any, taps: Any, found: Found, question: Question) -> Plan:
    """The plan for an image and a filter given as ``(shape, dtype)``, and what was found in it.

    The answer to a question that was asked before comes from a cache.
    """
    most = thread_limit(image[0], taps[0], question.threads)
    try:
        return _cached_plan(image, taps, found, question, most)
    except Exception:  # not every value can be a key
        pass  # what is wrong raises again, and tells of one error only
    return _plan(image, taps, found, question, most)


def forget() -> None:
    """All plans, and all filters: what they rest on has changed."""
    _cached_plan.cache_clear()
    forget_filters()


def _plan(image: Any, taps: Any, found: Found, question: Question, most: int) -> Plan:
    problem = describe(image, taps, question, found)
    asked = question.threads, most, question.strategy, question.method
    plan, missing = make_plan(problem, *asked), problem.missing
    if missing is None:
        return plan
    plain = None if missing.outside else _with_all(replace(problem, missing=None), *asked)
    return MissingPlan.of(plan, plain)


def _with_all(problem: Problem, threads: int | None, most: int, strategy: str, method: str) -> Plan:
    """The plan where no pixel is missing, by the method that is named for the others if that can.

    Means of wide integers are quotients of floating-point sums; their own sums are exact.
    """
    able = method == "auto" or 0 in problem.shape or not stages(problem)[method].refusal
    return make_plan(problem, threads, most, strategy, method if able else "auto")


# A filter remembers its plans, too.  With these alone, a call with one that is known has to make a
# question and its hash: 17 microseconds in place of 4.6 (28 x 28, 3x3); with those alone, each new
# filter of a shape that is known needs a plan of its own: 1.0 ms in place of 0.25 (Zen 3 VM,
# 2026-11).
_cached_plan = lru_cache(maxsize=512)(_plan)


def _launches(stage: Stage, threads: int) -> int:
    """How often a run of the plan looks at the signals."""
    slowness = INTEGER_SLOWNESS if stage.problem.sums.kind == "i" else 1
    work = stage.cost + PIXEL_WORK // 8 * stage.problem.bytes
    return max(1, math.ceil(work * slowness / (threads * LAUNCH_WORK)))


def make_plan(problem: Problem, threads: int | None, most: int, strategy: str, method: str) -> Plan:
    """The plan for a problem: the same for the same arguments on the same machine.

    By rule; where nobody names a strategy, by what `wisdom` recorded for the problem.
    """
    _check_name("method", method, methods_for(problem))
    _check_name("strategy", strategy, STRATEGIES)
    if 0 in problem.shape:
        return _nothing_to_do(problem, threads, strategy, method)
    advice = wisdom.recall(problem, most) if strategy == "auto" else None
    chosen = _choose_method(problem, method)
    if advice is None or not is_automatic(advice.strategy) or advice.method != chosen:
        return by_rule(problem, threads, most, strategy, chosen)
    used = min(advice.threads, most)
    return arrange(problem, chosen, advice.strategy, threads, used, advice.bands, advice)


def part_of(plan: Plan, problem: Problem) -> Plan:
    """The plan, by the same method and filter, for a part of its problem."""
    most = thread_limit(problem.image, problem.given, plan.asked)
    strategy = plan.strategy if plan.eager else "auto"
    part = make_plan(problem, plan.asked, most, strategy, plan.method)
    return part if plan.filter is None else part.with_filter(plan.filter)


def like(plan: Plan, problem: Problem) -> Plan:
    """The plan for a part, by the same method if that can; of pixels that may be missing, too."""
    able = not stages(problem)[plan.method].refusal
    part = part_of(plan if able else replace(plan, method="direct"), problem)
    if not isinstance(plan, MissingPlan):
        return part
    return MissingPlan.of(part, plan.plain and like(plan.plain, replace(problem, missing=None)))


def _nothing_to_do(problem: Problem, threads: int | None, strategy: str, method: str) -> Plan:
    """The plan for an empty result, about which methods need not know."""
    how = "direct" if method == "auto" else method
    who = automatic(threaded=False) if strategy == "auto" else strategy
    return Plan(problem, how, who, threads, 1, (), 1)


def by_rule(problem: Problem, threads: int | None, most: int, strategy: str, method: str) -> Plan:
    """The plan for a problem where nothing was recorded."""
    chosen = _choose_method(problem, method)
    stage = stages(problem)[chosen]
    who = _choose_strategy(stage, most) if strategy == "auto" else strategy
    used = most if STRATEGIES[who].threaded else 1
    most = stage.method.units(stage.asked) // stage.method.least_band(stage.asked)
    bands = min(used * BANDS_PER_THREAD, max(used, most)) if used > 1 else 1
    return arrange(problem, chosen, who, threads, used, bands, eager=strategy != "auto")


def arrange(
    problem: Problem, method: str, strategy: str, asked: int | None, threads: int, number: int,
    advice: wisdom.Wisdom | None = None, eager: bool = False,
) -> Plan:  # fmt: skip
    """The plan that runs about so many bands (more where signals must be served) on ``threads``."""
    stage = stages(problem)[method]
    parts = min(max(_launches(stage, 1), number), MOST_BANDS)
    cut = stage.method.bands(stage.asked, parts)
    used = max(1, min(threads, len(cut)))
    launch = max(used, math.ceil(len(cut) / _launches(stage, used)))
    return Plan(problem, method, strategy, asked, used, cut, launch, eager, advice)


def _check_name(name: str, value: Any, table: dict[str, Any]) -> None:
    if not isinstance(value, str) or value not in ("auto", *table):
        raise ValueError(f"{name}={shown(value)} is unknown: pass one of auto, {', '.join(table)}")


def _choose_method(problem: Problem, method: str) -> str:
    if method == "auto":
        return fastest(problem)
    reason = stages(problem)[method].refusal
    if reason:
        raise ValueError(f"method={shown(method)} cannot: {reason}")
    return method


def _choose_strategy(stage: Stage, most: int) -> str:
    """Several threads where there is work for them and they may be had."""
    work = stage.cost + PIXEL_WORK * math.prod(stage.problem.image)
    return automatic(threaded=most > 1 and work >= SERIAL_WORK)


# --- a shape and a dtype in place of an array ----------------------------------------------------


def is_spec(value: Any) -> bool:
    """Whether it is ``(shape, dtype)``."""
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and isinstance(value[0], tuple)
        and isinstance(value[1], str | type | np.dtype)
    )


def check_spec(name: str, value: Any) -> tuple[tuple[int, ...], Any]:
    """The shape and dtype, checked."""
    shape, dtype = value
    if not all(isinstance(n, int | np.integer) and 0 <= n <= LARGEST for n in shape):
        raise ValueError(f"{name}={shown(value)}: a shape holds integers from 0 to {LARGEST}")
    sizes = tuple(map(int, shape))
    kind = np.dtype(dtype) if is_brief(dtype) else check_dtype(name, dtype)
    if math.prod(sizes) * kind.itemsize >= 1 << 63:
        raise ValueError(f"{name}={shown(value)}: pass a shape that a memory can hold")
    return sizes, kind
