"""The table of all limits to the threads of a call, and their least: the budget."""

import os
import sys
import threading
from collections.abc import Callable
from multiprocessing import process
from typing import NamedTuple

from numba.core import config

from . import affinity, clusters, nesting
from .environment import reader
from .quota import quota


class Limit(NamedTuple):
    """One limit, as it is here and now.

    Attributes
    ----------
    name : str
        What limits.
    threads : int or None
        To how many; None where it does not.
    source : str
        The variable, file or library that says so.
    """

    name: str
    threads: int | None
    source: str


class _Rule(NamedTuple):
    name: str
    find: Callable[[int], int | None]  # from the cores that the rules before it leave
    source: str | Callable[[], str]

    def told(self) -> str:
        return self.source if isinstance(self.source, str) else self.source()

    def limit(self, available: int) -> Limit:
        return Limit(self.name, self.find(available), self.told())


def _granted(_: int) -> int | None:
    found = quota()
    return found.cores if found else None


def _granted_by() -> str:
    found = quota()
    return str(found.path) if found else "the control group's cpu.max"


def _numba(_: int) -> int | None:
    """Its default is no limit: the cores of whichever thread imported Numba."""
    threads: int = config.NUMBA_NUM_THREADS
    return threads if _NUMBA_IS_TOLD or threads != config.NUMBA_DEFAULT_NUM_THREADS else None


_ASKED, _MOST = "PARCONV_NUM_THREADS", "LOKY_MAX_CPU_COUNT"
_asked, _most = reader(_ASKED), reader(_MOST)
_NUMBA_IS_TOLD = "NUMBA_NUM_THREADS" in os.environ  # Numba, too, looks only when it is imported
_ENVIRONMENT = "the environment"
# What nobody may exceed, whatever is asked.
_AFFINITY = _Rule("affinity", lambda _: affinity.count(), affinity.source)
_GIVEN = (
    _Rule("control group", _granted, _granted_by),
    _Rule("LOKY_MAX_CPU_COUNT", lambda _: _most(), _ENVIRONMENT),
)
_OURS = _Rule("PARCONV_NUM_THREADS", lambda _: _asked(), _ENVIRONMENT)
# A parallel region around the call.
_REGIONS = (
    _Rule("own worker", nesting.own_worker, "the thread's name: it is one of ours"),
    _Rule("pool process", nesting.pool_process, "multiprocessing: it serves a pool"),
    _Rule("joblib", nesting.joblib_task, "joblib.Parallel around the call"),
    _Rule("dask", clusters.dask_task, "dask's threaded scheduler: cores over its threads"),
    _Rule("dask worker", clusters.dask_worker, "distributed: cores over the workers' threads"),
    _Rule("ray", clusters.ray_task, "the task's processors, OMP_NUM_THREADS"),
)
# What holds unless PARCONV_NUM_THREADS says otherwise.
_USUAL = (
    _Rule("NUMBA_NUM_THREADS", _numba, "numba.config, before Numba started its threads"),
    *_REGIONS,
)


def _least(rules: tuple[_Rule, ...], threads: int) -> int:
    for rule in rules:
        found = rule.find(threads)
        if found is not None and found < threads:
            threads = found
    return threads


# --- what is so in most calls --------------------------------------------------------------------

# Seen in few functions, of which each costs 2 or 3 microseconds behind a kernel that filled the
# caches, and 0.1 alone.  Cores by the rules above took 22 microseconds there and take 14 so, the
# budget 37 and 23; a plain call on 1733 x 743 int16 pixels at 3x3, whose plan takes 365 on two
# threads, took 430 and takes 398 (Sapphire Rapids VM, AVX-512, 2026-11).
_ASKED_KEY, _MOST_KEY = map(os.environ.encodekey, (_ASKED, _MOST))
_MAIN = threading.main_thread().ident
_MODULES = {"joblib.parallel", "dask.local", "distributed.worker", "ray._private.worker"}


def _is_usual() -> bool:
    """Whether none of `_USUAL` applies: on the main thread of a process that nobody's pool started,
    without the modules of those who run tasks.
    """
    return (
        threading.get_ident() == _MAIN
        and sys.modules.keys().isdisjoint(_MODULES)
        and process.parent_process() is None
        and config.NUMBA_NUM_THREADS == config.NUMBA_DEFAULT_NUM_THREADS
        and not _NUMBA_IS_TOLD
    )


def cores() -> int:
    """Cores this process may use now."""
    variables = getattr(os.environ, "_data", (_MOST_KEY,))
    if _MOST_KEY in variables or not affinity.CAN_ASK or os.sched_getaffinity(0) != affinity.FIRST:
        return _least(_GIVEN, affinity.count())
    count, granted = affinity.FIRST_COUNT, quota()
    return count if granted is None else min(count, granted.cores)


def thread_budget() -> int:
    """Threads a call may use when nobody says: the right number here and now.

    The least of all `limits`: the cores this process may use by affinity, cgroup quota and
    ``LOKY_MAX_CPU_COUNT``; ``PARCONV_NUM_THREADS``, or else ``NUMBA_NUM_THREADS`` and the share of
    a call inside another parallel region (joblib, a pool's process, dask, Ray, a worker of ours).

    Examples
    --------
    >>> from parconv.runtime import budget
    >>> budget.thread_budget() >= 1
    True
    """
    available = cores()
    if _ASKED_KEY not in getattr(os.environ, "_data", (_ASKED_KEY,)) and _is_usual():
        return available
    asked = _asked()
    return _least(_USUAL, available) if asked is None else min(asked, available)


def usable_threads(asked: int) -> int:
    """The request, clamped to the cores this process may use."""
    return min(asked, cores())


def region() -> str | None:
    """What parallel region is around the call, if any."""
    available = cores()
    return next((rule.told() for rule in _REGIONS if rule.find(available)), None)


def limits() -> tuple[Limit, ...]:
    """Every limit, those that do not apply included, in the order in which they are looked at.

    Examples
    --------
    >>> from parconv.runtime import budget
    >>> min(limit.threads for limit in budget.limits() if limit.threads) == budget.thread_budget()
    True
    """
    available = cores()
    given = [rule.limit(available) for rule in (_AFFINITY, *_GIVEN, _OURS)]
    usual = [rule.limit(available) for rule in _USUAL]
    if given[-1].threads is not None:
        usual = [limit._replace(threads=None) for limit in usual]
    return (*given, *usual)


def decisive(asked: bool = False) -> Limit:
    """What decides the budget, or else how many threads may run that somebody asked for.

    The first of equals.
    """
    found = limits()[: 1 + len(_GIVEN)] if asked else limits()
    return min(found, key=lambda limit: limit.threads or sys.maxsize)
