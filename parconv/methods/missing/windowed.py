"""The kernel of `windows` over images of which pixels are missing: it counts those that are there.

Their numbers are exact, so no pixel is weak, and take the same time however many there are:
mostly a byte each, beside sums of which a vector holds a fourth or an eighth as many.  As those of
all pixels they go down columns first, or, where the second step along rows is made in registers,
along rows.

Start reading at `counting`, what is done with a block's rows, then `filling`, the same rows first.
"""

import itertools
import math
from functools import lru_cache

from ...codegen import foreign, machine
from ...codegen.layout import odd_lines, up
from ...problem.dtypes import Array
from ...problem.problem import Problem
from .. import windows
from ..direct.tile import stores
from ..kernels import kernels_of, with_parts
from ..windows import kernel as alone
from ..windows.along import along, reach_by, reach_of
from ..windows.beside import ENTRY
from ..windows.steps import Steps, steps_of
from .counting import KINDS, ROWS_FIRST, WORD_BYTES, L, deliver, enter, number_rows, pack
from .entering import MOST
from .filling import GROUP, begin, fill_rowwise
from .names import GIVEN, given as with_weights
from .numbers import sum_of_ones

# Of numbers of results of rows that are made together.  Milliseconds of 512 x 512 float32 at 15x15,
# NaN and booleans, with 4, 8, 16 rows, which 24 KiB hold: 0.193 0.209, 0.182 0.205, 0.180 0.200; of
# 4096 x 4096, of whose tiles they hold 5, booleans: 13.8, 13.8, 14.6 (Zen 4 VM, AVX-512, 2026-11).
GROUP_BYTES = 3 << 13

# Of a row of pixels that enter, rows first.  Nanoseconds a pixel at 15x15, NaN and booleans, with
# 1, 2, 4 KiB: 512 x 512 float32 0.83 0.89, 0.78 0.81, 0.79 0.83; 4096 x 4096 0.71 0.75, 0.69 0.74,
# 0.68 0.72; float64 1.51 1.46, 1.43 1.44, 1.39 1.40 (Zen 4 VM, AVX-512, 2026-11).
PIECE_BYTES = 1 << 12

_kernel = with_parts(
    alone.kernel, "windowed", begin=begin, number_rows=number_rows, pack=pack, enter=enter,
    deliver=deliver, fill_rowwise=fill_rowwise,
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
    missing, taps = problem.missing, math.prod(problem.filter)
    assert missing
    known = _rows_first(problem) if _reach(problem) else _columns_first(problem)
    return L.pack(
        known,
        **dict.fromkeys(GIVEN, 0),
        weighted=missing.weighted,
        omits=missing.omits,
        outside=missing.outside,
        bits=missing.truths,
        counts=taps,
        wide=taps > MOST,
    )


def _columns_first(problem: Problem) -> dict[str, int]:
    """Where it all lies, sums of columns and their numbers of a byte each."""
    steps, item = steps_of(problem.filter[1]), problem.sums.itemsize
    known = windows.described(problem, steps, narrowest=1, reach=0)
    step, spare = known["step"], known["down_at"] + (known["batch"] + 1) * known["step"]
    group = max(1, min(known["batch"], GROUP_BYTES // (step * WORD_BYTES)))
    sizes = {
        "there_at": spare + 2 * (group + 1) * step,
        "numbers_at": (KINDS * group + 1) * step * WORD_BYTES,
        "truths_at": problem.filter[0] * ENTRY,
    }  # fmt: skip
    unused = dict.fromkeys(ROWS_FIRST, 0)
    return known | unused | placed(known["end"], sizes, item) | {"group": group, "spare": spare}


def _rows_first(problem: Problem) -> dict[str, int]:
    """The same where pieces of rows enter short ones."""
    item, taps, reach = problem.sums.itemsize, problem.filter[0], reach_of(problem)
    known = windows.described(problem, along(problem), narrowest=1, reach=reach)
    step, piece = known["step"], up(min(PIECE_BYTES // item, known["tile"]), GROUP)
    short = odd_lines(piece + 2 * problem.span[1] + 3 * GROUP, 1)
    room, there = (taps + 1) * short, steps_there(problem.filter[1])
    sizes = {
        "there_at": (2 * taps + 2) * step, "numbers_at": 0, "short_rows_at": room * item,
        "ones_at": room * WORD_BYTES, "counts_at": room * WORD_BYTES,
        "suffix_at": (taps + 2) * step * WORD_BYTES, "truths_at": taps * ENTRY,
        "short_at": taps * ENTRY,
    }  # fmt: skip
    return known | placed(known["end"], sizes, item) | {
        "piece": piece, "short": short, "group": 0, "spare": 0, "first_there": there.first,
        "second_there": there.second, "rest_there": there.rest, "reach_there": _reach(problem),
    }  # fmt: skip


def _reach(problem: Problem) -> int:
    """By how many vectors numbers are shifted along rows; 0 where these do not come first."""
    there, wide = steps_there(problem.filter[1]), math.prod(problem.filter) > MOST
    if not reach_of(problem):
        return 0
    return reach_by(there, problem.dilation[1], GROUP >> wide) if there.second > 1 else 1


def steps_there(taps: int) -> Steps:
    """In which numbers are added up: the second one hops over whole float32."""
    first = min(taps, 4)
    return Steps(first, taps // first, rest=taps % first)


def placed(start: int, sizes: dict[str, int], item: int) -> dict[str, int]:
    """Where parts of scratch of so many bytes begin, on lines, in elements; and where all ends."""
    line = machine.CACHE_LINE
    ends = [start * item, *sizes.values()]
    *places, end = itertools.accumulate(up(size, line) // item for size in ends)
    return dict(zip(sizes, places, strict=True)) | {"end": end}


def given(problem: Problem, layout: Array, weights: Array) -> Array:
    """The layout with an array of booleans."""
    return with_weights(L, problem, layout, weights)
