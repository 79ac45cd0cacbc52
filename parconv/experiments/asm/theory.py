"""The theoretical maximum of the studies: the fewest cycles each unit of a core needs for an image.

Pure arithmetic on the shape of the tile and on a core's rates; `measured` alone runs anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median

import numpy as np

from parconv import plan2d
from parconv.codegen import machine
from parconv.methods.direct.tile import ROWS, VECTORS, row_groups

from ..timing import seconds_per_call
from . import clock
from .cpus import Core
from .ports import straddling

TAPS = (5, 5)
SIDES = (28, 516, 4100)
# A batch as in the studies, so that a call's own cost is spread over many small images.
PLANES = {28: 512}
ROUNDS = 7
SAMPLE_SECONDS = 5e-3


@dataclass(frozen=True)
class Maximum:
    """Cycles of one image by each unit, and what was measured here in one thread."""

    side: int
    bounds: Mapping[str, float]
    milliseconds: float
    cycles: float

    @property
    def bound(self) -> float:
        return max(self.bounds.values())

    @property
    def limit(self) -> str:
        """The unit that needs most."""
        return max(self.bounds, key=lambda name: self.bounds[name])

    @property
    def percent(self) -> float:
        """How near the time came to the bound: 100 would be the theoretical maximum."""
        return 100 * self.bound / self.cycles


def bounds(
    side: int, taps: tuple[int, int], itemsize: int, core: Core, fma: float, bytes_per_cycle: float
) -> dict[str, float]:
    """Cycles of a square image, mode valid; memory counts where image and result leave the caches.

    ``multiply-adds``: the useful ones, at full vector width.  ``whole tiles``: all that the tile
    computes, since rows and columns come in its steps.  ``loads``: each vector once for all rows of
    a group, a straddled line twice, and a weight per tap and tile.  ``registers``: the additions to
    one accumulator wait for one another, and only so many accumulators work at a time.
    """
    (rows, columns), lanes = taps, machine.lanes(itemsize)
    height, width = side - rows + 1, side - columns + 1
    strips, vectors = -(-height // ROWS), -(-width // lanes)
    tiles = vectors // VECTORS + vectors % VECTORS  # whole ones, then single columns of vectors
    read = sum(ROWS + len(members) - 1 for _, members in row_groups(rows, 1, 1)) * columns
    slots = strips * (vectors * read * (1 + straddling(itemsize)) + tiles * rows * columns)
    moved = (side * side + height * width) * itemsize
    found = {
        "multiply-adds": height * width * rows * columns / lanes / fma,
        "whole tiles": strips * ROWS * vectors * rows * columns / fma,
        "loads": slots / core.loads,
        "stores": strips * ROWS * vectors / core.stores,
        "registers": float(strips * tiles * rows * columns * core.latency),
    }
    if moved > 2 * machine.STREAM_BYTES:
        found["memory"] = moved / bytes_per_cycle
    return found


def measured(side: int, taps: tuple[int, int], dtype: str) -> tuple[float, float]:
    """(milliseconds, cycles) of one image in one thread, the result's array reused."""
    planes = PLANES.get(side, 1)
    f = np.random.default_rng(0).random((planes, side, side), np.float32).astype(dtype)
    plan = plan2d(f, np.ones(taps, dtype), threads=1, strategy="serial", method="direct")
    out = plan(f)
    calls = max(1, round(SAMPLE_SECONDS / seconds_per_call(partial(plan, f), out, 1)))
    samples = []
    for _ in range(ROUNDS):
        seconds, gigahertz = clock.around(
            2, partial(seconds_per_call, partial(plan, f), out, calls)
        )
        samples.append((1e3 * seconds / planes, 1e9 * seconds / planes * gigahertz))
    milliseconds, cycles = map(median, zip(*samples, strict=True))
    return milliseconds, cycles


def table(dtype: str, core: Core, fma: float, bytes_per_cycle: float) -> list[Maximum]:
    """One row for each image of the studies."""
    itemsize = np.dtype(dtype).itemsize
    return [
        Maximum(
            side,
            bounds(side, TAPS, itemsize, core, fma, bytes_per_cycle),
            *measured(side, TAPS, dtype),
        )
        for side in SIDES
    ]
