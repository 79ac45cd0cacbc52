"""A survey's record as tables for the terminal.  Measures nothing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from parconv.runtime.records import Record

from ..screen import say, table
from .moves import MOVES

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

ALLOCATORS = {"np.empty": "np.empty (asks for huge pages)", "mmap": "mmap (smallest pages)"}
WAYS = {"omp": "prange, omp", "tbb": "prange, tbb", "workqueue": "prange, workqueue"}


def show(record: Record, console: "Console") -> None:
    """Print it."""
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    facts = ", ".join(f"{name} {value}" for name, value in record["fingerprint"].items())
    say(console, [facts, versions, _caches_line(record), *record["notes"]])
    for part in (_arithmetic, _bandwidth, _pages, _launches):
        console.print("", part(record))
    say(console, (f"no {name}: {reason}" for name, reason in record["absent"].items()))


def _caches_line(record: Record) -> str:
    return "caches: " + ", ".join(
        f"{cache['level']} {_bytes(cache['nbytes'])} for {cache['sharers']}"
        for cache in record["caches"]
    )


def _bytes(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 2**20 else f"{count >> 10} KiB"


def _figure(value: float) -> str:
    """Three significant digits, no exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _arithmetic(record: Record) -> "Table":
    """Operations per second and per cycle of one core."""
    kinds = [name for name in record["threads"][0]["gops"] if name not in record["absent"]]
    title = "multiply-adds: 1e9 operations/s (a multiply-add is two), and per cycle of one core"
    result = table(("threads", "GHz", "FMAs/cycle", *kinds), title=title)
    for row in record["threads"]:
        cycles = row["threads"] * row["gigahertz"]
        rates = [_per_cycle(row["gops"][kind], cycles) for kind in kinds]
        clock = f"{row['gigahertz']:.2f}"
        result.add_row(str(row["threads"]), clock, f"{row['fmas_per_cycle']:.2f}", *rates)
    return result


def _bandwidth(record: Record) -> "Table":
    title = "bandwidth: GB/s read + written by all threads, and bytes per cycle of one core"
    result = table(("where", "threads", *MOVES), ("where",), title=title)
    for level in ("L1", "L2", "L3", "L4", "memory"):
        for row in record["threads"]:
            if level in row["bandwidth"]:
                result.add_row(level, str(row["threads"]), *_moves(row, row["bandwidth"][level]))
    return result


def _moves(row: Record, rates: dict[str, float]) -> Iterator[str]:
    cycles = row["threads"] * row["gigahertz"]
    return (_per_cycle(rates[move], cycles) for move in MOVES)


def _per_cycle(rate: float, cycles: float) -> str:
    return f"{_figure(rate)} ({rate / cycles:.0f})"


def _pages(record: Record) -> "Table":
    headings = ("fresh GB/s", "reused GB/s", "page", "ns per fresh page")
    title = "filling memory for the first time and again, one thread"
    result = table(("memory", *headings), ("memory",), title=title)
    for name, found in record["pages"].items():
        rates = (f"{found['fresh_gbytes']:.1f}", f"{found['reused_gbytes']:.1f}")
        page = (_bytes(found["page_bytes"]), f"{found['ns_per_page']:.0f}")
        result.add_row(ALLOCATORS[name], *rates, *page)
    return result


def _launches(record: Record) -> "Table":
    title = f"handing work to {record['launch_threads']} threads and back: µs"
    result = table(("by", "median", "90 %", ""), ("by", ""), title=title)
    for name, found in record["launches"].items():
        result.add_row(WAYS.get(name, name), *_launch(found))
    return result


def _launch(found: dict[str, Any]) -> tuple[str, ...]:
    from rich.markup import escape

    if "absent" in found:
        return "", "", escape(found["absent"])
    return _figure(found["median_us"]), _figure(found["p90_us"]), ""
