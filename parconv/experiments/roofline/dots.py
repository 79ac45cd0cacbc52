"""The rows of a race as dots under roofs, and as a table.  Measures and draws nothing."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parconv.runtime.ceilings import Ceilings
from parconv.runtime.records import Record
from parconv.runtime.strategies import STRATEGIES, automatic

from .. import screen

if TYPE_CHECKING:
    from rich.table import Table

# What a picture of another machine's race must not borrow from this one.
MACHINE = ("cpu", "target", "vector_bits", "cores")


@dataclass(frozen=True)
class Dot:
    """One row of a race: what was computed, how long it took, and the ceilings of that moment."""

    name: str
    group: str
    shape: tuple[int, ...]
    taps: tuple[int, ...]
    dtype: str
    flops: float
    nbytes: float
    seconds: float
    ceilings: Ceilings

    @property
    def threads(self) -> int:
        return self.ceilings.threads

    @property
    def intensity(self) -> float:
        """Flops per byte of image and output."""
        return self.flops / self.nbytes

    @property
    def gflops(self) -> float:
        return self.flops / self.seconds / 1e9

    @property
    def limit(self) -> float:
        """The GFLOP/s that the ceilings allow."""
        return self.flops / self.ceilings.limit_seconds(self.flops, self.nbytes, self.dtype) / 1e9

    @property
    def resource(self) -> str:
        """What the limit is due to; of a call too short for either, its overhead."""
        if self.flops / self.limit / 1e9 < STRATEGIES[automatic(threaded=False)].overhead:
            return "overhead of a call"
        peak = self.ceilings.gflops(self.dtype)
        return "multiply-adds" if self.limit >= 0.999 * peak else "memory bandwidth"

    @property
    def double(self) -> bool:
        """Whether it computes at half the peak."""
        return not np.can_cast(self.dtype, np.complex64)


@dataclass(frozen=True)
class Roof:
    """What bounds all dots of one number of threads.

    ``lowest`` is the least memory bandwidth during the race, where the ceilings hold the best;
    ``slopes`` are the bandwidths of the caches in GB/s.
    """

    ceilings: Ceilings
    lowest: float
    slopes: Mapping[str, float] = field(default_factory=dict)


def read(path: Path) -> Record:
    """The JSON that ``parconv race --json`` wrote."""
    try:
        report = json.loads(path.read_bytes())
        dots(report)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(
            f"race is {path}, which is not what `parconv race --json FILE` writes: {error!r}"
        ) from error
    return report  # type: ignore[no-any-return]


def dots(report: Record) -> list[Dot]:
    """Our own rows, timed with a reused output."""
    return [_dot(row) for row in report["rows"]]


def _dot(row: Record) -> Dot:
    workload = row["workload"]
    return Dot(
        workload["name"],
        workload["group"],
        tuple(workload.get("shape") or workload["image"]),
        tuple(workload.get("taps") or workload["filters"]),
        workload["dtype"],
        row["flops"],
        row["nbytes"],
        row["results"][0]["reused"]["median"],
        Ceilings(**row["ceilings"]),
    )


def roofs(found: Sequence[Dot], survey: Sequence[Record] = ()) -> list[Roof]:
    """The ceilings of the fewest and of the most threads, at their best.

    The latter with the slopes of the caches, if the rows of a ``survey`` tell them; of the former
    they would lie on one another.
    """
    counts = sorted({dot.threads for dot in found})
    slopes = _cache_slopes(survey, counts[-1])
    most = _roof(found, counts[-1], slopes)
    return [_roof(found, counts[0], {}), most] if len(counts) > 1 else [most]


def _roof(found: Sequence[Dot], threads: int, slopes: Mapping[str, float]) -> Roof:
    measured = [dot.ceilings for dot in found if dot.threads == threads]
    return Roof(reduce(Ceilings.best, measured), min(c.gbytes for c in measured), slopes)


def _cache_slopes(survey: Sequence[Record], threads: int) -> dict[str, float]:
    """GB/s of copying within each cache."""
    rates: dict[str, Any] = {}
    for row in survey:
        if row["threads"] == threads:
            rates = row["bandwidth"]
    return {level: found["copy"] for level, found in rates.items() if level != "memory"}


def same_machine(report: Record, record: Record) -> bool:
    """Whether a race and a survey come from machines of the same kind."""
    raced, surveyed = report["machine"], record["fingerprint"]
    return all(str(raced.get(name)) == str(surveyed.get(name)) for name in MACHINE)


_COLUMNS: dict[str, Callable[[Dot], Any]] = {
    "row": lambda dot: dot.name,
    "threads": lambda dot: dot.threads,
    "flops/byte": lambda dot: f"{dot.intensity:.2f}",
    "GFLOP/s": lambda dot: f"{dot.gflops:.1f}",
    "limit GFLOP/s": lambda dot: f"{dot.limit:.0f}",
    "limited by": lambda dot: dot.resource,
    "% of limit": lambda dot: f"{100 * dot.gflops / dot.limit:.0f}",
}


def table(found: Sequence[Dot]) -> "Table":
    """For the terminal; the limit is that of the ceilings measured with the row."""
    title = "rows of the race under the ceilings measured with each"
    result = screen.table(_COLUMNS, ("row", "limited by"), title=title)
    for dot in found:
        result.add_row(*(str(cell(dot)) for cell in _COLUMNS.values()))
    return result
