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
from functools import lru_cache

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
    selects as selects,
    sums as sums,
)
from .inner import count_of, inner_of, planes_of, questions_of
from .work import cost as cost

L = Layout(
    "address", "taps", "pitch", "outputs", "filters", "inputs", "rows", tables=("layouts",)
)  # fmt: skip


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
