"""The events that ``perf stat`` is asked for, and how its answers are read.

Starts no process.
"""

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """A counter by our name, and what ``perf`` may call it: the first that it knows counts.

    A hardware event is counted apart in user space (``:u``) and in the kernel (``:k``); software
    clocks do not know the difference.
    """

    name: str
    perf: tuple[str, ...] = ()
    hardware: bool = True
    only_user: bool = False

    @property
    def candidates(self) -> tuple[str, ...]:
        return self.perf or (self.name,)

    @property
    def modifiers(self) -> tuple[str, ...]:
        if not self.hardware:
            return ("",)
        return (":u",) if self.only_user else (":u", ":k")


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
    Event("stalled-cycles-frontend"),
    Event("stalled-cycles-backend"),
    Event("L1-dcache-prefetches"),
    Event("L2-prefetch-hits", ("l2_pf_hit_l2.all", "l2_pf_hit_l2"), only_user=True),
    Event("LLC-prefetches"),
    Event(
        "fills-from-L2",
        (
            "mem_load_retired.l2_hit",
            "ls_dmnd_fills_from_sys.local_l2",
            "ls_dmnd_fills_from_sys.lcl_l2",
            "ls_refills_from_sys.ls_mabresp_lcl_l2",
        ),
        only_user=True,
    ),
    Event(
        "fills-from-memory",
        (
            "mem_load_retired.l3_miss",
            "ls_dmnd_fills_from_sys.dram_io_near",
            "ls_dmnd_fills_from_sys.mem_io_local",
            "ls_refills_from_sys.ls_mabresp_lcl_dram",
        ),
        only_user=True,
    ),
    Event(
        "page-walks",
        ("dtlb_load_misses.walk_completed", "ls_l1_d_tlb_miss.all_l2_miss", "dtlb_walk"),
        only_user=True,
    ),
    Event("page-walk-cycles", ("dtlb_load_misses.walk_active",), only_user=True),
    *(
        Event(f"FP-pipe-{pipe}", names, only_user=True)
        for pipe, names in enumerate(
            (
                ("fp_arith_dispatched.port_0", "fpu_pipe_assignment.total0"),
                ("fp_arith_dispatched.port_1", "fpu_pipe_assignment.total1"),
                ("fp_arith_dispatched.port_5", "fpu_pipe_assignment.total2"),
                ("fpu_pipe_assignment.total3",),
            )
        )
    ),
    Event(
        "vector-FP-ops",
        ("fp_arith_inst_retired.vector", "fp_ret_sse_avx_ops.all", "ase_spec"),
        only_user=True,
    ),
    Event("dTLB-loads"),
    Event("dTLB-load-misses"),
    Event("iTLB-loads"),
    Event("iTLB-load-misses"),
    *(
        Event(name, hardware=False)
        for name in ("task-clock", "page-faults", "context-switches", "cpu-migrations")
    ),
)

# perf's own metrics of slots, level 1 and 2 of Intel, of AMD since Zen 4, level 1 of ARM.
METRICS = ("TopdownL1,TopdownL2", "PipelineL1,PipelineL2", "TopdownL1")
METRIC = re.compile(r"(?:%|percent of slots)\s+(\w+)")
AT = "@"  # between a counter's name and the kind of core that counted it

COUNTERS = 4  # of a core with hyper-threading, beside the fixed ones: more would take turns


@dataclass(frozen=True)
class Reading:
    """One line of ``perf stat -j``; ``value`` is None where it says that nothing was counted."""

    event: str
    value: float | None
    running: float  # per cent of the time; below 100 the value is extrapolated
    core: str = ""  # the kind of core of a hybrid processor


def parse(text: str) -> Iterator[Reading]:
    """The readings in the output of ``perf stat -j``: an object on each line, among other lines.

    Examples
    --------
    >>> line = '{"counter-value" : "<not supported>", "event" : "cycles", "pcnt-running" : 100.0}'
    >>> list(parse(line))
    [Reading(event='cycles', value=None, running=100.0, core='')]
    """
    for found in _objects(text):
        event, value = found.get("event"), found.get("counter-value")
        if isinstance(event, str) and isinstance(value, str):
            (name, core), running = _plain(event), float(found.get("pcnt-running", 100))
            yield Reading(name, _number(value, found.get("unit") == "msec"), running, core)


def metrics(text: str) -> dict[str, float]:
    """Per cent of the slots, by perf's name; of a hybrid processor by ``name@core``.

    Examples
    --------
    >>> metrics('{"metric-value" : "12.5", "metric-unit" : "%  tma_retiring"}')
    {'tma_retiring': 12.5}
    """
    found, core = {}, ""
    for line in _objects(text):
        if isinstance(line.get("event"), str):
            core = _plain(line["event"])[1]  # the lines after it are about the same cores
        matched = METRIC.fullmatch(str(line.get("metric-unit", "")).strip())
        value = _number(str(line.get("metric-value")), False)
        if matched and value is not None:
            found[at(matched[1], core)] = value
    return found


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """An object on each line, among comments and messages."""
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                yield found


def at(name: str, core: str) -> str:
    """The name of a counter of one kind of core."""
    return f"{name}{AT}{core}" if core else name


def _plain(event: str) -> tuple[str, str]:
    """``cpu_core/cycles/u`` of a hybrid processor is ``cycles:u`` of ``cpu_core``."""
    matched = re.fullmatch(r"(cpu\w*)/([^/]+)/([ukpP]*)", event)
    if matched is None:
        return event, ""
    cores, name, modifier = matched.groups()
    return f"{name}:{modifier}" if modifier else name, "" if cores == "cpu" else cores


def _number(text: str, milliseconds: bool) -> float | None:
    try:
        return float(text) / (1e3 if milliseconds else 1)
    except ValueError:  # <not supported>, <not counted>
        return None


def by_name(readings: Iterable[Reading]) -> dict[str, Reading]:
    """One reading for each event and kind of core: those of two kinds are never added up.

    A core that ran for a hundredth of the time extrapolates by a hundred.
    """
    return {at(reading.event, reading.core): reading for reading in readings}


def groups(names: Sequence[str], size: int = COUNTERS) -> list[tuple[str, ...]]:
    """Events that are counted in the same run of the program."""
    return [tuple(names[i : i + size]) for i in range(0, len(names), size)]
