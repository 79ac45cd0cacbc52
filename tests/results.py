"""What the soak tests of reliability found, kept as the table of RESULTS.md."""

import json
import os
import platform
from collections import defaultdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

TABLE = Path(__file__).parent / "reliability" / "RESULTS.md"
PACKAGES = ("numpy", "numba", "joblib", "threadpoolctl", "scipy", "torch", "dask")

# What is tried, and what is wanted of it; in the order of the table.
ROWS = {
    "storm": ("64 threads x 200 mixed calls, on each threading layer", "0 deaths, 0 bits differ"),
    "forks": ("forks, pools and executors, warm and cold, on each layer", ">= 150 cases, 0 hang"),
    "bits": ("threads, strategies and bands of one method", ">= 10,000 questions, 0 bits differ"),
    "definition": ("any question against the definition", ">= 10,000 questions, 0 wrong"),
    "special": ("NaN, Inf, -0 and denormals anywhere", ">= 5,000 questions, 0 wrong"),
    "words": ("every word of a call, into outputs of any layout", ">= 4,000 questions, 0 wrong"),
    "integers": ("integers at the ends of their types", ">= 2,000 questions, 0 wrong"),
    "overlap": ("an output that overlaps image, filter or itself", ">= 5,000 calls, 0 wrong"),
    "guards": ("arrays that end at memory that may not be touched", ">= 2,000 shapes, 0 deaths"),
    "refusals": ("one wrong argument", ">= 3,000 calls, each refused by its name, nothing written"),
    "interrupts": ("interrupts at random moments", "400, 99 of 100 within 100 ms"),
    "damage": ("entries of the kernel cache damaged", "1,000, 0 loaded"),
    "cold": ("processes that start cold at once", "16 x 20, 0 wrong"),
    "kills": ("streams killed at random moments, then repeated", "200, 0 wrong"),
    "full disks": ("streams that find the disk full, then go on", "50, 0 wrong"),
    "two writers": ("two streams into one target", "50, one refused, 0 wrong"),
    "memory": ("memory told beforehand against the measured peak", "never more than told + 2 MiB"),
    "limits": ("calls under a limit of memory", "MemoryError or the right bits"),
    "calls": ("a million small calls", "< 1 MB, threads and descriptors constant"),
    "load": ("mixed load", "< 1 MB an hour, threads and descriptors constant"),
    "fuzz": ("files and texts from outside, mutated", "0 crashes, 0 tracebacks"),
    "aarch64": ("methods on an emulated ARM processor, in all types", "0 failed"),
    "aarch64 bytes": ("on one that multiplies bytes, with kernels for that", "0 failed"),
    "spills": ("hot loops of ARM tiles, by the names of processors", "0 vectors on the stack"),
    "faults": ("small faults put into the source", ">= 90 % of >= 400 noticed"),
    "errors": ("error against exact rationals, by method", "<= bound"),
}


def keep(folder: Path, row: str, found: str, part: str = "") -> None:
    """A row's figures, or those of a part of it."""
    assert row in ROWS, row
    (folder / f"{row}~{part}.json").write_text(json.dumps(found))


def write(folder: Path) -> None:
    """The table anew: rows that were found now, others as they stand there."""
    lines, told = dict(_standing()), defaultdict(list)
    for path in sorted(folder.glob("*.json")):
        told[path.stem.split("~")[0]].append(json.loads(path.read_text()))
    day = datetime.now(UTC).date().isoformat()
    lines |= {row: f"{'; '.join(found)} | {day}" for row, found in told.items()}
    rows = [
        f"| {row} | {what} | {wanted} | {lines.get(row, 'not yet run | ')} |"
        for row, (what, wanted) in ROWS.items()
    ]
    TABLE.write_text("\n".join([*_head(), *rows, ""]))


def _standing() -> list[tuple[str, str]]:
    """The rows of the table as it is: name, and what was found when."""
    if not TABLE.exists():
        return []
    cells = [line.strip("| ").split(" | ") for line in TABLE.read_text().splitlines()]
    return [(row[0], " | ".join(row[3:5])) for row in cells if len(row) >= 5 and row[0] in ROWS]


def _head() -> list[str]:
    return [
        "# What the suite found",
        "",
        "Written by `pytest -m soak tests/reliability tests/platforms`; a small part of most "
        "rows is in every run.",
        "",
        f"Last run: {platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {', '.join(_versions())}.",
        "",
        "| row | what is tried | wanted | found | on |",
        "|---|---|---|---|---|",
    ]


def _versions() -> list[str]:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return found
