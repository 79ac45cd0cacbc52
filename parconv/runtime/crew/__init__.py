"""Our own threads: a crew of workers that wait, in compiled code, for calls to help with.

`code` is what they do, `board` where calls and workers find each other, `record` how a worker gets
the arguments of any kernel.  Here they are started.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic_ns
from typing import Any, NamedTuple

import numpy as np
from numba import types

from ...codegen import jit
from ...problem.dtypes import Array
from .. import budget, ceilings
from . import board as b, code
from .record import arrays

WORDS = types.int64[::1]
BANDS = types.Array(types.int64, 2, "C", readonly=True)
# A call that will take so long, ns, starts workers for itself; a shorter one for those to come.
LONG_NS = 1_000_000
# A call that takes as long alone as so many delays of a sleeper wakes it: what waking costs
# besides, a cold cache above all, is some three times the delay.  Delays of 0.1 ms, medians of
# serial and of woken threads in ms after 20 ms of pause (Zen 3 VM, 2026-11): 512 x 512 at 5x5 (0.23
# predicted) 0.52 0.62, 1024 x 1024 at 3x3 (0.67) 1.17 1.12, at 7x7 (1.3) 2.65 1.88.
WORTH = 4
FORGETS, FORGIVES = 16, 32  # delay and loss are forgotten by and by: their cause may be gone
ALL, THOSE_UP, NOBODY = range(3)  # who helps
# Seconds that waking a sleeper costs where nobody measured it, as on a virtual machine; its coming
# alone takes about a third of that (0.33 and 0.1 ms, Zen 3 VM, 2026-11).
WAKING, COMING = 300e-6, 1 / 3


def _delay() -> float:
    """Nanoseconds until a sleeper comes, before one was woken."""
    return 1e9 * COMING * (ceilings.waking() or WAKING)


def patience() -> float:
    """Seconds that a call must take alone to wake a sleeper; back to back less is enough."""
    mine = _crews.get("mine")
    return 1e-9 * WORTH * (mine.board[b.LATE] if mine else _delay())


def leader(axes: int) -> Any:
    """Compiled `code.lead` for kernels of images of so many axes."""
    return jit.entry(code.lead, (types.int64, *arrays(axes), BANDS, WORDS, WORDS))


class Terms(NamedTuple):
    """On what terms the crew helps a plan.

    Attributes
    ----------
    call : ndarray
        The words of a call, to be copied.
    helpers : int
        Workers at most.
    takes : int
        Nanoseconds that the caller would take alone, more or less.
    eager : bool
        Whether sleepers are woken whatever that costs.
    """

    call: Array
    helpers: int
    takes: int
    eager: bool

    @classmethod
    def of(cls, helpers: int, pace: int, seconds: float, eager: bool) -> "Terms":
        """``pace``: the caller's bands between two looks at the signals."""
        call = np.zeros(code.CALL_WORDS, np.int64)
        call[[code.HELPERS, code.PACE]] = helpers, pace
        return cls(call, helpers, int(1e9 * seconds), eager)


class Crew:
    """Daemon threads that help whoever calls `run`."""

    def __init__(self) -> None:
        self.board = b.new_board(os.cpu_count() or 1)
        self.board[b.CORES] = budget.cores()
        self.board[b.LATE] = self._usual = int(_delay())
        self._words = memoryview(self.board.data).cast("B").cast("q")  # numbers in no time
        self._members: dict[int, threading.Thread] = {}
        self._close: Any = None
        self._last = self._credit = 0  # when the last call ended; ns of calls back to back so far
        self.lost = False  # in a forked child: the members stayed with the parent

    def offers(self, terms: Terms) -> int:
        """Who helps a call here and now: those that sleep too, those that do not, or nobody."""
        if terms.eager:
            return ALL
        if self._is_shy(terms.takes):
            return NOBODY
        if self._is_worth(terms.takes):
            return ALL
        return THOSE_UP if self._words[b.AWAKE] > 0 else NOBODY

    def _is_shy(self, takes: int) -> bool:
        """Whether workers lately lost their cores amid bands, for longer than the call takes alone.

        Less than that is worth it: 1024 x 1024 at 7x7 beside one busy process, back to back, takes
        2.35 ms alone and 1.38 with help, of which a twentieth waits for 4 ms (Zen 3 VM, 2026-11).
        """
        loss = self._words[b.LOSS]
        if loss <= takes:
            return False
        self._words[b.LOSS] = loss - loss // FORGIVES - 1
        return True

    def _is_worth(self, takes: int) -> bool:
        """Whether the call outlasts the waking of sleepers, or those that are likely to follow do.

        They are where it follows another at once: then caches are warm, and the delay is all that
        waking costs.
        """
        late, before = self._words[b.LATE], self._credit
        if monotonic_ns() - self._last > b.SPIN_NS:
            before = 0
        self._credit = before + takes
        if takes > WORTH * late or (before and self._credit > late):
            return True
        self._words[b.LATE] = late - (late - self._usual) // FORGETS
        return False

    def rest(self) -> None:
        """A call ends."""
        self._last = monotonic_ns()

    def run(
        self, lead: Callable[..., bool], arguments: tuple[Any, ...], terms: Terms, wakes: bool
    ) -> None:
        """Fill all bands: ``lead(*arguments, board, own)``, until it says that none is left.

        Between two turns Python looks at the signals: an interrupt ends the call, and waits for
        bands under way.
        """
        if self._close is None:
            self._close = jit.compiled(code.close, (WORDS, WORDS))
        own = terms.call.copy()
        own[code.WAKES] = wakes
        if len(self._members) < terms.helpers and (terms.eager or terms.takes > LONG_NS):
            self.grow(terms.helpers)
        try:
            try:
                while lead(*arguments, self.board, own) and not self.lost:
                    pass
            except BaseException:
                self._end(own)
                raise
        except BaseException:
            self._end(own)
            raise
        if own[code.LACKING]:
            self.grow(terms.helpers)

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
