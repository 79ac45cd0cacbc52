"""What a race found: its arithmetic and its JSON.  Measures nothing."""

import dataclasses
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from parconv import records
from parconv.ceilings import Ceilings

from .grid import Entry
from .summary import summaries
from .timing import Timing

REUSED, FRESH = "reused", "fresh"


@dataclass(frozen=True)
class Result:
    """One competitor in one row: ``raced``, ``differs`` (wrong numbers) or ``cannot``.

    ``error`` is its largest difference from ours, ``share`` that of the pixels that differ.
    """

    name: str
    status: str
    error: float | None = None
    share: float | None = None
    own_output: bool = False
    slow: bool = False
    reused: Timing | None = None
    fresh: Timing | None = None

    def seconds(self, regime: str) -> float:
        timing: Timing | None = getattr(self, regime)
        return float("inf") if timing is None else timing.median


@dataclass(frozen=True)
class Row:
    """One workload, one thread count, the ceilings of that moment; the first result is ours.

    ``flops`` are the cost of the plan's ``method``: of the cheapest one where the workload leaves
    the choice; ``work`` those of the definition.  ``predicted`` are the plan's seconds under those
    ceilings.
    """

    workload: Entry
    ceilings: Ceilings
    method: str
    flops: float
    work: float
    nbytes: float
    predicted: float
    results: tuple[Result, ...]

    @property
    def threads(self) -> int:
        return self.ceilings.threads

    @property
    def label(self) -> str:
        return f"{self.workload.name}, threads {self.threads}"

    @property
    def ours(self) -> Result:
        return self.results[0]

    @property
    def rivals(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results[1:] if result.status == "raced")

    def best(self, regime: str) -> Result | None:
        """The fastest peer."""
        return min(self.rivals, key=lambda result: result.seconds(regime), default=None)

    def ratio(self, regime: str, peer: Result | None = None) -> float | None:
        """Time of a peer (the best by default) over ours."""
        peer = peer or self.best(regime)
        return None if peer is None else peer.seconds(regime) / self.ours.seconds(regime)

    @property
    def limit_seconds(self) -> float:
        return self.ceilings.limit_seconds(self.flops, self.nbytes, self.workload.dtype)

    @property
    def bound_by_memory(self) -> bool:
        return self.limit_seconds <= self.nbytes / self.ceilings.gbytes / 1e9

    def percent_of_limit(self, regime: str) -> float:
        return 100 * self.limit_seconds / self.ours.seconds(regime)

    @property
    def percent_of_peak(self) -> float:
        """Multiply-adds of the definition, whatever the method does, against the machine's peak."""
        rate = self.work / self.ours.seconds(REUSED) / 1e9
        return 100 * rate / self.ceilings.gflops(np.dtype(self.workload.dtype))

    @property
    def prediction(self) -> float:
        """Predicted over measured time."""
        return self.predicted / self.ours.seconds(REUSED)


@dataclass(frozen=True)
class Report:
    """Everything a race found out; ``versions`` and ``missing`` are of libraries."""

    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    missing: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def ceilings(self) -> tuple[Ceilings, ...]:
        """The best of the run, one for each thread count."""
        best: dict[int, Ceilings] = {}
        for row in self.rows:
            best[row.threads] = row.ceilings.best(best.get(row.threads, row.ceilings))
        return tuple(best.values())

    @cached_property
    def _fewest(self) -> dict[str, Row]:
        """Of each workload the row with the fewest threads."""
        rows = sorted(self.rows, key=lambda row: -row.threads)
        return {row.workload.name: row for row in rows}

    def speedup(self, row: Row) -> float | None:
        """Our time with the fewest threads that were raced over this row's, if it is another."""
        base = self._fewest[row.workload.name]
        if base.threads == row.threads:
            return None
        return base.ours.seconds(REUSED) / row.ours.seconds(REUSED)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dump``."""
        return {
            "machine": dict(self.machine),
            "versions": dict(self.versions),
            "missing": list(self.missing),
            "ceilings": [dataclasses.asdict(ceiling) for ceiling in self.ceilings],
            "summary": {name: dataclasses.asdict(found) for name, found in summaries(self).items()},
            "rows": [{**_row_json(row), "speedup": self.speedup(row)} for row in self.rows],
        }


def _row_json(row: Row) -> dict[str, Any]:
    ratios = {regime: row.ratio(regime) for regime in (REUSED, FRESH)}
    best = {regime: peer.name if (peer := row.best(regime)) else None for regime in ratios}
    return {
        **dataclasses.asdict(row),
        "workload": {"name": row.workload.name, **dataclasses.asdict(row.workload)},
        "threads": row.threads,
        "limit_seconds": row.limit_seconds,
        "percent_of_limit": {regime: row.percent_of_limit(regime) for regime in ratios},
        "percent_of_peak": row.percent_of_peak,
        "prediction": row.prediction,
        "best": best,
        "ratio": ratios,
    }


def machine_facts() -> dict[str, Any]:
    """The processor, and what compiles and threads for it."""
    from parconv import budget

    return {
        **records.fingerprint(),
        "usable_cores": budget.thread_budget(),
        "threading_layer": budget.threading_layer(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
