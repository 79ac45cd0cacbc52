"""How many cycles a pass takes on this machine: the kernel on images that stay in the cache.

Two filters that differ in the number of passes alone are timed in turn; their difference is the
time inside the loop, whatever a call, a tile and its stores cost.  The clock is measured before and
after each pair.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from parconv import plan2d
from parconv.codegen import machine
from parconv.methods import direct
from parconv.methods.direct.tile import ROWS, VECTORS
from parconv.runtime.outputs import on_page

from ..timing import Run, Timing, seconds_per_call
from . import clock, kernels

OUTPUT_ROWS = 256 // ROWS * ROWS
VECTOR_COLUMNS = 5 * VECTORS  # 240 pixels of float32 with 512-bit vectors, 64 with 128-bit ones
SAMPLE_SECONDS = 5e-4
ROUNDS = 41
BEST_OF = 4  # samples: whatever interrupts one makes it longer, never shorter


@dataclass(frozen=True)
class Measured:
    """Cycles of one pass of a tile, of a whole tile with all that surrounds its passes, and GHz."""

    cycles: Timing
    tile: Timing
    gigahertz: Timing
    passes: int
    image: tuple[int, int]

    @property
    def outside(self) -> float:
        """The share of a tile's time that is not spent in its passes."""
        return max(0.0, 1 - self.passes * self.cycles.median / self.tile.median)


class Bench:
    """One filter on one image, ready to run in this thread."""

    def __init__(self, dtype: str, taps: tuple[int, int], pitch: int) -> None:
        kind = np.dtype(dtype)
        rows, columns = OUTPUT_ROWS, VECTOR_COLUMNS * machine.lanes(kind.itemsize)
        self.tiles = rows // ROWS * VECTOR_COLUMNS // VECTORS
        self.image = (rows + taps[0] - 1, columns + taps[1] - 1)
        whole = np.random.default_rng(0).random((self.image[0], pitch)).astype(kind)
        f, g = whole[:, : self.image[1]], np.ones(taps, kind)
        problem = plan2d(f, g, threads=1, strategy="serial", method="direct").problem
        out = on_page(rows * columns * kind.itemsize).view(kind).reshape(1, rows, columns)
        scratch = np.zeros(direct.workspace(problem), kind)
        layout, fill = direct.layout(problem), direct.fill(problem)
        values = direct.prepare(problem, g).values
        serial: Any = kernels.compiled(dtype)
        self.run: Run = lambda _: serial(f[None], values, fill, out, layout, scratch, 0, rows)
        self.run(None)
        self.calls = max(1, round(SAMPLE_SECONDS / seconds_per_call(self.run, None, 3)))

    def seconds(self) -> float:
        """The least time of a call."""
        return min(seconds_per_call(self.run, None, self.calls) for _ in range(BEST_OF))


def measure(dtype: str, one: kernels.Pass) -> Measured:
    """Time the passes of a filter in one thread."""
    itemsize = np.dtype(dtype).itemsize
    line = machine.CACHE_LINE // itemsize
    columns = VECTOR_COLUMNS * machine.lanes(itemsize) + one.longer[1]
    pitch = (-(-columns // line) | 1) * line  # an odd number of lines: rows in different sets
    short, long = Bench(dtype, one.taps, pitch), Bench(dtype, one.longer, pitch)
    samples = [_round(short, long, one.more) for _ in range(ROUNDS)]
    cycles, tile, clocks = (Timing.of(column, BEST_OF) for column in zip(*samples, strict=True))
    return Measured(cycles, tile, clocks, one.passes, short.image)


def _round(short: Bench, long: Bench, more: int) -> tuple[float, float, float]:
    """(cycles of a pass, cycles of a whole tile, GHz)."""
    (few, many), gigahertz = clock.around(BEST_OF, lambda: (short.seconds(), long.seconds()))
    per_tile = 1e9 * gigahertz / short.tiles
    return (many - few) * per_tile / more, few * per_tile, gigahertz
