"""Box method: integer images under filters whose taps are all equal, by running sums.

Wins from 3 x 3 on, and hardly depends on the filter's height: a row of sums of columns comes from
the one above it by a pixel that enters and one that leaves; along rows those of neighbours are
added up in a few steps, as `windows` does, or, of many, are the difference of two running sums.
Relies on sums that a type holds exactly, 16 bits those of bytes, so that nothing drifts and the
bits do not depend on where it begins; one product scales them, nearly as if divided: the mean of
equal pixels is their value.  Stride 1.

Floating-point boxes are `windows`': running sums would drift, and spread NaN.

Start reading at `kernel.py` (rows of output), then `slide.py` (sums of columns) and
`windows.running`.
"""

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import numba
import numpy as np
from numba import types

from ...codegen import machine
from ...codegen.blocks import BLOCK
from ...problem.bands import split_rows
from ...problem.dtypes import FLOAT32, FLOAT64, Array, DType
from ...problem.filter import Filter
from ...problem.means import meant, reciprocal
from ...problem.problem import Problem
from ...problem.traits import UNSEEN
from ..finishing import SCALED, finishes as finishes, scaling
from ..kernels import Kernels, Taps, signature
from ..usual import (
    UNIT as UNIT,
    anywhere as anywhere,
    error as error,
    far,
    fill as fill,
    from_line,
    grain as grain,
    lanes_of,
    regions as regions,
    selects as selects,
    unasked as unasked,
    units as units,
)
from ..windows import numbers
from ..windows.results import L
from ..windows.steps import Steps, as_numbers, running_sums, steps_of
from . import kernel as k
from .once import one_scale

UINT8, UINT16, INT16 = (np.dtype(kind) for kind in (np.uint8, np.uint16, np.int16))
INT32, UINT32 = np.dtype(np.int32), np.dtype(np.uint32)
DIVIDED = {UINT8: UINT16, UINT16: UINT32, INT16: UINT32}  # pixels, and sums that become their means
DIGITS = {4: 24, 8: 53}  # of the integers that a floating type of so many bytes holds
BAND_HALOS = 8  # least height of a band, in heights of the filter: its first row sums them all
LEAST_BAND = 32
# Operations of the direct method that take as long, of a pixel: moving its column on and storing
# it, a load of what is added up along the row, by the type of the sums; and of a row.  Least
# squares of the times of 40 x 50 to 600 x 800 pixels and 3 to 31 taps: nine of ten are within 16 %
# (Zen 3 VM, 2026-11; float64 a guess).  Rows take twice as long, as those of the direct method do
# beside its operations: so what is chosen is the fastest but for 8 % in 99 of 100 cases.
# AVX-512: of 40 x 50 to 1000 x 1500 pixels, gray and colour: nine of ten are within -22 and +29 %
# (Sapphire Rapids VM, 2026-11); then in the operations that `direct.PIXEL_WORK` tells of, with what
# the memory adds.
PIXEL_WORK, LOAD_WORK = machine.ISA.choose({
    "AVX-512": (
        {UINT16: 19.0, INT32: 19.0, UINT32: 50.0, FLOAT64: 26.0},
        {UINT16: 2.9, INT32: 4.1, UINT32: 2.7, FLOAT64: 3.4},
    ),
    "AVX2": (
        {UINT16: 3.6, INT32: 2.7, UINT32: 6, FLOAT64: 7},
        {UINT16: 0.67, INT32: 1.5, UINT32: 2.6, FLOAT64: 2.1},
    ),
    16: (
        {UINT16: 8.4, INT32: 3.7, UINT32: 7, FLOAT64: 8},
        {UINT16: 1.3, INT32: 2.9, UINT32: 2.9, FLOAT64: 3.1},
    ),
})  # fmt: skip
# Of a sum as the difference of two running sums, in loads, by the bytes of sums and how far apart
# neighbours lie.  ns a pixel with these and without: bytes at 41x41 0.38 0.57, in four colours 0.37
# 0.57, with AVX2 0.43 0.58 and 0.41 0.60; at 19x19 0.37 0.44; 16 bits in four colours at 27x27 0.49
# 0.61 (Zen 4 VM, 2026-11).
RUNNING_WORK = {(4, 1): 12.5, (4, 3): 12.5, (4, 4): 10.5, (2, 4): 12.5}
# A row of few columns takes whole vectors: of 144 boxes of 16 x 16 to 900 x 900, what is chosen
# takes 1.033 of the best method's time in the mean and 1.24 in the 95th percentile with 2300 here
# and 2500 in `windows`; 1.022 and 1.16 so, with what `calibration.SHIPPED` has (Zen 4 VM, 2026-11).
# What the memory adds: 16 bits at 3x3 as float32, 1024 x 1024 and 2500 x 2000, 0.21 and 0.31 ns,
# 0.34 and 0.51 by `direct`, which 25 took for the faster one (likewise).
# Of 800 random images the 98th percentile of the regret is 1.150 with 4000 of a row here and 8000
# and 6000 in `windows`, 1.137 with 5500 here and 5500 and 4000 there: 17 x 30 uint8 at 9x9 take
# 3.1 us so, 2.2 by `passes` (likewise).
ROW_WORK, FAR_WORK = machine.ISA.choose({"AVX-512": (5500, 12), 16: (1600, 0)})


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
    """The largest sum."""
    return problem.widest * math.prod(problem.filter)


def sums(problem: Problem) -> DType:
    """The real type that sums are formed in: the fastest that holds them.

    Unsigned ones count modulo a power of two.
    """
    greatest, natural = _greatest(problem), problem.image_dtype.kind in "bu"
    if problem.sums == FLOAT32 and natural and problem.cval.real >= 0 and greatest < 1 << 16:
        return UINT16
    if problem.sums.kind == "f" and greatest <= 1 << DIGITS[problem.sums.itemsize]:
        return INT32 if problem.sums == FLOAT32 else problem.sums
    return UINT32 if greatest < 1 << 31 else FLOAT64


def scaled(kind: DType) -> DType:
    """The type in which sums are scaled."""
    return {UINT16: FLOAT32, INT32: FLOAT32, UINT32: FLOAT64}.get(kind, kind)


def _stores(element: DType, result: DType) -> bool:
    """Whether what sums of that type become is stored as such results at once."""
    narrow = result.kind in "iu" and result.itemsize < 4
    return narrow or result == element or (element, result) == (FLOAT64, FLOAT32)


@cache
def kernels(image: DType, compute: DType, result: DType, rule: Any = None) -> Kernels:
    """The compiled kernel of such an image, sums and result, which a rule may store."""
    f, _, *others = signature(image, compute, rule or result)
    taps = types.Array(numba.from_dtype(scaled(compute)), 1, "C", readonly=True)
    return Kernels(k.kernel, (f, taps, *others))


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    kind, rows = sums(problem), problem.plane[0] + problem.span[0] - 1
    moved = rows * (problem.plane_in[1] * PIXEL_WORK[kind] + ROW_WORK)
    loads = math.prod(problem.plane) * _along(problem, kind)[1]
    return float((moved + loads * LOAD_WORK[kind]) * problem.planes + FAR_WORK * far(problem))


def _along(problem: Problem, kind: DType) -> tuple[Steps, float]:
    """How neighbours of a row of such sums are added up, and the work of a sum in loads."""
    taps, steps = problem.filter[1], steps_of(problem.filter[1])
    running = RUNNING_WORK.get((kind.itemsize, problem.dilation[1]), math.inf)
    return (running_sums(taps), running) if running < steps.work else (steps, steps.work)


def prepare(problem: Problem, g: Filter) -> Taps:
    """What sums are multiplied by, in two parts, and what scales and shifts means; read-only.

    Or, behind the two, what integers are divided by.
    """
    tap, kind = np.asarray(g[:1, :1]), sums(problem)
    found, dividing = scaling(problem, tap, scaled(kind)), _dividing(problem, tap)
    one = _one_scale(problem, found)
    if one:
        found[:SCALED] = one, 0
    return Taps(np.append(found, dividing).astype(found.dtype) if dividing else found)


def _one_scale(problem: Problem, found: Array) -> float:
    """What scales 16-bit sums to the bytes nearest to results that these numbers ask for; or 0."""
    rule = problem.store.rounding, problem.store.overflow
    usual = problem.dtype.itemsize == 1 and rule == ("even", "saturate")
    if not (usual and finishes(problem)) or problem.missing or sums(problem) != UINT16:
        return 0.0
    two, store = (tuple(part.tolist()) for part in np.split(found, [SCALED]))
    return one_scale(two, store, _greatest(problem), problem.dtype)


def _dividing(problem: Problem, tap: Array) -> Sequence[int]:
    """The numbers of `means.reciprocal` where results are nearest to means of such integers."""
    count, kind, held = math.prod(problem.filter), problem.image_dtype, sums(problem)
    if not (kind == problem.dtype and problem.is_plain and DIVIDED.get(kind) == held):
        return ()
    limits, constant = np.iinfo(kind), problem.cval.real
    if not (limits.min <= constant <= limits.max and meant(tap, scaled(held)) * count == 1):
        return ()
    return reciprocal(count, kind) or ()


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands."""
    return split_rows(units(problem), parts, problem.dilation[0])


def least_band(problem: Problem) -> int:
    """Rows of a band that is worth handing out."""
    return max(LEAST_BAND, BAND_HALOS * problem.span[0])


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    first, end = -problem.lead[1], problem.plane[1] + problem.span[1] - 1 - problem.lead[1]
    row = max(end, problem.plane_in[1]) - min(first, 0) + 4 * lanes_of(problem)
    known = numbers(problem, row, least=3) | as_numbers(_along(problem, problem.sums)[0])
    known["packed_at"] = known["end"]
    known["end"] += 2 * BLOCK * known["step"]
    return L.pack(
        known | {"stored": _stores(scaled(problem.sums), problem.dtype)},
        tile=problem.plane[1],
        beside=True,
        begin=0,
        begin_x=0,
    )


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    return from_line(problem, layout(problem)[L.end])
