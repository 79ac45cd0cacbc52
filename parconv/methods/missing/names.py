"""The numbers by which the kernels here know a problem, and what else they share with Python."""

from typing import Any

from ...codegen import foreign
from ...codegen.layout import ENDS, Layout
from ...problem.dtypes import Array, kernel_dtype
from ...problem.problem import Problem

# An array of weights: its address, bytes from plane to plane, row to row and column to column, and
# what reads it.
GIVEN = "weights", "weights_plane", "weights_row", "weights_column", "weights_reads"
L = Layout(
    *ENDS, *GIVEN, "rows_out", "columns_out", "rows_in", "columns_in", "lead_y", "lead_x",
    "stride_y", "stride_x", "span_y", "span_x", "border_y", "border_x", "channels", "planes",
    "height", "width", "down", "places", "inwards", "follows", "address", "weighted", "omits",
    "shares", "exact", "large", "lanes", "bits", "few", "column", "rows", "taps_step", "step",
    "weights_at", "above", "taken_at", "taken_step", "tile", "counts", "counts_step", "taps_x",
    "dilation_x", "sums_step", "sums_at", "divisors_at", "group", "lines_at", "bits_at",
    "bits_step", "list_at", "row_at", "inner_at", "alone", "alone_taps", "pitch",
    tables=("units", "layouts"),
)  # fmt: skip
# What stands behind the method's own numbers, and those of columns and rows: what the filter sums
# to, the sign of that, how much of it must be there, below what a pixel is weak, and by what
# columns are scaled, so that they sum to 1 or more, below 2; 0 where holes are not added up.
TAIL = 5

# Rows whose holes are dealt with together: few enough for all that they need to lie in the
# first-level cache.  8, 16, 32: 4096 x 4096 float32 at 7 x 7, 5 % missing, 2.60, 2.40, 2.53 of the
# plain call (Sapphire Rapids VM, AVX-512, 2026-11).
BATCH = 16


def given(names: Any, problem: Problem, layout: Array, weights: Array) -> Array:
    """A layout of such names with an array of weights, which must live as long as it is used."""
    layout = layout.copy()
    first = getattr(names, GIVEN[0])  # they follow one another
    reads = foreign.ends(kernel_dtype(weights.dtype), problem.sums, problem.sums)[0]
    layout[first : first + len(GIVEN)] = weights.ctypes.data, *weights.strides, reads
    layout[names.bits] = weights.dtype == bool
    return layout
