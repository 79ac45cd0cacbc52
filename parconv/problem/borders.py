"""Border rules: which pixel stands for an index outside the image.

Plain arithmetic, which compiled code takes as it stands here.
"""

BOUNDARIES = ("constant", "edge", "symmetric", "mirror", "wrap")
CONSTANT, EDGE, SYMMETRIC, MIRROR, WRAP = range(len(BOUNDARIES))


def source_index(index: int, size: int, border: int) -> int:
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
