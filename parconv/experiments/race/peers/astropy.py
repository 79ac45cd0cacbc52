"""astropy: ``convolve`` of small images; it sums in float64, on one core."""

import importlib
from typing import Any

from ..workloads import Array, Workload
from .peer import Run

PIXELS = 2**20  # it needs seconds for more
BORDERS = {"constant": "fill", "edge": "extend", "wrap": "wrap"}


def prepare(workload: Workload, f: Array, g: Array, threads: int) -> Run | str:
    """`astropy.convolution.convolve`, without what it does to NaN unless that is asked."""
    convolve: Any = importlib.import_module("astropy.convolution").convolve
    odd = all(n % 2 for n in workload.taps)
    if workload.mode != "same" or workload.boundary not in BORDERS or not odd:
        return "it takes mode same, odd filters, and no border that mirrors"
    if f.size > PIXELS or f.dtype.kind != "f" or workload.channels:
        return "it takes small planes of floating-point numbers only"
    flipped = workload.weights(g)[::-1, ::-1]  # astropy convolves
    boundary, nan = BORDERS[workload.boundary], "interpolate" if workload.missing else "fill"

    def run(out: Array | None) -> Array:
        result: Array = convolve(
            f, flipped, boundary=boundary, normalize_kernel=False, nan_treatment=nan
        )
        return result

    return run
