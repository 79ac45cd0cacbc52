"""How much memory there is to use."""

from contextlib import suppress
from pathlib import Path

USUAL = 1 << 30  # bytes; more makes nothing faster
SHARE = 4  # of what is free: the others need the rest
_GROUPS = Path("/sys/fs/cgroup")
_LIMITS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def usual() -> int:
    """Bytes to use where nobody says: a gigabyte, less where little is free."""
    free = [*_free_here(), *_free_in_groups()]
    return min(USUAL, min(free, default=USUAL * SHARE) // SHARE)


def _free_here() -> list[int]:
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                return [1024 * int(line.split()[1])]
    return []


def _free_in_groups() -> list[int]:
    """Under the limit of the container's control group, of either version."""
    found = []
    for limit, used in _LIMITS:
        with suppress(OSError, ValueError):  # no such file, or "max"
            numbers = [int((_GROUPS / name).read_text(encoding="utf-8")) for name in (limit, used)]
            found.append(max(0, numbers[0] - numbers[1]))
    return found
