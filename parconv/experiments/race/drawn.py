"""Workloads drawn at random, as users have them: what a table of named rows cannot hide.

Every draw depends on the seed, the kind and its number alone, so one row can be run again.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...images import filter_text
from .grid import Entry
from .layers import Layer
from .workloads import Pair, Workload

Rng = np.random.Generator

# Shares of each choice.  Sides of images, batches and channels are log-uniform.
DTYPES = {
    "uint8": 30, "float32": 30, "uint16": 15, "float64": 10, "int16": 5, "int32": 4,
    "complex64": 3,
}  # fmt: skip
BORDERS = {"constant": 1, "edge": 1, "symmetric": 1, "mirror": 1, "wrap": 1}
SIDES = {3: 30, 5: 20, 7: 15, 9: 8, 11: 7, 15: 8, 21: 5, 31: 4, 63: 3}
FILTERS = {"random": 1, "integer": 1, "gaussian": 1, "box": 1, "derivative": 1, "line": 1}
UNNAMED = ("random", "integer", "line")
COLOURS = {0: 4, 3: 1, 4: 1}
KEEPS_BYTES = 0.4  # share of images of bytes or words whose results are of their type
VALID, FORTRAN = 0.2, 0.1  # shares of that mode and of that order, of gray images
TAPS = {1: 35, 3: 40, 5: 15, 7: 10}
BANK_TAPS = {3: 3, 5: 3, 7: 2, 11: 1, 15: 1}
MOST_PIXELS, MOST_FLOPS = 1 << 22, 2e9  # so that one run takes a tenth of a second
REACH = 4  # of a Gaussian, in sigmas


def _choice(rng: Rng, shares: dict[Any, int]) -> Any:
    keys, share = list(shares), np.array(list(shares.values()), float)
    return keys[rng.choice(len(keys), p=share / share.sum())]


def _between(rng: Rng, least: float, most: float) -> int:
    """Log-uniform."""
    return round(math.exp(rng.uniform(math.log(least), math.log(most))))


def image(rng: Rng) -> Workload:
    """One filter on an image, gray or colour: 16 to 4096 rows, sides up to 3 times each other."""
    dtype, side, kind = _choice(rng, DTYPES), _choice(rng, SIDES), _choice(rng, FILTERS)
    rows = _between(rng, 16, 4096)
    columns = min(_between(rng, max(16, rows / 3), min(4096, rows * 3)), MOST_PIXELS // rows)
    channels = _choice(rng, COLOURS)
    mode = "valid" if rng.random() < VALID else "same"
    if mode == "valid":  # filters with a name know no other than "same"
        side = min(side, rows - 1 | 1, columns - 1 | 1)
        kind = kind if kind in UNNAMED else "random"
    text, taps = _filter(rng, kind, side, dtype)
    keeps = dtype in ("uint8", "uint16") and rng.random() < KEEPS_BYTES
    return Workload(
        "random", (rows, columns), taps, dtype, mode, _choice(rng, BORDERS), "auto",
        result=dtype if keeps else None, channels=channels, filter=text,
        order="F" if rng.random() < FORTRAN and not channels else "C",
    )  # fmt: skip


def _filter(rng: Rng, kind: str, side: int, dtype: str) -> tuple[str, Pair]:
    """Its text, and its shape.

    Derivatives are of floats: of integers the named filter's result is exact, the weights' is not.
    """
    if kind == "line":
        return "random", (1, side) if rng.random() < 0.5 else (side, 1)
    if kind == "derivative" and np.dtype(dtype).kind == "f":
        return "sobel-x", (3, 3)
    if kind == "gaussian":
        text = f"gaussian:{side // 2 / REACH:.4g}"
        rows, columns = filter_text.parse(text).shape
        return text, (rows, columns)
    return {"box": f"box:{side}", "integer": "int8"}.get(kind, "random"), (side, side)


def layer(rng: Rng) -> Layer:
    """A layer of a network, channels first or last, dense or depthwise."""
    last, depthwise = bool(rng.random() < 0.5), bool(rng.random() < 0.3)
    while True:
        batch, side = _between(rng, 1, 32), _between(rng, 4, 160)
        channels, taps = _between(rng, 1, 512), _choice(rng, TAPS)
        taps = max(3, taps) if depthwise else taps
        stride, dilation = _choice(rng, {1: 3, 2: 1}), _choice(rng, {1: 4, 2: 1})
        groups = channels if depthwise else 1
        outputs = channels * _choice(rng, {1: 2, 2: 1}) if depthwise else _between(rng, 1, 512)
        maps = batch * (side / stride) ** 2
        flops = 2 * maps * outputs * channels / groups * taps**2
        if 1e5 < flops < MOST_FLOPS and side > (taps - 1) * dilation:
            break
    return Layer(
        "random", (batch, channels, side, side + 1), (outputs, channels // groups, taps, taps),
        stride, (taps - 1) // 2 * dilation, dilation, groups, last=last,
    )  # fmt: skip


def bank(rng: Rng) -> Layer:
    """Several filters on one image or a few."""
    count, side = _between(rng, 2, 48), _choice(rng, BANK_TAPS)
    rows = _between(rng, 24, 1024)
    images = min(_between(rng, 1, 64), max(1, int(MOST_FLOPS / (2 * rows**2 * side**2 * count))))
    dtype = _choice(rng, {"float32": 3, "float64": 1})
    shape = images, 1, rows, rows + 3
    return Layer("random", shape, (count, 1, side, side), padding=side // 2, dtype=dtype)


KINDS: dict[str, Callable[[Rng], Entry]] = {"images": image, "layers": layer, "banks": bank}


def draw(kind: str, seed: int, number: int) -> Entry:
    """The workload of that kind, seed and number."""
    code = list(KINDS).index(kind)
    return KINDS[kind](np.random.default_rng([seed, code, number]))


def drawn(kinds: list[str], seed: int, number: int) -> tuple[Entry, ...]:
    """So many, of the kinds by turns.

    Examples
    --------
    >>> [one.group for one in drawn(["images", "layers"], 1, 3)]
    ['random', 'random', 'random']
    """
    unknown = set(kinds) - set(KINDS)
    if unknown or not kinds or number < 1:
        raise ValueError(f"kinds {kinds}, number {number}: pass some of {list(KINDS)}, at least 1")
    return tuple(draw(kinds[n % len(kinds)], seed, n) for n in range(number))
