"""The tables and lines of what was counted, for the terminal.  Counts nothing."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..screen import say, table as new_table
from . import simulate, usage
from .events import AT, EVENTS, at
from .lines import lines
from .report import RUNGS, TIME, Report, Result, Spread, derived, medians

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_SECONDS = {TIME, "task-clock", "user time", "kernel time", usage.WAIT}


def show(report: Report, console: "Console") -> None:
    """Print the tables, then which counters they hold and which they lack."""
    say(console, [report.title])
    console.print(_measured(report))
    if any(result.slots for result in report.results):
        console.print(_slots(report))
    if report.simulation:
        console.print(_simulated(report))
    for result in report.results:
        say(console, _as_perf(result))
    told = (f"counters: {RUNGS[report.rung]}", *_lacking(report.missing), *report.notes)
    say(console, (line for text in told for line in _wrapped(text, console.width)))


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)


def _lacking(missing: Mapping[str, str]) -> list[str]:
    """One line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in missing.items():
        by_reason.setdefault(reason, []).append(name)
    return [f"not available: {', '.join(names)} ({why})" for why, names in by_reason.items()]


def _measured(report: Report) -> "Table":
    counters = [event.name + modifier for event in EVENTS for modifier in ("", ":u", ":k")]
    table = _table("measured, per call", report.results)
    cores = dict.fromkeys(n.partition(AT)[2] for r in report.results for n in r.counters)
    for name in (TIME, *counters, *usage.NAMES):
        for core in cores:
            spreads = [result.counters.get(at(name, core)) for result in report.results]
            values = [spread.median if spread else None for spread in spreads]
            _add(table, f"{name} {core}".rstrip(), values, spreads)
    return _derived(table, [derived(medians(r), report.work) for r in report.results])


def _slots(report: Report) -> "Table":
    """Where the slots of the pipeline went: perf's metrics, level 1 and 2 as far as it has them."""
    table = _table("top-down, % of the slots", report.results)
    for name in dict.fromkeys(name for result in report.results for name in result.slots):
        spreads = [result.slots.get(name) for result in report.results]
        values = [spread.median if spread else None for spread in spreads]
        _add(table, name.replace(AT, " "), values)
    return table


def _as_perf(result: Result) -> list[str]:
    """The counters as perf prints them; nothing where perf counted none."""
    counts = medians(result)
    found = lines(counts, result.running, counts.get(TIME, 0.0))
    return [f"{result.name}, per call, as perf stat has it:", *found, ""] if found else []


def _simulated(report: Report) -> "Table":
    table = _table(f"simulated: {report.simulation}", report.results)
    for name in simulate.COUNTS:
        _add(table, name, [result.simulated.get(name) for result in report.results])
    found = [derived(result.simulated, report.simulated_work) for result in report.results]
    return _derived(table, found)


def _table(title: str, results: Sequence[Result]) -> "Table":
    from rich import box

    first, *others = (result.name for result in results)
    headings = ("", first, *(cell for name in others for cell in (name, f"/ {first}")))
    return new_table(headings, ("",), title=title, box=box.SIMPLE_HEAD)


def _derived(table: "Table", found: Sequence[Mapping[str, float]]) -> "Table":
    table.add_section()
    for label in dict.fromkeys(label for values in found for label in values):
        _add(table, label, [values.get(label) for values in found])
    return table


def _add(
    table: "Table",
    name: str,
    values: Sequence[float | None],
    spreads: Sequence[Spread | None] = (),
) -> None:
    """One row, unless nobody has a value."""
    if all(value is None for value in values):
        return
    cells = [name]
    for n, value in enumerate(values):
        spread = spreads[n] if spreads else None
        cells.append(_cell(value, spread, "s" if name in _SECONDS else ""))
        if n:
            cells.append(_ratio(value, values[0]))
    table.add_row(*cells)


def _cell(value: float | None, spread: Spread | None, unit: str) -> str:
    if value is None:
        return "–"
    text = scaled(value, unit)
    if spread is None or spread.repeats < 2:
        return text
    if spread.spread > abs(value):  # per cent would be thousands, or of nothing
        return f"{text} ± {scaled(spread.spread, unit)}"
    share = spread.spread / abs(value) if value else 0.0
    return f"{text} ± {100 * share:.0f} %"


def _ratio(value: float | None, first: float | None) -> str:
    return f"{value / first:.2f}" if value is not None and first else "–"


def scaled(value: float, unit: str = "") -> str:
    """Three digits and a prefix.

    Examples
    --------
    >>> scaled(13180949), scaled(0.00057, "s"), scaled(3.2)
    ('13.2 M', '570 µs', '3.2')
    """
    steps = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
    if value == 0 or (not unit and abs(value) < 1000):
        return f"{value:.3g} {unit}".rstrip()
    size, prefix = next((s for s in steps if abs(value) >= s[0]), steps[-1])
    return f"{value / size:.3g} {prefix}{unit}".rstrip()
