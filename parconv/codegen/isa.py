"""What kernels must know of a vector unit: a row for each instruction set, and nothing else.

What is computed is right with any row; a row says what is fast.  `machine` tells which one holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class ISA:
    """One instruction set.

    Attributes
    ----------
    name : str
        As a table may have it (`choose`).
    signs : tuple of str
        What `machine` finds where it holds: in its probe's assembly, or among the features that the
        user names.
    vector_bytes, registers : int
        Of the widest vectors, and how many there are.
    fma : bool
        Whether products are added in one instruction, rounded once.
    masks : bool
        Whether loads and stores of some lanes take no longer than whole ones.
    dots : bool
        Whether an instruction adds products of bytes, or of 16-bit words, to an int32.
    instructions : Mapping of str to str
        LLVM's names of what `operations` would else write with several instructions.
    """

    name: str
    signs: tuple[str, ...]
    vector_bytes: int
    registers: int
    fma: bool = False
    masks: bool = False
    dots: bool = False
    instructions: Mapping[str, str] = field(default_factory=dict)

    def choose(self, table: Mapping[str | int, T]) -> T:
        """What a table has for its name, or else for as many registers as it has.

        Of several numbers the greatest that is not above its own; of greater ones the least.

        Examples
        --------
        >>> AVX512.choose({32: "high", 16: "low"}), AVX2.choose({32: "high", 16: "low"})
        ('high', 'low')
        >>> SSE.choose({16: "low", "SSE": "lower"})
        'lower'
        """
        if self.name in table:
            return table[self.name]
        counts = sorted(key for key in table if isinstance(key, int))
        return table[max((n for n in counts if n <= self.registers), default=counts[0])]


_FENCE = {"fence": "llvm.x86.sse.sfence"}
_PACKING = {"bytes": "pshuf.b", "words": "packssdw", "signed": "packsswb", "unsigned": "packuswb"}


def _packing(prefix: str, suffix: str = "") -> dict[str, str]:
    """Instructions that move bytes within 16."""
    return {key: f"llvm.x86.{prefix}.{name}{suffix}" for key, name in _PACKING.items()}


def _dots(bits: int) -> dict[str, str]:
    """These names serve AVX-VNNI too; LLVM before 22 knows no vectors of bytes here."""
    return {
        "dot4": f"llvm.x86.avx512.vpdpbusd.{bits}", "dot2": f"llvm.x86.avx512.vpdpwssd.{bits}"
    }  # fmt: skip


def _lookup(bits: int) -> dict[str, str]:
    return {f"lookup{size}": f"llvm.x86.avx512.vpermi2var.{kind}.{bits}"
            for size, kind in ((4, "ps"), (8, "pd"))}  # fmt: skip


def _with_dots(row: ISA, name: str) -> ISA:
    instructions = {**row.instructions, **_dots(8 * row.vector_bytes)}
    signs = *row.signs, "vpdpbusd"
    return replace(row, name=name, signs=signs, dots=True, instructions=instructions)


SSE = ISA("SSE", ("xmm",), 16, 16, instructions=_FENCE)
AVX = ISA("AVX", ("ymm",), 32, 16, instructions=_FENCE)
AVX2 = ISA("AVX2", ("ymm", "vfmadd"), 32, 16, fma=True, instructions=_FENCE | _packing("avx2"))
AVX512 = ISA(
    "AVX-512", ("zmm",), 64, 32, fma=True, masks=True,
    instructions=_FENCE | _packing("avx512", ".512") | _lookup(512),
)  # fmt: skip
# For processors that slow down under wider vectors, where NUMBA_CPU_FEATURES asks for it.
AVX512_256 = replace(
    AVX512, name="AVX-512, 256 bits", signs=("zmm", "+prefer-256-bit"), vector_bytes=32,
    instructions=_FENCE | _packing("avx2") | _lookup(256),
)  # fmt: skip
NEON = ISA("NEON", ("fmla",), 16, 32, fma=True)
OTHER = ISA("other", (), 16, 32)
# The first one holds of which all signs are found.
ISAS = [
    _with_dots(AVX512_256, "AVX-512 VNNI, 256 bits"), AVX512_256,
    _with_dots(AVX512, "AVX-512 VNNI"), AVX512, _with_dots(AVX2, "AVX-VNNI"), AVX2, AVX, SSE,
    NEON, OTHER,
]  # fmt: skip


def found(signs: str) -> ISA:
    """The row that holds where those signs are.

    Examples
    --------
    >>> found("vfmadd213ps %ymm0, %ymm1, %ymm2").name
    'AVX2'
    >>> found("").name
    'other'
    """
    return next(row for row in ISAS if all(sign in signs for sign in row.signs))
