"""What was counted: medians, ratios, JSON and the table.  Counts nothing itself."""

import dataclasses
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from parconv.codegen.machine import CACHE_LINE
from parconv.problem.problem import Problem
from parconv.runtime import records

from ..screen import say, table as new_table
from . import simulate, usage
from .events import AT, EVENTS, at
from .lines import lines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

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
_SECONDS = {TIME, "task-clock", "user time", "kernel time", usage.WAIT}


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
                    "derived": derived(_medians(result), self.work),
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


def _medians(result: Result) -> dict[str, float]:
    return {name: spread.median for name, spread in result.counters.items()}


# --- the page ------------------------------------------------------------------------------------


def show(report: Report, console: "Console") -> None:
    """Print the tables, then which counters they hold and which they lack."""
    say(console, [report.title])
    console.print(_measured(report))
    if any(result.slots for result in report.results):
        console.print(_slots(report))
    if report.simulation:
        console.print(_simulated(report))
    for result in report.results:
        say(console, _as_perf(result))
    told = (f"counters: {RUNGS[report.rung]}", *_lacking(report.missing), *report.notes)
    say(console, (line for text in told for line in _wrapped(text, console.width)))


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)


def _lacking(missing: Mapping[str, str]) -> list[str]:
    """One line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in missing.items():
        by_reason.setdefault(reason, []).append(name)
    return [f"not available: {', '.join(names)} ({why})" for why, names in by_reason.items()]


def _measured(report: Report) -> "Table":
    counters = [event.name + modifier for event in EVENTS for modifier in ("", ":u", ":k")]
    table = _table("measured, per call", report.results)
    cores = dict.fromkeys(n.partition(AT)[2] for r in report.results for n in r.counters)
    for name in (TIME, *counters, *usage.NAMES):
        for core in cores:
            spreads = [result.counters.get(at(name, core)) for result in report.results]
            values = [spread.median if spread else None for spread in spreads]
            _add(table, f"{name} {core}".rstrip(), values, spreads)
    return _derived(table, [derived(_medians(r), report.work) for r in report.results])


def _slots(report: Report) -> "Table":
    """Where the slots of the pipeline went: perf's metrics, level 1 and 2 as far as it has them."""
    table = _table("top-down, % of the slots", report.results)
    for name in dict.fromkeys(name for result in report.results for name in result.slots):
        spreads = [result.slots.get(name) for result in report.results]
        values = [spread.median if spread else None for spread in spreads]
        _add(table, name.replace(AT, " "), values)
    return table


def _as_perf(result: Result) -> list[str]:
    """The counters as perf prints them; nothing where perf counted none."""
    counts = _medians(result)
    found = lines(counts, result.running, counts.get(TIME, 0.0))
    return [f"{result.name}, per call, as perf stat has it:", *found, ""] if found else []


def _simulated(report: Report) -> "Table":
    table = _table(f"simulated: {report.simulation}", report.results)
    for name in simulate.COUNTS:
        _add(table, name, [result.simulated.get(name) for result in report.results])
    found = [derived(result.simulated, report.simulated_work) for result in report.results]
    return _derived(table, found)


def _table(title: str, results: Sequence[Result]) -> "Table":
    from rich import box

    first, *others = (result.name for result in results)
    headings = ("", first, *(cell for name in others for cell in (name, f"/ {first}")))
    return new_table(headings, ("",), title=title, box=box.SIMPLE_HEAD)


def _derived(table: "Table", found: Sequence[Mapping[str, float]]) -> "Table":
    table.add_section()
    for label in dict.fromkeys(label for values in found for label in values):
        _add(table, label, [values.get(label) for values in found])
    return table


def _add(
    table: "Table",
    name: str,
    values: Sequence[float | None],
    spreads: Sequence[Spread | None] = (),
) -> None:
    """One row, unless nobody has a value."""
    if all(value is None for value in values):
        return
    cells = [name]
    for n, value in enumerate(values):
        spread = spreads[n] if spreads else None
        cells.append(_cell(value, spread, "s" if name in _SECONDS else ""))
        if n:
            cells.append(_ratio(value, values[0]))
    table.add_row(*cells)


def _cell(value: float | None, spread: Spread | None, unit: str) -> str:
    if value is None:
        return "–"
    text = scaled(value, unit)
    if spread is None or spread.repeats < 2:
        return text
    if spread.spread > abs(value):  # per cent would be thousands, or of nothing
        return f"{text} ± {scaled(spread.spread, unit)}"
    share = spread.spread / abs(value) if value else 0.0
    return f"{text} ± {100 * share:.0f} %"


def _ratio(value: float | None, first: float | None) -> str:
    return f"{value / first:.2f}" if value is not None and first else "–"


def scaled(value: float, unit: str = "") -> str:
    """Three digits and a prefix.

    Examples
    --------
    >>> scaled(13180949), scaled(0.00057, "s"), scaled(3.2)
    ('13.2 M', '570 µs', '3.2')
    """
    steps = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
    if value == 0 or (not unit and abs(value) < 1000):
        return f"{value:.3g} {unit}".rstrip()
    size, prefix = next((s for s in steps if abs(value) >= s[0]), steps[-1])
    return f"{value / size:.3g} {prefix}{unit}".rstrip()
