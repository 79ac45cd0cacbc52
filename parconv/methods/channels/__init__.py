"""Lanes of output channels: vectors of weights times single pixels of the image.

Where outputs are few and channels come last these fill the lanes instead: see `few`.

Where channels of one tap come last, outputs go as a run: see `pointwise` and `apiece`.

Wins for layers of many filters.  Pixels are read in place, and taps beyond the image not
multiplied; or they are copied first, some rows at a time, where tiles would not be full in place,
or channels lie apart: see `copies`.  Relies on an image and a result of the type of the sums, and
on zeros beyond the image.

A unit is a block of filters over some rows of one image.

Start reading at `tile.py` (the inner loop), then `kernel.py` (tiles over the rows of a unit),
`shape.py` (what a unit is) and `work.py` (what pays).
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ...codegen import machine
from ...codegen.layout import geometry, up
from ...problem.bands import split_rows
from ...problem.dtypes import Array, kernel_dtype
from ...problem.problem import READ_LATE, Problem
from ...runtime.crew.record import MAPS
from ..kernels import Taps, kernels_of
from ..usual import (
    anywhere as anywhere,
    bank_of,
    error as error,
    fill as fill,
    grain as grain,
    lanes_of,
    outputs_apart,
    selects as selects,
    sums as sums,
    unasked as unasked,
)
from . import kernel as k
from .blocks import (
    block_filters,
    blocks_of,
    channel_lanes,
    is_few,
    is_pointwise,
    period_of,
    run_of,
    run_room,
    tile_blocks,
)
from .cost import cost as cost
from .inside import bordered_by_zeros, is_inside, met
from .numbers import FEW, MANY, L
from .shape import height_of, order_of, region, sizes_of
from .table import BITS_AT, MOST, SEGMENT, VECTORS
from .work import copy_of

UNIT = "blocks of filters over rows of an image"


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    kinds = {kernel_dtype(kind) for kind in (problem.image_dtype, problem.dtype)}
    if problem.sums.kind != "f" or kinds != {problem.sums}:
        return "it reads and writes the type of its sums, a float"
    if not (bordered_by_zeros(problem, 0) and bordered_by_zeros(problem, 1)):
        return "it leaves out taps beyond the image, as if zeros were there"
    return None


def streams(problem: Problem) -> bool:
    """Whether results go past the caches from tiles, of which each stores whole lines."""
    lines = machine.VECTOR_BYTES == machine.CACHE_LINE and outputs_apart(problem)
    tiles = not (is_few(problem) or is_pointwise(problem))
    whole = bank_of(problem).filters % lanes_of(problem) == 0
    return problem.within == READ_LATE and lines and tiles and whole


# --- the filters ---------------------------------------------------------------------------------


def prepare(problem: Problem, g: Array) -> Taps:
    """The weights as tiles read them: of each block by rows, columns, channels and filters.

    Where filters are few, channels come last: as many as a vector has lanes, filter by filter.
    """
    if run_of(problem) in (FEW, MANY):
        return Taps(_repeated(problem, g.reshape(g.shape[:2]).astype(problem.sums)))
    bank, channels = bank_of(problem), channel_lanes(problem)
    blocks = tile_blocks(problem) if is_pointwise(problem) else blocks_of(problem)
    groups, filters = bank.groups, bank.filters
    padded = np.zeros((groups, sum(blocks), channels, *g.shape[2:]), problem.sums)
    padded[:, :filters, : g.shape[1]] = g.reshape(groups, filters, *g.shape[1:])
    ordered = padded.transpose(0, 3, 4, 2, 1)
    parts = np.split(ordered, np.cumsum(blocks)[:-1], axis=4)
    if is_few(problem):
        parts = [_in_lanes(part, lanes_of(problem)) for part in parts]
    values = np.concatenate([part.reshape(groups, -1) for part in parts], axis=1).ravel()
    return Taps(values)


def _repeated(problem: Problem, g: Array) -> Array:
    """Of each channel the weights of outputs as they go on from pixel to pixel."""
    period, many = period_of(problem), run_of(problem) == MANY
    count = period if many else len(g) * period
    found = np.zeros((g.shape[1], count if many else up(count, lanes_of(problem))), problem.sums)
    found[:, :count] = g.T[:, np.arange(count) % len(g)]
    return found.ravel()


def _lookup(problem: Problem) -> Array:
    """In which lane of two vectors the first channel of each output's pixel is."""
    pixel = np.arange(lanes_of(problem)) // bank_of(problem).outputs
    return np.minimum(pixel, period_of(problem) - 1) * bank_of(problem).inputs


def _in_lanes(part: Array, lanes: int) -> Array:
    """Vectors of channels, filter by filter."""
    *others, channels, filters = part.shape
    return part.reshape(*others, channels // lanes, lanes, filters).swapaxes(-1, -2)


# --- units ---------------------------------------------------------------------------------------


def units(problem: Problem) -> int:
    """Blocks of filters over parts of images."""
    return math.prod(sizes_of(problem))


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands."""
    return split_rows(units(problem), parts)


def least_band(problem: Problem) -> int:
    """Units of a band that is worth handing out."""
    return 1


def regions(problem: Problem, start: int, stop: int) -> list[tuple[int, slice, slice]]:
    """Image, filters and rows of the result's maps that each of units ``[start, stop)`` fills."""
    return [region(problem, unit) for unit in range(start, stop)]


# --- the problem as numbers ----------------------------------------------------------------------


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    blocks, lanes = blocks_of(problem), lanes_of(problem)
    taps = math.prod(problem.filter) * channel_lanes(problem)
    return L.pack(
        geometry(problem),
        channels=bank_of(problem).inputs,
        filters=bank_of(problem).filters,
        group_blocks=len(blocks),
        block_taps=taps * block_filters(problem),
        group_taps=taps * sum(blocks),
        block_filters=block_filters(problem),
        few=is_few(problem),
        streams=streams(problem),
        run_of=run_of(problem),
        room_at=_room_at(problem),
        period=period_of(problem) if is_pointwise(problem) else 0,
        lookup=_lookup(problem) if run_of(problem) == FEW else (),
        **_inner(problem),
        inside=all(is_inside(problem, axis) for axis in (0, 1)),
        lanes=lanes,
        height=height_of(problem),
        sums_at=_sums_at(problem),
        sizes=sizes_of(problem),
        order=order_of(problem),
        rows=met(problem, 0),
        columns=met(problem, 1),
        copy_at=_copy_at(problem),
        **_copied(problem),
    )


def _copied(problem: Problem) -> dict[str, Any]:
    """How pixels are copied, and where in a copy filter rows begin, in elements."""
    copy = copy_of(problem)
    if copy is None:
        nothing = dict.fromkeys(("remainders", "depths", "starts", "rows_at"), ())
        numbers = dict.fromkeys(("pixel", "tap", "pitch", "run", "step", "runs", "phases"), 0)
        return {"copied": False, **numbers, **nothing}
    starts, row = copy.starts(height_of(problem)), copy.cells * bank_of(problem).inputs
    return {
        "copied": True,
        **{name: getattr(copy, name) for name in ("pixel", "tap", "pitch", "run", "step", "runs")},
        "phases": len(copy.phases),
        "remainders": copy.phases,
        "depths": copy.depths,
        "starts": starts,
        "rows_at": [(starts[phase] + down) * row for phase, down in copy.places],
    }


def _inner(problem: Problem) -> dict[str, int]:
    """The outputs that meet the image with every tap: first and stop of rows and of columns."""
    names = ("inner_top", "inner_bottom"), ("inner_left", "inner_right")
    ends: dict[str, int] = {}
    for axis, (first, stop) in enumerate(names):
        met_by = met(problem, axis)
        ends |= {first: max(met_by[::2]), stop: min(met_by[1::2])}
    return ends


def _sums_at(problem: Problem) -> int:
    """Where in scratch the sums of a tile lie that cannot be stored at once."""
    table = BITS_AT + problem.filter[0] + sum(problem.filter) + SEGMENT * MOST
    return up(table * np.int64().itemsize, machine.CACHE_LINE) // problem.sums.itemsize


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    copy, inputs = copy_of(problem), bank_of(problem).inputs
    if is_pointwise(problem):
        return _room_at(problem) + run_room(problem)
    if copy is None:
        return _copy_at(problem)
    rows = copy.starts(height_of(problem))[-1]
    # the last tile may reach beyond the last row
    beyond = MOST * copy.pixel + (problem.filter[1] - 1) * copy.tap
    line = machine.CACHE_LINE // problem.sums.itemsize
    return _copy_at(problem) + up((rows * copy.cells + beyond) * inputs, line)


def _room_at(problem: Problem) -> int:
    """Where in scratch the outputs of a run lie: of a row, or those of a tile."""
    line = machine.CACHE_LINE // problem.sums.itemsize
    return up(_copy_at(problem) + problem.plane[1] * bank_of(problem).inputs, line)


def _copy_at(problem: Problem) -> int:
    """Where in scratch the copied pixels lie."""
    line = machine.CACHE_LINE // problem.sums.itemsize
    return up(_sums_at(problem) + MOST * VECTORS * lanes_of(problem), line)


kernels = kernels_of(k.kernel, axes=MAPS)
