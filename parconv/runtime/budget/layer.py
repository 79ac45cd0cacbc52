"""Numba's own threads: whether they may be launched here, and their start.

An obstacle is a reason in words, never an error: whatever is missing, there are other threads.
"""

import os
import threading
from functools import cache

import numba
from numba.core import config

from ...codegen import apart
from . import table, waiting

NO_LAYER = "none"
_forked = False
# One launch at a time: with OpenMP every calling thread would get a team of its own.  A forked
# child, whose copy may be locked for ever, never launches.
prange_gate = threading.Lock()


def _note_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def was_forked() -> bool:
    """Whether this process, or one it descends from, was forked after this module was imported."""
    return _forked


@cache
def _started() -> tuple[str, str | None]:
    """The threading layer, and what kept Numba from starting it.

    An interrupt would cut it short.  But TBB ends its threads before a fork only on the thread that
    started them, which is gone by then if it was another one.
    """
    return _start() if _takes_tbb() else apart.run(_start)


def _takes_tbb() -> bool:
    if str(config.THREADING_LAYER).lower() in ("omp", "workqueue"):
        return False
    try:
        apart.load("numba.np.ufunc.tbbpool")
    except ImportError:
        return False
    return True


def _start() -> tuple[str, str | None]:
    parallel = apart.load("numba.np.ufunc.parallel")
    try:
        with waiting.patiently():
            parallel._launch_threads()
        return str(numba.threading_layer()), None
    except (ValueError, ImportError, OSError, RuntimeError) as error:
        return NO_LAYER, " ".join(str(error).split())


def threading_layer() -> str:
    """Numba's threading layer (``omp``, ``tbb`` or ``workqueue``), started if it was not.

    ``none`` where none can be loaded, as with ``NUMBA_THREADING_LAYER=tbb`` without TBB.
    """
    return _started()[0]


def layer_obstacle() -> str | None:
    """Why Numba has no threading layer here, or None."""
    error = _started()[1]
    return f"Numba has no threading layer here: {error}" if error else None


def prange_obstacle() -> str | None:
    """Why ``prange`` must not run here, or None.

    GNU OpenMP kills or hangs a forked child, the workqueue layer aborts the process when two
    threads enter it, and a nested region would oversubscribe the cores.
    """
    if _forked:
        return "this process was forked"
    region = table.region()
    if region:
        return f"inside another parallel region: {region}"
    if threading_layer() == "workqueue":
        return "Numba's threading layer is workqueue"
    return layer_obstacle()


def get_num_threads() -> int:
    """Threads of Numba's next launch from this thread; 1 where it cannot launch."""
    return 1 if layer_obstacle() else int(numba.get_num_threads())


def set_num_threads(threads: int) -> None:
    """The same, set; at most as many as Numba started."""
    if not layer_obstacle():
        numba.set_num_threads(min(threads, int(config.NUMBA_NUM_THREADS)))
