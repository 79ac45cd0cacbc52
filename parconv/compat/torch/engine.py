"""Layers over one, two and three axes by those over two."""

import math
from contextlib import nullcontext
from typing import Any

import numpy as np

from ...methods.gemm.blas import one_thread
from ...planner.answers import answer
from ...planner.plan import Plan
from ...problem.dtypes import Array
from ...problem.filter import filter_of
from ...transposed import computed
from . import depth, teamwork
from .arrays import store_of
from .geometry import Layer

# Groups of a layer whose gradients by weights are a layer each; of more, and where filters have one
# tap, they are products of matrices.  Of layers, of products and of torch, in ms (one thread,
# Sapphire Rapids VM, AVX-512, 2026-11): 8 x 256 x 14 x 14, 256 filters 3 x 3 7.4, 17.8, 11.2, in
# four groups of 16 and 32 at 28 x 28 1.6, 2.0, 0.9; 8 x 384 x 14 x 14 depthwise 213, 4.9, 0.8; 8 x
# 96 x 14 x 14, 576 filters 1 x 1 7.9, 1.6, 1.3.
GROUPS = 8
BORDERS = {"zeros": "constant", "reflect": "mirror", "replicate": "edge", "circular": "wrap"}


def as_rows(asked: Layer) -> Layer:
    """A layer of sequences as one of maps of a single row."""
    return Layer(
        2, (1, *asked.stride), ((0, 0), *asked.padding), (1, *asked.dilation), asked.groups
    )


def convolved(
    f: Array, g: Array, bias: Array | None, asked: Layer, last: bool = False, border: str = "zeros"
) -> Array:
    """The layer's maps; ``last``: channels are the last axis, of both maps."""
    if asked.rank == 1:
        flat = as_rows(asked)
        return convolved(f[:, :, None], g[:, :, None], bias, flat, border=border)[:, :, 0]
    if asked.rank == 3:
        return depth.convolved(f, g, bias, asked, border)
    plan, taps = planned(f, g, bias, asked, last, border)
    return teamwork.run(plan, taps, f)


def planned(
    f: Array, g: Array, bias: Array | None, asked: Layer, last: bool, border: str
) -> tuple[Any, Any]:
    """The plan of a layer over two axes, and its weights prepared."""
    words: dict[str, Any] = {
        "stride": asked.stride, "padding": asked.padding, "dilation": asked.dilation,
        "groups": asked.groups, "boundary": BORDERS[border], "axes": (1, 2) if last else (2, 3),
        "zero_taps": "keep", "threads": teamwork.threads(), **store_of(f.dtype),
    }  # fmt: skip
    if bias is not None:
        words["bias"] = bias
    plan, taps = answer(f, filter_of(g), words, True)
    assert isinstance(plan, Plan)  # over two axes
    return teamwork.through_caches(plan), taps


def transposed(
    f: Array, g: Array, bias: Array | None, asked: Layer, more: tuple[int, ...], last: bool = False
) -> Array:
    """The transposed layer's maps, of equal padding on both sides; ``last`` as above."""
    if asked.rank == 1:
        flat = as_rows(asked)
        return transposed(f[:, :, None], g[:, :, None], bias, flat, (0, *more))[:, :, 0]
    if asked.rank == 3:
        return depth.transposed(f, g, bias, asked, more)
    padding = tuple(both[0] for both in asked.padding)
    return computed(
        f, g, bias=bias, stride=asked.stride, padding=padding, output_padding=more,
        dilation=asked.dilation, groups=asked.groups, threads=teamwork.threads(),
        axes=(1, 2) if last else (2, 3), zero_taps="keep", launch=teamwork.launch,
    )  # fmt: skip


def of_weights(f: Array, slope: Array, taps: tuple[int, ...], asked: Layer) -> Array:
    """Of a loss whose gradient by the layer's maps is ``slope``: that by the filters."""
    if asked.rank == 3:
        return depth.of_weights(f, slope, taps, asked)
    if asked.rank == 1:
        return of_weights(f[:, :, None], slope[:, :, None], (1, *taps), as_rows(asked))[:, :, 0]
    how = _by_products if asked.groups > GROUPS or math.prod(taps) == 1 else _by_layers
    return how(f, slope, taps, asked)


def _by_layers(f: Array, slope: Array, taps: tuple[int, ...], asked: Layer) -> Array:
    """A correlation of maps with gradients whose channels are the batch.

    Its dilation is the layer's stride.
    """
    turned = asked._replace(stride=asked.dilation, dilation=asked.stride, groups=1)
    groups = asked.groups
    maps, slopes = np.split(f, groups, axis=1), np.split(slope, groups, axis=1)
    parts = [
        convolved(x.swapaxes(0, 1), y.swapaxes(0, 1), None, turned).swapaxes(0, 1)
        for x, y in zip(maps, slopes, strict=True)
    ]
    whole = np.concatenate(parts) if groups > 1 else parts[0]
    found: Array = whole[..., : taps[0], : taps[1]]  # rows that no stride reached are not taps
    return found


def _by_products(f: Array, slope: Array, taps: tuple[int, ...], asked: Layer) -> Array:
    """Tap by tap a product of matrices: of gradients, and of the pixels that the tap meets."""
    kind = np.dtype(np.float32) if f.dtype == np.float16 else f.dtype
    images, groups, (rows, columns) = len(f), asked.groups, slope.shape[2:]
    slopes = slope.astype(kind, copy=False).reshape(images, groups, -1, rows * columns)
    padded = np.pad(f, ((0, 0), (0, 0), *asked.padding)).astype(kind, copy=False)
    found = np.empty((slope.shape[1], f.shape[1] // groups, *taps), kind)
    with one_thread() if teamwork.threads() == 1 else nullcontext():
        for y, x in np.ndindex(*taps):
            top, left = y * asked.dilation[0], x * asked.dilation[1]
            met = padded[:, :, top :: asked.stride[0], left :: asked.stride[1]]
            pixels = met[:, :, :rows, :columns].reshape(images, groups, -1, rows * columns)
            products = np.matmul(slopes, pixels.swapaxes(2, 3)).sum(0)
            found[:, :, y, x] = products.reshape(found.shape[:2])
    return found.astype(f.dtype, copy=False)
