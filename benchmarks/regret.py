"""How much longer ``auto`` takes than the best method that may answer: its regret.

On one thread, in seconds that the thread itself ran, so a busy machine hardly matters.
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from .random_problems import KINDS, Drawn, draw

LEAST, ROUNDS, SECONDS = 5, 40, 0.25  # runs of each method, at least, at most, and how long


def candidates(drawn: Drawn) -> dict[str, Any]:
    """Plans by every method that ``auto`` may choose; the first is what it chooses."""
    import parconv
    from parconv.planner.stages import stages

    plan = parconv.plan2d(drawn.f, drawn.g, threads=1, **drawn.options)
    found = {plan.method: plan}
    for name, stage in stages(plan.problem).items():
        if name not in found and not (stage.refusal or stage.unasked):
            found[name] = parconv.plan2d(drawn.f, drawn.g, threads=1, method=name, **drawn.options)
    return found


def _seconds(plans: dict[str, Any], f: Any) -> dict[str, float]:
    """The least of several runs each, alternating."""
    out = {name: plan(f) for name, plan in plans.items()}
    found: dict[str, list[float]] = {name: [] for name in plans}
    began = time.perf_counter()
    for count in range(ROUNDS):
        if count >= LEAST and time.perf_counter() - began > SECONDS * len(plans):
            break
        for name, plan in plans.items():
            start = time.thread_time_ns()
            plan(f, out[name])
            found[name].append(1e-9 * (time.thread_time_ns() - start))
    return {name: min(times) for name, times in found.items()}


def row(kind: str, seed: int, number: int) -> dict[str, Any]:
    """One problem: every method's time, and what its plan predicts of it."""
    drawn = draw(kind, seed, number)
    plans = candidates(drawn)
    times = _seconds(plans, drawn.f)
    auto = next(iter(plans))
    return {
        "name": drawn.name, "kind": kind, "seed": seed, "number": number, "auto": auto,
        "regret": times[auto] / min(times.values()), "seconds": times,
        "costs": {name: plan.cost for name, plan in plans.items()},
    }  # fmt: skip


def told(rows: list[dict[str, Any]]) -> str:
    """Percentiles and the worst rows, as text."""
    regrets = np.array([one["regret"] for one in rows])
    shares = ", ".join(f"p{q} {np.percentile(regrets, q):.2f}" for q in (50, 90, 95, 99, 100))
    lines = [f"regret of {len(rows)} problems: {shares}"]
    for one in sorted(rows, key=lambda one: -float(one["regret"]))[:20]:
        times = ", ".join(f"{name} {1e3 * s:.3g}" for name, s in one["seconds"].items())
        lines.append(f"{one['regret']:6.2f}  {one['name']}: ms {times}")
    return "\n".join(lines)


def measure(kinds: list[str], seed: int, number: int, path: Path | None) -> list[dict[str, Any]]:
    """So many problems, of the kinds by turns; written to ``path`` as they come."""
    unknown = set(kinds) - set(KINDS)
    if unknown or number < 1:
        raise ValueError(f"kinds {kinds}, number {number}: pass some of {list(KINDS)}, at least 1")
    rows = []
    for n in range(number):
        rows.append(row(kinds[n % len(kinds)], seed, n))
        if path:
            path.write_text(json.dumps(rows))
    return rows
