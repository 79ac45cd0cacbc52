"""Strategies: who computes which band.  Each runs the same kernel over the same bands.

Every strategy has finished or stopped all its bands when it returns or raises, so an output never
changes after the call.  No strategy knows what the kernel computes.
"""

from collections.abc import Callable

from .joblib import joblib
from .prange import prange
from .serial import serial
from .threads import threads
from .work import Arrays, Work

STRATEGIES: dict[str, Callable[[Work, Arrays], None]] = {
    "serial": serial,
    "prange": prange,
    "threads": threads,
    "joblib": joblib,
}
# Those that "auto" may take: the others wait for threads that sleep, milliseconds beside others.
AUTOMATIC = ("serial", "threads")
