"""Direct method of layers: sums over channels by definition, in register tiles of several filters.

Answers every layer: any border, stride, dilation, groups, types and layout, and any size; exact for
integers.  Wins where few channels meet many filters, for filters of one tap, and wherever the
special methods do not apply.  Relies on nothing.

A unit is a block of filters over a run of outputs.

Start reading at `tile.py` (the inner loop), then `shape.py` (what a unit is) and `kernel.py`.
"""

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np

from ...codegen import foreign, machine
from ...codegen.layout import geometry, up
from ...problem.dtypes import INT64, Array, DType
from ...problem.problem import Problem
from ...runtime.crew.record import MAPS
from ..direct import largest_of_bank
from ..kernels import Taps, kernels_of
from ..usual import (
    anywhere as anywhere,
    applicable as applicable,
    bank_of,
    error as error,
    grain as grain,
    selects as selects,
    unasked as unasked,
)
from . import kernel as k
from .kernel import L
from .leaving import gathered, together
from .shape import (
    BAND_BLOCKS,
    BAND_RUNS,
    Shape,
    inside,
    packs,
    panels_pay,
    runs_of,
    shape_of,
    taps_of,
)
from .tile import PLACE, VECTORS
from .words import element, flip, offsets, pairs, summands, words
from .work import cost as cost

UNIT = "blocks of filters over runs of outputs"
NUMBER_BYTES = 8


def sums(problem: Problem) -> DType:
    """The type that sums are formed in: int32 where they are of words."""
    return element(problem)


# --- the filters ---------------------------------------------------------------------------------


def prepare(problem: Problem, g: Array) -> Taps:
    """The filters block by block as the tile reads them, tap by tap; read-only."""
    bank, shape = bank_of(problem), shape_of(problem)
    rows = g.reshape(bank.groups, -1, bank.inputs, math.prod(problem.filter))
    found = pairs(rows) if words(problem) else rows.astype(problem.sums)
    blocks = np.array_split(found.reshape(*rows.shape[:2], -1), shape.blocks, axis=1)
    values = np.concatenate(
        [block.transpose(0, 2, 1).reshape(bank.groups, -1) for block in blocks], 1
    )
    values = values.ravel()
    if words(problem):
        values = np.concatenate([values, offsets(problem, rows)])
    return Taps(values, largest_of_bank(problem, g))


@lru_cache(maxsize=256)
def fill(problem: Problem) -> Array:
    """The border's constant, for each channel of the image."""
    return np.array(bank_of(problem).constants(problem.cval)).astype(element(problem))


# --- the problem as numbers ----------------------------------------------------------------------


def units(problem: Problem) -> int:
    """Blocks of filters over runs of outputs."""
    return runs_of(problem) * bank_of(problem).groups * shape_of(problem).blocks


def regions(problem: Problem, start: int, stop: int) -> list[tuple[slice, slice, slice]]:
    """Images, filters and rows of the result's maps that units ``[start, stop)`` fill."""
    shape, groups, rows = shape_of(problem), bank_of(problem).groups, problem.plane[0]
    found = []
    while start < stop:
        unit, block = divmod(start, shape.blocks)
        run, group = divmod(unit, groups)
        last = min(shape.blocks, block + stop - start)
        image, part = divmod(run, -(-rows // shape.rows))
        found.append(
            (
                slice(image * shape.images, (image + 1) * shape.images),
                slice(*(_filters_before(problem, group, n) for n in (block, last))),
                slice(part * shape.rows, (part + 1) * shape.rows),
            )
        )
        start += last - block
    return found


def _filters_before(problem: Problem, group: int, block: int) -> int:
    shape, bank = shape_of(problem), bank_of(problem)
    before = block * shape.filters - max(block - shape.whole, 0)
    return group * bank.filters + before


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands of about as many outputs each.

    A run that two bands share is staged, and packed, by both: where runs are many, none is.
    """
    whole = runs_of(problem) >= parts * BAND_RUNS
    edges = dict.fromkeys(_cut(problem, part / parts, whole) for part in range(parts + 1))
    return tuple(pairwise(edges))


def _cut(problem: Problem, share: float, whole: bool) -> int:
    """The unit, of a whole run, before which a share of all outputs lies; runs are not alike."""
    shape, batch, rows = shape_of(problem), problem.maps[0], problem.plane[0]
    of_run = bank_of(problem).groups * shape.blocks
    image, row = divmod(share * batch * rows, rows)
    most, part = divmod(image, shape.images), divmod(row, shape.rows)
    before = most[0] * -(-rows // shape.rows) + part[0]
    if image >= batch:
        return runs_of(problem) * of_run
    images = min(shape.images, batch - most[0] * shape.images)
    height = min(shape.rows, rows - part[0] * shape.rows)
    inside = (most[1] * height + part[1]) / (images * height)
    return int(before) * of_run + (0 if whole else int(inside * of_run))


def least_band(problem: Problem) -> int:
    """Units of a band that is worth handing out.

    Of packed runs half of the filters: speed-up of two threads by 2 and 8 bands, 512 -> 2048
    channels of 7 x 7, batch 32: 1.92, 1.76; 3x3, 256 of 14 x 14, batch 1: 1.73, 1.16 (Zen 5,
    2026-11).
    """
    shape = shape_of(problem)
    least = shape.blocks // 2 if packs(problem, shape) else BAND_BLOCKS
    return min(shape.blocks, max(BAND_BLOCKS, least))


def _places(problem: Problem, shape: Shape) -> tuple[int, ...]:
    """Where staged maps, panels and the results of a tile begin in scratch, and its end.

    Before them are int64 numbers: the offsets of taps and the places of vectors.  Panels and
    results are as many as a pixel has words, and there follow the results in int64.
    """
    size, parts = element(problem).itemsize, words(problem)
    lanes = machine.lanes(size)
    vectors = -(-shape.images * shape.rows * problem.plane[1] // lanes)
    numbers = (taps_of(problem) + PLACE * vectors) * NUMBER_BYTES
    stage_at = up(numbers, machine.CACHE_LINE) // size
    panel_at = stage_at + shape.staged(problem)
    panel = taps_of(problem) * VECTORS * lanes if packs(problem, shape) else 0
    results_at = panel_at + panel * max(1, parts)
    results = shape.filters * max(VECTORS * lanes, gathered(problem))
    wide_at = results_at + results * parts
    end = (wide_at + 2 * results if parts else results_at + results) + lanes
    return stage_at, panel_at, results_at, wide_at, end


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    shape, bank = shape_of(problem), bank_of(problem)
    stage_at, panel_at, results_at, wide_at, _ = _places(problem, shape)
    return L.pack(
        geometry(problem),
        batch=problem.maps[0],
        inputs=bank.inputs,
        groups=bank.groups,
        group_outputs=bank.filters,
        blocks=shape.blocks,
        block_filters=shape.filters,
        whole_blocks=shape.whole,
        lanes=machine.lanes(element(problem).itemsize),
        inside=inside(problem),
        parts=-(-problem.plane[0] // shape.rows),
        images=shape.images,
        unit_rows=shape.rows,
        length_y=shape.y.length,
        tracks_y=len(shape.y.starts),
        length_x=shape.x.length,
        tracks_x=len(shape.x.starts),
        channel_step=shape.channel_step,
        packed=panels_pay(shape),
        channels=summands(problem),
        words=words(problem),
        flip=flip(problem),
        stage_at=stage_at,
        panel_at=panel_at,
        results_at=results_at,
        wide_at=wide_at,
        together=together(problem),
        gathered=gathered(problem),
        starts_y=shape.y.starts,
        places_y=shape.y.places,
        starts_x=shape.x.starts,
        places_x=shape.x.places,
    )


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    return _places(problem, shape_of(problem))[-1]


def _ends(image: DType, element: DType, result: DType) -> foreign.Ends:
    """Of sums that are delivered as int64 where they are of words."""
    sums = INT64 if element.kind == "i" else element
    return foreign.ends(image, element, element)[0], foreign.ends(sums, sums, result)[1]


kernels = kernels_of(k.kernel, _ends, axes=MAPS)
