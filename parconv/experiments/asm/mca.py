"""Cycles of a loop by llvm-mca, LLVM's simulator of instruction schedulers."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from .listing import Loop
from .tools import PROBE_LINES, Forecast, Tool, alone, probe, run

MISSING = (
    "llvm-mca is not installed (in the packages llvm of Linux, brew install llvm): no scheduler's "
    "prediction; counts, port model and measurement stand"
)
ITERATIONS = 400
# In the order tried.  LLVM 19 models znver5 as znver4, with halved 512-bit vectors, and gives
# 512-bit multiply-adds of icelake-server and sapphirerapids one port of the two they have.
STAND_INS = {
    "x86": (
        "skylake-avx512",
        "sapphirerapids",
        "znver4",
        "znver3",
        "skylake",
        "haswell",
        "nehalem",
    ),
    "ARM": ("neoverse-v2", "neoverse-n2", "neoverse-n1", "apple-m1", "cortex-a72"),
}
TRIPLES = {"x86": "x86_64", "ARM": "aarch64"}  # whose assembly is read, wherever that runs
BUSY = 50  # % of the cycles: a port that holds the loop up


@cache
def _simulate(tool: str, processor: str, dialect: str, text: str, *views: str) -> str | None:
    command = [tool, f"-mtriple={TRIPLES[dialect]}", f"-mcpu={processor}"]
    command += [f"-iterations={ITERATIONS}", "-resource-pressure=0", *views]
    told = run(command, text)
    return told if told and "Total Cycles" in told else None


def statistics(tool: str, processor: str, loop: Loop) -> str | None:
    """All that it tells in text, of which several ask; None where it cannot.

    What holds the loop up, register files, and what instructions wait for before they are
    dispatched.  `timeline` asks again: its JSON tells nothing of register files.
    """
    views = "-bottleneck-analysis", "-register-file-stats", "-dispatch-stats"
    return _simulate(tool, processor, loop.dialect.name, loop.text(), *views)


def _number(name: str, told: str) -> float:
    found = re.search(rf"^{name}:\s+([\d.]+)", told, re.MULTILINE)
    return float(found[1]) if found else 0.0


def rate(tool: str, processor: str, loop: Loop) -> float | None:
    """Multiply-adds in a cycle by the model of a processor."""
    cycles = _throughput(tool, processor, loop, probe(loop))
    return PROBE_LINES / cycles if cycles else None


def arithmetic(tool: str, processor: str, loop: Loop) -> float | None:
    """Cycles of a loop's arithmetic alone, with no operand in memory and nothing to wait for."""
    return _throughput(tool, processor, loop, alone(loop))


def _throughput(tool: str, processor: str, loop: Loop, text: str) -> float | None:
    told = _simulate(tool, processor, loop.dialect.name, text)
    return _number("Block RThroughput", told) or None if told else None


def forecast(tool: str, processor: str, loop: Loop) -> Forecast | None:
    """One pass through the loop, simulated; None where the tool cannot."""
    told = statistics(tool, processor, loop)
    if told is None:
        return None
    cycles, waits = _number("Total Cycles", told) / ITERATIONS, dict(_WAITS.findall(told))
    causes = Counter(waits.values())
    critical = ", ".join(f"{causes[cause]} for {_CAUSES[cause]}" for cause in sorted(causes))
    path = tuple(sorted(map(int, waits)))
    return Forecast(
        cycles,
        _number("IPC", told),
        _bottleneck(told),
        f"{len(path)} instructions wait: {critical}" if path else "none named",
        path,
    )


# lines of the critical sequence: "+----> 12.  vmovups ...  ## RESOURCE interference:  SKXPort0"
_WAITS = re.compile(r"^ [|+]?-*\+?-+> +(\d+)\..*## (RESOURCE|REGISTER|MEMORY) ", re.MULTILINE)
_CAUSES = {"RESOURCE": "a port", "REGISTER": "a register", "MEMORY": "memory"}


def _bottleneck(told: str) -> str:
    """The causes of the simulated back-pressure."""
    shares = {
        name.strip(": "): float(share)
        for name, share in re.findall(
            r"^\s+(?:- )?(\w[\w :]*?)\s+\[ ([\d.]+)% \]", told, re.MULTILINE
        )
    }
    words = [
        f"{word} {shares[name]:.0f} %"
        for name, word in (("Resource Pressure", "ports"), ("Data Dependencies", "dependencies"))
        if shares.get(name)
    ]
    busy = [name for name, share in shares.items() if " " not in name and share >= BUSY]
    return ", ".join(words) + (f" ({', '.join(busy)})" if busy else "")


@dataclass(frozen=True)
class Timed:
    """An instruction by the model of a processor, and when the first pass comes to it.

    ``latency``, ``throughput`` (cycles it takes of its ports, by itself) and ``ports``, cycles of
    each in a pass; then the cycles in which it is dispatched, issued, done and retired.
    """

    latency: int
    throughput: float
    ports: Mapping[str, float]
    dispatched: int
    issued: int
    executed: int
    retired: int


def timeline(tool: str, processor: str, loop: Loop) -> tuple[Timed, ...] | None:
    """Each instruction of a pass; None where llvm-mca cannot, or is older than its JSON (13)."""
    command = [tool, f"-mtriple={TRIPLES[loop.dialect.name]}", f"-mcpu={processor}"]
    command += ["-json", "-timeline", "-timeline-max-iterations=1", f"-iterations={ITERATIONS}"]
    command += ["-timeline-max-cycles=100000"]
    try:
        told = json.loads(run(command, loop.text()) or "")
    except ValueError:
        return None
    return _timed(told, len(loop.instructions))


def _timed(told: Mapping[str, Any], size: int) -> tuple[Timed, ...] | None:
    (region, *_), names = told["CodeRegions"], told["TargetInfo"]["Resources"]
    ports: list[dict[str, float]] = [{} for _ in range(size)]
    for one in region["ResourcePressureView"]["ResourcePressureInfo"]:
        if one["InstructionIndex"] < size:  # what follows is the sum
            name = names[one["ResourceIndex"]]
            ports[one["InstructionIndex"]][name] = one["ResourceUsage"]
    known = region["InstructionInfoView"]["InstructionList"]
    times = region["TimelineView"]["TimelineInfo"][:size]
    return tuple(
        Timed(
            one["Latency"], one["RThroughput"], port,
            *(at[f"Cycle{event}"] for event in ("Dispatched", "Issued", "Executed", "Retired")),
        )
        for one, port, at in zip(known, ports, times, strict=True)
    )  # fmt: skip


TOOL = Tool("llvm-mca", MISSING, STAND_INS, rate, forecast)
