"""Every output plane by a method for one filter: banks that sum over no channels, or over few.

A filter bank over plain images, or a layer.  Output plane ``(b, o)`` is made of the planes of image
``b`` that filter ``o`` meets, so `direct`, or `fft` of a single one, answers it whatever the
border, stride, dilation and types.  Wins where planes are large or filters wide, and where few
filters sum over the same planes: each packs them anew.  Relies on compiled code that calls the
other method's kernel, plane by plane.  The other method is told which filter's taps cancel, so that
their results are exactly 0 where pixels are equal, unless they sum over channels.

A unit is a row of an output plane, counted over all planes.
"""

import itertools
import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...codegen import machine
from ...codegen.foreign import no_ends, one_plane
from ...codegen.layout import Layout
from ...codegen.rules import stored
from ...problem.bands import split_rows
from ...problem.dtypes import Array, kernel_dtype
from ...problem.problem import Problem
from ...runtime.crew.record import MAPS, call
from .. import direct, usual
from ..kernels import Taps, kernels_of
from ..usual import (
    UNIT as UNIT,
    bank_of,
    inputs_apart,
    outputs_apart,
    selects as selects,
    sums as sums,
)
from .inner import count_of, inner_of, planes_of, questions_of

L = Layout(
    "address", "taps", "pitch", "outputs", "filters", "inputs", "rows", tables=("layouts",)
)  # fmt: skip


class Work(NamedTuple):
    """What is done beside the other method's work, in operations of the direct method.

    Attributes
    ----------
    plane : int
        Finding a plane and calling the kernel.
    pack, strided : int
        Packing a pixel for the direct method: where columns follow one another, and where a stride
        parts them.
    apart : int
        Packing a pixel of one of several channels where a stride parts them.
    gather, scatter : int
        Reading a pixel that lies between those of other channels, and writing one there.
    near : float
        What is left of these where a cache line holds many channels' pixels.
    output, far : int
        Bringing an output home: the planes of a bank's filters follow one another in memory; the
        second where the caches do not hold them all.
    deep, deeper : int
        Finding the plane of one of several channels, and packing a pixel of it: the more channels,
        the more they take the caches from one another.
    """

    plane: int
    pack: int
    strided: int
    apart: int
    gather: int
    scatter: int
    near: float
    output: int
    far: int
    deep: int
    deeper: int


# Microseconds for a plane at 3x3, one core (Zen 5, 2026-11): 0.4 for 7 x 7, 0.7 for 28 x 28, 2.4
# for 56 x 56; with every second output 0.8 for 14 x 14, 2.1 for 28 x 28, 6.8 for 56 x 56.  For 16
# registers as 95 layers drawn at random have it; a pixel that lies apart takes 7 cycles, and 2.7
# to go there (Zen 3, AVX2, 2026-11); of 3 and of 6 channels 0.25 and 0.5 of that (the VM).  With
# AVX-512 so, too: with 450, 170 and 1 the largest regret of 59 layers was 2.5, 1.2 so; and with
# 0, 25, 60 for an output that of 60 banks and layers 1.6, 1.35, 1.35, their mean 1.08, 1.03, 1.03
# (Sapphire Rapids VM, 2026-11).  Channels of float32 and float64 with a stride of 2: 0.65, 0.5 ns a
# pixel, 100 and 40 operations (there; of 16 registers a guess).  Under AVX2 there, where an output
# that leaves the caches has 0, 20, 40, the 90th and 95th percentile of 100 banks and layers are
# 1.35 1.55, 1.13 1.34, 1.08 1.28.  Of many channels a pixel takes up to 1 ns, of few 0.3: without
# the last two numbers the mean and the 99th percentile of regret among 102 layers drawn at random,
# channels first, were 1.085 and 3.1, with them 1.042 and 1.43 (Sapphire Rapids VM, AVX-512,
# 2026-11); under AVX2 there, of 27, the largest was 4.1, 1.4 so.  15 filters of 3x3 over 4 images
# of 156 x 159, 6 MB, 0.93 ms, `direct` 0.59 (Zen 4 VM, AVX2, 2026-11): so far begins with 4 MB.
# With a stride rows are halved by vectors: a pixel of 6 channels of 144 x 145, every second
# output, takes 0.22 ns where 80, 580 (60, 200) said 0.7; and an output that no cache holds takes
# more than 25 with 32 registers, less than 40 with 16 (Zen 4 VM, 2026-11).
WORK = machine.ISA.choose({
    32: Work(90_000, 160, 100, 20, 300, 110, 0.15, 25, 45, 6000, 80),
    16: Work(11_000, 110, 50, 20, 225, 85, 0.15, 10, 35, 6000, 40),
})  # fmt: skip


MANY = 32  # channels, of which a pixel takes half of what it takes of very many


def applicable(problem: Problem) -> str | None:
    """Why this method cannot answer the problem; None where it can."""
    summed = bank_of(problem).inputs > 1 and problem.compute.kind == "c"
    return "each filter sums over channels of complex numbers" if summed else None


def unasked(problem: Problem) -> str | None:
    """Why only a caller who names it gets it; None: it may be chosen."""
    return None


def error(problem: Problem) -> float:
    """That of the other method."""
    method, question = inner_of(problem)
    return float(method.error(question))


def finishes(problem: Problem) -> bool:
    """Whether the direct method does, by numbers that are the same for all filters."""
    method, question = inner_of(problem)
    alike = not any(isinstance(n, tuple) for n in (problem.store.scale, problem.store.bias))
    return alike and method is direct and direct.finishes(question)


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    method, question = inner_of(problem)
    times = count_of(problem) // question.planes
    each = direct.inside(question) if method is direct else float(method.cost(question))
    far = problem.passing > machine.STREAM_BYTES // 2
    outputs = (WORK.far if far else WORK.output) * math.prod(problem.plane)
    return times * each + count_of(problem) * (_moving(problem) + WORK.plane + outputs)


def _moving(problem: Problem) -> float:
    """Work of copying what the other method cannot read, or write, in place, of one plane."""
    bank, apart = bank_of(problem), 0.0
    if outputs_apart(problem):
        apart = WORK.scatter * _far(problem, bank.outputs) * math.prod(problem.plane)
    if inputs_apart(problem):
        pixels = bank.inputs * math.prod(problem.plane_in)
        return apart + WORK.gather * _far(problem, bank.channels) * pixels
    return apart + _packing(problem)


def _far(problem: Problem, channels: int) -> float:
    """How much of what a pixel between so many takes is left."""
    lines = min(1, channels * problem.sums.itemsize / machine.CACHE_LINE)
    return WORK.near + (1 - WORK.near) * lines


def _packing(problem: Problem) -> float:
    """Of what the direct method cannot read in place, where it does not count that itself."""
    method, question = inner_of(problem)
    if question.deep > 1:
        return _deep(question.deep, problem)
    if method is not direct or problem.image_dtype.kind == "c":
        return 0
    (rows, columns), (sy, sx) = problem.plane, problem.stride
    top, bottom, left, right = direct.in_place(question)
    packed = rows * columns - (bottom - top) * (right - left)
    return packed * sy * sx * (WORK.pack if sx == 1 else WORK.strided)


def _deep(channels: int, problem: Problem) -> float:
    """Of the planes of several channels."""
    pixel = WORK.deeper * channels / (channels + MANY)
    pixel += WORK.apart if problem.stride[1] > 1 else 0
    return channels * (WORK.deep + pixel * math.prod(problem.plane_in))


# --- the filters ---------------------------------------------------------------------------------


def prepare(problem: Problem, g: Array) -> Taps:
    """The filters one after another as the other method reads them, read-only."""
    inner, questions = inner_of(problem)[0], questions_of(problem)
    prepared = []
    for question, taps in zip(itertools.cycle(questions), g, strict=False):
        # The bank's are turned already, or conjugated, as a correlation does with what it is given.
        given = taps[:, ::-1, ::-1] if question.reflect else np.conj(taps)
        given = given if question.deep > 1 else given[0]
        prepared.append(inner.prepare(question, np.ascontiguousarray(given)))
    values = np.zeros((len(g), _pitch(problem)), prepared[0].values.dtype)
    for row, one in zip(values, prepared, strict=True):
        row[: one.values.size] = one.values
    values.flags.writeable = False
    limits = [one.limit for one in prepared if one.limit is not None]
    return Taps(values.ravel(), min(limits, default=None))


@lru_cache(maxsize=256)
def _pitch(problem: Problem) -> int:
    """Numbers from one prepared filter to the next: whole cache lines.

    Those of a plain filter: differences are fewer than taps.
    """
    inner, question = inner_of(problem)
    shape = (question.deep, *problem.filter)[question.deep == 1 :]
    size = inner.prepare(question, np.zeros(shape, problem.filter_dtype)).values.size
    line = machine.CACHE_LINE // problem.sums.itemsize
    return int(-(-size // line) * line)


# --- the problem as numbers ----------------------------------------------------------------------


def units(problem: Problem) -> int:
    """Rows of all output planes."""
    return count_of(problem) * problem.plane[0]


def regions(problem: Problem, start: int, stop: int) -> list[tuple[int, int, slice]]:
    """Where rows ``[start, stop)`` lie in the result's maps."""
    outputs = bank_of(problem).outputs
    rows = usual.regions(problem, start, stop)
    return [(*divmod(plane, outputs), part) for plane, part in rows]


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """About so many bands: of whole planes, or of each where planes are few."""
    rows, planes = problem.plane[0], count_of(problem)
    if planes >= parts:
        return split_rows(planes * rows, parts, rows)
    inside = inner_of(problem)[0].bands(planes_of(problem, 1), -(-parts // planes))
    return tuple(
        (plane * rows + start, plane * rows + stop)
        for plane in range(planes)
        for start, stop in inside
    )


def anywhere(problem: Problem) -> bool:
    """As the other method; a transform that does not pay for all rows does not for a few."""
    method, question = inner_of(problem)
    return bool(method.anywhere(question))


def grain(problem: Problem) -> int:
    """That of the other method."""
    method, question = inner_of(problem)
    return int(method.grain(question))


def least_band(problem: Problem) -> int:
    """Rows of a band that is worth handing out."""
    method, question = inner_of(problem)
    return int(method.least_band(question))


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Where the other kernel is and what it knows of a plane, as one read-only int64 array.

    The kernel stays there as long as the process does: see `jit.address`.
    """
    (inner, _), bank = inner_of(problem), bank_of(problem)
    kinds = kernel_dtype(problem.image_dtype), problem.compute, kernel_dtype(problem.dtype)
    rule = [stored(kinds[2], problem.store, exact=False)] if finishes(problem) else []
    kernels = inner.kernels(*kinds, *rule)
    layouts = [kernels.told(inner.layout(question)) for question in questions_of(problem)]
    longest = max(map(len, layouts))
    pitch = longest if len(layouts) > 1 else 0
    padded = [np.pad(one, (0, longest - len(one))) for one in layouts]
    return L.pack(
        address=kernels.address,
        taps=_pitch(problem),
        pitch=pitch,
        outputs=bank.outputs,
        filters=bank.filters,
        inputs=bank.inputs,
        rows=problem.plane[0],
        layouts=np.concatenate(padded),
    )


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs."""
    method = inner_of(problem)[0]
    return max(int(method.workspace(question)) for question in questions_of(problem))


def fill(problem: Problem) -> Array:
    """What the other method's kernel needs beside the filters."""
    method, question = inner_of(problem)
    found: Array = method.fill(question)
    return found


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Rows ``[start, stop)`` over all output planes, plane by plane."""
    pitch, outputs, rows = layout[L.taps], layout[L.outputs], layout[L.rows]
    while start < stop:
        plane, first = start // rows, start % rows
        last = min(rows, first + stop - start)
        b, o = plane // outputs, plane % outputs
        channel = o // layout[L.filters] * layout[L.inputs]
        call(
            layout[L.address], one_plane(f, b, channel), taps[o * pitch : (o + 1) * pitch], fill,
            one_plane(out, b, o), layout[L.length + o * layout[L.pitch] :], scratch, first, last,
        )  # fmt: skip
        start += last - first


kernels = kernels_of(kernel, no_ends, axes=MAPS)
