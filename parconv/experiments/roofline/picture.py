"""The roofline as a picture.  Draws what it is given; measures nothing."""

from collections.abc import Iterable, Sequence
from typing import IO, Any

import numpy as np

from ..screen import counted
from .dots import Dot, Roof

COLOURS = ("#1f6fb4", "#d1495b", "#2a9d5c", "#8d5bb5", "#c98a1b", "#5b6570")
MARKERS = "osD^vPX<>"
SIZE, RESOLUTION = (10.5, 6.6), 130  # inches, dots per inch
LABEL_GAP = 0.024  # least distance of two labels on the upper edge, in widths of the picture
SAME_PLACE = 1.015  # intensities this close share one label, and closer ones where many are
MOST_LABELS = int(0.8 / LABEL_GAP)
MOST_NAMES = 3  # on one label
FAR = 0.2  # of the limit
LABEL_ROOM = 1.8  # a slope shorter than this factor of GFLOP/s has no label


def draw(dots: Sequence[Dot], roofs: Sequence[Roof], file: IO[bytes], title: str = "") -> None:
    """Write the PNG: flops per byte against GFLOP/s, both logarithmic.

    Colour is the number of threads, the marker's shape is the group, hollow ones are float64; the
    upper edge names the filters.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    if title:
        figure.suptitle(title, fontsize=11)
    _frame(axes, dots, roofs)
    _draw_filters(axes, dots)
    colours = _colours(dots)
    _draw_dots(axes, dots, colours)
    figure.draw_without_rendering()  # settles the layout, and so the angle of the slopes
    for roof in roofs:
        _draw_roof(axes, roof, colours[roof.ceilings.threads])
    figure.savefig(file, format="png", dpi=RESOLUTION)


def _colours(dots: Iterable[Dot]) -> dict[int, str]:
    counts = sorted({dot.threads for dot in dots})
    return {count: COLOURS[i % len(COLOURS)] for i, count in enumerate(counts)}


def _frame(axes: Any, dots: Sequence[Dot], roofs: Sequence[Roof]) -> None:
    """Limits that show every dot and every ridge, and room for labels on the right."""
    from matplotlib.ticker import LogLocator

    intensities = [dot.intensity for dot in dots]
    highest = max(roof.ceilings.gflops32 for roof in roofs)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(min(intensities) / 4, max(*intensities, highest / roofs[0].lowest) * 4)
    axes.set_ylim(min(dot.gflops for dot in dots) / 1.5, highest * 1.45)
    axes.set_xlabel("flops per byte of image and output")
    axes.set_ylabel("GFLOP/s")
    axes.grid(True, which="major", color="#e6e6e6", linewidth=0.6)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_axisbelow(True)


# --- roofs ---------------------------------------------------------------------------------------


def _draw_roof(axes: Any, roof: Roof, colour: str) -> None:
    """Two peaks, the slope of the memory, and those of the caches."""
    left, right = axes.get_xlim()
    top, best = roof.ceilings.gflops32, roof.ceilings.gbytes
    # float64 on two threads is float32 on one: a label goes above the line, the other below
    peaks = (("float32", top, "-", 4), ("float64", roof.ceilings.gflops64, "--", -11))
    for name, peak, style, offset in peaks:
        axes.plot([peak / best, right], [peak, peak], style, color=colour, linewidth=1.5)
        text = f"{name} {peak:.0f} GFLOP/s, {counted(roof.ceilings.threads, 'thread')}"
        axes.annotate(text, (right, peak), (-5, offset), textcoords="offset points", ha="right",
                      fontsize=8, color=colour)  # fmt: skip
    axes.plot([left, top / best], [left * best, top], color=colour, linewidth=1.5)
    _shade_memory(axes, roof, colour)
    spread = f"{roof.lowest:.0f} to " if roof.lowest < 0.9 * best else ""
    _along(axes, f"memory {spread}{best:.0f} GB/s", best, top, colour)
    for level, rate in roof.slopes.items():
        axes.plot([left, top / rate], [left * rate, top], ":", color=colour, linewidth=1)
        _along(axes, f"{level} {rate:.0f} GB/s", rate, top, colour)


def _shade_memory(axes: Any, roof: Roof, colour: str) -> None:
    """Between the least and the best bandwidth of the race."""
    top = roof.ceilings.gflops32
    x = np.array([axes.get_xlim()[0], top / roof.ceilings.gbytes, top / roof.lowest])
    lowest, best = (np.minimum(rate * x, top) for rate in (roof.lowest, roof.ceilings.gbytes))
    axes.fill_between(x, lowest, best, color=colour, alpha=0.1, linewidth=0)


def _along(axes: Any, text: str, rate: float, top: float, colour: str) -> None:
    """A label that climbs with its slope, where there is room for it."""
    left = axes.get_xlim()[0]
    if rate * left * LABEL_ROOM > top:
        return
    (x0, y0), (x1, y1) = axes.transData.transform([(1, 1), (10, 10)])
    x = left * 1.08
    axes.text(x, rate * x * 1.09, text, rotation=np.degrees(np.arctan2(y1 - y0, x1 - x0)),
              rotation_mode="anchor", fontsize=8, color=colour)  # fmt: skip


# --- dots ----------------------------------------------------------------------------------------


def _draw_dots(axes: Any, dots: Sequence[Dot], colours: dict[int, str]) -> None:
    groups = list(dict.fromkeys(dot.group for dot in dots))
    markers = {group: MARKERS[i % len(MARKERS)] for i, group in enumerate(groups)}
    for dot in dots:
        colour = colours[dot.threads]
        axes.plot(dot.intensity, dot.gflops, markers[dot.group], markersize=6.5,
                  markeredgecolor=colour, markerfacecolor="white" if dot.double else colour,
                  alpha=0.85, zorder=3)  # fmt: skip
    _name_far(axes, dots)
    handles = [
        *(_handle("o", colour, counted(count, "thread")) for count, colour in colours.items()),
        *(
            _handle(markers[group], "#555555", f"{group}: {_shapes(dots, group)}")
            for group in groups
        ),
    ]
    if any(dot.double for dot in dots):
        handles.append(_handle("o", "#555555", "hollow: float64", hollow=True))
    axes.legend(handles=handles, loc="lower right", fontsize=8, framealpha=0.95)


def _name_far(axes: Any, dots: Iterable[Dot]) -> None:
    """The names of rows far below their roof, whose group and filter do not tell why."""
    far = {dot.name: dot for dot in dots if dot.gflops < FAR * dot.limit}
    for name, dot in far.items():
        axes.annotate(name, (dot.intensity, dot.gflops), (8, -3), textcoords="offset points",
                      fontsize=8, color="#444444")  # fmt: skip


def _handle(marker: str, colour: str, label: str, hollow: bool = False) -> Any:
    from matplotlib.lines import Line2D

    face = "white" if hollow else colour
    return Line2D([], [], color=colour, marker=marker, markerfacecolor=face, linestyle="",
                  label=label)  # fmt: skip


def _shapes(dots: Iterable[Dot], group: str) -> str:
    """The smallest and the largest image of a group."""
    shapes = sorted({dot.shape for dot in dots if dot.group == group})
    return " to ".join(
        "×".join(map(str, shape)) for shape in dict.fromkeys((shapes[0], shapes[-1]))
    )


def _draw_filters(axes: Any, dots: Sequence[Dot]) -> None:
    """A thin line up from every intensity to the names of its filters."""
    same = SAME_PLACE
    while len(places := _merged(dots, same)) > MOST_LABELS:
        same **= 1.5
    left, right = np.log(axes.get_xlim())
    wanted = [(np.log(x) - left) / (right - left) for x in places]
    for (x, names), place in zip(places.items(), _spread(wanted), strict=True):
        axes.axvline(x, color="#d0d0d0", linewidth=0.6, zorder=1)
        axes.annotate(
            _joined(names), (x, 1), (place, 1.03), xycoords=axes.get_xaxis_transform(),
            textcoords="axes fraction", rotation=60, fontsize=8, color="#444444",
            arrowprops={"arrowstyle": "-", "color": "#d0d0d0", "linewidth": 0.6},
        )  # fmt: skip


def _joined(names: Sequence[str]) -> str:
    more = ", …" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _merged(dots: Iterable[Dot], same: float = SAME_PLACE) -> dict[float, list[str]]:
    """Names of filters by intensity, those in the same place together."""
    places: dict[float, list[str]] = {}
    for dot in sorted(dots, key=lambda dot: dot.intensity):
        last = next(reversed(places), 0.0)
        x = last if dot.intensity <= last * same else dot.intensity
        name = "×".join(map(str, dot.taps)) + " float64" * dot.double
        if name not in places.setdefault(x, []):
            places[x].append(name)
    return places


def _spread(wanted: Sequence[float]) -> list[float]:
    """Ascending places at least LABEL_GAP apart, each near the one that is wanted."""
    steps = LABEL_GAP * np.arange(len(wanted))
    ahead = np.maximum.accumulate(wanted - steps) + steps
    behind = (np.minimum.accumulate((wanted - steps)[::-1]))[::-1] + steps
    return [float(place) for place in (ahead + behind) / 2]
