"""What families of processors can do in a cycle, and how many pages they remember.

One table, of published figures: AMD's software optimisation guides (families 17h, 19h, 1Ah),
Intel's optimisation reference manual, Arm's software optimisation guides, and the measurements of
uops.info and chipsandcheese.com.  A row stands for every LLVM name that begins like one of its own.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Core:
    """Vector instructions of full width in a cycle, the multiply-add's latency, and dTLB entries.

    ``large`` counts first-level entries for 2 MiB pages; the second level holds both kinds.
    """

    names: tuple[str, ...]
    fma: float
    latency: int
    loads: float
    stores: float
    shuffles: float
    issue: int
    small: int
    large: int
    second: int


DEFAULT = Core((), 2, 4, 2, 1, 1, 4, 64, 32, 1536)
CORES = (
    Core(("znver5",), 2, 4, 2, 1, 2, 8, 96, 96, 4096),
    Core(("znver4",), 1, 4, 1, 0.5, 1, 6, 72, 72, 3072),  # 512 bits in two halves
    Core(("znver3",), 2, 4, 2, 1, 2, 6, 64, 64, 2048),
    Core(("znver2",), 2, 5, 2, 1, 2, 6, 64, 64, 2048),
    Core(("znver1",), 1, 5, 1, 0.5, 1, 6, 64, 64, 1536),  # 256 bits in two halves
    Core(("sapphire", "emerald", "granite"), 2, 4, 2, 1, 1, 6, 96, 32, 2048),
    Core(("icelake-server",), 2, 4, 2, 1, 1, 5, 64, 32, 2048),
    Core(("icelake", "tiger", "rocket"), 1, 4, 2, 1, 1, 5, 64, 32, 2048),
    Core(("skylake-avx512", "cascade", "cooper"), 2, 4, 2, 1, 1, 4, 64, 32, 1536),
    Core(("alder", "raptor", "meteor"), 2, 4, 3, 2, 1, 6, 96, 32, 2048),
    Core(("arrow", "lunar"), 2, 4, 3, 2, 2, 8, 128, 32, 2048),
    Core(("skylake", "kabylake", "cometlake"), 2, 4, 2, 1, 1, 4, 64, 32, 1536),
    Core(("broadwell",), 2, 5, 2, 1, 1, 4, 64, 32, 1536),
    Core(("haswell",), 2, 5, 2, 1, 1, 4, 64, 32, 1024),
    Core(("apple",), 4, 4, 3, 2, 4, 8, 160, 160, 3072),
    Core(("neoverse-v2", "cortex-x"), 4, 4, 3, 2, 4, 8, 48, 48, 2048),
    Core(("neoverse-v1",), 4, 4, 3, 2, 2, 8, 48, 48, 2048),
    Core(("neoverse", "cortex"), 2, 4, 2, 2, 2, 4, 48, 48, 1280),
)


def core_of(target: str) -> Core:
    """The row of an LLVM processor name; `DEFAULT`, whose ``names`` are empty, of any other.

    Examples
    --------
    >>> core_of("znver5").issue, core_of("icelake-server").fma, core_of("z80").names
    (8, 2, ())
    """
    return next((core for core in CORES if target.startswith(core.names)), DEFAULT)
