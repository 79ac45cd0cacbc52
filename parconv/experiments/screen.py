"""What the experiments show alike: lines, tables, figures, and how far they are."""

from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Announce = Callable[[str, int, int], None]


def silent(name: str, done: int, total: int) -> None:
    """An `Announce` that tells nobody what runs next, the steps done, and their number."""


def say(console: "Console", lines: Iterable[str]) -> None:
    """Print lines as they are."""
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def table(headings: Iterable[str], words: Iterable[str] = (), **options: Any) -> "Table":
    """An empty table: columns of numbers to the right, those of ``words`` to the left and whole.

    The first of them say what a row is about.
    """
    from .fitting import FittingTable

    listed, left = list(headings), set(words)
    result = FittingTable(title_justify="left", **options)
    result.keys = max(1, len([*takewhile(left.__contains__, listed)]))
    for heading in listed:
        justify: Any = "left" if heading in left else "right"
        result.add_column(heading, justify=justify, overflow="fold")
    return result


def milliseconds(seconds: float) -> str:
    """Three significant digits, no exponent."""
    value = 1e3 * seconds
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def by(sizes: Iterable[int]) -> str:
    """Such as 5x5."""
    return "x".join(map(str, sizes))


def counted(number: int, noun: str) -> str:
    """Such as 1 thread, 2 threads."""
    return f"{number} {noun}{'s' * (number != 1)}"
