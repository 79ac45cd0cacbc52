"""Where the rows of a block lie: in the image, or packed, their type converted, border applied."""

from ...codegen import jit
from ...codegen.borders import source_index
from ...codegen.packing import fetch
from .beside import write_entry
from .results import L


@jit.jit(inline="always")
def table_of(layout, base, packed):
    """Where it is told where the rows of a block lie, in the image or packed."""
    return base + layout[L.rows_at] + packed * layout[L.rows_step]


@jit.jit()
def pack(f, fill, layout, scratch, base, plane, rows, left, columns, target):
    """``rows`` = (first, count) of the extended image, border applied."""
    across = left, 1, columns, layout[L.columns_in], layout[L.channels], layout[L.border_x]
    down = rows[0], layout[L.dilation_y], rows[1], layout[L.rows_in], 1, layout[L.border_y]
    place = target, layout[L.step], 0
    fetch(f, layout[L.reads], (plane,), down, across, fill, scratch, place, True, True)


@jit.jit()
def number_rows(layout, scratch, base, plane, rows, image):
    """Write where the rows of a block lie in the image, and packed; whether all are in the image.

    ``image``: elements from plane to plane, and from row to row.
    """
    inside, tables = True, (table_of(layout, base, False), table_of(layout, base, True))
    for n in range(rows[1]):
        row = rows[0] + n * layout[L.dilation_y]
        source = source_index(row, layout[L.rows_in], layout[L.border_y])
        inside = inside and source >= 0
        write_entry(scratch, tables[0], n, plane * image[0] + source * image[1])
        write_entry(scratch, tables[1], n, n * layout[L.step])
    return inside
