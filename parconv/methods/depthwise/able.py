"""Which tiles can answer a problem."""

import math
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from ...problem.problem import Problem
from ..usual import bank_of, inputs_apart, lanes_of, outputs_apart
from . import across
from .pixels import WIDTHS as PIXEL_WIDTHS
from .strip import KINDS, MASKED, outputs
from .sweep import SIZES, STRIDES, Kind

WIDEST = 16  # vectors in a row of output of strips
NARROW = 4  # outputs of a row of planes that are turned, at least: a tile of one waits for its sums
TURNED_BYTES = 1 << 15  # of pixels and results of planes that are turned at a time


def kind_of(problem: Problem, vectors: int = 1, planes: int = 1) -> Kind:
    return Kind(problem.filter[0], problem.stride[0], vectors, planes)


def _may_dilate(problem: Problem) -> bool:
    """Whether strips have the dilation: rows apart are swept by turns.

    Under masks, or where each row has a whole vector: what one stores beyond it would be others'.
    """
    dy, dx = problem.dilation
    alone = MASKED or problem.plane[1] >= lanes_of(problem)
    return dy == dx and (dx == 1 or (alone and problem.stride == (1, 1)))


def sift_of(problem: Problem) -> int:
    """Of how many rows and columns strips see one: those between are met by no tap.

    So it is where the dilation is a multiple of the stride.
    """
    (sy, sx), (dy, dx) = problem.stride, problem.dilation
    sifts = sy == sx and dy % sy == dx % sy == 0 and min(problem.plane_in) >= sy
    return sy if sifts and not pixels_can(problem) else 1


def first_of(problem: Problem) -> tuple[int, int]:
    """The first row and column that strips see."""
    step = sift_of(problem)
    return -problem.lead[0] % step, -problem.lead[1] % step


@lru_cache(maxsize=256)
def sifted(problem: Problem) -> Problem:
    """The problem over the rows and columns that strips see."""
    step, firsts, image = sift_of(problem), first_of(problem), list(problem.image)
    if step == 1:
        return problem
    for axis, first in zip(problem.axes, firsts, strict=True):
        image[axis] = -(-(image[axis] - first) // step)
    (top, left), (dy, dx) = problem.lead, problem.dilation
    lead = -(-top // step), -(-left // step)
    dilation = dy // step, dx // step
    return replace(problem, image=tuple(image), lead=lead, stride=(1, 1), dilation=dilation)


def strips_cannot(problem: Problem) -> str | None:
    """Why strips and tiles of rows cannot answer the problem; None where they can."""
    problem = sifted(problem)
    (sy, sx), rows = problem.stride, problem.filter[0]
    if problem.filter != (rows, rows) or rows not in SIZES:
        return f"it has filters of {', '.join(map(str, SIZES))} taps a side"
    if sy != sx or sx not in STRIDES or not _may_dilate(problem):
        return "it has strides of 1 or 2, the same on both axes, and no dilation beside"
    if outputs(kind_of(problem), lanes_of(problem)) < lanes_of(problem) // 2:
        return "vectors of this machine are too short for the filter"
    if problem.plane[1] > WIDEST * lanes_of(problem):
        return f"it has rows of at most {WIDEST} vectors"
    return None


def has_pairs(problem: Problem) -> bool:
    """Whether rows of two planes fit a vector, those of the image with a zero behind them."""
    bank, kind, lanes = bank_of(problem), kind_of(problem, 1, 2), lanes_of(problem)
    fitting = 2 * problem.plane[1] <= lanes and problem.plane_in[1] < lanes
    return kind in KINDS and fitting and bank.outputs == bank.channels


def pixels_can(problem: Problem) -> bool:
    """Whether tiles of pixels can: channels lie side by side, as many as a vector holds.

    Or two, where masks are cheap.  Else fewer are slower so than plane by plane: 13 images of 60 x
    61 pixels of 6 channels with two filters each of 3x3 1.2 ms, 0.8; 29 of 71 x 72 of 3, every
    second output, dilated, 1.1, 0.28 (Zen 3 VM, AVX2, 2026-11).
    """
    apart, bank = inputs_apart(problem) and outputs_apart(problem), bank_of(problem)
    least = 2 if MASKED else lanes_of(problem)
    return bank.filters in PIXEL_WIDTHS and apart and bank.channels >= least


class Turned(NamedTuple):
    """How planes of channels that do not lie side by side are copied so that they do.

    ``wide`` channels, in rows of ``pitch`` columns, of which a row of output meets every tap of
    ``columns`` outputs.
    """

    wide: int
    pitch: int
    columns: int


@lru_cache(maxsize=256)
def turned_of(problem: Problem) -> Turned | None:
    """For tiles of pixels of planes that are turned, if those can."""
    problem = sifted(problem)
    bank, lanes = bank_of(problem), lanes_of(problem)
    apart = inputs_apart(problem) or outputs_apart(problem)
    if apart or bank.filters not in PIXEL_WIDTHS or bank.channels < lanes or problem.lead[1] < 0:
        return None
    columns = max(problem.plane[1], NARROW)
    pitch = (columns - 1) * problem.stride[1] + problem.span[1]
    pixels = problem.plane_in[0] * pitch + math.prod(problem.plane) * bank.filters
    fitting = TURNED_BYTES // (max(pixels, 1) * problem.sums.itemsize)
    wide = min(max(fitting // lanes, 1), -(-bank.channels // lanes)) * lanes
    return Turned(wide, pitch, columns)


def turned_numbers(problem: Problem) -> dict[str, int]:
    """The numbers of planes that are turned, whose rows hold all columns that outputs meet."""
    found = turned_of(problem)
    assert found
    return {
        "columns_in": found.pitch, "columns_out": found.columns, "lead_x": 0,
        "copy_row": found.pitch, "copy_lead": sifted(problem).lead[1],
    }  # fmt: skip


def turned_room(problem: Problem) -> int:
    """Elements of scratch for planes that are turned, and what a last tile reads and leaves."""
    found, filters, problem = turned_of(problem), bank_of(problem).filters, sifted(problem)
    assert found
    pixels = problem.plane_in[0] * found.pitch + filters * (math.prod(problem.plane) + NARROW)
    return lanes_of(problem) + (pixels + problem.span[1]) * found.wide + lanes_of(problem)


class Across(NamedTuple):
    """How outputs of a row share pixels.

    ``phases`` times between each other, that lie ``stride`` pixels apart, which lie ``unit``
    columns apart.
    """

    phases: int
    stride: int
    unit: int


def across_of(problem: Problem) -> Across | None:
    """For tiles of pixels that are loaded once for all taps of a row, if those can."""
    (_, stride), (_, dilation), (_, size) = problem.stride, problem.dilation, problem.filter
    if bank_of(problem).filters > 1 or size not in across.SIDES:
        return None
    if dilation % stride == 0:
        found = Across(dilation // stride, 1, dilation)
    elif dilation == 1 and stride in STRIDES:
        found = Across(1, stride, 1)
    else:
        return None
    return found if problem.plane[1] // found.phases >= across.WIDTHS[-1] else None


def across_numbers(problem: Problem) -> dict[str, int]:
    """How outputs share pixels along a row, if they do."""
    found = across_of(problem)
    if found is None:
        return dict.fromkeys(("phases", "unit", "across_tile"), 0)
    tile = across.Tile(problem.filter[1], found.stride, across.WIDTHS[0])
    place = across.TILES.index(tile)
    return {"phases": found.phases, "unit": found.unit, "across_tile": place}
