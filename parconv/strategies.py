"""Strategies: who computes which band.  Each runs the same kernel over the same bands.

Every strategy has finished or stopped all its bands when it returns or raises, so an output never
changes after the call.  No strategy knows what the kernel computes.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from . import machine

Array = np.ndarray[Any, np.dtype[Any]]
Band = tuple[int, int]


class Work(NamedTuple):
    """One convolution, ready to run: ``serial(*arrays, scratch, start, stop)`` fills a band."""

    serial: Callable[..., None]
    parallel: Callable[..., None]
    remote: Callable[..., Array]  # picklable: (image, taps, start, stop) -> rows of the result
    arrays: tuple[Array, ...]  # image, taps, fill, output, layout
    bands: tuple[Band, ...]
    table: Array  # the bands again, (n, 2)
    threads: int
    launch: int  # bands between two looks at the signals
    workspace: int  # elements of scratch a worker needs

    def scratch(self, workers: int) -> Array:
        """Zeroed, so that discarded lanes never compute on garbage; a row for each worker."""
        return np.zeros((workers, self.workspace), self.arrays[1].dtype)


def serial(work: Work) -> None:
    """Bands in order, on the calling thread."""
    scratch = np.zeros(work.workspace, work.arrays[1].dtype)
    for start, stop in work.bands:
        work.serial(*work.arrays, scratch, start, stop)


def prange(work: Work) -> None:
    """Numba's own threads, each taking the next band; `threads` where they would be unsafe."""
    if machine.prange_obstacle():
        return threads(work)
    with machine.prange_threads(work.threads) as entered:
        if not entered:
            return threads(work)
        scratch, bands = work.scratch(work.threads), len(work.bands)
        for first in range(0, bands, work.launch):
            last, counter = min(first + work.launch, bands), np.zeros(1, np.int64)
            work.parallel(*work.arrays, scratch, work.table, first, last, counter)
    return None


class _Queue:
    """Bands handed out one at a time; closing it waits for those under way."""

    def __init__(self, bands: tuple[Band, ...]) -> None:
        self._bands = iter(bands)
        self._running = 0
        self._changed = threading.Condition()

    def take(self) -> Band | None:
        """The next band, until there is none or the queue is closed."""
        with self._changed:
            band = next(self._bands, None)
            self._running += band is not None
            return band

    def done(self) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def close(self) -> None:
        """Hand out no more and wait; an interrupt is raised only when all bands have stopped."""
        interrupt: BaseException | None = None
        self._bands = iter(())
        while True:
            try:
                with self._changed:
                    self._changed.wait_for(lambda: not self._running)
                break
            except BaseException as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt

    def drain(self, work: Work, scratch: Array) -> None:
        """What a worker does: bands until there are none."""
        while (band := self.take()) is not None:
            try:
                work.serial(*work.arrays, scratch, *band)
            finally:
                self.done()


_pool: ThreadPoolExecutor | None = None
_pool_lock = threading.Lock()


def _forget_pool() -> None:
    global _pool, _pool_lock
    _pool, _pool_lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def _workers() -> ThreadPoolExecutor:
    """One pool for the process, so that concurrent calls share its threads."""
    global _pool
    with _pool_lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix=machine.WORKER_NAME)
        return _pool


def threads(work: Work) -> None:
    """Our own thread pool and the calling thread; safe in every process and nesting."""
    queue, scratch = _Queue(work.bands), work.scratch(work.threads)
    pool = _workers()
    try:
        for worker in range(1, work.threads):
            pool.submit(queue.drain, work, scratch[worker])
        queue.drain(work, scratch[0])
    finally:
        queue.close()


def joblib(work: Work) -> None:
    """``joblib.Parallel`` under whatever ``parallel_config`` is active; threads by default."""
    from joblib import Parallel, delayed
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend(prefer="threads")
    tasks = Parallel(n_jobs=work.threads, prefer="threads")
    if not backend.supports_sharedmem:
        return _remotely(work, tasks, delayed)
    queue, scratch = _Queue(work.bands), work.scratch(work.threads)
    try:
        tasks(delayed(queue.drain)(work, part) for part in scratch)
    finally:
        queue.close()
    return None


def _remotely(work: Work, tasks: Any, delayed: Any) -> None:
    """Bands in other processes, which send their rows back; the output is written here."""
    image, taps, _, out, _ = work.arrays
    bands = work.bands
    results = tasks(delayed(work.remote)(image, taps, *band) for band in bands)
    for (start, stop), rows in zip(bands, results, strict=True):
        for row in range(start, stop):
            out[row // out.shape[1], row % out.shape[1]] = rows[row - start]


STRATEGIES: dict[str, Callable[[Work], None]] = {
    "serial": serial,
    "prange": prange,
    "threads": threads,
    "joblib": joblib,
}
