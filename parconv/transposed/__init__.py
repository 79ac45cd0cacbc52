"""Transposed convolution: what a strided layer does to gradients, and networks to enlarge maps.

Outputs whose place modulo the stride is the same meet the same taps, so each such phase is a layer
of those taps alone (`phases`), and no zeros are put between pixels.  All phases of a piece of the
result are computed one after another while the caches hold it, and pieces are what threads share
(`cut`).
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import api as api  # first: an interrupt does not cut what it imports
from ..planner.keepers import keeper_of
from ..problem.arguments import each
from ..problem.brief import is_brief
from ..problem.door import as_array
from ..problem.dtypes import FLOAT32, Array, DType, quietly
from ..problem.filter import Filter, filter_of
from ..problem.shown import shown
from ..runtime.arrays import check_output
from ..runtime.outputs import new_output
from ..runtime.telling import told
from .layer import layer_of
from .running import Launch, at_once, one_by_one

Pair = tuple[int, int]
INTEGERS = int, np.integer


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
    words: dict[str, Any] = {
        "stride": stride, "padding": padding, "output_padding": output_padding,
        "dilation": dilation, "groups": groups, "bias": bias, "axes": axes, "threads": threads,
    }  # fmt: skip
    kind = getattr(f, "dtype", None)
    if is_brief(kind) and (out is None or is_brief(getattr(out, "dtype", None))):
        return _shortened(computed(f, g, **words), np.dtype(kind), out)
    return computed(f, g, out=out, **words)


@quietly
def _shortened(found: Array, kind: DType, out: Array | None) -> Array:
    """What was computed as float32, of bfloat16."""
    if out is None:
        return found.astype(kind) if found.dtype == FLOAT32 else found
    check_output(out, found, found.shape, kind if found.dtype == FLOAT32 else found.dtype)
    out[...] = found
    return out


@told
def computed(
    f: ArrayLike, g: ArrayLike, *, stride: Any, padding: Any, output_padding: Any, dilation: Any,
    groups: int, bias: Any, axes: Any, out: NDArray[Any] | None = None, threads: int | None = None,
    zero_taps: str = "skip", launch: Launch | None = None,
) -> NDArray[Any]:  # fmt: skip
    """The same.

    ``zero_taps``: as `parconv.conv2d` has it; ``launch``: runs what several threads share.
    """
    if keeper_of(f) is not None:
        raise TypeError(
            f"f is a {type(f).__module__}.{type(f).__name__}: pass f.compute() or f.values, or map "
            "blocks of whole images"
        )
    maps, filters = _maps(f), filter_of(g)
    last = _are_last(axes, maps.ndim)
    steps, cuts, spread = (_pair(name, value, least) for name, value, least in (
        ("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1)))  # fmt: skip
    more = _pair("output_padding", output_padding, 0)
    _check(maps, filters, groups, steps, spread, more, last)
    sizes = (maps.shape, maps.dtype), (filters.shape, filters.dtype)
    layer = layer_of(*sizes, steps, cuts, spread, more, groups, last, zero_taps)
    if layer is None:
        raise ValueError(f"padding={shown(padding)} leaves nothing of the output: pass less")
    added = _bias(bias, layer.maps[1])
    kind = getattr(out, "dtype", None)
    if isinstance(kind, np.dtype) and kind.newbyteorder("=") != layer.kind:
        raise TypeError(f"out has dtype {kind}: pass an array of {layer.kind}, as the result is")
    if out is None:
        source, result = maps, new_output(layer.shape, layer.kind)
    else:
        source, result = check_output(out, maps, layer.shape, layer.kind)
    if not at_once(layer, source, filters, added, threads, result, launch):
        one_by_one(layer, source, filters, added, threads, result)
    return result if out is None else out


def _maps(f: Any) -> Array:
    """What is passed as an array; most are arrays of floats."""
    known = type(f) is np.ndarray and f.dtype.char in "fd"
    return f if known else as_array("f", f)


def _are_last(axes: Any, ndim: int) -> bool:
    """Whether channels are."""
    found = tuple(int(n) % max(ndim, 1) for n in each(axes, 2))
    if found not in ((ndim - 2, ndim - 1), (ndim - 3, ndim - 2)):
        raise ValueError(f"axes={shown(axes)}: pass (-2, -1), or (-3, -2) for channels last")
    return found[1] < ndim - 1


def _pair(name: str, value: Any, least: int) -> Pair:
    pair = value if type(value) is tuple else each(value, 2)
    if len(pair) != 2 or not all(isinstance(n, INTEGERS) and n >= least for n in pair):
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
