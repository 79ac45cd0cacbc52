"""A transposed layer as work for a strategy: its pieces, and all that their kernel reads."""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np

from ..codegen import machine
from ..codegen.layout import up
from ..planner import ready
from ..planner.choice import BANDS_PER_THREAD, LAUNCH_WORK, SERIAL_WORK, decide
from ..planner.plan import Plan
from ..planner.prediction import usual_seconds
from ..problem.bands import joined, split_rows
from ..problem.dtypes import Array, DType
from ..problem.filter import Filter
from ..problem.problem import READ_SOON
from ..problem.question import Question
from ..problem.traits import UNKNOWN
from ..runtime.crew import Terms
from ..runtime.strategies.work import Work
from .kernel import kernel, kernels
from .numbers import STRIDED, TURNED, WOVEN, L
from .phases import Place, met
from .pieces import Piece, Range, Units, cuts, pieces_of, runs

Pair = tuple[int, int]
# Of maps read and results, which a piece keeps in the second-level cache beside weights.
PIECE_BYTES = machine.L2_BYTES
# Of maps that scratch may hold with channels side by side.
TURNED_BYTES = 1 << 22
LEAST_PIECES = 16  # so that several threads end together
BEYOND = 64  # pixels
# Operations in the time of an element that is turned, or woven.
TURN_WORK, WEAVE_WORK = 30, 60


class Asked(NamedTuple):
    """A transposed layer without its numbers.  ``maps``: (images, channels, rows, columns)."""

    maps: tuple[int, ...]
    result: tuple[int, ...]
    kind: DType
    filters: DType
    last: bool
    places: tuple[Place, ...]
    stride: Pair
    groups: int
    bias: tuple[float, ...] | None


class Cut(NamedTuple):
    """How a layer is computed: the plan of each phase, None where it meets no tap, and pieces.

    ``way``: how results get to their places.
    """

    way: int
    plans: tuple[Plan | None, ...]
    pieces: list[Piece]


@dataclass(frozen=True, eq=False)
class Weights:
    """Those of all phases as their kernels read them, and where each's begin and end.

    None for the latter where phases must be computed one by one.
    """

    values: Array
    ends: tuple[Range, ...] | None = None


# --- plans ---------------------------------------------------------------------------------------


def _plan(asked: Asked, place: Place, last: bool, within: int) -> Plan | None:
    """Of a phase, whose maps lie as told; None where it meets no tap."""
    down, across = place
    taps = len(down.taps), len(across.taps)
    if 0 in taps:
        return None
    images, channels, *plane = asked.maps
    (rows, top), (columns, left) = (met(size, of) for size, of in zip(plane, place, strict=True))
    size = rows.stop - rows.start, columns.stop - columns.start
    shape = (images, *size, channels) if last else (images, channels, *size)
    words = {
        "axes": (1, 2) if last else (2, 3), "padding": (top, left), "groups": asked.groups,
        "dilation": (down.apart, across.apart), "dtype": asked.kind, "threads": 1,
    }  # fmt: skip
    if asked.bias is not None:
        words["bias"] = asked.bias
    filters = (asked.result[1], channels // asked.groups, *taps), asked.filters
    plan = decide((shape, asked.kind), filters, UNKNOWN, Question.of(words, True))
    return replace(plan, problem=replace(plan.problem, within=within))


def _plans(asked: Asked, last: bool, within: int = 0) -> tuple[Plan | None, ...]:
    return tuple(_plan(asked, place, last, within) for place in asked.places)


def _fits(plan: Plan | None, asked: Asked) -> bool:
    """Whether the kernel here can run a phase's, on arrays as they are."""
    if plan is None:
        return True
    plain = plan.stage.inner is plan.problem and not plan.stage.tells and plan.bands
    return bool(plain) and plan.sums == asked.kind and not plan.kernels.obstacle


@lru_cache(maxsize=256)
def cut_of(asked: Asked) -> Cut | None:
    """None where phases must be computed one by one."""
    if not any(down.taps and across.taps for down, across in asked.places):
        return None
    ways = _ways(asked)
    costs = {
        way: sum(p.cost for p in plans if p) + _moved(asked, way) for way, plans in ways.items()
    }
    way = min(costs, key=lambda way: costs[way])
    if not all(_fits(plan, asked) for plan in ways[way]):
        return None
    return Cut(way, ways[way], _pieces(asked, way, ways[way]))


def _ways(asked: Asked) -> dict[int, tuple[Plan | None, ...]]:
    if asked.last:
        return {STRIDED: _plans(asked, True)}
    apart = WOVEN if asked.stride[1] > 1 else STRIDED
    found = {apart: _plans(asked, False, READ_SOON if apart == WOVEN else 0)}
    if math.prod(asked.maps[1:]) * asked.kind.itemsize <= TURNED_BYTES:
        found[TURNED] = _plans(asked, True, READ_SOON)
    return found


def _moved(asked: Asked, way: int) -> float:
    """What moving maps and results costs, as operations."""
    results = math.prod(asked.result)
    return {
        STRIDED: 0, WOVEN: WEAVE_WORK * results,
        TURNED: TURN_WORK * (math.prod(asked.maps) + results),
    }[way]  # fmt: skip


# --- pieces --------------------------------------------------------------------------------------


def _pieces(asked: Asked, way: int, plans: Sequence[Plan | None]) -> list[Piece]:
    shapes = [(*asked.result[:2], down.outputs) for down, _ in asked.places]
    phases = [p and Units.of(p.stage, shape) for p, shape in zip(plans, shapes, strict=True)]
    known, (images, filters) = [p for p in phases if p], asked.result[:2]
    rows = max(down.outputs for down, _ in asked.places)
    every, some, least = _least(asked)
    ranges = (
        runs(cuts(known, 0, images), images if every else 1),
        runs(cuts(known, 1, filters), some),
        runs(cuts(known, 2, rows), least),
    )
    return pieces_of(asked.places, phases, asked.maps[2], ranges)


def _least(asked: Asked) -> tuple[bool, int, int]:
    """Whether a piece has all images, and how many filters and rows of phases it has.

    Where weights fill the caches, some of them meet all images; else all weights meet some rows.
    """
    (images, channels, high, wide), (_, filters, *_), size = (
        asked.maps,
        asked.result,
        asked.kind.itemsize,
    )
    taps = sum(len(down.taps) * len(across.taps) for down, across in asked.places)
    weights, maps = filters * channels // asked.groups * taps * size, math.prod(asked.maps) * size
    some = max(1, filters * machine.L2_BYTES // weights)
    every = weights > 4 * machine.L2_BYTES and maps * -(-filters // some) < weights * images
    some = some if every and asked.groups == 1 else filters
    row = wide * size * (channels + some * asked.stride[0] * asked.stride[1])
    row *= images if every else 1
    pieces = -(-filters // some) * (1 if every else images)
    return every, some, max(1, min(PIECE_BYTES // row, high // -(-LEAST_PIECES // pieces)))


# --- what the kernel reads -----------------------------------------------------------------------


def weights(asked: Asked, filters: Sequence[Filter | None]) -> Weights:
    """Of a layer with such filters of its phases."""
    cut, none = cut_of(asked), np.empty(0, asked.kind)
    if cut is None:
        return Weights(none)
    taps = [p and g and ready.prepared(p, g) for p, g in zip(cut.plans, filters, strict=True)]
    if any(found and (found.limit is not None or found.given is not None) for found in taps):
        return Weights(none)
    return Weights(*_together([found.values if found else none for found in taps]))


def _together(parts: Sequence[Array]) -> tuple[Array, tuple[Range, ...]]:
    """Arrays in one, each from a cache line on, and where they begin and end."""
    line = machine.CACHE_LINE // parts[0].itemsize
    starts = [0, *accumulate(up(len(part), line) for part in parts)]
    raw = np.zeros(starts[-1] + line, parts[0].dtype)
    found = raw[-raw.ctypes.data % machine.CACHE_LINE // raw.itemsize :][: starts[-1]]
    ends = tuple((at, at + len(part)) for at, part in zip(starts, parts, strict=False))
    for (first, last), part in zip(ends, parts, strict=True):
        found[first:last] = part
    found.flags.writeable = False
    return found, ends


@lru_cache(maxsize=256)
def shared(asked: Asked, ends: tuple[Range, ...], threads: int) -> tuple[Work, Array, Array]:
    """The work of so many threads, the borders' constants, and the layout."""
    cut = cut_of(asked)
    assert cut
    fill, fills = _together([_fill(asked, plan) for plan in cut.plans])
    cost, count = sum(plan.cost for plan in cut.plans if plan), len(cut.pieces)
    threads = min(threads, count) if cost >= SERIAL_WORK else 1
    bands = split_rows(count, BANDS_PER_THREAD * threads if threads > 1 else 1)
    launches = math.ceil(cost / (threads * LAUNCH_WORK))
    launch = max(threads, math.ceil(len(bands) / max(1, launches)))
    seconds = sum(usual_seconds(plan.problem, plan.cost) for plan in cut.plans if plan)
    work = Work(
        kernels=kernels(*(asked.kind,) * 3), remote=kernel, bands=bands, runs=joined(bands),
        table=np.array(bands, np.int64).reshape(-1, 2), threads=threads, launch=launch,
        terms=Terms.of(threads - 1, max(1, launch // threads), seconds, False),
        workspace=_workspace(asked, cut), element=asked.kind, spare=deque(maxlen=0),
    )  # fmt: skip
    return work, fill, _layout(asked, cut, ends, fills)


def _fill(asked: Asked, plan: Plan | None) -> Array:
    """What lies beyond the border, or the results where no tap is met."""
    if plan:
        found: Array = plan.stage.method.fill(plan.stage.summed)
        return found.astype(asked.kind)
    return np.array(asked.bias or (), asked.kind)


def _bands(cut: Cut, phase: int) -> tuple[Range, ...]:
    """Units that a phase's kernel fills at once."""
    jobs = (job for piece in cut.pieces for job in piece.jobs)
    return tuple((start, stop) for number, start, stop in jobs if number == phase)


def _needed(cut: Cut) -> int:
    """Elements of scratch for the phases' kernels."""
    found = [p.stage.workspace(_bands(cut, at)) for at, p in enumerate(cut.plans) if p]
    return int(max(found))


def _turned(cut: Cut) -> int:
    """Images that scratch holds with channels side by side."""
    images = cut.pieces[0].box[0]
    return images[1] - images[0] if cut.way == TURNED else 0


def _sides(cut: Cut) -> Iterator[int]:
    """Of the largest piece: images, filters, rows of phases."""
    for axis in range(3):
        yield max(last - first for first, last in (piece.box[axis] for piece in cut.pieces))


def _workspace(asked: Asked, cut: Cut) -> int:
    images, filters, rows = _sides(cut)
    maps = _turned(cut) * math.prod(asked.maps[1:])
    part = rows * max(across.outputs for _, across in asked.places)
    results = len(asked.places) * images * filters * part if cut.way != STRIDED else 0
    line = machine.CACHE_LINE // asked.kind.itemsize
    # tiles may look at pixels beyond their last row
    return up(_needed(cut) + maps + results + BEYOND * asked.maps[1], line) + 3 * line


def _layout(asked: Asked, cut: Cut, ends: Sequence[Range], fills: Sequence[Range]) -> Array:
    inner = [p.stage.layout(_bands(cut, at)) if p else () for at, p in enumerate(cut.plans)]
    starts = [0, *accumulate(map(len, inner))]
    jobs = [0, *accumulate(len(piece.jobs) for piece in cut.pieces)]
    columns = max(across.outputs for _, across in asked.places)
    numbers = [
        _numbers(asked, place, plan, (at, *taps, *fill, *where))
        for at, (place, plan, taps, fill, where) in enumerate(
            zip(asked.places, cut.plans, ends, fills, pairwise(starts), strict=True)
        )
    ]
    return L.pack(
        way=cut.way, steps_y=asked.stride[0], steps_x=asked.stride[1], needed=_needed(cut),
        turned=_turned(cut), parts=len(asked.places),
        phases_x=len({across.first for _, across in asked.places}), part_rows=max(
            last - first for first, last in (piece.box[2] for piece in cut.pieces)),
        part_columns=columns,
        pieces=[
            number
            for piece, ends in zip(cut.pieces, pairwise(jobs), strict=True)
            for pair in (*piece.box, piece.reads, ends)
            for number in pair
        ],
        jobs=[number for piece in cut.pieces for job in piece.jobs for number in job],
        phases=[number for each in numbers for number in each],
        inner=[number for each in inner for number in each],
    )  # fmt: skip


def _numbers(asked: Asked, place: Place, plan: Plan | None, ends: Sequence[int]) -> list[int]:
    """What the kernel knows of a phase, in the order of `numbers`."""
    (down, across), (high, wide) = place, asked.maps[2:]
    (rows, _), (columns, _) = met(high, down), met(wide, across)
    part, *others = ends
    return [
        plan.kernels.address if plan else 0, *others, rows.start, columns.start,
        rows.stop - rows.start, columns.stop - columns.start, down.first, across.first,
        down.outputs, across.outputs, part,
    ]  # fmt: skip
