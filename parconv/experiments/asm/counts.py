"""What each instruction of a hot loop costs: samples of perf, or a simulation by valgrind.

Start reading at `found`.  `subject` is the process that is watched, `placed` tells which address
is which instruction, `simulated` and `sampled` read what the tools write.
"""

import dataclasses
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...problem.shown import shown
from ..own import Own, record_of
from ..perf import SIMULATED_FLOPS
from ..screen import Announce, by, say, silent
from ..studies import FEW_ROWS
from . import placed, sampled, simulated
from .subject import Order

if TYPE_CHECKING:
    from rich.console import Console

Shape = tuple[int, ...]
Taps = tuple[int, int]
AUTO = "auto"
BUSY = 0.5  # of the most that an instruction has: as many are marked
WIDTH = 5  # of a column of numbers, at least


@dataclass(frozen=True)
class Counts:
    """Of one loop: what was counted of each instruction, and in the whole call, by column.

    Attributes
    ----------
    name, dtype, target : str
        Whose loop, of which type of image, compiled for which processor.
    shape, taps : tuple of int
        Of the image and the filter that were run.
    tool : str
        What counted, in words.
    texts, classes : tuple of str
        The instructions as they run, and what they are.
    columns : mapping of str to tuple of float
        A number for each instruction, of one call.
    totals : mapping of str to float
        The same of all that the call runs.
    busiest : str
        The column by which instructions are ranked.
    """

    name: str
    dtype: str
    target: str
    shape: Shape
    taps: Shape
    tool: str
    texts: tuple[str, ...]
    classes: tuple[str, ...]
    columns: Mapping[str, tuple[float, ...]]
    totals: Mapping[str, float]
    busiest: str

    def sums(self) -> dict[str, float]:
        """Of the loop, by column."""
        return {name: math.fsum(column) for name, column in self.columns.items()}

    @property
    def shares(self) -> tuple[float, ...]:
        """Of each instruction in the loop's part of the column by which they are ranked."""
        column = self.columns[self.busiest]
        whole = math.fsum(column)
        return tuple(value / whole if whole else 0.0 for value in column)

    @property
    def marked(self) -> frozenset[int]:
        """The busiest instructions."""
        most = max(self.shares)
        return frozenset(n for n, share in enumerate(self.shares) if most and share >= BUSY * most)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dump``."""
        told = {"sums": self.sums(), "shares": self.shares, "marked": sorted(self.marked)}
        return {**dataclasses.asdict(self), **told}


TOOLS: Mapping[str, Any] = {"perf": sampled, "valgrind": simulated}


def chosen(tool: str) -> Any:
    """The module of that name: ``auto`` samples where the processor's counters are shown."""
    if tool not in (AUTO, *TOOLS):
        raise ValueError(f"counts is {shown(tool)}: pass {AUTO}, {' or '.join(TOOLS)}")
    name = tool if tool != AUTO else "valgrind" if sampled.hidden() else "perf"
    reason = TOOLS[name].obstacle() or placed.obstacle()
    if reason:
        raise ValueError(f"--counts {tool} cannot run: {reason}; without it the rest still works")
    return TOOLS[name]


def found(
    subjects: Sequence[Mapping[str, Any]], tool: str = AUTO, announce: Announce = silent
) -> list[Counts]:
    """Count each of them in processes of its own, as many side by side as the tool allows.

    Parameters
    ----------
    subjects : sequence of mapping
        Of `own` and `named`.
    tool : str
        ``perf``, ``valgrind`` or ``auto``.
    announce : callable
        Told each step before it runs, the steps done, and their number.

    Examples
    --------
    >>> found([named("naive", (64, 72), (5, 5), "float32")])[0].sums()  # doctest: +SKIP
    """
    watch = chosen(tool)
    results = []
    with tempfile.TemporaryDirectory(prefix="parconv-asm-") as name:
        folders = [Path(name, str(n)) for n in range(len(subjects))]
        with ThreadPoolExecutor(watch.at_once()) as pool:
            each = pool.map(partial(_found, watch), subjects, folders)
            for done, what in enumerate(subjects):
                announce(str(what.get("name", "yours")), done, len(subjects))
                results.append(next(each))
    return results


def _found(watch: Any, what: Mapping[str, Any], folder: Path) -> Counts:
    folder.mkdir()
    order = Order(what, str(folder / "answer"))
    return _counts(*watch.watched(order, folder, image_bytes(what)))


def own(asked: Own) -> dict[str, Any]:
    """The user's convolution by the method that a plan takes; of a large image the first part."""
    return record_of(asked.shortened(SIMULATED_FLOPS))


def named(name: str, shape: Shape, taps: Taps, dtype: str) -> dict[str, Any]:
    """Arguments of `implementations.listed`, of a large image the first rows."""
    flops = 2 * math.prod(shape) * math.prod(taps)
    rows = max(taps[0] + FEW_ROWS, int(shape[-2] * min(1.0, SIMULATED_FLOPS / flops)))
    short = (*shape[:-2], min(rows, shape[-2]), shape[-1])
    return {"name": name, "shape": short, "taps": taps, "dtype": dtype}


def image_bytes(what: Mapping[str, Any]) -> int:
    """Of the image that a subject is run on."""
    asked = what.get("own", what)
    shape = asked.get("image", asked.get("shape"))
    return int(math.prod(shape) * np.dtype(asked["dtype"]).itemsize)


def _counts(
    told: Mapping[str, Any], by_address: Mapping[str, Mapping[int, float]], tool: str, busiest: str
) -> Counts:
    """From what was counted at addresses, to instructions: all copies of the loop together."""
    calls, copies = told["calls"], told["addresses"]
    places = [*zip(*copies, strict=True)]  # of each instruction, in every copy of the loop
    columns = {
        name: tuple(sum(column.get(at, 0.0) for at in each) / calls for each in places)
        for name, column in by_address.items()
    }
    if not any(map(any, columns.values())):
        raise ValueError(
            f"nothing was counted in the hot loop of {told['name']}: no call of this image runs it"
        )
    totals = {name: math.fsum(column.values()) / calls for name, column in by_address.items()}
    return Counts(
        told["name"], told["dtype"], told["target"], tuple(told["shape"]), tuple(told["taps"]),
        tool, tuple(told["texts"]), tuple(told["classes"]), columns, totals, busiest,
    )  # fmt: skip


# --- screen --------------------------------------------------------------------------------------


def show(results: Sequence[Counts], console: "Console") -> None:
    """Print every instruction with its counts; the busiest in bold, and with a star."""
    from rich.text import Text

    for one in results:
        say(console, [_heading(one)])
        for number, line in enumerate(_lines(one)):
            style = "bold" if number in one.marked else ""
            console.print(Text(line, style), soft_wrap=True)
        say(console, [*_parts(one), ""])


def _heading(one: Counts) -> str:
    alike = (f"{name} {short(column[0])}" for name, column in one.columns.items()
             if len(set(column)) == 1)  # fmt: skip
    names = "".join(f" {name:>{WIDTH}}" for name in _differing(one))
    lines = [
        f"{one.name}: {by(one.taps)} {one.dtype} on {by(one.shape)}, for {one.target}",
        f"counts of one call, {one.tool}",
        *(f"each instruction: {told}" for told in alike),
        f"share: of {one.busiest} in the loop; *: half of the most or more",
        f"{'':{len(str(len(one.texts) - 1))}} {names} share instruction",
    ]
    return "\n".join(lines)


def _differing(one: Counts) -> dict[str, tuple[float, ...]]:
    """Columns in which instructions differ: only these are shown one by one."""
    return {name: column for name, column in one.columns.items() if len(set(column)) > 1}


def _lines(one: Counts) -> Iterator[str]:
    columns, digits = _differing(one), len(str(len(one.texts) - 1))
    for number, text in enumerate(one.texts):
        values = "".join(
            f" {short(column[number]):>{max(WIDTH, len(name))}}" for name, column in columns.items()
        )
        mark = "*" if number in one.marked else " "
        yield f"{number:{digits}}{mark}{values} {100 * one.shares[number]:5.1f} {text}"


def _parts(one: Counts) -> Iterator[str]:
    """What the loop has of the whole call."""
    for name, part in one.sums().items():
        if whole := one.totals[name]:
            told = f"{short(part)} of {short(whole)}, {100 * part / whole:.0f} %"
            yield f"{name} in the loop and in the call: {told}"


UNITS = ((999.5e6, 1e9, "G"), (999.5e3, 1e6, "M"), (1e4, 1e3, "k"))


def short(number: float) -> str:
    """At most four digits, or three and a unit.

    Examples
    --------
    >>> short(0), short(1234.0), short(123456.0), short(7_654_321.0), short(0.25)
    ('0', '1234', '123k', '7.65M', '0.25')
    """
    for least, unit, letter in UNITS:
        if number >= least:
            return f"{number / unit:.3g}{letter}"
    return f"{number:.4g}"
