"""What the kernels of all methods share: how they are called, compiled and run over many bands.

A kernel is a function ``kernel(f, taps, fill, out, layout, scratch, start, stop)`` of planes (maps
for a bank), 1-D arrays and two integers, which fills rows (units for a bank) ``[start, stop)`` of
``out`` and never mentions threads.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numba
from numba import types

from ..codegen import jit
from ..problem.dtypes import Array, DType, real
from ..problem.filter import Filter
from ..problem.lazily import lazily
from ..runtime import crew
from ..runtime.crew.atomic import add
from ..runtime.crew.floats import mode, set_mode
from ..runtime.crew.record import PLANES, call
from . import given


@dataclass(frozen=True, eq=False)
class Taps:
    """A filter as a kernel reads it, in the type of the sums, and what it asks of the pixels.

    ``limit`` is the largest |pixel| for which the sums cannot overflow, where the dtype is no
    proof; ``given`` the caller's filter, where pixels may tell how its zeros are treated.
    """

    values: Array  # read-only from here on
    limit: int | None = None
    given: Filter | None = None

    def __post_init__(self) -> None:
        self.values.flags.writeable = False


@dataclass(frozen=True, eq=False)
class Kernels:
    """A kernel for one set of dtypes; each form compiles, or loads, on first use."""

    kernel: Callable[..., None]
    signature: tuple[Any, ...]
    obstacle: None = None  # why Numba's threads cannot run it: they can

    @property
    def compiled(self) -> Any:
        """The kernel as Numba has it."""
        return jit.compiled(self.kernel, self.signature)

    @lazily
    def serial(self) -> Any:
        """``serial(f, taps, fill, out, layout, scratch, start, stop)`` fills one band.

        Arrays must be what the signature says: see `jit.entry`.
        """
        return jit.entry(self.kernel, self.signature)

    @lazily
    def parallel(self) -> Any:
        """The same over a table of bands, on Numba's threads."""
        arrays, scratch = self.signature[:5], self.signature[5].dtype[:, ::1]
        bands = types.Array(types.int64, 2, "C", readonly=True)
        numbers = types.int64, types.int64, types.int64[::1]
        found = (types.int64, *arrays, scratch, bands, *numbers)
        return partial(jit.compiled(_over_bands, found, parallel=True), self.address)

    @lazily
    def led(self) -> Any:
        """The same over a table of bands, by the calling thread and those of the crew."""
        arrays, scratch = self.signature[:5], self.signature[5].dtype[:, ::1]
        return partial(crew.leader(arrays, scratch), self.address)

    def look(self, axes: int) -> Any:
        """``look(f, taps, fill, out, layout, scratch, start, stop, sizes)``: True if it filled.

        Of arrays of ``axes`` axes as a caller gives them, whose dtypes are right: see `given`.
        """
        arrays = self.signature[:6]
        function = given.planes if arrays[0].ndim == PLANES else given.maps
        return partial(jit.entry(function, given.signature(arrays, axes)), self.address)

    @property
    def address(self) -> int:
        """Of the compiled kernel, for compiled code that calls it."""
        return jit.address(self.compiled, self.signature)


def kernels_of(
    kernel: Callable[..., None], axes: int = PLANES
) -> Callable[[DType, DType, DType], Kernels]:
    """A method's ``kernels``: its kernel for dtypes as compiled code sees them, each made once."""

    @cache
    def kernels(image: DType, compute: DType, result: DType) -> Kernels:
        return Kernels(kernel, signature(image, real(compute), result, axes))

    return kernels


def signature(image: DType, element: DType, result: DType, axes: int = PLANES) -> tuple[Any, ...]:
    """Argument types of a kernel: any layout of image and output, taps and scratch of ``element``.

    ``axes``: of image and output, `PLANES` or `MAPS`.

    One specialisation for each set of dtypes serves every problem.
    """
    f, kind, out = (numba.from_dtype(dtype) for dtype in (image, element, result))
    constant = types.Array(kind, 1, "C", readonly=True)
    return (
        types.Array(f, axes, "A", readonly=True),
        constant,
        constant,
        types.Array(out, axes, "A"),
        types.Array(types.int64, 1, "C", readonly=True),
        kind[::1],
        types.int64,
        types.int64,
    )


def _over_bands(kernel, f, taps, fill, out, layout, scratch, bands, first, last, counter):
    """Bands ``[first, last)``, each taken by the next free worker; a row of scratch a worker.

    All compute in the caller's floating-point mode.

    The kernel comes as an address: compiled into this function, each would be compiled twice.
    First calls through prange (Zen 5, 2026-11): direct 5.0 s so, 3.1 as an address; fft 7.6, 3.7.
    """
    asked = mode()
    for worker in numba.prange(scratch.shape[0]):
        own = mode()
        set_mode(asked)
        band = first + add(counter, 0, 1)
        while band < last:
            call(
                kernel, f, taps, fill, out, layout, scratch[worker], bands[band, 0], bands[band, 1]
            )
            band = first + add(counter, 0, 1)
        set_mode(own)
