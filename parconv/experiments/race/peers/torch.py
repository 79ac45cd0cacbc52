"""PyTorch: ``conv2d`` of one image, or of the channels of a colour image as planes."""

import math
from typing import Any

import numpy as np

from ..workloads import Array, Workload
from .peer import Run

# float64 images are unrolled into one column per tap; beyond this it is no contest but a crash.
UNROLLED_BYTES = 2 * 2**30
MOST_PRODUCTS = 4e9  # of taps and pixels: seconds
BORDERS = {"constant": "constant", "mirror": "reflect", "edge": "replicate", "wrap": "circular"}


def prepare(workload: Workload, f: Array, g: Array, threads: int) -> Run | None:
    """`torch.nn.functional.conv2d`, and `pad` where the workload has a border."""
    unrolled = f.nbytes * g.size if f.dtype == np.float64 else 0
    products = math.prod(workload.image) * g.size
    inexact = workload.keeps_type and f.dtype.kind in "fc"
    if workload.boundary not in BORDERS or not inexact:
        return None
    if unrolled > UNROLLED_BYTES or products > MOST_PRODUCTS:
        return None
    return _prepared(workload, f, g, threads)


def _prepared(workload: Workload, f: Array, g: Array, threads: int) -> Run:
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    # The view of a read-only array would warn; the copy keeps the crop's strides out of it too.
    planes = np.ascontiguousarray(f.transpose(2, 0, 1)) if workload.channels else np.array(f)[None]
    image = torch.from_numpy(planes).unsqueeze(1)
    weights = torch.from_numpy(workload.weights(g)).unsqueeze(0).unsqueeze(0)
    padding = _padding(workload)
    mode = BORDERS[workload.boundary]

    def run(out: Array | None) -> Array:
        with torch.inference_mode():
            padded = functional.pad(image, padding, mode) if any(padding) else image
            result: Any = functional.conv2d(padded, weights)[:, 0].numpy()
        found: Array = result.transpose(1, 2, 0) if workload.channels else result[0]
        return found

    return run


def _padding(workload: Workload) -> list[int]:
    """Left, right, top, bottom."""
    if workload.mode == "valid":
        return [0, 0, 0, 0]
    rows, columns = workload.margins
    return [*columns, *rows]
