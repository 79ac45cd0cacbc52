"""parconv: 2-D convolution on every core of a CPU, written in Python.

Importing it costs nothing: names load on first use, and Numba with them.
"""

import sys
from typing import TYPE_CHECKING, Any

from .codegen import apart

if TYPE_CHECKING:
    from . import chunked, filters
    from .api import conv2d, correlate2d, plan2d
    from .filters import (
        box,
        derivative,
        difference_of_gaussians,
        farid,
        gabor,
        gaussian,
        gaussian_gradient_magnitude,
        gaussian_laplace,
        laplace,
        prewitt,
        roberts,
        savgol,
        scharr,
        sobel,
        unsharp_mask,
    )
    from .planner.chain import Chain, chain
    from .planner.plan import Plan
    from .planner.volume import VolumePlan
    from .problem.outer import Outer
    from .runtime.outputs import recycle_outputs
    from .streaming import StreamPlan, plan_stream, stream
    from .transposed import conv_transpose2d
    from .warming import warmup

__version__ = "0.2.0"
__all__ = [
    "Chain",
    "Outer",
    "Plan",
    "StreamPlan",
    "VolumePlan",
    "__version__",
    "box",
    "chain",
    "chunked",
    "conv2d",
    "conv_transpose2d",
    "correlate2d",
    "derivative",
    "difference_of_gaussians",
    "farid",
    "filters",
    "gabor",
    "gaussian",
    "gaussian_gradient_magnitude",
    "gaussian_laplace",
    "laplace",
    "plan2d",
    "plan_stream",
    "prewitt",
    "recycle_outputs",
    "roberts",
    "savgol",
    "scharr",
    "sobel",
    "stream",
    "unsharp_mask",
    "warmup",
]
_HOMES = {
    **dict.fromkeys(("conv2d", "correlate2d", "plan2d"), "api"),
    "Outer": "problem.outer",
    **dict.fromkeys(("Chain", "chain"), "planner.chain"),
    "Plan": "planner.plan",
    "VolumePlan": "planner.volume",
    "recycle_outputs": "runtime.outputs",
    **dict.fromkeys(("StreamPlan", "plan_stream", "stream"), "streaming"),
    "conv_transpose2d": "transposed",
    "warmup": "warming",
    "chunked": "chunked",
}
PACKAGES = "chunked", "filters"


# what other libraries call it
_ELSEWHERE = {
    **dict.fromkeys(("convolve", "convolve2d", "fftconvolve", "oaconvolve"), "conv2d"),
    **dict.fromkeys(("convolve_fft", "filter2d"), "conv2d"),
    **dict.fromkeys(("correlate", "filter2D", "imfilter"), "correlate2d"),
    **dict.fromkeys(("conv1d", "convolve1d", "correlate1d", "conv3d"), "conv2d, with axes="),
    **dict.fromkeys(("Conv1d", "Conv2d", "Conv3d", "nn"), "compat.torch, or correlate2d"),
    **dict.fromkeys(("ConvTranspose2d", "transposed_conv2d"), "conv_transpose2d"),
    **dict.fromkeys(("sepFilter2D", "separable_filter"), "conv2d, with an Outer"),
    **dict.fromkeys(("gaussian_filter", "GaussianBlur", "gaussian_blur", "blur2d"), "gaussian"),
    "gaussian_filter1d": "gaussian, with axes=",
    **dict.fromkeys(("gaussian_taps", "getGaussianKernel"), "filters.gaussian_taps"),
    **dict.fromkeys(("uniform_filter", "blur", "boxFilter", "box_filter", "mean"), "box"),
    **dict.fromkeys(("Sobel", "sobel_filter", "spatial_gradient"), "sobel"),
    "Scharr": "scharr",
    **dict.fromkeys(("Laplacian", "laplacian"), "laplace"),
    **dict.fromkeys(("LoG", "gaussian_laplacian"), "gaussian_laplace"),
    **dict.fromkeys(("savgol_filter", "savitzky_golay"), "savgol"),
    **dict.fromkeys(("DoG", "dog"), "difference_of_gaussians"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        ours = f": use parconv.{_ELSEWHERE[name]}" if name in _ELSEWHERE else ""
        told = f"module 'parconv' has no attribute {name!r}{ours}"
        # with the module, in which the interpreter looks for a name spelt nearly so
        raise AttributeError(told, name=name, obj=None if ours else sys.modules[__name__])
    home = apart.load(f"{__name__}.{_HOMES.get(name, 'filters')}")
    value = globals()[name] = home if name in PACKAGES else getattr(home, name)
    return value


def __dir__() -> list[str]:
    return __all__
