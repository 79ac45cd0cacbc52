"""Windows copied, then a product by NumPy's BLAS: the baseline of that name.

Explicit im2col: every pixel is copied once for each tap that it meets, into a matrix (taps of all
channels, outputs), and the filters times that matrix are the outputs.  Answers every layer; sums
in int64 go through NumPy's own loops, exact and slow.  Relies on NumPy's BLAS, which is held to one
thread meanwhile (threadpoolctl): each worker of the strategy multiplies units of its own.  So the
bits are the same for any threads and strategy as far as BLAS gives the same bits for the same
arrays; OpenBLAS does.

A unit is a run of output rows, counted over the images, for one group.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np
from numba import types

from ...codegen import foreign, jit, machine
from ...codegen.layout import geometry
from ...problem.bands import split_rows
from ...problem.dtypes import Array, DType
from ...problem.lazily import lazily
from ...problem.problem import Problem
from ...runtime.crew.record import MAPS
from .. import usual
from ..direct import largest_of_bank
from ..kernels import Taps, signature
from ..usual import (
    applicable as applicable,
    bank_of,
    error as error,
    fill as fill,
    grain as grain,
    selects as selects,
    sums as sums,
)
from . import kernel as k
from .blas import one_thread
from .kernel import L

UNIT = "runs of rows of a group"
# Of copied pixels for one product, at least a row of outputs.  Milliseconds of copies + products at
# 1, 4 and 32 MiB, 64 channels of 56 x 56, batch 32, one core: 13.4 + 60.6, 11.7 + 60.1, 19.5 + 68.4
# (Zen 5, 2026-11).
COLUMN_BYTES = 1 << 22
# There are at least so many units, if that leaves them so many outputs of each filter.
UNITS, LEAST_OUTPUTS = 8, 64
# In operations of the direct method, which take as long: a multiplication and addition by OpenBLAS,
# which has vectors of 32 bytes for most processors; (the timings that these were fitted to, Zen 5,
# 2026-11, were not kept, and nobody measured them elsewhere)
PRODUCT_WORK = 2.1 * max(1, machine.VECTOR_BYTES // 32)
# a pixel that is copied, where those of a row lie next to each other and where a stride parts them,
# and a row of them under one tap;
COPY_WORK, APART_WORK, ROW_WORK = 20, 230, 2600
# a sum that is delivered, and the calls of a unit.
DELIVERY_WORK, UNIT_WORK = 55, 700_000


def unasked(problem: Problem) -> str | None:
    """Why only a caller who names this method gets it: always."""
    return "it is a baseline, for those who name it"


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time."""
    bank, (batch, outputs, rows, width) = bank_of(problem), problem.maps
    copy = ROW_WORK + width * (COPY_WORK if problem.stride[1] == 1 else APART_WORK)
    products = width * outputs * (PRODUCT_WORK * problem.taps + DELIVERY_WORK)
    each = bank.groups * problem.taps * copy + products
    return batch * rows * each + UNIT_WORK * units(problem)


def anywhere(problem: Problem) -> bool:
    """BLAS may add in another order."""
    return False


def prepare(problem: Problem, g: Array) -> Taps:
    """The filters as the rows of a matrix for each group; read-only."""
    values = g.astype(problem.sums).ravel()
    return Taps(values, largest_of_bank(problem, g))


# --- the problem as numbers ----------------------------------------------------------------------


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Array:
    """Everything the kernel knows of the problem, as one read-only int64 array."""
    bank, (batch, _, rows, width) = bank_of(problem), problem.maps
    rows, row = batch * rows, problem.taps * width
    most = max(1, COLUMN_BYTES // (row * problem.sums.itemsize))
    wanted = min(-(-UNITS // bank.groups), rows * width // LEAST_OUTPUTS)
    runs = max(-(-rows // most), wanted)
    return L.pack(
        geometry(problem),
        groups=bank.groups,
        inputs=bank.inputs,
        outputs=bank.filters,
        rows=rows,
        run=-(-rows // min(runs, rows)),
    )


def workspace(problem: Problem) -> int:
    """Elements of scratch that one worker needs: the columns, then the sums."""
    numbers = layout(problem).tolist()
    return int((problem.taps + numbers[L.outputs]) * numbers[L.run] * numbers[L.columns_out])


@dataclass(frozen=True, eq=False)
class Product:
    """In place of `Kernels`: compiled ends of a product that Python asks BLAS for."""

    columns: tuple[Any, ...]  # signatures
    deliver: tuple[Any, ...]
    ends: Callable[[], foreign.Ends]
    obstacle: str = "BLAS is called from Python"

    @lazily
    def serial(self) -> Callable[..., None]:
        """``serial(f, taps, fill, out, layout, scratch, start, stop)`` fills one band."""
        ends = jit.entry(k.columns, self.columns), jit.entry(k.deliver, self.deliver)
        return partial(_multiply, *ends)

    def told(self, layout: Array) -> Array:
        """As `Kernels.told`."""
        return foreign.told(layout, self.ends())


@cache
def kernels(image: DType, compute: DType, result: DType) -> Product:
    """The kernel for the dtypes as compiled code sees them."""
    f, _, fill, out, layout, scratch, *_ = signature(None, compute, None, MAPS)
    numbers, ends = [types.int64] * 3, partial(foreign.ends, image, compute, result)
    return Product((f, fill, layout, scratch, *numbers), (out, layout, scratch, *numbers), ends)


def _multiply(
    columns: Any, deliver: Any, f: Array, taps: Array, fill: Array, out: Array, layout: Array,
    scratch: Array, start: int, stop: int,
) -> None:  # fmt: skip
    """Fill units ``[start, stop)`` of ``out``, and nothing else."""
    numbers = layout.tolist()
    groups, outputs = numbers[L.groups], numbers[L.outputs]
    filters = taps.reshape(groups, outputs, -1)
    count = filters.shape[2]
    with one_thread(), np.errstate(all="ignore"):
        for unit in range(start, stop):
            group, first, last = _place(numbers, unit)
            width = (last - first) * numbers[L.columns_out]
            pixels = scratch[: count * width]
            sums = scratch[count * width : (count + outputs) * width]
            columns(f, fill, layout, pixels, group, first, last)
            shape = outputs, width
            np.matmul(filters[group], pixels.reshape(count, width), out=sums.reshape(shape))
            deliver(out, layout, sums, group, first, last)


# --- units ---------------------------------------------------------------------------------------


def _place(numbers: list[int], unit: int) -> tuple[int, int, int]:
    """(group, first row, last row) of a unit."""
    run, group = divmod(unit, numbers[L.groups])
    first = run * numbers[L.run]
    return group, first, min(first + numbers[L.run], numbers[L.rows])


def units(problem: Problem) -> int:
    """How many there are."""
    numbers = layout(problem).tolist()
    return int(-(-numbers[L.rows] // numbers[L.run]) * numbers[L.groups])


def bands(problem: Problem, parts: int) -> tuple[tuple[int, int], ...]:
    """At most ``parts`` bands."""
    return split_rows(units(problem), parts)


def least_band(problem: Problem) -> int:
    """Units of a band that is worth handing out."""
    return 1


def regions(problem: Problem, start: int, stop: int) -> list[tuple[int, slice, slice]]:
    """Images, filters and rows of the result's maps that units ``[start, stop)`` fill."""
    numbers, found = layout(problem).tolist(), []
    for unit in range(start, stop):
        group, *rows = _place(numbers, unit)
        filters = slice(group * numbers[L.outputs], (group + 1) * numbers[L.outputs])
        found += [(image, filters, part) for image, part in usual.regions(problem, *rows)]
    return found
