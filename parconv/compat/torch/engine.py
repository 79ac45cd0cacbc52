"""Layers over one, two and three axes by those over two."""

from typing import Any

import numpy as np

from ...planner.answers import answer
from ...planner.plan import Plan
from ...problem.dtypes import Array
from ...problem.filter import filter_of
from ...transposed import conv_transpose2d
from . import depth, teamwork
from .arrays import store_of
from .geometry import Layer

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
    f: Array, g: Array, bias: Array | None, asked: Layer, more: tuple[int, ...]
) -> Array:
    """The transposed layer's maps, of equal padding on both sides."""
    if asked.rank == 1:
        flat = as_rows(asked)
        return transposed(f[:, :, None], g[:, :, None], bias, flat, (0, *more))[:, :, 0]
    if asked.rank == 3:
        return depth.transposed(f, g, bias, asked, more)
    padding = tuple(both[0] for both in asked.padding)
    return conv_transpose2d(
        f, g, bias=bias, stride=asked.stride, padding=padding, output_padding=more,
        dilation=asked.dilation, groups=asked.groups,
    )  # fmt: skip


def of_weights(f: Array, slope: Array, taps: tuple[int, ...], asked: Layer) -> Array:
    """Of a loss whose gradient by the layer's maps is ``slope``: that by the filters.

    A correlation of maps with gradients whose channels are the batch, and whose dilation is the
    layer's stride.
    """
    if asked.rank == 3:
        return depth.of_weights(f, slope, taps, asked)
    turned = asked._replace(stride=asked.dilation, dilation=asked.stride, groups=1)
    groups = asked.groups
    maps, slopes = np.split(f, groups, axis=1), np.split(slope, groups, axis=1)
    parts = [
        convolved(x.swapaxes(0, 1), y.swapaxes(0, 1), None, turned).swapaxes(0, 1)
        for x, y in zip(maps, slopes, strict=True)
    ]
    whole = np.concatenate(parts) if groups > 1 else parts[0]
    index: tuple[Any, ...] = (..., *(slice(n) for n in taps))
    found: Array = whole[index]  # rows that no stride reached are not taps
    return found
