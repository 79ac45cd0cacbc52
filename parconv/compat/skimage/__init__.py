"""skimage.filters' convolutions: ``from parconv.compat import skimage as filters``.

Arguments, types, ranges, borders and errors are those of scikit-image 0.26.  What differs: lists
are taken as images; sums of float32 images have float32's precision; NaN reaches no further than
weights that are not 0; differences of Gaussians and unsharp masks of planes are one convolution.
"""

from .edges import (
    farid,
    farid_h,
    farid_v,
    laplace,
    prewitt,
    prewitt_h,
    prewitt_v,
    roberts,
    roberts_neg_diag,
    roberts_pos_diag,
    scharr,
    scharr_h,
    scharr_v,
    sobel,
    sobel_h,
    sobel_v,
)
from .smoothing import difference_of_gaussians, gaussian, unsharp_mask
from .weights import correlate_sparse, gabor, gabor_kernel

__all__ = [
    "correlate_sparse",
    "difference_of_gaussians",
    "farid",
    "farid_h",
    "farid_v",
    "gabor",
    "gabor_kernel",
    "gaussian",
    "laplace",
    "prewitt",
    "prewitt_h",
    "prewitt_v",
    "roberts",
    "roberts_neg_diag",
    "roberts_pos_diag",
    "scharr",
    "scharr_h",
    "scharr_v",
    "sobel",
    "sobel_h",
    "sobel_v",
    "unsharp_mask",
]
