"""The filters of a layer, transformed: lanes = outputs, as the register tile reads them."""

import itertools
from collections.abc import Sequence
from functools import cache
from typing import Any

import numba
import numpy as np
from numba import types

from ...codegen import jit, machine
from ...codegen.emitted import Items, Value, emitted
from ...codegen.simd import I1, I64, Code, store_fence
from ...problem.dtypes import Array, DType
from ...runtime.outputs import on_page
from .matrices import TRANSFORMS, Transform
from .transforms import by_rows, call_transform
from .turn import load_turned, side

TAPS = 9


def _emit_filters(
    transform: Transform, builder: Any, source: Value, channels: Value, step: Value, target: Value,
    plane: Value, stream: Value,
) -> None:  # fmt: skip
    """Transform a vector of outputs' filters, ``step`` apart, for every channel."""
    code = Code(builder, source.type.pointee)
    matrix = [[weight / transform.divisor for weight in row] for row in transform.filters]
    planes = [code.at(target, builder.mul(plane, I64(n))) for n in range(transform.points)]
    last = TAPS - side(code)

    def transformed(values: Sequence[Value]) -> list[Value]:
        return by_rows(code, matrix, values)

    def channel(store: Any, index: Value) -> list[Value]:
        start, at = builder.mul(index, I64(TAPS)), builder.mul(index, I64(code.lanes))
        taps: dict[int, Value] = {}
        for first in (*range(0, last, side(code)), last):
            taps.update(enumerate(load_turned(code, code.at(source, start, first), step), first))
        rows = [transformed([taps[3 * n + column] for n in range(3)]) for column in range(3)]
        found = itertools.chain(*map(transformed, zip(*rows, strict=True)))
        for place, value in zip(planes, found, strict=True):
            store(value, code.at(place, at))
        return []

    with builder.if_else(stream) as (past_caches, into_caches):
        with past_caches:
            code.loop(channels, [], lambda index: channel(code.stream, index))
        with into_caches:
            code.loop(channels, [], lambda index: channel(code.store, index))


@emitted()
def _transform_filters(
    builder: Any, which: Value, g: Items, at: Value, step: Value, channels: Value, values: Items,
    values_at: Value, plane: Value, stream: Value,
) -> None:  # fmt: skip
    """Emit a call of the above for ``which`` of `TRANSFORMS`; ``stream``: past the caches."""
    flag = builder.trunc(stream, I1)
    arguments = [g.at(at), channels, step, values.at(values_at), plane, flag]
    call_transform(builder, which, "filters", _emit_filters, arguments)


def _transform(g, values, which, lanes, channels, pitch, plane, stream):
    """Every filter of ``g``, whose rows are a multiple of ``lanes``.

    ``pitch`` = elements from a vector of outputs to the next, ``plane`` = from point to point.
    """
    for first in range(0, g.shape[0], lanes):
        _transform_filters(
            which, g, first * g.shape[1], g.shape[1], channels, values, first // lanes * pitch,
            plane, stream,
        )  # fmt: skip
    store_fence()


@cache
def _compiled(kind: DType) -> Any:
    element = numba.from_dtype(kind)
    g = types.Array(element, 2, "C", readonly=True)
    return jit.compiled(_transform, (g, element[::1], *[types.int64] * 5, types.boolean))


def transformed(g: Array, groups: int, transform: Transform, plane: int) -> Array:
    """The filters (outputs, channels, 3, 3) as [group, vector of outputs][point][channel][lane].

    Points lie ``plane`` elements apart.
    """
    lanes, channels, pitch = machine.lanes(g.itemsize), g.shape[1], transform.points * plane
    grouped = np.ascontiguousarray(g).reshape(groups, -1, channels * TAPS)
    short = -grouped.shape[1] % lanes
    if short:
        grouped = np.pad(grouped, ((0, 0), (0, short), (0, 0)))
    filters = grouped.reshape(-1, channels * TAPS)
    values: Array = on_page(len(filters) // lanes * pitch * g.itemsize).view(g.dtype)
    stream, which = values.nbytes > machine.STREAM_BYTES, TRANSFORMS.index(transform)
    _compiled(g.dtype)(filters, values, which, lanes, channels, pitch, plane, stream)
    return values
