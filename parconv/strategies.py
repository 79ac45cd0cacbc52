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
Arrays = tuple[Array, ...]
Band = tuple[int, int]


class Work(NamedTuple):
    """What every run of one plan shares: compiled code and the bands it fills.

    ``kernels.serial(*arrays, scratch, start, stop)`` fills one band, where ``arrays`` are image,
    taps, fill, output and layout.
    """

    kernels: Any
    remote: Callable[..., Array]  # picklable: (image, taps, start, stop) -> rows of the result
    bands: tuple[Band, ...]
    table: Array  # the bands again, (n, 2)
    threads: int
    launch: int  # bands between two looks at the signals
    workspace: int  # elements of scratch a worker needs
    element: np.dtype[Any]  # and their type

    def new_scratch(self, workers: int) -> Array:
        """A row for each worker, zeroed so that discarded lanes never compute on garbage."""
        return np.zeros((workers, self.workspace), self.element)


def serial(work: Work, arrays: Arrays) -> None:
    """Bands in order, on the calling thread."""
    scratch = np.zeros(work.workspace, work.element)
    kernel = work.kernels.serial
    for start, stop in work.bands:
        kernel(*arrays, scratch, start, stop)


def prange(work: Work, arrays: Arrays) -> None:
    """Numba's own threads, each taking the next band; `threads` where they would be unsafe."""
    if machine.prange_obstacle():
        return threads(work, arrays)
    with machine.prange_threads(work.threads) as entered:
        if not entered:
            return threads(work, arrays)
        scratch, bands = work.new_scratch(work.threads), len(work.bands)
        for first in range(0, bands, work.launch):
            last, counter = min(first + work.launch, bands), np.zeros(1, np.int64)
            work.kernels.parallel(*arrays, scratch, work.table, first, last, counter)
    return None


class _Queue:
    """Bands handed out one at a time; closing it waits for those that other threads compute.

    The thread that made it is not waited for: while it closes the queue it computes nothing, and it
    alone can be interrupted between any two instructions.
    """

    def __init__(self, work: Work, arrays: Arrays) -> None:
        self._kernel = work.kernels.serial  # compiled here, once, before any worker asks
        self._arrays = arrays
        self._bands = iter(work.bands)
        self._owner = threading.get_ident()
        self._running = 0
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def drain(self, scratch: Array) -> None:
        """What a worker does: bands until there are none."""
        mine = int(threading.get_ident() != self._owner)
        while (band := self._take(mine)) is not None:
            try:
                self._kernel(*self._arrays, scratch, *band)
            except BaseException as error:
                self._error, self._bands = error, iter(())
            finally:
                self._done(mine)

    def _take(self, mine: int) -> Band | None:
        with self._changed:
            band = next(self._bands, None)
            self._running += mine if band is not None else 0
            return band

    def _done(self, mine: int) -> None:
        with self._changed:
            self._running -= mine
            self._changed.notify_all()

    def close(self) -> None:
        """Hand out no more, wait, then raise what a band raised or what interrupted the wait."""
        self._bands = iter(())
        while True:
            try:
                with self._changed:
                    self._changed.wait_for(lambda: not self._running)
                break
            except BaseException as error:
                self._error = error
        if self._error is not None:
            raise self._error


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


def threads(work: Work, arrays: Arrays) -> None:
    """Our own thread pool and the calling thread; safe in every process and nesting."""
    queue, scratch = _Queue(work, arrays), work.new_scratch(work.threads)
    pool = _workers()
    try:
        for worker in range(1, work.threads):
            pool.submit(queue.drain, scratch[worker])
        queue.drain(scratch[0])
    finally:
        queue.close()


def joblib(work: Work, arrays: Arrays) -> None:
    """``joblib.Parallel`` under whatever ``parallel_config`` is active; threads by default."""
    from joblib import Parallel, delayed
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend(prefer="threads")
    tasks = Parallel(n_jobs=work.threads, prefer="threads")
    if not backend.supports_sharedmem:
        return _remotely(work, arrays, tasks, delayed)
    queue, scratch = _Queue(work, arrays), work.new_scratch(work.threads)
    try:
        tasks(delayed(queue.drain)(part) for part in scratch)
    finally:
        queue.close()
    return None


def _remotely(work: Work, arrays: Arrays, tasks: Any, delayed: Any) -> None:
    """Bands in other processes, which send their rows back; the output is written here."""
    image, taps, _, out, _ = arrays
    bands = work.bands
    results = tasks(delayed(work.remote)(image, taps, *band) for band in bands)
    for (start, stop), rows in zip(bands, results, strict=True):
        for row in range(start, stop):
            out[row // out.shape[1], row % out.shape[1]] = rows[row - start]


STRATEGIES: dict[str, Callable[[Work, Arrays], None]] = {
    "serial": serial,
    "prange": prange,
    "threads": threads,
    "joblib": joblib,
}
