"""A fork waits for imports and compilations of other threads; its child could never wait for them.

A lock that another thread holds at the fork stays locked in the child, where that thread does not
exist: the first compilation there would hang for ever.  So whoever forks holds these locks
meanwhile.  `multiprocessing` forks by `os.fork`; `subprocess` does only for a ``preexec_fn``.

Python 3.14 and free-threaded builds run the same hooks around the same fork, and nothing here
leans on the GIL: what a thread holds is noted in a list of its own.
"""

import os
import sys
import threading
from contextlib import suppress
from importlib import import_module
from operator import attrgetter, methodcaller
from typing import Any

_RLock = type(threading.RLock())
_own: list[Any] = []


def awaited_lock() -> Any:
    """A new one that a fork waits for; whoever holds it takes none of the others meanwhile."""
    _own.append(threading.RLock())
    return _own[-1]


importing = threading.RLock()  # held by whoever imports most of us, and Numba with it
# Seconds for each, more than a compilation takes: two threads that wait for each other's locks, one
# of which forks, must not wait for ever.
_acquire = methodcaller("acquire", timeout=60)

# Numba's lock of all compilation, that of the start of its threads, and LLVM's, of each call into
# it, in the order in which Numba takes them; they have no public names.  An import may compile, so
# ours comes first.
_OTHERS = (
    ("numba.core.compiler_lock", attrgetter("global_compiler_lock._lock")),
    ("numba.np.ufunc.parallel", attrgetter("_backend_init_thread_lock")),
    ("llvmlite.binding.ffi", attrgetter("lib._lock._lock")),
)
# Who registers last is called first before a fork, and that must be us.  These hold locks over it
# too, for which a compilation may wait (Numba's compiler imports scipy.linalg, which asks for a
# logger), while we wait for the compilation.
for _module in ("logging", "concurrent.futures.thread"):
    with suppress(RuntimeError):  # the interpreter is about to end
        import_module(_module)


class _Held(threading.local):
    """What a thread holds while it forks."""

    def __init__(self) -> None:
        self.locks: list[Any] = []


_held = _Held()


def are_held() -> bool:
    """By the calling thread, so that it must not wait for another one that may want them."""
    return any(lock._is_owned() for lock in _locks())


def _locks() -> list[Any]:
    """Ours, and those of modules that are there, wholly or in part."""
    found: list[Any] = [importing]
    for module, lock in _OTHERS:
        with suppress(KeyError, AttributeError):
            found.append(lock(sys.modules[module]))
    return [lock for lock in (*found, *_own) if isinstance(lock, _RLock)]


def _hold() -> None:
    """However often we are interrupted meanwhile, which Python tells but cannot raise from here."""
    late: BaseException | None = None
    while True:
        try:
            _take()
            break
        except BaseException as error:
            late = error
    if late is not None:
        raise late


def _take() -> None:
    """And note it, each in one call written in C: an interrupt cannot part the two."""
    _held.locks.extend(filter(_acquire, [importing]))
    for lock in _locks():  # Numba may have been imported meanwhile
        if lock not in _held.locks:
            _held.locks.extend(filter(_acquire, [lock]))


def _let_go() -> None:
    """All that is held; likewise."""
    with suppress(IndexError):
        any(map(_RLock.release, iter(_held.locks.pop, None)))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_let_go, after_in_child=_let_go)
    # Once more: an interrupt may strike before the first has done anything.
    os.register_at_fork(after_in_parent=_let_go, after_in_child=_let_go)
