"""Subjects measured in turns, round after round: a drift of the machine meets all of them."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..screen import Announce
from . import simulate, stat, usage
from .events import AT, at
from .report import Report, Result, Spread, Work
from .stat import Counters
from .subjects import Subject

Counts = Sequence[Mapping[str, float]]


@dataclass
class Tally:
    """What was counted of one subject: by counter, a value per call from each run."""

    subject: Subject
    values: dict[str, list[float]] = field(default_factory=dict)
    running: dict[str, float] = field(default_factory=dict)  # per cent of the time, at least
    failed: dict[str, str] = field(default_factory=dict)
    slots: dict[str, list[float]] = field(default_factory=dict)  # by metric, per cent of them

    def time(self) -> None:
        """One run by itself."""
        self._add(self.subject.timed())

    def count(self, counters: Counters, names: Sequence[str]) -> None:
        """One run under ``perf stat``; it ran by itself, so a failure is perf's."""
        try:
            readings = self.subject.counted(counters, names)
        except ChildProcessError as error:
            self.failed.update(dict.fromkeys(names, str(error)))
            return
        found = {name: r.value for name, r in readings.items() if r.value is not None}
        for name in found:
            self.running[name] = min(readings[name].running, self.running.get(name, 100.0))
        self._add({**found, **_whole(found)})

    def look(self, counters: Counters) -> None:
        """One run for perf's own metrics."""
        with contextlib.suppress(ChildProcessError):
            for name, share in self.subject.slots(counters).items():
                self.slots.setdefault(name, []).append(share)

    def _add(self, totals: Mapping[str, float]) -> None:
        for name, total in totals.items():
            self.values.setdefault(name, []).append(total / self.subject.calls)

    def result(self, simulated: Mapping[str, float]) -> Result:
        """Medians and spreads."""
        counters, slots = (
            {name: Spread.of(values) for name, values in found.items()}
            for found in (self.values, self.slots)
        )
        return Result(
            self.subject.name, self.subject.calls, counters, simulated, slots, dict(self.running)
        )


def _whole(found: Mapping[str, float]) -> dict[str, float]:
    """User space and kernel together, of each kind of core by itself."""
    result = {}
    for name in found:
        event, _, core = name.partition(AT)
        if event.endswith(":u"):
            plain = event.removesuffix(":u")
            result[at(plain, core)] = found[name] + found.get(at(f"{plain}:k", core), 0.0)
    return result


@dataclass(frozen=True)
class Rounds:
    """All tallies, and what ``perf`` could have counted."""

    counters: Counters
    tallies: Sequence[Tally]

    @property
    def rung(self) -> str:
        """The best source of numbers that answered: a key of `report.RUNGS`."""
        counted = self._counted
        by_perf = stat.rung(name for name in self.counters.names if name in counted)
        return by_perf or ("usage" if set(counted) & set(usage.NAMES) else "clock")

    @property
    def _counted(self) -> dict[str, list[float]]:
        return {name: values for tally in self.tallies for name, values in tally.values.items()}

    def report(
        self, title: str, threads: int | None, simulated: Counts | None, simulation: str,
        works: tuple[Work | None, Work | None] = (None, None),
    ) -> Report:  # fmt: skip
        """All of it, in the order of the subjects; ``works`` of a call, and of a simulated one."""
        counts = simulated or [{}] * len(self.tallies)
        return Report(
            title=title,
            threads=threads,
            rung=self.rung,
            results=[
                tally.result(found) for tally, found in zip(self.tallies, counts, strict=True)
            ],
            missing=self.missing(),
            notes=self.notes(simulated is not None),
            work=works[0],
            simulated_work=works[1],
            simulation="" if simulated is None else simulation,
        )

    def missing(self) -> dict[str, str]:
        """Why a counter has no number, for every one that has none."""
        counted = self._counted
        failed = {name: why for tally in self.tallies for name, why in tally.failed.items()}
        there = {name.partition(AT)[0] for name in counted}
        silent = {
            name: failed.get(name, "perf could not schedule it")
            for name in self.counters.names
            if name not in there
        }
        return {**self.counters.missing, **silent, **usage.missing(counted)}

    def notes(self, simulated: bool) -> list[str]:
        """What was extrapolated, and how to get what is missing."""
        shares = {name: share for tally in self.tallies for name, share in tally.running.items()}
        found = [
            f"{name} ran {share:.0f} % of the time and is extrapolated: other programs count too"
            for name, share in shares.items()
            if share < 100
        ]
        if not simulated and not any(n.partition(AT)[0] == "instructions" for n in self._counted):
            reason = simulate.obstacle()
            needs = f" (not now: {reason})" if reason else ""
            found.append(
                "instructions, data accesses and cache misses can be counted without hardware: "
                f"add --simulate{needs}"
            )
        return found


def run(subjects: Sequence[Subject], repeats: int, announce: Announce) -> Rounds:
    """Time every subject by itself, then count one group of events after the other."""
    counters = stat.probe()
    groups = counters.groups()
    tallies = [Tally(subject) for subject in subjects]
    total, done = repeats * (1 + len(groups) + bool(counters.metrics)), 0
    for names in (None, *groups):
        for _ in range(repeats):
            announce("timing" if names is None else f"counting {', '.join(names)}", done, total)
            for tally in tallies:
                if names is None:
                    tally.time()
                else:
                    tally.count(counters, names)
            done += 1
    for _ in range(repeats if counters.metrics else 0):
        announce(f"counting {counters.metrics}", done, total)
        for tally in tallies:
            tally.look(counters)
        done += 1
    return Rounds(counters, tallies)
