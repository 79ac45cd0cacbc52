"""Everything ``parconv asm`` finds out: the loops of a filter, forecasts, measurements, models.

Shows nothing; `show` prints it.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from parconv.codegen import machine
from parconv.experiments import ceilings, steadiness
from parconv.methods.direct import packing
from parconv.methods.direct.tile import ROWS, VECTORS
from parconv.runtime import records

from ..screen import Announce, silent
from . import clock, counter, kernels, mca, measure, osaca, pages, ports, theory
from .cpus import Core, host_core
from .kernels import Pass
from .listing import Loop, hottest
from .measure import Measured
from .tools import Forecast, Model, Tool

TOOLS: Mapping[str, Tool] = {"llvm-mca": mca.TOOL, "OSACA": osaca.TOOL}


@dataclass(frozen=True)
class Prediction:
    """Cycles of one pass through all its loops, from one source."""

    source: str
    cycles: float
    instructions: int
    limit: str
    critical: str

    @property
    def ipc(self) -> float:
        return self.instructions / self.cycles

    def error(self, measured: float) -> float:
        """In per cent of the measured cycles."""
        return 100 * (self.cycles / measured - 1)


@dataclass(frozen=True)
class LoopStudy:
    """One loop: ``size`` filter rows of a group, or columns of a step; what each source says."""

    size: int
    times: int  # in one pass
    loop: Loop
    forecasts: Mapping[str, Forecast]


@dataclass(frozen=True)
class Study:
    """The whole page."""

    machine: Mapping[str, str]
    host: str  # LLVM's name of the processor, whatever the kernel is compiled for
    dtype: str
    asked: tuple[int, int]
    one: Pass
    core: Core
    rate: float  # measured multiply-adds per cycle
    fma: float  # the same, as the models take it
    loops: tuple[LoopStudy, ...]
    models: Mapping[str, Model | str]
    measured: Measured
    maxima: tuple[theory.Maximum, ...]
    pages: Mapping[int, list[dict[str, Any]]]
    walks: float | str
    spread: float  # of the machine, while it was measured

    @property
    def instructions(self) -> int:
        """How many instructions one pass takes."""
        return sum(part.times * len(part.loop.instructions) for part in self.loops)

    @property
    def predictions(self) -> list[Prediction]:
        """Port model first, then every tool that has a model."""
        sources = [set(part.forecasts) for part in self.loops]
        names = (ports.NAME, *TOOLS)
        return [self._predicted(name) for name in names if all(name in found for found in sources)]

    def _predicted(self, name: str) -> Prediction:
        cycles = sum(part.times * part.forecasts[name].cycles for part in self.loops)
        longest = max(self.loops, key=lambda part: part.forecasts[name].cycles).forecasts[name]
        return Prediction(name, cycles, self.instructions, longest.limit, longest.critical)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dump``."""
        models = {
            name: model if isinstance(model, str) else dataclasses.asdict(model)
            for name, model in self.models.items()
        }
        measured = {**dataclasses.asdict(self.measured), "outside_share": self.measured.outside}
        cycles = self.measured.cycles.median
        return {
            "machine": dict(self.machine),
            "host": self.host,
            "dtype": self.dtype,
            "kernel": self.asked,
            "pass": {**dataclasses.asdict(self.one), "passes_per_tile": self.one.passes},
            "core": dataclasses.asdict(self.core),
            "multiply_adds_per_cycle": {"measured": self.rate, "taken": self.fma},
            "loops": [_loop_json(part, np.dtype(self.dtype).itemsize) for part in self.loops],
            "models": models,
            "predictions": [
                {**dataclasses.asdict(p), "ipc": p.ipc, "error_percent": p.error(cycles)}
                for p in self.predictions
            ],
            "measured": measured,
            "maxima": [
                {**dataclasses.asdict(m), "bound": m.bound, "limit": m.limit, "percent": m.percent}
                for m in self.maxima
            ],
            "pages": {str(side): rows for side, rows in self.pages.items()},
            "spread": self.spread,
            "dtlb_load_misses": self.walks if isinstance(self.walks, float) else None,
            "dtlb_note": self.walks if isinstance(self.walks, str) else None,
        }


def _loop_json(part: LoopStudy, itemsize: int) -> dict[str, Any]:
    told = loop_json(part.loop, itemsize, part.forecasts)
    return {"size": part.size, "times": part.times, **told}


def loop_json(loop: Loop, itemsize: int, forecasts: Mapping[str, Forecast]) -> dict[str, Any]:
    """What a loop is made of and what is predicted of it."""
    return {
        "instructions": len(loop.instructions),
        "classes": dict(loop.counts),
        "multiply_adds": loop.fused,
        "vector_loads": loop.loads,
        "folded_loads": loop.folded,
        "stores": loop.stores,
        "spills": len(loop.spills),
        "scalar_spills": len(loop.scalar_spills),
        "scalar": loop.scalars,
        "vector_bits": loop.bits,
        "flops_per_instruction": loop.flops(itemsize) / len(loop.instructions),
        "multiply_add_share": loop.share,
        "forecasts": {name: dataclasses.asdict(f) for name, f in forecasts.items()},
        "source": [{"text": i.text, "class": i.label} for i in loop.instructions],
    }


def study(
    dtype: str = "float32",
    taps: tuple[int, int] = kernels.BIGGEST,
    processor: str | None = None,
    force: bool = False,
    announce: Announce = silent,
) -> Study:
    """Take the kernel for ``dtype`` apart and measure it.

    Parameters
    ----------
    dtype : str
        Element type of image and filter.
    taps : (int, int)
        The filter whose loop is looked at; by default one that runs the biggest.
    processor : str, optional
        Whose model llvm-mca uses; by default one that fits this machine.
    force : bool
        Go on where the machine is too busy to measure, which raises UnsteadyError otherwise.
    announce : callable
        Told the name of each step before it runs, the steps done, and their number.

    Examples
    --------
    >>> study("float32", (7, 7)).predictions[0].cycles  # doctest: +SKIP
    """
    kind = kernels.kernel_dtype_of(dtype)
    itemsize, one = np.dtype(kind).itemsize, kernels.pass_of(*taps)
    announce("compiling the kernel", 0, 4)
    code, host = kernels.listing(kind), llvm.get_host_cpu_name()
    core = host_core()
    (rate, per_cycle), before = steadiness.steadily(partial(rates, kind), 1, force)
    fma = whole(rate)
    announce("predicting", 1, 4)
    found = {size: kernels.loop_of(code, size, one.flat) for size in dict.fromkeys(one.groups)}
    tried = models(host, hottest(list(found.values())), rate, processor)
    loops = tuple(
        LoopStudy(
            size, one.groups.count(size), loop,
            {ports.NAME: ports.forecast(loop, core, itemsize, fma), **forecasts(tried, loop)},
        )
        for size, loop in found.items()
    )  # fmt: skip
    announce("measuring the loop", 2, 4)
    measured, after = steadiness.steadily(partial(measure.measure, kind, one), 1, force)
    announce("measuring the images of the studies", 3, 4)
    maxima = tuple(theory.table(kind, core, fma, per_cycle))
    walks = counter.walks(theory.SIDES[-1], theory.TAPS, kind)
    return Study(
        records.fingerprint(), host, kind, taps, one, core, rate, fma, loops, tried, measured,
        maxima, page_forecasts(itemsize, core), walks, max(before, after),
    )  # fmt: skip


def whole(rate: float) -> float:
    """Multiply-adds a cycle as the models take it: by halves."""
    return max(0.5, round(2 * rate) / 2)


def models(
    host: str, loop: Loop, rate: float, processor: str | None = None
) -> dict[str, Model | str]:
    """Each tool's model of a processor that does so many multiply-adds a cycle, or why none."""
    return {
        name: tool.model(host, loop, rate, asked)
        for (name, tool), asked in zip(TOOLS.items(), (processor, None), strict=True)
    }


def forecasts(models: Mapping[str, Model | str], loop: Loop) -> dict[str, Forecast]:
    """What every tool with a model says of a loop."""
    found = {
        name: TOOLS[name].forecast(model.tool, model.processor, loop)
        for name, model in models.items()
        if isinstance(model, Model)
    }
    return {name: forecast for name, forecast in found.items() if forecast is not None}


def rates(dtype: str) -> tuple[float, float]:
    """(vector multiply-adds, bytes to and from memory) in a cycle of one core."""
    found, hertz = clock.around(9, partial(ceilings.measure, 1))
    lanes = machine.lanes(np.dtype(dtype).itemsize)
    return found.gflops(dtype) / (2 * lanes * hertz), found.gbytes / hertz


def page_forecasts(itemsize: int, core: Core) -> dict[int, list[dict[str, Any]]]:
    """The page model for the images of the studies, computed as one band."""
    first = {"4 KiB": core.small, "2 MiB": core.large}
    found = {}
    for side in theory.SIDES:
        height, width = (side - n + 1 for n in theory.TAPS)
        sweep = pages.Sweep(
            height, width * itemsize, ROWS, theory.TAPS[0], VECTORS * machine.VECTOR_BYTES,
            side * itemsize, width * itemsize,
        )  # fmt: skip
        found[side] = pages.forecast(
            sweep, first, core.second, packing.BLOCK_ROWS, packing.PANEL_BYTES
        )
    return found
