"""The kernel of `windows` over images of which pixels are missing: it counts those that are there.

Their numbers are exact, so no pixel is weak, and take the same time however many there are:
mostly a byte each, beside sums of which a vector holds a fourth or an eighth as many.

Start reading at `counting`, what is done with a block's rows.
"""

import math
from functools import lru_cache

from ...codegen import foreign, machine
from ...codegen.layout import up
from ...problem.dtypes import Array
from ...problem.problem import Problem
from .. import windows
from ..direct.tile import stores
from ..kernels import kernels_of, with_parts
from ..windows import kernel as alone
from ..windows.along import shifts_of
from ..windows.beside import ENTRY
from ..windows.steps import steps_of
from .counting import KINDS, WORD_BYTES, L, begin, deliver, enter, never, number_rows, pack
from .entering import MOST
from .names import GIVEN, given as with_weights
from .numbers import sum_of_ones

# Of numbers of results of rows that are made together.  Milliseconds of 512 x 512 float32 at 15x15,
# NaN and booleans, with 4, 8, 16 rows, which 24 KiB hold: 0.193 0.209, 0.182 0.205, 0.180 0.200; of
# 4096 x 4096, of whose tiles they hold 5, booleans: 13.8, 13.8, 14.6 (Zen 4 VM, AVX-512, 2026-11).
GROUP_BYTES = 3 << 13

_kernel = with_parts(
    alone.kernel, "windowed", begin=begin, number_rows=number_rows, pack=pack, enter=enter,
    deliver=deliver, fill_rowwise=never,
)  # fmt: skip
kernels = kernels_of(_kernel, foreign.ends, stores)


def told(problem: Problem, taps: Array) -> tuple[float, Array]:
    """What a method makes of ones; no numbers more."""
    return sum_of_ones(windows, problem, taps), taps[:0]


def obstacle(problem: Problem) -> str | None:
    """Why the kernel cannot answer the problem; None where it can."""
    missing, kinds = problem.missing, (problem.image_dtype, problem.dtype)
    if missing is None or (missing.weighted and not missing.truths):
        return "weights come with each image"
    if not math.isnan(missing.nothing):
        return "a number stands where nothing is there, and it leaves NaN"
    if any(kind != problem.sums for kind in kinds):
        return "its images and results are of the type of its sums"
    if problem.filter[0] > MOST or math.prod(problem.filter) >= 1 << 16:
        return "8 bits do not count a column's taps, or 16 not all"
    return None


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    missing, item, taps = problem.missing, problem.sums.itemsize, math.prod(problem.filter)
    assert missing
    steps = steps_of(problem.filter[1])
    known = windows.described(problem, steps, narrowest=1, reach=0)
    step, line = known["step"], machine.CACHE_LINE
    there_at, spare = up(known["end"], line), known["down_at"] + (known["batch"] + 1) * step
    group = max(1, min(known["batch"], GROUP_BYTES // (step * WORD_BYTES)))
    numbers_at = there_at + up(spare + 2 * (group + 1) * step, line * item) // item
    truths_at = numbers_at + up((KINDS * group + 1) * step * WORD_BYTES, line * item) // item
    end = truths_at + up(problem.filter[0] * ENTRY // item, line)
    return L.pack(
        known | {"end": end, "shifts": shifts_of(problem, steps)},
        **dict.fromkeys(GIVEN, 0),
        weighted=missing.weighted,
        omits=missing.omits,
        outside=missing.outside,
        bits=missing.truths,
        counts=taps,
        wide=taps > MOST,
        group=group,
        there_at=there_at,
        spare=spare,
        numbers_at=numbers_at,
        truths_at=truths_at,
    )


def given(problem: Problem, layout: Array, weights: Array) -> Array:
    """The layout with an array of booleans."""
    return with_weights(L, problem, layout, weights)
