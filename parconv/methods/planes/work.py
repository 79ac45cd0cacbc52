"""What the method costs, in floating-point operations of the direct one."""

import math
from types import ModuleType
from typing import NamedTuple

from ...codegen import machine
from ...problem.problem import Problem
from .. import direct
from ..usual import bank_of, inputs_apart, outputs_apart
from .inner import count_of, inner_of


class Work(NamedTuple):
    """What is done beside the other method's work, in operations of the direct method.

    Attributes
    ----------
    plane : int
        Finding a plane and calling the kernel.
    product : float
        How long a product takes.
    edge : int
        A row with a border left or right.
    pack, strided : int
        Packing a pixel for the direct method: where columns follow one another, and where a stride
        parts them.
    gather, scatter : int
        Reading a pixel that lies between those of other channels, and writing one there.
    near : float
        What is left of these where a cache line holds many channels' pixels.
    output, far : int
        Bringing an output home: the planes of a bank's filters follow one another in memory; the
        second where the caches do not hold them all, and tiles do not store whole lines past them.
    """

    plane: int
    product: float
    edge: int
    pack: int
    strided: int
    gather: int
    scatter: int
    near: float
    output: int
    far: int


class Deep(NamedTuple):
    """What sums over channels take, in the same operations.

    Attributes
    ----------
    product : float
        How long a product takes, whose pixels were packed.
    plane : int
        Finding the plane of a channel.
    edge : int
        Packing a row of it with its border.
    pixel, crowded : float
        Packing a pixel; and the more channels there are, up to so much more, since they take the
        caches from one another.
    strided_row, strided : float
        A row and a pixel where a stride parts columns, likewise.
    """

    product: float
    plane: int
    edge: int
    pixel: float
    crowded: float
    strided_row: int
    strided: float


# By least squares of the times of 168 layers of 1 to 200 channels of 14 x 14 to 258 x 258 to 1 to 3
# filters of 3x3 to 7x7, valid and with a border, plain and strided, and of 60 banks: the middle
# half within 0.93 and 1.06, under AVX2 within 0.9 and 1.06.  `auto` by these and by what was before
# takes 1.007 and 1.13 of the best method's time of those layers in the mean, under AVX2 1.017 and
# 1.06 (Zen 4 VM, 2026-11).  What lies between channels by 140 layers of 1 to 200 channels, last.
WORK = machine.ISA.choose({
    32: Work(17_000, 1.15, 1200, 0, 3, 95, 70, 0.55, 9, 35),
    16: Work(12_000, 1.16, 1250, 4, 12, 82, 75, 0.25, 7, 27),
})  # fmt: skip
DEEP = machine.ISA.choose({
    32: Deep(1.27, 5500, 400, 5, 20, 1460, 11.5),
    16: Deep(1.18, 5000, 345, 5, 30, 520, 10),
})  # fmt: skip

# How much longer pixels between those of other groups take that no cache holds: each plane brings
# all lines anew.  13 images of 122 x 123 of 17 channels at 7x7 take 11.3 ms, 8.4 by the costs
# without; 2 of 95 x 96 of 153, two filters each, 29.3 and 13 (there).
AGAIN = 2.5
MANY = 32  # channels, of which a pixel takes half of what it takes of very many


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    method, question = inner_of(problem)
    times = count_of(problem) // question.planes
    each = _each(method, question)
    outputs = (WORK.far if _leaves(problem) else WORK.output) * math.prod(problem.plane)
    return times * each + count_of(problem) * (_moving(problem) + WORK.plane + outputs)


def _each(method: ModuleType, question: Problem) -> float:
    """Of the other method; `_deep` packs the planes of several channels."""
    if question.deep > 1:
        return DEEP.product * direct.products(question)
    if method is not direct:
        return float(method.cost(question))
    return direct.inside(question) + (WORK.product - 1) * direct.products(question)


def _leaves(problem: Problem) -> bool:
    """Whether outputs leave the caches, but not as whole lines past them."""
    row = problem.plane[1] * problem.dtype.itemsize
    streams = machine.FILLS_LINES and row % machine.CACHE_LINE == 0
    return not streams and problem.passing > machine.STREAM_BYTES // 2


def _moving(problem: Problem) -> float:
    """Work of copying what the other method cannot read, or write, in place, of one plane."""
    bank, apart = bank_of(problem), 0.0
    again = AGAIN if bank.groups > 1 and problem.passing > machine.STREAM_BYTES else 1
    if outputs_apart(problem):
        apart = WORK.scatter * _far(problem, bank.outputs) * math.prod(problem.plane) * again
    if inputs_apart(problem):
        pixels = bank.inputs * math.prod(problem.plane_in)
        return apart + WORK.gather * _far(problem, bank.channels) * pixels * again
    return apart + _packing(problem)


def _far(problem: Problem, channels: int) -> float:
    """How much of what a pixel between so many takes is left."""
    lines = min(1, channels * problem.sums.itemsize / machine.CACHE_LINE)
    return WORK.near + (1 - WORK.near) * lines


def _packing(problem: Problem) -> float:
    """Of what the direct method cannot read in place, where it does not count that itself."""
    method, question = inner_of(problem)
    if question.deep > 1:
        return _deep(problem)
    if method is not direct or problem.image_dtype.kind == "c":
        return 0
    (rows, columns), (sy, sx) = problem.plane, problem.stride
    top, bottom, left, right = direct.in_place(question)
    packed = rows * columns - (bottom - top) * (right - left)
    pixels = packed * sy * sx * (WORK.pack if sx == 1 else WORK.strided)
    return pixels + (WORK.edge * rows if right - left < columns else 0)


def _deep(problem: Problem) -> float:
    """Of packing the planes of several channels."""
    channels, (rows, columns) = bank_of(problem).inputs, problem.plane_in
    strided = problem.stride[1] > 1
    edge = DEEP.edge if problem.plane[1] + problem.span[1] - 1 > columns else 0
    row = DEEP.strided_row if strided else edge
    pixel = DEEP.strided if strided else DEEP.pixel
    pixel += DEEP.crowded * channels / (channels + MANY)
    return channels * (DEEP.plane + rows * (row + columns * pixel))
