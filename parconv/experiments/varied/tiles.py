"""Experiments inside a core: shapes of tiles, unrolling, chains of multiply-adds."""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from parconv.codegen import jit, machine
from parconv.codegen.emitted import Items, Value, emitted
from parconv.codegen.simd import Code

from ..asm import clock, mca, ports
from ..asm.cpus import host_core
from ..asm.listing import Loop, hottest, innermost_loops
from ..asm.tools import newest
from ..screen import by
from ..timing import Timing
from . import kernel
from .experiment import Experiment, Row, Setting, best, compared, fastest_against_first
from .kernel import LANES, Knobs

TAPS = (5, 5)
SHAPES = ((6, 3), (1, 1), (2, 2), (4, 2), (6, 2), (8, 2), (12, 2), (4, 4), (2, 6), (3, 6))
PIXELS = (250, 300)  # in the second-level cache
LONG = (5, 12)  # taps whose columns go by 1, 2, 3, 4, 6 or 12
UNROLLED = (1, 2, 3, 4, 6, 12)


def hot(function: Any) -> Loop:
    """The hot loop of a compiled function."""
    (code,) = function.inspect_asm().values()
    return hottest([loop for loop in innermost_loops(code) if loop.fused])


def _setting(name: str, knobs: Knobs, taps: tuple[int, int]) -> Setting:
    fill, (f, w, out) = kernel.compiled(knobs, taps), kernel.arrays(knobs, PIXELS, taps)
    loop = hot(fill)
    told = {"registers": knobs.registers, "spills": len(loop.spills),
            "instructions": len(loop.instructions), "products": out.size * w.size}  # fmt: skip
    return Setting(name, partial(fill, f, w, out), told, PIXELS[0] * PIXELS[1] / out.size)


def _rates(setting: Setting, timing: Timing) -> dict[str, float]:
    """What is known of the loop, and multiply-adds of numbers in a cycle."""
    cycles = timing.median / setting.times * 1e9 * clock.best(3)
    told = dict(setting.told)
    return {**told, "products": round(told["products"] / cycles, 1)}


def _tile_settings() -> list[Setting]:
    return [_setting(f"{by(shape)} vectors", Knobs(*shape), TAPS) for shape in SHAPES]


def _unroll_settings() -> list[Setting]:
    return [_setting(f"{columns} at a time", Knobs(unroll=columns), LONG) for columns in UNROLLED]


def _conclude_tiles(rows: Sequence[Row]) -> str:
    single = next(row for row in rows if row.name.startswith("1x1"))
    found = best(rows)
    spilling = [row.name for row in rows if row.told["spills"]]
    told = f"those that spill: {', '.join(spilling)}" if spilling else "none spills"
    return f"{compared(single, found)}; {told}."


TILES = Experiment(
    "rows x vectors of a tile", "5x5 in the second-level cache by the study's kernel",
    "one vector at a time against the best tile, and which tiles spill",
    _tile_settings, _conclude_tiles, _rates,
)  # fmt: skip
UNROLL = Experiment(
    "columns of the filter that follow one another in code", "5x12 in the second-level cache",
    "the best against a loop of single columns", _unroll_settings, fastest_against_first, _rates,
)  # fmt: skip

# --- chains --------------------------------------------------------------------------------------

CHAINS = (1, 2, 4, 8)
COLUMNS = 25  # taps of a kernel call, shared out among the chains
CALLS = 512


@cache
def chained(chains: int) -> Any:
    """``call(pixels, weights, out, calls)``: taps of four instructions, as the study's naive code.

    Each tap loads a vector of pixels and a weight, adds their product to the sum of its chain, and
    stores that.  The first sum of a call is the last one of the call before.
    """

    @emitted()
    def body(builder: Any, pixels: Items, weights: Items, out: Items, calls: Value) -> None:
        code = Code(builder, ir.FloatType())
        source, factors, target = pixels.at(), weights.at(), out.at()

        def call(_: Value, *sums: Value) -> list[Value]:
            found = list(sums)
            for tap in range(COLUMNS):
                vector = code.load(code.at(source, tap))
                weight = code.splat(code.read(factors, tap))
                found[tap % chains] = code.fma(vector, weight, found[tap % chains])
                code.store(found[tap % chains], code.at(target, tap * LANES))
            return found

        sums = code.loop(calls, [code.zero] * chains, call, rolled=True)
        for number, value in enumerate(sums):
            code.store(value, code.at(target, (COLUMNS + number) * LANES))

    @jit.jit(called=True)
    def run(pixels: Any, weights: Any, out: Any, calls: int) -> None:
        body(pixels, weights, out, calls)

    return run


def _chain_settings() -> list[Setting]:
    pixels, weights = np.ones(COLUMNS + LANES, np.float32), np.zeros(COLUMNS, np.float32)
    out = np.zeros((COLUMNS + max(CHAINS)) * LANES, np.float32)
    found = []
    for chains in CHAINS:
        call = chained(chains)
        call(pixels, weights, out, 1)
        loop, run = hot(call), partial(call, pixels, weights, out, CALLS)
        found.append(Setting(f"{chains} chain{'s' * (chains > 1)}", run, _predicted(loop)))
    return found


def _predicted(loop: Loop) -> dict[str, float]:
    """Instructions of a call, and instructions a cycle by each model."""
    size = len(loop.instructions)
    own = ports.forecast(loop, host_core(), 4, machine.ISA.choose({32: 2, 16: 2}))
    told = {"instructions": float(size), "IPC, ports": own.ipc}
    tool = newest(mca.TOOL.program)
    for name in (llvm.get_host_cpu_name(), *mca.STAND_INS[loop.dialect.name]) if tool else ():
        if tool and mca.rate(tool, name, loop) == 2 and (found := mca.forecast(tool, name, loop)):
            return {**told, "IPC, llvm-mca": found.ipc}
    return told


def _ipc(setting: Setting, timing: Timing) -> dict[str, float]:
    cycles = timing.median * 1e9 * clock.best(3) / CALLS
    return {**setting.told, "measured": setting.told["instructions"] / cycles}


def _conclude_chains(rows: Sequence[Row]) -> str:
    rates = ", ".join(f"{row.name} {row.told['measured']:.2f}" for row in rows)
    first, second = (row.told["measured"] for row in rows[:2])
    study = ", ".join(f"{name} {ipc:.2f}" for name, ipc in STUDY_IPC.items())
    return (
        f"Instructions a cycle: {rates}; a second chain makes {second / first:.2f} times as many. "
        f"The study's: {study}."
    )


def study_ipc(
    chains: int, latency: int = 5, instructions: int = 100, taps: int = 25, beside: int = 0
) -> float:
    """Instructions a cycle of a kernel call whose taps wait for one another, as the study has it.

    25 taps of four instructions (a pixel and a weight loaded, their product added, the sum stored)
    are shared out among the chains; ``beside`` are the cycles before the first and after the last.

    Examples
    --------
    >>> round(study_ipc(1, beside=10), 2), round(study_ipc(2, beside=3), 2)
    (0.74, 1.47)
    """
    return instructions / (-(-taps // chains) * latency + beside)


# The study's processor: multiply-adds of 5 cycles, and 6 where all three operands are registers.
# Its text is not part of this project: the cycles beside the chains (loading the first pixel and
# storing the sum, or adding two sums) are those with which its four figures come out.
STUDY_IPC = {
    "1 chain": study_ipc(1, beside=10),
    "2 chains": study_ipc(2, beside=3),
    "2, three registers read": study_ipc(2, latency=6),
    "4": study_ipc(4, latency=6),
}
CHAINED = Experiment(
    "chains of multiply-adds that wait for one another", f"{COLUMNS} taps of four instructions",
    "instructions a cycle, predicted and measured, beside the study's", _chain_settings,
    _conclude_chains, _ipc,
)  # fmt: skip
