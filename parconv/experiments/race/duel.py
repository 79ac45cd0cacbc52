"""Competitors in turn: verified, then timed, row by row.

All run in one process on the same arrays; times are medians of samples that last five milliseconds
or more.
"""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from parconv import budget, plan2d
from parconv.prediction import Prediction

from .. import ceilings
from .agreement import Difference
from .grid import Entry, rows as all_rows
from .memory import warm
from .peers import OURS, PEERS, Peer, Run
from .report import FRESH, REUSED, Report, Result, Row, machine_facts
from .timing import SAMPLE_SECONDS, Timing, calls_of, sample, sample_seconds
from .workloads import Array

REGIME_SECONDS = 0.5  # quick rows get more rounds, up to MOST_ROUNDS
MOST_ROUNDS = 21
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
    samples: dict[str, list[float]] = field(default_factory=lambda: {REUSED: [], FRESH: []})

    @property
    def slow(self) -> bool:
        return self.hopeless or self.estimate > SLOW_SECONDS

    def takes_part(self, regime: str, turn: int) -> bool:
        if self.hopeless:
            return False
        return not self.slow or (regime == REUSED and turn < SLOW_ROUNDS)

    def result(self) -> Result:
        calls = calls_of(self.estimate)
        reused = Timing.of(self.samples[REUSED] or [self.estimate], calls)
        fresh = reused if self.slow else Timing.of(self.samples[FRESH], calls)
        apart = self.difference
        return Result(
            self.peer.name, "raced", apart.largest, apart.share, self.own_output, self.slow,
            reused, fresh,
        )  # fmt: skip


def race(
    workloads: Sequence[Entry] | None = None,
    threads: Sequence[int] | None = None,
    peers: Sequence[Peer] = PEERS,
    repeats: int = 7,
    announce: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> Report:
    """Race parconv against ``peers`` on every workload at every thread count.

    Parameters
    ----------
    workloads : sequence of Workload or Layer, optional
        By default all.  Those for one thread are raced with one, and left out where one is not
        among ``threads``.
    threads : sequence of int, optional
        Thread counts; by default one and all that this process may use.
    peers : sequence of Peer
        Those that are not installed are listed and left out.
    repeats : int
        Rounds per row, at least; the median of them counts.
    announce : callable
        Told the name of each row before it runs, the rows done, and their number.

    Examples
    --------
    >>> report = race(all_rows()[:1], threads=[1], peers=())  # doctest: +SKIP
    """
    counts = tuple(threads or sorted({1, budget.thread_budget()}))
    if min(counts) < 1 or repeats < 1:
        raise ValueError(f"threads is {counts} and repeats {repeats}: pass at least 1")
    present = [peer for peer in peers if peer.installed]
    grid = [
        (w, count)
        for w in workloads or all_rows()
        for count in counts
        if count == 1 or not w.serial
    ]
    if not grid:
        raise ValueError(f"threads is {counts}: the chosen workloads are for one thread")
    rows = []
    for done, (workload, count) in enumerate(grid):
        announce(f"{workload.name}, threads {count}", done, len(grid))
        rivals = present if workload.strategy == "auto" else ()
        rows.append(race_row(workload, count, rivals, repeats))
    return Report(
        machine_facts(),
        {peer.library: peer.version for peer in (OURS, *present)},
        tuple(dict.fromkeys(peer.library for peer in peers if not peer.installed)),
        tuple(rows),
    )


def race_row(workload: Entry, threads: int, peers: Sequence[Peer], repeats: int) -> Row:
    """Verify and time one workload at one thread count.

    The ceilings are measured before and after it: on a shared machine the bandwidth may double or
    halve within minutes.
    """
    before = ceilings.measure(threads)
    f, g = workload.arrays()
    run = OURS.prepare(workload, f, g, threads)
    if run is None:
        raise ValueError(f"parconv cannot run the workload {workload.name!r}")
    out = run(None)  # every competitor that can writes into this array
    expected = out.copy()
    ours = Entrant(OURS, run, Difference(0, 0), False, sample_seconds(run, out))
    with warm(True):
        tried = [_enter(peer, workload, threads, out, expected, ours.estimate) for peer in peers]
    entrants = [ours, *(entrant for entrant in tried if isinstance(entrant, Entrant))]
    absent = [result for result in tried if isinstance(result, Result)]
    _take_turns(entrants, out, threads, repeats)
    plan = plan2d(
        f, g, correlate=workload.correlation, threads=threads, strategy=workload.strategy,
        **workload.question,
    )  # fmt: skip
    limit = before.mean(ceilings.measure(threads))
    return Row(
        workload,
        limit,
        plan.method,
        plan.cost,
        plan.problem.flops,
        plan.problem.bytes,
        Prediction.of(plan.problem, plan.strategy, limit, plan.cost).seconds,
        (*(entrant.result() for entrant in entrants), *absent),
    )


def _enter(
    peer: Peer, workload: Entry, threads: int, out: Array, expected: Array, ours: float
) -> Entrant | Result:
    """The peer, ready to race; or the result that says why it does not."""
    f, g = workload.arrays()
    run = peer.prepare(workload, f, g, threads)
    if run is None:
        return Result(peer.name, "cannot")
    out.fill(0)  # it held our own result
    start = time.perf_counter()
    found = run(out if peer.reuses else None)
    seconds = time.perf_counter() - start
    apart = Difference.of(found, expected)
    if not apart.accepted(f, g, expected.dtype.kind in "iu", peer.slack):
        return Result(peer.name, "differs", apart.largest, apart.share)
    own_output = not np.may_share_memory(found, out)
    if seconds < FIRST_SECONDS:
        seconds = sample_seconds(run, out)
    hopeless = seconds > max(HOPELESS_SECONDS, HOPELESS_RATIO * ours)
    return Entrant(peer, run, apart, own_output, seconds, hopeless)


def _take_turns(entrants: Sequence[Entrant], out: Array, threads: int, repeats: int) -> None:
    quick = sum(max(e.estimate, SAMPLE_SECONDS) for e in entrants if not e.slow)
    rounds = max(repeats, min(MOST_ROUNDS, int(REGIME_SECONDS / max(quick, 1e-6))))
    gc.collect()
    for regime, target in ((REUSED, out), (FRESH, None)):
        with warm(regime == REUSED):
            for turn in range(rounds):
                for entrant in entrants:
                    if entrant.takes_part(regime, turn):
                        seconds = sample(entrant.run, target, entrant.estimate, threads)
                        entrant.samples[regime].append(seconds)
