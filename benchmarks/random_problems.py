"""Problems drawn at random, as users have them: what a table of named rows cannot hide.

Every draw depends on the seed, the kind and its number alone, so one row can be run again.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Rng = np.random.Generator

DTYPES = {
    "uint8": 30, "float32": 30, "uint16": 15, "float64": 10, "int16": 5, "int32": 4, "bool": 3,
    "complex64": 3,
}  # fmt: skip
BORDERS = ("constant", "edge", "symmetric", "mirror", "wrap")
SIDES = {3: 30, 5: 20, 7: 15, 9: 8, 11: 7, 15: 8, 21: 5, 31: 4, 63: 3}
FILTERS = ("random", "integer", "gaussian", "box", "derivative", "line")
TAPS = {1: 35, 3: 40, 5: 15, 7: 10}
MOST_PIXELS, MOST_FLOPS = 1 << 22, 2e9  # so that one run takes a tenth of a second


class Drawn(NamedTuple):
    """One problem: the arguments of a call, and what to call it."""

    name: str
    f: Array
    g: Array
    options: dict[str, Any]


def _choice(rng: Rng, weights: dict[Any, int]) -> Any:
    keys, share = list(weights), np.array(list(weights.values()), float)
    return keys[rng.choice(len(keys), p=share / share.sum())]


def _between(rng: Rng, least: float, most: float) -> int:
    """Log-uniform."""
    return round(math.exp(rng.uniform(math.log(least), math.log(most))))


def pixels(rng: Rng, shape: tuple[int, ...], dtype: str) -> Array:
    """An image of noise over the type's usual range."""
    if dtype == "complex64":
        return (rng.random(shape) + 1j * rng.random(shape)).astype(dtype)
    most = {"f": 1, "b": 2}.get(np.dtype(dtype).kind, 250)
    return (rng.random(shape) * most).astype(dtype)


def _gaussian(side: int) -> Array:
    line = np.exp(-(np.linspace(-3, 3, side) ** 2) / 2)
    return np.outer(line, line) / line.sum() ** 2


def filter_of(rng: Rng, kind: str, side: int) -> Array:
    """A filter of that kind and side."""
    if kind == "integer":
        return rng.integers(-9, 10, (side, side))
    if kind == "gaussian":
        return _gaussian(side)
    if kind == "box":
        return np.full((side, side), 1 / side**2)
    if kind == "derivative":
        return np.outer(_gaussian(side)[0], np.linspace(-1, 1, side))
    if kind == "line":
        return rng.standard_normal((1, side) if rng.random() < 0.5 else (side, 1))
    return rng.standard_normal((side, side))


def draw_image(rng: Rng) -> Drawn:
    """One filter on an image, colour or gray."""
    dtype, side, kind = _choice(rng, DTYPES), _choice(rng, SIDES), str(rng.choice(FILTERS))
    rows = _between(rng, 16, 4096)
    columns = min(_between(rng, max(16, rows / 3), min(4096, rows * 3)), MOST_PIXELS // rows)
    colours = int(rng.choice([1, 1, 1, 1, 3, 4]))
    options: dict[str, Any] = {"mode": "same", "boundary": str(rng.choice(BORDERS))}
    shape: tuple[int, ...] = (rows, columns)
    if colours > 1:
        shape, options["axes"] = (rows, columns, colours), (0, 1)
    if rng.random() < 0.2:
        options["mode"] = "valid"
        side = min(side, rows - 1 | 1, columns - 1 | 1)
    f, g = pixels(rng, shape, dtype), filter_of(rng, kind, side)
    if dtype in ("uint8", "uint16") and rng.random() < 0.4:
        options["dtype"] = dtype
    if rng.random() < 0.1 and colours == 1:
        f = np.asfortranarray(f)
    name = f"{'x'.join(map(str, shape))} {dtype} {kind} {'x'.join(map(str, g.shape))}"
    return Drawn(name, f, g, options)


def draw_layer(rng: Rng, last: bool | None = None, depthwise: bool | None = None) -> Drawn:
    """A layer of a network, channels first or last, dense or depthwise."""
    last = bool(rng.random() < 0.5) if last is None else last
    depthwise = bool(rng.random() < 0.3) if depthwise is None else depthwise
    while True:
        batch, side = _between(rng, 1, 32), _between(rng, 4, 160)
        channels, taps = _between(rng, 1, 512), _choice(rng, TAPS)
        taps = max(3, taps) if depthwise else taps
        stride, dilation = int(rng.choice([1, 1, 1, 2])), int(rng.choice([1, 1, 1, 1, 2]))
        groups = channels if depthwise else 1
        outputs = channels * int(rng.choice([1, 1, 2])) if depthwise else _between(rng, 1, 512)
        maps = batch * (side / stride) ** 2
        flops = 2 * maps * outputs * channels / groups * taps**2
        if 1e5 < flops < MOST_FLOPS and side > (taps - 1) * dilation:
            break
    shape = (batch, side, side + 1, channels) if last else (batch, channels, side, side + 1)
    weights = (outputs, channels // groups, taps, taps)
    f = rng.standard_normal(shape, np.float32)
    g = rng.standard_normal(weights, np.float32)
    options: dict[str, Any] = {
        "padding": (taps - 1) // 2 * dilation, "stride": stride, "dilation": dilation,
        "groups": groups, "axes": (1, 2) if last else (-2, -1),
    }  # fmt: skip
    order = "NHWC" if last else "NCHW"
    name = f"{order} {batch}x{channels}>{outputs} {side} k{taps} s{stride} d{dilation} g{groups}"
    return Drawn(name, f, g, options)


def draw_bank(rng: Rng) -> Drawn:
    """Several filters on one image or a few."""
    count, side = _between(rng, 2, 48), _choice(rng, {3: 3, 5: 3, 7: 2, 11: 1, 15: 1})
    rows = _between(rng, 24, 1024)
    images = min(_between(rng, 1, 64), max(1, int(MOST_FLOPS / (2 * rows**2 * side**2 * count))))
    dtype = str(rng.choice(["float32", "float32", "uint8", "float64"]))
    f = pixels(rng, (images, rows, rows + 3), dtype)
    g = rng.standard_normal((count, side, side))
    name = f"bank {images}x{rows} {dtype} {count} of {side}x{side}"
    return Drawn(name, f, g, {"mode": "same", "boundary": str(rng.choice(BORDERS))})


KINDS: dict[str, Callable[[Rng], Drawn]] = {
    "images": draw_image, "layers": draw_layer, "banks": draw_bank,
}  # fmt: skip


def draw(kind: str, seed: int, number: int) -> Drawn:
    """The problem of that kind, seed and number."""
    code = list(KINDS).index(kind)
    return KINDS[kind](np.random.default_rng([seed, code, number]))
