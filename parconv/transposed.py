"""Transposed convolution: what a strided layer does to gradients, and networks to enlarge maps.

Outputs whose place modulo the stride is the same meet the same taps, so each such phase is a layer
of those taps alone, and no zeros are put between pixels.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import api
from .problem.arguments import each
from .problem.door import as_array
from .problem.dtypes import Array
from .problem.filter import Filter, filter_of, keep
from .problem.shown import shown

Pair = tuple[int, int]


class Phase(NamedTuple):
    """Of one axis: every ``stride``-th output from ``first`` on, and what it meets.

    Output ``j`` of its ``outputs`` is the sum over its ``taps`` of the input at ``j`` less ``lead``
    and then every ``apart``-th, in the order of ``taps``.
    """

    first: int
    outputs: int
    taps: list[int]
    lead: int
    apart: int


def conv_transpose2d(
    f: ArrayLike, g: ArrayLike, *, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    dilation: Any = 1, groups: int = 1, bias: Any = None, out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:  # fmt: skip
    """Transpose of a layer: each input pixel adds the filter, scaled by it, to the output.

    Parameters
    ----------
    f : array_like, shape (..., C, H, W)
        Maps, of any leading axes, or none.
    g : array_like, shape (C, O // groups, KH, KW)
        Filters, not reflected: the layer's own, whose inputs are this one's outputs.
    stride, padding, dilation : int or (int, int)
        The layer's, of rows and columns: the padding is cut off the output.
    output_padding : int or (int, int)
        Rows and columns that the output has more, below and to the right: less than the stride or
        the dilation.
    groups : int
        Runs of channels, each with its own filters.
    bias : array_like, shape (O,), optional
        Added to each output map.
    out : ndarray, optional
        Where to put the result.
    threads : int, optional
        As in `parconv.conv2d`.

    Returns
    -------
    ndarray, shape (..., O, H', W')
        Of ``(H - 1) * stride - 2 * padding + dilation * (KH - 1) + output_padding + 1`` rows; of
        the dtype that `parconv.correlate2d` gives.

    Raises
    ------
    TypeError, ValueError
        Where an argument is wrong; ``out`` is unchanged.

    References
    ----------
    Equal to `torch.nn.functional.conv_transpose2d`.  V. Dumoulin and F. Visin, "A guide to
    convolution arithmetic for deep learning", arXiv:1603.07285, chapter 4.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> f = np.array([[[1.0, 2.0]]])
    >>> parconv.conv_transpose2d(f, np.array([[[[1.0, 1.0, 1.0]]]]), stride=(1, 2))
    array([[[1., 1., 3., 2., 2.]]])
    """
    maps, filters = as_array("f", f), filter_of(g)
    steps, cuts, spread = (_pair(name, value, least) for name, value, least in (
        ("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1)))  # fmt: skip
    more = _pair("output_padding", output_padding, 0)
    _check(maps, filters, groups, steps, spread, more)
    phases = [
        phases_of(n, k, s, p, d, m)
        for n, k, s, p, d, m in zip(
            maps.shape[-2:], filters.shape[-2:], steps, cuts, spread, more, strict=True
        )
    ]
    high, wide = (sum(phase.outputs for phase in several) for several in phases)
    sizes = high, wide
    if min(sizes) <= 0:
        raise ValueError(f"padding={shown(padding)} leaves nothing of the output: pass less")
    layers = filters.form(
        ("transposed", steps, cuts, spread, more, groups),
        lambda: Layers.of(np.asarray(filters), phases, groups),
    )
    keep(filters)
    result, outputs = _result(maps, layers, sizes, groups, out), layers.outputs
    added = _bias(bias, outputs)
    source = maps.copy() if out is not None and np.may_share_memory(maps, out) else maps
    for place, part in zip(itertools.product(phases[0], phases[1]), layers.parts, strict=True):
        _fill(source, part, place, steps, groups, added, result, threads)
    return result


def _pair(name: str, value: Any, least: int) -> Pair:
    pair = each(value, 2)
    if len(pair) != 2 or not all(isinstance(n, int | np.integer) and n >= least for n in pair):
        raise ValueError(f"{name}={shown(value)}: pass an integer of at least {least}, or a pair")
    return int(pair[0]), int(pair[1])


def _check(f: Array, g: Filter, groups: Any, stride: Pair, dilation: Pair, more: Pair) -> None:
    if f.ndim < 3 or g.ndim != 4:
        raise ValueError(
            f"f has shape {f.shape} and g {g.shape}: pass maps (..., C, H, W) and filters "
            "(C, O, KH, KW)"
        )
    wrong = not isinstance(groups, int) or groups < 1 or g.shape[0] % groups
    if f.shape[-3] != g.shape[0] or wrong:
        raise ValueError(
            f"f has {f.shape[-3]} channels, g {g.shape[0]}, groups={shown(groups)}: pass as many, "
            "in equal groups"
        )
    if any(m >= max(s, d) and m for m, s, d in zip(more, stride, dilation, strict=True)):
        raise ValueError(f"output_padding={shown(more)}: pass less than the stride or the dilation")


def _bias(bias: Any, outputs: int) -> Array | None:
    if bias is None:
        return None
    found = np.asarray(bias)
    if found.shape != (outputs,):
        raise ValueError(
            f"bias has shape {found.shape}: pass one number for each of {outputs} maps"
        )
    return found


@dataclass(frozen=True)
class Layers:
    """Of each phase, the filters that its outputs meet; of none, where no tap does."""

    parts: tuple[Filter | None, ...]
    outputs: int
    values: Array  # the memory of all

    @classmethod
    def of(cls, g: Array, phases: Sequence[list[Phase]], groups: int) -> "Layers":
        layer = of_layer(g, groups)
        taps = [layer[:, :, rows.taps][..., columns.taps] for rows, columns in
                itertools.product(*phases)]  # fmt: skip
        parts = (Filter(np.ascontiguousarray(each)) if each.size else None for each in taps)
        return cls(tuple(parts), len(layer), layer)


def of_layer(g: Array, groups: int) -> Array:
    """The filters (O, C // groups, KH, KW) of the layer that each phase is, not yet reflected."""
    channels, outputs, *taps = g.shape
    split = g.reshape(groups, channels // groups, outputs, *taps)
    return split.swapaxes(1, 2).reshape(groups * outputs, channels // groups, *taps)


def phases_of(n: int, taps: int, stride: int, cut: int, dilation: int, more: int) -> list[Phase]:
    """Those of one axis, in the order of their first outputs."""
    size = (n - 1) * stride - 2 * cut + dilation * (taps - 1) + more + 1
    common = math.gcd(stride, dilation)
    found = []
    for first in range(min(stride, max(size, 0))):
        rest, begin = (first + cut) % stride, (first + cut) // stride
        met = [k for k in range(taps) if k * dilation % stride == rest]
        # the last tap meets the first of the inputs
        offset = (met[-1] * dilation - rest) // stride if met else 0
        count = (size - first + stride - 1) // stride
        found.append(Phase(first, count, met[::-1], offset - begin, dilation // common))
    return found


def _result(f: Array, layers: Layers, sizes: Pair, groups: int, out: Any) -> Array:
    """Of the layers' shape and type: the caller's, or a new one."""
    image = (*f.shape[:-2], 1, 1), f.dtype
    spec = (layers.outputs, f.shape[-3] // groups, 1, 1), layers.values.dtype
    kind = api.plan2d(image, spec, groups=groups, correlate=True).problem.dtype
    shape = (*f.shape[:-3], layers.outputs, *sizes)
    if out is None:
        return np.empty(shape, kind)
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != kind:
        raise ValueError(f"out={shown(out)}: pass an array of shape {shape} and {kind}")
    return out


def _fill(
    f: Array, layer: Filter | None, place: tuple[Phase, Phase], stride: Pair, groups: int,
    bias: Array | None, out: Array, threads: int | None,
) -> None:  # fmt: skip
    """One phase of the result."""
    rows, columns = place
    source, top = _cut(f, -2, rows)
    source, left = _cut(source, -1, columns)
    asked: dict[str, Any] = {
        "padding": (top, left), "dilation": (rows.apart, columns.apart), "groups": groups,
        "threads": threads,
    }  # fmt: skip
    part = out[..., rows.first :: stride[0], columns.first :: stride[1]]
    if layer is None:
        part[...] = 0 if bias is None else bias[:, None, None]
        return
    if bias is not None:
        asked["bias"] = bias
    api.correlate2d(source, layer, out=part, dtype=out.dtype, **asked)


def _cut(f: Array, axis: int, phase: Phase) -> tuple[Array, Pair]:
    """The input that a phase meets, and how far it is padded to either side."""
    n, reach = f.shape[axis], phase.apart * max(len(phase.taps) - 1, 0)
    before, after = phase.lead, phase.outputs + reach - phase.lead - n
    start, stop = max(0, -before), n - max(0, -after)
    index: list[Any] = [slice(None)] * f.ndim
    index[axis] = slice(start, max(start, stop))
    return f[tuple(index)], (max(0, before), max(0, after))
