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
    name: str, lines: Mapping[str, Line], ticks: Sequence[Any], labels: tuple[str, str]
) -> str:
    """An SVG element; a line named ``ideal`` is dashed.

    Parameters
    ----------
    name : str
        Also keeps the identifiers of several charts on one page apart.
    lines : mapping
        Name to points; points without a tick are left out.
    ticks : sequence
        Values of the x axis, evenly spaced.
    labels : tuple of str
        Names of the x and the y axis.
    """
    import matplotlib
    from matplotlib.figure import Figure

    style: Any = {**STYLE, "svg.hashsalt": name}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(7, 3.2), layout="constrained")
        axes = figure.subplots()
        for label, line in lines.items():
            points = [(at, line[tick]) for at, tick in enumerate(ticks) if tick in line]
            how: dict[str, Any] = (
                {"color": INK, "linestyle": "--"} if label == "ideal" else {"marker": "o"}
            )
            axes.plot(*zip(*points, strict=True), label=label, linewidth=1.5, markersize=4, **how)
        slant: dict[str, Any] = {"rotation": 30, "ha": "right"} if len(str(ticks[0])) > 2 else {}
        every = -(-len(ticks) // MOST_TICKS)
        shown = range(0, len(ticks), every)
        axes.set_xticks(shown, [str(ticks[at]) for at in shown], **slant)
        axes.set(xlabel=labels[0], ylabel=labels[1])
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.25)
        figure.legend(loc="outside right upper", frameon=False)
        return _inline(figure, name)


def _inline(figure: Any, name: str) -> str:
    target = io.StringIO()
    figure.savefig(target, format="svg", transparent=True, metadata={"Date": None})
    element = target.getvalue().partition("<svg")[2]
    element = re.sub(r' (?:width|height)="[^"]*pt"', "", element, count=2)
    return f'<svg role="img" aria-label="{name}"' + element.replace(INK, "currentColor")
