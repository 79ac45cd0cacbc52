"""NumPy's matrix product: what a layer of 1 x 1 is, channels last, and nothing else.

NumPy's BLAS lets its threads spin for 100 ms after a product, so it runs apart.
"""

import numpy as np
import threadpoolctl

from ..layers import Layer
from ..workloads import Array
from .limits import Limit, needs, only
from .peer import Run

LIMITS: tuple[Limit, ...] = (
    only("dtype", "float32", "float64"), only("stride", 1), only("padding", 0), only("groups", 1),
    needs("filters of 1 x 1", lambda asked: asked.filters[2:] == (1, 1)),
)  # fmt: skip


def layer(workload: Layer, f: Array, g: Array, threads: int) -> Run:
    """`numpy.matmul` of pixels x channels and channels x filters."""
    threadpoolctl.threadpool_limits(threads, "blas")
    maps = f if workload.last else f.transpose(0, 2, 3, 1)
    weights = np.ascontiguousarray(g[:, :, 0, 0].T)
    shape = *maps.shape[:3], len(g)
    pixels = np.ascontiguousarray(maps).reshape(-1, maps.shape[3])
    own = np.empty(shape, f.dtype)

    def run(out: Array | None) -> Array:
        target = np.empty_like(own) if out is None else out if workload.last else own
        np.matmul(pixels, weights, out=target.reshape(len(pixels), -1))
        return target if workload.last else target.transpose(0, 3, 1, 2)

    return run
