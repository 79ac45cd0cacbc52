"""Implementations side by side: what their hot loops are made of, and how fast they can go."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import llvmlite.binding as llvm
import numpy as np

from parconv import images

from .. import steadiness
from ..screen import Announce, by, counted, say, silent, table
from . import clock, dataflow, graph as flow, implementations, ports, renaming, study, timeline
from .cpus import Core, host_core
from .dataflow import Path
from .implementations import Listed
from .isa import BROADCAST, SHUFFLE
from .mca import Timed
from .tools import Forecast, Model

if TYPE_CHECKING:
    from rich.console import Console

ROUNDS = 15
SAMPLE_SECONDS = 2e-3
WARM = 8  # calls before


@dataclass(frozen=True)
class Read:
    """One implementation's loop, what is predicted, and multiply-adds a cycle of a whole call."""

    listed: Listed
    models: Mapping[str, Model | str]
    forecasts: Mapping[str, Forecast]
    path: Path
    measured: float

    @property
    def critical(self) -> tuple[int, ...]:
        """The critical path: llvm-mca's where it names one, else that of the registers."""
        simulated = self.forecasts.get("llvm-mca")
        return (simulated and simulated.path) or self.path.numbers

    @property
    def times(self) -> tuple[Timed, ...] | str:
        """Each instruction by llvm-mca; a line that says why not."""
        return timeline.found(self.models["llvm-mca"], self.listed.loop)

    @property
    def lanes(self) -> int:
        """Numbers in a vector of its multiply-adds."""
        return max(1, self.listed.loop.bits // 8 // np.dtype(self.listed.asked.sums).itemsize)

    @property
    def products(self) -> int:
        """Multiply-adds of numbers in a pass."""
        return self.lanes * self.listed.loop.fused

    @property
    def cycles(self) -> float | None:
        """Measured cycles of a pass, all that surrounds the passes shared out among them.

        None where other loops, or sums of sums, make part of the definition's products.
        """
        return self.products / self.measured if self.listed.whole and self.products else None


@dataclass(frozen=True)
class Comparison:
    """All of them, on the core they were measured on."""

    core: Core
    rows: tuple[Read, ...]
    spread: float

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dump``."""
        return {"core": dataclasses.asdict(self.core), "spread": self.spread,
                "implementations": {row.listed.name: _json(row) for row in self.rows}}  # fmt: skip


def _json(row: Read) -> dict[str, Any]:
    asked, itemsize = row.listed.asked, np.dtype(row.listed.asked.sums).itemsize
    return {
        "shape": asked.shape, "taps": asked.taps, "dtype": asked.image, "sums": asked.sums,
        **study.loop_json(row.listed.loop, itemsize, row.forecasts),
        "path": dataclasses.asdict(row.path),
        "critical": row.critical,
        "times": timeline.to_json(row.times),
        "renaming": renaming.to_json(row.models["llvm-mca"], row.listed.loop),
        "multiply_adds_per_cycle": row.measured, "cycles": row.cycles,
    }  # fmt: skip


def compare(
    names: Sequence[str],
    shape: tuple[int, ...] = implementations.PIXELS,
    taps: tuple[int, int] = (5, 5),
    dtype: str = "float32",
    force: bool = False,
    announce: Announce = silent,
) -> Comparison:
    """Compile each of them, predict its loop and time calls that stay in the caches.

    Parameters
    ----------
    names : sequence of str
        Of `implementations.IMPLEMENTATIONS`, or ``module:function``.
    shape, taps : tuple of int
        Of image and filter.
    dtype : str
        Of image and filter; the first study's two take its bytes and 3x3.
    force : bool
        Go on where the machine is too busy to measure, which raises UnsteadyError otherwise.
    announce : callable
        Told the name of each step before it runs, the steps done, and their number.
    """
    found: list[Listed] = []
    for done, name in enumerate(names):
        announce(name, done, len(names) + 1)
        found.append(implementations.listed(name, shape, taps, dtype))
    return read(found, force, announce)


def read(found: Sequence[Listed], force: bool = False, announce: Announce = silent) -> Comparison:
    """The same of what was compiled before."""
    announce("measuring", len(found), len(found) + 1)
    core = host_core()
    timed, spread = steadiness.steadily(partial(_timed, found), 1, force)
    rate, _ = study.rates("float32")
    rows = (_read(*pair, core, rate) for pair in zip(found, timed, strict=True))
    return Comparison(core, tuple(rows), spread)


def _timed(found: Sequence[Listed]) -> list[float]:
    """Multiply-adds of numbers in a cycle, by the least time of each, in turns."""
    calls = [_calls(one) for one in found]
    cycles = [float("inf")] * len(found)
    for _ in range(ROUNDS):
        for place, one in enumerate(found):
            took, gigahertz = clock.around(2, partial(clock.seconds, one.run, calls[place]))
            cycles[place] = min(cycles[place], 1e9 * took * gigahertz)
    return [one.multiply_adds / least for one, least in zip(found, cycles, strict=True)]


def _calls(one: Listed) -> int:
    least = min(clock.seconds(one.run, 1) for _ in range(WARM))
    return max(1, round(SAMPLE_SECONDS / max(least, 1e-7)))


def _read(one: Listed, speed: float, core: Core, rate: float) -> Read:
    itemsize = np.dtype(one.asked.sums).itemsize
    tried = study.models(llvm.get_host_cpu_name(), one.loop, rate)
    forecasts = {ports.NAME: ports.forecast(one.loop, core, itemsize, study.whole(rate)),
                 **study.forecasts(tried, one.loop)}  # fmt: skip
    return Read(one, tried, forecasts, dataflow.path(one.loop, core), speed)


def show(found: Comparison, console: "Console", source: bool = False, timed: bool = False) -> None:
    """Print the comparison; ``source``: every instruction; ``timed``: its latency, ports, times."""
    for row in found.rows:
        if source:
            say(console, [_source(row)])
        if timed:
            told = timeline.told(row.models["llvm-mca"], row.listed.loop)
            say(console, [f"{row.listed.name}: {told[0]}", *told[1:]])
    names = [row.listed.name for row in found.rows]
    result = table(("hot loop", *names), ("hot loop",), title="one pass through each hot loop")
    for name, cells in _lines(found).items():
        result.add_row(name, *cells)
    console.print(result)
    say(console, _remarks(found))


def _source(row: Read) -> str:
    critical = set(row.critical)
    lines = [f"{n:4} {'*' if n in critical else ' '} {i.label:<12} {i.text.expandtabs(14)}"
             for n, i in enumerate(row.listed.loop.instructions)]  # fmt: skip
    return "\n".join([f"{row.listed.name} (* on the critical path)", *lines])


def _lines(found: Comparison) -> dict[str, list[str]]:
    every = [(row, row.listed.loop) for row in found.rows]
    told: dict[str, list[Any]] = {
        "filter": [by(row.listed.asked.taps) for row, _ in every],
        "image": [row.listed.asked.image for row, _ in every],
        "instructions": [len(loop.instructions) for _, loop in every],
        "multiply-adds": [loop.fused for _, loop in every],
        "bits of each": [loop.bits for _, loop in every],
        "vector loads": [loop.loads for _, loop in every],
        "broadcasts": [loop.counts[BROADCAST] for _, loop in every],
        "shuffles": [loop.counts[SHUFFLE] for _, loop in every],
        "stores": [loop.stores for _, loop in every],
        "spilled vectors": [len(loop.spills) for _, loop in every],
        "spilled scalars": [len(loop.scalar_spills) for _, loop in every],
        "scalar": [loop.scalars for _, loop in every],
        "longest path, cycles": [row.path.one_pass for row, _ in every],
        "carried, cycles": [f"{row.path.carried:.0f}" for row, _ in every],
    }
    lines = {name: [str(value) for value in values] for name, values in told.items()}
    for name in dict.fromkeys(n for row in found.rows for n in row.forecasts):
        lines[f"{name}, cycles"] = [_cycles(row.forecasts.get(name)) for row in found.rows]
    lines["measured, cycles"] = [_number(row.cycles) for row in found.rows]
    lines["products a cycle"] = [f"{row.measured:.2f}" for row in found.rows]
    return lines


def _cycles(one: Forecast | None) -> str:
    return _number(one.cycles if one else None)


def _number(found: float | None) -> str:
    return "none" if found is None else f"{found:.1f}"


def _remarks(found: Comparison) -> list[str]:
    """Where the work goes, and who is how much faster."""
    fastest = max(found.rows, key=lambda row: row.measured)
    told = [
        f"{row.listed.name}: {counted(row.listed.loop.stores, 'store')}, "
        f"{counted(len(row.listed.loop.spills), 'vector')} and "
        f"{counted(len(row.listed.loop.scalar_spills), 'scalar')} moved to the stack or back, for "
        f"{row.listed.loop.fused} multiply-adds; limited by {row.forecasts[ports.NAME].limit}."
        for row in found.rows
    ]
    return [*told, *(
        f"{fastest.listed.name} makes {fastest.measured / row.measured:.1f} times the products a "
        f"cycle of {row.listed.name}."
        for row in found.rows if row is not fastest
    )]  # fmt: skip


def pictures(found: Comparison, graph: FilePath | None, blocks: FilePath | None) -> list[str]:
    """Draw the first loop's data flow and its function's jumps; where they are."""
    row, told = found.rows[0], list[str]()
    title = f"{row.listed.name}, {by(row.listed.asked.taps)} {row.listed.asked.image}"
    if graph is not None:
        dot = flow.data_flow(row.listed.loop, row.critical, title)
        with images.replacing(graph) as file:
            by_whom = flow.draw(dot, graph, file, row.listed.loop, row.critical)
        told.append(f"what waits for what: {graph} ({by_whom}; bold: the critical path)")
    if blocks is not None:
        with images.replacing(blocks) as file:
            file.write(flow.control_flow(row.listed.code, row.listed.loop, title).encode())
        told.append(f"where its function jumps: {blocks} (graphviz text; bold: the loop)")
    return told
