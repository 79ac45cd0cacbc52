"""How much longer ``auto`` takes than the best method that may answer: its regret.

On one thread, in seconds that the thread itself ran, so a busy machine hardly matters.
"""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from parconv.experiments.race.grid import Entry

LEAST, ROUNDS, SECONDS = 5, 40, 0.25  # runs of each method, at least, at most, and how long


def candidates(entry: "Entry") -> dict[str, Any]:
    """Plans by every method that ``auto`` may choose; the first is what it chooses."""
    import parconv
    from parconv.planner.stages import stages

    f, g = entry.arrays()
    asked = {**entry.question, "correlate": entry.correlation, "threads": 1}
    plan = parconv.plan2d(f, g, **asked)
    found = {plan.method: plan}
    for name, stage in stages(plan.problem).items():
        if name not in found and not (stage.refusal or stage.unasked):
            found[name] = parconv.plan2d(f, g, **{**asked, "method": name})
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


def row(entry: "Entry", seed: int, number: int) -> dict[str, Any]:
    """One problem: every method's time, and what its plan predicts of it."""
    plans = candidates(entry)
    times = _seconds(plans, entry.arrays()[0])
    auto = next(iter(plans))
    return {
        "name": entry.name, "seed": seed, "number": number, "auto": auto,
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
    from parconv.experiments.race.drawn import drawn

    rows = []
    for n, entry in enumerate(drawn(kinds, seed, number)):
        rows.append(row(entry, seed, n))
        if path:
            path.write_text(json.dumps(rows))
    return rows
