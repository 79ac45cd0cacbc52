"""What many rows of a race say together.  Measures nothing."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import geometric_mean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .report import Report, Row

REGIME, PLANNED, PLAIN = "reused", "planned", "plain"
NEAR_LIMIT = 80  # percent
LEAST_SECONDS = 1e-3  # shorter calls stay in the caches or are all overhead: no case for a limit
NEAR_PREDICTION = 1.5  # a factor, up or down


@dataclass(frozen=True)
class Least:
    """The least of some figures, and the row it comes from."""

    value: float
    row: str


@dataclass(frozen=True)
class Summary:
    """Some rows of a race, outputs reused.

    Attributes
    ----------
    rows : int
        How many.
    mean_ratio : float or None
        Geometric mean of the ratios to the best peer, of ours as each row calls it; None where no
        row has a peer.
    mean_planned, mean_plain : float or None
        The same of ours called by a plan, and by the plain call.
    least_ratio : Least or None
        The least of them.
    near_limit : float or None
        Share of the rows of a millisecond and more that take less than 1 / 0.8 of the limit.
    predicted : float
        Share of rows whose prediction is within a factor 1.5 of the time.
    least_speedup : Least or None
        Over the fewest threads, among the rows that memory does not bound.
    """

    rows: int
    mean_ratio: float | None
    mean_planned: float | None
    mean_plain: float | None
    least_ratio: Least | None
    near_limit: float | None
    predicted: float
    least_speedup: Least | None

    @classmethod
    def of(cls, report: "Report", rows: Sequence["Row"]) -> "Summary":
        ratios = {row.label: found for row in rows if (found := row.ratio(REGIME)) is not None}
        planned, plain = (
            _mean(row.ratio_of(way, REGIME) for row in rows) for way in (PLANNED, PLAIN)
        )
        long = [row for row in rows if row.ours.seconds(REGIME) >= LEAST_SECONDS]
        speedups = {
            row.label: found
            for row in rows
            if not row.bound_by_memory and (found := report.speedup(row)) is not None
        }
        return cls(
            len(rows),
            _mean(ratios.values()),
            planned,
            plain,
            _least(ratios),
            _share(row.percent_of_limit(REGIME) >= NEAR_LIMIT for row in long),
            _share(is_near(row.prediction) for row in rows) or 0.0,
            _least(speedups),
        )


def is_near(prediction: float) -> bool:
    """Whether predicted over measured time is as near one as it should be."""
    return abs(math.log(prediction)) <= math.log(NEAR_PREDICTION)


def _mean(ratios: Iterable[float | None]) -> float | None:
    found = [ratio for ratio in ratios if ratio is not None]
    return geometric_mean(found) if found else None


def _least(figures: dict[str, float]) -> Least | None:
    if not figures:
        return None
    name = min(figures, key=lambda name: figures[name])
    return Least(figures[name], name)


def _share(verdicts: Iterable[bool]) -> float | None:
    found = list(verdicts)
    return sum(found) / len(found) if found else None


def summaries(report: "Report") -> dict[str, Summary]:
    """A summary of all rows, one of each number of threads, and one of each group."""
    rows = report.rows
    counts = dict.fromkeys(row.threads for row in rows)
    groups = dict.fromkeys(row.workload.group for row in rows)
    parts = {
        "all": rows,
        **{f"threads {n}": [row for row in rows if row.threads == n] for n in counts},
        **{name: [row for row in rows if row.workload.group == name] for name in groups},
    }
    return {name: Summary.of(report, part) for name, part in parts.items() if part}
