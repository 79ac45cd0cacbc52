"""Convolutions of xarray's arrays and datasets: dimensions by name, coordinates kept.

The numbers are those of the same call on ``.data``: NumPy's at once, dask's lazily.  Importing this
module gives arrays and datasets the accessor ``.parconv``.
"""

from collections.abc import Callable
from typing import Any, Unpack

import xarray as xr
from numpy.typing import ArrayLike

from .. import api, filters
from ..problem.question import Options, spelled
from .xarray_calls import Dims, Labelled, over

__all__ = ["Accessor", "conv2d", "correlate2d"]


@spelled()
def conv2d(f: Labelled, g: ArrayLike, dim: Dims = None, **options: Unpack[Options]) -> Labelled:
    """Convolve an array or a dataset of xarray over dimensions by name.

    Parameters
    ----------
    f : xarray.DataArray or xarray.Dataset
        Image or stack of images; of a dataset the variables that have all dimensions, and others
        as they are.
    g : array_like
        Filter, bank of filters or layer.
    dim : hashable or sequence of hashable, optional
        Dimensions that the filter lies along, such as ``("y", "x")``, in place of ``axes``; the
        last two where nobody says.
    mode, boundary, cval, padding, origin, axes, stride, dilation, groups, real : optional
        As in `parconv.conv2d`.
    dtype, accumulate, tolerance, zero_taps, bias, scale, overflow, rounding : optional
        As in `parconv.conv2d`.
    where, weights, nan_policy, min_weight : optional
        As in `parconv.conv2d`; arrays of xarray are matched by their dimensions' names.
    threads, strategy, method : optional
        As in `parconv.conv2d`.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        With the name, attributes and coordinates of ``f``, lazy where that is.  Coordinates are cut
        to the pixels that outputs stand for, the middle of what the filter covers; those along a
        dimension of which some outputs lie beyond the image (``mode="full"``) are dropped, and so
        are channels'.  A bank's filters lie along ``"filter"``.

    Raises
    ------
    TypeError, ValueError
        Where an argument is wrong; the message names it and what to pass.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> import xarray as xr
    >>> f = xr.DataArray(np.ones((3, 5)), {"x": [10, 20, 30, 40, 50]}, ("y", "x"), "heights")
    >>> found = parconv.chunked.xarray.conv2d(f, np.ones((3, 3)), ("y", "x"))
    >>> found.name, found.x.values, found.values
    ('heights', array([20, 30, 40]), array([[9., 9., 9.]]))
    """
    return over(f, dim, options, lambda one, asked: api.conv2d(one, g, **asked))


@spelled()
def correlate2d(
    f: Labelled, g: ArrayLike, dim: Dims = None, **options: Unpack[Options]
) -> Labelled:
    """Correlate an array or a dataset of xarray: `conv2d` without reflecting the filter.

    Parameters
    ----------
    f : xarray.DataArray or xarray.Dataset
        Image or stack of images.
    g : array_like
        Filter, bank of filters or layer.
    dim : hashable or sequence of hashable, optional
        As in `conv2d`.
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
    xarray.DataArray or xarray.Dataset
        As by `conv2d`, whose errors these are, too.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> import xarray as xr
    >>> f = xr.DataArray(np.arange(6).reshape(2, 3), dims=("y", "x"))
    >>> parconv.chunked.xarray.correlate2d(f, [[0, 1]], ("y", "x")).values
    array([[1, 2],
           [4, 5]])
    """
    return over(f, dim, options, lambda one, asked: api.correlate2d(one, g, **asked))


class Accessor:
    """``da.parconv`` and ``ds.parconv``: what parconv makes of an array or a dataset of xarray.

    Its methods are `conv2d`, `correlate2d` and parconv's named filters, with ``dim`` in place of
    ``axes``; where a filter takes an ``axis`` or ``channel_axis``, that may be a dimension's name.

    Parameters
    ----------
    f : xarray.DataArray or xarray.Dataset
        The array or dataset.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv.chunked.xarray
    >>> import xarray as xr
    >>> f = xr.DataArray(np.ones((4, 5, 6)), dims=("y", "time", "x"))
    >>> f.parconv.gaussian(2, dim=("y", "x")).dims
    ('y', 'time', 'x')
    >>> float(f.parconv.sobel(axis="x", dim=("y", "x")).max())
    0.0
    """

    def __init__(self, f: Labelled) -> None:
        self._f = f

    def conv2d(self, g: ArrayLike, dim: Dims = None, **options: Unpack[Options]) -> Labelled:
        """See `parconv.chunked.xarray.conv2d`."""
        return conv2d(self._f, g, dim, **options)

    def correlate2d(self, g: ArrayLike, dim: Dims = None, **options: Unpack[Options]) -> Labelled:
        """See `parconv.chunked.xarray.correlate2d`."""
        return correlate2d(self._f, g, dim, **options)


NAMED = (
    "box", "derivative", "difference_of_gaussians", "farid", "gabor", "gaussian",
    "gaussian_gradient_magnitude", "gaussian_laplace", "laplace", "prewitt", "roberts", "savgol",
    "scharr", "sobel", "unsharp_mask",
)  # fmt: skip
AXES = "axis", "channel_axis"  # keywords that may be a dimension's name


def _method(name: str) -> Callable[..., Labelled]:
    call = getattr(filters, name)

    def method(self: Accessor, *words: Any, dim: Dims = None, **options: Any) -> Labelled:
        def run(one: xr.DataArray, asked: Any) -> Any:
            numbers = (one.get_axis_num(word) if isinstance(word, str) else word for word in words)
            axes = {word: asked[word] for word in AXES if isinstance(asked.get(word), str)}
            axes = {word: one.get_axis_num(name) for word, name in axes.items()}
            return call(one, *numbers, **{**asked, **axes})

        return over(self._f, dim, options, run)

    method.__name__, method.__doc__ = name, f"See `parconv.{name}`."
    return method


for each_name in NAMED:
    setattr(Accessor, each_name, _method(each_name))
xr.register_dataarray_accessor("parconv")(Accessor)
xr.register_dataset_accessor("parconv")(Accessor)
