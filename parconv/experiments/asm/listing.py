"""From the text of compiled code to its loops, and what their instructions are.

Reads text; runs nothing and knows no machine.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .isa import (
    ARITHMETIC,
    ARM,
    FMA,
    JUMP,
    MULTIPLY,
    STORE,
    X86,
    Dialect,
    Instruction,
    decode,
)

LABEL = re.compile(r'^"?([\w.$]+)"?:')
LOCAL = re.compile(r"^\.?L")
HERE = re.compile(r"(?<=[\s,])\.?L[\w$]+$")  # the label a jump goes to
STATEMENT = re.compile(r"^\s+([a-z][\w.]*)\s*(.*)$")


@dataclass(frozen=True)
class Loop:
    """A run of instructions that repeats: an innermost loop, or one step of a jump table."""

    instructions: tuple[Instruction, ...]
    function: str = ""

    @property
    def dialect(self) -> Dialect:
        return self.instructions[0].dialect

    @property
    def counts(self) -> Counter[str]:
        """Instructions of each class."""
        return Counter(instruction.kind for instruction in self.instructions)

    @property
    def fused(self) -> int:
        """Multiply-adds; multiplications on a machine without them."""
        return self.counts[FMA] or self.counts[MULTIPLY]

    @property
    def loads(self) -> int:
        """Vectors loaded, those folded into other instructions included; no broadcasts."""
        return sum(instruction.loads for instruction in self.instructions)

    @property
    def folded(self) -> int:
        return sum(i.loads for i in self.instructions if i.kind in ARITHMETIC)

    @property
    def scalar_loads(self) -> int:
        """Everything else that is read: broadcasts and scalars."""
        return sum(i.reads_memory and not i.loads for i in self.instructions)

    @property
    def stores(self) -> int:
        return self.counts[STORE]

    @property
    def scalars(self) -> int:
        """Addresses, counters and the jump."""
        return sum(not i.is_vector for i in self.instructions)

    @property
    def spills(self) -> list[str]:
        """Instructions that move vectors to or from the stack."""
        return [i.text for i in self.instructions if i.on_stack and i.is_vector]

    @property
    def scalar_spills(self) -> list[str]:
        """The same of addresses and counters, such as ``movq -80(%rsp), %r9``."""
        return [i.text for i in self.instructions if i.on_stack and not i.is_vector]

    @property
    def bits(self) -> int:
        """Width of the widest vector of a multiply-add."""
        arithmetic = (i.text for i in self.instructions if i.kind in ARITHMETIC)
        return max((width(text) for text in arithmetic), default=0)

    @property
    def widest(self) -> int:
        """Width of the widest vector of any instruction."""
        return max(width(i.text) for i in self.instructions)

    def flops(self, itemsize: int) -> int:
        """In one pass: two for each lane of a multiply-add, one for each of other operations."""
        counts, lanes = self.counts, self.bits // 8 // itemsize
        return lanes * sum(counts[kind] * (2 if kind == FMA else 1) for kind in ARITHMETIC)

    @property
    def share(self) -> float:
        """Multiply-adds among all instructions."""
        return self.fused / len(self.instructions)

    def text(self) -> str:
        """Instructions as an assembler takes them: every jump leads back to the beginning."""
        lines = (f"\t{HERE.sub('.Lhot', i.text) if i.kind == JUMP else i.text}\n"
                 for i in self.instructions)  # fmt: skip
        return ".Lhot:\n" + "".join(lines)


SINGLE = re.compile(r"\s*v?\w+(?:s(s)|s(d))\b")  # one number in a vector's register


def width(text: str) -> int:
    """Bits that an instruction computes: of its widest register, or of the one number in it.

    Examples
    --------
    >>> width("vfmadd231ps %ymm0, %ymm1, %ymm2"), width("fmla v0.4s, v1.4s, v2.4s")
    (256, 128)
    >>> width("vfmadd231ss %xmm0, %xmm1, %xmm2"), width("mulsd %xmm0, %xmm1")
    (32, 64)
    """
    if (one := SINGLE.match(text)) and "%xmm" in text:
        return 32 if one[1] else 64
    x86 = {"z": 512, "y": 256, "x": 128}
    found = [x86[letter] for letter in re.findall(r"%([xyz])mm", text)]
    return max(found, default=128 if ARM.vector.search(text) else 0)


def dialect_of(code: str) -> Dialect:
    """x86 registers begin with a percent sign."""
    return X86 if re.search(r"%r[a-z0-9]+\b", code) else ARM


class _Reader:
    """Statements and labels of a listing, in order, and which registers point into the stack."""

    def __init__(self, code: str) -> None:
        self.dialect = dialect_of(code)
        comment = self.dialect.comment
        lines = [comment.split(line)[0].rstrip() for line in code.splitlines()]
        self.lines = [line for line in lines if LABEL.match(line) or STATEMENT.match(line)]
        self.at = {m[1]: n for n, line in enumerate(self.lines) if (m := LABEL.match(line))}

    def __iter__(self) -> Iterator[tuple[int, str, str, tuple[str, ...]]]:
        """(position, line, function, stack) of every line."""
        function = ""
        stack: tuple[str, ...] = self.dialect.stack[:1]
        for position, line in enumerate(self.lines):
            if (label := LABEL.match(line)) and not LOCAL.match(label[1]):
                function, stack = label[1], self.dialect.stack[:1]
            if self.dialect.frame.match(line):
                stack = self.dialect.stack
            yield position, line, function, stack

    def loop(self, lines: Sequence[str], function: str, stack: tuple[str, ...]) -> Loop:
        body = (line for line in lines if STATEMENT.match(line))
        return Loop(tuple(decode(line, self.dialect, stack) for line in body), function)


def innermost_loops(code: str) -> list[Loop]:
    """Runs of instructions from a label to a jump back to it, with no other such run inside."""
    reader, loops, reached = _Reader(code), [], -1
    for position, line, function, stack in reader:
        jump = reader.dialect.jump.match(line)
        start = reader.at.get(jump[1], position) if jump else position
        if reached < start < position:
            loops.append(reader.loop(reader.lines[start : position + 1], function, stack))
            reached = start
    return loops


def straight_runs(code: str) -> list[Loop]:
    """Runs of instructions between labels and jumps: steps of a jump table are among them."""
    reader, runs, start = _Reader(code), [], 0
    for position, line, function, stack in reader:
        label, jump = LABEL.match(line), reader.dialect.jump.match(line)
        if label or jump:
            body = reader.lines[start : position + bool(jump)]
            if len(body) > 1:
                runs.append(reader.loop(body, function, stack))
            start = position + bool(jump)
    return runs


@dataclass(frozen=True)
class Block:
    """Instructions that run one after another, the labels they jump to, and if they go on."""

    label: str
    instructions: tuple[Instruction, ...]
    targets: tuple[str, ...]
    falls: bool


def blocks(code: str, function: str) -> list[Block]:
    """The basic blocks of a function, in the order of its listing."""
    reader, found, label = _Reader(code), list[Block](), function
    inside: list[Instruction] = []

    def end(targets: tuple[str, ...], falls: bool, following: str) -> str:
        if inside:
            found.append(Block(label, tuple(inside), targets, falls))
            inside.clear()
        return following

    for position, line, name, stack in reader:
        if name != function:
            continue
        if at := LABEL.match(line):
            label = end((), True, at[1])
            continue
        inside.append(decode(line, reader.dialect, stack))
        mnemonic = inside[-1].mnemonic
        if jump := reader.dialect.jump.match(line):
            label = end((jump[1],), mnemonic not in ("jmp", "b"), f"after line {position}")
        elif mnemonic.startswith(("ret", "jmp", "br")):
            label = end((), False, f"after line {position}")
    end((), False, "")
    return found


def hottest(loops: Sequence[Loop]) -> Loop:
    """The loop with most multiply-adds of numbers, by its vectors' width."""
    return max(loops, key=lambda loop: loop.fused * loop.bits)
