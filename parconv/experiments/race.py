"""``parconv race``: this library against every installed peer and against the machine's limit.

All competitors run in one process on the same arrays and take turns; a result is verified before
it is timed.  Times are medians of samples that last five milliseconds or more.
"""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from parconv import machine, plan2d

from . import ceilings
from .peers import OURS, PEERS, Peer, Run
from .report import FRESH, REUSED, Report, Result, Row, Timing, machine_facts
from .workloads import WORKLOADS, Array, Workload

SAMPLE_SECONDS = 5e-3  # calls are batched until a sample lasts this long
REGIME_SECONDS = 0.5  # quick rows get more rounds, up to MOST_ROUNDS
MOST_ROUNDS = 21
SLOW_SECONDS = 0.3  # a peer this slow gets SLOW_ROUNDS rounds, with a reused output only
SLOW_ROUNDS = 3
# OpenMP workers spin for a few milliseconds after a parallel region: the next competitor must not
# share its cores with them.
SETTLE_SECONDS = 5e-3
# Shorter calls run once more, untimed, before each sample: the previous competitor has filled the
# caches, and after a pause this machine needs milliseconds to reach its memory bandwidth again.
WARM_SECONDS = 0.1
CHUNK_ROWS = 64  # compared at a time, so that the differences stay in the cache


@dataclass
class Entrant:
    """A competitor whose result for one row has been checked."""

    peer: Peer
    run: Run
    error: float
    own_output: bool
    estimate: float  # seconds per call
    samples: dict[str, list[float]] = field(default_factory=lambda: {REUSED: [], FRESH: []})

    @property
    def slow(self) -> bool:
        return self.estimate > SLOW_SECONDS

    @property
    def calls(self) -> int:
        return max(1, round(SAMPLE_SECONDS / max(self.estimate, 1e-7)))

    def takes_part(self, regime: str, turn: int) -> bool:
        return not self.slow or (regime == REUSED and turn < SLOW_ROUNDS)

    def result(self) -> Result:
        reused = Timing.of(self.samples[REUSED], self.calls)
        fresh = reused if self.slow else Timing.of(self.samples[FRESH], self.calls)
        return Result(
            self.peer.name, "raced", self.error, self.own_output, self.slow, reused, fresh
        )


def race(
    workloads: Sequence[Workload] = WORKLOADS,
    threads: Sequence[int] | None = None,
    peers: Sequence[Peer] = PEERS,
    repeats: int = 7,
    announce: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> Report:
    """Race parconv against ``peers`` on every workload at every thread count.

    Parameters
    ----------
    workloads : sequence of Workload
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
    >>> report = race(WORKLOADS[:1], threads=[1], peers=())  # doctest: +SKIP
    """
    counts = tuple(threads or sorted({1, machine.thread_budget()}))
    if min(counts) < 1 or repeats < 1:
        raise ValueError(f"threads is {counts} and repeats {repeats}: pass at least 1")
    present = [peer for peer in peers if peer.installed]
    grid = [(workload, count) for workload in workloads for count in counts]
    rows = []
    for done, (workload, count) in enumerate(grid):
        announce(f"{workload.name}, threads {count}", done, len(grid))
        rivals = present if workload.strategy == "auto" else ()
        rows.append(race_row(workload, count, rivals, repeats))
    return Report(
        machine_facts(),
        {peer.name: peer.version for peer in (OURS, *present)},
        tuple(peer.name for peer in peers if not peer.installed),
        tuple(rows),
    )


def race_row(workload: Workload, threads: int, peers: Sequence[Peer], repeats: int) -> Row:
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
    tried = [_enter(peer, workload, threads, out, expected) for peer in peers]
    ours = Entrant(OURS, run, 0.0, False, sample_seconds(run, out))
    entrants = [ours, *(entrant for entrant in tried if isinstance(entrant, Entrant))]
    absent = [result for result in tried if isinstance(result, Result)]
    _take_turns(entrants, out, threads, repeats)
    plan = plan2d(f, g, mode=workload.mode, boundary=workload.boundary, method=workload.method)
    results = [entrant.result() for entrant in entrants]
    limit = before.mean(ceilings.measure(threads))
    return Row(workload, limit, plan.cost, plan.problem.bytes, (*results, *absent))


def _enter(
    peer: Peer, workload: Workload, threads: int, out: Array, expected: Array
) -> Entrant | Result:
    """The peer, ready to race; or the result that says why it does not."""
    f, g = workload.arrays()
    run = peer.prepare(workload, f, g, threads)
    if run is None:
        return Result(peer.name, "cannot")
    start = time.perf_counter()
    found = run(out if peer.reuses else None)
    seconds = time.perf_counter() - start
    error = difference(found, expected)
    if not error <= tolerance(f, g):
        return Result(peer.name, "differs", error)
    own_output = not np.may_share_memory(found, out)
    if seconds < 2 * SLOW_SECONDS:  # a longer call tells the speed though it was the first
        seconds = sample_seconds(run, out)
    return Entrant(peer, run, error, own_output, seconds)


def difference(found: Array, expected: Array) -> float:
    """The largest difference; infinite where shape or dtype differ."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return float("inf")
    rows = range(0, len(found), CHUNK_ROWS)
    chunks = ((found[i : i + CHUNK_ROWS], expected[i : i + CHUNK_ROWS]) for i in rows)
    return float(np.max([np.max(np.abs(a - b), initial=0) for a, b in chunks], initial=0))


def tolerance(f: Array, g: Array) -> float:
    """What two correct results may differ by: their rounding errors, whatever the method."""
    scale = np.abs(f).max() * np.abs(g).sum(dtype=np.float64)
    return float(np.finfo(f.dtype).eps * (g.size + 16) * scale)


def _take_turns(entrants: Sequence[Entrant], out: Array, threads: int, repeats: int) -> None:
    quick = sum(max(e.estimate, SAMPLE_SECONDS) for e in entrants if not e.slow)
    rounds = max(repeats, min(MOST_ROUNDS, int(REGIME_SECONDS / max(quick, 1e-6))))
    gc.collect()
    for regime, target in ((REUSED, out), (FRESH, None)):
        for turn in range(rounds):
            for entrant in entrants:
                if entrant.takes_part(regime, turn):
                    entrant.samples[regime].append(_sample(entrant, target, threads))


def _sample(entrant: Entrant, out: Array | None, threads: int) -> float:
    if threads > 1:
        time.sleep(SETTLE_SECONDS)
    if entrant.estimate < WARM_SECONDS:
        entrant.run(out)
    return _seconds(entrant.run, out, entrant.calls)


def sample_seconds(run: Run, out: Array) -> float:
    """Seconds per call, from as many calls as fill a sample."""
    calls = 1
    while (seconds := _seconds(run, out, calls)) * calls < SAMPLE_SECONDS:
        calls *= 2
    return seconds


def _seconds(run: Run, out: Array | None, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        run(out)
    return (time.perf_counter() - start) / calls
