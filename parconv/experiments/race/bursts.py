"""Rows called as users do, in bursts: single calls after a pause, beside other busy processes.

A competitor's calls follow one another, so that its own threads may wait for them as long as they
like; between two competitors there is a pause that ends such waiting.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from parconv.runtime import budget
from parconv.runtime.strategies import STRATEGIES

from ..screen import Announce, silent
from ..timing import BETWEEN_SECONDS, in_turn, single_calls
from .burst_report import AUTO, PLAIN, BurstReport, BurstRow, Calls, Cell
from .busy import busy_processes
from .entrants import LineUp, line_up
from .grid import Entry, burst_rows
from .peers import OPENCV, PEERS, Peer, chosen, ours_as
from .report import Facts

ROUNDS, LEAST_ROUNDS = 5, 3
SHORT_PAUSE = 0.02  # seconds; up to here a cell has many calls, beyond it few
MANY_CALLS, FEW_CALLS = 60, 20


def _strategies(automatic: bool) -> tuple[Peer, ...]:
    """Ours by the names of strategies: those that "auto" may take, or the others."""
    return tuple(
        ours_as(name, strategy=name, planned=True)
        for name, row in STRATEGIES.items()
        if row.automatic == automatic
    )


LEADER = ours_as(AUTO, strategy="auto", planned=True)
OTHERS = ours_as(PLAIN, strategy="auto", planned=False), *_strategies(automatic=True)
BY_NAME = _strategies(automatic=False)


def rivals(names: str | None) -> tuple[Peer, ...]:
    """OpenCV's filter2D; or those of a comma-separated list: peers, and strategies of ours."""
    return (OPENCV,) if names is None else chosen(names, (*BY_NAME, *PEERS))


def race_bursts(
    workloads: Sequence[Entry] | None = None,
    pauses: Sequence[float] = (0.0,),
    busy: Sequence[int] = (0,),
    threads: Sequence[int] | None = None,
    others: Sequence[Peer] = (OPENCV,),
    calls: int | None = None,
    announce: Announce = silent,
) -> BurstReport:
    """Time single calls of parconv and of ``others`` in every cell: a row, a pause, a load.

    parconv races planned with a reused output (``auto``), as the plain call (``plain``), and by the
    strategies ``serial`` and ``threads``.

    Parameters
    ----------
    workloads : sequence of Workload or Layer, optional
        By default those for bursts.  Whether they are for one thread only is not asked here.
    pauses : sequence of float
        Seconds of sleep before each call; 0 calls back to back.
    busy : sequence of int
        Numbers of processes that compute beside the calls.
    threads : sequence of int, optional
        Thread counts; by default all that this process may use.
    others : sequence of Peer
        Peers, and further strategies of ours (`rivals` finds them by name).
    calls : int, optional
        Samples of each competitor in a cell; by default 60, or 20 after pauses beyond 20 ms.  A
        competitor whose calls take a large part of a second gives fewer.
    announce : callable
        Told the name of each cell at every round of it, the milliseconds of pauses that are done,
        and their number.

    Examples
    --------
    >>> report = race_bursts(pauses=(0, 0.02), busy=(0, 1))  # doctest: +SKIP
    """
    counts = tuple(threads or (budget.thread_budget(),))
    _check(pauses, busy, counts, calls)
    field = (*OTHERS, *(peer for peer in others if peer.installed))
    rows = [(row, count) for row in workloads or burst_rows(None) for count in counts]
    settings = [
        Setting(pause, load, calls or _usual_calls(pause)) for load in busy for pause in pauses
    ]
    steps = len(rows) * sum(setting.step(1 + len(field)) * setting.rounds for setting in settings)
    progress = _Progress(announce, steps)
    found = tuple(_row(row, count, field, settings, progress) for row, count in rows)
    facts = Facts.of([peer for peer in others if peer not in BY_NAME])
    return BurstReport(facts.machine, facts.versions, facts.missing, found)


def _check(
    pauses: Sequence[float], busy: Sequence[int], threads: Sequence[int], calls: int | None
) -> None:
    if not pauses or not all(0 <= pause < float("inf") for pause in pauses):
        raise ValueError(f"pauses is {pauses}: pass seconds of at least 0")
    if not busy or min(busy) < 0:
        raise ValueError(f"busy is {busy}: pass numbers of processes, at least 0")
    if min(threads) < 1:
        raise ValueError(f"threads is {threads}: pass at least 1")
    if calls is not None and calls < LEAST_ROUNDS:
        raise ValueError(f"calls is {calls}: pass at least {LEAST_ROUNDS}, one for each round")


def _usual_calls(pause: float) -> int:
    return MANY_CALLS if pause <= SHORT_PAUSE else FEW_CALLS


@dataclass(frozen=True)
class Setting:
    """What a cell is apart from its row."""

    pause: float
    busy: int
    calls: int

    @property
    def rounds(self) -> int:
        return min(ROUNDS, self.calls)

    @property
    def shares(self) -> list[int]:
        """Calls in each round."""
        each, rest = divmod(self.calls, self.rounds)
        return [each + (turn < rest) for turn in range(self.rounds)]

    def step(self, competitors: int) -> int:
        """Milliseconds that a round waits."""
        each = BETWEEN_SECONDS + self.pause * self.calls / self.rounds
        return round(1e3 * competitors * each)


@dataclass
class _Progress:
    """Rounds are as long as their pauses, more or less, so the bar's forecast comes true."""

    announce: Announce
    total: int
    done: int = 0

    def step(self, name: str, size: int) -> None:
        self.announce(name, self.done, self.total)
        self.done += size


def _row(
    workload: Entry,
    threads: int,
    field: Sequence[Peer],
    settings: Sequence[Setting],
    progress: _Progress,
) -> BurstRow:
    """Verify once, then time in every setting."""
    present = line_up(LEADER, field, workload, threads)
    cells = []
    for setting in settings:
        cell = Cell(workload, threads, setting.pause, setting.busy, ())
        tell = partial(progress.step, cell.label, setting.step(1 + len(field)))
        cells.append(replace(cell, calls=_timed(present, setting, tell)))
    slow = (entrant.result() for entrant in present.entrants if entrant.hopeless)
    return BurstRow(workload, threads, tuple(cells), (*present.absent, *slow))


def _timed(row: LineUp, setting: Setting, tell: Callable[[], None]) -> tuple[Calls, ...]:
    """All competitors in one cell, round by round."""
    racing = [entrant for entrant in row.entrants if not entrant.hopeless]
    samples: dict[str, list[float]] = {entrant.peer.name: [] for entrant in racing}
    with busy_processes(setting.busy):
        for turn, share in enumerate(setting.shares):
            tell()
            for entrant in in_turn(racing, turn):
                samples[entrant.peer.name] += single_calls(
                    entrant.run, row.out, setting.pause, share
                )
    return tuple(Calls(e.peer.name, tuple(samples[e.peer.name]), e.own_output) for e in racing)
