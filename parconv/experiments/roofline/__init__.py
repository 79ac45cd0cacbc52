"""``parconv roofline``: every row of a race under the ceilings that were measured with it.

dots = roofline.dots(report)  # a race's JSON
roofline.draw(dots, roofline.roofs(dots), file)
"""

from .dots import Dot, Roof, dots, read, roofs, table
from .find import Roofline, find
from .picture import draw

__all__ = ["Dot", "Roof", "Roofline", "dots", "draw", "find", "read", "roofs", "table"]
