"""What the outputs of a transposed layer meet: which taps, and where in the input."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..problem.dtypes import Array
from ..problem.filter import Filter


class Phase(NamedTuple):
    """Of one axis: every ``stride``-th output from ``first`` on, and what it meets.

    Output ``j`` of its ``outputs`` is the sum over its ``taps`` of the input at ``j`` less ``lead``
    and then every ``apart``-th, in the order of ``taps``.
    """

    first: int
    outputs: int
    taps: tuple[int, ...]
    lead: int
    apart: int


Place = tuple[Phase, Phase]  # of rows and of columns


@dataclass(frozen=True)
class Layers:
    """Of each phase, the filters that its outputs meet; of none, where no tap does."""

    parts: tuple[Filter | None, ...]
    values: Array  # the memory of all

    @property
    def nbytes(self) -> int:
        """Of what is kept here."""
        return int(self.values.nbytes)

    @classmethod
    def of(cls, g: Array, places: Sequence[Place], groups: int) -> "Layers":
        layer = of_layer(g, groups)
        taps = [layer[:, :, rows.taps][..., columns.taps] for rows, columns in places]
        parts = (Filter(np.ascontiguousarray(each)) if each.size else None for each in taps)
        return cls(tuple(parts), layer)


def of_layer(g: Array, groups: int) -> Array:
    """The filters (O, C // groups, KH, KW) of the layer that each phase is, not yet reflected."""
    channels, outputs, *taps = g.shape
    split = g.reshape(groups, channels // groups, outputs, *taps)
    return split.swapaxes(1, 2).reshape(groups * outputs, channels // groups, *taps)


def outputs_of(n: int, taps: int, stride: int, cut: int, dilation: int, more: int) -> int:
    """Along one axis; none where the padding leaves nothing."""
    return max(0, (n - 1) * stride - 2 * cut + dilation * (taps - 1) + more + 1)


def phases_of(
    size: int, taps: int, stride: int, cut: int, dilation: int, every: bool
) -> list[Phase]:
    """Those of one axis of so many outputs, in the order of their first ones.

    All of them, or those that meet a tap.
    """
    common, found = math.gcd(stride, dilation), []
    met = {(k * dilation - cut) % stride for k in range(taps)}
    for first in range(min(stride, size)) if every else sorted(at for at in met if at < size):
        rest, begin = (first + cut) % stride, (first + cut) // stride
        those = [k for k in range(taps) if k * dilation % stride == rest]
        # the last tap meets the first of the inputs
        offset = (those[-1] * dilation - rest) // stride if those else 0
        count = (size - first + stride - 1) // stride
        found.append(Phase(first, count, (*those[::-1],), offset - begin, dilation // common))
    return found


def met(n: int, phase: Phase) -> tuple[slice, tuple[int, int]]:
    """The inputs of ``n`` that a phase meets, and how far they are padded to either side."""
    reach = phase.apart * max(len(phase.taps) - 1, 0)
    before, after = phase.lead, phase.outputs + reach - phase.lead - n
    start, stop = max(0, -before), n - max(0, -after)
    return slice(start, max(start, stop)), (max(0, before), max(0, after))
