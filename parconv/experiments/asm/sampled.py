"""Cycles and misses at each address, as ``perf record`` samples them.

Samples are taken by events that the processor counts: an instruction has those of the one before
it, too, where the processor is late ("skid"); where it shows no counters, only time is sampled.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import processes
from ..perf import stat
from ..perf.events import Event
from ..perf.stat import HIDDEN
from .subject import Order

# Ours, by perf's.
EVENTS = {"cycles": "cycles", "L1 miss": "L1-dcache-load-misses", "LL miss": "LLC-load-misses",
          "TLB miss": "dTLB-load-misses"}  # fmt: skip
TIME, CLOCK = "ns", "cpu-clock"
LINE = re.compile(r"\s*(\d+)\s+(\S+?)(?::[a-zA-Z]*)?:\s+([0-9a-f]+)\b")

obstacle = stat.obstacle


def at_once() -> int:
    """Processes that may run side by side: times of several would be of each other, too."""
    return 1


def hidden() -> bool:
    """Whether nothing of the processor's can be sampled here."""
    return stat.obstacle() is not None or not _probed()


def _probed() -> dict[str, str]:
    """perf's names of what is counted in user space here, by ours."""
    counters = stat.probe([Event(name) for name in EVENTS.values()])
    return {ours: counters.names[f"{theirs}:u"] for ours, theirs in EVENTS.items()
            if f"{theirs}:u" in counters.names}  # fmt: skip


def watched(
    order: Order, folder: Path, image: int
) -> tuple[dict[str, Any], dict[str, dict[int, float]], str, str]:
    """(what the process told, a number at each address by column, the tool in words, busiest)."""
    names = _probed()
    words = "sampled by perf" if names else f"time alone sampled by perf:\n{HIDDEN}"
    asked = names or {TIME: f"{CLOCK}:u"}
    data = folder / "perf.data"
    control = (*os.pipe(), *os.pipe())
    run = replace(order, control=control)
    record = ["perf", "record", "-q", "-o", str(data), "-e", ",".join(asked.values())]
    done = stat.under(record, run.command(), control)
    processes.check_status("the process under perf record", done.returncode, done.stderr)
    told = json.loads(Path(run.answer).read_bytes())
    return told, by_address(_script(data), asked), words, next(iter(asked))


def _script(data: Path) -> str:
    """Period, event and address of each sample."""
    done = stat.printed(["perf", "script", "-i", str(data), "-F", "period,event,ip"])
    processes.check_status("perf script", done.returncode, done.stderr)
    return done.stdout


def by_address(text: str, names: Mapping[str, str]) -> dict[str, dict[int, float]]:
    """The columns, from what ``perf script -F period,event,ip`` prints; ``names``: perf's by ours.

    Examples
    --------
    >>> text = "    250000 cycles:u:      7f37e7676326\\n    10 cycles:u:      7f37e7676326\\n"
    >>> by_address(text, {"cycles": "cycles:u"})
    {'cycles': {139878082241318: 250010.0}}
    """
    ours = {theirs.partition(":")[0]: name for name, theirs in names.items()}
    found: dict[str, dict[int, float]] = {name: {} for name in names}
    for line in text.splitlines():
        if (one := LINE.match(line)) and one[2] in ours:
            column, address = found[ours[one[2]]], int(one[3], 16)
            column[address] = column.get(address, 0.0) + int(one[1])
    return found
