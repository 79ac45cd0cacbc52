"""The processor time that a control group grants, in cores; Linux only.

joblib reads it too, but importing joblib registers a handler for the interpreter's end, which fails
when that has begun.
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

_V1 = ("cpu.cfs_quota_us", "cpu.cfs_period_us")


class Quota(NamedTuple):
    """Whole cores, and the file that tells them."""

    cores: int
    path: Path


@cache
def quota(root: Path = Path("/")) -> Quota | None:
    """The least of the process's own group and those above it; read once.

    A fraction counts as a core: time not used by one thread would be lost.
    """
    return min(_quotas(root), default=None)


def _quotas(root: Path) -> Iterator[Quota]:
    for folder in dict.fromkeys(_folders(root)):
        for name, read in (("cpu.max", _second_version), (_V1[0], _first_version)):
            with suppress(OSError, ValueError):  # no such file, or "max"
                given, period = read(folder)
                if given > 0 and period > 0:  # version 1 says -1 for none
                    yield Quota(math.ceil(given / period), folder / name)


def _second_version(folder: Path) -> tuple[int, int]:
    given, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
    return int(given), int(period)


def _first_version(folder: Path) -> tuple[int, int]:
    given, period = (int((folder / name).read_text(encoding="utf-8")) for name in _V1)
    return given, period


def _folders(root: Path) -> Iterator[Path]:
    """Of the process's groups and of all above: in a container the paths may not exist."""
    base = root / "sys/fs/cgroup"
    for mount, own in _groups(root):
        yield from (base / mount / part for part in (own, *own.parents))


def _groups(root: Path) -> Iterator[tuple[str, Path]]:
    """Where the groups that limit processors are mounted, and which of them is ours.

    A line of /proc/self/cgroup is ``number:controllers:path``; version 2 has no controllers.
    """
    yield from (("", Path()), ("cpu", Path()), ("cpu,cpuacct", Path()))
    with suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            own = Path(path.lstrip("/"))
            if not controllers:
                yield from (("", own), ("unified", own))
            elif "cpu" in controllers.split(","):
                yield controllers, own
