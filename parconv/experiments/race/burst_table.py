"""The report of a race in bursts for the terminal."""

from typing import TYPE_CHECKING

from ..screen import milliseconds, say, table
from .burst_report import CRITERIA, BurstReport, BurstRow, Calls, Cell, verdicts
from .report import Result
from .table import OWN_OUTPUT, differs, show_facts

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
        say(console, _absences(row))
    say(console, [LEGEND])
    console.print(_standings(report))


# --- cells ---------------------------------------------------------------------------------------


def _cells(row: BurstRow) -> "Table":
    names = [calls.name + OWN_OUTPUT * calls.own_output for calls in row.cells[0].calls]
    criteria = [criterion.name for criterion in CRITERIA]
    result = table(("pause", "busy", *names, *criteria), title=row.label)
    for cell in row.cells:
        result.add_row(*_line(cell))
    return result


def _line(cell: Cell) -> list[str]:
    judged = {verdict.name: verdict for verdict in verdicts(cell)}
    found = (judged.get(criterion.name) for criterion in CRITERIA)
    figures = (f"{v.value:.2f}{'' if v.held else BROKEN}" if v else "" for v in found)
    return [f"{1e3 * cell.pause:g}", str(cell.busy), *map(_times, cell.calls), *figures]


def _times(calls: Calls) -> str:
    return " ".join(map(milliseconds, (calls.median, calls.p95, calls.maximum)))


def _absences(row: BurstRow) -> list[str]:
    """Why competitors are not in the table."""
    return [_absence(result, row.label) for result in row.absent]


def _absence(result: Result, row: str) -> str:
    if result.reason:
        return f"{result.status}: {result.name}: {result.reason}"
    if result.reused is None:
        return differs(result, row)
    return f"slow: {result.name}, {milliseconds(result.reused.median)} ms a call: not raced"


# --- all cells -----------------------------------------------------------------------------------


def _standings(report: BurstReport) -> "Table":
    headings = ("", "asked", "limit", "cells", "held", "worst", "worst cell")
    title = "cells that hold each criterion"
    result = table(headings, ("", "asked", "worst cell"), title=title)
    known = {criterion.name: criterion for criterion in CRITERIA}
    for found in report.standings:
        criterion = known[found.name]
        sign = "<" if criterion.below else "<="
        result.add_row(
            found.name, criterion.words, f"{sign} {found.limit:g}", str(found.cells),
            str(found.held), f"{found.worst:.2f}", found.worst_cell,
        )  # fmt: skip
    return result
