"""Strategies: who computes which band.  Each runs the same kernel over the same bands.

Every strategy has finished or stopped all its bands when it returns or raises, so an output never
changes after the call.  No strategy knows what the kernel computes.
"""

import itertools
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np

from . import machine
from .crew import crew
from .dtypes import Array, DType

# Finding a cache line costs 1.5 microseconds, which a call on a 28 x 28 image would notice.
ALIGNED_ELEMENTS = 1 << 13
# Scratch that a thread keeps from one serial run to the next: for 512 x 512 at 3x3 a new one costs
# 3 microseconds (Zen 5, 2026-11).
KEPT_BYTES = 1 << 20
Arrays = tuple[Array, ...]
Band = tuple[int, int]


class Work(NamedTuple):
    """What every run of one plan shares: compiled code and the bands it fills.

    ``kernels.serial(*arrays, scratch, start, stop)`` fills one band, where ``arrays`` are image,
    taps, fill, output and layout.
    """

    kernels: Any
    remote: Callable[..., Any]  # picklable: (image, taps, start, stop) -> [(index, values)] of out
    bands: tuple[Band, ...]
    table: Array  # the bands again, (n, 2)
    threads: int
    launch: int  # bands between two looks at the signals
    workspace: int  # elements of scratch a worker needs
    element: DType  # and their type

    def new_scratch(self, workers: int) -> Array:
        """A row for each worker, zeroed so that discarded lanes never compute on garbage.

        Rows start on cache lines: a vector store across two costs two.
        """
        per_line = machine.CACHE_LINE // self.element.itemsize
        row = -(-self.workspace // per_line) * per_line
        raw = np.zeros(workers * row + per_line, self.element)
        start = -raw.ctypes.data % machine.CACHE_LINE // self.element.itemsize
        return raw[start : start + workers * row].reshape(workers, row)


def serial(work: Work, arrays: Arrays) -> None:
    """Bands in order, on the calling thread."""
    scratch, kernel = _kept_scratch(work, 1)[0], work.kernels.serial
    for start, stop in work.bands:
        kernel(*arrays, scratch, start, stop)


_kept = threading.local()


def _kept_scratch(work: Work, workers: int) -> Array:
    """The calling thread's own, as the last run of the same plan left it, else zeroed.

    A row for each worker.
    A signal's handler that calls us runs between bands, where nothing in it is needed any more.
    """
    last: tuple[Work, Array] | None = getattr(_kept, "last", None)
    if last and last[0] is work:
        return last[1]
    small = workers == 1 and work.workspace < ALIGNED_ELEMENTS
    scratch = np.zeros((1, work.workspace), work.element) if small else work.new_scratch(workers)
    if scratch.nbytes <= KEPT_BYTES:
        _kept.last = work, scratch
    return scratch


def prange(work: Work, arrays: Arrays) -> None:
    """Numba's own threads, each taking the next band; `threads` where they would be unsafe."""
    if work.kernels.obstacle or machine.prange_obstacle() or machine.prange_gate.locked():
        return threads(work, arrays)
    with machine.prange_gate:
        before = machine.get_num_threads()
        if before == work.threads:
            return _launch(work, arrays)
        try:
            machine.set_num_threads(work.threads)
            _launch(work, arrays)
        finally:
            machine.set_num_threads(before)
    return None


def _launch(work: Work, arrays: Arrays) -> None:
    """All bands, some at a time: an interrupt is raised between two launches."""
    scratch, bands = _kept_scratch(work, work.threads), len(work.bands)
    for first in range(0, bands, work.launch):
        last, counter = min(first + work.launch, bands), np.zeros(1, np.int64)
        work.kernels.parallel(*arrays, scratch, work.table, first, last, counter)


class _Shift:
    """The bands of one call, which several workers take one after another.

    An interrupt may strike the calling thread between any two instructions, and one that strikes
    inside a lock written in Python leaves it locked.  So nothing here is shared but containers
    whose operations are atomic.
    """

    def __init__(self, work: Work, arrays: Arrays) -> None:
        self._kernel = work.kernels.serial  # compiled here, once, before any worker asks
        self._arrays = arrays
        self._bands = deque(work.bands)
        self._begun: list[int] = []
        self._ended: list[int] = []
        self._errors: list[BaseException] = []
        self._wake: SimpleQueue[None] = SimpleQueue()

    def drain(self, scratch: Array) -> None:
        """Bands until there are none."""
        while True:
            try:
                band = self._bands.popleft()
            except IndexError:
                return
            self._kernel(*self._arrays, scratch, *band)

    def help(self, scratch: Array) -> None:
        """What another thread does: errors are kept for the caller, who waits for the end."""
        self._begun.append(1)
        try:
            self.drain(scratch)
        except BaseException as error:
            self._errors.append(error)
            self._bands.clear()
        finally:
            self._ended.append(1)
            self._wake.put(None)

    def run(self, labour: Callable[[], object]) -> None:
        """``labour``, then the end of every band under way; raises what a helper raised.

        An interrupt may strike inside any ``finally`` too: the next one around it waits again.
        """
        try:
            try:
                labour()
            finally:
                self._wait()
        finally:
            self._wait()
        if self._errors:
            raise self._errors[0]

    def _wait(self, patience: int = 8) -> None:
        """Hand out no more bands; return when nobody computes one any more.

        A helper that begins later finds nothing, so it need not be waited for.
        """
        try:
            if patience:
                self._wait(patience - 1)
        finally:
            self._bands.clear()
            while len(self._ended) < len(self._begun):
                self._wake.get()


def threads(work: Work, arrays: Arrays) -> None:
    """Our own threads and the calling one; safe in every process and nesting."""
    shift, scratch = _Shift(work, arrays), work.new_scratch(work.threads)
    helpers = [partial(shift.help, part) for part in scratch[1:]]

    def labour() -> None:
        crew().begin(helpers)
        shift.drain(scratch[0])

    shift.run(labour)


def joblib(work: Work, arrays: Arrays) -> None:
    """``joblib.Parallel`` under whatever ``parallel_config`` is active; threads by default."""
    from joblib import Parallel, delayed
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend(prefer="threads")
    tasks = Parallel(n_jobs=work.threads, prefer="threads")
    if not getattr(backend, "supports_sharedmem", False):
        return _remotely(work, arrays, tasks, delayed)
    shift, scratch = _Shift(work, arrays), work.new_scratch(work.threads)
    shift.run(lambda: tasks(delayed(shift.help)(part) for part in scratch))
    return None


def _remotely(work: Work, arrays: Arrays, tasks: Any, delayed: Any) -> None:
    """Bands in other processes, which send what they fill; the output is written here."""
    image, taps, _, out, _ = arrays
    results = tasks(delayed(work.remote)(image, taps, *band) for band in work.bands)
    for index, values in itertools.chain.from_iterable(results):
        out[index] = values


STRATEGIES: dict[str, Callable[[Work, Arrays], None]] = {
    "serial": serial,
    "prange": prange,
    "threads": threads,
    "joblib": joblib,
}
