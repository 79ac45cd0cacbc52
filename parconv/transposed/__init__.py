"""Transposed convolution: what a strided layer does to gradients, and networks to enlarge maps.

Outputs whose place modulo the stride is the same meet the same taps, so each such phase is a layer
of those taps alone (`phases`), and no zeros are put between pixels.  Where channels come first, the
phases' results are woven into rows (`weaving`); where they come last, pixels are stored where they
belong.
"""

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import api
from ..planner.choice import thread_limit
from ..problem.arguments import each
from ..problem.door import as_array
from ..problem.dtypes import Array, kernel_dtype
from ..problem.filter import Filter, filter_of, keep
from ..problem.shown import shown
from ..runtime.arrays import check_output
from ..runtime.outputs import new_output
from .phases import Layers, Phase, phases_of

Pair = tuple[int, int]
Place = tuple[Phase, Phase]
# Of phases' results that are woven at once.  Milliseconds with 2, 4, 8, 32 MB on two threads, eight
# images (Sapphire Rapids VM, AVX-512, 2026-11): 64 -> 32 channels of 32 x 32, filters 4 x 4 3.5 3.2
# 3.0 3.0, 64 -> 64 of 56 x 56, 2 x 2 11.6 11.9 7.8 7.8, on one thread 12.2 12.4 11.4 16.
WOVEN_BYTES = 1 << 23


def conv_transpose2d(
    f: ArrayLike, g: ArrayLike, *, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    dilation: Any = 1, groups: int = 1, bias: Any = None, axes: Any = (-2, -1),
    out: NDArray[Any] | None = None, threads: int | None = None,
) -> NDArray[Any]:  # fmt: skip
    """Transpose of a layer: each input pixel adds the filter, scaled by it, to the output.

    Parameters
    ----------
    f : array_like, shape (..., C, H, W)
        Maps, of any leading axes, or none; with ``axes=(-3, -2)`` (..., H, W, C).
    g : array_like, shape (C, O // groups, KH, KW)
        Filters, not reflected: the layer's own, whose inputs are this one's outputs.
    stride, padding : int or (int, int)
        The layer's, of rows and columns: the padding is cut off the output.
    output_padding : int or (int, int)
        Rows and columns that the output has more, below and to the right: less than the stride or
        the dilation.
    dilation : int or (int, int)
        The layer's, of rows and columns.
    groups : int
        Runs of channels, each with its own filters.
    bias : array_like, shape (O,), optional
        Added to each output map.
    axes : (int, int)
        Of rows and columns, the last two or those before the last: then channels are the last one,
        of the result, too.
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
    last = _are_last(axes, maps.ndim)
    steps, cuts, spread = (_pair(name, value, least) for name, value, least in (
        ("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1)))  # fmt: skip
    more = _pair("output_padding", output_padding, 0)
    _check(maps, filters, groups, steps, spread, more, last)
    phases = [
        phases_of(n, k, s, p, d, m)
        for n, k, s, p, d, m in zip(
            maps.shape[-3:-1] if last else maps.shape[-2:], filters.shape[-2:], steps, cuts,
            spread, more, strict=True
        )
    ]  # fmt: skip
    high, wide = (sum(phase.outputs for phase in several) for several in phases)
    if min(high, wide) <= 0:
        raise ValueError(f"padding={shown(padding)} leaves nothing of the output: pass less")
    layers = filters.form(
        (
            "transposed",
            steps,
            cuts,
            spread,
            more,
            groups,
            *map(len, phases),
        ),  # few of a small image
        lambda: Layers.of(np.asarray(filters), phases, groups),
    )
    keep(filters)
    sizes = (high, wide, layers.outputs) if last else (layers.outputs, high, wide)
    source, result = _result(maps, layers, sizes, groups, out, last)
    words = {"groups": groups, "threads": threads, "bias": _bias(bias, layers.outputs)}
    places = [*itertools.product(phases[0], phases[1])]
    if _weaves(result, steps, last):
        _woven(source, layers, places, steps, words, result)
        return result if out is None else out
    for place, part in zip(places, layers.parts, strict=True):
        rows, columns = (slice(p.first, None, s) for p, s in zip(place, steps, strict=True))
        target = result[..., rows, columns, :] if last else result[..., rows, columns]
        _fill(source, part, place, words, target, last)
    return result if out is None else out


def _are_last(axes: Any, ndim: int) -> bool:
    """Whether channels are."""
    found = tuple(int(n) % max(ndim, 1) for n in each(axes, 2))
    if found not in ((ndim - 2, ndim - 1), (ndim - 3, ndim - 2)):
        raise ValueError(f"axes={shown(axes)}: pass (-2, -1), or (-3, -2) for channels last")
    return found[1] < ndim - 1


def _pair(name: str, value: Any, least: int) -> Pair:
    pair = each(value, 2)
    if len(pair) != 2 or not all(isinstance(n, int | np.integer) and n >= least for n in pair):
        raise ValueError(f"{name}={shown(value)}: pass an integer of at least {least}, or a pair")
    return int(pair[0]), int(pair[1])


def _check(
    f: Array, g: Filter, groups: Any, stride: Pair, dilation: Pair, more: Pair, last: bool
) -> None:
    if f.ndim < 3 or g.ndim != 4:
        raise ValueError(
            f"f has shape {f.shape} and g {g.shape}: pass maps (..., C, H, W) and filters "
            "(C, O, KH, KW)"
        )
    wrong = not isinstance(groups, int) or groups < 1 or g.shape[0] % groups
    channels = f.shape[-1 if last else -3]
    if channels != g.shape[0] or wrong:
        raise ValueError(
            f"f has {channels} channels, g {g.shape[0]}, groups={shown(groups)}: pass as many, "
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


def _result(
    f: Array, layers: Layers, sizes: tuple[int, int, int], groups: int, out: Any, last: bool
) -> tuple[Array, Array]:
    """The maps, and the result of the layers' shape and type: the caller's, or a new one."""
    image = (1, groups, 1, 1), f.dtype
    spec = (groups, 1, 1, 1), layers.values.dtype
    kind = api.plan2d(image, spec, groups=groups, correlate=True).problem.dtype
    shape = (*f.shape[:-3], *sizes)
    return (f, new_output(shape, kind)) if out is None else check_output(out, f, shape, kind)


def _fill(
    f: Array, layer: Filter | None, place: Place, words: dict[str, Any], out: Array, last: bool
) -> None:
    """One phase of the result."""
    rows, columns = place
    axes = (-3, -2) if last else (-2, -1)
    source, top = _cut(f, axes[0], rows)
    source, left = _cut(source, axes[1], columns)
    bias = words["bias"]
    if layer is None:
        out[...] = 0 if bias is None else bias if last else bias[:, None, None]
        return
    api.correlate2d(
        source, layer, out=out, dtype=out.dtype, axes=axes, padding=(top, left),
        dilation=(rows.apart, columns.apart), **{k: v for k, v in words.items() if v is not None},
    )  # fmt: skip


def _cut(f: Array, axis: int, phase: Phase) -> tuple[Array, Pair]:
    """The input that a phase meets, and how far it is padded to either side."""
    n, reach = f.shape[axis], phase.apart * max(len(phase.taps) - 1, 0)
    before, after = phase.lead, phase.outputs + reach - phase.lead - n
    start, stop = max(0, -before), n - max(0, -after)
    index: list[Any] = [slice(None)] * f.ndim
    index[axis] = slice(start, max(start, stop))
    return f[tuple(index)], (max(0, before), max(0, after))


def _weaves(out: Array, stride: Pair, last: bool) -> bool:
    """Whether results of phases would lie apart in rows, and `weaving` knows their type."""
    kind = out.dtype.newbyteorder("=")
    known = kind.kind in "iuf" and kernel_dtype(kind) == kind
    return not last and stride[1] > 1 and known


def _woven(
    f: Array, layers: Layers, places: list[Place], stride: Pair, words: dict[str, Any], out: Array
) -> None:
    """Some images at a time."""
    from .weaving import weave_into

    images = f.reshape(-1, *f.shape[-3:])
    easy = out.flags.aligned and out.dtype.isnative
    plain = easy and (out.ndim <= 4 or out.flags.c_contiguous)  # else no view may be of its images
    target = (out if plain else np.empty(out.shape, out.dtype.newbyteorder("="))).reshape(
        -1, *out.shape[-3:]
    )
    rows, columns = (max(p[axis].outputs for p in places) for axis in (0, 1))
    wide = len({columns.first for _, columns in places})
    shape = len(places) // wide, wide, layers.outputs, rows, columns
    most = max(1, WOVEN_BYTES // (math.prod(shape) * out.itemsize))
    parts = np.empty((min(most, len(images)), *shape), target.dtype)
    threads = thread_limit(target.shape, layers.values.shape, words["threads"])
    for first in range(0, len(images), most):
        some = images[first : first + most]
        for n, (place, layer) in enumerate(zip(places, layers.parts, strict=True)):
            part = parts[: len(some), n // wide, n % wide]
            _fill(
                some, layer, place, words, part[..., : place[0].outputs, : place[1].outputs], False
            )
        weave_into(target[first : first + most], parts[: len(some)], stride, threads)
    if not plain:
        out[...] = target.reshape(out.shape)
