"""What goes wrong here, or will, and what mends it."""

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from . import facts

NEWEST_PYTHON = (3, 14)  # that the tests have seen
SPINNING = {
    "OMP_WAIT_POLICY": "active",
    "KMP_LIBRARY": "turnaround",
    "KMP_BLOCKTIME": "infinite",
    "GOMP_SPINCOUNT": "infinity",
}
Found = dict[str, dict[str, Any]]


class Hazard(NamedTuple):
    """One of them.

    Attributes
    ----------
    what, mend : str
        What is wrong, and what to do about it.
    fails : bool
        Whether calls fail, rather than become slow.
    """

    what: str
    mend: str
    fails: bool = False


Judge = Callable[[Found], Iterator[Hazard]]


def _disabled(found: Found) -> Iterator[Hazard]:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        yield Hazard(
            "NUMBA_DISABLE_JIT is set, and parconv needs Numba's compiler", "unset it", True
        )


def _failing(found: Found) -> Iterator[Hazard]:
    told = found["calls"]["a convolution"]
    if facts.is_unknown(told) and "NUMBA_DISABLE_JIT" not in told:
        reason = told.removeprefix(facts.UNKNOWN)
        mend = "mend what it names, or install parconv and numba anew"
        yield Hazard(f"a convolution fails: {reason}", mend, True)


def _unlocked(found: Found) -> Iterator[Hazard]:
    if not facts.has_lock():
        yield Hazard(
            "this Python is free-threaded, where parconv is not tested",
            "compare results, or run the usual build",
        )
    if sys.version_info[:2] > NEWEST_PYTHON:
        newest = ".".join(map(str, NEWEST_PYTHON))
        yield Hazard(
            f"this Python is newer than {newest}, the newest tested",
            f"compare results, or run Python {newest}",
        )


def _bound(found: Found) -> Iterator[Hazard]:
    from parconv.runtime.budget import affinity

    names = affinity.binders()
    if names:
        yield Hazard(
            f"OpenMP binds threads to cores ({', '.join(names)} is set): a thread that starts a "
            "parallel region stays on one core, and threads that it starts begin there",
            "unset it, or set OMP_PROC_BIND=false",
        )


def _spinning(found: Found) -> Iterator[Hazard]:
    for name, value in SPINNING.items():
        if os.environ.get(name, "").lower() == value:
            yield Hazard(
                f"{name}={value}: OpenMP's waiting threads hold their cores",
                f"unset {name}, or set OMP_WAIT_POLICY=passive",
            )


def _waiting(found: Found) -> Iterator[Hazard]:
    if found["threads"]["waiting"] == facts.OTHERS:
        yield Hazard(
            "OpenMP had been loaded before parconv started Numba's threads, so strategy prange may "
            "wait for milliseconds after a pause",
            "set OMP_WAIT_POLICY=passive before the program starts, or name another strategy",
        )


def _layer(found: Found) -> Iterator[Hazard]:
    layer = str(found["threads"]["numba's layer"])
    if layer == "workqueue":
        yield Hazard(
            "Numba's threading layer is workqueue, so strategy prange runs as threads",
            "install an OpenMP runtime (libgomp1, libomp), or unset NUMBA_THREADING_LAYER",
        )
    elif layer not in ("omp", "tbb") and not facts.is_unknown(layer):
        yield Hazard(
            f"{layer.rstrip('.')}, so strategy prange runs as threads",
            "unset NUMBA_THREADING_LAYER, or install what it names",
        )


def _runtimes(found: Found) -> Iterator[Hazard]:
    loaded = found["threads"]["OpenMP"]
    if isinstance(loaded, list) and len(loaded) > 1:
        yield Hazard(
            f"{len(loaded)} OpenMP runtimes are loaded, each with threads of its own: "
            f"{', '.join(loaded)}",
            "let libraries not compute at the same time, or set OMP_WAIT_POLICY=passive",
        )


def _forked(found: Found) -> Iterator[Hazard]:
    from parconv.runtime.budget import layer

    if layer.was_forked():
        yield Hazard(
            "this process was forked, so strategy prange runs as threads",
            "start processes by spawn or forkserver",
        )


def _uncached(found: Found) -> Iterator[Hazard]:
    kernels = str(found["directories"]["kernels"])
    if kernels.startswith("none: "):
        yield Hazard(
            "every process compiles kernels anew, for seconds, as there is no private directory "
            f"for them: {kernels.removeprefix('none: ')}",
            "set NUMBA_CACHE_DIR to a directory that only you may write",
        )


def _throttled(found: Found) -> Iterator[Hazard]:
    from parconv.runtime import budget
    from parconv.runtime.budget import affinity
    from parconv.runtime.budget.quota import quota

    granted, cores = quota(), affinity.count()
    if granted and granted.cores < cores:
        yield Hazard(
            f"the control group grants the time of {granted.cores} of {cores} cores; parconv keeps "
            f"to {budget.thread_budget()}, other libraries may be throttled",
            f"set OMP_NUM_THREADS={granted.cores}",
        )


def _unwise(found: Found) -> Iterator[Hazard]:
    if found["directories"]["wisdom"] == "off":
        yield Hazard(
            "PARCONV_WISDOM is off, so what `parconv tune --save` recorded is not used", "unset it"
        )


JUDGES: tuple[Judge, ...] = (
    _disabled, _failing, _unlocked, _bound, _spinning, _waiting, _layer, _runtimes, _forked,
    _uncached, _throttled, _unwise,
)  # fmt: skip


def judge(found: Found) -> tuple[Hazard, ...]:
    """All hazards; a judge that cannot tell, as its library is broken, finds none."""
    listed = [facts.find(partial(_listed, judge, found)) for judge in JUDGES]
    return tuple(hazard for some in listed if isinstance(some, list) for hazard in some)


def _listed(judge: Judge, found: Found) -> list[Hazard]:
    return list(judge(found))
