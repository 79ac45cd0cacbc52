"""Arrays in chunks: dask's, lazily and in blocks, and xarray's, with their coordinates.

`parconv.conv2d`, `parconv.correlate2d` and the named filters take such arrays themselves;
``parconv.chunked.dask`` and ``parconv.chunked.xarray`` are for who wants to say so, and have more.
"""

from typing import Any

from ..codegen import apart

__all__ = ["dask", "xarray"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return apart.load(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return __all__
