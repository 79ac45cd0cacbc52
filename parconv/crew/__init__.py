"""Our own threads: a crew of workers that wait, in compiled code, for calls to help with.

`code` is what they do, `board` where calls and workers find each other, `record` how a worker gets
the arguments of any kernel.  Here they are started.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numba import types

from .. import budget, ceilings, jit
from ..dtypes import Array
from . import board as b, code

WORDS = types.int64[::1]
BANDS = types.Array(types.int64, 2, "C", readonly=True)
PLAN = types.Array(types.int64, 1, "C", readonly=True)
# A call that will take so long, ns, starts workers for itself; a shorter one for those to come.
LONG_NS = 1_000_000
WAKING = 60e-6  # seconds until a sleeper comes, where nobody measured it and none was woken yet


def patience() -> float:
    """Seconds that a call must take alone, or those before it together, to wake a sleeper."""
    mine = _crews.get("mine")
    late = mine.board[b.LATE] * 1e-9 if mine else ceilings.waking() or WAKING
    return float(code.WORTH * late)


def leader(arrays: tuple[Any, ...], scratch: Any) -> Any:
    """Compiled `code.lead` for kernels of those types."""
    given = (types.int64, *arrays, scratch, BANDS, WORDS, WORDS, PLAN)
    return jit.compiled(code.lead, given)


def facts(helpers: int, pace: int, nanoseconds: float, eager: bool) -> Array:
    """What compiled code must know of a plan."""
    numbers = np.array([helpers, pace, nanoseconds, eager], np.int64)
    numbers.flags.writeable = False
    return numbers


class Crew:
    """Daemon threads that help whoever calls `run`."""

    def __init__(self) -> None:
        self.board = b.new_board(os.cpu_count() or 1)
        self.board[[b.LATE, b.USUAL]] = 1e9 * (ceilings.waking() or WAKING)
        self._members: dict[int, threading.Thread] = {}
        self._close: Any = None
        self.lost = False  # in a forked child: the members stayed with the parent

    def run(self, lead: Callable[..., bool], arguments: tuple[Any, ...], plan: Array) -> None:
        """Fill all bands: ``lead(*arguments, board, own, plan)``, until it says that none is left.

        Between two turns Python looks at the signals: an interrupt ends the call, and waits for
        bands under way.
        """
        if self._close is None:
            self._close = jit.compiled(code.close, (WORDS, WORDS))
        own = np.zeros(code.CALL_WORDS, np.int64)
        wanted = int(plan[code.HELPERS])
        if len(self._members) < wanted and (plan[code.EAGER] or plan[code.TAKES] > LONG_NS):
            self.grow(wanted)
        try:
            try:
                while lead(*arguments, self.board, own, plan) and not self.lost:
                    pass
            except BaseException:
                self._end(own)
                raise
        except BaseException:
            self._end(own)
            raise
        if own[code.LACKING]:
            self.grow(wanted)

    def _end(self, own: Array, patience: int = 8) -> None:
        """However often we are interrupted meanwhile."""
        try:
            if patience:
                self._end(own, patience - 1)
        finally:
            if not self.lost:
                self._close(self.board, own)

    def grow(self, members: int) -> None:
        """So many workers, or as many as the board and the system allow."""
        jit.compiled(code.serve, (WORDS, types.int64))  # here: a worker would be late
        self.board[b.CORES] = budget.cores()
        for number in range(min(members, int(self.board[b.MEMBERS]))):
            if number not in self._members and not self._start(number):
                return

    def _start(self, number: int) -> bool:
        """One more worker; without it where the system refuses a thread."""
        name = f"{budget.WORKER_NAME}-{number}"
        member = threading.Thread(target=self._live, args=(number,), name=name, daemon=True)
        if self._members.setdefault(number, member) is not member:
            return True
        try:
            member.start()
        except RuntimeError:  # no thread to be had, or the interpreter is about to end
            self._members.pop(number, None)
            return False
        except BaseException:
            if member.ident is None:
                self._members.pop(number, None)
            raise
        self.board[b.STARTED] = len(self._members)
        return True

    def _live(self, number: int) -> None:
        """The life of a worker, which may run where its starter might if OpenMP did not bind it."""
        cores = budget.cores_here()
        if cores is not None:
            with suppress(OSError):
                os.sched_setaffinity(0, cores)
        self.board[b.FIRST_MEMBER + number * b.MEMBER + b.THREAD] = threading.get_native_id()
        jit.compiled(code.serve, (WORDS, types.int64))(self.board, number)


_crews: dict[str, Crew] = {}


def crew() -> Crew:
    """The process's own."""
    found = _crews.get("mine")
    return found or _crews.setdefault("mine", Crew())  # several threads may ask at once


def _forget() -> None:
    """A forked child has none of its parent's threads."""
    for crew in _crews.values():
        crew.lost = True
    _crews.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
