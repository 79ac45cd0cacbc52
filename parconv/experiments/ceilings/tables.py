"""A survey's record as tables for the terminal.  Measures nothing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from parconv.runtime.records import Record

from .moves import MOVES

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Titled = tuple[str, "Table"]
ALLOCATORS = {"np.empty": "np.empty (asks for huge pages)", "mmap": "mmap (smallest pages)"}
WAYS = {"omp": "prange, omp", "tbb": "prange, tbb", "workqueue": "prange, workqueue"}


def show(record: Record, console: "Console") -> None:
    """Print it."""
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    facts = ", ".join(f"{name} {value}" for name, value in record["fingerprint"].items())
    lines = [facts, versions, _caches_line(record), *record["notes"]]
    _say(console, *lines)
    for title, table in (
        _arithmetic(record),
        _bandwidth(record),
        _pages(record),
        _launches(record),
    ):
        _say(console, "", title)
        console.print(table)
    _say(console, *(f"no {name}: {reason}" for name, reason in record["absent"].items()))


def _say(console: "Console", *lines: str) -> None:
    """Lines as they are."""
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


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


def _table(*headings: str) -> "Table":
    from rich.table import Table

    table = Table()
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    return table


def _arithmetic(record: Record) -> Titled:
    """Operations per second and per cycle of one core."""
    kinds = [name for name in record["threads"][0]["gops"] if name not in record["absent"]]
    title = "multiply-adds: 1e9 operations/s (a multiply-add is two), and per cycle of one core"
    table = _table("threads", "GHz", "FMAs/cycle", *kinds)
    for row in record["threads"]:
        cycles = row["threads"] * row["gigahertz"]
        rates = [_per_cycle(row["gops"][kind], cycles) for kind in kinds]
        clock = f"{row['gigahertz']:.2f}"
        table.add_row(str(row["threads"]), clock, f"{row['fmas_per_cycle']:.2f}", *rates)
    return title, table


def _bandwidth(record: Record) -> Titled:
    title = "bandwidth: GB/s read + written by all threads, and bytes per cycle of one core"
    table = _table("where", "threads", *MOVES)
    for level in ("L1", "L2", "L3", "L4", "memory"):
        for row in record["threads"]:
            if level in row["bandwidth"]:
                table.add_row(level, str(row["threads"]), *_moves(row, row["bandwidth"][level]))
    return title, table


def _moves(row: Record, rates: dict[str, float]) -> Iterator[str]:
    cycles = row["threads"] * row["gigahertz"]
    return (_per_cycle(rates[move], cycles) for move in MOVES)


def _per_cycle(rate: float, cycles: float) -> str:
    return f"{_figure(rate)} ({rate / cycles:.0f})"


def _pages(record: Record) -> Titled:
    headings = ("fresh GB/s", "reused GB/s", "page", "ns per fresh page")
    title = "filling memory for the first time and again, one thread"
    table = _table("memory", *headings)
    for name, found in record["pages"].items():
        rates = (f"{found['fresh_gbytes']:.1f}", f"{found['reused_gbytes']:.1f}")
        page = (_bytes(found["page_bytes"]), f"{found['ns_per_page']:.0f}")
        table.add_row(ALLOCATORS[name], *rates, *page)
    return title, table


def _launches(record: Record) -> Titled:
    title = f"handing work to {record['launch_threads']} threads and back: µs"
    table = _table("by", "median", "90 %", "")
    for name, found in record["launches"].items():
        table.add_row(WAYS.get(name, name), *_launch(found))
    return title, table


def _launch(found: dict[str, Any]) -> tuple[str, ...]:
    from rich.markup import escape

    if "absent" in found:
        return "", "", escape(found["absent"])
    return _figure(found["median_us"]), _figure(found["p90_us"]), ""
