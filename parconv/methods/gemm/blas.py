"""NumPy's BLAS on one thread, while a method's own workers call it."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

from ...codegen import forks

Threads = list[tuple[Any, int]]  # of each library


@cache
def _libraries() -> tuple[list[Any], list[Any]]:
    """Those that have one limit, and those that have one for each thread that calls them.

    Found once: looking for them takes a millisecond.
    """
    found = ThreadpoolController().select(user_api="blas").lib_controllers
    parted = [
        library.internal_api == "openblas" and library.threading_layer == "openmp"
        for library in found
    ]
    shared, own = (
        [library for library, its in zip(found, parted, strict=True) if its == kind]
        for kind in (False, True)
    )
    return shared, own


def _limited(libraries: list[Any], before: Threads) -> None:
    """One thread for each; what they had before is noted first."""
    before += [(library, library.num_threads) for library in libraries]
    for library in libraries:
        _set(library, 1)


def _restored(before: Threads) -> None:
    for library, threads in before:
        _set(library, threads)
    before.clear()


def _set(library: Any, threads: int) -> None:
    """From any thread: threadpoolctl lets the first that sets a limit keep others from it."""
    clear = getattr(library, "clear_controlling_thread", None)
    if clear:
        clear(force=True)
    library.set_num_threads(threads)
    if clear:
        clear(force=True)


class _Visit:
    """One thread inside `one_thread`."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()


class _Shared:
    """The limit for all threads: set by the first who asks and lifted by the last."""

    def __init__(self) -> None:
        self._lock = forks.awaited_lock()  # as OpenBLAS has one of its own while a limit is set
        self._inside: set[_Visit] = set()
        self._before: Threads = []

    def enter(self, visit: _Visit) -> None:
        with self._lock:
            self._inside.add(visit)
            if not self._before:
                _limited(_libraries()[0], self._before)

    def leave(self, visit: _Visit) -> None:
        with self._lock:
            self._inside.discard(visit)
            if not self._inside:
                _restored(self._before)

    def forked(self) -> None:
        """A child has the limit, but of the threads inside only the one that forked, if any."""
        here = threading.get_ident()
        self._inside = {visit for visit in self._inside if visit.thread == here}
        if not self._inside:
            _restored(self._before)


_shared = _Shared()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_shared.forked)


@contextmanager
def one_thread() -> Iterator[None]:
    """For what the calling thread asks of BLAS; lifted wherever an interrupt strikes."""
    visit = _Visit()
    before: Threads = []
    try:
        _shared.enter(visit)
        _limited(_libraries()[1], before)
        yield
    finally:
        try:
            _leave(visit, before)
        finally:  # an interrupt may strike the first time
            _leave(visit, before)


def _leave(visit: _Visit, before: Threads) -> None:
    _shared.leave(visit)
    _restored(before)
