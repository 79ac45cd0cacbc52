"""How wrong methods' costs are here, by problems drawn at random; `planner.calibration` keeps it.

On one thread, in seconds that the thread itself ran, so a busy machine hardly matters.
"""

import datetime
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from parconv import plan2d
from parconv.planner import calibration, choice
from parconv.planner.plan import Plan
from parconv.planner.stages import stages

from ...problem.dtypes import Array
from .. import steadiness
from ..race.drawn import drawn
from ..race.grid import Entry
from ..screen import Announce, silent

LEAST, ROUNDS, SECONDS = 5, 40, 0.25  # runs of each method, at least, at most, and how long
NEAR = 4.0  # times of the best method's: what takes longer is chosen by no factor
FEW = 4  # problems that a factor needs
TURNS = 50  # of the fit, which settles within some ten


@dataclass(frozen=True)
class Row:
    """One problem: what each method that ``auto`` may choose takes, and what its cost says.

    Attributes
    ----------
    name : str
        Of the problem.
    auto : str
        What is chosen.
    seconds, costs : dict of str to float
        By method.
    keys : dict of str to str
        The factor that each method has.
    """

    name: str
    auto: str
    seconds: dict[str, float]
    costs: dict[str, float]
    keys: dict[str, str]

    @property
    def regret(self) -> float:
        """How much longer the chosen method takes than the best."""
        return self.seconds[self.auto] / min(self.seconds.values())

    def chosen(self, factors: dict[str, float]) -> str:
        """What costs least by such factors."""
        return min(self.costs, key=lambda name: self.costs[name] * factors.get(self.keys[name], 1))


def candidates(entry: Entry) -> dict[str, Plan]:
    """Plans by every method that ``auto`` may choose; the first is what it chooses."""
    f, g = entry.arrays()
    asked: Any = {**entry.question, "correlate": entry.correlation, "threads": 1}
    plan = plan2d(f, g, **asked)
    found = {plan.method: plan}
    for name, stage in stages(plan.problem).items():
        if name not in found and not (stage.refusal or stage.unasked):
            found[name] = plan2d(f, g, **{**asked, "method": name})
    return found


def seconds(plans: dict[str, Plan], f: Array) -> dict[str, float]:
    """The least of several runs each, alternating."""
    out = {name: plan(f) for name, plan in plans.items()}
    found: dict[str, list[float]] = {name: [] for name in plans}
    began = time.perf_counter()
    for count in range(ROUNDS):
        if count >= LEAST and time.perf_counter() - began > SECONDS * len(plans):
            break
        for name, plan in plans.items():
            start = time.thread_time_ns()
            plan(f, out[name])
            found[name].append(1e-9 * (time.thread_time_ns() - start))
    return {name: min(times) for name, times in found.items()}


def rows(
    kinds: list[str], seed: int, number: int, announce: Announce = silent, most: float = np.inf
) -> Iterator[Row]:
    """So many problems, of the kinds by turns, or as many as begin within ``most`` seconds."""
    began = time.monotonic()
    for count, entry in enumerate(drawn(kinds, seed, number)):
        if time.monotonic() - began > most:
            return
        announce(entry.name, count, number)
        plans = candidates(entry)
        auto, plan = next(iter(plans.items()))
        yield Row(
            entry.name, auto, seconds(plans, entry.arrays()[0]),
            {name: each.cost * calibration.shipped(name) for name, each in plans.items()},
            {name: calibration.key(plan.problem, name) for name in plans},
        )  # fmt: skip


def fitted(measured: Sequence[Row]) -> dict[str, float]:
    """Factors by which costs tell times: medians over problems, one of each problem beside.

    A method's time over its cost is its factor times what the problem does to all methods alike.
    """
    ratios = [_ratios(row) for row in measured]
    names = {name for each in ratios for name in each}
    found = dict.fromkeys(names, 0.0)
    for _ in range(TURNS):
        left: dict[str, list[float]] = {name: [] for name in names}
        for each in ratios:
            common = float(np.median([each[name] - found[name] for name in each]))
            for name in each:
                left[name].append(each[name] - common)
        found = {name: float(np.median(values)) for name, values in left.items()}
    enough = {name for name, values in left.items() if len(values) >= FEW} if names else set()
    factors = {name: float(np.exp(found[name])) for name in sorted(enough)}
    low, high = calibration.LEAST, calibration.MOST
    return {name: min(max(value, low), high) for name, value in factors.items()}


def _ratios(row: Row) -> dict[str, float]:
    """Logarithms of time over cost, of methods that are near the best; none of one alone."""
    most = NEAR * min(row.seconds.values())
    near = [name for name, taken in row.seconds.items() if taken <= most and row.costs[name] > 0]
    if len(near) < 2:
        return {}
    return {row.keys[name]: float(np.log(row.seconds[name] / row.costs[name])) for name in near}


@dataclass(frozen=True)
class Calibration:
    """Factors, and how much longer than the best method's what is chosen takes, with and without.

    Attributes
    ----------
    factors : dict of str to float
        By `planner.calibration.key`.
    before, after : list of float
        Regrets of problems that took no part in the fit.
    problems : int
        Of the fit.
    spread : float
        Of the machine.
    """

    factors: dict[str, float]
    before: list[float]
    after: list[float]
    problems: int
    spread: float

    @property
    def helps(self) -> bool:
        """Whether the mean regret of problems that took no part is less with the factors."""
        return bool(np.mean(self.after) < np.mean(self.before))

    def save(self, forced: bool) -> str:
        """Record the factors for later processes; what was done, in words."""
        if not self.helps:
            return "not saved: what is shipped chooses as well here"
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        found = {"factors": self.factors, "problems": self.problems, "measured": today}
        path = calibration.remember({**found, "spread": self.spread, "forced": forced})
        choice.forget()
        return f"saved in {path}"


def calibrate(
    kinds: list[str], seed: int, number: int, most: float, force: bool, announce: Announce
) -> Calibration:
    """Measure, fit to every other problem, judge by the rest, then fit to all."""

    def measured() -> list[Row]:
        return list(rows(kinds, seed, number, announce, most))

    found, spread = steadiness.watched(measured, 1, 1)
    if len(found) < 2 * FEW:
        raise ValueError(f"{len(found)} problems are too few: pass a larger --number or --budget")
    trial = fitted(found[::2])
    before, after = (
        [row.seconds[row.chosen(factors)] / min(row.seconds.values()) for row in found[1::2]]
        for factors in (dict(calibration.factors()), trial)
    )
    if not force:
        steadiness.check(spread)
    return Calibration(fitted(found), before, after, len(found), spread)
