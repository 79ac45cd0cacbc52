"""An experiment on a screen and as a picture."""

from typing import IO, TYPE_CHECKING

from parconv.runtime.records import STEADY

from .. import steadiness
from ..screen import milliseconds, say, table
from .experiment import Found

if TYPE_CHECKING:
    from rich.console import Console


def show(found: Found, console: "Console") -> None:
    """The table and the conclusion."""
    headings = list(dict.fromkeys(name for row in found.rows for name in row.told))
    title = f"{found.name}: {found.varies}"
    result = table(("setting", "ms", "noise %", *headings), ("setting",), title=title)
    for row in found.rows:
        told = (number(row.told[name]) if name in row.told else "" for name in headings)
        time = milliseconds(row.timing.median)
        result.add_row(row.name, time, f"{100 * row.noise:.1f}", *told)
    console.print(result)
    forced = found.spread > STEADY
    busy = [f"measured on a busy machine, by force: {steadiness.told(found.spread)}"]
    say(console, [*(busy if forced else ()), found.conclusion])


def number(value: float) -> str:
    """Whole numbers with commas, others with three digits.

    Examples
    --------
    >>> number(920588), number(0.144), number(4.2)
    ('920,588', '0.144', '4.20')
    """
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".")


def draw(found: Found, file: IO[bytes]) -> None:
    """Bars of the medians, with the quartiles, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = found.rows
    figure = Figure(figsize=(7, 1.2 + 0.32 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    medians = [1e3 * row.timing.median for row in rows]
    errors = [[1e3 * (row.timing.median - row.timing.quartile1) for row in rows],
              [1e3 * (row.timing.quartile3 - row.timing.median) for row in rows]]  # fmt: skip
    axes.barh([row.name for row in rows], medians, xerr=errors, color="#6baed6", capsize=3)
    axes.invert_yaxis()
    axes.set(xlabel="milliseconds (whiskers: quartiles)", title=f"{found.name}: {found.varies}")
    figure.supxlabel(found.conclusion, fontsize=7, wrap=True)
    figure.savefig(file, format="png", dpi=110)
