"""Layers over three axes as sums of layers over two: one for each tap of the first axis."""

from typing import Any

import numpy as np

from ...problem.dtypes import Array
from . import engine
from .geometry import Layer

PADS: dict[str, Any] = {
    "zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap",
}  # fmt: skip


def convolved(f: Array, g: Array, bias: Array | None, asked: Layer, border: str) -> Array:
    deep, plane = padded(f, asked, border), of_planes(asked)
    count, total = outputs(deep, g.shape[2], asked), None
    for tap in range(g.shape[2]):
        batch = met(deep, tap, count, asked)
        part = engine.convolved(batch, g[:, :, tap], None if tap else bias, plane, border=border)
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return in_depth(total, len(f))


def transposed(
    f: Array, g: Array, bias: Array | None, asked: Layer, more: tuple[int, ...]
) -> Array:
    """Every plane adds to those that each tap reaches."""
    batch, plane = met(f, 0, f.shape[2], asked._replace(stride=(1,) * 3)), of_planes(asked)
    step, apart, front = asked.stride[0], asked.dilation[0], asked.padding[0][0]
    reach = (f.shape[2] - 1) * step + 1
    whole = None
    for tap in range(g.shape[2]):
        part = engine.transposed(batch, g[:, :, tap], None, plane, more[1:])
        if whole is None:
            size = reach + apart * (g.shape[2] - 1) + more[0]
            whole = np.zeros((len(f), part.shape[1], size, *part.shape[2:]), part.dtype)
        whole[:, :, tap * apart : tap * apart + reach : step] += in_depth(part, len(f))
    assert whole is not None
    found = whole[:, :, front : whole.shape[2] - front]
    return found if bias is None else found + bias[:, None, None, None]


def of_weights(f: Array, slope: Array, taps: tuple[int, ...], asked: Layer) -> Array:
    deep, plane, count = padded(f, asked, "zeros"), of_planes(asked), slope.shape[2]
    slopes = met(slope, 0, count, asked._replace(stride=(1,) * 3))
    each = [
        engine.of_weights(met(deep, tap, count, asked), slopes, taps[1:], plane)
        for tap in range(taps[0])
    ]
    return np.stack(each, axis=2)


def of_planes(asked: Layer) -> Layer:
    return Layer(2, asked.stride[1:], asked.padding[1:], asked.dilation[1:], asked.groups)


def padded(f: Array, asked: Layer, border: str) -> Array:
    """The maps with the first axis' padding."""
    return np.pad(f, ((0, 0), (0, 0), asked.padding[0], (0, 0), (0, 0)), mode=PADS[border])


def outputs(deep: Array, taps: int, asked: Layer) -> int:
    return int(deep.shape[2] - asked.dilation[0] * (taps - 1) - 1) // asked.stride[0] + 1


def met(deep: Array, tap: int, count: int, asked: Layer) -> Array:
    """The planes that one tap meets, of all outputs, as one batch."""
    planes = deep[:, :, tap * asked.dilation[0] :: asked.stride[0]][:, :, :count].swapaxes(1, 2)
    return planes.reshape(-1, *planes.shape[2:])


def in_depth(planes: Array, batch: int) -> Array:
    """Planes of all outputs as volumes again."""
    return planes.reshape(batch, -1, *planes.shape[1:]).swapaxes(1, 2)
