"""Runs of a transposed layer: all phases by one launch, or one after another."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .. import api
from ..planner.limits import thread_limit
from ..problem.dtypes import Array, kernel_dtype
from ..problem.filter import Filter, keep
from ..runtime.arrays import is_plain
from ..runtime.strategies import STRATEGIES, automatic
from ..runtime.strategies.work import Arrays, Work
from . import work
from .cut import Bias
from .layer import Layer
from .phases import Layers, Place, met

Launch = Callable[[Work, Arrays], None]


def at_once(
    layer: Layer, f: Array, filters: Filter, bias: Array | None, threads: int | None, out: Array,
    launch: Launch | None,
) -> bool:  # fmt: skip
    """Fill the result by one launch, if its kernel can; whether it could."""
    if not _is_known(layer, f):
        return False
    added = None if bias is None else tuple(bias.tolist())
    make = partial(_weights, layer, filters, added)
    weights = filters.form((layer, added), make)
    if weights.ends is None:
        return False
    most = thread_limit(f.shape, filters.shape, threads)
    found, fill, layout = weights.works.get(most) or _works(layer, filters, weights, added, most)
    source = f if f.flags.aligned else f.copy()
    whole = out.ndim <= 4 or out.flags.c_contiguous  # else no view may be of its images
    plain = whole and is_plain(source, out)
    target = out if plain else np.empty(layer.shape, layer.kind)
    given = _maps(layer, source), weights.values, fill, _maps(layer, target), layout
    (launch or STRATEGIES[automatic(threaded=found.threads > 1)].run)(found, given)
    if not plain:
        out[...] = target
    return True


def _is_known(layer: Layer, f: Array) -> bool:
    """Whether it is of types that the kernel knows, and all its phases are."""
    kinds = f.dtype, layer.kind, layer.filters
    if not layer.whole or not f.size or f.dtype != layer.kind:
        return False
    floats = all(kind.kind == "f" and kind.isnative for kind in kinds)
    return floats and kernel_dtype(f.dtype) == f.dtype and kinds[2].itemsize <= f.itemsize


def _weights(layer: Layer, filters: Filter, bias: Bias) -> work.Weights:
    return work.weights_of(layer, bias, _layers(layer, filters).parts)


def _works(
    layer: Layer, filters: Filter, weights: work.Weights, bias: Bias, threads: int
) -> work.Shared:
    """What runs on so many threads share, known from now on."""
    assert weights.ends is not None
    found = weights.works[threads] = work.shared(layer, bias, weights.ends, threads)
    keep(filters)
    return found


def _layers(layer: Layer, filters: Filter) -> Layers:
    found = filters.form(
        layer.key, lambda: Layers.of(np.asarray(filters), layer.places, layer.groups)
    )
    keep(filters)
    return found


def _maps(layer: Layer, array: Array) -> Array:
    """As (images, channels, rows, columns)."""
    images = array.reshape(-1, *array.shape[-3:])
    return images.transpose(0, 3, 1, 2) if layer.last else images


def one_by_one(
    layer: Layer, f: Array, filters: Filter, bias: Array | None, threads: int | None, out: Array
) -> None:
    """Fill the result phase by phase."""
    words = {
        "groups": layer.groups, "threads": threads, "bias": bias, "zero_taps": layer.zero_taps,
    }  # fmt: skip
    if not layer.whole:
        _blank(bias, out, layer.last)
    for place, part in zip(layer.places, _layers(layer, filters).parts, strict=True):
        rows, columns = (slice(p.first, None, s) for p, s in zip(place, layer.stride, strict=True))
        target = out[..., rows, columns, :] if layer.last else out[..., rows, columns]
        _fill(f, part, place, {k: v for k, v in words.items() if v is not None}, target, layer.last)


def _blank(bias: Array | None, out: Array, last: bool) -> None:
    """Outputs that meet no tap."""
    added = np.zeros(1, out.dtype) if bias is None else bias
    out[...] = added if last else added[:, None, None]


def _fill(
    f: Array, part: Filter | None, place: Place, words: dict[str, Any], out: Array, last: bool
) -> None:
    """One phase of the result."""
    if part is None:
        _blank(words.get("bias"), out, last)
        return
    axes = (-3, -2) if last else (-2, -1)
    (rows, top), (columns, left) = (
        met(f.shape[axis], phase) for axis, phase in zip(axes, place, strict=True)
    )
    source = f[..., rows, columns, :] if last else f[..., rows, columns]
    api.correlate2d(
        source, part, out=out, dtype=out.dtype, axes=axes, padding=(top, left),
        dilation=(place[0].apart, place[1].apart), **words,
    )  # fmt: skip
