"""Programs that may be there or not: finding them, and running them on a piece of text."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .isa import ARITHMETIC, FMA, MULTIPLY, Dialect, Instruction
from .listing import Loop

SECONDS = 30  # no analysis takes longer
PROBE_LINES = 8
TOLERANCE = 0.25  # between the multiply-add rate of a model and the measured one


@dataclass(frozen=True)
class Model:
    """A tool's model of a processor, and why it was taken."""

    tool: str
    processor: str
    reason: str

    def __str__(self) -> str:
        return f"{Path(self.tool).stem} for {self.processor} ({self.reason})"


@dataclass(frozen=True)
class Forecast:
    """What a tool says of one pass through a loop.

    ``limit`` is what holds it up; ``critical`` the critical path in words, and ``path`` the
    instructions on it, where the tool names them.  ``units`` are the cycles that each unit of the
    core needs by itself, where it tells them.
    """

    cycles: float
    ipc: float
    limit: str
    critical: str
    path: tuple[int, ...] = ()
    units: Mapping[str, float] = field(default_factory=dict)


def run(command: Sequence[str], text: str | None = None) -> str | None:
    """What the program printed, or None where it failed; ``text`` becomes its last argument."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = list(command)
        if text is not None:
            path = Path(folder, "loop.s")
            path.write_text(text, encoding="utf-8")
            arguments.append(str(path))
        try:
            done = subprocess.run(
                arguments, capture_output=True, text=True, timeout=SECONDS, check=False,
                stdin=subprocess.DEVNULL, cwd=folder,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return None
    known = "not a recognized processor" not in done.stderr  # llvm-mca goes on with another one
    return done.stdout if done.returncode == 0 and known else None


def version_of(path: str) -> int:
    """The number before the first dot; 0 where the program tells none."""
    told = re.search(r"version (\d+)", run([path, "--version"]) or "")
    return int(told[1]) if told else 0


def newest(name: str) -> str | None:
    """The path of a program, of the newest where several carry a version: ``name-19``."""
    found: dict[str, int] = {}
    for directory in os.get_exec_path():
        for path in Path(directory).glob(f"{name}-*") if directory else ():
            version = re.fullmatch(rf"{re.escape(name)}-(\d+)(?:\.exe)?", path.name)
            if version and os.access(path, os.X_OK):
                found.setdefault(str(path), int(version[1]))
    plain = shutil.which(name)
    if plain:
        found[plain] = version_of(plain)
    return max(found, key=lambda path: found[path], default=None)


def choose(
    tool: str,
    host: str,
    stand_ins: Sequence[str],
    rate: Callable[[str], float | None],
    measured: float,
) -> Model | str:
    """The model whose multiply-add rate is the measured one: the host's own, or a stand-in.

    ``rate(processor)``: multiply-adds in a cycle by the tool's model; None where it has none.
    Returns a line that says why where no model fits.
    """
    tried: list[str] = []
    for processor in dict.fromkeys((host, *stand_ins)):
        found = rate(processor)
        fits = found is not None and abs(found / measured - 1) <= TOLERANCE
        if fits and not tried:
            return Model(tool, processor, "this processor's own model")
        if fits:
            return Model(tool, processor, f"a stand-in: {tried[0]}, measured {measured:.2f}")
        told = "has no model" if found is None else f"does {found:.3g} multiply-adds a cycle"
        tried.append(f"{processor} {told}")
    return f"no model does the {measured:.2f} multiply-adds a cycle measured here: " + ", ".join(
        tried
    )


@dataclass(frozen=True)
class Tool:
    """A program that predicts cycles.

    ``stand_ins`` are processors by dialect, in the order tried, and ``names`` its own for LLVM's.
    ``rate`` and ``forecast`` are asked with the program's path, a processor and a loop, and answer
    None where it has no model or cannot read the loop.
    """

    program: str
    missing: str
    stand_ins: Mapping[str, Sequence[str]]
    rate: Callable[[str, str, Loop], float | None]
    forecast: Callable[[str, str, Loop], Forecast | None]
    names: Mapping[str, str] = field(default_factory=dict)

    def model(self, host: str, loop: Loop, measured: float, asked: str | None) -> Model | str:
        """The processor that is asked for, or one that fits; a line that says why there is none."""
        path = newest(self.program)
        if path is None:
            return self.missing
        if asked is None:
            others = self.stand_ins[loop.dialect.name]
            host = self.names.get(host, host)
            return choose(path, host, others, lambda name: self.rate(path, name, loop), measured)
        if self.forecast(path, asked, loop) is None:
            raise ValueError(
                f"cpu is {asked!r}: {self.program} has no model of it; "
                f"`{path} -mcpu=help` lists all"
            )
        return Model(path, asked, "as asked")


def alone(loop: Loop) -> str:
    """A loop's arithmetic, of registers, each instruction's result in one of its own."""
    sums = [i for i in loop.instructions if i.kind in ARITHMETIC]
    lines = (_on_register(n % PROBE_LINES, _of_registers(i), i.dialect) for n, i in enumerate(sums))
    return "".join(f"\t{line}\n" for line in lines)


def _of_registers(instruction: Instruction) -> str:
    """The instruction with a register for an operand in memory."""
    memory, register = instruction.dialect.memory, instruction.dialect.vector
    found = register.search(instruction.text)
    if not (instruction.loads and found):  # ARM's brackets also choose a lane
        return instruction.text
    operands = (found[0] if memory.search(place) else place for place in instruction.operands)
    return f"{instruction.mnemonic}\t{', '.join(operands)}"


def probe(loop: Loop) -> str:
    """Independent multiply-adds, as the loop has one, each on a register of its own."""
    sums = [i for i in loop.instructions if i.kind in (FMA, MULTIPLY)]
    like = min(sums, key=lambda i: i.loads).text  # one without an operand in memory
    lines = (_on_register(number, like, loop.dialect) for number in range(PROBE_LINES))
    return "".join(f"\t{line}\n" for line in lines)


def _on_register(number: int, like: str, dialect: Dialect) -> str:
    """The instruction with its target in that register and other sources."""
    registers = iter((14, 15, number) if dialect.target_last else (number, 14, 15))
    return dialect.vector.sub(lambda m: m[0].replace(m[1], str(next(registers))), like)
