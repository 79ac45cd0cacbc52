"""A study of the machine code on a screen."""

from typing import TYPE_CHECKING

import numpy as np

from parconv.experiments import steadiness
from parconv.experiments.race.table import milliseconds
from parconv.runtime.records import STEADY

from .isa import BROADCAST, SHUFFLE
from .study import LoopStudy, Study
from .theory import TAPS
from .tools import Model

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def show(study: Study, console: "Console", source: bool = False) -> None:
    """Print the study; with ``source`` every instruction of its loops."""

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    say(_heading(study))
    if source:
        for part in study.loops:
            say(_source(part, study.one.flat))
    console.print(_loops(study))
    console.print(_cycles(study))
    for line in _notes(study):
        say(line)
    console.print(_maxima(study))
    console.print(_pages(study))
    say(_walks(study))


def _heading(study: Study) -> str:
    core, facts = study.core, study.machine
    known = "" if core.names else ", a processor this table does not know: usual rates assumed"
    target = "" if facts["target"] == study.host else f", compiled for {facts['target']}"
    return (
        f"{facts['cpu']} ({study.host}{known}{target}), {facts['vector_bits']}-bit vectors, "
        f"{study.rate:.2f} multiply-adds a cycle measured, "
        f"{study.measured.gigahertz.median:.2f} GHz\n"
        f"the loop of a {_by(study.asked)} filter in the {study.dtype} kernel: {study.one}, "
        f"{study.one.passes} passes a tile of {_by(study.one.taps)} taps"
        f"{_forced(study.spread)}"
    )


def _forced(spread: float) -> str:
    busy = spread > STEADY
    return f"\nmeasured on a busy machine, by force: {steadiness.told(spread)}" if busy else ""


def _by(sizes: tuple[int, int]) -> str:
    return "x".join(map(str, sizes))


def _name(part: LoopStudy, flat: bool) -> str:
    return f"{part.size} {'columns' if flat else 'rows'}"


def _source(part: LoopStudy, flat: bool) -> str:
    """Instructions with their class; a star where llvm-mca's critical path goes."""
    forecast = part.forecasts.get("llvm-mca")
    path = set(forecast.path) if forecast else set()
    lines = [
        f"{number:4} {'*' if number in path else ' '} {i.label:<11} {i.text.expandtabs(14)}"
        for number, i in enumerate(part.loop.instructions)
    ]
    return "\n".join([f"loop of {_name(part, flat)} (* on llvm-mca's critical path)", *lines])


def _table(title: str, *headings: str) -> "Table":
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=number == 0)
    return table


def _loops(study: Study) -> "Table":
    table = _table(
        "instructions of one pass through the loop", "loop", "times", "all", "FMA", "loads",
        "folded in FMA", "broadcasts", "shuffles", "stores", "spills", "scalar", "bits",
        "flops/instruction", "FMA share",
    )  # fmt: skip
    itemsize = np.dtype(study.dtype).itemsize
    for part in study.loops:
        loop, counts = part.loop, part.loop.counts
        size = len(loop.instructions)
        numbers = (
            part.times, size, loop.fused, loop.loads, loop.folded, counts[BROADCAST],
            counts[SHUFFLE], loop.stores, len(loop.spills), loop.scalars, loop.bits,
        )  # fmt: skip
        table.add_row(
            _name(part, study.one.flat),
            *map(str, numbers),
            f"{loop.flops(itemsize) / size:.1f}",
            f"{100 * loop.share:.0f} %",
        )
    return table


def _cycles(study: Study) -> "Table":
    measured, passes = study.measured, study.one.passes
    table = _table(
        "cycles", "source", "a pass", "a tile", "IPC", "against measured", "limited by",
        "critical path",
    )  # fmt: skip
    for one in study.predictions:
        table.add_row(
            one.source,
            f"{one.cycles:.1f}",
            f"{passes * one.cycles:.0f}",
            f"{one.ipc:.2f}",
            f"{one.error(measured.cycles.median):+.1f} %",
            one.limit,
            one.critical,
        )
    cycles = measured.cycles
    table.add_row(
        "measured",
        f"{cycles.median:.1f} ({cycles.low:.1f} to {cycles.high:.1f})",
        f"{measured.tile.median:.0f}",
        f"{study.instructions / cycles.median:.2f}",
    )
    return table


def _notes(study: Study) -> list[str]:
    measured, first = study.measured, study.loops[0]
    units = ", ".join(f"{name} {cycles:.1f}" for name, cycles in first.ports.bounds.items())
    lines = [
        f"measured: median and quartiles in the cache ({_by(measured.image)}, one thread), a pass "
        f"from the difference of {_by(study.one.taps)} and {_by(study.one.longer)}; "
        f"{100 * measured.outside:.0f} % of a tile's time is outside the loop.",
        f"port model, cycles in the loop of {_name(first, study.one.flat)}: {units}.",
    ]  # fmt: skip
    for name, model in study.models.items():
        silent = isinstance(model, Model) and any(name not in x.forecasts for x in study.loops)
        lines.append(f"{model}{': cannot read this loop' if silent else ''}.")
    return lines


def _maxima(study: Study) -> "Table":
    names = list(dict.fromkeys(name for row in study.maxima for name in row.bounds))
    table = _table(
        f"theoretical maximum: cycles an image, {_by(TAPS)} filter, one thread", "image", *names,
        "bound", "measured", "ms", "% of bound",
    )  # fmt: skip
    for row in study.maxima:
        bounds = (f"{row.bounds[n]:,.0f}" if n in row.bounds else "in cache" for n in names)
        table.add_row(
            f"{row.side}x{row.side}",
            *bounds,
            row.limit,
            f"{row.cycles:,.0f}",
            milliseconds(row.milliseconds / 1e3),
            f"{row.percent:.0f}",
        )
    return table


def _pages(study: Study) -> "Table":
    core = study.core
    table = _table(
        f"pages of one band, {_by(TAPS)} filter (dTLB: {core.small} and {core.large} entries, "
        f"second level {core.second})",
        "image", "page", "touched", "a tile's", "a strip's", "first-level misses", "walks",
        "walks if packed",
    )  # fmt: skip
    for side, rows in study.pages.items():
        for row in rows:
            numbers = (
                row.touched, row.in_flight, row.strip, row.first_level, row.walks, row.packed_walks,
            )  # fmt: skip
            table.add_row(f"{side}x{side}", row.name, *(f"{n:,}" for n in numbers))
    return table


def _walks(study: Study) -> str:
    if isinstance(study.walks, str):
        return f"{study.walks}."
    side = study.maxima[-1].side
    return f"measured by perf: {study.walks:,.0f} dTLB-load-misses a call of {side}x{side}."
