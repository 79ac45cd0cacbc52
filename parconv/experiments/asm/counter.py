"""The processor's own count of missed page look-ups, through perf where that is supported."""

import sys

from ..perf import stat
from ..perf.events import Event

EVENT = Event("dTLB-load-misses")
USER = f"{EVENT.name}:u"
CALLS = 20

# The difference between two runs is that of their calls, without Python's start.
SCRIPT = """
import sys
import numpy as np
from parconv import plan2d
side, rows, columns, dtype, calls = *map(int, sys.argv[1:4]), sys.argv[4], int(sys.argv[5])
f = np.ones((side, side), dtype)
plan = plan2d(f, np.ones((rows, columns), dtype), threads=1, strategy="serial", method="direct")
out = plan(f)
for _ in range(calls):
    plan(f, out)
"""


def walks(side: int, taps: tuple[int, int], dtype: str) -> float | str:
    """Misses of one call; a line that says why where they cannot be counted."""
    counters = stat.probe([EVENT])
    if USER not in counters.names:
        reason = counters.missing.get(USER) or counters.missing[EVENT.name]
        return f"no {EVENT.name} are counted beside the page model: {reason}"

    def misses(calls: int) -> float:
        arguments = map(str, (side, *taps, dtype, calls))
        command = [sys.executable, "-c", SCRIPT, *arguments]
        readings = stat.count(counters, [USER], lambda _: command, controlled=False)
        return readings[USER].value or 0.0

    return max(0.0, misses(CALLS) - misses(0)) / CALLS
