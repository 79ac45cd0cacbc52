"""The clock of the core that runs this thread, now."""

import time
from collections.abc import Callable
from typing import TypeVar

from parconv.experiments.ceilings.arithmetic import LINKS, clock_chain
from parconv.experiments.ceilings.gate import new_gate

Found = TypeVar("Found")
STEPS = 8_000  # 0.1 ms


def gigahertz(steps: int = STEPS) -> float:
    """Cycles per nanosecond, from a chain of operations that take one cycle each."""
    loop, gate = clock_chain(), new_gate(1)
    start = time.perf_counter()
    loop(gate, 1, 3, steps)
    return steps * LINKS / (time.perf_counter() - start) / 1e9


def seconds(run: Callable[[], object], calls: int) -> float:
    """Mean time of a call, of so many together."""
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


def best(samples: int) -> float:
    """The highest of some measurements: an interruption can only lower one."""
    return max(gigahertz() for _ in range(samples))


def around(samples: int, task: Callable[[], Found]) -> tuple[Found, float]:
    """What the task finds, and the mean of the clock before it and after it."""
    before = best(samples)
    found = task()
    return found, (before + best(samples)) / 2
