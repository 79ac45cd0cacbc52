"""Processors that need not be here, by the instruction set that a caller names.

Knows no convolution; `abroad` compiles for one of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ...problem.shown import shown

X86, ARM64 = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"


@dataclass(frozen=True)
class Target:
    """A machine as LLVM calls it, and processors that have the instruction set."""

    triple: str
    cores: tuple[str, ...]


TARGETS: Mapping[str, Target] = {
    "sse": Target(X86, ("nehalem",)),
    "avx2": Target(X86, ("haswell", "znver3")),
    "avx512": Target(X86, ("skylake-avx512", "znver5")),
    "neon": Target(ARM64, ("cortex-a72", "neoverse-n1", "neoverse-v1", "apple-m1")),
}


def chosen(name: str) -> Target:
    """The row of that name.

    Examples
    --------
    >>> chosen("avx2").cores
    ('haswell', 'znver3')
    """
    if name not in TARGETS:
        raise ValueError(f"isa is {shown(name)}: pass one of {', '.join(TARGETS)}")
    return TARGETS[name]
