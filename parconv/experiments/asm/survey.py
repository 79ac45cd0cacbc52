"""The hot loops of all methods on processors of an instruction set, which need not be here.

Each processor's kernels are compiled in a process of their own (`abroad`); nothing is run.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .. import processes
from ..race.workloads import matches
from ..screen import Announce, say, silent, table
from . import abroad, hot, mca, targets, tools
from .abroad import Row

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Survey:
    """Rows by processor and loop, and what predicted their cycles, if anything did."""

    isa: str
    tool: str | None
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dump``."""
        return asdict(self)


def survey(
    isa: str, core: str | None = None, only: str | None = None, announce: Announce = silent
) -> Survey:
    """Compile the methods' kernels for processors of an instruction set.

    Parameters
    ----------
    isa : str
        One of `targets.TARGETS`.
    core : str, optional
        LLVM's name of a processor of that kind; by default those of the table.
    only : str, optional
        Of the loops in `hot.HOT` those whose name holds or matches this pattern.
    announce : callable
        Told each processor before its kernels are compiled, which takes a minute.

    Examples
    --------
    >>> survey("neon", "neoverse-n1", "direct").rows[0].spills  # doctest: +SKIP
    0
    """
    target, tool = targets.chosen(isa), tools.newest(mca.TOOL.program)
    names, found = _names(only), list[Row]()
    every = cores(isa, core)
    for done, one in enumerate(every):
        announce(one, done, len(every))
        found += _compiled(isa, abroad.Order(target.triple, one, names, tool))
    told = f"llvm-mca {tools.version_of(tool)}" if tool else None
    return Survey(isa, told, tuple(found))


def joined(parts: Sequence[Survey]) -> Survey:
    """Surveys of several processors of an instruction set as one."""
    rows = (row for part in parts for row in part.rows)
    return Survey(parts[0].isa, parts[0].tool, tuple(rows))


def cores(isa: str, core: str | None = None) -> tuple[str, ...]:
    """The processors of an instruction set, or the one that is asked for.

    Examples
    --------
    >>> cores("avx2")
    ('haswell', 'znver3')
    """
    return (core,) if core else targets.chosen(isa).cores


def _names(only: str | None) -> list[str]:
    found = (
        [only]
        if only is not None and only in hot.HOT
        else [n for n in hot.HOT if matches(n, only or "")]
    )
    if not found:
        raise ValueError(
            f"only is {only!r}, which matches no loop: choose from {'; '.join(hot.HOT)}"
        )
    return found


def _compiled(isa: str, order: abroad.Order) -> list[Row]:
    """What the process for one processor prints."""
    variables = {"NUMBA_CPU_NAME": order.core, "NUMBA_CPU_FEATURES": ""}
    done = processes.run(abroad.MODULE, asdict(order), variables)
    if "not a recognized processor" in done.stderr:  # LLVM goes on with another one
        raise ValueError(f"cpu is {order.core!r}: LLVM knows no such processor for {isa}")
    processes.check_status(f"compiling for {order.core}", done.returncode, done.stderr)
    return [Row(**json.loads(line)) for line in done.stdout.splitlines()]


def show(found: Survey, console: "Console", source: bool = False) -> None:
    """Print the table; with ``source`` every instruction of its loops."""
    if source:
        say(console, map(_listing, found.rows))
    words = ("processor", "instruction set", "loop")
    headings = (*words, "instructions", "arithmetic", "spills", "cycles", "% of peak")
    result = table(headings, words, title=f"hot loops for {found.isa}, compiled here, not run")
    for row in found.rows:
        result.add_row(row.core, row.isa, row.name, *_numbers(row))
    console.print(result)
    by = f"cycles and shares of the peak are predictions by {found.tool}"
    say(console, [f"{by if found.tool else 'nothing predicts cycles: llvm-mca is not installed'}."])


def _listing(row: Row) -> str:
    return "\n".join([f"{row.name} on {row.core}", *(f"    {line}" for line in row.source)])


def _numbers(row: Row) -> Sequence[str]:
    if row.obstacle:
        return ("none",) + 4 * ("",)
    cycles = "no model" if row.cycles is None else f"{row.cycles:.1f}"
    share = "" if row.share is None else f"{100 * row.share:.0f}"
    return *map(str, (row.instructions, row.arithmetic, row.spills)), cycles, share
