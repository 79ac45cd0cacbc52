"""Border rules in compiled code.

Only the rim is ever materialised, row by row in a worker's scratch; no padded copy exists.
"""

from ..problem import borders
from ..problem.borders import CONSTANT as CONSTANT
from . import jit

source_index = jit.jit()(borders.source_index)


@jit.jit()
def source_column(index, size, channels, border):
    """The same for an element of a row whose pixels are ``channels`` elements each."""
    if channels == 1 or 0 <= index < size:
        return source_index(index, size, border)
    pixel = source_index(index // channels, size // channels, border)
    return pixel * channels + index % channels if pixel >= 0 else -1
