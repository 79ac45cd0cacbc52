"""Means over what is not NaN, as people make them by hand: two correlations and a quotient.

Of the image with zeros where pixels are missing, and of ones where they are not.
"""

from collections.abc import Callable

import numpy as np

from ..workloads import Array, Workload
from . import opencv, scipy
from .peer import Run

Prepare = Callable[[Workload, Array, Array, int], Run | str]


def of_opencv(workload: Workload, f: Array, g: Array, threads: int) -> Run | str:
    """`cv2.filter2D` twice."""
    return _pair(opencv.filter2d, workload, f, g, threads)


def of_scipy(workload: Workload, f: Array, g: Array, threads: int) -> Run | str:
    """`scipy.ndimage.correlate` twice."""
    return _pair(scipy.correlate, workload, f, g, threads)


def _pair(prepare: Prepare, workload: Workload, f: Array, g: Array, threads: int) -> Run | str:
    if not workload.missing:
        return "it is for images of which pixels are missing"
    pixels, there = np.empty_like(f), np.empty_like(f)
    above = prepare(workload, pixels, g, threads)
    below = prepare(workload, there, g, threads)
    if isinstance(above, str) or isinstance(below, str):
        return above if isinstance(above, str) else str(below)
    total, sums = g.sum(dtype=np.float64), np.empty_like(f)

    def run(out: Array | None) -> Array:
        lost = np.isnan(f)
        np.copyto(pixels, f)
        pixels[lost] = 0
        np.logical_not(lost, out=there, casting="unsafe")
        found = np.asarray(above(out))
        np.divide(found, below(sums), out=found)
        return np.asarray(np.multiply(found, total, out=found, casting="unsafe"))

    return run
