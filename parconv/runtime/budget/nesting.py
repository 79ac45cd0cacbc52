"""Who already spreads work over the cores and called us from within: what share a call has.

A rule takes the cores there are and gives the share, at least 1, or None where it does not apply.
"""

import threading

from .clusters import dask_workers
from .environment import loaded

WORKER_NAME = "parconv-worker"


def own_worker(cores: int) -> int | None:
    """One of our own threads."""
    return 1 if threading.current_thread().name.startswith(WORKER_NAME) else None


def joblib_task(cores: int) -> int | None:
    """A task of ``joblib.Parallel``.

    Where nobody configured joblib in this thread its backend need not be asked: 0.1 microseconds
    for 3 (Zen 3, 2026-11).
    """
    settings = loaded("joblib.parallel", "_backend")
    if settings is not None and not hasattr(settings, "config"):
        return None
    active = loaded("joblib.parallel", "get_active_backend")
    return 1 if active is not None and active()[0].nesting_level else None


def pool_process(cores: int) -> int | None:
    """A process of a pool: one thread each, as nobody tells how many processes there are."""
    current = loaded("multiprocessing.process", "current_process")
    if current is None:
        return None
    process = current()
    if process.daemon:
        return None if dask_workers() else 1
    # Those of executors, loky's included, are no daemons, but they know what they run.
    target = getattr(process, "_target", None)
    return 1 if target is not None and target.__name__ == "_process_worker" else None
