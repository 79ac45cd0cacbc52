"""The usual filters of scipy.ndimage: each is one filter, built once, and one convolution.

`calls` has what filters an image, `taps` the filters themselves, for `parconv.plan2d` and for
whoever wants to see them.
"""

from .. import conv2d as conv2d  # first, as an interrupt does not cut its import
from .arguments import ColourWarning
from .calls import box, gaussian, gaussian_laplace, laplace
from .contrasts import difference_of_gaussians, gaussian_gradient_magnitude, unsharp_mask
from .slopes import farid, prewitt, scharr, sobel
from .taps import (
    LAPLACE,
    PREWITT,
    SCHARR,
    SOBEL,
    box_factors,
    box_taps,
    gaussian_factors,
    gaussian_laplace_factors,
    gaussian_laplace_taps,
    gaussian_taps,
)

__all__ = [
    "LAPLACE",
    "PREWITT",
    "SCHARR",
    "SOBEL",
    "ColourWarning",
    "box",
    "box_factors",
    "box_taps",
    "difference_of_gaussians",
    "farid",
    "gaussian",
    "gaussian_factors",
    "gaussian_gradient_magnitude",
    "gaussian_laplace",
    "gaussian_laplace_factors",
    "gaussian_laplace_taps",
    "gaussian_taps",
    "laplace",
    "prewitt",
    "scharr",
    "sobel",
    "unsharp_mask",
]
