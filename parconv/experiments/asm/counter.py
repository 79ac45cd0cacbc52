"""The processor's own count of missed page look-ups, through perf where that is supported."""

import subprocess
import sys

from .tools import newest

EVENT = "dTLB-load-misses"
NO_PERF = (
    "perf is not installed (Debian: apt install linux-perf): no count beside the page model, which "
    "needs none"
)
NOT_COUNTED = (
    f"perf cannot count {EVENT} here (most virtual machines hide it): the page model stands alone"
)
CALLS = 20
SECONDS = 60

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


def count(command: list[str]) -> float | None:
    """Events of a command in user mode; None where they are not counted."""
    perf = newest("perf")
    if perf is None:
        return None
    try:
        done = subprocess.run(
            [perf, "stat", "-x,", "-e", f"{EVENT}:u", "--", *command],
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    for line in done.stderr.splitlines():
        value, _, rest = line.partition(",")
        if EVENT in rest and value.replace(".", "", 1).isdigit():
            return float(value)
    return None


def walks(side: int, taps: tuple[int, int], dtype: str) -> float | str:
    """Misses of one call; a line that says why where they cannot be counted."""
    if newest("perf") is None:
        return NO_PERF
    if count([sys.executable, "-c", "pass"]) is None:
        return NOT_COUNTED
    arguments = [str(side), *map(str, taps), dtype]
    found = [count([sys.executable, "-c", SCRIPT, *arguments, str(n)]) for n in (0, CALLS)]
    if None in found:
        return NOT_COUNTED
    few, many = (float(value or 0) for value in found)
    return max(0.0, many - few) / CALLS
