"""PyTorch: ``conv2d`` of layers, of one image, or of the channels of a colour image as planes."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..layers import Layer
from ..workloads import Array, Workload
from .limits import Limit, only
from .peer import Run, Unread

# float64 images are unrolled into one column per tap; beyond this it is no contest but a crash.
UNROLLED_BYTES = 2 * 2**30
MOST_PRODUCTS = 4e9  # of taps and pixels: seconds
ONEDNN: tuple[Limit, ...] = (only("dtype", "float32"),)
BORDERS = {"constant": "constant", "mirror": "reflect", "edge": "replicate", "wrap": "circular"}


def prepare(workload: Workload, f: Array, g: Array, threads: int) -> Run | str:
    """`torch.nn.functional.conv2d`, and `pad` where the workload has a border."""
    unrolled = f.nbytes * g.size if f.dtype == np.float64 else 0
    products = math.prod(workload.image) * g.size
    inexact = workload.keeps_type and f.dtype.kind in "fc"
    if workload.boundary not in BORDERS or not inexact:
        return "it takes inexact numbers, and no symmetric border"
    if unrolled > UNROLLED_BYTES or products > MOST_PRODUCTS:
        return "it needs seconds, or memory for a column for each tap"
    return _prepared(workload, f, g, threads)


def _prepared(workload: Workload, f: Array, g: Array, threads: int) -> Run:
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    # The view of a read-only array would warn; the copy keeps the crop's strides out of it too.
    planes = np.ascontiguousarray(f.transpose(2, 0, 1)) if workload.channels else np.array(f)[None]
    image = torch.from_numpy(planes).unsqueeze(1)
    # torch multiplies one type with itself; integers of a filter are exact in any of floats.
    taps = workload.weights(g).astype(f.dtype)
    weights = torch.from_numpy(taps).unsqueeze(0).unsqueeze(0)
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


# --- layers --------------------------------------------------------------------------------------


def layer(workload: Layer, f: Array, g: Array, threads: int) -> Run | str:
    """`torch.nn.functional.conv2d`, channels before rows."""
    return _layer(workload, f, g, threads, lambda array: np.array(array, order="C"))


def channels_last(workload: Layer, f: Array, g: Array, threads: int) -> Run | str:
    """The same with maps and filters in memory whose channels come last."""
    return _layer(workload, f, g, threads, _last)


def blocked(workload: Layer, f: Array, g: Array, threads: int) -> Run:
    """The same in oneDNN's own layout, images, results and filters: its best case."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    sizes = ((getattr(workload, word),) * 2 for word in ("padding", "stride", "dilation"))
    words = ("stride", "padding", "dilation", "groups")
    question = {word: getattr(workload, word) for word in words}
    with torch.inference_mode():
        maps = np.array(f.transpose(0, 3, 1, 2) if workload.last else f, order="C")
        image, weights = (torch.from_numpy(a).to_mkldnn() for a in (maps, np.array(g)))
        weights = torch._C._nn.mkldnn_reorder_conv2d_weight(
            weights, *sizes, workload.groups, list(maps.shape)
        )

    def read(result: Any) -> Array:
        found: Array = result.to_dense().numpy()
        return found.transpose(0, 2, 3, 1) if workload.last else found

    def run(out: Array | None) -> Unread:
        with torch.inference_mode():
            found = functional.conv2d(image, weights, **question)
        return Unread(lambda: read(found))

    return run


def _last(array: Array) -> Array:
    """A copy with channels last; its strides say so even of one channel, as torch wants them."""
    b, c, h, w = array.shape
    copy = np.ascontiguousarray(array.transpose(0, 2, 3, 1))
    size = array.itemsize
    strides = (size * c * h * w, size, size * c * w, size * c)
    return np.lib.stride_tricks.as_strided(copy, (b, c, h, w), strides)


def _layer(
    workload: Layer, f: Array, g: Array, threads: int, arranged: Callable[[Array], Array]
) -> Run | str:
    import torch
    from torch.nn import functional

    if workload.dtype == "float64" and _unrolled(workload) > UNROLLED_BYTES:
        return "it needs memory for a column for each tap"
    torch.set_num_threads(threads)
    maps = f.transpose(0, 3, 1, 2) if workload.last else f
    image, weights = (torch.from_numpy(arranged(array)) for array in (maps, g))
    words = ("stride", "padding", "dilation", "groups")
    question = {word: getattr(workload, word) for word in words}

    def run(out: Array | None) -> Array:
        with torch.inference_mode():
            found: Array = functional.conv2d(image, weights, **question).numpy()
        return found.transpose(0, 2, 3, 1) if workload.last else found

    return run


def _unrolled(workload: Layer) -> int:
    """Bytes of the columns of one image, for as many threads as it has images at once."""
    _, inputs, rows, columns = workload.filters
    pixels = math.prod(workload.image[2:]) // workload.stride**2
    return 8 * inputs * rows * columns * workload.groups * pixels
