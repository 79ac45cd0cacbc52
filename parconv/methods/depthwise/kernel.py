"""The kernel of the depthwise method: planes of output, or channels side by side.

Images whose rows lie flat are read in place where the machine loads under masks; else a block's
rows are first copied between zeros.  Results are written in place likewise.  Large ones, which go
past the caches, and those of other machines are computed in scratch, where rows follow one another
as in a dense result, and leave it in runs of cache lines.  Images and results whose channels lie
side by side take `last` instead.

`numbers` says how ``layout`` describes the problem.
"""

from ...codegen import jit, machine
from ...codegen.layout import OWN
from ...codegen.packing import aligned_after, copy
from ...codegen.runs import convert_run
from ...codegen.simd import store_fence
from .flat import flat_rows
from .last import all_channels, all_pixels, side_by_side
from .lines import leave
from .numbers import STRIP, L
from .strip import MASKED, NEVER, sweep_strip
from .turned import turned_planes


@jit.jit()
def _flat(array):
    """Whether rows are runs of elements."""
    size, (b, c, y, x) = array.itemsize, array.strides
    return x == size and b % size == c % size == y % size == 0


@jit.jit()
def _dense(out):
    """Whether all planes are one run of elements."""
    (images, planes, rows, columns), size = out.shape, out.itemsize
    return (
        out.strides[3] == size
        and (rows == 1 or out.strides[2] == columns * size)
        and (planes == 1 or out.strides[1] == rows * columns * size)
        and (images == 1 or out.strides[0] == planes * rows * columns * size)
    )


@jit.jit()
def _ways(f, out, layout):
    """Whether images are read in place, results written in place or in lines, planes as a whole."""
    in_place, dense = MASKED and _flat(f) and layout[L.sift] == 1, _dense(out)
    direct = MASKED and _flat(out) and not (dense and layout[L.past_caches])
    lines = dense and layout[L.dilation_y] == 1
    whole = in_place and layout[L.strip_count] == 1 and (direct or lines)
    return in_place, direct, dense and not direct, whole


@jit.jit()
def _by_rows(layout):
    """Whether rows of results are done one after another."""
    return layout[L.strip_count] == 1 and layout[L.dilation_y] == 1


@jit.jit()
def _element(array, b, c, y):
    """Where a row begins."""
    return (b * array.strides[0] + c * array.strides[1] + y * array.strides[2]) // array.itemsize


@jit.jit()
def _copy(f, layout, scratch, base, b, c, y, height):
    """The rows that results from ``y`` on need, as far as they exist, between zeros."""
    first = y * layout[L.stride] - layout[L.lead_y]
    span = (layout[L.size] - 1) * layout[L.dilation_y] + 1
    stop = min(first + (height - 1) * layout[L.stride] + span, layout[L.rows_in])
    begin, step = max(first, 0), layout[L.copy_row]
    target = base + layout[L.copy_at] + (begin - first) * step + layout[L.copy_lead]
    sift = layout[L.sift]
    rows = layout[L.first_y] + begin * sift, sift, max(stop - begin, 0)
    columns = layout[L.first_x], sift, layout[L.columns_in]
    copy(f, OWN, (b, c), rows, columns, scratch, (target, step, 0))


@jit.jit()
def _sweep(f, taps, out, layout, scratch, ways, base, waits, where, size):
    """Strip after strip of ``size`` = rows and planes, from ``where`` on."""
    (in_place, direct, in_lines, _), (run, waiting, others) = ways, waits
    (b, o, y), (height, planes), columns = where, size, layout[L.columns_out]
    c, first = o // layout[L.multiplier], y * layout[L.stride] - layout[L.lead_y]
    if in_place:
        source, image_row = _element(f, b, c, 0), f.strides[2] // f.itemsize
    else:
        image_row = layout[L.copy_row]
        source = base + layout[L.copy_at] + layout[L.copy_lead] - first * image_row
    if direct:
        target = _element(out, b, o, y)
        steps = out.strides[2] // out.itemsize, out.strides[1] // out.itemsize
    else:
        target, steps = waiting, (columns, height * columns)
    limit = layout[L.limit] if in_lines and _by_rows(layout) else NEVER
    apart = layout[L.dilation_y]
    for turn in range(min(apart, height) * layout[L.strip_count]):  # rows apart, strip by strip
        phase, index = turn // layout[L.strip_count], turn % layout[L.strip_count]
        strip = layout[L.pair] if layout[L.pair] and planes > 1 else L.length + index * STRIP.length
        left, beside = layout[strip + STRIP.left], (first + phase) % apart
        rows_in = (layout[L.rows_in] - beside + apart - 1) // apart
        rows = f.strides[1] // f.itemsize, apart * image_row, (first + phase) // apart, rows_in
        place = source + layout[strip + STRIP.column] + beside * image_row
        sweep_strip(
            layout[strip + STRIP.kind], f, scratch,
            (in_place, place, *rows, layout[L.ahead], layout[L.dilation_x]),
            taps, o * layout[L.size] ** 2, ((height - phase + apart - 1) // apart, planes),
            layout, (layout[strip + STRIP.table], layout[strip + STRIP.last] - left), out,
            (direct, target + left + phase * steps[0], apart * steps[0], steps[1], base, limit, run,
             others, layout[L.past_caches]),
        )  # fmt: skip


@jit.jit()
def _after(out, layout, scratch, base, waits, count):
    """What waits after ``count`` more elements, and after whole lines have left."""
    run, waiting, others = waits
    waiting += count
    line = machine.CACHE_LINE // out.itemsize
    if waiting < line:
        return run, waiting, others
    if not _by_rows(layout):  # else the sweep itself has seen to it
        leave(scratch, base, out, run, (waiting, others), layout[L.past_caches])
    return run + waiting // line * line, waiting % line, 0


@jit.jit()
def _spread(scratch, base, out, b, o, y, height):
    """Rows of results to wherever their elements lie."""
    at = base
    for row in range(y, y + height):
        for x in range(out.shape[3]):
            out[b, o, row, x] = scratch[at + x]
        at += out.shape[3]


@jit.jit()
def _all_rows(f, taps, out, layout, scratch, start, stop):
    """Rows of all planes, plane after plane, where channels do not lie side by side after all."""
    in_place, direct = MASKED and _flat(f), MASKED and _flat(out)
    ways, waits = (in_place, direct, False, False), (0, 0, 0)
    base = aligned_after(scratch, 0, machine.CACHE_LINE)
    while start < stop:
        b, first = start // layout[L.rows_out], start % layout[L.rows_out]
        last = min(layout[L.rows_out], first + stop - start)
        start += last - first
        for o in range(layout[L.outputs]):
            for y in range(first, last, layout[L.block]):
                height = min(layout[L.block], last - y)
                if not in_place:
                    _copy(f, layout, scratch, base, b, o // layout[L.multiplier], y, height)
                where = b, o, y
                _sweep(f, taps, out, layout, scratch, ways, base, waits, where, (height, 1))
                if not direct:
                    _spread(scratch, base, out, b, o, y, height)


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Units ``[start, stop)``: planes, or rows of all channels, counted over all images."""
    if layout[L.segment]:
        flat_rows(f, taps, out, layout, scratch, start, stop)
        return
    near = side_by_side(f), side_by_side(out)
    if layout[L.pixels] and ((near[0] and near[1]) or layout[L.strip_count] == 0):
        all_pixels(f, taps, out, layout, scratch, start, stop, near)
        store_fence()
        return
    if layout[L.turned]:
        turned_planes(f, taps, out, layout, scratch, start, stop)
        return
    if layout[L.by_rows]:
        if near[0] and near[1]:
            all_channels(f, taps, out, layout, scratch, start, stop)
        else:
            _all_rows(f, taps, out, layout, scratch, start, stop)
        store_fence()
        return
    ways = _ways(f, out, layout)
    in_place, direct, in_lines, whole = ways
    line = machine.CACHE_LINE // out.itemsize
    base = aligned_after(scratch, 0, machine.CACHE_LINE)
    high = layout[L.rows_out] if whole else layout[L.block]
    # which run of `out` elements from the base on wait for, how many they are, and how many of them
    # are not ours; the base stands for a line of `out`
    run = start * layout[L.rows_out] * layout[L.columns_out]
    others = (out.ctypes.data // out.itemsize + run) % line if in_lines else 0
    waits = run - others, others, others
    unit = start
    while unit < stop:
        b, o = unit // layout[L.outputs], unit % layout[L.outputs]
        together = whole and layout[L.multiplier] == 1
        planes = min(stop - unit, layout[L.outputs] - o) if together else 1
        for y in range(0, layout[L.rows_out], high):
            height = min(high, layout[L.rows_out] - y)
            if not in_place:
                _copy(f, layout, scratch, base, b, o // layout[L.multiplier], y, height)
            where, size = (b, o, y), (height, planes)
            _sweep(f, taps, out, layout, scratch, ways, base, waits, where, size)
            if in_lines:
                count = planes * height * layout[L.columns_out]
                waits = _after(out, layout, scratch, base, waits, count)
            elif not direct:
                _spread(scratch, base, out, b, o, y, height)
        unit += planes
    run, waiting, others = waits
    convert_run(scratch, base + others, out, run + others, waiting - others)
    store_fence()
