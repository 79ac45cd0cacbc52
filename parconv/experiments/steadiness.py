"""Whether the machine is steady enough to measure: work that is always the same takes as long.

Other processes, a changing clock and a crowded host all make it take longer now and then, on every
system: no counter of the load is needed.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import TypeVar

from parconv.runtime.records import STEADY

from .ceilings.arithmetic import clock_chain
from .ceilings.gate import Gate
from .ceilings.rates import team

T = TypeVar("T")

# Steps of a chain that nothing but time stops: 2 ms, against which handing over the interpreter is
# nothing; so many of them outlast the turns that a system gives to processes in competition.
STEPS, WARM_UP, SAMPLES = 100_000, 4, 24
SETTLE = 0.02  # seconds, in which threads that spin fall asleep
TRIES, PAUSE = 3, 2.0
STAT = Path("/proc/stat")


class UnsteadyError(ValueError):
    """What was measured is not to be relied on."""


def spread(threads: int) -> float:
    """How much longer than at best work takes in the mean, on the worst of so many threads.

    On two cores 0.03 to 0.05 where nothing else may run, 1.1 to 1.5 beside four busy processes, 4
    to 10 beside sixteen (Zen 3 VM, 2026-11).
    """
    time.sleep(SETTLE)
    found: list[float] = []

    def sample(gate: Gate) -> None:
        found.append(_excess(gate))

    with team(threads) as crew:
        crew.each(sample, [()] * threads)
    return max(found)


def _excess(gate: Gate) -> float:
    loop, seconds = clock_chain(), []
    for _ in range(WARM_UP):  # the first begins when all threads are there
        loop(gate, 1, 3, STEPS)
    for _ in range(SAMPLES):
        start = time.perf_counter()
        loop(gate, 1, 3, STEPS)
        seconds.append(time.perf_counter() - start)
    return fmean(seconds) / min(seconds) - 1


def steadily(task: Callable[[], T], threads: int, force: bool = False) -> tuple[T, float]:
    """What the task returns, measured on a steady machine unless it is forced, and the spread."""
    result, found = watched(task, threads, 1 if force else TRIES)
    if not force:
        check(found)
    return result, found


def watched(
    task: Callable[[], T], threads: int, tries: int = TRIES, pause: float | None = None
) -> tuple[T, float]:
    """What the task returns, and the larger spread on so many threads of before and after it.

    Repeated while that is too large; the last of the tries counts.
    """
    for turn in range(tries):
        time.sleep((PAUSE if pause is None else pause) if turn else 0)
        before = spread(threads)
        result, found = task(), max(before, spread(threads))
        if found <= STEADY:
            break
    return result, found


def check(spread: float) -> None:
    """Raise UnsteadyError where the spread is too large."""
    if not spread <= STEADY:
        raise UnsteadyError(
            f"this machine is too busy to measure: {told(spread)}{_load()}; "
            "stop what runs beside it, or pass --force"
        )


def _load() -> str:
    """How many processes want a core, and how much of them the host gave to others."""
    try:
        found = f" (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        user, nice, system, idle, *rest = map(int, STAT.read_text().split("\n")[0].split()[1:9])
    except (OSError, ValueError, AttributeError):  # systems without
        return ""
    total = user + nice + system + idle + sum(rest)
    return f"{found}, {100 * rest[3] / max(1, total):.0f} % of their time stolen by the host)"


def told(spread: float) -> str:
    """In words, beside the bound."""
    return (
        f"times of the same work differ by {100 * spread:.0f} %, "
        f"{100 * STEADY:.0f} % at most are believed"
    )
