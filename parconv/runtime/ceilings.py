"""The machine's ceilings: the flops and the bytes per second its cores reach at best.

Holds and reads what `parconv.experiments.ceilings` measures; measures nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from . import records

RATES = ("gflops32", "gflops64", "gbytes")
LEAST_RATE, MOST_RATE = 1e-6, 1e9  # of any machine: others stand in damaged records
THREADS, ASLEEP = "threads", "threads, asleep"  # launches of ours: back to back, after a pause


@dataclass(frozen=True, order=True)
class Ceilings:
    """The best rates measured with ``threads`` threads, in units of 1e9 per second.

    ``gbytes`` counts bytes read and bytes written.
    """

    threads: int
    gflops32: float
    gflops64: float
    gbytes: float

    def gflops(self, dtype: DTypeLike) -> float:
        """FMA peak for the precision that ``dtype`` computes in."""
        return self.gflops32 if np.can_cast(dtype, np.complex64) else self.gflops64

    def limit_seconds(self, flops: float, nbytes: float, dtype: DTypeLike) -> float:
        """The shortest time this machine allows for so many flops and so many bytes moved."""
        return max(flops / self.gflops(dtype), nbytes / self.gbytes) / 1e9

    def best(self, other: "Ceilings") -> "Ceilings":
        """The higher of two measurements, rate by rate."""
        return self._merged(other, max)

    def mean(self, other: "Ceilings") -> "Ceilings":
        """What held between two measurements: the clock of a shared machine drifts."""
        return self._merged(other, lambda a, b: (a + b) / 2)

    def between(self, other: "Ceilings", threads: int) -> "Ceilings":
        """What ``threads`` threads reach: on the line from this measurement to that of more."""
        share = (threads - self.threads) / (other.threads - self.threads)
        rates = ((a + share * (b - a)) for a, b in zip(self._rates, other._rates, strict=True))
        return Ceilings(threads, *rates)

    @property
    def _rates(self) -> tuple[float, float, float]:
        return self.gflops32, self.gflops64, self.gbytes

    def _merged(self, other: "Ceilings", rate: Callable[[float, float], float]) -> "Ceilings":
        if self.threads != other.threads:
            raise ValueError(f"ceilings of {self.threads} and of {other.threads} threads")
        return Ceilings(self.threads, *map(rate, self._rates, other._rates))


def path() -> Path:
    """The file with this machine's ceilings, whether or not they were measured."""
    return records.local(records.home()) / "ceilings.json"


def recorded() -> records.Record | None:
    """The whole record; None where nothing was measured here, or on too busy a machine."""
    record = records.read(path())
    return record if record and records.is_steady(record) else None


def load(threads: int) -> Ceilings | None:
    """The recorded ceilings of ``threads`` threads; None where none were measured here.

    Between two thread counts that were measured rates lie on a line; beyond the last one they stay.
    """
    record = recorded()
    try:
        rows = sorted(_from_row(row) for row in record["threads"]) if record else []
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    below = [row for row in rows if row.threads <= threads]
    above = [row for row in rows if row.threads > threads]
    if below and above:
        return below[-1].between(above[0], threads)
    return below[-1] if below else above[0] if above else None


def waking() -> float | None:
    """Seconds from the call for a sleeping thread of ours to its coming; None where unmeasured."""
    record = recorded()
    try:
        found = float(record["launches"][ASLEEP]["median_us"]) * 1e-6 if record else 0.0
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return found if 0 < found < 1 else None  # a record is a file that anything may be in


def _from_row(row: records.Record) -> Ceilings:
    found = Ceilings(int(row["threads"]), *(float(row[name]) for name in RATES))
    if found.threads < 1 or not all(LEAST_RATE < rate < MOST_RATE for rate in found._rates):
        raise ValueError(f"ceilings of {found}")
    return found
