"""Outputs whose window holds zeros alone: exactly 0, where a transform leaves its rounding.

Sums of a mask's weights ask for nothing else, nor does who takes a logarithm of what is left
beside stars.  A look at one pixel of each window's size tells most tiles that have none.
"""

from ...codegen import jit


@jit.jit()
def count_zeros(scratch, window, counts, row_step, sizes, taps, steps):
    """Whether a tile may have such windows; counts the zeros above one another.

    ``scratch`` from ``window`` on holds rows of pixels, ``row_step`` apart, ``sizes`` of them; from
    ``counts`` on the counts follow one another.  A filter's rows and columns lie ``steps`` apart.
    """
    if not _may_be_empty(scratch, window, row_step, sizes, taps, steps):
        return False
    (rows, columns), none, one, found = sizes, scratch.dtype.type(0), scratch.dtype.type(1), False
    for y in range(rows):
        at, place = window + y * row_step, counts + y * columns
        pixels, count = scratch[at : at + columns], scratch[place : place + columns]
        above = place - steps[0] * columns
        if y < steps[0]:
            for x in range(columns):
                count[x] = one if pixels[x] == none else none
        else:
            before = scratch[above : above + columns]
            for x in range(columns):
                count[x] = before[x] + one if pixels[x] == none else none
        for x in range(columns):
            found |= count[x] >= taps[0]
    return found


@jit.jit()
def _may_be_empty(scratch, window, row_step, sizes, taps, steps):
    """Whether any pixel is 0 of those of which every window holds one."""
    for first in range((taps[0] - 1) * steps[0], sizes[0], taps[0] * steps[0]):
        for y in range(first, min(first + steps[0], sizes[0])):
            row = scratch[window + y * row_step : window + y * row_step + sizes[1]]
            for left in range((taps[1] - 1) * steps[1], sizes[1], taps[1] * steps[1]):
                for x in range(left, min(left + steps[1], sizes[1])):
                    if row[x] == 0:
                        return True
    return False


@jit.jit()
def clear_empty(scratch, window, counts, row_step, sizes, results, taps, steps):
    """0 for each output, of ``results`` rows and columns, with enough zeros side by side."""
    below, beside = (taps[0] - 1) * steps[0], (taps[1] - 1) * steps[1]
    for y in range(results[0]):
        at = counts + (y + below) * sizes[1]
        count = scratch[at : at + sizes[1]]
        out = scratch[window + y * row_step : window + y * row_step + results[1]]
        enough = 0
        for x in range(sizes[1]):
            enough += count[x] >= taps[0]
        if enough == sizes[1]:
            out[:] = 0
        if enough in (0, sizes[1]):
            continue
        for phase in range(steps[1]):
            other = phase - steps[1]  # the last pixel with fewer zeros above
            for x in range(phase, min(sizes[1], results[1] + beside), steps[1]):
                if count[x] < taps[0]:
                    other = x
                elif x - other > beside:
                    out[x - beside] = scratch.dtype.type(0)
