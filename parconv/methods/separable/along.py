"""The factors of a filter, as kernels go over them: down columns, then along rows."""

from ...codegen import jit
from ...codegen.layout import ENDS, Layout
from .line import RUN, line, scale_vectors

# The numbers that the layout of every kernel that goes over them begins with.
NAMES = (
    *ENDS, "channels", "products", "taps_y", "taps_x", "halves_y", "halves_x", "kept_y", "kept_x",
    "scaled", "lanes", "dilation_x", "chunk",
)  # fmt: skip
L = Layout(*NAMES)


@jit.jit(inline="always")
def along_columns(taps, layout, scratch, at, row_step, product, target):
    """The column factor of a product over a vector of columns, a block of sums."""
    lanes, both = layout[L.lanes], layout[L.kept_y] + layout[L.kept_x]
    factor = product * both, layout[L.taps_y], layout[L.halves_y]
    line(scratch, at, row_step, taps, factor, target, lanes, 0, lanes // min(RUN, lanes))


@jit.jit(inline="always")
def along_rows(taps, layout, scratch, at, product_step, group, sums):
    """The row factors of all products over a chunk of columns of a strip, scaled.

    The first product's begin at ``at``; ``group`` vectors of sums of each phase of the dilation.
    """
    lanes, spread = layout[L.lanes], layout[L.dilation_x]
    both, blocks = layout[L.kept_y] + layout[L.kept_x], group // min(RUN, lanes)
    for phase in range(spread):
        for product in range(layout[L.products]):
            line(
                scratch, at + product * product_step + phase * lanes, spread * lanes, taps,
                (product * both + layout[L.kept_y], layout[L.taps_x], layout[L.halves_x]),
                sums + phase * lanes, spread * lanes, product, blocks,
            )  # fmt: skip
    if layout[L.scaled]:
        scale_vectors(scratch, sums, layout[L.chunk], taps, layout[L.products] * both)
