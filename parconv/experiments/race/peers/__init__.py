"""The competitors of ``parconv race``: one adapter each, all behind the same call.

An adapter prepares a workload outside the clock and returns ``run(out)``, which writes into
``out`` where the library can and returns its result; or the reason why the library cannot answer,
unless the row's limits have told it before.  Times nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..workloads import Array
from . import (
    astropy,
    blas,
    graph,
    halide,
    ipp,
    onnxruntime,
    opencv,
    openvino,
    ours,
    pairs,
    scipy,
    torch,
    xnnpack,
)
from .peer import Entry, Peer, Run

OURS = Peer(
    "parconv",
    "parconv",
    ours.prepare,
    reuses=True,
    layer=ours.layer,
    volume=ours.volume,
    omits=True,
    own=ours.own,
)
OPENCV = Peer("opencv", "cv2", opencv.filter2d, reuses=True, layer=opencv.planes)
NDIMAGE = Peer("scipy", "scipy.ndimage", scipy.correlate, reuses=True, volume=scipy.volume)
PEERS: tuple[Peer, ...] = (
    OPENCV,
    Peer("opencv-sep", "cv2", opencv.sep_filter2d, reuses=True),
    # GaussianBlur of bytes has weights of eight fractional bits: 6 to 18 % of noise is off by one,
    # a pixel in a million by two (OpenCV 5.0)
    Peer("opencv-own", "cv2", opencv.own, reuses=True, slack=2),
    Peer("opencv-pair", "cv2", pairs.of_opencv, reuses=True, omits=True),
    Peer("torch", "torch", torch.prepare, layer=torch.layer),
    Peer("torch-cl", "torch", layer=torch.channels_last),
    NDIMAGE,
    Peer("scipy-own", "scipy.ndimage", scipy.own, reuses=True),
    Peer("scipy-oa", "scipy.signal", scipy.oaconvolve),
    Peer("scipy-fft", "scipy.signal", scipy.fftconvolve),
    Peer("scipy-pair", "scipy.ndimage", pairs.of_scipy, reuses=True, omits=True),
    Peer("astropy", "astropy", astropy.prepare, omits=True),
    Peer("ipp", "ipp", ipp.filter_border, reuses=True, limits=ipp.LIMITS),
    Peer("ipp-sep", "ipp", ipp.separable, reuses=True, limits=ipp.SEPARABLE),
    Peer("ipp-own", "ipp", ipp.own, reuses=True, limits=ipp.OWN),
    Peer("halide", "halide", halide.filter2d, reuses=True, limits=halide.LIMITS, apart=True),
    Peer(
        "halide-sep", "halide", halide.separable, reuses=True, limits=halide.SEPARABLE, apart=True
    ),
    Peer("torch-blocked", "torch", layer=torch.blocked, limits=torch.ONEDNN),
    Peer(
        "onnxruntime",
        "onnxruntime",
        layer=onnxruntime.layer,
        reuses=True,
        limits=graph.LIMITS,
        also=("onnx",),
        apart=True,
    ),
    Peer(
        "openvino",
        "openvino",
        layer=openvino.layer,
        reuses=True,
        limits=graph.LIMITS,
        also=("onnx",),
        apart=True,
    ),
    Peer("xnnpack", "ai_edge_litert", layer=xnnpack.layer, limits=xnnpack.LIMITS, apart=True),
    Peer("numpy-gemm", "numpy", layer=blas.layer, reuses=True, limits=blas.LIMITS, apart=True),
)

__all__ = ["NDIMAGE", "OPENCV", "OURS", "PEERS", "Peer", "Run", "chosen", "ours_as"]


def chosen(names: str | None, pool: Sequence[Peer] = PEERS) -> tuple[Peer, ...]:
    """Those named in a comma-separated list, a library by its first name; or all of them."""
    if names is None:
        return tuple(pool)
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = dict.fromkeys(name for peer in pool for name in (peer.library, peer.name))
    for name in wanted:
        if name not in known:
            raise ValueError(f"peer {name!r} is not known: choose from {', '.join(known)}")
    return tuple(peer for peer in pool if {peer.library, peer.name} & set(wanted))


def ours_as(name: str, **changes: Any) -> Peer:
    """parconv called otherwise than a workload says: planned or not, by another strategy."""

    def answer(workload: Entry, f: Array, g: Array, threads: int) -> Run | str:
        return OURS.prepare(replace(workload, **changes), f, g, threads)

    return Peer(
        name, "parconv", answer, reuses=True, layer=answer, volume=answer, omits=True, own=answer
    )
