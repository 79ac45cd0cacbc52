"""Competitors lined up for one workload: prepared, their results compared, none timed yet."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..timing import Timing, calls_of, sample, sample_seconds
from .agreement import Difference
from .grid import Entry
from .memory import warm
from .peers import Peer, Run
from .report import FRESH, REUSED, Result
from .workloads import Array

SLOW_SECONDS = 0.3  # a peer this slow gets SLOW_ROUNDS rounds, with a reused output only
SLOW_ROUNDS = 3
# A first call may also start threads or load tables: it tells the speed if it is as slow as this.
FIRST_SECONDS = 1.0
# A peer beyond both is timed by that call or the one after it: nobody asks whether it takes 30 or
# 31 times as long.  That halves the time of a race.
HOPELESS_SECONDS, HOPELESS_RATIO = 0.1, 10


@dataclass
class Entrant:
    """A competitor whose result for one row has been checked."""

    peer: Peer
    run: Run
    difference: Difference
    own_output: bool
    estimate: float  # seconds per call
    hopeless: bool = False
    lost: str | None = None  # how it failed in the middle of the race
    samples: dict[str, list[float]] = field(default_factory=lambda: {REUSED: [], FRESH: []})

    @property
    def slow(self) -> bool:
        return self.hopeless or self.estimate > SLOW_SECONDS

    def takes_part(self, regime: str, turn: int) -> bool:
        if self.hopeless or self.lost:
            return False
        return not self.slow or (regime == REUSED and turn < SLOW_ROUNDS)

    def take(self, regime: str, out: Array | None, threads: int) -> None:
        """One more sample."""
        try:
            seconds = sample(self.run, out, self.estimate, threads)
        except OSError as error:
            self.lost = str(error)
        else:
            self.samples[regime].append(seconds)

    def result(self) -> Result:
        if self.lost:
            return Result(self.peer.name, "failed", reason=self.lost)
        calls = calls_of(self.estimate)
        reused = Timing.of(self.samples[REUSED] or [self.estimate], calls)
        fresh = reused if self.slow else Timing.of(self.samples[FRESH], calls)
        apart = self.difference
        return Result(
            self.peer.name, "raced", apart.largest, apart.share, self.own_output, self.slow,
            reused, fresh,
        )  # fmt: skip


@dataclass(frozen=True)
class LineUp:
    """Who races in a row, the leader first; who does not and why; the array they write into."""

    entrants: tuple[Entrant, ...]
    absent: tuple[Result, ...]
    out: Array


def line_up(leader: Peer, others: Sequence[Peer], workload: Entry, threads: int) -> LineUp:
    """Prepare all for one workload; those whose results are not the leader's stay out."""
    f, g = workload.arrays()
    run = leader.prepare(workload, f, g, threads)
    if isinstance(run, str):
        raise ValueError(f"parconv cannot run the workload {workload.name!r}: {run}")
    out = np.asarray(run(None))  # every competitor that can writes into this array
    expected = out.copy()
    first = Entrant(leader, run, Difference(0, 0), False, sample_seconds(run, out))
    with warm(True):
        tried = [_try(peer, workload, threads, out, expected, first.estimate) for peer in others]
    present = (entrant for entrant in tried if isinstance(entrant, Entrant))
    absent = (result for result in tried if isinstance(result, Result))
    return LineUp((first, *present), tuple(absent), out)


def _try(
    peer: Peer, workload: Entry, threads: int, out: Array, expected: Array, leader: float
) -> Entrant | Result:
    """The peer, ready to race; or the result that says why it does not."""
    try:
        f, g = workload.arrays()
        run = peer.prepare(workload, f, g, threads)
        if isinstance(run, str):
            return Result(peer.name, "cannot", reason=run)
        return _enter(peer, run, workload, out, expected, leader)
    except OSError as error:  # of a library that cannot be loaded, or of a process that ended
        return Result(peer.name, "failed", reason=str(error))


def _enter(
    peer: Peer, run: Run, workload: Entry, out: Array, expected: Array, leader: float
) -> Entrant | Result:
    """The prepared peer, if its result is right."""
    f, g = workload.arrays()
    out.fill(0)  # it held another's result
    start = time.perf_counter()
    answer = run(out if peer.reuses else None)
    seconds = time.perf_counter() - start
    found = np.asarray(answer)
    apart = Difference.of(found, expected)
    if not apart.accepted(f, g, expected.dtype.kind in "iu", peer.slack):
        return Result(peer.name, "differs", apart.largest, apart.share)
    own_output = not np.may_share_memory(found, out)
    if seconds < FIRST_SECONDS:
        seconds = sample_seconds(run, out)
    hopeless = seconds > max(HOPELESS_SECONDS, HOPELESS_RATIO * leader)
    return Entrant(peer, run, apart, own_output, seconds, hopeless)
