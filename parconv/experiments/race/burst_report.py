"""What a race in bursts found: its arithmetic, its verdicts and its JSON.  Measures nothing."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .grid import Entry
from .report import Facts, Result

AUTO, PLAIN, SERIAL, THREADS, OPENCV = "auto", "plain", "serial", "threads", "opencv"
LARGE_PIXELS = 2**20  # from 1024 x 1024 on OpenCV must be slower
ALLOWED_SECONDS = 1e-3  # what the machine may take from any call


@dataclass(frozen=True)
class Calls:
    """Seconds of the single calls of one competitor in a cell."""

    name: str
    samples: tuple[float, ...]
    own_output: bool = False

    @property
    def median(self) -> float:
        return float(np.median(self.samples))

    @property
    def p95(self) -> float:
        return float(np.percentile(self.samples, 95))

    @property
    def maximum(self) -> float:
        return max(self.samples)

    def to_json(self) -> dict[str, Any]:
        names = ("name", "own_output", "median", "p95", "maximum")
        # to 10 ns: there may be tens of thousands, and a float has twice as many digits
        samples = [round(seconds, 8) for seconds in self.samples]
        return {**{name: getattr(self, name) for name in names}, "samples": samples}


@dataclass(frozen=True)
class Cell:
    """One workload, one thread count, one pause (seconds), beside so many busy processes."""

    workload: Entry
    threads: int
    pause: float
    busy: int
    calls: tuple[Calls, ...]

    @property
    def label(self) -> str:
        return (
            f"{self.workload.name}, threads {self.threads}, pause {1e3 * self.pause:g} ms, "
            f"busy {self.busy}"
        )

    def named(self, *names: str) -> list[Calls]:
        """The competitors of those names, as far as they raced."""
        return [calls for calls in self.calls if calls.name in names]

    @property
    def auto(self) -> Calls:
        return self.named(AUTO)[0]

    @property
    def opencv(self) -> list[Calls]:
        """The fastest of its functions; none where it did not race."""
        found = [calls for calls in self.calls if calls.name.partition("-")[0] == OPENCV]
        return sorted(found, key=lambda calls: calls.median)[:1]

    def to_json(self) -> dict[str, Any]:
        return {
            "pause": self.pause,
            "busy": self.busy,
            "calls": [calls.to_json() for calls in self.calls],
            "verdicts": [dataclasses.asdict(verdict) for verdict in verdicts(self)],
        }


# --- verdicts ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """A figure of a cell that should not exceed its limit."""

    name: str
    value: float
    limit: float
    held: bool


@dataclass(frozen=True)
class Criterion:
    """A name, the limit, what is asked in words, and the figure: None where it is not asked."""

    name: str
    limit: float
    words: str
    figure: Callable[[Cell], float | None]
    below: bool = False  # the limit itself is too much

    def judge(self, cell: Cell) -> Verdict | None:
        value = self.figure(cell)
        if value is None:
            return None
        held = value < self.limit or (value == self.limit and not self.below)
        return Verdict(self.name, value, self.limit, held)


def _over(value: float, other: float | None) -> float | None:
    return None if other is None else value / other


def _own(cell: Cell) -> float | None:
    rivals = cell.named(SERIAL, THREADS)
    return _over(cell.auto.median, min((calls.median for calls in rivals), default=None))


def _opencv(cell: Cell) -> float | None:
    if math.prod(cell.workload.image) < LARGE_PIXELS:
        return None
    return _over(cell.auto.median, min((calls.median for calls in cell.opencv), default=None))


def _tail(cell: Cell) -> float | None:
    rivals = [*cell.opencv, *cell.named(SERIAL)]
    return _over(cell.auto.p95, max((calls.p95 for calls in rivals), default=None))


def _alone(cell: Cell) -> float | None:
    return None if cell.busy else cell.auto.maximum / (3 * cell.auto.median + ALLOWED_SECONDS)


def _beside(cell: Cell) -> float | None:
    rivals = cell.named(SERIAL) if cell.busy else []
    return _over(cell.auto.maximum, max((calls.maximum for calls in rivals), default=None))


CRITERIA = (
    Criterion("vs own", 1.15, "auto's median / the better of serial's and threads'", _own),
    Criterion(
        "vs opencv", 1.0, "auto's median / OpenCV's, 2^20 pixels and more", _opencv, below=True
    ),
    Criterion("vs p95", 1.2, "auto's p95 / the larger of OpenCV's and serial's", _tail),
    Criterion("max alone", 1.0, "auto's max / (3 medians + 1 ms), no busy process", _alone),
    Criterion("max busy", 1.5, "auto's max / serial's, beside busy processes", _beside),
)


def verdicts(cell: Cell) -> list[Verdict]:
    """On every criterion that is asked of the cell."""
    found = (criterion.judge(cell) for criterion in CRITERIA)
    return [verdict for verdict in found if verdict is not None]


@dataclass(frozen=True)
class Standing:
    """One criterion in all cells that it is asked of, and the cell that is worst."""

    name: str
    limit: float
    cells: int
    held: int
    worst: float
    worst_cell: str


def standings(cells: Sequence[Cell]) -> list[Standing]:
    """How every criterion fares that any cell is asked."""
    found: dict[str, list[tuple[Verdict, Cell]]] = {}
    for cell in cells:
        for verdict in verdicts(cell):
            found.setdefault(verdict.name, []).append((verdict, cell))
    return [_standing(found[criterion.name]) for criterion in CRITERIA if criterion.name in found]


def _standing(judged: Sequence[tuple[Verdict, Cell]]) -> Standing:
    worst, cell = max(judged, key=lambda pair: pair[0].value)
    held = sum(verdict.held for verdict, _ in judged)
    return Standing(worst.name, worst.limit, len(judged), held, worst.value, cell.label)


# --- all -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BurstRow:
    """All cells of one workload at one thread count, and who was not raced there."""

    workload: Entry
    threads: int
    cells: tuple[Cell, ...]
    absent: tuple[Result, ...]

    @property
    def label(self) -> str:
        return f"{self.workload.name}, threads {self.threads}"

    def to_json(self) -> dict[str, Any]:
        return {
            "workload": {"name": self.workload.name, **dataclasses.asdict(self.workload)},
            "threads": self.threads,
            "cells": [cell.to_json() for cell in self.cells],
            "absent": [dataclasses.asdict(result) for result in self.absent],
        }


@dataclass(frozen=True)
class BurstReport(Facts):
    """Everything a race in bursts found out."""

    rows: tuple[BurstRow, ...]

    @property
    def standings(self) -> list[Standing]:
        return standings([cell for row in self.rows for cell in row.cells])

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dump``."""
        return {
            **self.facts_json(),
            "standings": [dataclasses.asdict(standing) for standing in self.standings],
            "bursts": [row.to_json() for row in self.rows],
        }
