"""scipy.ndimage's filters that are convolutions: ``from parconv.compat import ndimage``.

Arguments, shapes, types, borders and errors are SciPy's: integers are truncated and wrap, and each
axis of a separable filter of integers is stored before the next.  What differs: sums of float32
images have float32's precision; weights next to 0 count; a mean has NaN where its window does, not
to the end of the line; results of type bool are 0 or 1.
"""

from .derivatives import (
    gaussian_gradient_magnitude,
    gaussian_laplace,
    generic_gradient_magnitude,
    generic_laplace,
    laplace,
    prewitt,
    sobel,
)
from .means import uniform_filter, uniform_filter1d
from .smoothing import gaussian_filter, gaussian_filter1d
from .weights import convolve, convolve1d, correlate, correlate1d

__all__ = [
    "convolve",
    "convolve1d",
    "correlate",
    "correlate1d",
    "gaussian_filter",
    "gaussian_filter1d",
    "gaussian_gradient_magnitude",
    "gaussian_laplace",
    "generic_gradient_magnitude",
    "generic_laplace",
    "laplace",
    "prewitt",
    "sobel",
    "uniform_filter",
    "uniform_filter1d",
]
