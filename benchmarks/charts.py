"""Line charts as SVG text, in the colours of the page that holds them, light or dark."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

Line = Mapping[Any, float]  # x to y
MOST_TICKS = 24
INK = "#010203"  # stands for the page's own text colour, which Matplotlib cannot name
COLOURS = ("#3b82c4", "#d9772b", "#3d9a63", "#a259b5", "#c0504d", "#7f8c3a")
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.prop_cycle": f"cycler('color', {list(COLOURS)!r})",
    "axes.spines.top": False,
    "axes.spines.right": False,
} | dict.fromkeys(
    ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK
)


def chart(
    name: str, lines: Mapping[str, Line], ticks: Sequence[Any], labels: tuple[str, str],
    places: Sequence[float] | None = None,
) -> str:  # fmt: skip
    """An SVG element; a line named ``ideal`` is dashed.

    Parameters
    ----------
    name : str
        Also keeps the identifiers of several charts on one page apart.
    lines : mapping
        Name to points; points without a tick are left out.
    ticks : sequence
        Values of the x axis.
    labels : tuple of str
        Names of the x and the y axis.
    places : sequence, optional
        Where the ticks are, in order; by default evenly spaced.
    """
    import matplotlib
    from matplotlib.figure import Figure

    where = range(len(ticks)) if places is None else places
    style: Any = {**STYLE, "svg.hashsalt": name}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(7, 3.2), layout="constrained")
        axes = figure.subplots()
        for label, line in lines.items():
            points = [
                (at, line[tick]) for at, tick in zip(where, ticks, strict=True) if tick in line
            ]
            how: dict[str, Any] = (
                {"color": INK, "linestyle": "--"} if label == "ideal" else {"marker": "o"}
            )
            axes.plot(*zip(*points, strict=True), label=label, linewidth=1.5, markersize=4, **how)
        slant: dict[str, Any] = {"rotation": 30, "ha": "right"} if len(str(ticks[0])) > 2 else {}
        shown = _apart(where)
        axes.set_xticks([where[at] for at in shown], [str(ticks[at]) for at in shown], **slant)
        axes.set(xlabel=labels[0], ylabel=labels[1])
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.25)
        figure.legend(loc="outside right upper", frameon=False)
        return _inline(figure, name)


def _apart(where: Sequence[float]) -> list[int]:
    """Which ticks are named: each that is far enough from the one named before it."""
    least = (where[-1] - where[0]) / MOST_TICKS
    shown = [0]
    for at, place in enumerate(where):
        if place - where[shown[-1]] > least:
            shown.append(at)
    return shown


def _inline(figure: Any, name: str) -> str:
    target = io.StringIO()
    figure.savefig(target, format="svg", transparent=True, metadata={"Date": None})
    element = target.getvalue().partition("<svg")[2]
    element = re.sub(r' (?:width|height)="[^"]*pt"', "", element, count=2)
    return f'<svg role="img" aria-label="{name}"' + element.replace(INK, "currentColor")
