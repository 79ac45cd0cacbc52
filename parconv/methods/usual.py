"""What most methods answer alike: one that does so imports it under the name that it has here.

Bands are cut from rows, counted over all planes, where a method does not say otherwise.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from ..codegen import machine
from ..problem.banks import Bank
from ..problem.dtypes import Array, DType
from ..problem.problem import Problem

UNIT = "rows"  # what bands are cut from


def obstacle(method: Any, problem: Problem) -> str | None:
    """Why it cannot answer the problem as precisely as is asked; None where it can."""
    reason: str | None = method.applicable(problem)
    allowed = problem.tolerance
    if reason is None and allowed is not None and method.error(problem) > allowed:
        return f"its error may be {method.error(problem):.2g}, more than tolerance={allowed:.2g}"
    return reason


def applicable(problem: Problem) -> str | None:
    """Why the method cannot answer the problem; None where it can: always."""
    return None


def unsummable(problem: Problem) -> str | None:
    """Why a method of real floating-point sums, of every output, cannot answer the problem."""
    if problem.stride != (1, 1):
        return unreal(problem) or "it would compute every output, of which a stride keeps few"
    return unreal(problem)


def unreal(problem: Problem) -> str | None:
    """Why a method of real floating-point sums cannot answer the problem."""
    if problem.compute.kind == "c":
        return "it is not written for complex numbers"
    if problem.sums.kind == "i":
        return "no floating type holds the sums of these integers exactly"
    return None


def unasked(problem: Problem) -> str | None:
    """Why only a caller who names the method gets it; None: it may be chosen."""
    if problem.traits.bank and problem.rounded:
        return "the taps of a filter cancel, which it sums like all others"
    return None


def error(problem: Problem) -> float:
    """What it may err by beside the rounding of a plain sum."""
    return 0.0


def selects(problem: Problem) -> bool:
    """Whether it leaves out every zero tap: NaN under them reaches no output."""
    return False


def sums(problem: Problem) -> DType:
    """The real type that sums are formed in."""
    return problem.sums


@lru_cache(maxsize=256)
def fill(problem: Problem) -> Array:
    """The border's constant; of a bank one for each channel of the image."""
    bank = problem.bank
    constants = bank.constants(problem.cval) if bank else [problem.cval.real]
    return np.array(constants).astype(problem.sums)


def grain(problem: Problem) -> int:
    """Rows of output, from the first on, that are computed from the same rows of the image."""
    return 1


def anywhere(problem: Problem) -> bool:
    """Whether a row of results has the same bits in any part of a problem, as of the whole."""
    return True


def units(problem: Problem) -> int:
    """Rows over all planes."""
    return problem.planes * problem.plane[0]


def regions(problem: Problem, start: int, stop: int) -> list[tuple[int, slice]]:
    """Planes of the result, and rows of each, that rows ``[start, stop)`` over all planes are."""
    rows = problem.plane[0]
    first, last = start // rows, -(-stop // rows)
    return [
        (plane, slice(max(start - plane * rows, 0), min(stop - plane * rows, rows)))
        for plane in range(first, last)
    ]


def inputs_apart(problem: Problem) -> bool:
    """Whether channels lie between the columns of a bank's image, as ``axes`` say."""
    bank = bank_of(problem)
    return bank.axes[0] > bank.axes[2] and problem.maps_in[1] > 1


def outputs_apart(problem: Problem) -> bool:
    """The same of the result."""
    bank = bank_of(problem)
    return bank.axes[0] > bank.axes[2] and bank.outputs > 1


def cycle(problem: Problem) -> int:
    """Operations of a cycle, in which two vectors are multiplied and added."""
    return 4 * lanes_of(problem)


def lanes_of(problem: Problem) -> int:
    """Numbers of the type of the sums in a vector."""
    return machine.lanes(problem.sums.itemsize)


def far(problem: Problem) -> float:
    """Numbers as long as a sum that hold the bytes which no cache does, in and out."""
    return max(0, problem.passing and problem.bytes - machine.STREAM_BYTES) / problem.sums.itemsize


def from_line(problem: Problem, elements: int) -> int:
    """Elements of scratch that hold so many from the first cache line on, wherever they begin."""
    return int(elements) + machine.CACHE_LINE // problem.sums.itemsize


def on_line(count: int, kind: DType) -> Array:
    """So many numbers that start on a cache line."""
    raw = np.empty(count * kind.itemsize + machine.CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % machine.CACHE_LINE
    return raw[start : start + count * kind.itemsize].view(kind)


def bank_of(problem: Problem) -> Bank:
    """The bank of a problem that has one, as those of a bank's methods do."""
    assert problem.bank
    return problem.bank
