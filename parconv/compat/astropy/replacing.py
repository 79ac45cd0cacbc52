"""astropy's `interpolate_replace_nans`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from . import direct


def interpolate_replace_nans(
    array: Any, kernel: Any, convolve: Callable[..., Any] = direct.convolve, **kwargs: Any
) -> Any:
    """A copy whose NaN are means of what is around, as `astropy.convolution` makes it.

    Examples
    --------
    >>> import numpy as np
    >>> interpolate_replace_nans(np.array([1.0, np.nan, 3]), [1, 1, 1])
    array([1., 2., 3.])
    """
    new, missing = array.copy(), np.isnan(array)
    if np.any(missing):
        means = convolve(
            array, kernel, nan_treatment="interpolate", normalize_kernel=True, preserve_nan=False,
            **kwargs,
        )  # fmt: skip
        if type(new) is type(means) is np.ndarray:
            np.copyto(new, means, where=missing)
        else:  # a quantity, or a masked array
            new[missing] = means[missing]
    return new
