"""The board: one array of words by which calls and workers find each other.

It is never freed: a worker may look at it while the interpreter is being taken down.
"""

import ctypes
import os
import time
from contextlib import suppress
from typing import Any

import numpy as np

from ...problem.dtypes import Array
from .record import WORDS

LINE = 16  # words from one that is written often to the next: two cache lines, which are fetched
# in pairs

# --- of all: each on a line of its own -----------------------------------------------------------
BELL = 0  # counts calls that want help: workers wait for it to change
AWAKE = 1 * LINE  # workers that compute or spin
CALLERS = 2 * LINE  # calls in flight
LATE = 3 * LINE  # ns from a call for a sleeping worker to its coming, as of late
LOSS = 3 * LINE + 1  # ns that helped calls waited for workers who had lost their cores, on average
# What does not change while somebody looks.
CONSTANTS = 4 * LINE
(
    ACQUIRE, RELEASE, CLOCK, CLOCK_ID, TICK, CORE, READ_CORES, MOVE, CORES, MEMBERS, STARTED, SPIN,
    STOP,
) = range(CONSTANTS, CONSTANTS + 13)  # fmt: skip

# --- of a call -----------------------------------------------------------------------------------
SLOTS, FIRST_SLOT = 16, 5 * LINE
TICKET, COUNT, SEATS, KERNEL, AXES, MODE, OWNED = range(7)  # TICKET is odd while a call is open
NEXT = LINE  # the next band
INSIDE, WAITS, DOOR = 2 * LINE, 2 * LINE + 1, 2 * LINE + 2  # workers in it; the caller's sleep
TAKEN, WANTED = 3 * LINE, 3 * LINE + 1  # seats; workers that are still to be woken
ARRAYS = 4 * LINE
SLOT = -(-(ARRAYS + WORDS) // LINE) * LINE

# --- of a worker ---------------------------------------------------------------------------------
FIRST_MEMBER = FIRST_SLOT + SLOTS * SLOT
STATE, BED, THREAD, CALLED, BARRED = range(5)
HOME, AWAY = LINE, 2 * LINE  # cores as the system's bits
MASK_BYTES = 8 * LINE  # 1024 cores; a system with more tells us so, and nobody is moved
MEMBER = 3 * LINE
ABSENT, RESTING, UP = range(3)  # states

# A worker spins so long for the next call, ns: another process waits for the core no longer.  Calls
# back to back are half of that apart, as Python's own code and data left the caches meanwhile, and
# a worker may be done a band earlier.  Microseconds of layers with a plan and as plain calls, two
# threads: with 80 140 and 239, 525 and 610; with 160 140 and 172, 515 and 552 (Sapphire Rapids VM,
# 2026-11).
SPIN_NS = 150_000


def _function(name: str) -> int:
    """Address of a function of the C library; 0 where the system has none of that name."""
    with suppress(AttributeError, OSError, TypeError):  # Windows has no library of that kind
        return _address(getattr(ctypes.CDLL(None), name))
    return 0


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _clock() -> tuple[int, int, int]:
    """Address of a clock for compiled code, which one to ask for, and ns of its ticks.

    ``clock_gettime`` counts seconds and ns, told by 0 ticks; Windows has a counter.
    """
    if hasattr(time, "clock_gettime"):
        return _function("clock_gettime"), time.CLOCK_MONOTONIC, 0
    with suppress(AttributeError, OSError):
        kernel32 = ctypes.windll.kernel32  # type: ignore[attr-defined]
        frequency = ctypes.c_int64()
        kernel32.QueryPerformanceFrequency(ctypes.byref(frequency))
        return _address(kernel32.QueryPerformanceCounter), 0, 10**9 // frequency.value
    return 0, 0, 0


# The interpreter's own locks: they exist on every system and ask for no interpreter lock.  They are
# let live for ever, like the board.
_allocate = ctypes.CFUNCTYPE(ctypes.c_void_p)(("PyThread_allocate_lock", ctypes.pythonapi))
_acquire = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)(
    ("PyThread_acquire_lock", ctypes.pythonapi)
)
_release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(("PyThread_release_lock", ctypes.pythonapi))


def _door() -> int:
    """A lock that is held: who takes it sleeps until somebody gives it back."""
    lock = _allocate()
    _acquire(lock, 1)
    return int(lock)


def new_board(members: int) -> Array:
    """A board for so many workers, all absent."""
    whole = np.zeros(FIRST_MEMBER + members * MEMBER + LINE, np.int64)
    board = whole[-(whole.ctypes.data // 8) % LINE :]
    board[ACQUIRE], board[RELEASE] = _address(_acquire), _address(_release)
    board[CLOCK], board[CLOCK_ID], board[TICK] = _clock()
    if hasattr(os, "sched_setaffinity"):
        board[CORE] = _function("sched_getcpu")
        board[READ_CORES], board[MOVE] = map(_function, ("sched_getaffinity", "sched_setaffinity"))
    board[CORES], board[MEMBERS] = 1, members
    board[SPIN] = SPIN_NS
    for slot in range(FIRST_SLOT, FIRST_MEMBER, SLOT):
        board[slot + DOOR] = _door()
    for member in range(members):
        board[FIRST_MEMBER + member * MEMBER + BED] = _door()
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(board))
    return board
