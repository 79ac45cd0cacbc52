"""How many cycles a loop takes by counting: what each unit of a core is asked for, over its rate.

Needs no tool.  Knows no instruction scheduling: the slowest unit alone sets the pace.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from parconv.codegen import machine

from .cpus import Core
from .isa import ADD, FMA, LOAD_CYCLES, MULTIPLY, SHUFFLE
from .listing import Loop


@dataclass(frozen=True)
class Ports:
    """Cycles of one pass through a loop that each unit needs by itself."""

    bounds: Mapping[str, float]
    instructions: int

    @property
    def cycles(self) -> float:
        return max(self.bounds.values())

    @property
    def limit(self) -> str:
        """The unit that sets the pace."""
        return max(self.bounds, key=lambda name: self.bounds[name])

    @property
    def ipc(self) -> float:
        return self.instructions / self.cycles


def straddling(itemsize: int) -> float:
    """The share of unaligned vector loads that touch two cache lines, each costing two slots.

    Taps shift a tile's loads by single elements, so that every alignment is as likely.  A filter
    of two rows, bound by its loads, takes 22.7 cycles a column where this predicts 22.3 and loads
    that cost one slot would take 18 (Zen 5, 2026-11).

    Examples
    --------
    >>> straddling(4) == (machine.lanes(4) - 1) * 4 / 64
    True
    """
    return (machine.lanes(itemsize) - 1) * itemsize / machine.CACHE_LINE


def predict(loop: Loop, core: Core, itemsize: int, fma: float) -> Ports:
    """Cycles of one pass where the core does ``fma`` multiply-adds in one."""
    counts = loop.counts
    # where there is no fused instruction, `fma` counts pairs of a product and a sum
    arithmetic = counts[FMA] + max(counts[MULTIPLY], counts[ADD])
    slots = loop.loads * (1 + straddling(itemsize)) + loop.scalar_loads
    bounds = {
        "multiply-adds": arithmetic / fma,
        "loads": slots / core.loads,
        "stores": loop.stores / core.stores,
        "shuffles": counts[SHUFFLE] / core.shuffles,
        "instructions": len(loop.instructions) / core.issue,
        "latency": float(loop.chain(core.latency, LOAD_CYCLES)),
    }
    return Ports(bounds, len(loop.instructions))
