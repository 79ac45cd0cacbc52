"""Box method: integer images under filters whose taps are all equal, by running sums.

Wins from 3 x 3 on, and hardly depends on the filter's size: a row of sums of columns comes from the
one above it by a pixel that enters and one that leaves, and sums of neighbours double by the binary
digits of the filter's width.  Relies on sums that a floating type holds exactly, so that nothing
drifts and the bits do not depend on where it begins; one product scales them, nearly as if divided:
the mean of equal pixels is their value.  Stride 1, and taps
of a row next to each other.

Floating-point boxes are `separable`'s: running sums would drift, and spread NaN.

Start reading at `kernel.py` (rows of output), then `window.py` (sums of neighbours).
"""

import math
from functools import lru_cache

import numpy as np

from ...codegen import machine
from ...codegen.layout import geometry, up
from ...problem.bands import split_rows
from ...problem.dtypes import Array
from ...problem.filter import Filter
from ...problem.means import scale
from ...problem.problem import Problem
from ...problem.traits import UNSEEN
from ..kernels import Taps, kernels_of
from ..usual import (
    UNIT as UNIT,
    error as error,
    fill as fill,
    from_line,
    grain as grain,
    lanes_of,
    regions as regions,
    selects as selects,
    sums as sums,
    unasked as unasked,
    units as units,
)
from . import kernel as k
from .kernel import L

DIGITS = {4: 24, 8: 53}  # of the integers that a floating type of so many bytes holds
BAND_HALOS = 8  # least height of a band, in heights of the filter: its first row sums them all
LEAST_BAND = 32
# Operations of the direct method that take as long, of a pixel: moving its column on and storing
# it, a doubling of windows in registers, one in memory.  Milliseconds for 4096 x 4096 uint8, one
# core: 3x3 2.6, 15x15 3.2, 31x31 4.1, 127x127 6.3 (Zen 5, 2026-11).
SLIDE_WORK, DOUBLING_WORK, WIDENING_WORK = 30, 6, 18


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    if not problem.traits.equal:
        return "the filter's taps are not all equal" if problem.traits.known else UNSEEN
    if problem.image_dtype.kind not in "biu" or problem.compute.kind == "c":
        return "it is for integer images and real filters"
    if problem.stride != (1, 1) or problem.dilation[1] != 1:
        return "the taps of a row do not lie next to each other, or a stride keeps few outputs"
    if not float(problem.cval.real).is_integer():
        return f"cval={problem.cval} is no integer"
    # columns are numbered in the type of the sums
    greatest = max(problem.widest * math.prod(problem.filter), problem.plane_in[1])
    if problem.sums.kind == "i" or greatest > 1 << DIGITS[problem.sums.itemsize]:
        return f"{problem.sums} does not hold all sums exactly"
    return None


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    doublings = problem.filter[1].bit_length() - 1
    wide = max(0, doublings - lanes_of(problem).bit_length() + 1)
    pixel = DOUBLING_WORK * (doublings - wide) + WIDENING_WORK * wide
    slid = SLIDE_WORK * problem.plane_in[1] * problem.plane[0] * problem.planes
    return float(slid + pixel * math.prod(problem.shape))


def prepare(problem: Problem, g: Filter) -> Taps:
    """The number that sums are multiplied by, in two parts; read-only."""
    values = scale(np.asarray(g[:1, :1]), problem.sums)
    return Taps(values)


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
    sums_at = 2 * results + k.PAGE // itemsize
    return L.pack(
        geometry(problem),
        lanes=lanes,
        rows_at=results,
        sums_at=sums_at,
        sums_step=columns,
        end=sums_at + 2 * columns,
    )


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    return from_line(problem, layout(problem)[L.end])


kernels = kernels_of(k.kernel)
