"""Cycles of a loop by OSACA, an analysis of port pressure and dependencies."""

import re
from functools import cache

from .listing import Loop
from .tools import PROBE_LINES, Forecast, Tool, probe, run

MISSING = (
    "OSACA is not installed (pip install osaca): no second opinion; the rest of the page stands"
)
# LLVM's names of processors, and OSACA's; the stand-ins in the order tried.
NAMES = {
    "haswell": "HSW", "broadwell": "BDW", "skylake-avx512": "SKX", "cascadelake": "CSX",
    "icelake-client": "ICL", "icelake-server": "ICX", "sapphirerapids": "SPR", "znver1": "ZEN1",
    "znver2": "ZEN2", "znver3": "ZEN3", "znver4": "ZEN4", "cortex-a72": "A72", "a64fx": "A64FX",
    "neoverse-n1": "N1", "neoverse-v1": "M1", "neoverse-v2": "V2",
}  # fmt: skip
STAND_INS = {"x86": ("SPR", "SKX", "ZEN3", "HSW"), "ARM": ("V2", "N1", "A72")}


@cache
def _analyse(tool: str, processor: str, text: str) -> tuple[float, float, float] | None:
    """(busiest port, critical path of one pass, longest loop-carried dependency) in cycles."""
    last = text.count("\n")
    told = run([tool, "--arch", processor, "--ignore-unknown", "--lines", f"1-{last}"], text)
    total = re.findall(r"^[ \d.]*\d\.\d[ \d.]*$", (told or "").partition("Loop-Carried")[0], re.M)
    if not total:
        return None
    *ports, critical, carried = map(float, total[-1].split())
    return max(ports, default=0.0), critical, carried


def rate(tool: str, processor: str, loop: Loop) -> float | None:
    """Multiply-adds in a cycle by the model of a processor."""
    found = _analyse(tool, processor, probe(loop))
    return PROBE_LINES / found[0] if found and found[0] else None


def forecast(tool: str, processor: str, loop: Loop) -> Forecast | None:
    """One pass through the loop; None where the tool cannot."""
    found = _analyse(tool, processor, loop.text())
    if found is None:
        return None
    ports, critical, carried = found
    cycles = max(ports, carried)
    limit = "dependencies" if carried > ports else "ports"
    words = f"{carried:.0f} cycles carried by the loop, {critical:.0f} through one pass"
    return Forecast(cycles, len(loop.instructions) / cycles, limit, words)


TOOL = Tool("osaca", MISSING, STAND_INS, rate, forecast, NAMES)
