"""Separable method: filters that are the product of a column and a row, or a few such products.

Wins for most filters of that kind (Gaussians, boxes, derivatives, their sums): two passes of
``h + w`` multiply-adds a pixel in place of ``h w``, fused so that memory is read once and written
once.  Relies on real floating-point sums, which hold integers exactly where they must, and stride
1.

The error of an output is below ``(h + w + 3) u`` times the sum of ``|u_i| |v_j| |f|`` over its own
neighbourhood and over the products (u, v) of the filter, where u = 2**-24 or 2**-53; added to it is
what the products may miss the filter by (`parconv.problem.products.Products`).  NaN keeps exactly
the filter's footprint, and so does infinity, which several products may turn to NaN there.  Pixels
beyond half of the largest number may overflow where taps are symmetric.

Start reading at `line.py` (the inner loop), then `kernel.py` (rows of output from lines).
"""

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ...codegen import machine
from ...codegen.foreign import ends
from ...codegen.layout import geometry, odd_lines, up
from ...problem.bands import split_rows
from ...problem.dtypes import Array
from ...problem.filter import Filter
from ...problem.means import scale, unit
from ...problem.problem import Problem
from ...problem.traits import UNSEEN
from ..finishing import finishes as stores_narrow, with_numbers
from ..kernels import Taps, kernels_of
from ..usual import (
    UNIT as UNIT,
    anywhere as anywhere,
    fill as fill,
    from_line,
    grain as grain,
    regions as regions,
    selects as selects,
    sums as sums,
    units as units,
    unsummable,
)
from . import kernel as k
from .kernel import L
from .shape import Shape, halves_of, numbers_of, shape_of, work_of
from .turn import pixels_of_word

BAND_STRIPS = 4  # least height of a band
# Bytes in and out from which on lines of the next strip are asked for early.  Milliseconds with
# none before the caches are full, and so: 1024 x 1024 float32 at 17 x 17 1.09, 0.94, of float64
# 2.49, 2.24 (Sapphire Rapids VM, AVX-512, 2026-11).
FETCHED_BYTES = machine.ISA.choose({"AVX-512": machine.L2_BYTES, 16: 2 * machine.STREAM_BYTES})


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    if not problem.traits.rank:
        known = problem.traits.known
        return "the filter is no sum of a few products of a column and a row" if known else UNSEEN
    return unsummable(problem)


def error(problem: Problem) -> float:
    """What it may err by beside the rounding of a plain sum: several products differ from it."""
    return problem.traits.error


def unasked(problem: Problem) -> str | None:
    """Why only a caller who names it gets it; None where it may be chosen."""
    if problem.differences and not any(problem.traits.odd):
        return "the filter's taps cancel, but those of no column or row do in pairs"
    return None


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    return work_of(problem)


# --- the filter ----------------------------------------------------------------------------------


def prepare(problem: Problem, g: Filter) -> Taps:
    """For each product the column, then the row, in order of addition; read-only."""
    return Taps(with_numbers(problem, taps_of(problem, g, lines_of(problem, g)).values))


def finishes(problem: Problem) -> bool:
    """Whether blocks are stored by the problem's rule as they are turned."""
    turned = pixels_of_word(problem.sums, problem.dtype) > 0
    return turned and stores_narrow(problem)


def lines_of(problem: Problem, g: Filter) -> list[Array]:
    """For each product the column, then the row, in the order in which they meet the image."""
    found = itertools.chain(*zip(*factors(problem, g), strict=True))
    return [taps[::-1] if problem.reflect else taps for taps in found]


def taps_of(problem: Problem, g: Filter, lines: Sequence[Array]) -> Taps:
    """The numbers of such columns and rows that the kernel reads."""
    halves = itertools.cycle(halves_of(problem))
    kept = [
        taps[taps.size // 2 :] if half else taps for taps, half in zip(lines, halves, strict=False)
    ]
    return Taps(np.concatenate([*kept, scaling(problem, g)]).astype(problem.sums))


def factors(problem: Problem, g: Filter) -> tuple[Array, Array]:
    """Columns and rows: those of a mean sum pixels, and `scaling` follows."""
    if not problem.mean:
        found = g.factors(problem.traits.rank, problem.sums)
        if found is None:
            raise ValueError("g is not the filter that was planned for: plan again")
        return found
    # powers of two, which keep sums from overflowing
    rows, columns = g.shape
    down = math.ldexp(1, -rows.bit_length())
    return np.full((1, rows), down), np.full((1, columns), unit(_tap(g)) / down)


def scaling(problem: Problem, g: Filter) -> Array:
    """What the sums of a mean are multiplied by; nothing for other filters."""
    return scale(_tap(g), problem.sums, unit(_tap(g))) if problem.mean else np.empty(0)


def _tap(g: Filter) -> Array:
    """The tap of a filter whose taps are all equal."""
    return np.asarray(g[:1, :1])


# --- the problem as numbers ----------------------------------------------------------------------


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands of whole strips."""
    height = shape_of(problem).lanes * problem.dilation[0]
    return split_rows(units(problem), parts, height)


def least_band(problem: Problem) -> int:
    """Rows of a band that is worth handing out."""
    height = shape_of(problem).lanes * problem.dilation[0]
    return max(BAND_STRIPS * height, problem.span[0])


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    return L.pack(numbers(problem))


def numbers(problem: Problem, images: int = 1, ringed: int = 1) -> dict[str, int]:
    """The same by name; ``images``: of which the sums are made at a time, and rows are kept."""
    shape = shape_of(problem)
    return {
        **geometry(problem), **numbers_of(problem, problem.filter),
        "pixels": shape.pixels, "group": shape.group, "chunk": shape.chunk, "tile": shape.tile,
        "ring": shape.strips * shape.lanes, "fetched": shape.fetched,
        "fetches": problem.coming > FETCHED_BYTES,
        **_places(problem, shape, images, ringed),
    }  # fmt: skip


def _places(problem: Problem, shape: Shape, images: int, ringed: int) -> dict[str, int]:
    """Where the parts of scratch begin and how long their rows are; where they end."""
    size, lanes, halo = problem.sums.itemsize, shape.lanes, problem.span[1] - 1
    beside = (ringed - 1) * up(shape.tile + halo + lanes, lanes)
    ring_step = odd_lines(beside + shape.tile + halo + lanes, size)
    rows_step = odd_lines(shape.padded, size)
    turned_step = (shape.padded + halo + lanes) * lanes
    ring_rows = problem.filter[0] - 1 + shape.strips * lanes
    sums_at = max(lanes * lanes, machine.CACHE_LINE // size)
    rows_at = sums_at + images * shape.chunk * lanes
    turned_at = rows_at + lanes * rows_step
    ring_at = turned_at + images * problem.traits.rank * turned_step
    return {
        "block_at": 0, "sums_at": sums_at, "rows_at": rows_at, "rows_step": rows_step,
        "turned_at": turned_at, "turned_step": turned_step, "ring_at": ring_at,
        "ring_step": ring_step, "beside": beside, "end": ring_at + ring_rows * ring_step,
    }  # fmt: skip


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    return from_line(problem, layout(problem)[L.end])


kernels = kernels_of(k.kernel, ends, pixels_of_word)
