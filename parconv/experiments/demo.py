"""``parconv demo``: a photograph, four filters, every result checked, every time put in relation.

The reference is a shift-and-add in float64 that shares no code with the library.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parconv import conv2d, images, plan2d
from parconv.images import filter_text
from parconv.problem.question import Boundary
from parconv.runtime import budget
from parconv.runtime.ceilings import Ceilings

from . import ceilings, screen
from .ceilings import thread_counts
from .inputs import photograph
from .race.peers import NDIMAGE, OPENCV, Peer
from .race.workloads import Workload
from .screen import Announce, silent
from .timing import Run, seconds_per_call

if TYPE_CHECKING:
    from rich.table import Table

FILTERS = ("box:5", "gaussian:2", "sobel-x", "random:15")
BORDER: Boundary = "mirror"
ROUNDS = 7
PEER_ROUNDS = 3
SCIPY_SIDE = 1024  # scipy would need seconds for the whole photograph
WINDOW = 256  # side of the squares in which a result is checked
PICTURE = (600, 512)  # the photograph before it is tiled

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Line:
    """One filter with one number of threads; the peers' times are None where not installed."""

    name: str
    threads: int
    seconds: float
    speedup: float
    gflops: float
    percent_of_peak: float
    scipy_ratio: float | None
    opencv_ratio: float | None
    error: float  # the largest found, over max|f| sum|g|


@dataclass(frozen=True)
class Demo:
    """What the demo found, and where it drew the picture."""

    size: int
    lines: tuple[Line, ...]
    output: Path

    @property
    def worst_error(self) -> float:
        return max(line.error for line in self.lines)


def run(
    size: int = 4096,
    output: Path = Path("parconv-demo.png"),
    announce: Announce = silent,
) -> Demo:
    """Convolve the photograph with every filter and every number of threads; write the picture.

    Parameters
    ----------
    size : int
        The photograph is tiled up to ``size`` x ``size``.
    output : Path
        PNG with the photograph before and after.
    announce : callable
        Told what runs next, the steps done, and their number.

    Raises
    ------
    ArithmeticError
        A result is further from the reference than rounding explains.
    """
    images.check_png(output)
    f = photograph(size)
    counts = thread_counts(budget.thread_budget())
    announce("measuring this machine's ceilings", 0, len(FILTERS) + 1)
    limits = {count: ceilings.measure(count) for count in counts}
    lines: list[Line] = []
    shown = {"photograph": _corner(f)}
    for done, name in enumerate(FILTERS, 1):
        announce(name, done, len(FILTERS) + 1)
        g = filter_text.parse(name).astype(np.float32)
        out = conv2d(f, g, mode="same", boundary=BORDER)
        lines += _lines(name, f, g, out, limits)
        shown[name] = _corner(out)
    _save_picture(output, shown)
    return Demo(size, tuple(lines), output)


def _lines(
    name: str, f: Image, g: Image, out: Image, limits: Mapping[int, Ceilings]
) -> Iterator[Line]:
    scipy_seconds = _peer_seconds(NDIMAGE, f[:SCIPY_SIDE, :SCIPY_SIDE], g, 1)
    if scipy_seconds is not None:
        scipy_seconds *= f.size / f[:SCIPY_SIDE, :SCIPY_SIDE].size
    alone = None
    for threads, limit in limits.items():
        plan = plan2d(f, g, mode="same", boundary=BORDER, threads=threads)
        out.fill(np.nan)  # so that the check sees what this plan wrote, not the last one
        seconds = _median_seconds(partial(plan, f), out, ROUNDS)
        alone = alone or seconds
        gflops = plan.problem.flops / seconds / 1e9
        opencv_seconds = _peer_seconds(OPENCV, f, g, threads)
        yield Line(
            name,
            threads,
            seconds,
            alone / seconds,
            gflops,
            100 * gflops / limit.gflops32,
            scipy_seconds and scipy_seconds / seconds,
            opencv_seconds and opencv_seconds / seconds,
            check(f, g, out, name),
        )


def _median_seconds(run: Run, out: Image, rounds: int) -> float:
    run(out)
    return median(seconds_per_call(run, out, 1) for _ in range(rounds))


def _peer_seconds(peer: Peer, f: Image, g: Image, threads: int) -> float | None:
    """The time of one peer with a reused output, or None where it is not installed."""
    if not peer.installed:
        return None
    rows, columns = f.shape
    workload = Workload("demo", (rows, columns), (g.shape[0], g.shape[1]), boundary=BORDER)
    run = peer.prepare(workload, f, g, threads)
    return None if isinstance(run, str) else _median_seconds(run, np.empty_like(f), PEER_ROUNDS)


def check(f: Image, g: Image, out: Image, name: str) -> float:
    """The largest error in three windows, over ``max|f| sum|g|``; raise if it is no rounding error.

    The windows are two opposite corners, where the border counts, and the middle.
    """
    scale = float(np.abs(f).max()) * float(np.abs(g).sum(dtype=np.float64))
    bound = float(np.finfo(np.float32).eps) * (g.size + 2)
    padded = np.pad(f, [((n - 1) // 2,) * 2 for n in g.shape], mode="reflect")
    worst = 0.0
    for rows, columns in _windows(f.shape):
        inputs = padded[rows.start : rows.stop + g.shape[0] - 1,
                        columns.start : columns.stop + g.shape[1] - 1]  # fmt: skip
        error = float(np.abs(out[rows, columns] - shift_and_add(inputs, g)).max()) / scale
        if not error <= bound:
            raise ArithmeticError(f"{name}: error {error:.2g} of max|f| sum|g|, bound {bound:.2g}")
        worst = max(worst, error)
    return worst


def _windows(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    for place in (0, 0.5, 1):
        starts = [int(place * max(n - WINDOW, 0)) for n in shape]
        first, second = (slice(s, min(s + WINDOW, n)) for s, n in zip(starts, shape, strict=True))
        yield first, second


def shift_and_add(f: NDArray[Any], g: NDArray[Any]) -> NDArray[np.float64]:
    """The ``valid`` convolution in float64, one filter weight at a time."""
    rows, columns = (n - k + 1 for n, k in zip(f.shape, g.shape, strict=True))
    total = np.zeros((rows, columns))
    for i, j in np.ndindex(*g.shape):
        total += float(g[-1 - i, -1 - j]) * f[i : i + rows, j : j + columns]
    return total


def _corner(image: Image) -> Image:
    rows, columns = PICTURE
    return image[:rows, :columns].copy()


def _save_picture(output: Path, shown: Mapping[str, Image]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3 * len(shown), 3.9), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (name, image) in zip(figure.subplots(1, len(shown)), shown.items(), strict=True):
        low, high = np.percentile(image, (1, 99))  # a derivative has no natural black and white
        axes.imshow(image, cmap="gray", vmin=low, vmax=high)
        axes.set_title(name)
        axes.set_axis_off()
    with images.replacing(output) as file:
        figure.savefig(file, format="png", dpi=100)


def table(demo: Demo) -> "Table":
    """The lines for a terminal of at least 80 columns."""
    scaled = f", timed on {SCIPY_SIDE}² and scaled by area" if demo.size > SCIPY_SIDE else ""
    title = (
        f"photograph {demo.size} x {demo.size} float32, border {BORDER} "
        f"(scipy.ndimage on 1 thread{scaled}; OpenCV on as many as ours)"
    )
    headings = ("threads", "ms", "speed-up", "GFLOP/s", "% FMA\npeak", "×\nscipy", "×\nOpenCV")
    result = screen.table(("filter", *headings), ("filter",), title=title)
    for line in demo.lines:
        rates = (f"{line.speedup:.2f}", f"{line.gflops:.0f}", f"{line.percent_of_peak:.0f}")
        ratios = [f"{r:.1f}" if r else "" for r in (line.scipy_ratio, line.opencv_ratio)]
        result.add_row(line.name, str(line.threads), f"{1e3 * line.seconds:.2f}", *rates, *ratios)
    return result
