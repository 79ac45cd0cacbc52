"""How rows of the race take to threads, and what law their times follow.

The record is that of a race; peers have as many threads as we.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

# Bound by products, by memory, by transforms; in one image, and in many small products.
ROWS = (
    "big 4096x4096 3x3 float32",
    "big 4096x4096 7x7 float32",
    "big 4096x4096 31x31 float32 auto",
    "separable 4096x4096 17x17 float32 auto gaussian:2",
    "integer 4096x4096 5x5 uint8 to uint8 auto",
    "medium 1024x1024 7x7 float32",
    "layer 32x64x56x56 64x64x3x3 float32 padding:1 planned",
    "depthwise 32x144x56x56 144x1x3x3 float32 padding:1 groups:144",
)
IMAGES, LAYERS = "opencv", "torch"  # torch takes seconds for an image

Row = dict[str, Any]


def measure(threads: Sequence[int], repeats: int, path: Path | None) -> Row:
    """The record of every row with every number of threads, written to ``path``."""
    from parconv.experiments.race import duel, grid, peers

    known = {row.name: row for row in grid.rows()}
    reports = []
    for row in map(known.__getitem__, ROWS):
        rivals = peers.chosen(LAYERS if row.group in ("layer", "depthwise") else IMAGES)
        reports.append(duel.race([row], threads, rivals, repeats))
    rows = tuple(row for report in reports for row in report.rows)
    record = replace(reports[0], rows=rows).to_json()
    if path:
        path.write_text(json.dumps(record, indent=1), encoding="utf-8")
    return record


def curves(record: Row) -> Iterator[tuple[list[Row], Any]]:
    """For each workload its rows, and a curve over threads."""
    from parconv.experiments.tune.scaling import Curve

    found: dict[str, list[Row]] = {}
    for row in record["rows"]:
        found.setdefault(row["workload"]["name"], []).append(row)
    for name, rows in found.items():
        seconds = {row["threads"]: _ours(row) for row in rows}
        yield rows, Curve(name, max(seconds), seconds)


def _ours(row: Row) -> float:
    (ours,) = (one for one in row["results"] if one["name"] == "parconv")
    return float(ours["reused"]["median"])


def told(record: Row) -> str:
    """A line for each workload: times, speed-ups, laws."""
    return "\n".join(_told(rows[-1], curve) for rows, curve in curves(record))


def _told(row: Row, curve: Any) -> str:
    times = (f"{n}: {1e3 * t:.3g} ms x {curve.speedups[n]:.2f}" for n, t in curve.seconds.items())
    best, ratio = row["best"]["reused"], row["ratio"]["reused"]
    peers = f"{best} / ours {ratio:.2f}" if ratio else "no peer"
    laws = (law.text for law in curve.fits())
    return "\n  ".join([curve.label, "  ".join(times), peers, *laws])
