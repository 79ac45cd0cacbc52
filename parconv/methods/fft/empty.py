"""Outputs whose window holds zeros alone: exactly 0, where a transform leaves its rounding.

Sums of a mask's weights ask for nothing else, nor does who takes a logarithm of what is left
beside stars.  A look at one pixel of each window tells most tiles that have none: one of the image,
for beyond it all may be 0.
"""

from ...codegen import jit


@jit.jit()
def count_zeros(scratch, window, counts, row_step, sizes, axes):
    """Whether a tile may have such windows; counts the zeros above one another.

    ``scratch`` from ``window`` on holds rows of pixels, ``row_step`` apart, ``sizes`` of them; from
    ``counts`` on the counts follow one another.  Of both ``axes`` it asks: how many taps, how far
    apart; the first pixel and the one behind the last that are no border's constant; outputs that
    are wanted.
    """
    if not _may_be_empty(scratch, window, row_step, axes[0], axes[1]):
        return False
    taps, steps = (axes[0][0], axes[1][0]), (axes[0][1], axes[1][1])
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
def _may_be_empty(scratch, window, row_step, down, along):
    """Whether any pixel is 0 of those of which every wanted window holds one."""
    if not (_meet(down) and _meet(along)):
        return True
    for n in range(_looks(down)):
        at = window + _looked_at(n, down) * row_step
        for m in range(_looks(along)):
            if scratch[at + _looked_at(m, along)] == 0:
                return True
    return False


@jit.jit()
def _meet(axis):
    """Whether all windows meet the image, of which there are pixels for each of their steps."""
    taps, step, first, end, wanted = axis
    return first + step <= end and (taps - 1) * step >= first and wanted <= end


@jit.jit()
def _looks(axis):
    """How many pixels on that axis every window holds one of."""
    taps, step, _, _, wanted = axis
    return wanted // (taps * step) * step + min(wanted % (taps * step), step)


@jit.jit()
def _looked_at(n, axis):
    """Where the ``n``-th lies; for one beyond the image the nearest of its windows inside."""
    taps, step, first, end, _ = axis
    at = (taps - 1 + n // step * taps) * step + n % step
    if at < first:
        return first + (at - first) % step
    return at if at < end else end - 1 - (end - 1 - at) % step


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
