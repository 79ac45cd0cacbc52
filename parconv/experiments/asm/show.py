"""A study of the machine code on a screen."""

from typing import TYPE_CHECKING

import numpy as np

from parconv.runtime.records import STEADY

from .. import steadiness
from ..screen import by, milliseconds, say, table
from . import ports
from .isa import BROADCAST, SHUFFLE
from .study import LoopStudy, Study
from .theory import TAPS
from .tools import Model

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def show(study: Study, console: "Console", source: bool = False) -> None:
    """Print the study; with ``source`` every instruction of its loops."""
    say(console, [_heading(study)])
    if source:
        say(console, (_source(part, study.one.flat) for part in study.loops))
    console.print(_loops(study), _cycles(study))
    say(console, _notes(study))
    console.print(_maxima(study), _pages(study))
    say(console, [_walks(study)])


def _heading(study: Study) -> str:
    core, facts = study.core, study.machine
    known = "" if core.names else ", a processor this table does not know: usual rates assumed"
    target = "" if facts["target"] == study.host else f", compiled for {facts['target']}"
    return (
        f"{facts['cpu']} ({study.host}{known}{target}), {facts['vector_bits']}-bit vectors, "
        f"{study.rate:.2f} multiply-adds a cycle measured, "
        f"{study.measured.gigahertz.median:.2f} GHz\n"
        f"the loop of a {by(study.one.taps)} filter in the {study.dtype} kernel: {study.one}, "
        f"{study.one.passes} passes a tile{_instead(study)}"
        f"{_forced(study.spread)}"
    )


def _instead(study: Study) -> str:
    """Where the filter that was asked for has another loop."""
    if study.one.taps == study.asked:
        return ""
    asked = by(study.asked)
    return f" (for {asked}, of whose own loop --implementation ours --kernel {asked} tells)"


def _forced(spread: float) -> str:
    busy = spread > STEADY
    return f"\nmeasured on a busy machine, by force: {steadiness.told(spread)}" if busy else ""


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


def _loops(study: Study) -> "Table":
    headings = (
        "loop", "times", "all", "FMA", "loads",
        "folded in FMA", "broadcasts", "shuffles", "stores", "spills", "scalar", "bits",
        "flops/instruction", "FMA share",
    )  # fmt: skip
    result = table(headings, ("loop",), title="instructions of one pass through the loop")
    itemsize = np.dtype(study.dtype).itemsize
    for part in study.loops:
        loop, counts = part.loop, part.loop.counts
        size = len(loop.instructions)
        numbers = (
            part.times, size, loop.fused, loop.loads, loop.folded, counts[BROADCAST],
            counts[SHUFFLE], loop.stores, len(loop.spills), loop.scalars, loop.bits,
        )  # fmt: skip
        result.add_row(
            _name(part, study.one.flat),
            *map(str, numbers),
            f"{loop.flops(itemsize) / size:.1f}",
            f"{100 * loop.share:.0f} %",
        )
    return result


def _cycles(study: Study) -> "Table":
    measured, passes = study.measured, study.one.passes
    words = ("source", "limited by", "critical path")
    headings = ("source", "a pass", "a tile", "IPC", "against measured", *words[1:])
    result = table(headings, words, title="cycles")
    for one in study.predictions:
        result.add_row(
            one.source,
            f"{one.cycles:.1f}",
            f"{passes * one.cycles:.0f}",
            f"{one.ipc:.2f}",
            f"{one.error(measured.cycles.median):+.1f} %",
            one.limit,
            one.critical,
        )
    cycles = measured.cycles
    result.add_row(
        "measured",
        f"{cycles.median:.1f} ({cycles.quartile1:.1f} to {cycles.quartile3:.1f})",
        f"{measured.tile.median:.0f}",
        f"{study.instructions / cycles.median:.2f}",
    )
    return result


def _notes(study: Study) -> list[str]:
    measured, first = study.measured, study.loops[0]
    units = ", ".join(
        f"{name} {cycles:.1f}" for name, cycles in first.forecasts[ports.NAME].units.items()
    )
    lines = [
        f"measured: median and quartiles in the cache ({by(measured.image)}, one thread), a pass "
        f"from the difference of {by(study.one.taps)} and {by(study.one.longer)}; "
        f"{100 * measured.outside:.0f} % of a tile's time is outside the loop.",
        f"port model, cycles in the loop of {_name(first, study.one.flat)}: {units}.",
    ]  # fmt: skip
    for name, model in study.models.items():
        silent = isinstance(model, Model) and any(name not in x.forecasts for x in study.loops)
        lines.append(f"{model}{': cannot read this loop' if silent else ''}.")
    return lines


def _maxima(study: Study) -> "Table":
    names = list(dict.fromkeys(name for row in study.maxima for name in row.bounds))
    headings = ("image", *names, "bound", "measured", "ms", "% of bound")
    title = f"theoretical maximum: cycles an image, {by(TAPS)} filter, one thread"
    result = table(headings, ("image",), title=title)
    for row in study.maxima:
        bounds = (f"{row.bounds[n]:,.0f}" if n in row.bounds else "in cache" for n in names)
        result.add_row(
            f"{row.side}x{row.side}",
            *bounds,
            row.limit,
            f"{row.cycles:,.0f}",
            milliseconds(row.milliseconds / 1e3),
            f"{row.percent:.0f}",
        )
    return result


def _pages(study: Study) -> "Table":
    core = study.core
    title = (
        f"pages of one band, {by(TAPS)} filter (dTLB: {core.small} and {core.large} entries, "
        f"second level {core.second})"
    )
    headings = (
        "image", "page", "touched", "a tile's", "a strip's", "first-level misses", "walks",
        "walks if packed",
    )  # fmt: skip
    result = table(headings, ("image",), title=title)
    for side, rows in study.pages.items():
        for row in rows:
            page, *numbers = row.values()
            result.add_row(by((side, side)), page, *(f"{number:,}" for number in numbers))
    return result


def _walks(study: Study) -> str:
    if isinstance(study.walks, str):
        return f"{study.walks}."
    side = study.maxima[-1].side
    return f"measured by perf: {study.walks:,.0f} dTLB-load-misses a call of {side}x{side}."
