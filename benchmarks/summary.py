"""The summary: one page with the race, the roofline, the scaling over threads and the history."""

import base64
import datetime
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .charts import Line, chart
from .results import Commit, commits

HERE = Path(__file__).parent
Cell = tuple[str, str]  # a text, and what it is: a win, a loss or neither
Shown = dict[str, str]  # a picture, or a note that says why there is none
DAY = 86_400_000  # milliseconds
SCALING = "bench_scaling.Scaling.time_scaling"
BIG = "bench_big.Big.time_reused_output"
NO_MATPLOTLIB = "No chart: Matplotlib is missing (python3 -m pip install 'parconv[plot]')."


def page(results: Path, races: Path = HERE / "race", pictures: Path = HERE / "pictures") -> str:
    """The page as text; it needs no other file but asv's pages, to which it links.

    Parameters
    ----------
    results : Path
        Where asv kept the history.
    races, pictures : Path
        Reports of ``parconv race``, the last of each kind, and ``roofline.png``.

    Examples
    --------
    >>> page(HERE / "history").startswith("<!doctype html>")  # doctest: +SKIP
    True
    """
    history = commits(results)
    if not history:
        raise ValueError(f"results is {results}: nothing was recorded there")
    newest = history[-1]
    history = [commit for commit in history if commit.machine == newest.machine]
    return _template().render(
        races=_races(sorted(races.glob("*.json"))),
        roofline=_roofline(pictures / "roofline.png"),
        newest=newest.commit[:8],
        machine=newest.machine,
        scaling=_scaling(newest),
        commits=len(history),
        history=_over_commits(history),
    )


def _template() -> Any:
    try:
        import jinja2
    except ImportError:
        raise ValueError("jinja2 is not installed: python3 -m pip install -e '.[test]'") from None
    loader = jinja2.FileSystemLoader(HERE)
    known = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    return known.get_template("summary.html")


# --- the races -----------------------------------------------------------------------------------


def _races(reports: Sequence[Path]) -> list[dict[str, Any]]:
    """Every kind of race on every machine: the latest, the newest first."""
    latest = {_undated(path): path for path in sorted(reports)}
    found = sorted(latest.values(), key=lambda path: path.name, reverse=True)
    none = "No report yet: parconv race --json benchmarks/race/DATE-MACHINE.json"
    return [*map(_race, found)] or [{"name": "", "note": none, "rows": []}]


def _undated(path: Path) -> str:
    """What a report is of, behind its date."""
    return re.sub(r"^[\d-]+", "", path.stem)


def _race(path: Path) -> dict[str, Any]:
    """What was raced where, and the table."""
    report = json.loads(path.read_text(encoding="utf-8"))
    names = [name for name in report["versions"] if _raced(report["rows"], name)]
    counts = sorted({row["threads"] for row in report["rows"]})
    rivals = ", ".join(f"{name} {report['versions'][name]}" for name in names)
    note = (
        f"Median milliseconds with {' / '.join(map(str, counts))} threads, reused outputs, on "
        f"{report['machine']['cpu']} ({report['machine']['target']}), {report['machine']['cores']} "
        f"cores: {rivals}; {path.name}. The ratio is the best rival's time to parconv's; "
        f"the limit is what FMA peak and stream bandwidth allow, measured beside each row."
        f"{_together(report)}"
    )
    rows = list(_race_rows(report["rows"], names))
    return {"name": _undated(path), "note": note, "rows": rows}


def _together(report: dict[str, Any]) -> str:
    """What all rows say together; nothing in reports from before there was a summary."""
    found = report.get("summary", {}).get("all", {})
    if not found.get("least_ratio"):
        return ""
    least = found["least_ratio"]
    return (
        f" Geometric mean of the ratios: {_short(found['mean_ratio'], 2)}; the least is "
        f"{_short(least['value'], 2)} ({least['row']})."
    )


def _raced(rows: Sequence[dict[str, Any]], name: str) -> bool:
    return any(_milliseconds(row, name) for row in rows)


def _milliseconds(row: dict[str, Any], name: str) -> str:
    """Time of a library's fastest function; the library's name begins those of its functions."""
    times = [
        result["reused"]["median"]
        for result in row["results"]
        if result["name"].partition("-")[0] == name and result["reused"]
    ]
    return _short(1e3 * min(times)) if times else ""


def _short(number: float | None, digits: int = 3) -> str:
    """The digits that tell, and never an exponent; nothing for what was not measured."""
    if number is None:
        return ""
    return f"{number:.0f}" if number >= 10 ** (digits - 1) else f"{number:.{digits}g}"


def _race_rows(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> Iterable[list[Cell]]:
    """The heading, then a line for each workload with all its thread counts."""
    yield [(head, "") for head in ("image and filter", *names, "ratio", "% of limit")]
    workloads: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["threads"]):
        workloads.setdefault(row["workload"]["name"], []).append(row)
    for name, several in workloads.items():
        ratios = [_short(row["ratio"]["reused"], 2) for row in several]
        limits = [_short(row["percent_of_limit"]["reused"], 2) for row in several]
        times = ([_milliseconds(row, who) for row in several] for who in names)
        ours, *others = map(_side_by_side, (*times, ratios, limits))
        lost = any((row["ratio"]["reused"] or 1) < 1 for row in several)
        *rivals, ratio, limit = ((text, "") for text in others)
        judged = "loss" if lost else "win"
        yield [(name, ""), (ours, judged), *rivals, (ratio[0], judged), limit]


def _side_by_side(cells: Sequence[str]) -> str:
    return " / ".join(cell or "–" for cell in cells) if any(cells) else "–"


# --- pictures ------------------------------------------------------------------------------------


def _roofline(path: Path) -> Shown:
    if not path.is_file():
        note = "No picture yet: parconv roofline makes benchmarks/pictures/roofline.png."
        return {"note": note}
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    words = "Every row of the race under the ceilings"
    return {"picture": f'<img alt="{words}" src="data:image/png;base64,{data}">'}


def _drawn(*arguments: Any) -> Shown:
    try:
        return {"picture": chart(*arguments)}
    except ImportError:
        return {"note": NO_MATPLOTLIB}


def _scaling(commit: Commit) -> Shown:
    """Speed-up over threads of each strategy and filter."""
    times: dict[str, dict[int, float]] = {}
    for (threads, strategy, kernel), seconds in commit.series(SCALING):
        times.setdefault(f"{strategy}, {kernel}", {})[int(threads)] = seconds
    lines: dict[str, Line] = {
        name: {threads: series[1] / seconds for threads, seconds in series.items()}
        for name, series in times.items()
        if 1 in series
    }
    if not lines:
        return {"note": f"Commit {commit.commit[:8]} has no results of {SCALING}."}
    counts = sorted(set().union(*lines.values()))
    lines["ideal"] = {threads: float(threads) for threads in counts}
    return _drawn("speed-up over threads", lines, counts, ("threads", "speed-up"))


def _over_commits(history: Sequence[Commit]) -> Shown:
    """Time of each filter over the commits."""
    lines: dict[str, Line] = {}
    for kernel in sorted({params[1] for params, _ in history[-1].series(BIG)}, key=_size):
        points = {
            _dated(commit): seconds
            for commit in history
            for params, seconds in commit.series(BIG)
            if params == ("1", kernel, "float32")
        }
        if points:
            first = next(iter(points.values()))
            lines[kernel] = {name: seconds / first for name, seconds in points.items()}
    if not lines:
        return {"note": f"No results of {BIG}."}
    ticks = [_dated(commit) for commit in history]
    days = [commit.date / DAY for commit in history]
    return _drawn("time over commits", lines, ticks, ("", "time / first commit's"), days)


def _dated(commit: Commit) -> str:
    """The commit's day and name."""
    day = datetime.datetime.fromtimestamp(commit.date / 1e3, datetime.UTC)
    return f"{day:%Y-%m-%d} {commit.commit[:8]}"


def _size(kernel: str) -> int:
    return int(kernel.split("x")[0])
