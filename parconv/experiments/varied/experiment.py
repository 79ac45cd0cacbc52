"""An experiment: one thing varies, calls are timed in turns, a sentence says what came of it.

Knows no convolution.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from parconv.runtime import records

from .. import steadiness
from ..screen import Announce, silent
from ..timing import SETTLE_SECONDS, Timing, calls_of, in_turn, seconds_per_call

SECONDS = 30.0  # then no further round begins
ROUNDS, LEAST = 15, 5


@dataclass(frozen=True)
class Setting:
    """One way to do the same, ready to run.

    ``told``: what is known of it before, such as predictions, by heading.  ``times``: how many
    calls the figures are for, where one is measured and many are meant.
    """

    name: str
    run: Callable[[], object]
    told: Mapping[str, float] = field(default_factory=dict)
    times: float = 1.0


@dataclass(frozen=True)
class Row:
    """A setting, the seconds that it took, and what is told of it."""

    name: str
    timing: Timing
    told: Mapping[str, float]

    @property
    def noise(self) -> float:
        """Half of what lies between its quartiles, of its median."""
        return (self.timing.quartile3 - self.timing.quartile1) / 2 / self.timing.median


@dataclass(frozen=True)
class Found:
    """All rows of an experiment, and the conclusion that their figures allow."""

    name: str
    varies: str
    rows: tuple[Row, ...]
    conclusion: str
    spread: float  # of the machine

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dump``."""
        rows = [{**asdict(row), "noise": row.noise} for row in self.rows]
        return {"experiment": self.name, "varies": self.varies, "rows": rows,
                "noise": noise(self.rows), "conclusion": self.conclusion, "spread": self.spread,
                "machine": dict(records.fingerprint())}  # fmt: skip


Conclude = Callable[[Sequence[Row]], str]
Derive = Callable[[Setting, Timing], Mapping[str, float]]


def _told(setting: Setting, timing: Timing) -> Mapping[str, float]:
    return setting.told


@dataclass(frozen=True)
class Experiment:
    """What varies, what is run, and how the conclusion reads.

    Attributes
    ----------
    varies, runs, reads : str
        For people: the axis, the work, and the sentence with which it ends.
    settings : callable
        Makes the settings, the usual one first.
    conclude : callable
        The sentence, from the rows.
    derive : callable
        What is told of a row once it is timed; the setting's own, if nothing else is said.
    threads : int, optional
        How many the steadiness of the machine is asked of.
    """

    varies: str
    runs: str
    reads: str
    settings: Callable[[], Sequence[Setting]]
    conclude: Conclude
    derive: Derive = _told
    threads: int = 1

    def run(self, name: str, force: bool = False, announce: Announce = silent) -> Found:
        """Time its settings; UnsteadyError where the machine is too busy, unless it is forced."""
        announce("preparing", 0, ROUNDS + 1)
        settings = self.settings()
        timings, spread = steadiness.steadily(
            partial(_timed, settings, self.threads, announce), self.threads, force
        )
        rows = tuple(
            Row(setting.name, timing, self.derive(setting, timing))
            for setting, timing in zip(settings, timings, strict=True)
        )
        return Found(name, self.varies, rows, self.conclude(rows), spread)


def _timed(settings: Sequence[Setting], threads: int, announce: Announce) -> list[Timing]:
    """Seconds of each, all in another order every round."""
    estimates = [_first(setting) for setting in settings]
    samples: list[list[float]] = [[] for _ in settings]
    end = time.perf_counter() + SECONDS
    for turn in range(ROUNDS):
        if turn >= LEAST and time.perf_counter() > end:
            break
        announce(f"round {turn + 1}", turn + 1, ROUNDS + 1)
        for place in in_turn(range(len(settings)), turn):
            time.sleep(SETTLE_SECONDS)
            samples[place].append(_sample(settings[place], estimates[place]))
    return [Timing.of(found, calls_of(estimate))
            for found, estimate in zip(samples, estimates, strict=True)]  # fmt: skip


def _first(setting: Setting) -> float:
    """Seconds of a call, the first of which loads what all others find."""
    return min(seconds_per_call(lambda _: setting.run(), None, 1) for _ in range(2))


def _sample(setting: Setting, estimate: float) -> float:
    setting.run()
    return setting.times * seconds_per_call(lambda _: setting.run(), None, calls_of(estimate))


# --- sentences -----------------------------------------------------------------------------------


def noise(rows: Sequence[Row]) -> float:
    """The largest of the rows': what a difference must exceed to count."""
    return max(row.noise for row in rows)


def best(rows: Sequence[Row]) -> Row:
    """The one of the least median."""
    return min(rows, key=lambda row: row.timing.median)


def compared(row: Row, other: Row, unit: str = "the time") -> str:
    """How two rows differ, as far as the noise allows to say so.

    Examples
    --------
    >>> rows = [Row(n, Timing(s, s, s, 9, 1), {}) for n, s in (("packed", 2.0), ("in place", 1.0))]
    >>> compared(*rows)
    'packed takes 2.00 times the time of in place (noise 0 %)'
    """
    ratio, bound = row.timing.median / other.timing.median, row.noise + other.noise
    told = f"(noise {100 * bound:.0f} %)"
    if abs(ratio - 1) <= max(bound, 0.01):
        return f"{row.name} takes {unit} of {other.name} within the noise {told}"
    return f"{row.name} takes {ratio:.2f} times {unit} of {other.name} {told}"


def fastest_against_first(rows: Sequence[Row]) -> str:
    """The best setting against the usual one."""
    found = best(rows)
    if found is rows[0]:
        second = best(rows[1:])
        return f"{found.name} is not beaten: {compared(second, found)}."
    return f"{compared(found, rows[0])}."
