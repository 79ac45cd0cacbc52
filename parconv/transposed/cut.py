"""How a transposed layer is computed: which plans its phases have, and which pieces it is cut into.

Touches no data.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from ..codegen import machine
from ..methods.channels import streams
from ..methods.phases.numbers import COPIED, STRIDED, TURNED, WOVEN
from ..planner.choice import decide
from ..planner.plan import Plan
from ..problem.problem import READ_LATE, READ_SOON
from ..problem.question import Question
from ..problem.traits import UNKNOWN
from .layer import Layer
from .phases import Place, met
from .pieces import Piece, Units, cuts, pieces_of, runs

Bias = tuple[float, ...] | None
# Of maps read and results, which a piece keeps in the second-level cache beside weights.
PIECE_BYTES = machine.L2_BYTES
# Of an image that scratch may hold with its channels side by side.
TURNED_BYTES = 1 << 22
# Maps and results of more than that are stored past the caches, from scratch in whole lines.  Times
# with and without, one thread and two, eight images, channels last (Sapphire Rapids VM, AVX-512,
# 2026-11): 64 -> 64 of 56 x 56, 2 x 2 5.7 6.5, 3.0 3.5 ms; 128 -> 64 of 28 x 28, 3 x 3 5.1 5.2, 2.7
# 2.8; channels first 6.6 7.4, 3.5 3.8 and 5.4 5.5, 2.9 2.9.
LARGE_BYTES = machine.STREAM_BYTES
LEAST_PIECES = 16  # so that several threads end together
# Operations in the time of an element that is turned, or woven.
TURN_WORK, WEAVE_WORK = 30, 60
# And of one that tiles of channels turn themselves, beside what their cost says: 47 to 75 in most
# of seven layers.  Milliseconds so, and turned before and after: 8 x 64 -> 64 of 56 x 56, 3 x 3
# 17.7, 17.0; 8 x 128 of 28 x 28 17.1, 16.3; 8 x 256 of 14 x 14 18.1, 16.4 (Zen 4 VM, AVX-512,
# 2026-11).
TILE_WORK = 60


class Cut(NamedTuple):
    """The plan of each phase, None where it meets no tap, and pieces.

    ``way``: how results get to their places; ``large``: whether past the caches.
    """

    way: int
    large: bool
    plans: tuple[Plan | None, ...]
    pieces: list[Piece]


@lru_cache(maxsize=256)
def cut_of(layer: Layer, bias: Bias) -> Cut | None:
    """None where phases must be computed one by one."""
    if not any(down.taps and across.taps for down, across in layer.places):
        return None
    ways = _ways(layer, bias)
    costs = {
        way: sum(plan.cost for plan in plans if plan) + _moved(layer, way, plans)
        for way, plans in ways.items()
    }
    way = min(costs, key=lambda way: costs[way])
    if not all(_fits(plan, layer) for plan in ways[way] if plan):
        return None
    return Cut(way, is_large(layer), ways[way], _pieces(layer, ways[way]))


# --- plans ---------------------------------------------------------------------------------------


def _plan(layer: Layer, bias: Bias, place: Place, last: bool, within: int) -> Plan | None:
    """Of a phase, whose maps lie as told; None where it meets no tap."""
    down, across = place
    taps = len(down.taps), len(across.taps)
    if 0 in taps:
        return None
    images, channels, *plane = layer.images
    (rows, top), (columns, left) = (met(size, of) for size, of in zip(plane, place, strict=True))
    size = rows.stop - rows.start, columns.stop - columns.start
    shape = (images, *size, channels) if last else (images, channels, *size)
    words: dict[str, Any] = {
        "axes": (1, 2) if last else (2, 3), "padding": (top, left), "groups": layer.groups,
        "dilation": (down.apart, across.apart), "dtype": layer.kind, "threads": 1,
        "zero_taps": layer.zero_taps,
    }  # fmt: skip
    if bias is not None:
        words["bias"] = bias
    filters = (layer.maps[1], channels // layer.groups, *taps), layer.filters
    plan = decide((shape, layer.kind), filters, UNKNOWN, Question.of(words, True))
    return replace(plan, problem=replace(plan.problem, within=within))


def _plans(layer: Layer, bias: Bias, last: bool, within: int = 0) -> tuple[Plan | None, ...]:
    return tuple(_plan(layer, bias, place, last, within) for place in layer.places)


def _fits(plan: Plan, layer: Layer) -> bool:
    """Whether the kernel here can run the plan's, on arrays as they are."""
    plain = plan.stage.inner is plan.problem and not plan.stage.tells and plan.bands
    return bool(plain) and plan.sums == layer.kind and not plan.kernels.obstacle


def _ways(layer: Layer, bias: Bias) -> dict[int, tuple[Plan | None, ...]]:
    if layer.last:
        return _ways_of_last(layer, bias)
    apart = WOVEN if layer.stride[1] > 1 else STRIDED
    found = {apart: _plans(layer, bias, False, READ_SOON if apart == WOVEN else 0)}
    if math.prod(layer.images[1:]) * layer.kind.itemsize <= TURNED_BYTES:
        found[TURNED] = _plans(layer, bias, True, READ_SOON)
    return found


def _ways_of_last(layer: Layer, bias: Bias) -> dict[int, tuple[Plan | None, ...]]:
    """Where channels come last: large results go past the caches from tiles, or else copies."""
    if is_large(layer):
        plans = _plans(layer, bias, True, READ_LATE)
        if all(plan.method == "channels" and streams(plan.problem) for plan in plans if plan):
            return {STRIDED: plans}
    copies = is_large(layer) and not _least(layer)[0]
    return {COPIED if copies else STRIDED: _plans(layer, bias, True, READ_SOON)}


def is_large(layer: Layer) -> bool:
    """Whether caches hold no such maps and results."""
    numbers = math.prod(layer.images) + math.prod(layer.maps)
    return numbers * layer.kind.itemsize > LARGE_BYTES


def _moved(layer: Layer, way: int, plans: Sequence[Plan | None]) -> float:
    """What moving maps and results costs, as operations."""
    results = math.prod(layer.maps)
    turns = not layer.last and any(plan.method == "channels" for plan in plans if plan)
    return {
        STRIDED: turns * TILE_WORK * results, COPIED: 0, WOVEN: WEAVE_WORK * results,
        TURNED: TURN_WORK * (math.prod(layer.images) + results),
    }[way]  # fmt: skip


# --- pieces --------------------------------------------------------------------------------------


def _pieces(layer: Layer, plans: Sequence[Plan | None]) -> list[Piece]:
    shapes = [(*layer.maps[:2], down.outputs) for down, _ in layer.places]
    phases = [
        Units.of(plan.stage, shape) if plan else None
        for plan, shape in zip(plans, shapes, strict=True)
    ]
    known, (images, filters) = [p for p in phases if p], layer.maps[:2]
    rows = max(down.outputs for down, _ in layer.places)
    every, some, least = _least(layer)
    ranges = (
        runs(cuts(known, 0, images), images if every else 1),
        runs(cuts(known, 1, filters), some),
        runs(cuts(known, 2, rows), least),
    )
    return pieces_of(layer.places, phases, layer.images[2], ranges)


def _least(layer: Layer) -> tuple[bool, int, int]:
    """Whether a piece has all images, and how many filters and rows of phases it has.

    Where weights fill the caches, some of them meet all images; else all weights meet some rows.
    """
    (images, channels, high, wide), (_, filters, *_), size = (
        layer.images,
        layer.maps,
        layer.kind.itemsize,
    )
    taps = sum(len(down.taps) * len(across.taps) for down, across in layer.places)
    weights, maps = filters * channels // layer.groups * taps * size, math.prod(layer.images) * size
    some = max(1, filters * machine.L2_BYTES // weights)
    every = weights > 4 * machine.L2_BYTES and maps * -(-filters // some) < weights * images
    some = some if every and layer.groups == 1 else filters
    row = wide * size * (channels + some * layer.stride[0] * layer.stride[1])
    row *= images if every else 1
    pieces = -(-filters // some) * (1 if every else images)
    return every, some, max(1, min(PIECE_BYTES // row, high // -(-LEAST_PIECES // pieces)))
