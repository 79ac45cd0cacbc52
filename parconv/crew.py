"""Our own threads: a crew that waits for tasks and begins them away from its caller's core."""

import ctypes
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue

from . import budget

Task = Callable[[], None]
Cores = set[int]


class Crew:
    """Daemon threads that run what is put into their inbox.

    `concurrent.futures` would do but for its locks: an interrupt inside ``submit`` leaves the pool
    unusable.
    """

    def __init__(self) -> None:
        self._inbox: SimpleQueue[Task] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def begin(self, tasks: Sequence[Task]) -> None:
        """Each on a thread of its own."""
        self._grow(len(tasks))
        home = self._send_away()
        for task in tasks:
            self._inbox.put(partial(_return_and_run, home, task) if home else task)

    def _grow(self, members: int) -> None:
        while len(self._threads) < members:
            name = f"{budget.WORKER_NAME}-{len(self._threads)}"
            self._threads.append(threading.Thread(target=self._serve, name=name, daemon=True))
            self._threads[-1].start()

    def _serve(self) -> None:
        while True:
            self._inbox.get()()

    def _send_away(self) -> Cores | None:
        """Bar waiting members from the caller's core; the cores they may use once they run.

        Linux wakes a thread on its waker's core where no other looks free, as no halted core of a
        virtual machine does: the two then take turns on one core for many calls.  A uint8 Gaussian
        of 4096 x 4096 on two threads after 50 ms without work: 4.6 ms, five calls later still 4.6;
        so 2.5 (Zen 5 under Firecracker, Linux 6.18, 2026-11).
        """
        if _current_core is None:
            return None
        cores = os.sched_getaffinity(0)
        others = cores - {_current_core()}
        if not others:
            return None
        for member in self._threads:
            _move(member.native_id or 0, others)
        return cores


def _move(thread: int, cores: Cores) -> None:
    """Where the system does not let us, threads stay where they may be."""
    with suppress(OSError):
        os.sched_setaffinity(thread, cores)


def _return_and_run(home: Cores, task: Task) -> None:
    """From here on the system may move the thread as it likes."""
    _move(0, home)
    task()


def _core_finder() -> Callable[[], int] | None:
    """What tells the calling thread's core; None where threads cannot be moved."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    finder: Callable[[], int] | None = getattr(ctypes.CDLL(None), "sched_getcpu", None)
    return finder


_current_core = _core_finder()
_crew = Crew()


def crew() -> Crew:
    """The process's own."""
    return _crew


def _forget() -> None:
    """A forked child has none of its parent's threads."""
    global _crew
    _crew = Crew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
