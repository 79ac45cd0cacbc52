"""Each instruction of a loop as llvm-mca's model has it: latency, throughput, ports, and when."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from . import mca, renaming
from .listing import Loop
from .mca import Timed
from .tools import Model

COLUMNS = 38  # of a bar: a line of text then fits 80
PORTS = 22
MOST, LEAST = 3, 0.2  # ports that are told of an instruction, and of their cycles


def found(model: Model | str, loop: Loop) -> tuple[Timed, ...] | str:
    """Of every instruction; a line that says why there is none."""
    if isinstance(model, str):
        return model
    return mca.timeline(model.tool, model.processor, loop) or (
        f"{model} tells no instruction's times: llvm-mca 13 or newer can"
    )


def told(model: Model | str, loop: Loop) -> list[str]:
    """The model, each instruction by it, and how it renames registers; or why there is none."""
    if isinstance(model, str):
        return [model]
    times, registers = found(model, loop), renaming.found(model, loop)
    return [
        str(model),
        *([times] if isinstance(times, str) else lines(loop, times)),
        *([registers] if isinstance(registers, str) else renaming.lines(registers)),
    ]


def lines(loop: Loop, told: Sequence[Timed]) -> Iterator[str]:
    """Two tables: what each costs, and in which cycles of a pass by itself it happens."""
    names = sorted({name for one in told for name in one.ports})
    prefix = _alike(names[0], names[-1]) if names else 0
    yield f"     latency  cycles  {'cycles of each port':<{PORTS}}  instruction"
    for number, (one, instruction) in enumerate(zip(told, loop.instructions, strict=True)):
        busiest = sorted(one.ports.items(), key=lambda port: -port[1])[:MOST]
        ports = " ".join(f"{name[prefix:]}:{used:.2g}" for name, used in busiest if used >= LEAST)
        yield (f"{number:4} {one.latency:7}  {one.throughput:6.2f}  {ports:<{PORTS}}  "
               f"{instruction.text.expandtabs(1)}")  # fmt: skip
    last = max(one.retired for one in told) + 1
    yield f"cycles 0 to {last - 1} (D dispatched, = waits, e runs, - done, R retired)"
    for number, (one, instruction) in enumerate(zip(told, loop.instructions, strict=True)):
        yield f"{number:4} {_bar(one, last)} {instruction.text.expandtabs(1)}"


def _alike(first: str, second: str) -> int:
    """How many letters both begin with."""
    return next((n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), 0)


def _bar(one: Timed, last: int) -> str:
    """Its cycles, as many to a character as the pass needs."""
    step = max(1.0, last / COLUMNS)
    bar = [" "] * min(COLUMNS, last)
    spans = ((one.dispatched, one.issued, "="), (one.issued, one.executed, "e"),
             (one.executed, one.retired, "-"))  # fmt: skip
    for start, stop, mark in spans:
        for cycle in range(start, stop):
            bar[int(cycle / step)] = mark
    bar[int(one.dispatched / step)] = "D"
    bar[int(one.retired / step)] = "R"
    return "".join(bar)


def to_json(told: tuple[Timed, ...] | str) -> list[dict[str, Any]] | str:
    """Plain values for ``json.dump``."""
    return told if isinstance(told, str) else [asdict(one) for one in told]
