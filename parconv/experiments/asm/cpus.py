"""What families of processors can do in a cycle beside multiply-adds, which are measured.

One table, of published figures: AMD's software optimisation guides (families 17h, 19h, 1Ah),
Intel's optimisation reference manual, Arm's software optimisation guides, and the measurements of
uops.info and chipsandcheese.com.  A row stands for every LLVM name that begins like one of its own.
"""

from dataclasses import dataclass

from ..ceilings import pipes


@dataclass(frozen=True)
class Core:
    """A multiply-add's latency, vector instructions of full width in a cycle, and dTLB entries.

    ``large`` counts first-level entries for 2 MiB pages; the second level holds both kinds.
    """

    names: tuple[str, ...]
    latency: int
    loads: float
    stores: float
    shuffles: float
    issue: int
    small: int
    large: int
    second: int


DEFAULT = Core((), 4, 2, 1, 1, 4, 64, 32, 1536)
CORES = (
    Core(("znver5",), 4, 2, 1, 2, 8, 96, 96, 4096),
    Core(("znver4",), 4, 1, 0.5, 1, 6, 72, 72, 3072),  # 512 bits in two halves
    Core(("znver3",), 4, 2, 1, 2, 6, 64, 64, 2048),
    Core(("znver2",), 5, 2, 1, 2, 6, 64, 64, 2048),
    Core(("znver1",), 5, 1, 0.5, 1, 6, 64, 64, 1536),  # 256 bits in two halves
    Core(("sapphire", "emerald", "granite"), 4, 2, 1, 1, 6, 96, 32, 2048),
    Core(("icelake", "tiger", "rocket"), 4, 2, 1, 1, 5, 64, 32, 2048),
    Core(("alder", "raptor", "meteor"), 4, 3, 2, 1, 6, 96, 32, 2048),
    Core(("arrow", "lunar"), 4, 3, 2, 2, 8, 128, 32, 2048),
    Core(("skylake", "cascade", "cooper", "kabylake", "cometlake"), 4, 2, 1, 1, 4, 64, 32, 1536),
    Core(("broadwell",), 5, 2, 1, 1, 4, 64, 32, 1536),
    Core(("haswell",), 5, 2, 1, 1, 4, 64, 32, 1024),
    Core(("apple",), 4, 3, 2, 4, 8, 160, 160, 3072),
    Core(("neoverse-v2", "cortex-x"), 4, 3, 2, 4, 8, 48, 48, 2048),
    Core(("neoverse-v1",), 4, 3, 2, 2, 8, 48, 48, 2048),
    Core(("neoverse", "cortex"), 4, 2, 2, 2, 4, 48, 48, 1280),
)


def core_of(target: str) -> Core:
    """The row of an LLVM processor name; `DEFAULT`, whose ``names`` are empty, of any other.

    Examples
    --------
    >>> core_of("znver5").issue, core_of("icelake-server").loads, core_of("z80").names
    (8, 2, ())
    """
    return next((core for core in CORES if target.startswith(core.names)), DEFAULT)


def host_core() -> Core:
    """The row of the core that this runs on."""
    return core_of(pipes.host())
