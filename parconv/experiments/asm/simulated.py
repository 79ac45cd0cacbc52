"""Instructions, reads, writes and misses at each address, on caches that callgrind simulates."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from parconv.runtime import budget

from ..perf import simulate
from .subject import Order

# Ours, by callgrind's: a sum where there are several.
COLUMNS = {"executed": ("Ir",), "reads": ("Dr",), "writes": ("Dw",),
           "D1 miss": ("D1mr", "D1mw"), "LL miss": ("DLmr", "DLmw")}  # fmt: skip
BUSIEST = "D1 miss"
OPTIONS = ("--dump-instr=yes", "--compress-pos=no", "--compress-strings=no")

obstacle, at_once = simulate.obstacle, budget.thread_budget


def watched(
    order: Order, folder: Path, image: int
) -> tuple[dict[str, Any], dict[str, dict[int, float]], str, str]:
    """(what the process told, a number at each address by column, the tool in words, `BUSIEST`).

    A process of its own reads the loop, compiles and keeps all that is run: under valgrind
    compilation takes a minute, and a quarter of an hour within what is counted.
    """
    kept = f"{order.answer}.code"
    read = replace(order, answer=f"{order.answer}.loop", kept=kept, simulated=True)
    run = replace(read, answer=order.answer, loop=read.answer)
    variables, last = simulate.environment(), simulate.last_level(image)
    simulate.run([read.command()], variables)
    (text,) = simulate.callgrind([run.command()], folder, variables, last, *OPTIONS)
    told = json.loads(Path(run.answer).read_bytes())
    tool = f"simulated by valgrind, last-level cache of {simulate.told(last)}"
    return told, by_address(text), tool, BUSIEST


def by_address(text: str) -> dict[str, dict[int, float]]:
    """The columns of a file of callgrind's.

    Examples
    --------
    >>> text = "positions: instr line\\nevents: Ir Dr D1mr\\nfn=f\\n0x10 0 5 5 2\\n0x14 0 5\\n"
    >>> found = by_address(text)
    >>> found["executed"], found["D1 miss"]
    ({16: 5, 20: 5}, {16: 2, 20: 0})
    """
    names, found = _events(text), dict[str, dict[int, float]]()
    for address, counts in _costs(text):
        one = dict(zip(names, counts, strict=False))  # zeros at the end are left out
        for ours, theirs in COLUMNS.items():
            column = found.setdefault(ours, {})
            column[address] = column.get(address, 0) + sum(one.get(name, 0) for name in theirs)
    return found


def _events(text: str) -> list[str]:
    for line in text.splitlines():
        if line.startswith("events:"):
            return line.split()[1:]
    raise ValueError("callgrind counted nothing: its file names no events")


def _costs(text: str) -> Iterator[tuple[int, list[int]]]:
    """(address, counts) of instructions themselves, not of what they call."""
    called = False
    for line in text.splitlines():
        if line.startswith("0x") and not called:
            address, _, *counts = line.split()
            yield int(address, 16), list(map(int, counts))
        called = line.startswith("calls=")
