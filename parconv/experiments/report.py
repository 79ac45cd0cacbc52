"""What a race found: its arithmetic, its JSON and its table.  Measures nothing."""

import dataclasses
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from parconv import records
from parconv.ceilings import Ceilings

from .workloads import Workload

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

REUSED, FRESH = "reused", "fresh"
OWN_OUTPUT, SLOW = "*", "†"
LEGEND = (
    f"ratio: best peer / ours, above 1 where parconv is faster.  {OWN_OUTPUT} cannot reuse an "
    f"output: fresh one measured.  {SLOW} slow: 3 rounds, with a reused output only.  scipy and "
    "astropy use one core, whatever the number of threads.\n"
    "% limit: max(flops / FMA peak, bytes / stream bandwidth) over our time, both measured before "
    "and after that row (their mean); may exceed 100 where the arrays stay in the caches."
)


@dataclass(frozen=True)
class Timing:
    """Seconds per call: quartiles over rounds, each round the mean of ``calls`` calls."""

    median: float
    quartile1: float
    quartile3: float
    rounds: int
    calls: int

    @classmethod
    def of(cls, samples: Iterable[float], calls: int) -> "Timing":
        values = list(samples)
        low, middle, high = (float(q) for q in np.percentile(values, (25, 50, 75)))
        return cls(middle, low, high, len(values), calls)


@dataclass(frozen=True)
class Result:
    """One competitor in one row: ``raced``, ``differs`` (wrong numbers) or ``cannot``."""

    name: str
    status: str
    error: float | None = None
    own_output: bool = False
    slow: bool = False
    reused: Timing | None = None
    fresh: Timing | None = None

    def seconds(self, regime: str) -> float:
        timing: Timing | None = getattr(self, regime)
        return float("inf") if timing is None else timing.median

    @property
    def label(self) -> str:
        return self.name + OWN_OUTPUT * self.own_output + SLOW * self.slow


@dataclass(frozen=True)
class Row:
    """One workload, one thread count, the ceilings of that moment; the first result is ours."""

    workload: Workload
    ceilings: Ceilings
    flops: float
    nbytes: float
    results: tuple[Result, ...]

    @property
    def threads(self) -> int:
        return self.ceilings.threads

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

    def percent_of_limit(self, regime: str) -> float:
        return 100 * self.limit_seconds / self.ours.seconds(regime)


@dataclass(frozen=True)
class Report:
    """Everything a race found out."""

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

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dump``."""
        return {
            "machine": dict(self.machine),
            "versions": dict(self.versions),
            "missing": list(self.missing),
            "ceilings": [dataclasses.asdict(ceiling) for ceiling in self.ceilings],
            "rows": [_row_json(row) for row in self.rows],
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
        "best": best,
        "ratio": ratios,
    }


def machine_facts() -> dict[str, Any]:
    """The processor, and what compiles and threads for it."""
    from parconv import machine

    return {
        **records.fingerprint(),
        "usable_cores": machine.thread_budget(),
        "threading_layer": machine.threading_layer(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def show(report: Report, console: "Console") -> None:
    """Print the report."""
    facts = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    console.print(f"{facts}\n{versions}", highlight=False, soft_wrap=True)
    if report.missing:
        console.print(f"not installed: {', '.join(report.missing)}", highlight=False)
    for ceiling in report.ceilings:
        console.print(
            f"ceilings at best, threads {ceiling.threads}: {ceiling.gflops32:.0f} GFLOP/s float32, "
            f"{ceiling.gflops64:.0f} float64, {ceiling.gbytes:.0f} GB/s",
            highlight=False,
        )
    console.print(_table(report))
    console.print(LEGEND, highlight=False, soft_wrap=True)
    for line in _differing(report):
        console.print(line, highlight=False, soft_wrap=True)


def _table(report: Report) -> "Table":
    from rich.table import Table

    table = Table(title="times in ms")
    table.add_column("workload", no_wrap=True)
    reused = ("threads", "ours", "best peer", "peer", "ratio", "% limit")
    for heading in (*reused, "fresh: ours", "best peer", "peer", "ratio", "others"):
        table.add_column(heading, justify="left" if "best" in heading else "right")
    for row in report.rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: Row) -> list[str]:
    best = row.best(REUSED)
    others = [f"{r.label} {row.ratio(REUSED, r):.1f}" for r in row.rivals if r is not best]
    return [
        row.workload.name,
        str(row.threads),
        *_comparison(row, REUSED),
        f"{row.percent_of_limit(REUSED):.0f}",
        *_comparison(row, FRESH),
        ", ".join(others),
    ]


def _comparison(row: Row, regime: str) -> list[str]:
    """Our time, the best peer, its time, the ratio."""
    ours, peer, ratio = milliseconds(row.ours.seconds(regime)), row.best(regime), row.ratio(regime)
    if peer is None or ratio is None:
        return [ours, "", "", ""]
    return [ours, peer.label, milliseconds(peer.seconds(regime)), f"{ratio:.2f}"]


def milliseconds(seconds: float) -> str:
    """Three significant digits, no exponent."""
    value = 1e3 * seconds
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def _differing(report: Report) -> list[str]:
    return [
        f"differs: {result.name} in {row.workload.name}, threads {row.threads} "
        f"(by up to {result.error:.2g}): not raced"
        for row in report.rows
        for result in row.results
        if result.status == "differs"
    ]
