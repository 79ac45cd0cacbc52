"""Registers of a loop as cores rename them: results under way, and what instructions wait for.

Every result gets a physical register of its own, so that passes overlap though code has few names.
llvm-mca simulates it, with the register files and queues of the processor where its model has them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .dataflow import FLAGS, access
from .listing import Loop
from .mca import ITERATIONS, statistics
from .tools import Model

# What instructions wait for before they are dispatched, by llvm-mca's words.
_WAITS = {
    "RAT": "registers", "RCU": "places to retire", "SCHEDQ": "the scheduler",
    "LQ": "the queue of loads", "SQ": "the queue of stores", "GROUP": "a group of their own",
}  # fmt: skip
_WAITED = re.compile(r"^(RAT|RCU|SCHEDQ|LQ|SQ|GROUP) .*?: +(\d+)(?: +\(([\d.]+)%\))?", re.MULTILINE)
_NUMBERS = {
    "size": r"Number of physical registers: +(\d+)",
    "renamed": r"Total number of mappings created: +(\d+)",
    "most": r"Max number of mappings used: +(\d+)",
    "eliminated": r"Number of moves eliminated: +(\d+)",
}


@dataclass(frozen=True)
class Registers:
    """A register file; the first is of all of them, with no ``size``.

    ``renamed`` results of a pass get a register, ``most`` are under way at once, and
    ``eliminated`` moves of a pass are done by renaming alone.
    """

    name: str
    size: int | None
    renamed: float
    most: int
    eliminated: float


@dataclass(frozen=True)
class Renaming:
    """``names`` of registers that the loop writes, register files, and shares of all cycles (in
    percent) in which nothing more is dispatched, by what is waited for.
    """

    names: int
    files: tuple[Registers, ...]
    waits: Mapping[str, float]


def found(model: Model | str, loop: Loop) -> Renaming | str:
    """Of a loop; a line that says why there is none."""
    if isinstance(model, str):
        return model
    told = statistics(model.tool, model.processor, loop) or ""
    every, *files = re.split(r"^\* +Register File #\d+ -- ", told, flags=re.MULTILINE)
    if "Register File statistics" not in every:
        return f"{model} tells nothing of register renaming"
    waits = {_WAITS[name]: float(share or 0) for name, _, share in _WAITED.findall(told)}
    written = {name for one in loop.instructions for name in access(one).writes}
    names = {name for name in written if name != FLAGS and not name.startswith("at ")}
    of_all = _registers("all registers" + every.partition("Register File statistics")[2])
    return Renaming(len(names), (of_all, *map(_registers, files)), waits)


def _registers(told: str) -> Registers:
    name, _, text = told.partition(":\n")
    number = {key: re.search(pattern, text) for key, pattern in _NUMBERS.items()}
    size, renamed, most, eliminated = (int(m[1]) if m else None for m in number.values())
    return Registers(name, size, (renamed or 0) / ITERATIONS, most or 0,
                     (eliminated or 0) / ITERATIONS)  # fmt: skip


def lines(told: Renaming) -> Iterator[str]:
    """What a reader learns: names against registers, and why nothing is dispatched."""
    every, *files = told.files
    yield f"renaming: {every.renamed:g} results a pass get registers of their own"
    yield f"  for {told.names} names in the code; {every.most} results are under way at most"
    for one in files:
        moves = f"; {one.eliminated:g} moves a pass cost nothing" if one.eliminated else ""
        yield f"  {one.name}: {one.most} of {one.size} at most{moves}"
    waited = sorted(((share, name) for name, share in told.waits.items() if share), reverse=True)
    yield "  not dispatched for want of: " + (
        ", ".join(f"{name} {share:g} % of the cycles" for share, name in waited) or "nothing"
    )


def to_json(model: Model | str, loop: Loop) -> dict[str, Any] | str:
    """Plain values for ``json.dump``."""
    told = found(model, loop)
    return told if isinstance(told, str) else asdict(told)
