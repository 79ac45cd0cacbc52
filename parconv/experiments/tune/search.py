"""Which settings to run, how often, and when to stop: the search, without the running.

`exhaustive` runs everything; `racing` finds a setting as good with at most a quarter of the runs.
Both get a function that measures, so that they can be tested on a synthetic one.
"""

import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..screen import Announce, silent
from .settings import Setting

SHARE = 4  # racing runs at most this part of the exhaustive sweep's settings x repeats ...
LEAST_RUNS = 12  # ... but always some
SCREENED = 0.65  # of these runs, at most, go to a first look at every setting
# A setting's bands change its time by less than this: a group (the same but for the bands) whose
# best is that far behind is left after two looks.  Joblib's processes need 10 to 50 times as long.
HOPELESS = 3.0
SURVIVORS = (0.25, 0.1, 0.04)  # of all settings, in the rounds after the first look
FEWEST = 3
CURVE_PASSES = 3  # over the thread counts of the winner's kind, for the scaling models ...
CURVE_SHARE = 0.1  # ... unless that takes more than this part of the runs


class FailedError(Exception):
    """A setting cannot be run; the message says why."""


@dataclass
class Tally:
    """What was measured of one setting: seconds per call, and why there is no more."""

    setting: Setting
    samples: list[float] = field(default_factory=list)
    note: str = ""
    failed: bool = False


class Search:
    """Runs settings one by one and keeps the tallies.

    Parameters
    ----------
    settings : sequence of Setting
        The candidates; ``default`` is among them.
    default : Setting
        What would be used without tuning.
    usual : callable
        Whether a setting could replace the default.
    measure : callable
        Seconds per call of one run of a setting; raises `FailedError`.
    seed : int
        Decides the random order.
    announce : callable
        Told a name, the runs done and their expected number.
    seconds : float, optional
        Time that the whole search may take; None for no bound.
    """

    def __init__(
        self,
        settings: Sequence[Setting],
        default: Setting,
        usual: Callable[[Setting], bool],
        measure: Callable[[Setting], float],
        *,
        seed: int = 0,
        announce: Announce = silent,
        seconds: float | None = None,
    ) -> None:
        self.tallies = {setting: Tally(setting) for setting in (default, *settings)}
        self.default, self.runs, self.expected = default, 0, 0
        self.truncated = False  # time ran out before every setting had been seen
        self.passes: list[dict[Setting, float]] = []
        self.is_usual, self._measure, self._announce = usual, measure, announce
        self._random = np.random.default_rng(seed)
        self._start, self._seconds = time.monotonic(), seconds

    def late(self, part: float = 1.0) -> bool:
        """Whether that part of the time is over."""
        if self._seconds is None:
            return False
        return time.monotonic() - self._start > part * self._seconds

    def shuffled(self, settings: Iterable[Setting]) -> list[Setting]:
        found = list(settings)
        return [found[i] for i in self._random.permutation(len(found))]

    def take(self, setting: Setting) -> float | None:
        """Seconds per call in one run; None where it fails, now or before."""
        tally = self.tallies[setting]
        if tally.failed:
            return None
        self._announce(str(setting), self.runs, max(self.expected, self.runs))
        self.runs += 1
        try:
            seconds = self._measure(setting)
        except FailedError as error:
            tally.failed, tally.note = True, str(error)
            return None
        tally.samples.append(seconds)
        return seconds

    def once(self, settings: Iterable[Setting], part: float = 1.0) -> None:
        """One pass: every setting once, in random order, while there is time."""
        found: dict[Setting, float] = {}
        self.passes.append(found)
        for setting in self.shuffled(settings):
            if self.late(part):
                self.truncated |= part == 1
                return
            seconds = self.take(setting)
            if seconds is not None:
                found[setting] = seconds

    def ranking(self, settings: Iterable[Setting]) -> list[Setting]:
        """Those with samples, fastest first.

        The machine's speed drifts, so a sample counts relative to the others of its pass.  Of the
        passes, those count in which the most of ``settings`` ran.
        """
        among = [s for s in settings if self.tallies[s].samples and not self.tallies[s].failed]
        shared = [{s: found[s] for s in among if s in found} for found in self.passes]
        most = max((len(found) for found in shared), default=0)
        relative: dict[Setting, list[float]] = {s: [] for s in among}
        for found in (found for found in shared if found and len(found) == most):
            typical = statistics.median(found.values())
            for setting, seconds in found.items():
                relative[setting].append(seconds / typical)
        ranked = {s: statistics.median_low(values) for s, values in relative.items() if values}
        return sorted(ranked, key=lambda s: ranked[s])

    def leaders(self, settings: Iterable[Setting], number: int) -> list[Setting]:
        """The fastest, half as many of those that could replace the default, and the default."""
        ranking = self.ranking(settings)
        usual = [s for s in ranking if self.is_usual(s)]
        best = [*ranking[:number], *usual[: math.ceil(number / 2)]]
        return list(dict.fromkeys([*best, self.default]))


def exhaustive(search: Search, repeats: int) -> list[Setting]:
    """Every setting ``repeats`` times; all, best first."""
    search.expected = len(search.tallies) * repeats
    for _ in range(repeats):
        search.once(search.tallies)
    return search.ranking(search.tallies)


def allowance(settings: int, repeats: int) -> int:
    """Runs that `racing` may spend, the duel included."""
    return max(LEAST_RUNS, settings * repeats // SHARE)


def racing(search: Search, repeats: int) -> list[Setting]:
    """A first look at every setting, then more runs of ever fewer; the last few, best first."""
    settings = len(search.tallies)
    search.expected = allowance(settings, repeats)
    counts = len({setting.threads for setting in search.tallies})
    curve_passes = CURVE_PASSES if CURVE_PASSES * counts < CURVE_SHARE * search.expected else 0
    left = search.expected - 2 * repeats - curve_passes * counts
    leaders = _screen(search, min(settings, math.ceil(SCREENED * search.expected)))
    for index, share in enumerate(SURVIVORS):
        leaders = search.leaders(leaders, max(FEWEST, math.ceil(share * settings)))
        allowed = (left - search.runs) // (len(SURVIVORS) - index)
        for _ in range(allowed // len(leaders)):
            search.once(leaders, part=0.85)
    ranking = search.ranking(leaders)
    for _ in range(curve_passes):
        search.once(_curve(search, ranking), part=0.9)
    return ranking


def _curve(search: Search, ranking: Sequence[Setting]) -> list[Setting]:
    """The winner, and the best of its kind at each other number of threads, for the models."""
    best: dict[int, Setting] = {}
    for setting in [*ranking[:1], *search.ranking(search.tallies)]:
        if setting.label == ranking[0].label:
            best.setdefault(setting.threads, setting)
    return list(best.values())


def _screen(search: Search, runs: int) -> list[Setting]:
    """One run of each setting, at most so many; those with a sample."""
    found: dict[Setting, float] = {}
    search.passes.append(found)
    for setting in _in_turn(search):
        search.truncated = search.late(0.6)
        if search.truncated or search.runs >= runs:
            break
        behind = _behind(found, setting)
        if behind > HOPELESS:
            search.tallies[setting].note = f"not run: others of its kind take {behind:.0f}x"
        elif (seconds := search.take(setting)) is not None:
            found[setting] = seconds
    return list(found)


def _in_turn(search: Search) -> list[Setting]:
    """The default, then one random setting of each group, then another: all are seen early."""
    turns: Counter[tuple[object, ...]] = Counter()
    order = {search.default: -1}
    for setting in search.shuffled(search.tallies):
        order.setdefault(setting, turns[setting.group])
        turns[setting.group] += 1
    return sorted(order, key=lambda s: order[s])


def _behind(found: Mapping[Setting, float], setting: Setting) -> float:
    """How many times as long as the fastest the best of a setting's group takes.

    0 where fewer than two of them ran: one run may have met a disturbance.
    """
    group = [seconds for other, seconds in found.items() if other.group == setting.group]
    return min(group) / min(found.values()) if len(group) > 1 else 0.0
