"""What kernels must know of a vector unit: a row for each instruction set, and nothing else.

What is computed is right with any row; a row says what is fast.  `machine` tells which one holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

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
    some : bool
        Whether an instruction loads some lanes: else LLVM writes a branch for each.
    dots : tuple of int
        Bits of the numbers whose products an instruction adds to an int32: 8, 16.
    signed : bool
        Whether both factors of such products of bytes are signed: else the first is not.
    instructions : Mapping of str to str
        LLVM's names of what `operations` would else write with several instructions.
    kin : str
        The row whose entries in tables hold for this one, too.
    """

    name: str
    signs: tuple[str, ...]
    vector_bytes: int
    registers: int
    fma: bool = False
    masks: bool = False
    some: bool = False
    dots: tuple[int, ...] = ()
    signed: bool = False
    instructions: Mapping[str, str] = field(default_factory=dict)
    kin: str = ""

    def choose(self, table: Mapping[str | int, T]) -> T:
        """What a table has for its name or its kin's, or else for as many registers as it has.

        Of several numbers the greatest that is not above its own; of greater ones the least.

        Examples
        --------
        >>> AVX512.choose({32: "high", 16: "low"}), AVX2.choose({32: "high", 16: "low"})
        ('high', 'low')
        >>> SSE.choose({16: "low", "SSE": "lower"})
        'lower'
        """
        for name in (self.name, self.kin):
            if name in table:
                return table[name]
        counts = sorted(key for key in table if isinstance(key, int))
        return table[max((n for n in counts if n <= self.registers), default=counts[0])]


_FENCE = {"fence": "llvm.x86.sse.sfence"}
_PACKING = {"bytes": "pshuf.b", "words": "packssdw", "signed": "packsswb", "unsigned": "packuswb"}


def _packing(prefix: str, suffix: str = "") -> dict[str, str]:
    """Instructions that move bytes within 16."""
    return {key: f"llvm.x86.{prefix}.{name}{suffix}" for key, name in _PACKING.items()}


_CUTTING = {
    f"cut{size}": f"llvm.x86.avx.cvtt.{kind}2dq.256" for size, kind in ((4, "ps"), (8, "pd"))
}
_CUTTING_512 = {f"cut{size}": f"llvm.x86.avx512.mask.cvtt{kind}2dq.512"
                for size, kind in ((4, "ps"), (8, "pd"))}  # fmt: skip


def _dots(bits: int) -> dict[str, str]:
    """These names serve AVX-VNNI too; LLVM before 22 knows no vectors of bytes here."""
    return {
        "dot4": f"llvm.x86.avx512.vpdpbusd.{bits}", "dot2": f"llvm.x86.avx512.vpdpwssd.{bits}"
    }  # fmt: skip


def _lookup(bits: int) -> dict[str, str]:
    return {f"lookup{size}": f"llvm.x86.avx512.vpermi2var.{kind}.{bits}"
            for size, kind in ((4, "ps"), (8, "pd"))}  # fmt: skip


def _with(row: ISA, name: str, sign: str, instructions: Mapping[str, str], **known: Any) -> ISA:
    """A row of more instructions, where that sign is found too."""
    every = {**row.instructions, **instructions}
    return replace(
        row, name=name, signs=(*row.signs, sign), instructions=every, kin=row.name, **known
    )


def _with_dots(row: ISA, name: str) -> ISA:
    return _with(row, name, "vpdpbusd", _dots(8 * row.vector_bytes), dots=(8, 16))


def _with_byte_dots(name: str, sign: str, key: str, **known: Any) -> ISA:
    """NEON with an instruction that adds products of bytes."""
    instructions = {key: f"llvm.aarch64.neon.{sign}.v4i32.v16i8"}
    return _with(NEON, name, sign, instructions, dots=(8,), **known)


def _inverse(bits: int) -> dict[str, str]:
    """Estimates of 14 bits."""
    return {f"inverse{size}": f"llvm.x86.avx512.rcp14.{kind}.{bits}"
            for size, kind in ((4, "ps"), (8, "pd"))}  # fmt: skip


SSE = ISA("SSE", ("xmm",), 16, 16, instructions=_FENCE)
AVX = ISA("AVX", ("ymm",), 32, 16, some=True, instructions=_FENCE | _CUTTING)
AVX2 = ISA(
    "AVX2", ("ymm", "vfmadd"), 32, 16, fma=True, some=True,
    instructions=_FENCE | _CUTTING | _packing("avx2"),
)  # fmt: skip
AVX512 = ISA(
    "AVX-512", ("zmm",), 64, 32, fma=True, masks=True, some=True,
    instructions=_FENCE | _CUTTING_512 | _packing("avx512", ".512") | _lookup(512) | _inverse(512),
)  # fmt: skip
# For processors that slow down under wider vectors, where NUMBA_CPU_FEATURES asks for it.
AVX512_256 = replace(
    AVX512, name="AVX-512, 256 bits", signs=("zmm", "+prefer-256-bit"), vector_bytes=32,
    instructions=_FENCE | _CUTTING | _packing("avx2") | _lookup(256) | _inverse(256),
)  # fmt: skip
NEON = ISA(
    "NEON", ("fmla",), 16, 32, fma=True, instructions={"bytes": "llvm.aarch64.neon.tbl1.v16i8"}
)  # fmt: skip
OTHER = ISA("other", (), 16, 32)
# The first one holds of which all signs are found.
ISAS = [
    _with_dots(AVX512_256, "AVX-512 VNNI, 256 bits"), AVX512_256,
    _with_dots(AVX512, "AVX-512 VNNI"), AVX512, _with_dots(AVX2, "AVX-VNNI"), AVX2, AVX, SSE,
    _with_byte_dots("NEON, i8mm", "usdot", "dot4"),
    _with_byte_dots("NEON, dotprod", "sdot", "signed4", signed=True), NEON, OTHER,
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
