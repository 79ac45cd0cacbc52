"""What the kernels of all methods share: how they are called, compiled and run over many bands.

A kernel is a function ``kernel(f, taps, fill, out, layout, scratch, start, stop)`` of planes (maps
for a bank), 1-D arrays and two integers, which fills rows (units for a bank) ``[start, stop)`` of
``out`` and never mentions threads.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from types import FunctionType
from typing import Any

import numba
import numpy as np
from numba import types

from ..codegen import foreign, jit, machine
from ..problem.dtypes import Array, DType, real
from ..problem.filter import Filter
from ..problem.lazily import lazily
from ..runtime import crew
from ..runtime.crew import BANDS
from ..runtime.crew.atomic import add
from ..runtime.crew.floats import mode, set_mode
from ..runtime.crew.record import (
    ARGUMENTS,
    MAPS,
    PLANES,
    arrays,
    run_maps,
    run_planes,
    write,
)


@dataclass(frozen=True, eq=False)
class Taps:
    """A filter as a kernel reads it, in the type of the sums, and what it asks of the pixels.

    ``limit`` is the largest |pixel| for which the sums cannot overflow, where the dtype is no
    proof; ``given`` the caller's filter, where pixels may tell how its zeros are treated.  Where
    pixels may be missing ``weights`` has theirs, if they come in an array, and ``plain`` is the
    filter as it is read where none is missing.  ``look`` is what a plan keeps here that runs again.

    The values begin with a cache line, as NumPy's do by chance: layers whose vectors of weights
    crossed lines take 0.90 to 0.97 of the time (15 of them, Sapphire Rapids VM, AVX-512, 2026-11).
    """

    values: Array  # read-only from here on
    limit: int | None = None
    given: Filter | None = None
    weights: Array | None = None
    plain: "Taps | None" = None
    look: Any = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.values.ctypes.data % machine.CACHE_LINE:
            object.__setattr__(self, "values", _on_a_line(self.values))
        self.values.flags.writeable = False

    def weighted(self, weights: Array) -> "Taps":
        """The same with weights of pixels; `dataclasses.replace` takes a tenth of a small call."""
        found = object.__new__(Taps)
        found.__dict__.update(self.__dict__, weights=weights, look=None)
        return found

    @property
    def nbytes(self) -> int:
        """Of what is kept here."""
        return int(self.values.nbytes) + (self.look.nbytes if self.look else 0)


def _on_a_line(values: Array) -> Array:
    """A copy that begins with a cache line."""
    raw = np.empty(values.nbytes + machine.CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % machine.CACHE_LINE
    found = raw[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    found[...] = values
    return found


@dataclass(frozen=True, eq=False)
class Kernels:
    """A kernel for one set of dtypes; each form compiles, or loads, on first use."""

    kernel: Callable[..., None]
    signature: tuple[Any, ...]
    ends: Callable[[], foreign.Ends] = foreign.no_ends
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
        numbers = types.int64, types.int64, types.int64[::1]
        found = (types.int64, *arrays(self.axes), BANDS, *numbers)
        return partial(jit.entry(_over_bands, found, parallel=True), self.address)

    @lazily
    def led(self) -> Any:
        """The same over a table of bands, by the calling thread and those of the crew."""
        return partial(crew.leader(self.axes), self.address)

    @property
    def axes(self) -> int:
        """Of image and output, `PLANES` or `MAPS`."""
        return int(self.signature[0].ndim)

    @lazily
    def address(self) -> int:
        """Of the compiled kernel, for compiled code that calls it; finding it takes a thread."""
        return jit.address(self.compiled, self.signature)

    def told(self, layout: Array) -> Array:
        """A layout of the method's that also says what reads the image and writes the output."""
        return foreign.told(layout, self.ends())


def kernels_of(
    kernel: Callable[..., None],
    ends: Callable[..., foreign.Ends] | None = None,
    stores: Callable[[DType, DType], int] = operator.eq,
    axes: int = PLANES,
) -> Callable[[DType, DType, DType], Kernels]:
    """A method's ``kernels``: its kernel for dtypes as compiled code sees them, each made once.

    ``ends``: what `foreign` offers for a kernel that takes images of all types, and outputs of
    those that it does not store itself: ``stores(element, result)`` tells.
    They get ``rule``, a type of `codegen.rules`, where they store results by it.
    """

    @cache
    def kernels(image: DType, compute: DType, result: DType, rule: Any = None) -> Kernels:
        element = real(compute)
        if ends is None:
            return Kernels(kernel, signature(image, element, result, axes))
        known = result if stores(element, result) and result != element else None
        asked = partial(ends, image, element, element if known else result)
        return Kernels(kernel, signature(None, element, rule or known, axes), asked)

    return kernels


def with_parts(kernel: Callable[..., None], name: str, **parts: Any) -> Callable[..., None]:
    """The same kernel, of other functions under the names that it calls them by.

    No closure: of those no compiled code is kept on disk.
    """
    assert isinstance(kernel, FunctionType)
    made = FunctionType(kernel.__code__, {**kernel.__globals__, **parts}, name)
    made.__qualname__ = name
    return made


def signature(
    image: DType | None, element: DType, result: Any, axes: int = PLANES
) -> tuple[Any, ...]:
    """Argument types of a kernel: any layout of image and output, taps and scratch of ``element``.

    ``axes``: of image and output, `PLANES` or `MAPS`.  Their types are any where they are None.

    One specialisation for each set of dtypes serves every problem.
    """
    f, out = map(_known, (image, result))
    kind = numba.from_dtype(element)
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


def _known(kind: Any) -> Any:
    """A type of elements as Numba has it; any where it is None."""
    if kind is None or isinstance(kind, types.Type):
        return kind or foreign.ELEMENT
    return numba.from_dtype(kind)


def _over_bands(kernel, f, taps, fill, out, layout, scratch, bands, first, last, words):
    """Bands ``[first, last)``, each taken by the next free worker; a row of scratch a worker.

    All compute in the caller's floating-point mode.  ``words``: a counter, and room for the
    arguments, for Numba's threads get none but arrays whose elements have a name.

    The kernel comes as an address: compiled into this function, each would be compiled twice.
    First calls through prange (Zen 5, 2026-11): direct 5.0 s so, 3.1 as an address; fft 7.6, 3.7.
    """
    write(words, ARGUMENTS, f, taps, fill, out, layout, scratch, bands)
    asked, axes, workers = mode(), f.ndim, scratch.shape[0]
    for worker in numba.prange(workers):
        own = mode()
        set_mode(asked)
        band = first + add(words, 0, 1)
        while band < last:
            if axes == MAPS:
                run_maps(words, ARGUMENTS, kernel, worker, band)
            else:
                run_planes(words, ARGUMENTS, kernel, worker, band)
            band = first + add(words, 0, 1)
        set_mode(own)
