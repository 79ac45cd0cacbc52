"""How many cycles a loop takes by counting: what each unit of a core is asked for, over its rate.

Needs no tool.  Knows no instruction scheduling: the slowest unit alone sets the pace.
"""

from parconv.codegen import machine

from . import dataflow
from .cpus import Core
from .isa import ADD, FMA, MULTIPLY, SHUFFLE
from .listing import Loop
from .tools import Forecast

NAME = "port model"


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


def forecast(loop: Loop, core: Core, itemsize: int, fma: float) -> Forecast:
    """One pass through the loop where the core does ``fma`` multiply-adds in a cycle."""
    counts = loop.counts
    # where there is no fused instruction, `fma` counts pairs of a product and a sum
    arithmetic = counts[FMA] + max(counts[MULTIPLY], counts[ADD])
    path = dataflow.path(loop, core)
    slots = loop.loads * (1 + straddling(itemsize)) + loop.scalar_loads
    units = {
        "multiply-adds": arithmetic / fma,
        "loads": slots / core.loads,
        "stores": loop.stores / core.stores,
        "shuffles": counts[SHUFFLE] / core.shuffles,
        "instructions": len(loop.instructions) / core.issue,
        "latency": path.carried,
    }
    limit = max(units, key=lambda name: units[name])
    told = f"{path.carried:.0f} cycles carried by the loop, {path.one_pass} through one pass"
    return Forecast(
        units[limit], len(loop.instructions) / units[limit], limit, told, path.numbers, units
    )
