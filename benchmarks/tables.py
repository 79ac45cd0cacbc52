"""The tables of the pages on speed, each made of one record of a race or of bursts.

A page holds a table between ``<!-- table: NAME -->`` and ``<!-- end -->``; no figure is
written by hand, so none can differ from the record.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import scaling

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
NONE = "–"  # nobody measured it
SHOWN, NAMED = (1, 2, 4, 8, 16), 8  # thread counts of a table, and the one that speaks for it
LIBRARIES = {"opencv": "OpenCV", "torch": "torch", "scipy": "SciPy", "astropy": "astropy"}

Row = dict[str, Any]


class Table(NamedTuple):
    """Where its figures are, what its columns are called, and the lines made of a record."""

    record: str
    heading: tuple[str, ...]
    lines: Callable[[Row], Iterable[Sequence[str]]]


# --- names ---------------------------------------------------------------------------------------


def name_of(asked: Row) -> str:
    """What a page calls a workload."""
    if "filters" in asked:
        return ", ".join([_times(asked["image"]), _times(asked["filters"]), *_unusual(asked)])
    image = [*asked["shape"], asked["channels"]] if asked.get("channels") else asked["shape"]
    words = [word for word in asked["name"].split()[3:] if word != "auto"]
    return " ".join([_times(image), _times(asked["taps"]), *words])


def _times(sizes: Sequence[int]) -> str:
    return "×".join(map(str, sizes))


def _unusual(asked: Row) -> Iterator[str]:
    """What a layer's name adds to its shapes."""
    yield from (f"{word} {asked[word]}" for word in ("stride", "dilation") if asked[word] != 1)
    if asked["groups"] > 1:
        yield "depthwise"
    if asked["tolerance"]:
        yield f"within {asked['tolerance']:.0e}".replace("e-0", "e-")
    if asked["dtype"] != "float32":
        yield asked["dtype"]


# --- cells: one thread / two threads -------------------------------------------------------------


def _milliseconds(seconds: float) -> str:
    value = 1e3 * seconds
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _factor(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}"


def _joined(cells: Iterable[str]) -> str:
    """Nothing but one dash where nobody knows anything."""
    found = list(cells)
    return NONE if set(found) == {NONE} else " / ".join(found)


def _seconds(row: Row, name: str, regime: str) -> float | None:
    for result in row["results"]:
        if result["name"] == name and result[regime]:
            return float(result[regime]["median"])
    return None


def _time(rows: Sequence[Row], name: str) -> str:
    found = [_seconds(row, name, "reused") for row in rows]
    return _joined(NONE if one is None else _milliseconds(one) for one in found)


def _over(rows: Sequence[Row], name: str, regime: str = "reused") -> str:
    """How many times as long as ours another takes."""
    pairs = [(_seconds(row, name, regime), _seconds(row, "parconv", regime)) for row in rows]
    return _joined(_factor(a / b) if a and b else NONE for a, b in pairs)


def _ratio(rows: Sequence[Row], regime: str) -> str:
    """The same of the best."""
    found = [row["ratio"][regime] for row in rows]
    return _joined(NONE if one is None else _factor(one) for one in found)


def _best(rows: Sequence[Row], called: Callable[[str], str] = str) -> str:
    """The fastest other, and what it is called, once for each number of threads if that differs."""
    names = [row["best"]["reused"] for row in rows]
    if None in names:
        return NONE
    times = (_time([row], name) for row, name in zip(rows, names, strict=True))
    return f"{' / '.join(times)} {' / '.join(dict.fromkeys(map(called, names)))}"


def _percent(rows: Sequence[Row], of: Callable[[Row], float]) -> str:
    return " / ".join(f"{of(row):.0f}" for row in rows)


def _limit(row: Row) -> float:
    return float(row["percent_of_limit"]["reused"])


def _peak(row: Row) -> float:
    return float(row["percent_of_peak"])


# --- lines ---------------------------------------------------------------------------------------


def _workloads(record: Row) -> Iterable[list[Row]]:
    """The rows of each, by threads; those without another to compare with tell nothing here."""
    found: dict[str, list[Row]] = {}
    for row in record["rows"]:
        found.setdefault(row["workload"]["name"], []).append(row)
    return (rows for rows in found.values() if rows[0]["best"]["reused"])


def _direct(record: Row) -> Iterator[Sequence[str]]:
    for rows in _workloads(record):
        others = _time(rows, "opencv"), _time(rows[:1], "scipy"), _time(rows[-1:], "torch")
        over, fresh = _over(rows, "opencv"), _over(rows, "opencv", "fresh")
        limit = _percent(rows, _limit)
        yield name_of(rows[0]["workload"]), _time(rows, "parconv"), *others, over, limit, fresh


def _auto(record: Row) -> Iterator[Sequence[str]]:
    for rows in _workloads(record):
        over, limit, fresh = _ratio(rows, "reused"), _percent(rows, _limit), _ratio(rows, "fresh")
        name = name_of(rows[0]["workload"])
        yield name, _time(rows, "parconv"), _best(rows), over, limit, fresh


def _layers(record: Row) -> Iterator[Sequence[str]]:
    for rows in _workloads(record):
        torch = _over(rows, "torch-cl"), _over(rows, "torch")
        name, peak = name_of(rows[0]["workload"]), _percent(rows, _peak)
        yield name, rows[0]["method"], _time(rows, "parconv"), peak, *torch


def _threads(record: Row) -> Iterator[Sequence[str]]:
    for rows, curve in scaling.curves(record):
        last, named = rows[-1], next(row for row in rows if row["threads"] == NAMED)
        fit = next(law.numbers for law in curve.fits() if law.name == "USL")
        yield (
            name_of(last["workload"]),
            *(_milliseconds(curve.seconds[n]) for n in SHOWN),
            " / ".join(f"{curve.speedups[row['threads']]:.1f}" for row in (named, last)),
            f"{fit['a']:.3f}, {fit['b']:.4f}",
            f"{_ratio([named, last], 'reused')} {_library(last['best']['reused'])}",
        )


def _bursts(record: Row) -> Iterator[Sequence[str]]:
    for burst in record["bursts"]:
        name = name_of(burst["workload"])
        for cell in burst["cells"]:
            calls = {call["name"]: call for call in cell["calls"]}
            times = (_call(calls[one]) for one in ("auto", "plain", "serial", "opencv"))
            yield name, f"{1e3 * cell['pause']:.0f} ms", str(cell["busy"]), *times


def _call(call: Row) -> str:
    """Its median and 95th percentile."""
    return f"{_milliseconds(call['median'])}, {_milliseconds(call['p95'])}"


def short(record: Row) -> Iterator[Sequence[str]]:
    """Lines for a page that has room for a few: the best library of all, and the ratio."""
    for rows in _workloads(record):
        name, best = name_of(rows[0]["workload"]), _best(rows, _library)
        yield name, _time(rows, "parconv"), best, _ratio(rows, "reused")


def _library(function: str) -> str:
    return LIBRARIES[function.partition("-")[0]]


TABLES = {
    "chosen": Table(
        "race/2026-11-29-chosen-sapphire-rapids-2-cores.json",
        ("image or maps, filter", "parconv", "best peer", "peer / parconv"),
        short,
    ),
    "direct": Table(
        "race/2026-11-20-zen5-2-cores.json",
        ("image, filter", "parconv", "OpenCV", "scipy", "torch", "OpenCV / parconv", "% of limit",
         "OpenCV / parconv, fresh output"),
        _direct,
    ),
    "auto": Table(
        "race/2026-11-20-auto-zen5-2-cores.json",
        ("image, filter", "parconv", "best of OpenCV", "best / parconv", "% of limit",
         "best / parconv, fresh output"),
        _auto,
    ),
    "layers": Table(
        "race/2026-11-20-layers-zen5-2-cores.json",
        ("image, filters", "method", "parconv", "% of peak", "torch channels-last / parconv",
         "torch NCHW / parconv"),
        _layers,
    ),
    "threads": Table(
        "threads/2026-11-29-emerald-rapids-16-cores.json",
        ("image or maps, filter", *(f"{n}" for n in SHOWN), "speed-up, 8 / 16", "USL a, b",
         "peer / parconv, 8 / 16"),
        _threads,
    ),
    "bursts": Table(
        "bursts/2026-11-28-zen3-2-cores.json",
        ("image, filter", "pause", "busy", "parconv, a plan", "parconv, a call", "one thread",
         "OpenCV"),
        _bursts,
    ),
}  # fmt: skip


# --- pages ---------------------------------------------------------------------------------------


def record_of(table: Table) -> Row:
    found: Row = json.loads((HERE / table.record).read_text(encoding="utf-8"))
    return found


def line(cells: Iterable[str]) -> str:
    """A line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def text(table: Table) -> str:
    """The whole table."""
    rule = "|---" * len(table.heading) + "|"
    return "\n".join([line(table.heading), rule, *map(line, table.lines(record_of(table)))])


def filled(page: str) -> str:
    """The page with the tables as the records have them."""
    for name, table in TABLES.items():
        between = rf"(<!-- table: {name} -->\n).*?(<!-- end -->)"
        if not re.search(between, page, flags=re.S):
            raise ValueError(f"the page has no '<!-- table: {name} -->' with an '<!-- end -->'")
        page = re.sub(between, lambda m, t=table: f"{m[1]}{text(t)}\n{m[2]}", page, flags=re.S)
    return page
