"""A transposed layer without its numbers: sizes, types and phases."""

import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .. import api
from ..problem.dtypes import DType
from .phases import Place, outputs_of, phases_of

Pair = tuple[int, int]
Spec = tuple[tuple[int, ...], DType]
# Phases beyond which those without a tap are filled together: strides of 1000 have a million.
MOST_PHASES = 1 << 8


@dataclass(frozen=True, eq=False)
class Layer:
    """What calls that are alike have in common; the same value for all of them.

    Attributes
    ----------
    shape, kind
        Of the result, as the caller has it.
    images, maps : tuple of int
        Of what comes in and of the result, (images, channels, rows, columns).
    filters : dtype
        Of the weights.
    last : bool
        Whether channels are the last axis.
    places : tuple of (Phase, Phase)
        All phases, of rows and of columns; of very many, those that meet taps.
    whole : bool
        Whether these are all.
    stride, groups
        The caller's.
    zero_taps : str
        "skip" or "keep".
    key : tuple
        What the filters of the phases depend on.
    """

    shape: tuple[int, ...]
    kind: DType
    images: tuple[int, ...]
    maps: tuple[int, ...]
    filters: DType
    last: bool
    places: tuple[Place, ...]
    whole: bool
    stride: Pair
    groups: int
    zero_taps: str
    key: tuple[Any, ...]


@lru_cache(maxsize=512)
def layer_of(
    f: Spec, g: Spec, stride: Pair, padding: Pair, dilation: Pair, more: Pair, groups: int,
    last: bool, zero_taps: str,
) -> Layer | None:  # fmt: skip
    """The one of such maps and filters (C, O // groups, KH, KW); None where nothing is left."""
    (shape, kind), ((_, each, *taps), filters) = f, g
    *outer, channels, high, wide = (*shape[:-3], shape[-1], *shape[-3:-1]) if last else shape
    axes = tuple(zip(taps, stride, padding, dilation, strict=True))
    rows, columns = (
        outputs_of(size, *axis, end)
        for size, axis, end in zip((high, wide), axes, more, strict=True)
    )
    if min(rows, columns) <= 0:
        return None
    whole = min(stride[0], rows) * min(stride[1], columns) <= MOST_PHASES
    down, across = (
        phases_of(size, *axis, whole) for size, axis in zip((rows, columns), axes, strict=True)
    )
    outputs, count = groups * each, 1
    for size in outer:
        count *= size
    spec = ((1, groups, 1, 1), kind), ((groups, 1, 1, 1), filters)
    return Layer(
        (*outer, *((rows, columns, outputs) if last else (outputs, rows, columns))),
        api.plan2d(*spec, groups=groups, correlate=True).problem.dtype,
        (count, channels, high, wide), (count, outputs, rows, columns), filters, last,
        tuple(itertools.product(down, across)), whole, stride, groups, zero_taps,
        ("transposed", stride, padding, dilation, more, groups, *(
            len(several) if whole else tuple(phase.first for phase in several)
            for several in (down, across))),
    )  # fmt: skip
