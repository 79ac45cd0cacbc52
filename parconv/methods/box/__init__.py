"""Box method: integer images under filters whose taps are all equal, by running sums.

Wins from 3 x 3 on, and hardly depends on the filter's size: a row of sums of columns comes from the
one above it by a pixel that enters and one that leaves, and sums of neighbours double by the binary
digits of the filter's width, or are added up in two steps where channels lie between them.  Relies
on sums that a floating type holds exactly, so that nothing drifts and the bits do not depend on
where it begins; one product scales them, nearly as if divided: the mean of equal pixels is their
value.  Stride 1.

Floating-point boxes are `windows`': running sums would drift, and spread NaN.

Start reading at `kernel.py` (rows of output), then `window.py` (sums of neighbours).
"""

import math
from functools import lru_cache

import numpy as np

from ...codegen import machine
from ...codegen.layout import geometry, up
from ...problem.bands import split_rows
from ...problem.dtypes import FLOAT64, Array, DType
from ...problem.filter import Filter
from ...problem.means import scale
from ...problem.problem import Problem
from ...problem.traits import UNSEEN
from ..direct.tile import stores
from ..kernels import Taps, kernels_of
from ..usual import (
    UNIT as UNIT,
    anywhere as anywhere,
    error as error,
    fill as fill,
    from_line,
    grain as grain,
    lanes_of,
    regions as regions,
    selects as selects,
    unasked as unasked,
    units as units,
)
from ..windows.steps import steps_of
from . import kernel as k
from .kernel import L

DIGITS = {4: 24, 8: 53}  # of the integers that a floating type of so many bytes holds
BAND_HALOS = 8  # least height of a band, in heights of the filter: its first row sums them all
LEAST_BAND = 32
# Operations of the direct method that take as long, of a pixel: moving its column on and storing
# it, a doubling of windows in registers, one in memory.  Milliseconds for 4096 x 4096 uint8, one
# core: 3x3 2.6, 15x15 3.2, 31x31 4.1, 127x127 6.3 (Zen 5, 2026-11).
SLIDE_WORK = machine.ISA.choose({32: 30, 16: 22})
DOUBLING_WORK, WIDENING_WORK = 6, 18
# The same where neighbours lie apart, with a load of what is added up along the row; and of a row.
# Microseconds for 300 x 400 x 3 uint8 at 3, 5, 9, 15, 31 taps: 123, 178, 180, 231, 305 (Zen 3 VM,
# 2026-11).
# Where only float64 holds the sums, all of a pixel takes so many times as long: 600 x 700 uint16 at
# 21x21 take 619 microseconds, by `windows` 754.
WIDER = 1.15
APART_WORK, LOAD_WORK, ROW_WORK = 12, 2.8, 3500


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    if not problem.traits.equal:
        return "the filter's taps are not all equal" if problem.traits.known else UNSEEN
    if problem.image_dtype.kind not in "biu" or problem.compute.kind == "c":
        return "it is for integer images and real filters"
    if problem.stride != (1, 1):
        return "it would compute every output, of which a stride keeps few"
    if not float(problem.cval.real).is_integer():
        return f"cval={problem.cval} is no integer"
    if problem.sums.kind == "i" or _greatest(problem) > 1 << DIGITS[8]:
        return "no floating type holds all sums exactly"
    return None


def _greatest(problem: Problem) -> int:
    """The largest sum; and columns, which are numbered in its type."""
    return max(problem.widest * math.prod(problem.filter), problem.plane_in[1])


def sums(problem: Problem) -> DType:
    """The real type that sums are formed in: one that holds them."""
    exact = problem.sums.kind == "f" and _greatest(problem) <= 1 << DIGITS[problem.sums.itemsize]
    return problem.sums if exact else FLOAT64


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    rows = problem.plane[0] * problem.planes
    moved, taps = problem.plane_in[1] * rows, problem.filter[1]
    if problem.dilation[1] > 1:
        found = APART_WORK * moved + LOAD_WORK * steps_of(taps).work * math.prod(problem.shape)
    else:
        lanes, doublings = machine.lanes(sums(problem).itemsize), taps.bit_length() - 1
        wide = max(0, doublings - lanes.bit_length() + 1)
        pixel = DOUBLING_WORK * (doublings - wide) + WIDENING_WORK * wide
        found = SLIDE_WORK * moved + pixel * math.prod(problem.shape)
    wider = WIDER if sums(problem) != problem.sums else 1
    return float(found * wider + ROW_WORK * rows)


def prepare(problem: Problem, g: Filter) -> Taps:
    """What sums are multiplied by, in two parts; read-only."""
    kind = sums(problem)
    return Taps(np.array(scale(np.asarray(g[:1, :1]), kind)).astype(kind))


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands."""
    return split_rows(units(problem), parts, problem.dilation[0])


def least_band(problem: Problem) -> int:
    """Rows of a band that is worth handing out."""
    return max(LEAST_BAND, BAND_HALOS * problem.span[0])


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array.

    Rows of scratch have some vectors more than the pixels they hold, which windows read.
    """
    itemsize = problem.sums.itemsize
    lanes, width = lanes_of(problem), problem.plane[1] + problem.span[1]
    line = machine.CACHE_LINE // itemsize
    results = up(width + 4 * lanes, line)
    columns = up(width + problem.plane_in[1] + abs(problem.lead[1]) + 5 * lanes, line)
    sums_at, steps = 2 * results + k.PAGE // itemsize, steps_of(problem.filter[1])
    return L.pack(
        geometry(problem),
        channels=problem.channels,
        lanes=lanes,
        stored=bool(stores(problem.sums, problem.dtype)),
        first_x=steps.first,
        second_x=steps.second,
        rest_x=steps.rest,
        part_at=0,
        rows_at=results,
        sums_at=sums_at,
        sums_step=columns,
        end=sums_at + 2 * columns,
    )


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    return from_line(problem, layout(problem)[L.end])


kernels = kernels_of(k.kernel)
