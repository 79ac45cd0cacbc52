"""Curves over thread counts from a sweep's tallies, and what the models say of them.

Pure arithmetic; draws nothing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import numpy as np

from parconv.problem.problem import Problem
from parconv.runtime import ceilings

from ...problem.lazily import lazily
from . import models
from .search import Tally
from .settings import Setting


@dataclass(frozen=True)
class Law:
    """A model of a curve: in words, in numbers, and as speed-up over threads if there is one."""

    name: str
    text: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    speedup: Callable[[float], float] | None = None


@dataclass(frozen=True)
class Curve:
    """Seconds per call over thread counts, each with the best number of bands.

    Fits take the points up to ``cores``: beyond them threads share cores.  ``slow``: their 95th
    percentiles, for users wait for the slow calls, too.
    """

    label: str
    cores: int
    seconds: Mapping[int, float]
    slow: Mapping[int, float] = field(default_factory=dict)

    @lazily
    def speedups(self) -> dict[int, float]:
        """Against one thread of the same kind; empty where that was not measured."""
        single = self.seconds.get(1)
        return {n: single / t for n, t in self.seconds.items()} if single else {}

    @lazily
    def inside(self) -> dict[int, float]:
        """Speed-ups up to the cores."""
        return {n: s for n, s in self.speedups.items() if n <= self.cores}

    @lazily
    def serial_shares(self) -> dict[int, float]:
        """Karp and Flatt's, for more than one thread."""
        return {n: models.karp_flatt(n, s) for n, s in self.speedups.items() if n > 1}

    def points(self) -> list[dict[str, float | int | None]]:
        """A row for each number of threads."""
        return [
            {
                "threads": n,
                "seconds": seconds,
                "p95": self.slow.get(n),
                "speedup": (speedup := self.speedups.get(n)),
                "efficiency": speedup and speedup / n,
                "karp_flatt": self.serial_shares.get(n),
                "oversubscribed": n > self.cores,
            }
            for n, seconds in self.seconds.items()
        ]

    def fits(self) -> list[Law]:
        """What each model says of the curve alone, or why it cannot."""
        points = list(self.inside), list(self.inside.values())
        return [
            _law("Amdahl", lambda: _fitted(models.amdahl(*points))),
            _law("USL", lambda: _fitted(models.usl(*points))),
            _law("bandwidth knee", lambda: _bent(models.knee(*points))),
        ]

    def laws(self, problem: Problem) -> list[Law]:
        """The same, and what the machine's bandwidth says of this problem."""
        return [*self.fits(), _law("measured bandwidth", lambda: self._under_ceiling(problem))]

    def _under_ceiling(self, problem: Problem) -> Law:
        """The knee that the machine's recorded stream bandwidth would make of one thread's rate."""
        found, single = ceilings.load(self.cores), self.seconds.get(1)
        if found is None or single is None:
            reason = "one thread was not run" if found else "`parconv ceilings` measures it"
            raise models.UnderdeterminedError(f"unknown: {reason}")
        return _bent(models.Knee(1.0, single * found.gbytes * 1e9 / problem.bytes))

    def to_json(self, problem: Problem) -> dict[str, Any]:
        """Plain values."""
        laws = {law.name: {"text": law.text, **law.numbers} for law in self.laws(problem)}
        return {"curve": self.label, "points": self.points(), "laws": laws}


def _law(name: str, model: Callable[[], Law]) -> Law:
    """The model's law under its name, or the reason why there is none."""
    try:
        found = model()
    except models.UnderdeterminedError as error:
        return Law(name, f"{name}: {error}")
    except ModuleNotFoundError as error:
        return Law(name, f"{name}: {error.name} is not installed: `pip install scipy`")
    return replace(found, name=name, text=f"{name}: {found.text}")


def _fitted(fit: models.Fit) -> Law:
    numbers = {"a": fit.a, "b": fit.b} if fit.parameters > 1 else {"a": fit.a}
    told = ", ".join(f"{name} {value:.3g}" for name, value in numbers.items())
    peak = f", slower beyond {fit.peak:.0f} threads" if math.isfinite(fit.peak) else ""
    note = f" ({fit.note})" if fit.note else ""
    return Law("", f"{told}{peak}{note}", {**numbers, "points": fit.points}, fit.speedup)


def _bent(knee: models.Knee) -> Law:
    if math.isinf(knee.ceiling):
        return Law("", "none, the rate rises in proportion to threads", {}, knee.rate)
    return Law("", f"at {knee.threads:.1f} threads", {"threads": knee.threads}, knee.rate)


def curves(tallies: Mapping[Setting, Tally], cores: int) -> tuple[Curve, ...]:
    """A curve for each strategy, layer and backend that was measured, best first."""
    found: dict[str, dict[int, tuple[float, float]]] = {}
    for setting, tally in tallies.items():
        if tally.samples and not tally.failed:
            best = found.setdefault(setting.label, {})
            times = median(tally.samples), slow(tally.samples)
            best[setting.threads] = min(times, best.get(setting.threads, times))
    ordered = sorted(found.items(), key=lambda item: min(item[1].values()))
    return tuple(_curve(label, cores, best) for label, best in ordered)


def _curve(label: str, cores: int, best: Mapping[int, tuple[float, float]]) -> Curve:
    usual, slow = ({n: best[n][which] for n in sorted(best)} for which in range(2))
    return Curve(label, cores, usual, slow)


def slow(samples: Sequence[float]) -> float:
    """Their 95th percentile.

    Examples
    --------
    >>> slow([1.0, 2.0, 3.0])
    2.9
    """
    return float(np.percentile(samples, 95))


def fullest(found: Sequence[Curve]) -> Curve | None:
    """The fastest curve with several thread counts."""
    return next((curve for curve in found if len(curve.seconds) > 1), None)
