"""Which pixels of a dask array are used, and what they count, as chunks beside its own."""

from collections.abc import Mapping
from typing import Any

import dask.array as da
import numpy as np

from ..problem.door import as_array
from ..problem.dtypes import check_dtype
from ..problem.missing import ARRAYS, Given, check_weights, plane_of

Keywords = dict[str, Any]


def with_weights(
    f: da.Array, options: Mapping[str, Any]
) -> tuple[da.Array, Keywords, da.Array | None]:
    """The image, keywords without arrays, and the weights of pixels; masked ones are not used."""
    rest = {name: value for name, value in options.items() if name not in ARRAYS}
    where, weights = (_beside(f, name, options) for name in ("where", "weights"))
    if where is not None and where.dtype != bool:
        raise TypeError(
            f"where has dtype {where.dtype}: pass booleans, True for pixels to use, or numbers as "
            "weights="
        )
    if isinstance(f._meta, np.ma.MaskedArray):
        there = f.map_blocks(_there, dtype=bool, meta=np.empty((0,) * f.ndim, bool))
        f = f.map_blocks(np.ma.getdata, dtype=f.dtype, meta=np.empty((0,) * f.ndim, f.dtype))
        where = there if where is None else where & there
    if where is None and weights is None:
        return f, rest, None
    if where is not None and weights is not None:
        # block by block: da.where is not there yet for arrays that are expressions
        kind = np.empty((0,) * f.ndim, weights.dtype)
        none = weights.dtype.type(0)
        weights = da.map_blocks(np.where, where, weights, none, dtype=kind.dtype, meta=kind)
    if weights is None:
        return f, {**rest, "weights": Given.TRUTHS}, where
    return f, {**rest, "weights": Given.NUMBERS}, weights


def _there(block: Any) -> Any:
    """Which pixels of a block no mask hides; dask's ``da.ma`` knows no expressions yet."""
    return ~np.ma.getmaskarray(block)


def _beside(f: da.Array, name: str, options: Mapping[str, Any]) -> da.Array | None:
    """An array among the keywords in chunks like the image's; of two axes it is a plane's."""
    value = options.get(name)
    if value is None:
        return None
    given = value
    if not isinstance(value, da.Array):
        array = as_array(name, value)
        if name == "weights":
            check_weights(array)
        value = da.from_array(array, chunks=-1)
    check_blocks(name, value)
    if isinstance(value._meta, np.ma.MaskedArray):
        raise TypeError(f"{name} has masked blocks: pass da.ma.filled({name}, value)")
    check_dtype(name, value.dtype)
    if value.dtype.kind == "c":
        raise TypeError(f"{name} has dtype {value.dtype}: pass real numbers of at least 0")
    axes = plane_of(options, f.shape)
    if axes is not None and value.ndim == 2 and f.ndim > 2:
        value = value if axes[0] < axes[1] else value.T
        others = [slice(None) if axis in axes else None for axis in range(f.ndim)]
        value = value[tuple(others)]
    try:
        shape = np.broadcast_shapes(value.shape, f.shape)
    except ValueError:
        shape = ()
    if shape != f.shape:
        raise ValueError(
            f"{name} has shape {np.shape(given)}, f has {f.shape}: pass one that NumPy can "
            "broadcast to that, or that of a plane"
        )
    own = f.chunks[f.ndim - value.ndim :]
    sizes = [one if n == sum(one) else n for n, one in zip(value.shape, own, strict=True)]
    value = value.rechunk(tuple(sizes))
    if value.shape == shape:
        return value
    # broadcast_to is not there yet for arrays that are expressions
    return value * da.ones(shape, dtype=value.dtype, chunks=f.chunks)


def check_blocks(name: str, value: da.Array) -> None:
    """Refuse an array of chunks whose sizes nobody knows, or whose blocks are not NumPy's."""
    if any(size != size for size in value.shape):
        raise ValueError(f"{name} has shape {value.shape}: pass {name}.compute_chunk_sizes()")
    if not isinstance(value._meta, np.ndarray):
        raise TypeError(
            f"{name} has blocks of {type(value._meta).__module__}: pass "
            f"{name}.map_blocks(numpy.asarray)"
        )
