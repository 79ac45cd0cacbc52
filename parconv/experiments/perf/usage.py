"""What the kernel tells every process about itself: times, page faults, switches, waiting.

The last rung of the ladder: it needs neither ``perf`` nor permission.
"""

import contextlib
from collections.abc import Collection, Mapping
from pathlib import Path

TASKS = Path("/proc/self/task")
_FIELDS: Mapping[str, str] = {
    "user time": "ru_utime",
    "kernel time": "ru_stime",
    "minor faults": "ru_minflt",
    "major faults": "ru_majflt",
    "voluntary switches": "ru_nvcsw",
    "involuntary switches": "ru_nivcsw",
}
WAIT = "run-queue wait"
NAMES = (*_FIELDS, WAIT)


def read(children: bool = False) -> dict[str, float]:
    """Totals of this process, or of its finished children; what cannot be told is left out.

    Examples
    --------
    >>> before = read()
    >>> all(read()[name] >= before[name] for name in before)
    True
    """
    found = {}
    with contextlib.suppress(ModuleNotFoundError):  # Windows
        import resource

        usage = resource.getrusage(resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF)
        found = {name: float(getattr(usage, field)) for name, field in _FIELDS.items()}
    wait = None if children else _run_queue_wait()
    return found if wait is None else {**found, WAIT: wait}


def _run_queue_wait() -> float | None:
    """Seconds that threads which could run had no core: what too many threads cost."""
    try:
        paths = list(TASKS.glob("*/schedstat"))
        waits = [int(path.read_text().split()[1]) for path in paths]
    except (OSError, ValueError, IndexError):
        return None
    return sum(waits) / 1e9 if waits else None


def since(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What was used between two readings."""
    return {name: after[name] - before[name] for name in after if name in before}


def missing(found: Collection[str]) -> dict[str, str]:
    """Why a name is not among those found."""
    reasons = dict.fromkeys(_FIELDS, "this system has no getrusage")
    reasons[WAIT] = "it is read from /proc/PID/task/*/schedstat while a Linux process runs"
    return {name: reasons[name] for name in NAMES if name not in found}
