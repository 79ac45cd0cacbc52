"""Instruction sets as text: what an instruction of an assembly listing does.

One `Dialect` for each kind of processor, one table of instruction classes in each.  Knows no
machine and runs nothing.
"""

import re
from dataclasses import dataclass

from ...problem.lazily import lazily

FMA, MULTIPLY, ADD = "fma", "multiply", "add"
LOAD, STORE, BROADCAST, SHUFFLE, OTHER = "load", "store", "broadcast", "shuffle", "vector"
SCALAR, JUMP = "scalar", "jump"
ARITHMETIC = (FMA, MULTIPLY, ADD)

# Latencies in cycles that vary little between processors; those of multiply-adds are `cpus`'.
SCALAR_CYCLES, LOAD_CYCLES, SHUFFLE_CYCLES = 1, 5, 3


@dataclass(frozen=True)
class Dialect:
    """How one assembler writes; ``classes`` tells a vector instruction's class by its mnemonic."""

    name: str
    comment: re.Pattern[str]
    vector: re.Pattern[str]  # a vector register
    register: re.Pattern[str]  # any register
    memory: re.Pattern[str]
    jump: re.Pattern[str]  # a jump to a label, which it captures
    frame: re.Pattern[str]  # the instruction that makes the frame pointer point into the stack
    stack: tuple[str, str]  # the stack pointer and the frame pointer, as addresses begin
    classes: tuple[tuple[str, str], ...]
    target_last: bool

    @lazily
    def _patterns(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        return tuple((re.compile(pattern), kind) for pattern, kind in self.classes)

    def vector_class(self, mnemonic: str) -> str:
        """The class of an instruction with vector operands; moves are `OTHER` here."""
        found = (kind for pattern, kind in self._patterns if pattern.match(mnemonic))
        return next(found, OTHER)


X86 = Dialect(
    name="x86",
    comment=re.compile("#"),
    vector=re.compile(r"%[xyz]mm(\d+)"),
    register=re.compile(r"%([a-z]\w*)"),
    memory=re.compile(r"\("),
    jump=re.compile(r"^\s+j\w+\s+(\.?[\w$]+)$"),
    frame=re.compile(r"^\s+movq\s+%rsp, *%rbp$"),
    stack=("(%rsp", "(%rbp"),
    classes=(
        (r"vfn?m(add|sub)", FMA),
        (r"v?mul[ps][sd]|vpmull[dq]", MULTIPLY),
        (r"v?(add|sub)[ps][sd]|v?p(add|sub)[bwdq]", ADD),
        (r"vp?broadcast|v?movddup", BROADCAST),
        (r"valign|vperm|v?p?shuf|v?palignr|v?p?unpck|v?insert|v?extract|v?p?blend", SHUFFLE),
    ),
    target_last=True,
)

ARM = Dialect(
    name="ARM",
    comment=re.compile("//|;"),
    vector=re.compile(r"\b[vqz](\d+)\b"),
    register=re.compile(r"\b([vqzxwds]\d+|sp|fp)\b"),
    memory=re.compile(r"\["),
    jump=re.compile(r"^\s+(?:b(?:\.\w+)?|cbn?z\s+\w+,|tbn?z\s+\w+,.*,)\s+(\.?[\w$]+)$"),
    frame=re.compile(r"^\s+(mov|add)\s+x29, *sp\b"),
    stack=("[sp", "[x29"),
    classes=(
        (r"fml[as]|fn?m(add|sub)|ml[as]\b", FMA),
        (r"fmul|mul\b", MULTIPLY),
        (r"f?(add|sub)\b", ADD),
        (r"ld1r|dup", BROADCAST),
        (r"ext\b|zip|uzp|trn|tbl|rev|ins\b", SHUFFLE),
        (r"ld", LOAD),
        (r"st", STORE),
    ),
    target_last=False,
)


@dataclass(frozen=True)
class Instruction:
    """One line of a listing.

    ``loads``: vectors it reads from memory, those folded into arithmetic among them.
    """

    text: str
    mnemonic: str
    operands: tuple[str, ...]
    kind: str
    loads: int
    on_stack: bool
    dialect: Dialect

    @property
    def label(self) -> str:
        """What a reader is told: the class, ``+load`` where memory is folded in, ``spill``."""
        folded = "+load" if self.loads and self.kind not in (LOAD, BROADCAST) else ""
        return "spill" if self.on_stack else self.kind + folded

    @property
    def reads_memory(self) -> bool:
        """Any load, scalar ones and broadcasts included; an address computation is none."""
        if self.kind == SCALAR:
            return self._addresses and not self.mnemonic.startswith(("lea", "st", "prefetch"))
        return bool(self.loads) or (self.kind == BROADCAST and self._addresses)

    @property
    def _addresses(self) -> bool:
        return any(self.dialect.memory.search(operand) for operand in self.operands)

    @property
    def target(self) -> str | None:
        """The register it writes."""
        if not self.operands or self.kind in (STORE, JUMP):
            return None
        if self.mnemonic.startswith(("cmp", "test", "tst", "prefetch")):
            return None
        operand = self.operands[-1 if self.dialect.target_last else 0]
        return None if self.dialect.memory.search(operand) else self._registers(operand)[0]

    @property
    def sources(self) -> tuple[str, ...]:
        """The registers it waits for."""
        at = len(self.operands) - 1 if self.dialect.target_last else 0
        read = [o for n, o in enumerate(self.operands) if n != at or self._updates]
        return tuple(name for operand in read for name in self._registers(operand))

    @property
    def _updates(self) -> bool:
        """Whether what it writes depends on what was there."""
        if self.target is None or self.kind == FMA:
            return True
        if not self.dialect.target_last:
            return False
        moves = self.mnemonic.startswith(("v", "mov", "lea", "pop", "set"))
        return not moves and len(self.operands) <= 2

    def _registers(self, operand: str) -> list[str]:
        vectors = [f"v{number}" for number in self.dialect.vector.findall(operand)]
        return vectors or self.dialect.register.findall(operand) or [operand]

    def cycles(self, arithmetic: int) -> int:
        """From operands to result, where multiply-adds take ``arithmetic``; no load included."""
        if self.kind in ARITHMETIC:
            return arithmetic
        return SHUFFLE_CYCLES if self.kind == SHUFFLE else SCALAR_CYCLES


def operands_of(text: str) -> tuple[str, ...]:
    """Split at the commas outside brackets.

    Examples
    --------
    >>> operands_of("8(%rsi,%rcx,4), %zmm0")
    ('8(%rsi,%rcx,4)', '%zmm0')
    """
    return tuple(part.strip() for part in re.split(r",(?![^(\[{]*[)\]}])", text) if part.strip())


def decode(line: str, dialect: Dialect, stack: tuple[str, ...]) -> Instruction:
    """The instruction on a line without comment; ``stack``: how addresses in the stack begin."""
    mnemonic, _, rest = line.strip().partition("\t" if "\t" in line.strip() else " ")
    operands = operands_of(rest)
    kind, loads = _kind(line, mnemonic, operands, dialect)
    spilled = bool(dialect.vector.search(line)) and any(place in line for place in stack)
    return Instruction(line.strip(), mnemonic, operands, kind, loads, spilled, dialect)


def _kind(line: str, mnemonic: str, operands: tuple[str, ...], dialect: Dialect) -> tuple[str, int]:
    """(class, vectors loaded)."""
    if dialect.jump.match(line) or (dialect is X86 and mnemonic.startswith("j")):
        return JUMP, 0
    if not dialect.vector.search(line):
        return SCALAR, 0
    kind = dialect.vector_class(mnemonic)
    if dialect is ARM:
        vectors = sum(bool(dialect.vector.search(operand)) for operand in operands)
        return kind, vectors if kind == LOAD else 0
    addresses = [bool(dialect.memory.search(operand)) for operand in operands]
    if kind == OTHER and any(addresses):
        kind = STORE if addresses[-1] else LOAD
    return kind, int(any(addresses[:-1]) and kind != BROADCAST)
