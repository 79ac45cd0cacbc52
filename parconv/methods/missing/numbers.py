"""A problem whose pixels may be missing as numbers, and its blocks as problems of their own."""

import itertools
import math
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from ...codegen import machine
from ...codegen.layout import geometry, odd_lines, up
from ...problem.dtypes import Array
from ...problem.problem import Problem
from .. import direct
from ..usual import lanes_of
from . import means
from .holes import group_of
from .lines import shape_of
from .names import BATCH, GIVEN, L

GROUP_BYTES = 1 << 14  # of rows of pixels on their way to scratch
# Of the results of a row that are divided together: few enough for what holes take of them to stay
# in the first-level cache.
TILE_BYTES = 1 << 11


@lru_cache(maxsize=1024)
def block_of(problem: Problem, rows: int, columns: int) -> Problem:
    """What the other method is asked of a block's pixels, or of their weights: no border."""
    (sy, sx), (span_y, span_x), channels = problem.stride, problem.span, problem.channels
    pixels = (columns - 1) * sx + span_x
    inside = (rows - 1) * sy + span_y, pixels // channels
    wide = (*inside, channels) if channels > 1 else inside
    return replace(
        problem, image=(1, *wide), axes=(1, 2), image_dtype=problem.sums,
        compute=problem.sums, dtype=problem.sums, boundary=("constant", "constant"), cval=0,
        lead=(0, 0), plane=(rows, columns), mode="valid", missing=None, begin=(0, 0), within=0,
    )  # fmt: skip


def sum_of_ones(method: Any, problem: Problem, taps: Array) -> float:
    """What a method makes of ones, in whatever order it adds."""
    one, kind = block_of(problem, 1, problem.channels), problem.sums
    kernels = method.kernels(kind, kind, kind)
    image, out = np.ones((1, *one.plane_in), kind), np.empty((1, *one.plane), kind)
    scratch = np.zeros(method.workspace(one), kind)
    layout = kernels.told(method.layout(one))
    kernels.serial(image, taps, method.fill(one), out, layout, scratch, 0, method.units(one))
    return float(out.flat[0])


def numbers(frame: Any, problem: Problem) -> Array:
    """Everything the kernel knows of a problem, by the method that ``frame`` is around."""
    missing = problem.missing
    assert missing
    height, width = frame.sizes(problem)
    ends = frame.ends(problem)
    kernels = frame.inner(problem)
    layouts = [kernels.told(frame.method.layout(one)) for one in ends]
    alone = frame.alone(problem)
    if alone:
        layouts += [direct.layout(means.plainly(one)) for one in ends]
    pitch = max(map(len, layouts))
    return L.pack(
        geometry(problem),
        **dict.fromkeys(GIVEN, 0),
        channels=problem.channels,
        planes=problem.planes,
        height=height,
        width=width,
        down=frame.counts(problem)[0],
        places=math.prod(frame.counts(problem)),
        inwards=inwards(problem),
        follows=not inwards(problem) and problem.stride == (1, 1),
        address=kernels.address,
        weighted=missing.weighted,
        omits=missing.omits,
        shares=False,
        exact=not problem.rounded,
        bits=not missing.weighted,
        few=problem.stride == (1, 1),
        counts=counts(problem),
        lanes=lanes_of(problem),
        **_places(problem, ends[0].plane_in, (height, width)),
        alone=means.kernels(*(problem.sums,) * 3).address if alone else 0,
        alone_taps=means.count(problem) if alone else 0,
        pitch=pitch,
        units=[frame.method.units(one) for one in ends],
        layouts=np.concatenate([np.pad(one, (0, pitch - len(one))) for one in layouts]),
    )


def inwards(problem: Problem) -> bool:
    """Whether blocks go over all planes at each place, which may share their weights."""
    return problem.planes > 1 and not (problem.missing and problem.missing.omits)


def counts(problem: Problem) -> int:
    """Taps where they are equal and 16 bits count them; 0: holes are not counted."""
    number = math.prod(problem.filter)
    dense = problem.stride == (1, 1) and problem.dilation[0] == 1
    return number if problem.traits.equal and dense and number < 1 << 16 else 0


def _places(problem: Problem, inside: tuple[int, int], size: tuple[int, int]) -> dict[str, int]:
    """Where the parts of scratch begin and how long their rows are."""
    (rows_in, columns_in), (height, width), item = inside, size, problem.sums.itemsize
    lanes, shape = lanes_of(problem), shape_of(problem)
    before, vector = up(problem.span[1], lanes), group_of(lanes)
    step = odd_lines(before + columns_in + shape.step + 2 * vector, item)
    above = problem.span[0] - 1 if shape.rows > 1 else 0  # of rows that no result needs
    sums_step, group = odd_lines(width + vector, item), max(1, GROUP_BYTES // (step * item))
    tile = min(up(width, vector), TILE_BYTES // item)
    taken_step = odd_lines(before + tile + problem.span[1] + shape.step + 4 * vector, item)
    counts_step = odd_lines((columns_in + problem.span[1]) * 2 // item + 4 * vector, item)
    bits_step = up(columns_in + vector, 64) // 64 + 1
    parts = {
        "weights_at": rows_in * step,
        "sums_at": max(rows_in * step, (above + rows_in) * taken_step, 3 * counts_step),
        "divisors_at": height * sums_step, "lines_at": height * sums_step,
        "bits_at": 2 * group * step,
        "list_at": rows_in * bits_step * 8 // item,
        "row_at": up(BATCH * columns_in + 64, 2) * 4 // item,
        "inner_at": sums_step,
    }  # fmt: skip
    line = machine.CACHE_LINE // item
    places = itertools.accumulate(up(part, line) for part in parts.values())
    found = dict(zip(parts, places, strict=True))
    return found | {
        "taken_at": found["weights_at"] + above * taken_step + before, "taken_step": taken_step,
        "counts_step": counts_step,
        "tile": tile, "above": above, "group": group,
        "step": step, "sums_step": sums_step, "bits_step": bits_step * 8 // item,
        "column": shape.column, "rows": shape.rows, "taps_step": shape.step,
    }  # fmt: skip
