"""What a race found: its arithmetic and its JSON.  Measures nothing."""

import dataclasses
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from parconv.runtime import records
from parconv.runtime.ceilings import Ceilings

from ...problem.lazily import lazily
from ..timing import Timing
from .grid import Entry
from .peers import OURS, Peer
from .summary import summaries

REUSED, FRESH = "reused", "fresh"
PLANNED, PLAIN = "planned", "plain"  # the two ways to call this library


@dataclass(frozen=True)
class Result:
    """One competitor in one row: ``raced``, ``differs`` (wrong numbers), ``cannot`` or ``failed``.

    ``error`` is its largest difference from ours, ``share`` that of the pixels that differ,
    ``reason`` why it cannot, or how it failed.
    """

    name: str
    status: str
    error: float | None = None
    share: float | None = None
    own_output: bool = False
    slow: bool = False
    reused: Timing | None = None
    fresh: Timing | None = None
    reason: str | None = None

    def seconds(self, regime: str) -> float:
        timing: Timing | None = getattr(self, regime)
        return float("inf") if timing is None else timing.median


@dataclass(frozen=True)
class Row:
    """One workload, one thread count, the ceilings of that moment; the first result is ours.

    That is the way to call us which the workload names, ``other`` the other one: a plan made
    beforehand, or the plain call.
    ``flops`` are those of the definition, ``work``, or of the plan's ``method`` where its cost is
    less: costs have what a method does beside its products, which no limit has.  ``predicted`` are
    the plan's seconds under those ceilings.
    """

    workload: Entry
    ceilings: Ceilings
    method: str
    flops: float
    work: float
    nbytes: float
    predicted: float
    results: tuple[Result, ...]
    other: Result | None = None

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
    def ways(self) -> dict[str, Result]:
        """Ours as a planned and as a plain call, as far as they were raced."""
        asked, other = (PLANNED, PLAIN) if self.workload.planned else (PLAIN, PLANNED)
        both = {asked: self.ours, other: self.other}
        return {way: found for way in (PLANNED, PLAIN) if (found := both[way]) is not None}

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

    def ratio_of(self, way: str, regime: str = REUSED) -> float | None:
        """Time of the best peer over ours called that way; None where either is missing."""
        ours, peer = self.ways.get(way), self.best(regime)
        return peer.seconds(regime) / ours.seconds(regime) if ours and peer else None

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
class Facts:
    """What a race of any kind ran on; ``versions`` and ``missing`` are of libraries."""

    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    missing: tuple[str, ...]

    @classmethod
    def of(cls, peers: Sequence[Peer]) -> "Facts":
        """This machine, and those of the peers that are installed."""
        present = (peer for peer in (OURS, *peers) if peer.installed)
        absent = dict.fromkeys(peer.library for peer in peers if not peer.installed)
        return cls(machine_facts(), {peer.library: peer.version for peer in present}, tuple(absent))

    def facts_json(self) -> dict[str, Any]:
        return {
            "machine": dict(self.machine),
            "versions": dict(self.versions),
            "missing": list(self.missing),
        }


@dataclass(frozen=True)
class Report(Facts):
    """Everything a race found out."""

    rows: tuple[Row, ...]

    @property
    def ceilings(self) -> tuple[Ceilings, ...]:
        """The best of the run, one for each thread count."""
        best: dict[int, Ceilings] = {}
        for row in self.rows:
            best[row.threads] = row.ceilings.best(best.get(row.threads, row.ceilings))
        return tuple(best.values())

    @lazily
    def _fewest(self) -> dict[str, Row]:
        """The row of each workload that has the fewest threads."""
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
            **self.facts_json(),
            "ceilings": [dataclasses.asdict(ceiling) for ceiling in self.ceilings],
            "summary": {name: dataclasses.asdict(found) for name, found in summaries(self).items()},
            "rows": [{**_row_json(row), "speedup": self.speedup(row)} for row in self.rows],
        }


def _row_json(row: Row) -> dict[str, Any]:
    ratios = {regime: row.ratio(regime) for regime in (REUSED, FRESH)}
    best = {regime: peer.name if (peer := row.best(regime)) else None for regime in ratios}
    plain = dataclasses.asdict(row)
    del plain["other"]  # it is among the ways
    return {
        **plain,
        "workload": {"name": row.workload.name, **dataclasses.asdict(row.workload)},
        "threads": row.threads,
        "limit_seconds": row.limit_seconds,
        "percent_of_limit": {regime: row.percent_of_limit(regime) for regime in ratios},
        "percent_of_peak": row.percent_of_peak,
        "prediction": row.prediction,
        "best": best,
        "ratio": ratios,
        "ways": {way: _way_json(row, way) for way in row.ways},
    }


def _way_json(row: Row, way: str) -> dict[str, Any]:
    ratio = {regime: row.ratio_of(way, regime) for regime in (REUSED, FRESH)}
    return {**dataclasses.asdict(row.ways[way]), "name": way, "ratio": ratio}


def machine_facts() -> dict[str, Any]:
    """The processor, and what compiles and threads for it."""
    from parconv.runtime import budget

    return {
        **records.fingerprint(),
        "usable_cores": budget.thread_budget(),
        "threading_layer": budget.threading_layer(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
