"""The usual filters of scipy.ndimage: each is one filter, built once, and one convolution.

`calls` has what filters an image, `taps` the filters themselves, for `parconv.plan2d` and for
whoever wants to see them.
"""

from .. import conv2d as conv2d  # first, as an interrupt does not cut its import
from .arguments import ColourWarning
from .calls import box, gaussian, gaussian_laplace, laplace
from .contrasts import difference_of_gaussians, gaussian_gradient_magnitude, unsharp_mask
from .derivatives import derivative, derivative_factors
from .polynomials import savgol, savgol_taps
from .slopes import farid, prewitt, roberts, scharr, sobel
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
from .waves import gabor, gabor_taps

__all__ = [
    "LAPLACE",
    "PREWITT",
    "SCHARR",
    "SOBEL",
    "ColourWarning",
    "box",
    "box_factors",
    "box_taps",
    "derivative",
    "derivative_factors",
    "difference_of_gaussians",
    "farid",
    "gabor",
    "gabor_taps",
    "gaussian",
    "gaussian_factors",
    "gaussian_gradient_magnitude",
    "gaussian_laplace",
    "gaussian_laplace_factors",
    "gaussian_laplace_taps",
    "gaussian_taps",
    "laplace",
    "prewitt",
    "roberts",
    "savgol",
    "savgol_taps",
    "scharr",
    "sobel",
    "unsharp_mask",
]
