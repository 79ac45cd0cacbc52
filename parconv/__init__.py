"""parconv: 2-D convolution on every core of a CPU, written in Python.

Importing it costs nothing: names load on first use, and Numba with them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import conv2d, correlate2d, plan2d
    from .filters import box, gaussian, gaussian_laplace, laplace, prewitt, sobel

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "box",
    "conv2d",
    "correlate2d",
    "gaussian",
    "gaussian_laplace",
    "laplace",
    "plan2d",
    "prewitt",
    "sobel",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'parconv' has no attribute {name!r}")
    from . import api, filters

    value = globals()[name] = getattr(api if hasattr(api, name) else filters, name)
    return value


def __dir__() -> list[str]:
    return __all__
