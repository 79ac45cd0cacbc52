"""What an interrupt must not cut short runs apart, on a thread that signals do not reach.

Python runs the handlers of signals on the main thread.  A KeyboardInterrupt amid the first import
of Numba leaves half of it behind ("module 'numba' has no attribute 'core'" at every later call),
one amid a compilation may leave a lock locked, and none is raised while LLVM works, for seconds at
times.  So the main thread has another one do it, and waits: an interrupt is raised at once, the
work goes on, and the next call waits for its end.

The other thread has a copy of the caller's context (`numpy.errstate`; in free-threaded builds the
filters of warnings too) and begins in the caller's floating-point mode, as every thread does.
"""

import contextvars
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

from . import forks

T = TypeVar("T")
NAME = "parconv-apart"
# Seconds between two looks at the signals where none wakes the main thread: on Windows, and where
# the system gave one to another thread.
PATIENCE = 0.05
DONE, DROPPED = "done", "dropped"


class Lane:
    """Where the main thread has things done, one after another; others do them themselves."""

    def __init__(self) -> None:
        self._latest: _Errand | None = None

    def run(self, work: Callable[[], T]) -> T:
        """What ``work()`` returns or raises."""
        if not _may_be_interrupted():
            return work()
        self.settle()
        self._latest = _Errand()
        result: T = self._latest.fetch(work)
        return result

    def settle(self) -> None:
        """Wait for what the calling thread, if it is the main one, was interrupted in."""
        if self._latest is not None and _is_main():
            self._latest.give_way()


class _Errand:
    """One call on a thread of its own.

    An interrupt of `fetch` leaves nothing locked that the other thread needs.
    """

    def __init__(self) -> None:
        self._process, self._ended = os.getpid(), False
        self._fate: dict[str, str] = {}
        self._outcome: list[tuple[Any, BaseException | None]] = []
        self._running = threading.Lock()
        self._running.acquire()

    def fetch(self, work: Callable[[], Any]) -> Any:
        """What ``work()`` returns or raises; done here where there is no thread to be had."""
        if not (self._is_sent(work) and self._is_over()):
            return work()
        result, error = self._outcome.pop()
        if error is None:
            return result
        try:
            raise error
        finally:
            del error  # it knows this frame

    def _is_sent(self, work: Callable[[], Any]) -> bool:
        run, given = contextvars.copy_context().run, (self._go, work)
        self._thread = threading.Thread(target=run, args=given, name=NAME, daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the system refuses, or the interpreter is about to end
            return False
        return True

    def _go(self, work: Callable[[], Any]) -> None:
        if self._decided(DONE) != DONE:
            return
        try:
            self._outcome.append((work(), None))
        except BaseException as error:
            self._outcome.append((None, error))
        self._ended = True
        self._running.release()

    def _decided(self, fate: str) -> str:
        """Whoever comes first decides, at one stroke."""
        return self._fate.setdefault("fate", fate)

    def _is_over(self) -> bool:
        """Wait for the end; False where there is none: it was dropped, or we are a forked child."""
        while not self._ended and self._is_under_way():
            self._running.acquire(timeout=PATIENCE)
            module = _withheld_from(self._thread)
            if module:
                raise ImportError(
                    f"{module!r}, which is being imported and needs parconv, is imported by what "
                    "parconv needs: does another module have that name?"
                )
        return self._ended

    def _is_under_way(self) -> bool:
        return DROPPED not in self._fate.values() and self._process == os.getpid()

    def give_way(self) -> None:
        """Drop it if it has not begun, as when its start was interrupted; else wait for its end."""
        if self._decided(DROPPED) == DONE:
            self._is_over()


def _withheld_from(thread: threading.Thread) -> str | None:
    """The module that the thread waits for because the calling one is importing it.

    The import system sees such circles and breaks them, but not through our waiting.
    """
    waiting = vars(sys.modules["_frozen_importlib"]).get("_blocking_on") or {}
    locks = waiting.get(thread.ident)  # one before Python 3.12, then a list
    for lock in locks if isinstance(locks, list) else [locks]:
        if lock is not None and lock.owner == threading.get_ident():
            return str(lock.name)
    return None


def _is_main() -> bool:
    return threading.get_ident() == threading.main_thread().ident


def _may_be_interrupted() -> bool:
    """And may wait: not with a lock that the other thread may want, nor when all threads end."""
    return _is_main() and not sys.is_finalizing() and not forks.are_held()


_lane = Lane()
run = _lane.run


def load(name: str) -> ModuleType:
    """A module, imported apart if it is not there yet."""
    module = sys.modules.get(name)
    if module is not None and not getattr(module.__spec__, "_initializing", False):
        return module
    return run(partial(_load, name))


def _load(name: str) -> ModuleType:
    with forks.importing:
        return import_module(name)
