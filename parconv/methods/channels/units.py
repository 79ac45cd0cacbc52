"""Which block, image and part a unit is."""

from ...codegen import jit
from .numbers import BLOCK, IMAGE, L


@jit.jit()
def place_of(layout, unit):
    """(block, image, part) of a unit."""
    block, image, part = 0, 0, 0
    for place in range(2, -1, -1):
        axis = layout[layout[L.order] + place]
        size = layout[layout[L.sizes] + axis]
        index, unit = unit % size, unit // size
        if axis == BLOCK:
            block = index
        elif axis == IMAGE:
            image = index
        else:
            part = index
    return block, image, part
