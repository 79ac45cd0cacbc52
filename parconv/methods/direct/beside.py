"""Which rows go one after another, and where pixels beside the image come from.

Pure arithmetic: no pixels.
"""

from functools import lru_cache

from ...codegen import machine
from ...problem.borders import BOUNDARIES, source_index
from ...problem.problem import Problem
from ..usual import lanes_of
from .passes import multiplies, support_of
from .tile import stores

# Taps at most, whose weights stay in registers.  Microseconds for 512 x 512 float32 at 1x3, 1x5,
# 1x9 by tiles and so: 41 54 82, 26 39 68; float64 80 97 156, 49 71 125; uint16 to uint16 55 69 97,
# 38 52 80; for 104 x 244 float32 4.7 6.2 9.2, 2.8 4.4 7.4 (Zen 4 VM, AVX-512, 2026-11).
LONGEST = 9
# Whether pixels beside the image, and others than the sums', are made in registers: there 512 x 512
# float32 took 34 47 77 with packed strips beside what is read as it lies.  Under AVX2 so 34 42 77,
# by tiles 48 61 94, but uint8 to uint8 68 88 134, by tiles 74 88 127 (the same VM).
FOLDS = "lookup4" in machine.ISA.instructions


def longest(lanes: int) -> int:
    """Taps at most, whose pixels lie in two neighbouring vectors."""
    return min(LONGEST, lanes + 1)


def goes_by_lines(problem: Problem) -> bool:
    """Whether rows that are read as they lie go one after another: of few taps in a single row."""
    kind, (rows, columns), sums = problem.image_dtype, problem.filter, problem.sums
    narrow = FOLDS and kind == problem.dtype and stores(sums, kind)
    alike = sums.kind == "f" and (kind == problem.dtype == sums or narrow)
    few = rows == 1 and columns <= longest(lanes_of(problem)) and problem.dilation[1] == 1
    plain = problem.channels == problem.deep == problem.stride[1] == 1 and multiplies(problem)
    return alike and few and plain and support_of(problem) is None


@lru_cache(maxsize=256)
def line_vectors(problem: Problem) -> int:
    """Vectors of such a row of results of which only the first needs pixels beside the image.

    0 where a row's ends cannot be made of its first vector of pixels and its last one.
    """
    return _vectors(problem) if goes_by_lines(problem) and _folds(problem) else 0


def folded(problem: Problem) -> list[int]:
    """Where the pixels of rows come from; nothing where a row's ends cannot be made so.

    Of its first vector, of the one behind those of `line_vectors`, and of the last one: lanes of
    the row's first and last vector, counted through both; behind these the constant.
    """
    return [place or 0 for place in _places(problem)] if _folds(problem) else []


def _folds(problem: Problem) -> bool:
    """Whether a row's ends can be made of its first vector of pixels and its last one."""
    lead, after, lanes = problem.lead[1], problem.span[1] - 1, lanes_of(problem)
    size, width = _sizes(problem)
    fits = 0 <= lead <= lanes and 0 <= width + after - lead - size <= after
    long = FOLDS and fits and min(size, width) >= 2 * lanes + lead
    return long and None not in _places(problem)


def ends_of(problem: Problem) -> list[int]:
    """The same of rows that go one after another."""
    return folded(problem) if line_vectors(problem) else []


def _sizes(problem: Problem) -> tuple[int, int]:
    """Pixels of a row, and results."""
    return problem.plane_in[1], problem.plane[1]


def _vectors(problem: Problem) -> int:
    (size, width), lanes = _sizes(problem), lanes_of(problem)
    return min((size + problem.lead[1]) // lanes - 1, width // lanes)


def _places(problem: Problem) -> list[int | None]:
    """None for a pixel of neither vector."""
    (size, width), after, lanes = _sizes(problem), problem.span[1] - 1, lanes_of(problem)
    border, channels = BOUNDARIES.index(problem.boundary[1]), problem.channels

    def place(column: int) -> int | None:
        pixel, channel = divmod(column - problem.lead[1], channels)
        pixel = source_index(pixel, size // channels, border)
        pixel = pixel * channels + channel if pixel >= 0 else pixel
        if pixel < lanes:
            return pixel if pixel >= 0 else 2 * lanes
        return pixel - size + 2 * lanes if pixel >= size - lanes else None

    starts = (0, lanes), ((_vectors(problem) + 1) * lanes, after), (width, after)
    return [place(start + n) if n < needed else 0 for start, needed in starts for n in range(lanes)]
