"""The sizes of this machine's caches, as its system tells them.  Measures nothing."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys/devices/system/cpu/cpu0/cache")
# Apple's processors have cores of several levels: 0 are the fast ones.  The plain names tell the
# caches of the slow ones there.
_FAST = "hw.perflevel0."
_SYSCTL = {"L1": "l1dcachesize", "L2": "l2cachesize", "L3": "l3cachesize"}
_SHARERS = "cpusperl2"
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


def listed(root: Path, *names: str) -> Iterator[tuple[str, ...]]:
    """What these files say of each cache, the highest level last; whatever is hidden is left out.

    Empty where the kernel, a container or another system shows none.
    """
    for path in sorted(root.glob("index*")):
        with contextlib.suppress(OSError):
            yield tuple((path / name).read_text(encoding="ascii").strip() for name in names)


def bytes_of(size: str) -> int:
    """Bytes of a size such as 48K."""
    return int(size[:-1]) * _UNITS[size[-1]]


def _from_sysfs(root: Path) -> tuple[Cache, ...]:
    found = []
    with contextlib.suppress(ValueError, KeyError):
        for level, kind, size, cpus in listed(root, "level", "type", "size", "shared_cpu_list"):
            if kind != "Instruction":
                found.append(Cache(f"L{level}", bytes_of(size), _count(cpus)))
    return tuple(sorted(found, key=lambda cache: cache.level))


def _count(cpus: str) -> int:
    """How many processors a list such as 0-3,8 names."""
    ranges = (part.split("-") for part in cpus.split(","))
    return sum(int(part[-1]) - int(part[0]) + 1 for part in ranges)


def _from_sysctl() -> tuple[Cache, ...]:
    told, cores = _told_by_sysctl(), os.cpu_count() or 1
    sharers = {"L1": 1, "L2": told.get(_FAST + _SHARERS, cores)}
    sizes = {
        level: told.get(_FAST + name) or told.get(f"hw.{name}", 0)
        for level, name in _SYSCTL.items()
    }
    return tuple(
        Cache(level, nbytes, sharers.get(level, cores)) for level, nbytes in sizes.items() if nbytes
    )


def _told_by_sysctl() -> dict[str, int]:
    """Numbers by name; a name that a machine lacks is left out."""
    names = [prefix + name for name in (*_SYSCTL.values(), _SHARERS) for prefix in (_FAST, "hw.")]
    try:
        done = subprocess.run(
            ["sysctl", *names], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    pairs = (line.partition(": ") for line in done.stdout.splitlines())
    return {name: int(value) for name, _, value in pairs if value.strip().isdecimal()}
