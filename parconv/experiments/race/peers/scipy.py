"""SciPy: ``ndimage`` on one core, whatever is asked, and the transforms of ``signal`` on all.

``ndimage`` cuts fractions off where it stores integers.  So it sums them in the filter's type and
NumPy rounds them, a pass that is lost in the time of the sums; the filters that ``ndimage`` has a
function for would cut twice, and are left to floating-point images.
"""

import importlib
import math
from typing import Any

import numpy as np

from ..volumes import Volume
from ..workloads import Array, Workload
from .peer import Run

BORDERS = {"mirror": "mirror", "edge": "nearest", "symmetric": "reflect", "wrap": "grid-wrap"}
# Products of taps and pixels, in 1e9: 3 seconds for 4096 x 4096 at 15 x 15.  Beyond, only a result
# that nobody waits for.
MOST_PRODUCTS = 4e9
LEAST_TAPS = 11 * 11  # smaller filters are no case for a transform, but where sums are complex
PADDINGS = {"mirror": "reflect", "edge": "edge", "symmetric": "symmetric", "wrap": "wrap"}


def correlate(
    workload: Workload, f: Array, g: Array, threads: int, module: str = "scipy.ndimage"
) -> Run | str:
    """`scipy.ndimage.correlate`, or that of another module that has its functions."""
    function: Any = importlib.import_module(module).correlate
    products = math.prod(workload.image) * math.prod(workload.taps)
    if workload.mode != "same" or products > MOST_PRODUCTS:
        return "it takes mode same only, and seconds for so many products"
    weights = workload.weights(g).conj()  # it conjugates them back
    origin = [a - n // 2 for a, n in zip(workload.anchor, workload.taps, strict=True)]
    if workload.channels:
        weights, origin = weights[..., None], [*origin, 0]
    mode = BORDERS.get(workload.boundary, workload.boundary)
    wanted = np.dtype(workload.kind)
    if wanted.kind in "fc" or not workload.keeps_type:
        return lambda out: function(
            f, weights, output=wanted if out is None else out, mode=mode, origin=origin
        )
    kind = np.float32 if f.dtype.itemsize == 1 else np.float64

    def run(out: Array | None) -> Array:
        return _stored(function(f, weights, output=kind, mode=mode, origin=origin), f, out)

    return run


def _stored(sums: Array, f: Array, out: Array | None) -> Array:
    """The sums of a function that cannot round, as integers of the image's type."""
    limits = np.iinfo(f.dtype)
    np.rint(sums, out=sums)
    np.clip(sums, limits.min, limits.max, out=sums)
    if out is None:
        return sums.astype(f.dtype)
    np.copyto(out, sums, casting="unsafe")
    return out


def own(
    workload: Workload, f: Array, g: Array, threads: int, module: str = "scipy.ndimage"
) -> Run | str:
    """`gaussian_filter`, `uniform_filter` or `sobel`, after the filter's name."""
    ndimage: Any = importlib.import_module(module)
    kind, size = workload.named
    mode = BORDERS.get(workload.boundary, workload.boundary)
    functions: dict[str, Run] = {
        "gaussian": lambda out: ndimage.gaussian_filter(f, size, output=out, mode=mode),
        "box": lambda out: ndimage.uniform_filter(f, int(size), output=out, mode=mode),
        "sobel-x": lambda out: ndimage.sobel(f, 1, output=out, mode=mode),
    }
    plain = workload.keeps_type and f.dtype.kind == "f" and not workload.channels
    if not plain or workload.mode != "same":
        return "it takes mode same and planes of floating-point numbers only"
    return functions.get(kind, "it has no function of that name")


def volume(workload: Volume, f: Array, g: Array, threads: int) -> Run:
    """`gaussian_filter`, `uniform_filter`, `correlate` or `correlate1d`."""
    ndimage: Any = importlib.import_module("scipy.ndimage")
    (kind, size), axes = workload.named, workload.axes
    mode = BORDERS.get(workload.boundary, workload.boundary)

    def run(out: Array | None) -> Array:
        asked = {"output": np.float32 if out is None else out, "mode": mode}
        if kind == "gaussian":
            found = ndimage.gaussian_filter(f, size, axes=axes, **asked)
        elif kind == "box":
            found = ndimage.uniform_filter(f, size, axes=axes, **asked)
        elif len(axes) == 1:
            found = ndimage.correlate1d(f, g, axes[0], **asked)
        else:
            found = ndimage.correlate(f, g, axes=axes, **asked)
        return np.asarray(found)

    return run


def oaconvolve(workload: Workload, f: Array, g: Array, threads: int) -> Run | str:
    """`scipy.signal.oaconvolve`: transforms of tiles."""
    return _transformed("oaconvolve", workload, f, g, threads)


def fftconvolve(workload: Workload, f: Array, g: Array, threads: int) -> Run | str:
    """`scipy.signal.fftconvolve`: one transform of the whole image."""
    return _transformed("fftconvolve", workload, f, g, threads)


def _transformed(name: str, workload: Workload, f: Array, g: Array, threads: int) -> Run | str:
    """A transform of the image with its border around it, as those functions know no border."""
    function: Any = getattr(importlib.import_module("scipy.signal"), name)
    fft: Any = importlib.import_module("scipy.fft")
    large = g.size >= LEAST_TAPS or f.dtype.kind == "c"
    inexact = workload.keeps_type and f.dtype.kind in "fc"
    if workload.channels or not inexact or not large:
        return "it takes planes of inexact numbers, and large filters only"
    padded = _padded(workload, f)
    weights = workload.weights(g)[::-1, ::-1].astype(f.dtype)  # a filter to convolve with

    def run(out: Array | None) -> Array:
        with fft.set_workers(threads):
            result: Array = function(padded, weights, mode="valid")
        return result

    return run


def _padded(workload: Workload, f: Array) -> Array:
    if workload.mode != "same":
        return f
    modes: dict[str, Any] = {**PADDINGS, "constant": "constant"}
    return np.pad(f, workload.margins, mode=modes[workload.boundary])
