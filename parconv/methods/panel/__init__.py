"""Direct method of layers: sums over channels by definition, in register tiles of several filters.

Answers every layer: any border, stride, dilation, groups, types and layout, and any size; exact for
integers.  Wins where few channels meet many filters, for filters of one tap, and wherever the
special methods do not apply.  Relies on nothing.

A unit is a block of filters over a run of outputs.

Start reading at `tile.py` (the inner loop), then `shape.py` (what a unit is) and `kernel.py`.
"""

from functools import cache, lru_cache

import numpy as np

from ... import machine
from ...arguments import BOUNDARIES
from ...bands import split_rows
from ...dtypes import Array, DType, kernel_dtype
from ...problem import Problem
from ..direct import largest_pixel
from ..kernels import Kernels, Taps, signature
from . import kernel as k
from .shape import Shape, bank_of, cycles, shape_of
from .tile import PLACE, VECTORS

BAND_BLOCKS = 8  # of filters under one run of outputs: below that, staging it again shows
NUMBER_BYTES = 8


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can: always."""
    return None


def unasked(problem: Problem) -> str | None:
    """Why only a caller who names this method gets it; None where it may be chosen: always."""
    return None


def sums(problem: Problem) -> DType:
    """The real type that sums are formed in."""
    return problem.sums


def cost(problem: Problem) -> float:
    """Floating-point operations that take as long."""
    return cycles(problem)


# --- the filters ---------------------------------------------------------------------------------


def prepare(problem: Problem, g: Array) -> Taps:
    """The filters block by block as the tile reads them, tap by tap; read-only."""
    bank, shape = bank_of(problem), shape_of(problem)
    limit = None
    if problem.compute.kind == "i":
        limits = [largest_pixel(problem, taps) for taps in g]
        limit = min((pixel for pixel in limits if pixel is not None), default=None)
    with np.errstate(over="ignore"):
        rows = g.reshape(bank.groups, -1, problem.taps).astype(problem.sums)
    blocks = np.array_split(rows, shape.blocks, axis=1)
    values = np.concatenate(
        [block.transpose(0, 2, 1).reshape(bank.groups, -1) for block in blocks], 1
    )
    values = values.ravel()
    values.flags.writeable = False
    return Taps(values, limit)


# --- the problem as numbers ----------------------------------------------------------------------


def _runs(problem: Problem) -> int:
    """Runs of outputs."""
    shape, batch = shape_of(problem), problem.maps[0]
    return -(-batch // shape.images) * shape.parts


def units(problem: Problem) -> int:
    """Blocks of filters over runs of outputs."""
    return _runs(problem) * bank_of(problem).groups * shape_of(problem).blocks


def regions(problem: Problem, start: int, stop: int) -> list[tuple[slice, slice, slice]]:
    """Images, filters and rows of the result's maps that units ``[start, stop)`` fill."""
    shape, groups = shape_of(problem), bank_of(problem).groups
    found = []
    while start < stop:
        unit, block = divmod(start, shape.blocks)
        run, group = divmod(unit, groups)
        last = min(shape.blocks, block + stop - start)
        filters = slice(*(_filters_before(problem, group, n) for n in (block, last)))
        found.append((_images(problem, run), filters, _rows(problem, run)))
        start += last - block
    return found


def _filters_before(problem: Problem, group: int, block: int) -> int:
    shape, bank = shape_of(problem), bank_of(problem)
    inside = block * shape.filters - max(block - shape.whole, 0)
    return group * (bank.outputs // bank.groups) + inside


def _images(problem: Problem, run: int) -> slice:
    parts, batch, total = shape_of(problem).parts, problem.maps[0], _runs(problem)
    if parts > 1:
        return slice(run // parts, run // parts + 1)
    return slice(batch * run // total, batch * (run + 1) // total)


def _rows(problem: Problem, run: int) -> slice:
    parts, rows = shape_of(problem).parts, problem.plane[0]
    part = run % parts
    return slice(rows * part // parts, rows * (part + 1) // parts)


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """About so many bands: whole runs of outputs, or parts of their filters where those are few."""
    blocks = shape_of(problem).blocks
    whole = blocks if units(problem) // blocks >= parts else min(blocks, BAND_BLOCKS)
    return split_rows(units(problem), parts, whole)


def least_band(problem: Problem) -> int:
    """Units of a band that is worth handing out."""
    return min(shape_of(problem).blocks, BAND_BLOCKS)


def _inside(problem: Problem) -> bool:
    """Whether the image's elements can be read as they lie, no tap of any output beyond it."""
    facts = zip(
        problem.lead, problem.plane, problem.stride, problem.span, problem.plane_in, strict=True
    )
    covered = all(
        lead <= 0 and (outputs - 1) * stride - lead + span <= size
        for lead, outputs, stride, span, size in facts
    )
    return covered and problem.stride[1] == 1 and kernel_dtype(problem.image_dtype) == problem.sums


def _places(problem: Problem, shape: Shape) -> tuple[int, int, int, int]:
    """Where the staged maps, a panel and the results of a tile begin in scratch, and its end."""
    size, lanes = problem.sums.itemsize, machine.lanes(problem.sums.itemsize)
    line = machine.CACHE_LINE // size
    vectors = -(-shape.images * shape.rows * problem.plane[1] // lanes)
    stage = (problem.taps + PLACE * vectors) * NUMBER_BYTES
    stage_at = -(-stage // machine.CACHE_LINE) * line
    panel_at = stage_at + shape.staged(problem)
    narrow = min(problem.plane[1], lanes) < lanes
    results_at = panel_at + (problem.taps * VECTORS * lanes if narrow else 0)
    return stage_at, panel_at, results_at, results_at + (shape.filters * VECTORS + 1) * lanes


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    shape, bank = shape_of(problem), bank_of(problem)
    tables = [shape.y.starts, shape.y.places, shape.x.starts, shape.x.places]
    ends = np.cumsum([len(k.FIELDS), *map(len, tables)]).tolist()
    numbers = [
        problem.maps[0], *problem.plane_in, *problem.plane, *problem.lead, *problem.stride,
        *problem.dilation, *problem.filter, *map(BOUNDARIES.index, problem.boundary), bank.inputs,
        bank.groups, bank.outputs // bank.groups, shape.blocks, shape.filters, shape.whole,
        machine.lanes(problem.sums.itemsize), problem.bytes > 2 * machine.STREAM_BYTES,
        _inside(problem), _runs(problem), shape.parts, shape.images, shape.rows, shape.y.length,
        len(shape.y.starts), shape.x.length, len(shape.x.starts), shape.channel_step,
        *_places(problem, shape)[:3], *ends[:-1],
    ]  # fmt: skip
    result = np.array([*numbers, *(n for table in tables for n in table)], np.int64)
    result.flags.writeable = False
    return result


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    return _places(problem, shape_of(problem))[3]


@lru_cache(maxsize=256)
def fill(problem: Problem) -> Array:
    """The border's constant."""
    with np.errstate(over="ignore"):
        return np.array([problem.cval.real]).astype(problem.sums)


@cache
def kernels(image: DType, compute: DType, result: DType) -> Kernels:
    """The kernel for the dtypes as compiled code sees them."""
    return Kernels(k.kernel, signature(image, compute, result, axes=4))
