"""The competitors of ``parconv race``: one adapter each, all behind the same call.

An adapter prepares a workload outside the clock and returns ``run(out)``, which writes into
``out`` where the library can and returns its result; or None where the library cannot answer.
Times nothing.
"""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .workloads import Array, Workload

Run = Callable[[Array | None], Array]
Prepare = Callable[[Workload, Array, Array, int], Run | None]

# torch unrolls float64 images into one column per tap; beyond this it is no contest but a crash.
UNROLLED_BYTES = 2 * 2**30
ASTROPY_PIXELS = 2**20  # it needs seconds for more


@dataclass(frozen=True)
class Peer:
    """A library, the module that brings it, and whether it can write into a given array."""

    name: str
    module: str
    prepare: Prepare
    reuses: bool

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.module.partition(".")[0]) is not None

    @property
    def version(self) -> str:
        return str(importlib.import_module(self.module.partition(".")[0]).__version__)


def _parconv(workload: Workload, f: Array, g: Array, threads: int) -> Run:
    import parconv

    options: dict[str, Any] = {
        name: getattr(workload, name) for name in ("mode", "boundary", "method", "strategy")
    }
    if workload.planned:
        correlate = workload.correlation
        plan = parconv.plan2d(f, g, threads=threads, correlate=correlate, **options)
        return lambda out: plan(f, out=out)
    convolve = parconv.correlate2d if workload.correlation else parconv.conv2d
    return lambda out: convolve(f, g, out=out, threads=threads, **options)


def _scipy(workload: Workload, f: Array, g: Array, threads: int) -> Run | None:
    correlate: Any = importlib.import_module("scipy.ndimage").correlate
    borders = {"mirror": "mirror", "edge": "nearest", "symmetric": "reflect", "wrap": "grid-wrap"}
    if workload.mode != "same":  # it uses one core, however many are asked for
        return None
    weights = workload.weights(g)
    mode = borders.get(workload.boundary, workload.boundary)
    origin = [a - n // 2 for a, n in zip(workload.anchor, workload.taps, strict=True)]

    def run(out: Array | None) -> Array:
        result: Array = correlate(f, weights, output=out, mode=mode, origin=origin)
        return result

    return run


def _opencv(workload: Workload, f: Array, g: Array, threads: int) -> Run | None:
    import cv2

    borders = {
        "constant": cv2.BORDER_CONSTANT,
        "edge": cv2.BORDER_REPLICATE,
        "symmetric": cv2.BORDER_REFLECT,
        "mirror": cv2.BORDER_REFLECT_101,
    }
    if workload.mode != "same" or workload.boundary not in borders:
        return None
    cv2.setNumThreads(threads)
    weights, border = workload.weights(g), borders[workload.boundary]
    anchor = workload.anchor[::-1]

    def run(out: Array | None) -> Array:
        result: Array = cv2.filter2D(f, -1, weights, dst=out, anchor=anchor, borderType=border)
        return result

    return run


def _torch(workload: Workload, f: Array, g: Array, threads: int) -> Run | None:
    import torch
    from torch.nn import functional

    borders = {"constant": "constant", "mirror": "reflect", "edge": "replicate", "wrap": "circular"}
    unrolled = f.nbytes * g.size if f.dtype == np.float64 else 0
    if workload.boundary not in borders or unrolled > UNROLLED_BYTES:
        return None
    torch.set_num_threads(threads)
    # The view of a read-only array would warn; the copy keeps the crop's strides out of it too.
    image = torch.from_numpy(np.array(f)).unsqueeze(0).unsqueeze(0)
    weights = torch.from_numpy(workload.weights(g)).unsqueeze(0).unsqueeze(0)
    padding = _torch_padding(workload)
    mode = borders[workload.boundary]

    def run(out: Array | None) -> Array:
        with torch.inference_mode():
            padded = functional.pad(image, padding, mode) if any(padding) else image
            result: Array = functional.conv2d(padded, weights)[0, 0].numpy()
        return result

    return run


def _torch_padding(workload: Workload) -> list[int]:
    """Left, right, top, bottom."""
    if workload.mode == "valid":
        return [0, 0, 0, 0]
    (above, before), (rows, columns) = workload.anchor, workload.taps
    return [before, columns - 1 - before, above, rows - 1 - above]


def _astropy(workload: Workload, f: Array, g: Array, threads: int) -> Run | None:
    convolve: Any = importlib.import_module("astropy.convolution").convolve
    borders = {"constant": "fill", "edge": "extend", "wrap": "wrap"}
    odd = all(n % 2 for n in workload.taps)
    if workload.mode != "same" or workload.boundary not in borders or not odd:
        return None
    if f.size > ASTROPY_PIXELS:
        return None
    flipped = workload.weights(g)[::-1, ::-1]  # astropy convolves
    boundary = borders[workload.boundary]

    def run(out: Array | None) -> Array:
        result: Array = convolve(
            f, flipped, boundary=boundary, normalize_kernel=False, nan_treatment="fill"
        )
        return result

    return run


OURS = Peer("parconv", "parconv", _parconv, reuses=True)
PEERS: tuple[Peer, ...] = (
    Peer("opencv", "cv2", _opencv, reuses=True),
    Peer("torch", "torch", _torch, reuses=False),
    Peer("scipy", "scipy.ndimage", _scipy, reuses=True),
    Peer("astropy", "astropy", _astropy, reuses=False),
)


def chosen(names: str | None) -> tuple[Peer, ...]:
    """The peers named in a comma-separated list, or all of them."""
    if names is None:
        return PEERS
    known = {peer.name: peer for peer in PEERS}
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(f"peer {unknown[0]!r} is not known: choose from {', '.join(known)}")
    return tuple(known[name] for name in wanted)
