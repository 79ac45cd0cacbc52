"""Predicted cycles against measured ones: the direct tile, the layer tile, the box kernel's slide.

Each loop is timed by two calls that differ in its passes alone.  One table.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import llvmlite.binding as llvm
import numpy as np

from parconv import plan2d
from parconv.codegen import jit, machine
from parconv.methods import layer
from parconv.methods.box.slide import BOTH, slide
from parconv.methods.layer.tile import ROWS, VECTORS
from parconv.runtime.outputs import on_page

from .. import steadiness
from ..screen import Announce, say, silent, table
from ..timing import Timing
from . import clock, hot, kernels, measure, ports, rates, study
from .cpus import host_core
from .isa import FMA
from .listing import Loop
from .ports import straddling
from .rates import Rates
from .tools import Forecast, Model

if TYPE_CHECKING:
    from rich.console import Console

Run = Callable[[], object]
ROUNDS, BEST_OF, SECONDS = 25, 4, 5e-4
RATES = "measured rates"
WITHIN = 10  # per cent: what a prediction should keep to


@dataclass(frozen=True)
class Pair:
    """Two calls that differ in a loop's passes, and by how many."""

    short: Run
    long: Run
    passes: int

    def cycles(self) -> Timing:
        """Of a pass."""
        calls = [_calls(run) for run in (self.short, self.long)]
        return Timing.of([self._round(*calls) for _ in range(ROUNDS)], calls[0])

    def _round(self, few: int, many: int) -> float:
        def pair() -> tuple[float, float]:
            return _least(self.short, few), _least(self.long, many)

        (short, long), gigahertz = clock.around(BEST_OF, pair)
        return (long - short) * 1e9 * gigahertz / self.passes


def _least(run: Run, calls: int) -> float:
    return min(clock.seconds(run, calls) for _ in range(BEST_OF))


def _calls(run: Run) -> int:
    run()
    return max(1, round(SECONDS / max(_least(run, 1), 1e-7)))


@dataclass(frozen=True)
class Checked:
    """One loop: cycles of a pass by each source, and measured."""

    name: str
    instructions: int
    forecasts: Mapping[str, Forecast]
    measured: Timing

    def error(self, source: str) -> float | None:
        """In per cent of the measured cycles."""
        found = self.forecasts.get(source)
        return None if found is None else 100 * (found.cycles / self.measured.median - 1)


@dataclass(frozen=True)
class Check:
    """All loops, for what they were compiled, and how steady the machine was."""

    isa: str
    rates: Rates
    rows: tuple[Checked, ...]
    spread: float

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dump``."""
        return dataclasses.asdict(self)


# --- the loops -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Subject:
    """A loop, the share of its vectors that straddle lines of the cache, and what times a pass."""

    loop: Loop
    share: float
    cycles: Callable[[], Timing]


def _direct() -> Subject:
    """Taps shift its pixels by single floats."""
    one = kernels.pass_of(*kernels.BIGGEST)
    loop = kernels.loop_of(kernels.listing("float32"), max(one.groups), one.flat)
    return Subject(loop, straddling(4), lambda: measure.measure("float32", one).cycles)


CHANNELS, OUTPUTS = 32, 4 * ROWS  # image and weights fit the first-level cache


def _layer() -> Subject:
    """1x1 taps, whose pixels are read as they lie, from lines on, of twice as many channels."""
    from . import shares

    width = VECTORS * machine.lanes(4)
    short, long = (_layer_call(channels, width) for channels in (CHANNELS, 2 * CHANNELS))
    loop = hot.HOT["layer"].find(shares.listing(layer, hot.FLOATS))
    return Subject(loop, 0.0, Pair(short, long, CHANNELS * OUTPUTS // ROWS).cycles)


def _layer_call(channels: int, width: int) -> Run:
    random = np.random.default_rng(0)
    f = on_page(4 * channels * width).view(np.float32).reshape(1, channels, 1, width)
    f[...] = random.random(f.shape, np.float32)
    plan = plan2d(f, random.random((OUTPUTS, channels, 1, 1), np.float32), threads=1,
                  strategy="serial", method="direct")  # fmt: skip
    return plan.bind(f, plan(f))


@jit.jit(called=True)
def _slides(f: Any, scratch: Any, after: int, count: int, calls: int) -> None:
    for _ in range(calls):
        slide(f, 0, f.shape[1], scratch, 0, after, count, BOTH)


COLUMNS, SLIDES = 1536, 64  # in the first-level cache; rows in a call


def _box() -> Subject:
    """Bytes that enter and leave sums of 32 bits, of twice as many columns."""
    f = on_page(4 * COLUMNS).reshape(2, 2 * COLUMNS)
    scratch = on_page(4 * 4 * COLUMNS).view(np.int32)
    f[...], scratch[...] = 1, 0
    call = partial(_slides, f, scratch, 2 * COLUMNS)
    call(COLUMNS, 1)
    (code,) = _slides.inspect_asm().values()
    loop = hot.within(rf"parconv\.box\.slide\.{BOTH}\..*")(str(code))
    columns = loop.stores * loop.widest // 32
    pair = Pair(partial(call, COLUMNS, SLIDES), partial(call, 2 * COLUMNS, SLIDES),
                SLIDES * COLUMNS // columns)  # fmt: skip
    return Subject(loop, 0.0, pair.cycles)


LOOPS: Mapping[str, Callable[[], Subject]] = {
    "direct tile, 7x7 float32": _direct,
    "layer tile, float32": _layer,
    "box of bytes, slide": _box,
}


def check(force: bool = False, announce: Announce = silent) -> Check:
    """Predict and measure all of them; UnsteadyError where the machine is too busy to measure."""
    announce("compiling", 0, len(LOOPS) + 1)
    found = {name: make() for name, make in LOOPS.items()}
    rate, _ = study.rates("float32")
    own = rates.measure(host_core())
    fused = next(one.loop for one in found.values() if one.loop.counts[FMA])
    models = study.models(llvm.get_host_cpu_name(), fused, rate)
    rows, worst = list[Checked](), 0.0
    for done, (name, one) in enumerate(found.items(), 1):
        announce(name, done, len(LOOPS) + 1)
        scalar, spread = steadiness.steadily(one.cycles, 1, force)
        worst = max(worst, spread)
        measured = _scaled(scalar, own.slower if one.loop.counts[FMA] else 1.0)
        forecasts = {**_forecasts(one.loop, rate, models), RATES: _by_rates(one, own)}
        rows.append(Checked(name, len(one.loop.instructions), forecasts, measured))
    return Check(machine.ISA.name, own, tuple(rows), worst)


def _scaled(found: Timing, factor: float) -> Timing:
    """In cycles of the clock that wide multiply-adds have."""
    return dataclasses.replace(found, median=factor * found.median,
                               quartile1=factor * found.quartile1,
                               quartile3=factor * found.quartile3)  # fmt: skip


def _by_rates(one: Subject, own: Rates) -> Forecast:
    cycles = own.cycles(one.loop, one.share, host_core())
    ipc = len(one.loop.instructions) / cycles
    return Forecast(cycles, ipc, "arithmetic and loads", "none named")


def _forecasts(loop: Loop, rate: float, models: Mapping[str, Model | str]) -> dict[str, Forecast]:
    own = ports.forecast(loop, host_core(), 4, study.whole(rate))
    return {ports.NAME: own, **study.forecasts(models, loop)}


def show(found: Check, console: "Console") -> None:
    """Print the table, and which predictions keep to the bound."""
    words = ("loop", "limited by")
    sources = list(dict.fromkeys(name for row in found.rows for name in row.forecasts))
    each = [heading for name in sources for heading in (name, "error %")]
    result = table(("loop", "instructions", "measured", *each, "limited by"), words,
                   title=f"cycles of a pass, {found.isa}, predicted and measured")  # fmt: skip
    for row in found.rows:
        cells = [cell for name in sources for cell in _cells(row, name)]
        measured = f"{row.measured.median:.2f}"
        limit = row.forecasts[ports.NAME].limit
        result.add_row(row.name, str(row.instructions), measured, *cells, limit)
    console.print(result)
    say(console, [_rates(found.rates), *map(_sentence, found.rows)])


def _rates(own: Rates) -> str:
    return (
        f"measured here: {1 / own.fused:.2f} multiply-adds a cycle; loads beside them take "
        f"{own.aligned:.2f} cycles, {own.straddling:.2f} across lines, broadcasts "
        f"{own.broadcast:.2f}; the clock is {own.slower:.2f} of that of scalar code."
    )


def _cells(row: Checked, source: str) -> tuple[str, str]:
    error = row.error(source)
    return ("none", "") if error is None else (
        f"{row.forecasts[source].cycles:.2f}", f"{error:+.1f}")  # fmt: skip


def _sentence(row: Checked) -> str:
    error = row.error(RATES) or 0.0
    told = "within" if abs(error) <= WITHIN else "outside"
    noise = 50 * (row.measured.quartile3 - row.measured.quartile1) / row.measured.median
    return (f"{row.name}: the prediction by {RATES} is {told} {WITHIN} % of the measured cycles "
            f"({error:+.1f} %, noise {noise:.1f} %).")  # fmt: skip
