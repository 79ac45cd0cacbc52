"""Compiling ahead: the usual calls, made once each, so that later processes find their kernels."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from .api import conv2d, correlate2d
from .filters import box, gaussian, laplace, sobel
from .problem.dtypes import Array, check_dtype

DTYPES = ("uint8", "uint16", "float32", "float64")
# Side of images: calls take serial strategies and direct methods for the first, threads and
# transforms for the last; with AVX-512 narrow Gaussians go by `rows` in between alone.
SIDES = 64, 256, 2048
CHANNELS, MAP = 64, 56  # of layers, as the middle of ResNets has them

Call = Callable[[Array], Any]


def _taps(*shape: int) -> Array:
    """Of no rank that would make a filter separable."""
    return np.random.default_rng(1).standard_normal(shape, np.float32)


FILTERS: dict[str, Call] = {
    "3 x 3": partial(conv2d, g=_taps(3, 3), mode="same"),
    "3 x 3 of integers": partial(conv2d, g=np.arange(9, dtype=np.int8).reshape(3, 3) ** 2 % 11),
    "15 x 15": partial(conv2d, g=_taps(15, 15), mode="same", boundary="mirror"),
    "63 x 63": partial(conv2d, g=_taps(63, 63), mode="same", boundary="symmetric"),
    "gaussian": partial(gaussian, sigma=2),
    "narrow gaussian": partial(gaussian, sigma=1),
    "box": partial(box, size=5),
    "wide box": partial(box, size=9),
    "sobel": partial(sobel, axis=0),
    "laplace": laplace,
}
LAYERS: dict[str, tuple[int, tuple[int, ...], dict[str, Any]]] = {  # channels, filters, options
    "3 x 3 layer": (CHANNELS, (CHANNELS, CHANNELS, 3, 3), {}),
    "1 x 1 layer": (CHANNELS, (CHANNELS, CHANNELS, 1, 1), {}),
    "first layer": (3, (CHANNELS, 3, 7, 7), {"stride": 2}),
    "depthwise layer": (CHANNELS, (CHANNELS, 1, 3, 3), {"groups": CHANNELS}),
}


def warmup(
    dtypes: Iterable[Any] = DTYPES,
    *,
    layers: bool = True,
    progress: Callable[[str, float], Any] | None = None,
) -> dict[str, float]:
    """Compile what usual calls need, or load it from the cache, and leave it there.

    The very first call for a dtype or a method takes seconds, once on a machine.  Call this where
    that suits: when a container is built, before a server forks, at the start of a notebook.

    Parameters
    ----------
    dtypes : iterable of dtype_like
        Of the images.
    layers : bool
        Whether layers are wanted too, channels first and last, of the floating-point ones among
        ``dtypes``.
    progress : callable, optional
        Called as ``progress(name, seconds)`` after each.

    Returns
    -------
    dict of str to float
        Seconds that each kind of call took.

    Raises
    ------
    TypeError
        Where one of ``dtypes`` is none that `conv2d` takes.

    Examples
    --------
    >>> import parconv
    >>> seconds = parconv.warmup(["float32"], layers=False)
    >>> "float32, gaussian" in seconds
    True
    """
    found: dict[str, float] = {}
    kinds = [dtypes] if isinstance(dtypes, (str, np.dtype, type)) else dtypes
    checked = [check_dtype("dtypes", kind) for kind in kinds]
    for name, call in _calls(checked, layers):
        began = perf_counter()
        call()
        found[name] = perf_counter() - began
        if progress is not None:
            progress(name, found[name])
    return found


def _calls(dtypes: Iterable[Any], layers: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    for dtype in dtypes:
        images = [np.ones((side, side), dtype) for side in SIDES]
        for name, call in FILTERS.items():
            yield f"{dtype}, {name}", partial(_each, call, images)
        if layers and dtype.kind == "f":
            for name in LAYERS:
                yield f"{dtype}, {name}", partial(_layer, name, dtype)


def _each(call: Call, images: list[Array]) -> None:
    # A small one again: what looks at it is for plans that ran, and what answers for known calls.
    for f in (*images, images[0], images[0]):
        call(f)


def _layer(name: str, dtype: Any) -> None:
    """Channels first, then last."""
    channels, shape, options = LAYERS[name]
    f, g = np.ones((1, channels, MAP, MAP), dtype), _taps(*shape).astype(dtype)
    correlate2d(f, g, padding=shape[-1] // 2, **options)
    last = np.ascontiguousarray(f.transpose(0, 2, 3, 1))
    correlate2d(last, g, padding=shape[-1] // 2, axes=(1, 2), **options)
