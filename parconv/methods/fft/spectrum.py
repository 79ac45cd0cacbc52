"""The transform in numbers: radices, twiddle factors, order of frequencies, a filter's spectrum.

NumPy only; computed once for a plan.
"""

import math

import numpy as np

from ...codegen import machine
from ...problem.dtypes import Array, DType

# The larger radix of a butterfly is also that of the last pass, beside which data are transposed:
# twice as many vectors must fit the register file with a few to spare.
# A radix of 16 does not: 128 instead of 190 GFLOP/s for 128 x 128 (Zen 5, 2026-11).
# Sizes that are no power of two have one pass of radix `ODD`, the second.  With NEON constants take
# registers, and one of 10 spills 47 vectors.
BIG, SMALL, ODD = machine.ISA.choose({32: (8, 4, 10), 16: (4, 2, 5), "NEON": (8, 4, 5)})


def factors(size: int) -> tuple[int, ...]:
    """The radix of each pass of a transform of ``size``, 2**n or 5 2**n; the last is `BIG`.

    Examples
    --------
    >>> import math
    >>> math.prod(factors(128)), factors(128)[-1] == BIG
    (128, True)
    """
    if size % 5 == 0:
        first, *others = factors(size // ODD)
        return first, ODD, *others
    bits, big, small = (int(math.log2(n)) for n in (size, BIG, SMALL))
    few = next(count for count in range(bits) if (bits - count * small) % big == 0)
    return (SMALL,) * few + (BIG,) * ((bits - few * small) // big)


def twiddles(size: int) -> Array:
    """The factors after each pass but the last: for each butterfly, for outputs 1 to radix - 1."""
    tables, length = [], size
    for radix in factors(size)[:-1]:
        k, output = np.ogrid[: length // radix, 1:radix]
        turn = np.exp(-2j * np.pi * (k * output % length) / length)
        tables.append(turn.ravel().view(np.float64))
        length //= radix
    return np.concatenate(tables)


def frequencies(size: int) -> Array:
    """Which frequency stands at each place of a transform.

    Examples
    --------
    >>> sorted(frequencies(64).tolist()) == list(range(64))
    True
    """
    place, found = np.arange(size), np.zeros(size, np.int64)
    weight, length = 1, size
    for radix in factors(size):
        length //= radix
        found += weight * (place // length)
        place, weight = place % length, weight * radix
    return found


def spectrum(weights: Array, rows: Array, columns: Array, size: int, kind: DType) -> Array:
    """What the transform of a window is multiplied with to correlate the window with ``weights``.

    Output (0, 0) meets ``weights`` at ``rows`` and ``columns`` of the window.  Computed in double
    precision, divided by what the inverse transform leaves out, and laid out as the passes read it:
    blocks of as many row frequencies as a vector has lanes, in each a cell for each column
    frequency.
    """
    lanes, order = machine.lanes(kind.itemsize), frequencies(size)
    used, line = np.unique(rows, return_inverse=True)
    field = np.zeros((used.size, size))
    field[line, -columns % size] = weights.astype(np.float64) / size**2
    half = np.zeros((size, size // 2 + 1), np.complex128)
    half[-used % size] = np.fft.rfft(field)
    half = np.fft.fft(half, axis=0).astype(np.result_type(kind, np.complex64))
    found = np.empty((size, size), half.dtype)
    found[:, : size // 2 + 1] = half
    mirrored = half[-np.arange(size) % size, 1:-1][:, ::-1]
    np.conjugate(mirrored, out=found[:, size // 2 + 1 :])
    parts = found[order].take(order, axis=1).view(kind).reshape(size // lanes, lanes, size, 2)
    return parts.transpose(0, 2, 3, 1).ravel()
