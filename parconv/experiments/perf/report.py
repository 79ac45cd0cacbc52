"""What was counted: medians, ratios and JSON.  Counts and prints nothing itself."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from parconv.codegen.machine import CACHE_LINE
from parconv.problem.problem import Problem
from parconv.runtime import records

from .events import AT, at

if TYPE_CHECKING:
    pass

TIME = "time"
RUNGS: Mapping[str, str] = {
    "hardware": "hardware and software counters of perf, and getrusage",
    "software": "software counters of perf, and getrusage; no hardware counters",
    "usage": "getrusage and schedstat; no perf",
    "clock": "the clock only",
}
# label, counter, other counter, factor: each where both were counted
_RATIOS: tuple[tuple[str, str, str, float], ...] = (
    ("ns per output pixel", TIME, "pixels", 1e9),
    ("GFLOP/s", "flops", TIME, 1e-9),
    ("cores busy", "task-clock", TIME, 1),
    ("instructions per cycle", "instructions", "cycles", 1),
    ("instructions per output pixel", "instructions", "pixels", 1),
    ("data accesses per output pixel", "data accesses", "pixels", 1),
    ("branch miss rate, %", "branch-misses", "branches", 100),
    ("mispredicted branches, %", "mispredicted branches", "branches", 100),
    ("L1 load miss rate, %", "L1-dcache-load-misses", "L1-dcache-loads", 100),
    ("first-level data miss rate, %", "first-level data misses", "data accesses", 100),
    ("L2 miss rate, %", "L2-misses", "L2-accesses", 100),
    ("LLC load miss rate, %", "LLC-load-misses", "LLC-loads", 100),
    ("cache-misses, %", "cache-misses", "cache-references", 100),
    ("dTLB load miss rate, %", "dTLB-load-misses", "dTLB-loads", 100),
    ("iTLB load miss rate, %", "iTLB-load-misses", "iTLB-loads", 100),
    ("bytes per flop (LLC-load-misses)", "LLC-load-misses", "flops", CACHE_LINE),
    ("bytes per flop (cache-misses)", "cache-misses", "flops", CACHE_LINE),
    ("bytes per flop (last-level misses)", "last-level misses", "flops", CACHE_LINE),
)


@dataclass(frozen=True)
class Spread:
    """The median over repeats, and the largest distance from it."""

    median: float
    spread: float
    repeats: int

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        found = list(values)
        middle = median(found)
        return cls(middle, max(abs(value - middle) for value in found), len(found))


@dataclass(frozen=True)
class Work:
    """How much one call computes."""

    flops: int
    pixels: int

    @classmethod
    def of(cls, problem: Problem) -> "Work":
        return cls(problem.flops, math.prod(problem.shape))


@dataclass(frozen=True)
class Result:
    """One implementation or command: what was measured per call, and what was simulated."""

    name: str
    calls: int
    counters: Mapping[str, Spread]
    simulated: Mapping[str, float] = field(default_factory=dict)
    slots: Mapping[str, Spread] = field(default_factory=dict)  # perf's metrics, in per cent
    running: Mapping[str, float] = field(default_factory=dict)  # per cent of the time counted


@dataclass(frozen=True)
class Report:
    """Everything that one run of ``parconv perf`` found out.

    ``missing`` says for every counter without a number why; ``notes`` what else to know.
    ``simulation`` describes what was simulated, or is empty.
    """

    title: str
    threads: int | None
    rung: str
    results: Sequence[Result]
    missing: Mapping[str, str]
    notes: Sequence[str] = ()
    work: Work | None = None
    simulated_work: Work | None = None
    simulation: str = ""

    def to_json(self) -> dict[str, Any]:
        """Machine, all medians and spreads, derived values, and what is missing."""
        return {
            "machine": records.fingerprint(),
            "workload": self.title,
            "threads": self.threads,
            "rung": self.rung,
            "simulation": self.simulation or None,
            "missing": dict(self.missing),
            "notes": list(self.notes),
            "results": [
                {
                    **dataclasses.asdict(result),
                    "derived": derived(medians(result), self.work),
                    "derived_simulated": derived(result.simulated, self.simulated_work),
                }
                for result in self.results
            ],
        }


def derived(counts: Mapping[str, float], work: Work | None) -> dict[str, float]:
    """Rates and ratios, each where what it needs was counted.

    Examples
    --------
    >>> derived({"instructions": 300.0, "cycles": 100.0}, Work(flops=900, pixels=50))
    {'instructions per cycle': 3.0, 'instructions per output pixel': 6.0}
    """
    plain = {**counts, **(dataclasses.asdict(work) if work else {})}
    found = {}
    for core in dict.fromkeys(name.partition(AT)[2] for name in counts):
        known = {**(plain if core else {}), **_of_core(plain, core)}
        for label, a, b, factor in _RATIOS:
            its = not core or {at(a, core), at(b, core)} & {*counts}
            if its and a in known and known.get(b):
                found[f"{label} {core}".rstrip()] = known[a] / known[b] * factor
    return found


def _of_core(counts: Mapping[str, float], core: str) -> dict[str, float]:
    """Those of one kind of core, by their plain names."""
    split = {name: name.partition(AT) for name in counts}
    return {split[name][0]: value for name, value in counts.items() if split[name][2] == core}


def medians(result: Result) -> dict[str, float]:
    """Of each counter."""
    return {name: spread.median for name, spread in result.counters.items()}
