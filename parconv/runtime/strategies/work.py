"""What every run of a plan shares, and the scratch its workers need."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...codegen import machine
from ...problem.dtypes import Array, DType
from ..crew import Terms

# Finding a cache line costs 1.5 microseconds, which a call on a 28 x 28 image would notice.
ALIGNED_ELEMENTS = 1 << 13
# Scratch so small stays with the plan: a run that finds it is 0.4 microseconds faster than one that
# looks what the thread kept, and 1.3 where plans take turns (28 x 28 at 3x3, Zen 3 VM, 2026-11).
SPARE_ELEMENTS = 1 << 13
# Scratch, for each worker, that a thread keeps from one run to the next: for 512 x 512 at 3x3 a new
# one costs 3 microseconds (Zen 5, 2026-11), and 2.5 MB for two workers of a transposed layer, 64 ->
# 64 channels of 56 x 56, 0.3 of 4.0 ms (Sapphire Rapids VM, AVX-512, 2026-11).
KEPT_BYTES = 1 << 21
Arrays = tuple[Array, ...]
Band = tuple[int, int]
Alone = tuple[Callable[..., None], Array]  # a kernel for one thread and its scratch


def all_of(image: Array, start: int, stop: int) -> Array:
    """An image, whatever units are to be filled."""
    return image


class Work(NamedTuple):
    """What every run of one plan shares: compiled code and the bands it fills.

    ``kernels.serial(*arrays, scratch, start, stop)`` fills one band, where ``arrays`` are image,
    taps, fill, output and layout.
    """

    kernels: Any
    remote: Callable[..., Any]  # picklable: (excerpt, taps, start, stop, mode) -> [(index, values)]
    bands: tuple[Band, ...]
    runs: tuple[Band, ...]  # the same, those that follow one another as one
    table: Array  # the bands again, (n, 2)
    threads: int
    launch: int  # bands between two looks at the signals
    terms: Terms  # on which the crew helps
    workspace: int  # elements of scratch a worker needs
    element: DType  # and their type
    spare: deque[Alone]  # for serial runs to take and to bring back, where scratch is small
    excerpt: Callable[..., Any] = all_of  # (image, start, stop) -> what `remote` reads of it

    def new_scratch(self, workers: int) -> Array:
        """A row for each worker, zeroed so that discarded lanes never compute on garbage.

        Rows start on cache lines: a vector store across two costs two.
        """
        per_line = machine.CACHE_LINE // self.element.itemsize
        row = -(-self.workspace // per_line) * per_line
        raw = np.zeros(workers * row + per_line, self.element)
        start = -raw.ctypes.data % machine.CACHE_LINE // self.element.itemsize
        return raw[start : start + workers * row].reshape(workers, row)


_kept = threading.local()


def kept_scratch(work: Work, workers: int) -> Array:
    """The calling thread's own, as the last run of the same plan left it, else zeroed.

    A row for each worker.  A signal's handler may run the same plan on the same thread, and write
    there: it runs between two bands, and no band reads what another left.
    """
    last: tuple[Work, Array] | None = getattr(_kept, "last", None)
    if last and last[0] is work and len(last[1]) >= workers:
        return last[1]
    small = workers == 1 and work.workspace < ALIGNED_ELEMENTS
    scratch = np.zeros((1, work.workspace), work.element) if small else work.new_scratch(workers)
    keep(work, scratch)
    return scratch


def spare(workspace: int) -> deque[Alone]:
    """What a plan may spare; for more scratch a container that keeps nothing."""
    return deque(maxlen=None if workspace <= SPARE_ELEMENTS else 0)


def alone(work: Work) -> Alone:
    """What a serial run needs, where the plan has none to spare."""
    kernel = work.kernels.serial
    if work.spare.maxlen == 0:
        return kernel, kept_scratch(work, work.threads)[0]
    return kernel, np.zeros(work.workspace, work.element)


def taken_scratch(work: Work, workers: int) -> Array:
    """The same where workers go on while a signal's handler runs: `keep` it afterwards."""
    scratch = kept_scratch(work, workers)
    _kept.last = None
    return scratch


def keep(work: Work, scratch: Array) -> None:
    """For the calling thread's next run of the plan."""
    if scratch.nbytes <= KEPT_BYTES * len(scratch):
        _kept.last = work, scratch
