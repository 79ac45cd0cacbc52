"""A transposed layer as work for a strategy, and all that its kernel reads."""

import heapq
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, pairwise

import numpy as np

from ..codegen import machine
from ..codegen.layout import up
from ..methods.phases.kernel import kernel, kernels
from ..methods.phases.numbers import STRIDED, TURNED, L
from ..planner import ready
from ..planner.choice import LAUNCH_WORK
from ..planner.limits import SERIAL_WORK
from ..planner.plan import Plan
from ..planner.prediction import usual_seconds
from ..problem.bands import joined, split_rows
from ..problem.dtypes import Array
from ..problem.filter import Filter
from ..runtime.crew import Terms
from ..runtime.strategies.work import Work
from .cut import Bias, Cut, cut_of
from .layer import Layer
from .phases import Place, met
from .pieces import Range

Shared = tuple[Work, Array, Array]  # the borders' constants, and the layout
BEYOND = 64  # pixels
# Of 28 pieces eight bands of 3 and 4 keep two threads busy for the time of 16: 4 x 128 -> 64
# channels of 56 x 56, 2 x 2, by two threads 4.6 ms so, 4.2 by 28 bands (Zen 4 VM, 2026-11).
BANDS_PER_THREAD = 16, 8, 4


@dataclass(frozen=True, eq=False)
class Weights:
    """Those of all phases as their kernels read them, and where each's begin and end.

    None for the latter where phases must be computed one by one.  ``works``: by threads, what
    running them shares.
    """

    values: Array
    ends: tuple[Range, ...] | None = None
    works: dict[int, Shared] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Of what is kept here."""
        return int(self.values.nbytes)


# --- what the kernel reads -----------------------------------------------------------------------


def weights_of(layer: Layer, bias: Bias, filters: Sequence[Filter | None]) -> Weights:
    """Of a layer with such filters of its phases."""
    cut, none = cut_of(layer, bias), np.empty(0, layer.kind)
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
def shared(layer: Layer, bias: Bias, ends: tuple[Range, ...], threads: int) -> Shared:
    """The work of so many threads, the borders' constants, and the layout."""
    cut = cut_of(layer, bias)
    assert cut
    fill, fills = _together([_fill(layer, bias, plan) for plan in cut.plans])
    cost, count = sum(plan.cost for plan in cut.plans if plan), len(cut.pieces)
    threads = min(threads, count) if cost >= SERIAL_WORK else 1
    bands = _shares(cut, threads) if threads > 1 else split_rows(count, 1)
    launches = math.ceil(cost / (threads * LAUNCH_WORK))
    launch = max(threads, math.ceil(len(bands) / max(1, launches)))
    seconds = sum(usual_seconds(plan.problem, plan.cost) for plan in cut.plans if plan)
    work = Work(
        kernels=kernels(*(layer.kind,) * 3), remote=kernel, bands=bands, runs=joined(bands),
        table=np.array(bands, np.int64).reshape(-1, 2), threads=threads, launch=launch,
        terms=Terms.of(threads - 1, max(1, launch // threads), seconds, False),
        workspace=_workspace(layer, cut), element=layer.kind, spare=deque(maxlen=0),
    )  # fmt: skip
    return work, fill, _layout(layer, cut, ends, fills)


def _shares(cut: Cut, threads: int) -> tuple[Range, ...]:
    """Bands of pieces by which all threads end soonest, of many bands where few are no better."""
    sizes = [math.prod(last - first for first, last in piece.box) for piece in cut.pieces]
    choices = [split_rows(len(sizes), each * threads) for each in BANDS_PER_THREAD]
    return min(choices, key=lambda bands: _end([sum(sizes[slice(*b)]) for b in bands], threads))


def _end(sizes: Sequence[int], threads: int) -> int:
    """When threads have done those, of which who is free takes the next one."""
    ends = [0] * threads
    for size in sizes:
        heapq.heapreplace(ends, ends[0] + size)
    return max(ends)


def _fill(layer: Layer, bias: Bias, plan: Plan | None) -> Array:
    """What lies beyond the border, or the results where no tap is met."""
    if plan:
        found: Array = plan.stage.method.fill(plan.stage.summed)
        return found.astype(layer.kind)
    return np.array(bias or (), layer.kind)


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
    return next(_sides(cut)) if cut.way == TURNED else 0


def _sides(cut: Cut) -> Iterator[int]:
    """Of the largest piece: images, filters, rows of phases."""
    for axis in range(3):
        yield max(last - first for first, last in (piece.box[axis] for piece in cut.pieces))


def _workspace(layer: Layer, cut: Cut) -> int:
    images, filters, rows = _sides(cut)
    maps = _turned(cut) * math.prod(layer.images[1:])
    part = rows * max(across.outputs for _, across in layer.places)
    results = len(layer.places) * images * filters * part if cut.way != STRIDED else 0
    line = machine.CACHE_LINE // layer.kind.itemsize
    # tiles may look at pixels beyond their last row
    return up(_needed(cut) + maps + results + BEYOND * layer.images[1], line) + 3 * line


def _layout(layer: Layer, cut: Cut, ends: Sequence[Range], fills: Sequence[Range]) -> Array:
    inner = [p.stage.layout(_bands(cut, at)) if p else () for at, p in enumerate(cut.plans)]
    starts = [0, *accumulate(map(len, inner))]
    jobs = [0, *accumulate(len(piece.jobs) for piece in cut.pieces)]
    columns = max(across.outputs for _, across in layer.places)
    numbers = [
        _numbers(layer, place, plan, (at, *taps, *fill, *where))
        for at, (place, plan, taps, fill, where) in enumerate(
            zip(layer.places, cut.plans, ends, fills, pairwise(starts), strict=True)
        )
    ]
    return L.pack(
        way=cut.way, steps_y=layer.stride[0], steps_x=layer.stride[1], needed=_needed(cut),
        turned=_turned(cut), parts=len(layer.places),
        phases_x=len({across.first for _, across in layer.places}), part_rows=max(
            last - first for first, last in (piece.box[2] for piece in cut.pieces)),
        part_columns=columns, large=cut.large,
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


def _numbers(layer: Layer, place: Place, plan: Plan | None, ends: Sequence[int]) -> list[int]:
    """What the kernel knows of a phase, in the order of `numbers`."""
    (down, across), (high, wide) = place, layer.images[2:]
    (rows, _), (columns, _) = met(high, down), met(wide, across)
    part, *others = ends
    return [
        plan.kernels.address if plan else 0, *others, rows.start, columns.start,
        rows.stop - rows.start, columns.stop - columns.start, down.first, across.first,
        down.outputs, across.outputs, part,
    ]  # fmt: skip
