"""How OpenMP's threads wait, where parconv is the first to start them.

GNU OpenMP spins: who waits at a barrier holds its core for some milliseconds before it sleeps.  On
a virtual machine, whose halted cores never look free, Linux wakes a launch's other thread on the
caller's own core, where the caller now spins.  So OpenMP loads with a setting of ours, unless the
user has one, and the environment is as it was right afterwards: neither other libraries' OpenMP nor
child processes see it.
"""

import contextlib
import ctypes
import os
from collections.abc import Iterator

# Who sets one of these has thought about it.
VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
# Milliseconds of a prange call on two threads, medians (95th percentiles) of 5 processes' (Zen 3
# VM of 2 cores, 2026-11):
#                       512 x 512 at 5x5                 1024 x 1024 at 7x7
#                       back to back   after 20 ms       back to back   after 20 ms
#   OpenMP's own        0.17 (0.22)    3.92 (7.83)       1.09 (1.24)    2.50 (7.82)
#   passive             0.30 (0.44)    0.75 (0.97)       1.27 (2.27)    2.52 (3.29)
#   GOMP_SPINCOUNT 300  0.34 (0.42)    0.77 (1.08)       1.29 (2.43)    2.45 (3.15)
#   1000                0.33 (0.63)    0.79 (0.96)       1.37 (2.40)    2.50 (3.34)
#   10000               0.16 (0.24)    1.17 (2.54)       1.09 (2.47)    2.94 (3.67)
#   beside one busy process:
#   OpenMP's own        0.17 (4.26)    7.81 (12.8)       1.25 (8.01)    7.83 (11.9)
#   passive             0.30 (0.36)    0.76 (1.28)       2.13 (2.85)    2.60 (3.66)
#   1000                0.36 (0.43)    0.79 (0.92)       2.26 (4.01)    2.57 (4.84)
# No number of spins is better than none by more than the noise, and other OpenMPs know the policy.
SETTING = {"OMP_WAIT_POLICY": "passive"}
_applied = False


def chosen() -> dict[str, str]:
    """What the user set."""
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}


def applied() -> bool:
    """Whether OpenMP loaded under our setting."""
    return _applied


def runtime_loaded() -> bool:
    """Whether GNU OpenMP has read its variables already, loaded by another library.

    Numba finds it by its name, or by its functions where a library shows them to all.
    """
    with contextlib.suppress(OSError, TypeError, AttributeError):  # other systems
        if hasattr(ctypes.CDLL(None), "GOMP_parallel"):
            return True
        ctypes.CDLL("libgomp.so.1", os.RTLD_NOLOAD | os.RTLD_LAZY)
        return True
    return False


@contextlib.contextmanager
def patiently() -> Iterator[None]:
    """What loads OpenMP within finds our setting, later libraries and processes do not."""
    global _applied
    if chosen() or runtime_loaded():
        yield
        return
    os.environ.update(SETTING)
    try:
        yield
        _applied = True
    finally:
        for name in SETTING:
            os.environ.pop(name, None)
