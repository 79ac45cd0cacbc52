"""The report of a race in bursts for the terminal."""

from typing import TYPE_CHECKING

from .burst_report import CRITERIA, BurstReport, BurstRow, Calls, Cell, verdicts
from .report import Result
from .table import OWN_OUTPUT, differs, milliseconds, show_facts

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

BROKEN = "!"
LEGEND = (
    "median, 95th percentile and maximum of single calls in ms, after so many ms of pause.  auto: "
    "ours as a plan with a reused output; plain: the call alone; serial, threads, prange, joblib: "
    f"plans of that strategy.  {OWN_OUTPUT} cannot reuse an output.  {BROKEN} beyond the limit."
)


def show(report: BurstReport, console: "Console") -> None:
    """Print the report."""
    show_facts(report, console)
    for row in report.rows:
        console.print(_cells(row))
        for line in _absences(row):
            console.print(line, highlight=False, soft_wrap=True)
    console.print(LEGEND, highlight=False, soft_wrap=True)
    console.print(_standings(report))


# --- cells ---------------------------------------------------------------------------------------


def _cells(row: BurstRow) -> "Table":
    from rich.table import Table

    table = Table(title=row.label)
    names = [calls.name + OWN_OUTPUT * calls.own_output for calls in row.cells[0].calls]
    for heading in ("pause", "busy", *names, *(criterion.name for criterion in CRITERIA)):
        table.add_column(heading, justify="right")
    for cell in row.cells:
        table.add_row(*_line(cell))
    return table


def _line(cell: Cell) -> list[str]:
    judged = {verdict.name: verdict for verdict in verdicts(cell)}
    found = (judged.get(criterion.name) for criterion in CRITERIA)
    figures = (f"{v.value:.2f}{'' if v.held else BROKEN}" if v else "" for v in found)
    return [f"{1e3 * cell.pause:g}", str(cell.busy), *map(_times, cell.calls), *figures]


def _times(calls: Calls) -> str:
    return " ".join(map(milliseconds, (calls.median, calls.p95, calls.maximum)))


def _absences(row: BurstRow) -> list[str]:
    """Why competitors are not in the table."""
    cannot = [result.name for result in row.absent if result.status == "cannot"]
    lines = [f"cannot: {', '.join(cannot)}"] if cannot else []
    others = (result for result in row.absent if result.status != "cannot")
    return [*lines, *(_absence(result, row.label) for result in others)]


def _absence(result: Result, row: str) -> str:
    if result.reused is None:
        return differs(result, row)
    return f"slow: {result.name}, {milliseconds(result.reused.median)} ms a call: not raced"


# --- all cells -----------------------------------------------------------------------------------


def _standings(report: BurstReport) -> "Table":
    from rich.table import Table

    table = Table(title="cells that hold each criterion")
    for heading in ("", "asked", "limit", "cells", "held", "worst", "worst cell"):
        words = heading in ("", "asked", "worst cell")
        table.add_column(heading, justify="left" if words else "right", overflow="fold")
    known = {criterion.name: criterion for criterion in CRITERIA}
    for found in report.standings:
        criterion = known[found.name]
        sign = "<" if criterion.below else "<="
        table.add_row(
            found.name, criterion.words, f"{sign} {found.limit:g}", str(found.cells),
            str(found.held), f"{found.worst:.2f}", found.worst_cell,
        )  # fmt: skip
    return table
