"""The sizes of this machine's caches, as its system tells them.  Measures nothing."""

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys/devices/system/cpu/cpu0/cache")
_SYSCTL = ("hw.l1dcachesize", "hw.l2cachesize", "hw.l3cachesize")
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


@dataclass(frozen=True)
class Cache:
    """One level: ``nbytes`` in each instance, which ``sharers`` processors have in common."""

    level: str
    nbytes: int
    sharers: int

    def share(self, threads: int) -> int:
        """Bytes for each of so many threads."""
        return self.nbytes // min(threads, self.sharers)


# Sizes that most machines have at least.
FALLBACK = (Cache("L1", 32 * 2**10, 1), Cache("L2", 512 * 2**10, 1))


def sizes() -> tuple[tuple[Cache, ...], str | None]:
    """The levels from the first on, and a note where they are a guess."""
    for found in (_from_sysfs(SYSFS), _from_sysctl() if sys.platform == "darwin" else ()):
        if found:
            return found, None
    levels = ", ".join(f"{cache.level} {cache.nbytes // 1024} KiB" for cache in FALLBACK)
    return FALLBACK, f"the system does not tell the sizes of its caches: {levels} assumed"


def _from_sysfs(root: Path) -> tuple[Cache, ...]:
    """Empty where the kernel, a container or another system does not show them."""
    found = []
    with contextlib.suppress(OSError, ValueError, KeyError):
        for path in sorted(root.glob("index*")):
            level, kind, size, cpus = (
                (path / name).read_text(encoding="ascii").strip()
                for name in ("level", "type", "size", "shared_cpu_list")
            )
            if kind != "Instruction":
                found.append(Cache(f"L{level}", int(size[:-1]) * _UNITS[size[-1]], _count(cpus)))
    return tuple(sorted(found, key=lambda cache: cache.level))


def _count(cpus: str) -> int:
    """Of processors in a list such as 0-3,8."""
    ranges = (part.split("-") for part in cpus.split(","))
    return sum(int(part[-1]) - int(part[0]) + 1 for part in ranges)


def _from_sysctl() -> tuple[Cache, ...]:
    command = ["sysctl", "-n", *_SYSCTL]
    with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        values = [int(line) for line in done.stdout.split()]
        cores = os.cpu_count() or 1  # Apple's L2 serves a cluster; say so for all cores
        return tuple(
            Cache(f"L{level}", nbytes, 1 if level == 1 else cores)
            for level, nbytes in enumerate(values, 1)
            if nbytes > 0
        )
    return ()
