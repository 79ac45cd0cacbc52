"""What this machine does where the tables of `cpus` say what its family can: three small loops.

Cores slow their clock down for wide vectors, and loads that meet multiply-adds cost more than a
free port's slot: on a Sapphire Rapids VM 16 multiply-adds take 8.2 cycles, 13.0 with a load each,
19.8 where each load straddles a line of the cache (AVX-512, 2026-11).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import Any

import numpy as np
from llvmlite import ir

from parconv.codegen import jit, machine
from parconv.codegen.emitted import Items, Value, emitted
from parconv.codegen.simd import I64, Code
from parconv.runtime.outputs import on_page

from . import clock
from .cpus import Core
from .isa import ADD, BROADCAST, FMA, MULTIPLY, SHUFFLE
from .listing import Loop
from .ports import straddling

LANES = machine.lanes(4)
CHAINS = machine.ISA.choose({32: 16, 16: 8})
FUSED, STEPS, ROUNDS, BEST_OF = 16, 2_000, 11, 4
LINKS = 8  # multiply-adds of one chain
# How far loads and multiply-adds overlap: 1 not at all, without end wholly.  Of 1.2 to 3 the one
# with which nine mixes of both came nearest (Sapphire Rapids VM, AVX-512 and AVX2, 2026-11).
OVERLAP = 1.7


@dataclass(frozen=True)
class Rates:
    """Cycles of a multiply-add, and of each kind of load beside them, at the vectors' clock.

    ``slower``: that clock in parts of the clock of scalar code.
    """

    fused: float
    aligned: float
    straddling: float
    broadcast: float
    slower: float

    def cycles(self, loop: Loop, share: float, core: Core) -> float:
        """Of a pass, ``share`` of whose loads straddle lines: arithmetic and loads overlap."""
        straddled = loop.loads * share
        broadcasts = min(loop.counts[BROADCAST], loop.scalar_loads)
        loads = (straddled * self.straddling + (loop.loads - straddled) * self.aligned
                 + broadcasts * self.broadcast)  # fmt: skip
        counts = loop.counts
        sums = counts[FMA] + max(counts[ADD], counts[MULTIPLY])
        return _together(max(sums * self.fused, counts[SHUFFLE] / core.shuffles), loads)


def _together(first: float, second: float) -> float:
    """How long two take that overlap in part.

    Examples
    --------
    >>> _together(8, 0), _together(8, 8) < 16
    (8.0, True)
    """
    return float((first**OVERLAP + second**OVERLAP) ** (1 / OVERLAP))


def _alone(together: float, first: float) -> float:
    """What the second takes."""
    return float(max(0.0, together**OVERLAP - first**OVERLAP) ** (1 / OVERLAP))


@cache
def _mix(fused: int, chains: int, loads: int = 0, broadcasts: int = 0) -> Callable[..., None]:
    """``run(pixels, out, steps)``: so many of each in a step, from the first-level cache."""

    @emitted()
    def body(builder: Any, pixels: Items, out: Items, steps: Value) -> None:
        code = Code(builder, ir.FloatType())
        start = pixels.at()
        still = code.load(code.at(start, 32 * LANES))

        def step(turn: Value, *sums: Value) -> list[Value]:
            found, other = list(sums), still
            place = builder.mul(builder.and_(turn, I64(7)), I64(LANES))
            at = code.at(start, place)
            for n in range(fused):
                value = code.load(code.at(at, n * LANES)) if n < loads else still
                if n < 2 * broadcasts and n % 2 == 0:  # each met twice, or it would be folded in
                    other = code.splat(code.read(at, n // 2))
                found[n % chains] = code.fma(value, other, found[n % chains])
            return found

        sums = code.loop(steps, [code.zero] * chains, step, rolled=True)
        for n, value in enumerate(sums):
            code.store(value, code.at(out.at(), n * LANES))

    @jit.jit(called=True)
    def run(pixels: Any, out: Any, steps: int) -> None:
        body(pixels, out, steps)

    return run  # type: ignore[no-any-return]


def measure(core: Core) -> Rates:
    """Of this thread, now: a few milliseconds after a second of compiling."""
    memory = on_page(80 * LANES * 4).view(np.float32)
    memory[:] = 0
    out = np.zeros(CHAINS * LANES, np.float32)

    def cycles(skip: int, *mix: int) -> float:
        run = _mix(*mix)
        run(memory[skip:], out, 1)
        found = []
        for _ in range(ROUNDS):
            least, gigahertz = clock.around(BEST_OF, lambda: min(
                clock.seconds(lambda: run(memory[skip:], out, STEPS), 2) for _ in range(BEST_OF)
            ))  # fmt: skip
            found.append(least * 1e9 * gigahertz / STEPS)
        return median(found)

    slower = min(1.0, core.latency * LINKS / cycles(0, LINKS, 1))
    mixes = {name: slower * cycles(*mix) for name, mix in _MIXES.items()}
    return _rates(mixes, slower)


_MIXES: Mapping[str, tuple[int, ...]] = {
    "fused": (0, FUSED, CHAINS),
    "aligned": (0, FUSED, CHAINS, FUSED),
    "straddling": (1, FUSED, CHAINS, FUSED),
    "broadcast": (0, FUSED, CHAINS, 0, FUSED // 2),
}


def _rates(mixes: Mapping[str, float], slower: float) -> Rates:
    alone = mixes["fused"]
    aligned, straddled, broadcast = (
        _alone(mixes[name], alone) for name in ("aligned", "straddling", "broadcast")
    )
    # vectors narrower than a line straddle it in some of the steps only
    share = straddling(4) * LANES / (LANES - 1)
    straddle = aligned + (straddled - aligned) / share
    return Rates(alone / FUSED, aligned / FUSED, straddle / FUSED, broadcast / (FUSED // 2), slower)
