"""How many multiply-adds of whole vectors a core does in a cycle, as published, against a rate.

A neighbour on the other thread of the core halves the rate as steadily as a slow core would: only
the table knows the difference.  Figures: AMD's and Arm's optimisation guides, Intel's optimisation
reference manual, uops.info, chipsandcheese.com.
"""

from collections.abc import Mapping

import llvmlite.binding as llvm

# By the beginning of LLVM's name: what cores of that name do with vectors of so many bits.
PIPES: Mapping[tuple[str, ...], Mapping[int, tuple[int, ...]]] = {
    ("znver5",): {512: (1, 2), 256: (2,)},  # of laptops: 512 bits in two halves
    ("znver4",): {512: (1,), 256: (2,)},
    ("znver3", "znver2"): {256: (2,)},
    ("znver1",): {256: (1,)},
    ("sapphire", "emerald", "granite"): {512: (2,), 256: (2,)},
    ("icelake-server",): {512: (2,), 256: (2,)},
    ("icelake", "tiger", "rocket"): {512: (1,), 256: (2,)},
    ("skylake-avx512", "cascade", "cooper"): {512: (1, 2), 256: (2,)},  # some Xeons have one
    ("alder", "raptor", "meteor", "arrow", "lunar"): {256: (2,)},
    ("skylake", "kabylake", "cometlake", "broadwell", "haswell"): {256: (2,)},
    ("apple",): {128: (3, 4)},
    ("neoverse-v", "cortex-x"): {128: (2, 4)},
    ("neoverse-n",): {128: (2,)},
}
# Of what the table says: the clock is that of other instructions, which wide vectors may lower.
LEAST, MOST = 0.75, 1.15


def host() -> str:
    """LLVM's name of this core.

    Virtual machines may show the model number of another one: an Intel processor with matrix tiles
    is no older than Sapphire Rapids, whatever its number says.
    """
    tiles = llvm.get_host_cpu_features().get("amx-tile", False)
    return "sapphirerapids" if tiles else str(llvm.get_host_cpu_name())


def known(target: str, vector_bits: int) -> tuple[int, ...]:
    """What cores of that name may do; empty of any other.

    Examples
    --------
    >>> known("sapphirerapids", 512), known("z80", 8)
    ((2,), ())
    """
    rows = (row for names, row in PIPES.items() if target.startswith(names))
    return next(rows, {}).get(vector_bits, ())


def doubt(rate: float, target: str, vector_bits: int) -> str | None:
    """Why a measured rate is none of that core's; None where it may be one.

    Examples
    --------
    >>> doubt(1.96, "sapphirerapids", 512)
    >>> doubt(0.98, "sapphirerapids", 512)
    '0.98 multiply-adds a cycle were measured, a sapphirerapids does 2'
    """
    pipes = known(target, vector_bits)
    if not pipes or any(LEAST * n <= rate <= MOST * n for n in pipes):
        return None
    does = " or ".join(map(str, pipes))
    return f"{rate:.2f} multiply-adds a cycle were measured, a {target} does {does}"
