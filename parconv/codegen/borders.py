"""Border rules: which input pixel stands for an index outside the image.

Only the rim is ever materialised, row by row in a worker's scratch; no padded copy exists.
"""

from ..problem.arguments import BOUNDARIES
from . import jit

CONSTANT, EDGE, SYMMETRIC, MIRROR, WRAP = range(len(BOUNDARIES))


@jit.jit()
def source_index(index, size, border):
    """Index into an axis of ``size`` for any integer index; -1 where the constant stands.

    The periods make every extension length right, however far a filter reaches outside.
    """
    if 0 <= index < size:
        return index
    if border == CONSTANT:
        return -1
    if border == EDGE:
        return 0 if index < 0 else size - 1
    if border == WRAP:
        return index % size
    if border == SYMMETRIC:
        index = index % (2 * size)
        return min(index, 2 * size - 1 - index)
    if size == 1:
        return 0
    index = index % (2 * size - 2)
    return min(index, 2 * size - 2 - index)


@jit.jit()
def source_column(index, size, channels, border):
    """The same for an element of a row whose pixels are ``channels`` elements each."""
    if channels == 1 or 0 <= index < size:
        return source_index(index, size, border)
    pixel = source_index(index // channels, size // channels, border)
    return pixel * channels + index % channels if pixel >= 0 else -1
