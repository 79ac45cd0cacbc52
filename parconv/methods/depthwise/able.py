"""Which tiles can answer a problem, and which do."""

from ...codegen import machine
from ...problem.problem import Problem
from ..usual import bank_of, inputs_apart, lanes_of, outputs_apart
from .pixels import WIDTHS
from .strip import outputs
from .sweep import SIZES, STRIDES, Kind

WIDEST = 16  # vectors in a row of output of strips
# Filters from this size on have tiles of pixels first, where those of rows could do it, too: these
# want registers.  Microseconds so and by rows for 32 x 64 pixels of 96 channels: 3x3 113, 144, 5x5
# 215, 494; for 17 x 18 pixels at 3x3 17, 12; 20 x 22 x 23 of 283 5800, 1900 (Zen 3 VM, 2026-11).
# With NEON, by llvm-mca's model of neoverse-v1, 0.5 cycles for a product and 1.3.
PIXELS_FROM = machine.ISA.choose({32: 9, 16: 5, "NEON": 5})


def kind_of(problem: Problem, vectors: int = 1, planes: int = 1) -> Kind:
    return Kind(problem.filter[0], problem.stride[0], vectors, planes)


def strips_cannot(problem: Problem) -> str | None:
    """Why strips and tiles of rows cannot answer the problem; None where they can."""
    (sy, sx), rows = problem.stride, problem.filter[0]
    if problem.filter != (rows, rows) or rows not in SIZES:
        return f"it has filters of {', '.join(map(str, SIZES))} taps a side"
    if sy != sx or sx not in STRIDES or problem.dilation != (1, 1):
        return "it has strides of 1 or 2, the same on both axes, and no dilation"
    if outputs(kind_of(problem), lanes_of(problem)) < lanes_of(problem) // 2:
        return "vectors of this machine are too short for the filter"
    if problem.plane[1] > WIDEST * lanes_of(problem):
        return f"it has rows of at most {WIDEST} vectors"
    return None


def pixels_can(problem: Problem) -> bool:
    """Whether tiles of pixels can: channels lie side by side, as many as a vector holds.

    Fewer are slower so than plane by plane: 13 images of 60 x 61 pixels of 6 channels with two
    filters each of 3x3 1.2 ms, 0.8; 29 of 71 x 72 of 3, every second output, dilated, 1.1, 0.28
    (Zen 3 VM, AVX2, 2026-11).
    """
    apart, bank = inputs_apart(problem) and outputs_apart(problem), bank_of(problem)
    return bank.filters in WIDTHS and apart and bank.channels >= lanes_of(problem)


def by_pixels(problem: Problem) -> bool:
    """Whether they do where channels are runs in memory, too."""
    preferred = bank_of(problem).filters > 1 or problem.filter[0] >= PIXELS_FROM
    return pixels_can(problem) and (preferred or strips_cannot(problem) is not None)
