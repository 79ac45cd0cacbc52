"""What a sweep found out, as plain values: JSON and CSV.  Measures and prints nothing."""

import csv
import io
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from parconv.planner import wisdom as records
from parconv.planner.limits import thread_limit
from parconv.runtime.records import STEADY

from .. import steadiness
from ..timing import Timing
from .duel import Verdict
from .scaling import Curve, curves, slow
from .search import Tally
from .settings import Setting
from .subjects import Subject


@dataclass(frozen=True)
class Outcome:
    """One workload's sweep.

    Attributes
    ----------
    ranking : sequence of Setting
        The last few, the fastest first; of an exhaustive sweep, all.
    verdict : Verdict or None
        The default against its fastest rival.
    runs, exhaustive_runs : int
        What it took, and what every setting would have taken.
    cores : int
        The machine's budget of threads.
    late, truncated : bool
        Whether time ran out, and whether before every setting had been seen.
    around : float
        The spread of the machine's speed, before and after the verdict.
    """

    subject: Subject
    implementation: str
    tallies: Mapping[Setting, Tally]
    default: Setting
    ranking: Sequence[Setting]
    verdict: Verdict | None
    runs: int
    exhaustive_runs: int
    cores: int
    late: bool
    around: float
    truncated: bool = False

    @property
    def chosen(self) -> Setting:
        """What an ordinary process should use: the default, unless a rival is surely faster."""
        verdict = self.verdict
        return verdict.rival if verdict is not None and verdict.better else self.default

    @property
    def curves(self) -> tuple[Curve, ...]:
        return curves(self.tallies, self.cores)

    @property
    def spread(self) -> float:
        """How far the verdict is to be trusted: the machine's spread, or its own noise."""
        return max(self.around, self.verdict.noise) if self.verdict else self.around

    @property
    def doubtful(self) -> bool:
        """Whether there is a verdict, of a machine that was too busy to measure."""
        return self.verdict is not None and not self.spread <= STEADY

    @property
    def doubt(self) -> str | None:
        """Why its verdict is not to be recorded; None where it may be."""
        if self.verdict is None:
            return None
        if self.doubtful:
            return steadiness.told(self.spread)
        seen = f"{self.runs} of {self.exhaustive_runs} runs"
        return f"time ran out after {seen}: --budget gives more" if self.truncated else None

    @property
    def wisdom(self) -> records.Wisdom | None:
        """The choice, as a plan follows it; None where nothing was compared."""
        chosen, verdict = self.chosen, self.verdict
        if verdict is None:
            return None
        return records.Wisdom(
            chosen.strategy, chosen.threads, chosen.bands or chosen.threads, verdict.seconds,
            verdict.default_seconds, datetime.now(UTC).date().isoformat(),
            self.subject.plan.method,
        )  # fmt: skip

    def save(self, force: bool = False) -> Path | None:
        """Record the choice as wisdom for later processes; None where nothing was compared.

        A small problem is planned for one thread where nobody names a number, so it is recorded
        for that as well.
        """
        problem, chosen, found = self.subject.problem, self.chosen, self.wisdom
        if found is None:
            return None
        unasked = thread_limit(problem.image, problem.filter, None)
        if chosen.threads <= unasked < self.cores:
            records.remember(problem, unasked, found, spread=self.spread, forced=force)
        return records.remember(problem, self.cores, found, spread=self.spread, forced=force)

    def to_json(self) -> dict[str, Any]:
        return {
            "workload": self.subject.name,
            "implementation": self.implementation,
            "problem": str(self.subject.problem),
            "cores": self.cores,
            "runs": self.runs,
            "exhaustive_runs": self.exhaustive_runs,
            "out_of_time": self.late,
            "truncated": self.truncated,
            "spread": self.spread,
            "fastest": asdict(self.ranking[0]) if self.ranking else None,
            "default": asdict(self.default),
            "chosen": asdict(self.chosen),
            "verdict": None if self.verdict is None else asdict(self.verdict),
            "settings": [summary(tally) for tally in self.tallies.values()],
            "scaling": [curve.to_json(self.subject.problem) for curve in self.curves],
        }


def summary(tally: Tally) -> dict[str, Any]:
    """A setting, its robust statistics in seconds, and what became of it."""
    row: dict[str, Any] = {**asdict(tally.setting), "samples": len(tally.samples)}
    row |= dict.fromkeys(("median", "quartile1", "quartile3", "p95", "mad"))
    if tally.samples:
        found = Timing.of(tally.samples, 1)
        mad = statistics.median(abs(value - found.median) for value in tally.samples)
        quartiles = {"quartile1": found.quartile1, "quartile3": found.quartile3}
        row |= {"median": found.median, **quartiles, "p95": slow(tally.samples), "mad": mad}
    status = "failed" if tally.failed else "measured" if tally.samples else "not run"
    return {**row, "status": status, "note": tally.note}


def to_csv(outcomes: Sequence[Outcome]) -> str:
    """A line for each setting of each workload."""
    rows = [
        {"workload": outcome.subject.name, "implementation": outcome.implementation, **row}
        for outcome in outcomes
        for row in map(summary, outcome.tallies.values())
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def seconds_of(tally: Tally) -> float:
    """The median; infinite where nothing was measured."""
    return statistics.median(tally.samples) if tally.samples else math.inf
