"""A plan in words: what is computed, how, why so and how long it should take."""

import math
from html import escape
from typing import TYPE_CHECKING, Any

from ..codegen import machine
from ..methods import methods_for
from ..methods.missing import Around
from ..problem.problem import Problem
from ..runtime import budget
from ..runtime.strategies import STRATEGIES
from . import calibration
from .stages import stages

if TYPE_CHECKING:
    from .plan import Plan

if TYPE_CHECKING:
    from .plan import Plan


def as_text(facts: dict[str, str]) -> str:
    """One fact a line."""
    return "\n".join(f"{name:<10} {text}" for name, text in facts.items())


def as_table(facts: dict[str, str]) -> str:
    """One fact a row, as HTML."""
    rows = (f"<tr><th>{name}</th><td>{escape(text)}</td></tr>" for name, text in facts.items())
    return f"<table>{''.join(rows)}</table>"


def facts(plan: "Plan") -> dict[str, str]:
    """The plan in full."""
    problem = plan.problem
    method, strategy = plan.stage.method, STRATEGIES[plan.strategy]
    sizes = [stop - start for start, stop in plan.bands]
    return {
        "problem": f"{problem}{_reflection(problem)}",
        "output": f"{'x'.join(map(str, problem.shape))} {problem.dtype}",
        "sums in": _sums(plan),
        **_stored(problem),
        "method": f"{plan.method}: {_first_line(methods_for(problem)[plan.method])}",
        "error": _error(plan),
        "zero taps": _zero_taps(plan),
        **_missing(plan),
        "considered": _considered(plan),
        "strategy": f"{plan.strategy}: {_first_line(strategy.run)}{_caveat(plan)}",
        "threads": _threads_told(plan),
        "bands": f"{len(sizes)} of {min(sizes)} to {max(sizes)} {method.UNIT}" if sizes else "none",
        "chosen by": _chooser(plan),
        "work": f"{problem.flops:,} operations, {problem.bytes:,} bytes in and out "
        f"({problem.flops / max(problem.bytes, 1):.1f} operations per byte)",
        "predicted": str(plan.predict() or "unknown: `parconv ceilings` measures this machine"),
        "workspace": f"{plan.workspace:,} bytes beyond image and output",
        "machine": f"{8 * machine.VECTOR_BYTES}-bit vectors, {machine.VECTOR_REGISTERS} of them"
        f"{'' if machine.HAS_FMA else ', no fused multiply-add'}",
    }


def _first_line(thing: Any) -> str:
    return (thing.__doc__ or "").splitlines()[0].rstrip(".")


def _reflection(problem: Problem) -> str:
    """For who knows layers from neural networks."""
    layer = problem.reflect and len(problem.given) == 4
    return " (what neural networks call convolution is correlate2d)" if layer else ""


def _stored(problem: Problem) -> dict[str, str]:
    """By which rule, where that is not the usual one."""
    kept = "0 is False, all else True" if problem.dtype.kind == "b" else problem.store
    return {} if problem.is_plain else {"stored": f"as {problem.dtype}: {kept}"}


def _sums(plan: "Plan") -> str:
    problem = plan.problem
    if problem.compute.kind == "i":
        return f"{plan.sums}, exactly"
    return f"{plan.sums}{', as float32 does not hold the taps' if problem.traits.wide else ''}"


def _error(plan: "Plan") -> str:
    """What the method states."""
    if plan.problem.compute.kind == "i":
        return "none"
    error = plan.stage.error if plan.bands else 0.0
    plain = "of rounding each sum"
    if not error:
        return plain
    bound = f"up to {error:.2g} of the largest |f| nearby times sum |g|"
    return f"{bound}, also where 0 is right (tolerance=0 refuses that)"


def _zero_taps(plan: "Plan") -> str:
    """What NaN and infinity under them do."""
    problem = plan.problem
    if problem.missing and problem.missing.any:
        return "perhaps multiplied: infinity, and NaN that is not omitted, may spread from them"
    if problem.image_dtype.kind in "biu" and math.isfinite(problem.cval.real):
        return "make no difference: no pixel is NaN or infinite"
    if problem.zero_taps == "keep":
        return "multiplied, as asked: NaN and infinity under them spread"
    searched = plan.taps is not None and plan.taps.given is not None
    told = ", for which the result is searched" if searched else ""
    return f"none: NaN and infinity under them do not spread{told}"


def _missing(plan: "Plan") -> dict[str, str]:
    """What is done about pixels that are."""
    missing = plan.problem.missing
    if missing is None:
        return {}
    how = "block by block" if isinstance(plan.stage.method, Around) else "in the same pass"
    sums = f"; sums over those of the weights, {how}" if missing.any else ""
    return {"missing": f"{missing}{sums}"}


def _considered(plan: "Plan") -> str:
    """Every other method, and why it is not the plan's."""
    others = [name for name in methods_for(plan.problem) if name != plan.method]
    return "; ".join(f"{name}: {_why_not(plan, name)}" for name in others)


def _why_not(plan: "Plan", name: str) -> str:
    stage = stages(plan.problem)[name]
    reason = stage.refusal or stage.unasked
    if reason:
        return reason
    own, its = plan.predict(), plan.predict(name)
    if own is None or its is None:
        return f"{plan.cost_of(name) / max(plan.cost, 1):.2g} times the work"
    return f"{1e3 * its.seconds:.3g} ms, {its.seconds / own.seconds:.2g} times as long"


def _caveat(plan: "Plan") -> str:
    return STRATEGIES[plan.strategy].caveat(plan.kernels, plan.terms) if plan.bands else ""


def _threads_told(plan: "Plan") -> str:
    """How many, and what decided it: less work than would keep all busy uses fewer."""
    if plan.asked is not None:
        limit = budget.decisive(asked=True)
        clamped = f" ({limit.name})" if plan.asked > (limit.threads or 0) else ""
        return f"{plan.threads} used, {plan.asked} asked{clamped}"
    limit = budget.decisive()
    number = "" if limit.threads == plan.threads else f" is {limit.threads}"
    return f"{plan.threads} used, the machine's budget{number} ({limit.name})"


def _chooser(plan: "Plan") -> str:
    found = plan.wisdom
    if found is None:
        measured = calibration.recorded() if calibration.factors() else None
        return f"rule, by times of {measured['measured']}" if measured else "rule"
    return (
        f"wisdom of {found.measured}: {1e3 * found.seconds:.3g} ms, by rule "
        f"{1e3 * found.default_seconds:.3g}"
    )
