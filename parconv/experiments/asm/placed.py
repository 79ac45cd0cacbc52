"""Where the instructions of a loop lie: in object code, and in a process that runs them.

What Numba compiles has no file, so no profiler has names for it: they tell addresses.  The loop is
found by the bytes of its instructions, in whatever copy of the code a call runs.
"""

import ctypes
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from .isa import Instruction
from .listing import Loop

TOOL = "objdump"
MISSING = f"{TOOL} is not installed: the package binutils brings it"
MAPS = Path("/proc/self/maps")
FUNCTION = re.compile(r"[0-9a-f]+ <(.*)>:$")
LINE = re.compile(r" *([0-9a-f]+):\t([0-9a-f]{2}(?: [0-9a-f]{2})*|[0-9a-f]{8}) *\t(.*)$")
IDLE = re.compile(r"(data16 |cs )*nop|xchg +%ax,%ax")  # what aligns the next instruction
MOVED = re.compile(r"\bR_[A-Z0-9_]+\b")  # an address that is not known before the code is loaded
EXECUTABLE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r-x. \S+ 00:00 0 *$", re.MULTILINE)


@dataclass(frozen=True)
class Placed:
    """A loop's bytes as a regular expression, where its instructions begin in them, and what
    these are, as the disassembler writes them."""

    pattern: bytes
    starts: tuple[int, ...]
    texts: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for another process."""
        return {"pattern": self.pattern.hex(), "starts": self.starts, "texts": self.texts}

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> "Placed":
        """What another process wrote."""
        return cls(bytes.fromhex(told["pattern"]), tuple(told["starts"]), tuple(told["texts"]))

    def found(self) -> list[list[int]]:
        """Addresses of all its instructions, of each copy in the memory of this process."""
        return [[where + start for start in self.starts] for where in _searched(self.pattern)]


@dataclass(frozen=True)
class Coded:
    """One instruction of object code; ``moved``: an address in it is known once it is loaded."""

    at: int
    code: bytes
    text: str
    moved: bool = False

    @property
    def end(self) -> int:
        return self.at + len(self.code)

    @property
    def pattern(self) -> bytes:
        return b".{%d}" % len(self.code) if self.moved else re.escape(self.code)

    def like(self, listed: Instruction) -> bool:
        """Whether it is that of a listing, as far as mnemonics tell: of scalars also the size."""
        mnemonic = self.text.split(maxsplit=1)[0]
        return listed.mnemonic in (mnemonic, *(mnemonic + size for size in "bwlq"))

    def same(self, listed: Instruction) -> bool:
        """Whether it has the same vectors too."""
        registers = listed.dialect.vector.findall
        return self.like(listed) and registers(self.text) == registers(listed.text)


def obstacle() -> str | None:
    """Why no instruction can be found, or None."""
    if shutil.which(TOOL) is None:
        return MISSING
    return None if MAPS.exists() else "this system does not show where code lies in memory"


def placed(library: Any, loop: Loop) -> Placed:
    """Of a loop of what Numba compiled: ``library`` is its own of the machine code."""
    return of_function(functions(disassembled(library)).get(loop.function, []), loop)


def disassembled(library: Any) -> str:
    """Of the object code as it was loaded.

    Numba makes its listing once more, of a module that was compiled before: now and then some
    instructions and places in the stack differ.
    """
    with tempfile.TemporaryDirectory(prefix="parconv-") as folder:
        path = Path(folder, "kernel.o")
        path.write_bytes(library.object_code())
        done = subprocess.run(
            [TOOL, "-d", "-r", "-w", str(path)], capture_output=True, text=True, check=True
        )
    return done.stdout


def functions(text: str) -> dict[str, list[Coded]]:
    """Instructions by function, in order; those that only align others are left out.

    Examples
    --------
    >>> text = "00 <f>:\\n   0:\\tc3        \\tret\\n   1:\\t66 90     \\txchg   %ax,%ax\\n"
    >>> functions(text)["f"]
    [Coded(at=0, code=b'\\xc3', text='ret', moved=False)]
    """
    found: dict[str, list[Coded]] = {}
    inside: list[Coded] = []
    for line in text.splitlines():
        if name := FUNCTION.match(line):
            inside = found.setdefault(name[1], [])
        elif (one := LINE.match(line)) and not IDLE.match(one[3]):
            at, word, told = one.groups()
            code = bytes.fromhex(word)
            if len(word) == 8 and " " not in word:  # ARM's are told as numbers, x86's as bytes
                code = code[::-1]
            moved = MOVED.search(told)
            inside.append(Coded(int(at, 16), code, _plain(told), moved is not None))
    return found


def _plain(told: str) -> str:
    """Without what was added to the instruction: names of addresses, comments, factors of 1."""
    text = re.split(r"\t[0-9a-f]+: R_| <|#|//", told)[0]
    return " ".join(text.replace(",1)", ")").split())


def of_function(coded: Sequence[Coded], loop: Loop) -> Placed:
    """Where the loop lies in its function: its instructions, and most of its registers."""
    size = len(loop.instructions)
    windows = [coded[n : n + size] for n in range(len(coded) - size + 1)]
    fitting = [it for it in windows if all(map(Coded.like, it, loop.instructions))]
    if not fitting:
        raise ValueError(
            f"the hot loop of {loop.function!r} is not in the code that runs: it was compiled "
            "otherwise than for its listing"
        )
    best = max(fitting, key=lambda it: sum(map(Coded.same, it, loop.instructions)))
    pattern = best[0].pattern
    for before, one in pairwise(best):
        pattern += b".{%d}" % (one.at - before.end) + one.pattern
    return Placed(pattern, tuple(x.at - best[0].at for x in best), tuple(x.text for x in best))


def _searched(pattern: bytes) -> Iterator[int]:
    """Addresses in this process' memory of code that belongs to no file."""
    wanted = re.compile(pattern, re.DOTALL)
    for first, last in EXECUTABLE.findall(MAPS.read_text(encoding="utf-8")):
        start = int(first, 16)
        code = ctypes.string_at(start, int(last, 16) - start)
        yield from (start + one.start() for one in wanted.finditer(code))
