"""The shares of tasks that dask and Ray run: cores over the tasks that may run beside them.

Nothing of theirs is imported: who runs a task has loaded what runs it.
"""

import os
import re
import sys
import threading
import time
import weakref
from contextlib import suppress
from types import CodeType, FrameType
from typing import Any

from .environment import loaded, reader

# Seconds until a worker's siblings are counted again: they come and go, and counting takes 2.5 ms
# beside 80 processes (Zen 3, 2026-11).
COUNTED_FOR = 10.0
RAYS_WORKER = 1  # ray._private.worker.WORKER_MODE

_openmp_threads = reader("OMP_NUM_THREADS")


# --- dask's threaded scheduler -------------------------------------------------------------------


def dask_task(cores: int) -> int | None:
    """A task of dask's threaded scheduler, whoever made the pool: cores over the pool's threads."""
    task = _code("execute_task")
    if task is None or threading.current_thread() is threading.main_thread():
        return None
    handed_out = _handed_out(task, _code("get_async"), sys._getframe())
    return max(1, cores // _pool_size(cores)) if handed_out else None


def _code(name: str) -> CodeType | None:
    return getattr(loaded("dask.local", name), "__code__", None)


def _handed_out(task: CodeType, scheduler: CodeType | None, frame: FrameType | None) -> bool:
    """Whether this thread runs a task that a scheduler on another thread handed out.

    dask's synchronous scheduler runs tasks too, on its caller's own thread.
    """
    inside = False
    while frame is not None:
        if frame.f_code is task:
            inside = True
        elif frame.f_code is scheduler:
            inside = False
        frame = frame.f_back
    return inside


def _pool_size(cores: int) -> int:
    """Threads of the executor that this thread works for; ``cores`` where it does not tell."""
    first = next(iter(getattr(threading.current_thread(), "_args", ())), None)
    pool = first() if isinstance(first, weakref.ref) else None
    return int(getattr(pool, "_max_workers", cores))


# --- distributed ---------------------------------------------------------------------------------


def dask_worker(cores: int) -> int | None:
    """A task of a dask worker; any thread of a process that is nothing but a worker's.

    The cores over all tasks that may run at once: those of the workers in this process, times the
    processes like it on this host.
    """
    workers = dask_workers()
    if not workers:
        return None
    kept = any(worker.nanny for worker in workers)
    state = loaded("distributed.worker", "thread_state")
    if not kept and not hasattr(state, "execution_state"):
        return None
    tasks = sum(int(worker.state.nthreads) for worker in workers)
    return max(1, cores // max(1, tasks * (_siblings() if kept else 1)))


def dask_workers() -> list[Any]:
    """Those that live in this process."""
    known = getattr(loaded("distributed.worker", "Worker"), "_instances", None)
    if known:
        with suppress(RuntimeError):  # one came or went meanwhile
            return [worker for worker in known if worker.status.name != "closed"]
    return []


_counted: tuple[int, float, int] = 0, 0.0, 1  # of which process, until when, how many


def _siblings() -> int:
    """Processes of the same parent that run the same command; the nannies of a host share one."""
    global _counted
    process, until, found = _counted
    if process != os.getpid() or time.monotonic() > until:
        found = _count_siblings()
        _counted = os.getpid(), time.monotonic() + COUNTED_FOR, found
    return found


def _count_siblings() -> int:
    processes = loaded("psutil", "Process")  # distributed has imported it
    with suppress(Exception):  # psutil has errors of its own; a process may be gone
        mine = _command(processes())
        children = processes(os.getppid()).children()
        return max(1, sum(_command(child) == mine for child in children))
    return 1


def _command(process: Any) -> str:
    """Without its numbers, which are pipes and ports."""
    with suppress(Exception):
        return re.sub(r"\d+", "", " ".join(process.cmdline()))
    return ""


# --- Ray -----------------------------------------------------------------------------------------


def ray_task(cores: int) -> int | None:
    """A task or actor of Ray, which sets ``OMP_NUM_THREADS`` to the processors it was given."""
    mode = getattr(loaded("ray._private.worker", "global_worker"), "mode", None)
    return (_openmp_threads() or 1) if mode == RAYS_WORKER else None
