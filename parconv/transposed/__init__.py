"""Transposed convolution: what a strided layer does to gradients, and networks to enlarge maps.

Outputs whose place modulo the stride is the same meet the same taps, so each such phase is a layer
of those taps alone (`phases`), and no zeros are put between pixels.  Where channels come first, the
phases' results are woven into rows (`weaving`); where they come last, pixels are stored where they
belong.
"""

import itertools
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
from ..runtime.arrays import check_output, is_plain
from ..runtime.outputs import new_output
from ..runtime.strategies import STRATEGIES, automatic
from .phases import Layers, Place, met, phases_of

Pair = tuple[int, int]


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
    stride, padding, dilation : int or (int, int)
        The layer's, of rows and columns: the padding is cut off the output.
    output_padding : int or (int, int)
        Rows and columns that the output has more, below and to the right: less than the stride or
        the dilation.
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
    key = "transposed", steps, cuts, spread, more, groups, *map(len, phases)  # few of a small image
    layers = filters.form(key, lambda: Layers.of(np.asarray(filters), phases, groups))
    keep(filters)
    sizes = (high, wide, layers.outputs) if last else (layers.outputs, high, wide)
    source, result = _result(maps, layers, sizes, groups, out, last)
    added = _bias(bias, layers.outputs)
    places = (*itertools.product(*phases),)
    if not _at_once(source, filters, layers, places, steps, groups, added, threads, result, last):
        words = {"groups": groups, "threads": threads, "bias": added}
        _one_by_one(source, layers, places, steps, words, result, last)
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


def _at_once(
    f: Array, filters: Filter, layers: Layers, places: tuple[Place, ...], steps: Pair, groups: int,
    bias: Array | None, threads: int | None, out: Array, last: bool,
) -> bool:  # fmt: skip
    """Fill the result by one launch, if its kernel can; whether it could."""
    kinds = f.dtype, out.dtype, filters.dtype
    if not all(kind.kind == "f" and kind.isnative for kind in kinds) or f.dtype != out.dtype:
        return False
    if kernel_dtype(f.dtype) != f.dtype or filters.dtype.itemsize > f.dtype.itemsize:
        return False
    if len(places) == 1 or not f.size:  # a layer like others
        return False
    from . import work

    seen, target = _maps(f, last), _maps(out, last)
    added = None if bias is None else tuple(bias.tolist())
    asked = work.Asked(
        seen.shape, target.shape, f.dtype, filters.dtype, last, places, steps, groups, added
    )
    weights = filters.form(asked, lambda: work.weights(asked, layers.parts))
    keep(filters)
    if weights.ends is None:
        return False
    most = thread_limit(f.shape, filters.shape, threads)
    found, fill, layout = work.shared(asked, weights.ends, most)
    run = STRATEGIES[automatic(threaded=found.threads > 1)].run
    aligned = seen if seen.flags.aligned else seen.copy()
    own = target if is_plain(aligned, target) else np.empty(target.shape, target.dtype)
    run(found, (aligned, weights.values, fill, own, layout))
    if own is not out and own is not target:
        target[...] = own
    return True


def _maps(array: Array, last: bool) -> Array:
    """As (images, channels, rows, columns)."""
    images = array.reshape(-1, *array.shape[-3:])
    return images.transpose(0, 3, 1, 2) if last else images


def _one_by_one(
    f: Array, layers: Layers, places: tuple[Place, ...], steps: Pair, words: dict[str, Any],
    out: Array, last: bool,
) -> None:  # fmt: skip
    for place, part in zip(places, layers.parts, strict=True):
        rows, columns = (slice(p.first, None, s) for p, s in zip(place, steps, strict=True))
        target = out[..., rows, columns, :] if last else out[..., rows, columns]
        _fill(f, part, place, words, target, last)


def _fill(
    f: Array, layer: Filter | None, place: Place, words: dict[str, Any], out: Array, last: bool
) -> None:
    """One phase of the result."""
    rows, columns = place
    bias = words["bias"]
    if layer is None:
        out[...] = 0 if bias is None else bias if last else bias[:, None, None]
        return
    axes = (-3, -2) if last else (-2, -1)
    (down, top), (across, left) = (
        met(f.shape[axis], phase) for axis, phase in zip(axes, place, strict=True)
    )
    source = f[..., down, across, :] if last else f[..., down, across]
    api.correlate2d(
        source, layer, out=out, dtype=out.dtype, axes=axes, padding=(top, left),
        dilation=(rows.apart, columns.apart), **{k: v for k, v in words.items() if v is not None},
    )  # fmt: skip
