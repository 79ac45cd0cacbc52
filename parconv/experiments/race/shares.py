"""What many rows drawn at random say: means, shares below a bound, and the worst of them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import geometric_mean
from typing import TYPE_CHECKING, Any

from ..screen import milliseconds, say, table
from .layers import Layer
from .report import PLAIN, PLANNED, REUSED, Report, Row
from .table import show_facts

if TYPE_CHECKING:
    from rich.console import Console

WAYS = PLANNED, PLAIN
BOUNDS = 1.0, 1.3  # ratios below which rows are counted
WORST = 20  # rows that are shown


@dataclass(frozen=True)
class Shares:
    """Ratios, best peer / ours, of rows of one kind and number of threads, called in one way.

    Attributes
    ----------
    kind : str
        ``"images"``, ``"NCHW dense"`` and the like.
    rows : int
        Those that a peer could answer.
    mean : float
        Geometric mean of the ratios.
    below : tuple of float
        Shares of the rows with ratios below each of `BOUNDS`.
    least : float
        The least ratio.
    """

    kind: str
    threads: int
    way: str
    rows: int
    mean: float
    below: tuple[float, ...]
    least: float

    @classmethod
    def of(cls, kind: str, threads: int, way: str, ratios: Sequence[float]) -> "Shares":
        below = tuple(sum(r < bound for r in ratios) / len(ratios) for bound in BOUNDS)
        return cls(kind, threads, way, len(ratios), geometric_mean(ratios), below, min(ratios))


def kind_of(row: Row) -> str:
    """What it is counted with."""
    asked = row.workload
    if not isinstance(asked, Layer):
        return "images"
    if asked.filters[1] * asked.groups == 1:
        return "banks"
    depthwise = asked.groups == asked.image[1] > 1
    return f"{'NHWC' if asked.last else 'NCHW'} {'depthwise' if depthwise else 'dense'}"


def shares(rows: Sequence[Row]) -> list[Shares]:
    """Of each kind, number of threads and way, in that order."""
    found: dict[tuple[str, int, str], list[float]] = {}
    for row in rows:
        for way in WAYS:
            if (ratio := row.ratio_of(way)) is not None:
                found.setdefault((kind_of(row), row.threads, way), []).append(ratio)
    return [Shares.of(*key, ratios) for key, ratios in sorted(found.items())]


def worst(rows: Sequence[Row], way: str = PLANNED) -> list[tuple[float, Row]]:
    """The rows with the least ratios, and these."""
    ratios = [(ratio, row) for row in rows if (ratio := row.ratio_of(way)) is not None]
    return sorted(ratios, key=lambda pair: pair[0])[:WORST]


def show(report: Report, console: "Console") -> None:
    """Print all of it."""
    show_facts(report, console)
    sums = table(
        ("kind", "threads", "called", "rows", "mean", *(f"< {b}" for b in BOUNDS), "least")
    )
    for one in shares(report.rows):
        below = (f"{100 * share:.0f} %" for share in one.below)
        sums.add_row(
            one.kind, str(one.threads), one.way, str(one.rows), f"{one.mean:.2f}", *below,
            f"{one.least:.2f}",
        )  # fmt: skip
    console.print(sums)
    rows = table(("worst, planned", "method", "ours", "best peer", "peer", "ratio"), title="ms")
    for ratio, row in worst(report.rows):
        ours, peer = row.ways[PLANNED], row.best(REUSED)
        name, seconds = (peer.name, peer.seconds(REUSED)) if peer else ("", 0)
        rows.add_row(
            row.label, row.method, milliseconds(ours.seconds(REUSED)), milliseconds(seconds), name,
            f"{ratio:.2f}",
        )  # fmt: skip
    console.print(rows)
    differing = [r for row in report.rows for r in row.results if r.status == "differs"]
    say(console, [f"results of peers that differ from ours: {len(differing)}"] if differing else [])


def to_json(report: Report, seed: int) -> dict[str, Any]:
    """The race's own figures, and these."""
    found = [asdict(one) for one in shares(report.rows)]
    return {**report.to_json(), "seed": seed, "shares": found}
