"""Convolutions of dask arrays: lazy in, lazy out, with the bits of one call.

Blocks exchange what their filter reaches of one another, no border is invented between them, and
all are computed by the method of the whole.
"""

from typing import Unpack

import dask.array as da
from numpy.typing import ArrayLike

from ..planner.chain import Chain
from ..planner.plan import Plan
from ..problem.question import Options, spelled
from .dask_calls import answer, applied, checked

__all__ = ["apply", "conv2d", "correlate2d"]


@spelled()
def conv2d(f: da.Array, g: ArrayLike, **options: Unpack[Options]) -> da.Array:
    """Convolve a dask array, block by block and lazily: `parconv.conv2d` of all its pixels.

    Parameters
    ----------
    f : dask.array.Array
        Image or stack of images, whose chunks have known sizes.  Chunks smaller than what the
        filter reaches become larger ones, with a ``dask.array.PerformanceWarning``; so does an axis
        that a layer sums over, or that holds colours, become one chunk.
    g : array_like
        Filter, bank of filters or layer.
    mode, boundary, cval, padding, origin, axes, stride, dilation, groups : optional
        As in `parconv.conv2d`.
    real : None
        Not offered: a dask array has all its pixels.
    dtype, accumulate, tolerance, zero_taps, bias, scale, overflow, rounding : optional
        As in `parconv.conv2d`.
    where, weights, nan_policy, min_weight : optional
        As in `parconv.conv2d`; arrays may be dask's.
    threads : int, optional
        Of each task, at most; by default the share that a task has of the cores.
    strategy, method : optional
        As in `parconv.conv2d`.

    Returns
    -------
    dask.array.Array
        Of the chunks of ``f`` with ``mode="same"``.  Bit-identical to `parconv.conv2d` of the
        whole, except that transforms (methods "fft" and "winograd"), "cosines" and the products of
        "gemm" begin anew in each block, and means over what is there (``where``,
        ``nan_policy="omit"``) may round otherwise.

    Raises
    ------
    TypeError, ValueError
        Where an argument is wrong, when the graph is made; what is wrong with pixels is known when
        they are computed.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> import parconv
    >>> x = da.ones((400, 600), chunks=(200, 200), dtype="float32")
    >>> y = parconv.chunked.dask.conv2d(x, np.ones((3, 3)), mode="same")
    >>> y.chunks, y.dtype
    (((200, 200), (200, 200, 200)), dtype('float32'))
    >>> float(y.sum().compute())
    2154004.0
    """
    return answer(checked(f), g, None, options, False)


@spelled()
def correlate2d(f: da.Array, g: ArrayLike, **options: Unpack[Options]) -> da.Array:
    """Correlate a dask array, block by block and lazily: `conv2d` without reflecting the filter.

    Parameters
    ----------
    f : dask.array.Array
        Image or stack of images.
    g : array_like
        Filter, bank of filters or layer.
    mode, boundary, cval, padding, origin, axes, stride, dilation, groups, real : optional
        As in `conv2d`.
    dtype, accumulate, tolerance, zero_taps, bias, scale, overflow, rounding : optional
        As in `conv2d`.
    where, weights, nan_policy, min_weight : optional
        As in `conv2d`.
    threads, strategy, method : optional
        As in `conv2d`.

    Returns
    -------
    dask.array.Array
        As by `conv2d`, whose errors these are, too.

    Examples
    --------
    >>> import dask.array as da
    >>> import parconv
    >>> x = da.arange(12, chunks=12).reshape(2, 6)
    >>> parconv.chunked.dask.correlate2d(x, [[0, 1]]).compute()
    array([[ 1,  2,  3,  4,  5],
           [ 7,  8,  9, 10, 11]])
    """
    return answer(checked(f), g, None, options, True)


def apply(plan: Plan | Chain, f: da.Array) -> da.Array:
    """Run a plan, or a chain of plans, on a dask array, lazily.

    Parameters
    ----------
    plan : Plan or Chain
        For an image of the array's shape and dtype, as `parconv.plan2d` makes it of
        ``(f.shape, f.dtype)``: over two axes.
    f : dask.array.Array
        The image.

    Returns
    -------
    dask.array.Array
        What the plan makes of it; of a chain step by step.

    Raises
    ------
    TypeError, ValueError
        Where the plan is for another image, is over other than two axes, or knows no filter.

    Examples
    --------
    >>> import dask.array as da
    >>> import parconv
    >>> x = da.ones((30, 40), chunks=20)
    >>> plan = parconv.plan2d((x.shape, x.dtype), [[1, 1]], mode="same")
    >>> parconv.chunked.dask.apply(plan, x).compute()[0, :3]
    array([1., 2., 2.])
    """
    return applied(plan, f, None)
