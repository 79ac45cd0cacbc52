"""The axes of a sweep, and the settings that they span.

Knows which combinations mean something; measures nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from parconv.planner import choice as planner
from parconv.planner.plan import Plan
from parconv.runtime import budget
from parconv.runtime.strategies import STRATEGIES, is_automatic

from ..baselines import Baseline
from ..screen import counted
from .subjects import Subject

LAYERS = ("omp", "tbb", "workqueue")
BACKENDS = ("threading", "loky")
BANDS_PER_THREAD = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Setting:
    """One way to run a workload; None where an axis means nothing to the strategy.

    Attributes
    ----------
    strategy : str
        One of parconv's, or the name of a baseline.
    threads, bands : int
        How many threads, and into how many bands the rows are cut.
    layer, backend : str
        Numba's threading layer and joblib's backend.
    blas : int
        Threads that each BLAS call may use.
    """

    strategy: str
    threads: int
    bands: int | None = None
    layer: str | None = None
    backend: str | None = None
    blas: int | None = None

    @property
    def group(self) -> tuple[Any, ...]:
        """All but the bands."""
        return self.label, self.threads

    @property
    def label(self) -> str:
        """What is compared over thread counts."""
        return " ".join(filter(None, (self.strategy, self.layer, self.backend)))

    def __str__(self) -> str:
        bands = [counted(self.bands, "band")] if self.bands else []
        limit = [f"BLAS limit {self.blas}"] if self.blas else []
        return ", ".join([self.label, counted(self.threads, "thread"), *bands, *limit])


def thread_counts(cores: int) -> tuple[int, ...]:
    """From 1 to twice the cores: all of few, and about four for each doubling of many.

    Examples
    --------
    >>> thread_counts(2)
    (1, 2, 3, 4)
    >>> thread_counts(16)
    (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32)
    """
    steps = (part << k for k in range(cores.bit_length()) for part in (4, 5, 6, 7))
    counts = {1, 2, 3, cores, 2 * cores, *steps}
    return tuple(sorted(n for n in counts if n <= 2 * cores))


def settings(
    subject: Subject, threads: Sequence[int], layers: Sequence[str]
) -> tuple[Setting, ...]:
    """Every setting of parconv, none of which is the same plan as another."""
    every = (setting for way in STRATEGIES for setting in _combined(way, threads, layers))
    return tuple(dict.fromkeys(cut for setting in every for cut in _banded(subject, setting)))


def _combined(strategy: str, threads: Sequence[int], layers: Sequence[str]) -> Iterator[Setting]:
    """Threads, and what else means something to a strategy: a layer, or a backend."""
    axes = STRATEGIES[strategy].axes
    named: dict[str, Sequence[str]] = {"layer": layers, "backend": BACKENDS}
    own = [name for name in axes if name in named]
    each: list[dict[str, Any]] = [{name: value} for name in own for value in named[name]]
    others = each if own else [{}]
    for count in threads if "threads" in axes else (1,):
        yield from (Setting(strategy, count, **other) for other in others)


def baseline_settings(
    baseline: Baseline, threads: Sequence[int], layers: Sequence[str]
) -> tuple[Setting, ...]:
    """Every setting of a baseline, which cuts its work itself.

    BLAS takes any number of threads; the baselines on Numba's threads take no more than the cores.
    """
    if not baseline.threaded:
        return (Setting(baseline.name, 1),)
    if baseline.blas:
        return tuple(Setting(baseline.name, count, blas=count) for count in threads)
    here = [count for count in threads if count <= budget.usable_threads(max(threads))]
    return tuple(Setting(baseline.name, count, layer=layer) for count in here for layer in layers)


def _banded(subject: Subject, setting: Setting) -> Iterator[Setting]:
    """The setting with every number of bands that keeps its threads busy."""
    for share in BANDS_PER_THREAD:
        plan = plan_of(subject, setting, share * setting.threads)
        if plan.threads == setting.threads:
            yield _with_bands(setting, plan)


def _with_bands(setting: Setting, plan: Plan) -> Setting:
    return replace(setting, bands=max(1, len(plan.bands)))


def plan_of(subject: Subject, setting: Setting, bands: int | None = None) -> Plan:
    """The plan that a setting means."""
    plan = subject.plan
    return planner.arrange(
        plan.problem, plan.method, setting.strategy, None, setting.threads,
        bands or setting.bands or setting.threads, eager=True,
    )  # fmt: skip


def default_setting(subject: Subject) -> Setting:
    """What parconv does by rule, wisdom aside."""
    plan, cores = subject.plan, budget.thread_budget()
    rule = planner.by_rule(plan.problem, None, cores, "auto", plan.method)
    return _with_bands(Setting(rule.strategy, rule.threads), rule)


def baseline_default(baseline: Baseline, candidates: Sequence[Setting]) -> Setting:
    """What the baseline does when nobody tunes it: every core, the default layer."""
    layer, cores = budget.threading_layer(), budget.thread_budget()
    return min(candidates, key=lambda s: (abs(s.threads - cores), s.layer not in (None, layer)))


def is_usual(setting: Setting) -> bool:
    """Whether "auto" can take this setting, so that it may become wisdom."""
    return is_automatic(setting.strategy) and setting.threads <= budget.thread_budget()
