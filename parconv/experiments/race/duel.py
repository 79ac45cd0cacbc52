"""Competitors in turn: verified, then timed, row by row.

They run on the same arrays, in this process unless they do not get along with others in one; times
are medians of samples that last five milliseconds or more.
"""

import gc
from collections.abc import Sequence

from parconv import plan2d
from parconv.planner.prediction import Prediction
from parconv.runtime import budget

from .. import ceilings
from ..screen import Announce, silent
from ..timing import SAMPLE_SECONDS, in_turn
from .entrants import Entrant, line_up
from .grid import Entry, rows as all_rows
from .memory import warm
from .peers import OURS, PEERS, Peer, ours_as
from .report import FRESH, PLAIN, PLANNED, REUSED, Facts, Report, Row
from .workloads import Array

REGIME_SECONDS = 0.5  # quick rows get more rounds, up to MOST_ROUNDS
MOST_ROUNDS = 21


def race(
    workloads: Sequence[Entry] | None = None,
    threads: Sequence[int] | None = None,
    peers: Sequence[Peer] = PEERS,
    repeats: int = 7,
    announce: Announce = silent,
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
    facts = Facts.of(peers)
    return Report(facts.machine, facts.versions, facts.missing, tuple(rows))


def race_row(workload: Entry, threads: int, peers: Sequence[Peer], repeats: int) -> Row:
    """Verify and time one workload at one thread count.

    The ceilings are measured before and after it: on a shared machine the bandwidth may double or
    halve within minutes.
    """
    before = ceilings.measure(threads)
    other_way = _other_way(workload)
    row = line_up(OURS, (other_way, *peers), workload, threads)
    _take_turns(row.entrants, row.out, threads, repeats)
    f, g = workload.arrays()
    asked = {"threads": threads, "strategy": workload.strategy, **workload.question}
    plan = plan2d(f, g, correlate=workload.correlation, **asked)
    limit = before.mean(ceilings.measure(threads))
    results = (*(entrant.result() for entrant in row.entrants), *row.absent)
    return Row(
        workload,
        limit,
        plan.method,
        min(plan.cost, plan.problem.flops),
        plan.problem.flops,
        plan.problem.bytes,
        Prediction.of(plan.problem, plan.strategy, limit, plan.cost).seconds,
        tuple(result for result in results if result.name != other_way.name),
        next(result for result in results if result.name == other_way.name),
    )


def _other_way(workload: Entry) -> Peer:
    """The plain call of a workload that is planned, and the planned one of one that is not."""
    return ours_as(PLAIN if workload.planned else PLANNED, planned=not workload.planned)


def _take_turns(entrants: Sequence[Entrant], out: Array, threads: int, repeats: int) -> None:
    quick = sum(max(e.estimate, SAMPLE_SECONDS) for e in entrants if not e.slow)
    rounds = max(repeats, min(MOST_ROUNDS, int(REGIME_SECONDS / max(quick, 1e-6))))
    gc.collect()
    for regime, target in ((REUSED, out), (FRESH, None)):
        with warm(regime == REUSED):
            for turn in range(rounds):
                for entrant in in_turn(entrants, turn):
                    if entrant.takes_part(regime, turn):
                        entrant.take(regime, target, threads)
