"""Whether two results agree.  Knows no competitor and times nothing."""

from dataclasses import dataclass

import numpy as np

from .workloads import Array

CHUNK_ROWS = 64  # compared at a time, so that the differences stay in the cache


@dataclass(frozen=True)
class Difference:
    """The largest of a result from the one expected, and the share of all pixels that differ."""

    largest: float
    share: float

    @classmethod
    def of(cls, found: Array, expected: Array) -> "Difference":
        """Infinite where shape or dtype differ."""
        if found.shape != expected.shape or found.dtype != expected.dtype:
            return cls(float("inf"), 1.0)
        step = CHUNK_ROWS if found.ndim < 4 else 1
        rows = range(0, len(found), step)
        chunks = [_chunk(found[i : i + step], expected[i : i + step]) for i in rows]
        largest = np.max([worst for worst, _ in chunks], initial=0)
        return cls(float(largest), sum(count for _, count in chunks) / max(1, found.size))

    def accepted(self, f: Array, g: Array, integers: bool, slack: int) -> bool:
        """Whether both results may be right.

        Inexact ones within the rounding errors of any method.  Integers of an integer filter are
        equal; those of a fractional filter may be one apart where the sum lies so near a tie that
        those errors decide, which is so for a small share of the pixels; ``slack`` allows so many
        units everywhere.
        """
        if integers and g.dtype.kind in "iu":
            return self.largest == 0
        allowed = tolerance(f, g)
        if not integers:
            return self.largest <= allowed
        return self.largest <= slack or (self.largest <= 1 and self.share <= 2 * allowed)


def _chunk(found: Array, expected: Array) -> tuple[float, int]:
    """The largest difference, and how many there are; NaN differs."""
    wide = np.int64 if found.dtype.kind in "iu" else None  # unsigned ones would wrap
    apart = np.abs(np.subtract(found, expected, dtype=wide))
    return float(np.max(apart, initial=0)), int(np.count_nonzero(apart))


def difference(found: Array, expected: Array) -> float:
    """The largest difference; infinite where shape or dtype differ."""
    return Difference.of(found, expected).largest


def tolerance(f: Array, g: Array) -> float:
    """What two correct sums may differ by: their rounding errors, whatever the method."""
    precision = f.dtype if f.dtype.kind in "fc" else np.dtype(np.float32)
    largest = (
        np.nanmax(np.abs(f)) if f.dtype.kind != "i" else max(abs(int(f.min())), abs(int(f.max())))
    )
    each = np.abs(g).reshape(len(g) if g.ndim > 2 else 1, -1)
    scale = float(largest) * float(each.sum(1, dtype=np.float64).max())
    return float(np.finfo(precision).eps * (each.shape[1] + 16) * scale)
