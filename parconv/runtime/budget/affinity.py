"""The cores that the calling thread may use: as the user bound it, not as OpenMP did.

OpenMP, where the environment asks for it (``OMP_PROC_BIND=close``, usual on clusters), binds
whoever starts a parallel region to the first of its *places*: Numba's launches and other libraries'
alike.  From then on the system tells one core for that thread, though the process may use as many
as before.

So the calling thread's cores count at every call, whatever the user binds it to, with one
exception: a thread that is bound to exactly the first place of an OpenMP runtime in this process
may use the cores of all its places, which are those that the process had when the runtime loaded.
A user who binds a thread to those very cores while OpenMP binds threads cannot be told from OpenMP.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache

Cores = frozenset[int]

BINDING = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")
_RUNTIMES = ("libgomp", "libomp", "libiomp5")
CAN_ASK = hasattr(os, "sched_getaffinity")


def binders() -> list[str]:
    """Variables in the environment by which OpenMP binds threads to cores."""
    return [name for name in BINDING if os.environ.get(name, "false").lower() != "false"]


def count() -> int:
    """Cores of the calling thread; its affinity may change at any time."""
    if not CAN_ASK:
        return os.cpu_count() or 1
    mask = os.sched_getaffinity(0)
    return FIRST_COUNT if mask == FIRST else len(_unbound(frozenset(mask)))


def cores_here() -> Cores | None:
    """The cores that `count` counts; None where the system does not tell."""
    return _unbound(frozenset(os.sched_getaffinity(0))) if CAN_ASK else None


def source() -> str:
    """Where `count` comes from, in words."""
    if not CAN_ASK:
        return "os.cpu_count"
    if len(os.sched_getaffinity(0)) == count():
        return "the calling thread's affinity"
    return f"OpenMP's places; it bound this thread ({', '.join(binders())})"


def _unbound(mask: Cores) -> Cores:
    """The mask, or all of OpenMP's places where that is what bound the thread.

    Whether a runtime is here may have changed only if some module was loaded.
    """
    return _all_places(mask, len(sys.modules)) if binders() else mask


@lru_cache(maxsize=64)
def _all_places(mask: Cores, _modules: int) -> Cores:
    for path in _runtimes():
        with suppress(OSError, AttributeError):  # gone meanwhile; a runtime without places
            places = _places(ctypes.CDLL(path, os.RTLD_NOLOAD | os.RTLD_LAZY))
            if mask in places[:1]:
                return mask.union(*places)
    return mask


def _runtimes() -> list[str]:
    """Files of the OpenMP runtimes in this process."""
    with suppress(OSError), open("/proc/self/maps", encoding="utf-8", errors="replace") as lines:
        paths = {line.rstrip().rpartition(" ")[2] for line in lines}
        return sorted(path for path in paths if os.path.basename(path).startswith(_RUNTIMES))
    return []


def _places(runtime: ctypes.CDLL) -> list[Cores]:
    """Empty where the runtime binds no threads; asks nothing that would bind this one."""
    return list(map(frozenset, _processors(runtime)))


def _processors(runtime: ctypes.CDLL) -> Iterator[list[int]]:
    for place in range(runtime.omp_get_num_places()):
        found = (ctypes.c_int * runtime.omp_get_place_num_procs(place))()
        runtime.omp_get_place_proc_ids(place, found)
        yield list(found)


def _main_threads() -> Cores:
    """What the process was given: a thread that imports us may have been bound to less."""
    with suppress(OSError):
        return frozenset(os.sched_getaffinity(os.getpid()))
    return frozenset(os.sched_getaffinity(0))


# Equal masks need no second look: most calls find the process's own.
FIRST = _main_threads() if CAN_ASK else Cores()
FIRST_COUNT = len(_unbound(FIRST))
