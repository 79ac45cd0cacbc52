"""The kernel of the direct method: rows of output, tile by tile, from the image or from scratch.

Where the image can be read as it lies, tiles read it in place.  Everything else (borders, other
element types and layouts, column strides) is packed first: a block of rows is copied into the
worker's scratch with the border applied and the element type converted, and the same tile runs over
the copy.

`layout` describes the problem as numbers, whose names are below.
"""

import numpy as np

from ...codegen import jit, machine
from ...codegen.foreign import as_sums
from ...codegen.layout import ENDS, OWN, Layout
from ...codegen.packing import aligned_after, fetch, rows_alike, store
from ...codegen.runs import has_runs, lies_flat
from ...codegen.simd import store_fence
from ..kernels import with_parts
from .beside import FOLDS
from .lines import line_rows, no_rows
from .packing import RESULT_ROWS
from .rows import mean_rows, tile_rows
from .tile import CONVERT, FILLS_LINES, LOW, PREFETCH, ROWS, STREAM

L = Layout(
    *ENDS, "rows_out", "columns_out", "rows_in", "columns_in", "lead_y", "lead_x", "stride_y",
    "stride_x", "dilation_y", "dilation_x", "span_y", "span_x", "taps_y", "taps_x", "border_y",
    "border_x", "top", "bottom", "left", "right", "large", "far", "parts", "block", "panel",
    "gather_rows", "gather_columns", "lanes", "phase_step", "part_step", "row_step",
    "results_at", "ahead", "passes", "channels", "strip_block", "strip_step", "taps_at",
    "second_taps_at", "crowd", "low", "deep", "lines", "line_vectors",
    tables=("steps", "second_steps", "in_place_steps", "ends"),
)  # fmt: skip

# Bytes from a whole number of pages by which rows may differ and still be crowded: the lines of
# four follow each other in one set.  Nanoseconds a pixel at 3x3 / 7x7 / 11x11 in place, and packed,
# of 600 rows of float32: 1024 columns 0.98 1.93 3.43, 0.73 1.35 2.72; 1028 0.73 1.69 3.05, 0.76
# 1.35 2.70; 1032 0.60 1.39 2.76, 0.78 1.38 2.68.  With an output that lies 2 KiB further on in its
# pages 1024 columns take 0.56 and 1.62 in place (Zen 3 VM, 2026-11).
NEAR = 16
# Bytes of a row of results between borders below which all is packed, since the strips beside them
# would be of as many vectors again as these.  Microseconds with and without, float32: 77 x 78 at
# 3x3 2.8 3.2, at 7x7 7.3 8.2, 96 x 96 3.2 3.7 and 9.7 11.1, 80 x 112 3.5 3.3 and 10.2 10.8; with
# AVX2 77 x 64 at 7x7 6.3 7.3, 96 x 96 10.5 10.4; float64 60 x 45 at 7x7 6.8 7.7, 77 x 78 13.0 13.6,
# at 3x3 2.5 2.8 and 4.2 3.8 (Zen 4 VM, 2026-11).
FEW_BYTES = 384


@jit.jit(inline="always")
def _crowded(f, out, rows):
    """Whether so many rows of ``f``, which a tile reads in place, evict each other.

    Lines a page apart share the sets of a first-level cache.  NumPy's large arrays lie alike in
    their pages, and then those that a tile stores are among them.
    """
    page = machine.PAGE_BYTES
    beside = (out.ctypes.data - f.ctypes.data + page // 8) % page < page // 4
    alike = (f.strides[1] + NEAR) % page <= 2 * NEAR
    return alike and rows + (ROWS if beside else 0) > machine.WAYS


@jit.jit(inline="always")
def _by_lines(layout):
    """Whether rows of the image, read as they lie, may go one by one."""
    return layout[L.lines] > 0


@jit.jit(inline="always")
def _never(layout):
    return False


@jit.jit()
def _pack(f, fill, layout, scratch, step, plane, y, height, x, width):
    """Everything that outputs ``[y, y + height) x [x, x + width)`` need, border applied.

    Packed rows lie ``step`` elements apart.

    Densely packed with a column stride s, a row is s phases (every s-th pixel), each contiguous;
    of a complex image come first all real parts, then all imaginary ones, and where planes are
    summed one plane's after the other's.  Gathered, an axis has the pixels of all outputs for each
    tap.
    """
    stride_y, stride_x = layout[L.stride_y], layout[L.stride_x]
    top, left = y * stride_y - layout[L.lead_y], x * stride_x - layout[L.lead_x]
    part_step = layout[L.part_step] if layout[L.parts] > 1 else 0
    # blocks of an axis: how many, indices from one to the next, and elements of scratch
    down, rows, step_y = (1, 0, 0), (height - 1) * stride_y + layout[L.span_y], 1
    if layout[L.gather_rows]:
        down = layout[L.taps_y], layout[L.dilation_y], layout[L.block] * step
        rows, step_y = height, stride_y
    across, last = (stride_x, 1, layout[L.phase_step]), (width - 1) * stride_x + layout[L.span_x]
    if layout[L.gather_columns]:
        across = layout[L.taps_x], layout[L.dilation_x], layout[L.panel]
    for block in range(layout[L.deep] * down[0]):
        part, n = block // down[0], block % down[0]
        axis_y = top + n * down[1], step_y, rows, layout[L.rows_in], 1, layout[L.border_y]
        for m in range(across[0]):
            columns = width if layout[L.gather_columns] else (last - m + stride_x - 1) // stride_x
            at = part * layout[L.part_step] + n * down[2] + m * across[2]
            fetch(
                f, layout[L.reads], (plane * layout[L.deep] + part,), axis_y,
                (left + m * across[1], stride_x, columns, layout[L.columns_in], layout[L.channels],
                 layout[L.border_x]),
                fill, scratch, (at, step, part_step), True, True,
            )  # fmt: skip


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill rows ``[start, stop)`` of ``out``, counted over all planes, and nothing else.

    One flat function: each function compiled separately costs Numba 0.1 s, and each level of calls
    above the tile compiles the tile again.
    """
    f, out = as_sums(f, scratch), as_sums(out, scratch)
    columns, lanes = layout[L.columns_out], layout[L.lanes]
    image_row, out_row = f.strides[1] // f.itemsize, out.strides[1] // out.itemsize
    step_y, step_x = layout[L.stride_y], layout[L.stride_x]
    # results that tiles leave in scratch: rows, where, from row to row, and to imaginary parts
    high = np.int64(RESULT_ROWS if out.strides[1] == out.itemsize else ROWS)
    second = high * layout[L.panel] * (layout[L.passes] - 1)
    results, writes = (layout[L.results_at], layout[L.panel], second), layout[L.writes]
    out_flat = writes == OWN and has_runs(out)
    both_flat = out_flat and layout[L.reads] == OWN and has_runs(f)
    # tiles prefetch real pixels
    prefetch = PREFETCH if layout[L.far] and layout[L.parts] == 1 else 0
    convert = 0 if lies_flat(out, scratch) else CONVERT
    whole_lines = layout[L.large] and FILLS_LINES and rows_alike(out, machine.CACHE_LINE)
    unit = machine.CACHE_LINE if whole_lines else machine.VECTOR_BYTES
    # columns [left, right) are read in place; aligned stores begin `skip` columns further on, where
    # a strip is packed anyway or they bypass the caches.  Microseconds with / without (Zen 5,
    # 2026-11): 48 x 102 at 7x7 2.4, 1.8; 1024 x 1024 at 3x3 142, 142, with a border 154, 180.
    left, right = layout[L.left], layout[L.right]
    alike = out_flat and rows_alike(out, unit)
    alike = alike and out.itemsize >= scratch.itemsize  # narrower results fill no vector
    aligns = alike and (left > 0 or layout[L.large])
    skip = aligned_after(out, left, unit) if aligns else 0
    into_caches = prefetch + convert
    streams = alike and whole_lines
    flags = into_caches + STREAM if streams else into_caches
    begin, vectors = left + skip, (right - left - skip) // lanes
    crowded = both_flat and _crowded(f, out, layout[L.crowd])
    few = (left > 0 or right < columns) and vectors * machine.VECTOR_BYTES < FEW_BYTES
    # rows go one by one, with what lies beside the image where no line bypasses the caches
    alone = _by_lines(layout) and out_flat and has_runs(f)
    whole = alone and layout[L.line_vectors] > 0 and not streams
    lines = whole or (alone and vectors > 2 and (streams or not FOLDS))
    if lines:
        both_flat = True
    elif crowded and layout[L.low]:
        flags += LOW
    elif crowded or few or vectors < 1:
        both_flat = False
    # the strips left of `from_left` and from `to_right` on are packed: vectors at least, so that
    # tiles store into the output.  Where no border is, an unaligned vector takes the strip's place.
    from_left, to_right, line = np.int64(0), columns, right - begin
    if whole:
        begin, line = from_left, columns
    else:
        if left > 0:
            from_left = begin
        if right < columns:
            line = line if lines and not streams else vectors * lanes
            to_right = min(begin + line, columns - lanes)
    least = np.int64(1 if whole else ROWS)
    while start < stop:
        plane, y = start // layout[L.rows_out], start % layout[L.rows_out]
        y_stop = min(layout[L.rows_out], y + stop - start)
        start += y_stop - y
        f_at = plane * (f.strides[0] // f.itemsize) - layout[L.lead_x]
        out_at = plane * (out.strides[0] // out.itemsize)
        # rows [top, bottom) of columns [left, right) are read in place
        top, bottom = max(y, layout[L.top]), min(y_stop, layout[L.bottom])
        if not both_flat or bottom - top < least:
            top = bottom = y_stop
        while y < y_stop:
            inner = top <= y < bottom
            block = layout[L.strip_block] if inner else layout[L.block]
            height = min(block, (top if y < top else bottom if inner else y_stop) - y)
            packed_row = layout[L.strip_step] if inner else layout[L.row_step]
            packed_step = packed_row if layout[L.gather_rows] else step_y * packed_row
            x = np.int64(0)
            while x < columns:
                if inner and from_left <= x < to_right:
                    # the last tiles are pulled back to end at the edge: the same bits again
                    row = min(y, bottom - least)
                    rows = y + height - row
                    source = f_at + (row * step_y - layout[L.lead_y]) * image_row
                    ahead = source + layout[L.ahead] * image_row
                    target = out_at + row * out_row
                    if lines:
                        line_rows(
                            f, source + begin, step_y * image_row, taps, layout[L.taps_at], layout,
                            layout[L.in_place_steps], out, target + begin, out_row,
                            (rows, line), flags,
                            (layout[L.columns_in], layout[L.lead_x], layout[L.line_vectors],
                             layout[L.ends]), fill,
                        )  # fmt: skip
                    else:
                        tile_rows(
                            f, source + begin, (image_row, step_y * image_row, out_row, flags),
                            taps, layout[L.taps_at], layout, layout[L.in_place_steps], out,
                            target + begin, f, (ahead + begin, image_row, step_y * image_row),
                            (rows, vectors), out,
                        )  # fmt: skip
                    rest = not lines and right == columns and (right - begin) % lanes > 0
                    second = from_left < begin - lanes, begin - lanes
                    last = rest, right - lanes
                    for needed, edge in ((from_left < begin, left), second, last):
                        if needed:
                            tile_rows(
                                f, source + edge,
                                (image_row, step_y * image_row, out_row, convert),
                                taps, layout[L.taps_at], layout, layout[L.in_place_steps], out,
                                target + edge, f, (ahead + edge, image_row, step_y * image_row),
                                (rows, np.int64(1)), out,
                            )  # fmt: skip
                    x = to_right
                    continue
                step = min(layout[L.panel], (from_left if inner and x < from_left else columns) - x)
                width = max(step, lanes) if inner else step
                packed_flags = (
                    flags if (x - left - skip) % (unit // out.itemsize) == 0 else into_caches
                )
                # tiles fetch what the panel on the right will want, or the block below
                later = layout[L.panel] * step_x
                if x + width >= columns:
                    later = block * step_y * image_row - x * step_x
                _pack(f, fill, layout, scratch, packed_row, plane, y, height, x, width)
                ahead = f_at + (y * step_y - layout[L.lead_y] + layout[L.span_y] - 1) * image_row
                ahead += x * step_x + later
                if out_flat and height >= ROWS and width >= lanes:
                    target = out_at + y * out_row + x
                    tile_rows(
                        scratch, np.int64(0), (packed_row, packed_step, out_row, packed_flags),
                        taps, layout[L.taps_at], layout, layout[L.steps],
                        out, target, f, (ahead, image_row, step_y * image_row),
                        (height, width // lanes), out,
                    )  # fmt: skip
                    if width % lanes:
                        edge = width - lanes
                        tile_rows(
                            scratch, edge, (packed_row, packed_step, out_row, convert),
                            taps, layout[L.taps_at], layout, layout[L.steps],
                            out, target + edge, f, (ahead, image_row, step_y * image_row),
                            (height, np.int64(1)), out,
                        )  # fmt: skip
                else:
                    for first in range(0, height, high):
                        row = min(first, max(height - high, 0))  # the last ones pulled back
                        rows = min(high, height)
                        for part in range(layout[L.passes]):
                            tile_rows(
                                scratch, row * packed_step,
                                (packed_row, packed_step, layout[L.panel], prefetch),
                                taps, layout[L.second_taps_at if part else L.taps_at],
                                layout, layout[L.second_steps if part else L.steps],
                                scratch, layout[L.results_at] + part * high * layout[L.panel],
                                f, (ahead + row * step_y * image_row, image_row, np.int64(0)),
                                (max(rows, ROWS), (width + lanes - 1) // lanes), out,
                            )  # fmt: skip
                        down, across = (y + row, 1, rows), (x, 1, width)
                        store(scratch, results, out, writes, (plane,), down, across)
                x += step
            y += height
    store_fence()


omitting = with_parts(kernel, "omitting", tile_rows=mean_rows, line_rows=no_rows, _by_lines=_never)
