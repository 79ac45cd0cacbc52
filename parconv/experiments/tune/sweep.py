"""A sweep: settings, processes, journal and search joined, one workload after another."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from parconv.planner import wisdom
from parconv.runtime import budget

from .. import baselines, steadiness
from ..baselines import BASELINES
from ..screen import Announce, silent
from . import search as searches, settings as axes
from .duel import duel
from .journal import Journal
from .outcome import Outcome
from .pool import Pool
from .settings import LAYERS, Setting
from .subjects import Subject

OURS = "parconv"


@dataclass(frozen=True)
class Options:
    """How to sweep.

    Attributes
    ----------
    implementation : str
        ``parconv`` or the name of a baseline.
    threads : tuple of int
        Thread counts.
    repeats : int
        Runs of each setting in an exhaustive sweep; a race takes a quarter of these runs.
    seed : int
        Decides the random order.
    exhaustive : bool
        Run everything.
    seconds : float, optional
        Time for all workloads together; None for as long as it takes.
    """

    implementation: str = OURS
    threads: tuple[int, ...] = ()
    repeats: int = 7
    seed: int = 0
    exhaustive: bool = False
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise ValueError(f"repeats is {self.repeats}: pass at least 1")
        if self.seconds is not None and not self.seconds > 0:
            raise ValueError(f"budget is {self.seconds}: pass seconds above 0")
        baselines.chosen([self.implementation])

    @property
    def counts(self) -> tuple[int, ...]:
        """Thread counts, 1 to twice the cores where none were named."""
        return self.threads or axes.thread_counts(budget.thread_budget())


@dataclass(frozen=True)
class Sweep:
    """The outcomes, and the threading layers that are missing, each with its reason."""

    outcomes: tuple[Outcome, ...]
    absent: dict[str, str]


def sweep(
    subjects: Sequence[Subject],
    options: Options,
    directory: Path,
    resume: bool = False,
    announce: Announce = silent,
) -> Sweep:
    """Tune for each subject; samples go to a journal in ``directory`` as they come.

    Examples
    --------
    >>> sweep(subjects(["small 256x256 5x5"]), Options(), Path("out"))  # doctest: +SKIP
    """
    same = {**asdict(options), "threads": list(options.counts)}
    del same["seconds"]
    journal, layer = Journal(directory, same, resume), budget.threading_layer()
    end = time.monotonic() + options.seconds if options.seconds else None
    announce("starting processes", 0, 1)
    with journal, Pool(LAYERS, max(options.counts), layer) as pool:
        found = []
        for index, subject in enumerate(subjects):
            share = None if end is None else (end - time.monotonic()) / (len(subjects) - index)
            found.append(_tuned(subject, options, pool, journal, share, announce))
    return Sweep(tuple(found), pool.absent)


def check(subjects: Sequence[Subject], options: Options, save: bool) -> None:
    """Raise ValueError, before the work, where it could not be done or not be saved."""
    baseline = BASELINES[options.implementation]
    for subject in subjects:
        obstacle = baseline.obstacle(subject.study)
        if obstacle is not None:
            raise ValueError(f"{baseline.name} cannot run {subject.name}: {obstacle}")
    if save and options.implementation != OURS:
        raise ValueError(f"--save is for parconv: {options.implementation} reads no wisdom")
    if save and wisdom.directory() is None:
        raise ValueError("--save: PARCONV_WISDOM is off: unset it to save wisdom")


def make_directory(path: Path) -> None:
    """The output directory, new or as it is."""
    if path.exists() and not path.is_dir():
        raise ValueError(f"output {path} is a file: pass a directory")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"output {path}: there is no directory {path.parent}")
    path.mkdir(exist_ok=True)


def _tuned(
    subject: Subject, options: Options, pool: Pool, journal: Journal, seconds: float | None,
    announce: Announce,
) -> Outcome:  # fmt: skip
    candidates, default = _candidates(subject, options, pool.layers)
    pool.introduce(subject.record, options.implementation)
    search = searches.Search(
        candidates,
        default,
        axes.is_usual,
        journal.recorded(subject.name, pool.measure),
        seed=options.seed,
        announce=lambda name, done, total: announce(f"{subject.name}: {name}", done, total),
        seconds=seconds,
    )
    find = searches.exhaustive if options.exhaustive else searches.racing
    ranking = find(search, options.repeats)
    cores = budget.thread_budget()
    verdict, spread = steadiness.watched(lambda: duel(search, ranking, options.repeats), cores)
    return Outcome(
        subject, options.implementation, search.tallies, default, ranking, verdict, search.runs,
        len(search.tallies) * options.repeats, cores, search.late(), spread, search.truncated,
    )  # fmt: skip


def _candidates(
    subject: Subject, options: Options, layers: Sequence[str]
) -> tuple[tuple[Setting, ...], Setting]:
    """All settings, and the default among them."""
    if options.implementation == OURS:
        found = axes.settings(subject, options.counts, layers)
        return found, axes.default_setting(subject)
    baseline = BASELINES[options.implementation]
    found = axes.baseline_settings(baseline, options.counts, layers)
    return found, axes.baseline_default(baseline, found)
