"""Whatever joblib has been told to use."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

from ...codegen.apart import Lane, load
from ...problem.dtypes import Array
from ..crew.floats import current as mode, like
from .shift import Shift
from .threads import threads
from .work import Arrays, Work

# An interrupt amid joblib leaves its threads and pipes behind: 25 threads and 24 descriptors after
# 53 interrupts.  The lane also keeps calls apart that use one backend, the caller's.
_lane = Lane()
# The second by its threads as they begin, where no fork would wait for the import.
NEEDED = ("joblib", "multiprocessing.dummy")
Dispatch = Callable[[Callable[..., Any], Iterator[tuple[Any, ...]]], Any]


def joblib(work: Work, arrays: Arrays) -> None:
    """``joblib.Parallel`` under whatever ``parallel_config`` is active; threads by default.

    Our own threads where the interpreter is about to end.
    """
    if not _is_loaded():
        return threads(work, arrays)
    from joblib import Parallel, delayed
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend(prefer="threads")
    parallel = Parallel(n_jobs=work.threads, prefer="threads")  # takes note of the configuration

    def tasks(function: Callable[..., Any], arguments: Iterator[tuple[Any, ...]]) -> Any:
        return _lane.run(lambda: parallel(delayed(function)(*each) for each in arguments))

    shared = getattr(backend, "supports_sharedmem", False)
    return _by_threads(work, arrays, tasks) if shared else _remotely(work, arrays, tasks)


def _is_loaded() -> bool:
    """joblib can be neither imported nor used when the main thread has ended."""
    with suppress(RuntimeError):
        return threading.main_thread().is_alive() and all(map(load, NEEDED))
    return False


def _by_threads(work: Work, arrays: Arrays, tasks: Dispatch) -> None:
    """Bands by threads of joblib's."""
    shift, scratch = Shift(work, arrays), work.new_scratch(work.threads)
    asked = mode()

    def worker(part: Array) -> None:
        with like(asked):
            shift.help(part)

    def labour() -> None:
        try:
            tasks(worker, ((part,) for part in scratch))
        except RuntimeError:  # no threads to be had
            shift.drain(work.new_scratch(1)[0])

    try:
        shift.run(labour)
    finally:
        _lane.settle()  # the call was interrupted: joblib ends its threads


def _remotely(work: Work, arrays: Arrays, tasks: Dispatch) -> None:
    """Bands in other processes: they get the rows they need, and send those that they fill.

    After an interrupt no more are sent, and nobody waits for those that were.
    """
    image, taps, _, out, _ = arrays
    bands, asked = deque(work.bands), mode()

    def orders() -> Iterator[tuple[Any, ...]]:
        with suppress(IndexError):
            while True:
                band = bands.popleft()
                yield work.excerpt(image, *band), taps, *band, asked

    try:
        results = tasks(work.remote, orders())
    finally:
        bands.clear()
    for index, values in chain.from_iterable(results):
        out[index] = values
