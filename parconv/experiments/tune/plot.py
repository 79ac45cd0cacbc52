"""The picture of a sweep: times and what follows from them over threads.  Needs matplotlib."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .outcome import Outcome
from .scaling import Curve, fullest

SIZE, DPI = (16, 5.5), 110
STYLES = ("--", ":", "-.", (0, (1, 4)))
SMOOTH = 100  # points of a fitted line


def draw(outcome: Outcome) -> Figure:
    """Four panels; hollow marks are threads beyond the cores, black lines are models."""
    figure = Figure(SIZE, DPI, layout="constrained")
    figure.suptitle(f"{outcome.subject.name}: {outcome.implementation}, {outcome.cores} cores")
    panels = dict(zip(PANELS, figure.subplots(1, len(PANELS)), strict=True))
    for name, panel in panels.items():
        panel.set(xlabel="threads", ylabel=name)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.axvline(outcome.cores, color="0.8", linewidth=1, zorder=0)
        for index, curve in enumerate(outcome.curves):
            _trace(panel, curve, PANELS[name](curve), f"C{index}")
    panels[TIME].set_yscale("log")
    panels[SERIAL].set_ylim(-0.1, 1.1)
    most = max((n for curve in outcome.curves for n in curve.seconds), default=1)
    panels[SPEEDUP].plot([1, most], [1, most], color="0.8", linewidth=1, zorder=0)
    best = fullest(outcome.curves)
    if best is not None:
        _models(panels[SPEEDUP], best, outcome)
    handles, labels = panels[SPEEDUP].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
    return figure


TIME, SPEEDUP, EFFICIENCY, SERIAL = (
    "time in ms", "speed-up", "efficiency", "serial share (Karp-Flatt)",
)  # fmt: skip
PANELS: dict[str, Callable[[Curve], dict[int, float]]] = {
    TIME: lambda curve: {n: 1e3 * t for n, t in curve.seconds.items()},
    SPEEDUP: lambda curve: curve.speedups,
    EFFICIENCY: lambda curve: {n: s / n for n, s in curve.speedups.items()},
    SERIAL: lambda curve: curve.serial_shares,
}


def _trace(panel: Any, curve: Curve, values: dict[int, float], colour: str) -> None:
    if not values:
        return
    panel.plot(list(values), list(values.values()), color=colour, linewidth=1, label=curve.label)
    for beyond in (False, True):
        points = {n: value for n, value in values.items() if (n > curve.cores) == beyond}
        face = "white" if beyond else colour
        panel.scatter(
            list(points), list(points.values()), s=22, facecolor=face, edgecolor=colour, zorder=3
        )


def _models(panel: Any, curve: Curve, outcome: Outcome) -> None:
    """The laws of one curve, up to the cores; where there is none the legend says why."""
    x = np.linspace(1, max(2, curve.cores), SMOOTH)
    laws = curve.laws(outcome.subject.problem)
    for style, law in zip(STYLES, laws, strict=True):
        y = [law.speedup(n) for n in x] if law.speedup is not None else []
        panel.plot(x[: len(y)], y, color="black", linewidth=1, linestyle=style, label=law.text)
