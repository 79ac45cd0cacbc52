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


@dataclass(frozen=True)
class Dialect:
    """How one assembler writes; ``classes`` tells a vector instruction's class by its mnemonic."""

    name: str
    comment: re.Pattern[str]
    vector: re.Pattern[str]  # a vector register
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
    memory=re.compile(r"\("),
    jump=re.compile(r"^\s+j\w+\s+(\.?[\w$]+)$"),
    frame=re.compile(r"^\s+movq\s+%rsp, *%rbp$"),
    stack=("(%rsp", "(%rbp"),
    classes=(
        (r"vfn?m(add|sub)|vpdp", FMA),
        (r"v?mul[ps][sd]|vpmull[dq]", MULTIPLY),
        (r"v?(add|sub)[ps][sd]|v?p(add|sub)[bwdq]", ADD),
        (r"vp?broadcast|v?movddup", BROADCAST),
        (
            r"valign|vperm|v?p?shuf|v?palignr|v?p?unpck|v?insert|v?extract|v?p?blend|v?pmov[sz]x",
            SHUFFLE,
        ),
    ),
    target_last=True,
)

ARM = Dialect(
    name="ARM",
    comment=re.compile("//|;"),
    vector=re.compile(r"\b[vqz](\d+)\b"),
    memory=re.compile(r"\["),
    jump=re.compile(r"^\s+(?:b(?:\.\w+)?|cbn?z\s+\w+,|tbn?z\s+\w+,.*,)\s+(\.?[\w$]+)$"),
    frame=re.compile(r"^\s+(mov|add)\s+x29, *sp\b"),
    stack=("[sp", "[x29"),
    classes=(
        (r"fml[as]|fn?m(add|sub)|[su]?ml[as]l?2?\b|[su]{1,2}dot", FMA),
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
    ``on_stack``: it moves a vector or a scalar to the stack or from there.
    """

    text: str
    mnemonic: str
    operands: tuple[str, ...]
    kind: str
    loads: int
    on_stack: bool
    dialect: Dialect

    @property
    def is_vector(self) -> bool:
        return bool(self.dialect.vector.search(self.text))

    @property
    def label(self) -> str:
        """What a reader is told: the class, ``+load`` where memory is folded in, or a spill."""
        if self.on_stack:
            return "spill" if self.is_vector else "scalar spill"
        return self.kind + ("+load" if self.loads and self.kind not in (LOAD, BROADCAST) else "")

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
        """The vector register it writes, where it computes."""
        operand = self.operands[-1 if self.dialect.target_last else 0]
        register = self.dialect.vector.search(operand) if self.kind in ARITHMETIC else None
        return register[1] if register else None


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
    spilled = not mnemonic.startswith("lea") and any(place in line for place in stack)
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
