"""Instruction and cache counts without counters: valgrind's callgrind runs the measured calls.

An AVX2 machine with this one's first-level caches is simulated, whatever the real one is; valgrind
knows no AVX-512.  Its last level is smaller than the image, as it is for photographs of any size on
the machines of the studies: what goes through memory more often than once then shows as misses.
Counts are exact and repeat; times of a simulation mean nothing, so none are kept.
"""

import contextlib
import platform
import re
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from parconv.codegen.machine import CACHE_LINE
from parconv.problem.shown import shown
from parconv.runtime import budget

from .. import processes
from ..ceilings.caches import SYSFS, bytes_of, listed
from .child import Order

CPU = "haswell"
FEATURES = "avx avx2 bmi bmi2 cx16 f16c fma lzcnt movbe popcnt sse sse2 sse3 ssse3 sse4.1 sse4.2"
LEVELS = ("I1", "D1", "LL")
WAYS = 16  # of a last level that no machine has
LEAST_LAST = 128 * 2**10  # more than twice the largest first level
# callgrind's names, by ours; a sum where there are several
COUNTS: Mapping[str, tuple[str, ...]] = {
    "instructions": ("Ir",),
    "data reads": ("Dr",),
    "data writes": ("Dw",),
    "data accesses": ("Dr", "Dw"),
    "first-level data misses": ("D1mr", "D1mw"),
    "last-level misses": ("ILmr", "DLmr", "DLmw"),
    "branches": ("Bc", "Bi"),
    "mispredicted branches": ("Bcm", "Bim"),
}


def obstacle() -> str | None:
    """Why nothing can be simulated here, or None."""
    if shutil.which("valgrind") is None:
        return "valgrind is not installed: the package valgrind brings it"
    if platform.machine() not in ("x86_64", "AMD64"):
        return f"the simulation is of x86-64 only, not of {platform.machine()}"
    return None


def environment() -> dict[str, str]:
    """Variables with which a process compiles for AVX2, on one thread.

    The kernels stay in the usual cache, which knows processors apart: the next simulation need not
    compile them again.
    """
    one = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {
        **processes.environment(),
        **dict.fromkeys(one, "1"),
        "NUMBA_CPU_NAME": CPU,
        "NUMBA_CPU_FEATURES": ",".join(f"+{name}" for name in FEATURES.split()),
    }


def implementations(
    orders: Sequence[Order], directory: Path, last: int | None
) -> list[dict[str, float]]:
    """Counts per call of each implementation, with a last level of so many bytes.

    They are compiled by the processor itself first: valgrind then loads the machine code.
    """
    once = [replace(order, calls=1, threads=1, control=None, simulated=True) for order in orders]
    variables = environment()
    commands = [order.command() for order in once]
    run(commands, variables)
    texts = callgrind(commands, directory, variables, last)
    return [parse(text) for text in texts]


def command(arguments: Sequence[str], directory: Path, last: int | None) -> dict[str, float]:
    """Counts of a whole command, from its start to its end."""
    whole = "--instr-atstart=yes"
    return parse(callgrind([arguments], directory, environment(), last, whole)[0])


def callgrind(
    commands: Sequence[Sequence[str]],
    directory: Path,
    variables: Mapping[str, str],
    last: int | None,
    *more: str,
) -> list[str]:
    """What callgrind writes of each, from the first request on; ``more``: options of its own."""
    files = [directory / f"callgrind.{n}" for n in range(len(commands))]
    options = [
        "--tool=callgrind", "--cache-sim=yes", "--branch-sim=yes",
        "--instr-atstart=no", *caches(last), *more,
    ]  # fmt: skip
    valgrind = [
        ["valgrind", *options, f"--callgrind-out-file={file}", *command]
        for file, command in zip(files, commands, strict=True)
    ]
    run(valgrind, variables)
    return [file.read_text(encoding="utf-8") for file in files]


def run(commands: Sequence[Sequence[str]], variables: Mapping[str, str]) -> None:
    """Run them, as many at the same time as there are cores."""

    def finish(command: Sequence[str]) -> None:
        processes.finish("a process to simulate", command, variables)

    with ThreadPoolExecutor(budget.thread_budget()) as pool:
        list(pool.map(finish, commands))


def parse(text: str) -> dict[str, float]:
    """The counts in callgrind's file.

    Examples
    --------
    >>> parse("events: Ir Dr Dw\\ntotals: 10 3 1")
    {'instructions': 10, 'data reads': 3, 'data writes': 1, 'data accesses': 4}
    """
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    # The totals follow a request to forget what came before; the summary does not.
    names, totals = lines.get("events", "").split(), lines.get("totals", "").split()
    if not names or len(totals) != len(names):
        raise ValueError("callgrind counted nothing: its file has no totals")
    found = dict(zip(names, map(int, totals), strict=True))
    return {
        ours: sum(found[name] for name in theirs)
        for ours, theirs in COUNTS.items()
        if all(name in found for name in theirs)
    }


def last_level(image: int) -> int:
    """Bytes of a last level that holds half of an image of so many bytes, or this machine's."""
    return _rounded(min(max(image // 2, LEAST_LAST), _own().get("LL", (image, 0, 0))[0]))


def caches(last: int | None = None) -> list[str]:
    """This machine's caches as options, valgrind's own where hidden; ``last``: its last level.

    Under a hypervisor valgrind itself misreads the last level (384 MiB for 32, Zen 5, 2026-11).
    """
    found = _own()
    if last is not None:
        found["LL"] = (_rounded(last), WAYS, CACHE_LINE)
    return ["--{}={},{},{}".format(name, *found[name]) for name in LEVELS if name in found]


def check_last(last: int | None) -> None:
    """Raise ValueError where a last level is too small to be simulated."""
    if last is not None and last < LEAST_LAST:
        raise ValueError(f"cache is {told(last)}: pass at least {told(LEAST_LAST)}")


def bytes_asked(size: str) -> int:
    """Bytes of a size such as 1M, 512K or 300000.

    Examples
    --------
    >>> bytes_asked("1M")
    1048576
    """
    if not re.fullmatch(r"\d{1,12}[KMG]?", size, re.ASCII):
        raise ValueError(f"cache is {shown(size)}: pass a size such as 512K or 1M")
    return int(size) if size.isdecimal() else bytes_of(size)


def told(nbytes: int) -> str:
    """Such as 512 KiB."""
    return f"{nbytes // 2**20} MiB" if nbytes % 2**20 == 0 else f"{nbytes / 2**10:.4g} KiB"


def _own() -> dict[str, tuple[int, int, int]]:
    """Bytes, ways and bytes of a line of each cache that this machine shows."""
    names = ("level", "type", "ways_of_associativity", "coherency_line_size", "size")
    found = {}
    for level, kind, *sizes, size in listed(SYSFS, *names):
        name = {"1Data": "D1", "1Instruction": "I1"}.get(level + kind, "LL")
        with contextlib.suppress(ValueError, ZeroDivisionError):  # of no size, fully associative
            ways, line = map(int, sizes)
            found[name] = (_rounded(bytes_of(size), ways * line), ways, line)
    return found


def _rounded(nbytes: int, way: int = WAYS * CACHE_LINE) -> int:
    """As large, or smaller: callgrind has powers of two of sets only."""
    sets: int = 1 << (nbytes // way).bit_length() - 1
    return sets * way
