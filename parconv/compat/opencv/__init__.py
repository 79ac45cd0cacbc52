"""OpenCV's filters, as its Python module has them: ``from parconv.compat import opencv as cv2``.

Names, arguments, defaults, borders and types are those of OpenCV 5; images are (H, W) or (H, W, C).
Results of floating-point images agree to rounding; those of integers are rounded once, half to
even, where OpenCV multiplies in fixed point for some filters: single pixels may differ by 1.
"""

from .filters import (
    GaussianBlur,
    Laplacian,
    Scharr,
    Sobel,
    blur,
    boxFilter,
    filter2D,
    sepFilter2D,
    spatialGradient,
    sqrBoxFilter,
)
from .kernels import getDerivKernels, getGaborKernel, getGaussianKernel
from .pyramids import pyrDown, pyrUp
from .words import (
    BORDER_CONSTANT,
    BORDER_DEFAULT,
    BORDER_ISOLATED,
    BORDER_REFLECT,
    BORDER_REFLECT101,
    BORDER_REFLECT_101,
    BORDER_REPLICATE,
    BORDER_TRANSPARENT,
    BORDER_WRAP,
    CV_8U,
    CV_16S,
    CV_16U,
    CV_32F,
    CV_64F,
    FILTER_SCHARR,
    error,
)

__all__ = [
    "BORDER_CONSTANT",
    "BORDER_DEFAULT",
    "BORDER_ISOLATED",
    "BORDER_REFLECT",
    "BORDER_REFLECT101",
    "BORDER_REFLECT_101",
    "BORDER_REPLICATE",
    "BORDER_TRANSPARENT",
    "BORDER_WRAP",
    "CV_8U",
    "CV_16S",
    "CV_16U",
    "CV_32F",
    "CV_64F",
    "FILTER_SCHARR",
    "GaussianBlur",
    "Laplacian",
    "Scharr",
    "Sobel",
    "blur",
    "boxFilter",
    "error",
    "filter2D",
    "getDerivKernels",
    "getGaborKernel",
    "getGaussianKernel",
    "pyrDown",
    "pyrUp",
    "sepFilter2D",
    "spatialGradient",
    "sqrBoxFilter",
]
