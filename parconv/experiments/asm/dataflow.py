"""Which instruction waits for which: registers and stack slots, read and written.

Reads instructions; runs nothing.  Resources are without end here: what is left are dependencies.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from .cpus import Core
from .isa import ARITHMETIC, BROADCAST, JUMP, LOAD, SHUFFLE, STORE, X86, Instruction
from .listing import Loop

LOADED, FORWARDED, SHUFFLED = 7, 5, 2  # cycles, about the same on every core of `cpus`
PASSES = 24  # enough for the cycles of a pass to be always the same
FLAGS = "flags"

_REGISTERS = re.compile(r"%(\w+)")
_ARM_REGISTERS = re.compile(r"\b([xwvqzds]\d+|sp)\b")
# Mnemonics that read the register they write, beside multiply-adds; that write none, or flags.
_CHANGES = re.compile(
    r"(add|sub|and|or|xor|imul|inc|dec|neg|not|sh[lr]|sa[lr]|adc|sbb|mul|min|max)"
)
_COMPARES = re.compile(r"(v?u?comis|cmp|test|bt\b|prefetch|cmn|tst|vptest|kortest)")
_SETS_FLAGS = re.compile(r"(add|sub|and|or|xor|inc|dec|neg|sh[lr]|sa[lr]|cmp|test|bt|v?u?comis|"
                         r"subs|adds|ands|cmn|tst|kortest|vptest)")  # fmt: skip
_ACCUMULATES = re.compile(
    r"vfn?m(add|sub)|vpdp|fml[as]|[su]?ml[as]l?2?\b|[su]{1,2}dot|fn?m(add|sub)"
)
_ZEROES = re.compile(r"v?p?xor\w*$|xorl$")


@dataclass(frozen=True)
class Access:
    """Names of what an instruction reads, of those what it reads as addresses, and writes."""

    reads: frozenset[str]
    addresses: frozenset[str]
    writes: frozenset[str]


@cache
def register(name: str) -> str:
    """One name for all widths of a register.

    Examples
    --------
    >>> register("eax") == register("rax"), register("zmm3"), register("r8d"), register("w7")
    (True, 'v3', 'r8', 'x7')
    """
    if vector := re.fullmatch(r"[xyz]mm(\d+)|[vqzds](\d+)", name):
        return f"v{vector[1] or vector[2]}"
    if arm := re.fullmatch(r"[xw](\d+)", name):
        return f"x{arm[1]}"
    if number := re.fullmatch(r"(r\d+)[dwb]?", name):
        return number[1]
    old = re.fullmatch(r"[re]?([abcd])[xlh]|[re]?(si|di|sp|bp)l?", name)
    return (old[1] or old[2]) if old else name


@cache
def access(one: Instruction) -> Access:
    """What one instruction reads and writes."""
    nothing = frozenset[str]()
    if one.kind == JUMP or not one.operands:
        return Access(frozenset((FLAGS,)) if one.kind == JUMP else nothing, nothing, nothing)
    pattern = _REGISTERS if one.dialect is X86 else _ARM_REGISTERS
    found = [frozenset(map(register, pattern.findall(o))) for o in one.operands]
    in_memory = [bool(one.dialect.memory.search(o)) for o in one.operands]
    addresses = nothing.union(*(f for f, m in zip(found, in_memory, strict=True) if m))
    slots = {slot(o) for o, m in zip(one.operands, in_memory, strict=True) if m}
    target = len(found) - 1 if one.dialect is X86 else 0
    stores = in_memory[target] if one.dialect is X86 else one.mnemonic.startswith("st")
    flags = {FLAGS} if _SETS_FLAGS.match(one.mnemonic) and not one.is_vector else set[str]()
    writes = flags | (slots if stores else _written(one, found, target))
    reads = _read(one, found, target, stores) | (nothing if stores else slots)
    return Access(reads, addresses, frozenset(writes))


def _read(
    one: Instruction, found: Sequence[frozenset[str]], target: int, stores: bool
) -> frozenset[str]:
    """Registers, that which it writes if it changes what is there."""
    if _ZEROES.match(one.mnemonic) and len(set(found)) == 1:
        return frozenset()
    whole = stores or _reads_target(one, found, target)
    return frozenset[str]().union(*(f for n, f in enumerate(found) if whole or n != target))


def slot(operand: str) -> str:
    """The name of a place in memory: its address as it is written."""
    return "at " + re.sub(r"\{.*\}", "", operand)


def _written(one: Instruction, found: Sequence[frozenset[str]], target: int) -> frozenset[str]:
    if _COMPARES.match(one.mnemonic):
        return frozenset()
    second = found[1] if one.mnemonic == "ldp" else frozenset[str]()
    return frozenset(name for name in found[target] if not re.match(r"k\d", name)
                     or len(found[target]) == 1) | second  # fmt: skip


def _reads_target(one: Instruction, found: Sequence[frozenset[str]], target: int) -> bool:
    if _ACCUMULATES.match(one.mnemonic) or _COMPARES.match(one.mnemonic):
        return True
    if "{%k" in one.operands[target] and "{z}" not in one.operands[target]:
        return True
    changed = one.dialect is X86 and len(one.operands) < 3 and _CHANGES.match(one.mnemonic)
    return bool(changed)


@dataclass(frozen=True)
class Edge:
    """``target`` needs what ``source`` made, in ``register``; ``carried``: a pass before."""

    source: int
    target: int
    register: str
    carried: bool


def edges(loop: Loop) -> tuple[Edge, ...]:
    """All of a pass, in the order of the instructions that wait."""
    every = [access(one) for one in loop.instructions]
    last: dict[str, int] = {}
    found: list[Edge] = []
    for turn in range(2):
        for number, one in enumerate(every):
            wanted = [name for name in one.reads if name in last]
            if turn:
                found += [Edge(abs(last[name]) - 1, number, name, last[name] < 0)
                          for name in sorted(wanted)]  # fmt: skip
            _forget(last, one.writes)
            last.update(dict.fromkeys(one.writes, number + 1))
        last = {name: -abs(number) for name, number in last.items()}
    return tuple(found)


def _forget(last: dict[str, int], written: frozenset[str]) -> None:
    """A slot is another one when a register of its address has changed."""
    for name in [n for n in last if n.startswith("at ")]:
        if any(register(r) in written for r in _REGISTERS.findall(name)):
            del last[name]


def latency(one: Instruction, core: Core) -> int:
    """Cycles until what waits for a register goes on; a load folded in is done before."""
    if one.kind in ARITHMETIC:
        return core.latency
    if one.kind == STORE:
        return FORWARDED
    if one.kind in (LOAD, BROADCAST) or one.reads_memory:
        return LOADED
    return SHUFFLED if one.kind == SHUFFLE else 1


@dataclass(frozen=True)
class Path:
    """The longest chain of instructions that wait for one another.

    ``one_pass``: cycles through a pass by itself; ``carried``: that every further pass adds, on a
    core that lacks nothing; ``numbers``: the instructions of the chain, the carried one where it
    takes longer than a cycle of counting.
    """

    one_pass: int
    carried: float
    numbers: tuple[int, ...]


def path(loop: Loop, core: Core) -> Path:
    """Of a loop on a core, by its published latencies."""
    waits = [latency(one, core) for one in loop.instructions]
    before: list[list[Edge]] = [[] for _ in waits]
    for edge in edges(loop):
        before[edge.target].append(edge)
    extra = [LOADED if one.loads and one.kind in ARITHMETIC else 0 for one in loop.instructions]
    addresses = [access(one).addresses for one in loop.instructions]

    def delay(edge: Edge) -> int:
        return extra[edge.target] if edge.register in addresses[edge.target] else 0

    done, origin = _simulated(before, waits, delay)
    size = len(waits)
    ends = [max(done[n * size : (n + 1) * size]) for n in range(PASSES)]
    carried = (ends[-1] - ends[PASSES // 2 - 1]) / (PASSES - PASSES // 2)
    first, _ = _simulated([[e for e in b if not e.carried] for b in before], waits, delay, 1)
    last = done.index(ends[-1], (PASSES - 1) * size)
    return Path(max(first), carried, tuple(sorted(set(_traced(origin, last, size)))))


def _simulated(
    before: Sequence[Sequence[Edge]],
    waits: Sequence[int],
    delay: Callable[[Edge], int],
    passes: int = PASSES,
) -> tuple[list[int], list[int | None]]:
    """When each instruction of each pass is done, and which one it waited for last."""
    done: list[int] = []
    origin: list[int | None] = []
    size = len(waits)
    for number in range(passes * size):
        here, place = number // size, number % size
        ready = [
            (done[source] + delay(edge), source)
            for edge in before[place]
            if (source := (here - edge.carried) * size + edge.source) >= 0
        ]
        latest = max(ready, default=None, key=lambda pair: pair[0])
        done.append((latest[0] if latest else 0) + waits[place])
        origin.append(latest[1] if latest else None)
    return done, origin


def _traced(origin: Sequence[int | None], last: int, size: int) -> list[int]:
    """The instructions on the way to the last one, of the last pass and the one before it."""
    found, least = list[int](), last - 2 * size
    place: int | None = last
    while place is not None and place > least:
        found.append(place % size)
        place = origin[place]
    return found
