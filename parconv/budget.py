"""How many threads a call may use here and now, and when they are safe: each rule with its reason.

Knows no convolution.
"""

import os
import sys
import threading
from functools import cache

import numba
from numba.core import config

_forked = False


def _note_fork() -> None:
    global _forked, prange_gate
    _forked = True
    prange_gate = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def _inside_parallel_region() -> bool:
    """Whether some caller already spread its work over the cores."""
    processes = sys.modules.get("multiprocessing.process")
    if processes is not None and processes.current_process().daemon:
        return True
    parallel = sys.modules.get("joblib.parallel")
    if parallel is not None and parallel.get_active_backend()[0].nesting_level:
        return True
    return threading.current_thread().name.startswith(WORKER_NAME)


WORKER_NAME = "parconv-worker"


@cache
def _quota(allowed: int) -> int:
    """Cores under the cgroup's quota and ``LOKY_MAX_CPU_COUNT``; read once per affinity."""
    import joblib

    return int(joblib.cpu_count())


def _cores() -> int:
    """Cores this process may use now; its affinity may change at any time."""
    affinity = getattr(os, "sched_getaffinity", None)
    allowed = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(allowed, _quota(allowed)))


def thread_budget() -> int:
    """Threads a call may use when nobody says: the right number here and now.

    ``PARCONV_NUM_THREADS``; else 1 inside another parallel region (joblib, a pool's process, one
    of our own workers); else the cores this process may use by affinity, cgroup quota,
    ``LOKY_MAX_CPU_COUNT`` and ``NUMBA_NUM_THREADS``.

    Examples
    --------
    >>> from parconv import budget
    >>> budget.thread_budget() >= 1
    True
    """
    asked = os.environ.get("PARCONV_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return min(int(asked), _cores())
    if _inside_parallel_region():
        return 1
    return min(_cores(), int(config.NUMBA_NUM_THREADS))


def usable_threads(asked: int) -> int:
    """The request, clamped to the cores this process may use."""
    return min(asked, _cores())


@cache
def threading_layer() -> str:
    """Numba's threading layer (``omp``, ``tbb`` or ``workqueue``), started if it was not."""
    from numba.np.ufunc import parallel

    parallel._launch_threads()
    return str(numba.threading_layer())


# One launch at a time: with OpenMP every calling thread would get a team of its own.
prange_gate = threading.Lock()


def prange_obstacle() -> str | None:
    """Why ``prange`` must not run here, or None.

    GNU OpenMP kills or hangs a forked child, the workqueue layer aborts the process when two
    threads enter it, and a nested region would oversubscribe the cores.
    """
    if _forked:
        return "this process was forked"
    if _inside_parallel_region():
        return "inside another parallel region"
    if threading_layer() == "workqueue":
        return "Numba's threading layer is workqueue"
    return None


def get_num_threads() -> int:
    """Threads of Numba's next launch from this thread."""
    return int(numba.get_num_threads())


def set_num_threads(threads: int) -> None:
    """The same, set; at most as many as Numba started."""
    numba.set_num_threads(min(threads, int(config.NUMBA_NUM_THREADS)))
