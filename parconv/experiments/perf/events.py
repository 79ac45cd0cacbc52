"""The events that ``perf stat`` is asked for, and how its answers are read.

Starts no process.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """A counter by our name, and what ``perf`` may call it: the first that it knows counts.

    A hardware event is counted apart in user space (``:u``) and in the kernel (``:k``); software
    clocks do not know the difference.
    """

    name: str
    perf: tuple[str, ...] = ()
    hardware: bool = True

    @property
    def candidates(self) -> tuple[str, ...]:
        return self.perf or (self.name,)

    @property
    def modifiers(self) -> tuple[str, ...]:
        return (":u", ":k") if self.hardware else ("",)


# perf has no general name for the second-level cache: those of Intel, AMD Zen and ARM.
EVENTS: tuple[Event, ...] = (
    Event("cycles"),
    Event("instructions"),
    Event("branches"),
    Event("branch-misses"),
    Event("L1-dcache-loads"),
    Event("L1-dcache-load-misses"),
    Event("L2-accesses", ("l2_rqsts.references", "l2_request_g1.all_no_prefetch", "l2d_cache")),
    Event("L2-misses", ("l2_rqsts.miss", "l2_cache_req_stat.ic_dc_miss_in_l2", "l2d_cache_refill")),
    Event("LLC-loads"),
    Event("LLC-load-misses"),
    Event("cache-references"),  # of the last level on Intel, of the second on AMD
    Event("cache-misses"),
    Event("L1-dcache-prefetches"),
    Event("LLC-prefetches"),
    Event("dTLB-loads"),
    Event("dTLB-load-misses"),
    Event("iTLB-loads"),
    Event("iTLB-load-misses"),
    *(
        Event(name, hardware=False)
        for name in ("task-clock", "page-faults", "context-switches", "cpu-migrations")
    ),
)

COUNTERS = 4  # of a core with hyper-threading, beside the fixed ones: more would take turns


@dataclass(frozen=True)
class Reading:
    """One line of ``perf stat -j``; ``value`` is None where it says that nothing was counted."""

    event: str
    value: float | None
    running: float  # per cent of the time; below 100 the value is extrapolated


def parse(text: str) -> Iterator[Reading]:
    """The readings in the output of ``perf stat -j``: an object on each line, among other lines.

    Examples
    --------
    >>> line = '{"counter-value" : "<not supported>", "event" : "cycles", "pcnt-running" : 100.0}'
    >>> list(parse(line))
    [Reading(event='cycles', value=None, running=100.0)]
    """
    for line in text.splitlines():
        try:
            found = json.loads(line)
            event, value = found["event"], found["counter-value"]
        except (ValueError, KeyError, TypeError):  # comments, metrics, messages
            continue
        milliseconds = found.get("unit") == "msec"
        yield Reading(
            _plain(event), _number(value, milliseconds), float(found.get("pcnt-running", 100))
        )


def _plain(event: str) -> str:
    """``cpu_core/cycles/u`` of a hybrid processor is ``cycles:u``."""
    matched = re.fullmatch(r"cpu\w*/([^/]+)/([ukpP]*)", event)
    if matched is None:
        return event
    name, modifier = matched.groups()
    return f"{name}:{modifier}" if modifier else name


def _number(text: str, milliseconds: bool) -> float | None:
    try:
        return float(text) / (1e3 if milliseconds else 1)
    except ValueError:  # <not supported>, <not counted>
        return None


def totals(readings: Iterable[Reading]) -> dict[str, Reading]:
    """One reading for each event: the sum over the kinds of cores of a hybrid processor."""
    found: dict[str, Reading] = {}
    for reading in readings:
        other = found.get(reading.event)
        values = [r.value for r in (other, reading) if r is not None and r.value is not None]
        running = min(reading.running, other.running if other else 100.0)
        found[reading.event] = Reading(reading.event, sum(values) if values else None, running)
    return found


def groups(names: Sequence[str], size: int = COUNTERS) -> list[tuple[str, ...]]:
    """Events that are counted in the same run of the program."""
    return [tuple(names[i : i + size]) for i in range(0, len(names), size)]
