"""A race's report for the terminal."""

from typing import TYPE_CHECKING

from parconv.runtime.ceilings import Ceilings

from ..screen import milliseconds, say, table
from .report import FRESH, PLAIN, PLANNED, REUSED, Facts, Report, Result, Row
from .summary import Least, Summary, is_near, summaries

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

OWN_OUTPUT, SLOW = "*", "†"
LEGEND = (
    "planned: ours as a plan made beforehand; plain: the call alone; all else of ours: called as "
    "the row says.  ratio: best peer / ours, above 1 where parconv is faster.\n"
    f"{OWN_OUTPUT} cannot reuse an output: fresh one measured.  {SLOW} slow: 1 to 3 rounds, with a "
    "reused output only.  scipy and astropy use one core, whatever the number of threads, but "
    "scipy-oa and scipy-fft.\n"
    "opencv: filter2D; -sep: sepFilter2D; -own: GaussianBlur, blur, Sobel.  scipy: ndimage; -own: "
    "gaussian_filter, uniform_filter, sobel; -oa: signal.oaconvolve, -fft: signal.fftconvolve, "
    "both of an image whose border is around it already.  torch-cl: channels last; -blocked: in "
    "oneDNN's own layout.  ipp: ippiFilterBorder; -sep: ippiFilterSeparable, -own: "
    "ippiFilterBoxBorder, ippiFilterGaussianBorder.  numpy-gemm: the matrix product alone.\n"
    "% limit: max(cost / FMA peak, bytes / stream bandwidth) of the method over our time, both "
    "measured before and after that row (their mean); may exceed 100 where the arrays stay in the "
    "caches.  predicted: the plan's forecast under those ceilings / our time (! beyond 1.5).  "
    "speed-up: over the fewest threads."
)


def show(report: Report, console: "Console") -> None:
    """Print the report."""
    show_facts(report, console)
    say(console, map(_ceiling, report.ceilings))
    console.print(_rows(report))
    say(console, [LEGEND, *_differing(report), *_failed(report), *_idle(report)])
    console.print(_summary(report))


def _ceiling(found: Ceilings) -> str:
    return (
        f"ceilings at best, threads {found.threads}: {found.gflops32:.0f} GFLOP/s float32, "
        f"{found.gflops64:.0f} float64, {found.gbytes:.0f} GB/s"
    )


def show_facts(report: Facts, console: "Console") -> None:
    """The machine, the versions, and what is not installed."""
    for facts in (report.machine, report.versions):
        say(console, [", ".join(f"{name} {value}" for name, value in facts.items())])
    if report.missing:
        names = ", ".join(report.missing)
        say(console, [f"not installed: {names} (the extras bench and peers bring them)"])


# --- rows ----------------------------------------------------------------------------------------


def _rows(report: Report) -> "Table":
    reused = ("threads", "method", "planned", "plain", "best peer", "peer")
    ratios = ("ratio, planned", "plain")
    ours = ("% limit", "predicted", "speed-up")
    fresh = ("fresh: ours", "best peer", "ratio", "others")
    words = ("workload", "method", "best peer", "others")
    result = table(("workload", *reused, *ratios, *ours, *fresh), words, title="times in ms")
    for row in report.rows:
        result.add_row(*_cells(report, row))
    return result


def _cells(report: Report, row: Row) -> list[str]:
    best, speedup = row.best(REUSED), report.speedup(row)
    others = [f"{label(r)} {row.ratio(REUSED, r):.1f}" for r in row.rivals if r is not best]
    return [
        row.workload.name,
        str(row.threads),
        _method(row),
        *(_milliseconds_of(row, way) for way in (PLANNED, PLAIN)),
        *_peer(row, REUSED),
        *(_ratio(row.ratio_of(way)) for way in (PLANNED, PLAIN)),
        f"{row.percent_of_limit(REUSED):.0f}",
        f"{row.prediction:.2f}{'' if is_near(row.prediction) else '!'}",
        "" if speedup is None else f"{speedup:.2f}",
        milliseconds(row.ours.seconds(FRESH)),
        _peer(row, FRESH)[0],
        _ratio(row.ratio(FRESH)),
        ", ".join(others),
    ]


def _method(row: Row) -> str:
    """Its name; of one that trades precision for time also the largest difference from a peer."""
    errors = [result.error for result in row.rivals if result.error is not None]
    if row.method != "winograd" or not errors:
        return row.method
    return f"{row.method}, off by {max(errors):.1e}"


def _milliseconds_of(row: Row, way: str) -> str:
    found = row.ways.get(way)
    return milliseconds(found.seconds(REUSED)) if found else ""


def _peer(row: Row, regime: str) -> list[str]:
    """The best one and its time."""
    peer = row.best(regime)
    return [label(peer), milliseconds(peer.seconds(regime))] if peer else ["", ""]


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def label(result: Result) -> str:
    """The competitor's name with its remarks."""
    return result.name + OWN_OUTPUT * result.own_output + SLOW * result.slow


def _differing(report: Report) -> list[str]:
    return [
        differs(result, row.label)
        for row in report.rows
        for result in (*row.results, *row.ways.values())
        if result.status == "differs"
    ]


def differs(result: Result, row: str) -> str:
    """What is said of wrong numbers."""
    return (
        f"differs: {result.name} in {row} (by up to {result.error:.2g}, in "
        f"{100 * (result.share or 0):.2g} % of the pixels): not raced"
    )


def _failed(report: Report) -> list[str]:
    """Peers whose library broke, or whose process ended."""
    return [
        f"failed: {result.name} in {row.label}: {result.reason}"
        for row in report.rows
        for result in row.results
        if result.status == "failed"
    ]


def _idle(report: Report) -> list[str]:
    """Why those peers did not race that could answer no row, by reasons."""
    reasons: dict[str, dict[str, None]] = {}
    for row in report.rows:
        for result in row.results:
            reasons.setdefault(result.name, {})[result.reason or ""] = None
    names: dict[str, list[str]] = {}
    for name, why in reasons.items():
        if "" not in why:  # it answered a row, rightly or not
            names.setdefault("; ".join(why), []).append(name)
    return [f"no row for {', '.join(peers)}: {why}" for why, peers in names.items()]


# --- many rows -----------------------------------------------------------------------------------


def _summary(report: Report) -> "Table":
    least = ("least ratio", "least speed-up, not bound by memory")
    ratios = ("rows", "mean ratio", "planned", "plain", least[0])
    headings = ("", *ratios, ">= 80 % of the limit", "predicted ± 1.5×", least[1])
    result = table(headings, ("", *least), title="rows together, outputs reused")
    for name, found in summaries(report).items():
        result.add_row(name, *_figures(found))
    return result


def _figures(found: Summary) -> list[str]:
    return [
        str(found.rows),
        *map(_ratio, (found.mean_ratio, found.mean_planned, found.mean_plain)),
        _told(found.least_ratio),
        _percent(found.near_limit),
        _percent(found.predicted),
        _told(found.least_speedup),
    ]


def _told(least: Least | None) -> str:
    return "" if least is None else f"{least.value:.2f} {least.row}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"
