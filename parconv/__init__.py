"""parconv: 2-D convolution on every core of a CPU, written in Python.

Importing it costs nothing: names load on first use, and Numba with them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import conv2d, correlate2d, plan2d

__version__ = "0.1.0"
__all__ = ["__version__", "conv2d", "correlate2d", "plan2d"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'parconv' has no attribute {name!r}")
    from . import api

    value = globals()[name] = getattr(api, name)
    return value


def __dir__() -> list[str]:
    return __all__
