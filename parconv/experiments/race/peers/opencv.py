"""OpenCV: any filter, two one-dimensional ones, and those that have a function of their own.

It knows no complex numbers and no periodic border.
"""

import numpy as np

from ..layers import Layer
from ..workloads import Array, Workload
from .limits import OUTER
from .peer import Run

# Types of images, and of results other than the image's.
TYPES, WIDER = {"uint8", "uint16", "int16", "float32", "float64"}, {"float32": "CV_32F"}
CANNOT = "it takes mode same, borders but periodic ones, and few types only"


def _border(workload: Workload) -> int | None:
    """Its constant for the border; None for a workload that it cannot answer."""
    import cv2

    borders = {
        "constant": cv2.BORDER_CONSTANT,
        "edge": cv2.BORDER_REPLICATE,
        "symmetric": cv2.BORDER_REFLECT,
        "mirror": cv2.BORDER_REFLECT_101,
    }
    able = workload.mode == "same" and workload.dtype in TYPES
    able = able and (workload.keeps_type or workload.kind in WIDER)
    return borders.get(workload.boundary) if able else None


def _depth(workload: Workload) -> int:
    """Its constant for the type of the results."""
    import cv2

    return -1 if workload.keeps_type else int(getattr(cv2, WIDER[workload.kind]))


def filter2d(workload: Workload, f: Array, g: Array, threads: int) -> Run | str:
    """`cv2.filter2D`: transforms filters of 11 x 11 and more."""
    import cv2

    border = _border(workload)
    if border is None:
        return CANNOT
    cv2.setNumThreads(threads)
    weights, anchor = _floating(workload.weights(g)), workload.anchor[::-1]
    depth = _depth(workload)

    def run(out: Array | None) -> Array:
        result: Array = cv2.filter2D(f, depth, weights, dst=out, anchor=anchor, borderType=border)
        return result

    return run


def _floating(weights: Array) -> Array:
    return weights.astype(np.float32) if weights.dtype.kind == "i" else weights


def sep_filter2d(workload: Workload, f: Array, g: Array, threads: int) -> Run | str:
    """`cv2.sepFilter2D`, where the filter is an outer product."""
    import cv2

    border = _border(workload)
    if border is None:
        return CANNOT
    if reason := OUTER(workload):
        return reason
    cv2.setNumThreads(threads)
    column, row = factors(_floating(workload.weights(g)))
    depth = _depth(workload)

    def run(out: Array | None) -> Array:
        result: Array = cv2.sepFilter2D(f, depth, row, column, dst=out, borderType=border)
        return result

    return run


def factors(weights: Array) -> tuple[Array, Array]:
    """Column and row of an outer product, through its largest entry."""
    exact = weights.astype(np.float64)
    i, j = np.unravel_index(np.abs(exact).argmax(), exact.shape)
    column, row = exact[:, j] / exact[i, j], exact[i]
    return column.astype(weights.dtype), row.astype(weights.dtype)


def own(workload: Workload, f: Array, g: Array, threads: int) -> Run | str:
    """`cv2.GaussianBlur`, `cv2.blur` or `cv2.Sobel`, after the filter's name."""
    import cv2

    border = _border(workload)
    kind, size = workload.named
    if border is None:
        return CANNOT
    taps, depth = workload.taps[::-1], _depth(workload)
    functions: dict[str, Run] = {
        "box": lambda out: cv2.boxFilter(f, depth, taps, dst=out, borderType=border),
        "sobel-x": lambda out: cv2.Sobel(f, depth, 1, 0, dst=out, borderType=border),
    }
    if workload.keeps_type:
        functions |= {
            "gaussian": lambda out: cv2.GaussianBlur(f, taps, size, dst=out, borderType=border),
            "box": lambda out: cv2.blur(f, taps, dst=out, borderType=border),
        }
    cv2.setNumThreads(threads)
    return functions.get(kind, "it has no function of that name")


def planes(workload: Layer, f: Array, g: Array, threads: int) -> Run | str:
    """`cv2.filter2D` in a loop over images and filters: layers of one channel."""
    import cv2

    (batch, channels, height, width), (outputs, _, rows, columns) = workload.image, workload.filters
    plain = workload.stride == workload.dilation == channels == 1
    if (
        not plain
        or workload.last
        or workload.padding not in (0, rows // 2)
        or rows % 2 == 0
        or rows != columns
    ):
        return "it takes layers of one channel, in loops over planes"
    cv2.setNumThreads(threads)
    whole = np.empty((batch, outputs, height, width), f.dtype)
    edge = 0 if workload.padding else rows // 2

    def run(out: Array | None) -> Array:
        results = whole if out is None or edge else out
        for image, maps in zip(f, results, strict=True):
            for weights, result in zip(g, maps, strict=True):
                cv2.filter2D(image[0], -1, weights[0], result, borderType=cv2.BORDER_CONSTANT)
        return results[..., edge : height - edge, edge : width - edge]

    return run
