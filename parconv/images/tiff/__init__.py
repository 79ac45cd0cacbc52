"""TIFF, by tifffile; by Pillow what tifffile cannot decompress.

`pages` finds the pictures of a file, `decoding` their numbers, `meaning` what these stand for,
`tags` what else the file says, and `writing` puts all of it into a file.
"""

from .pages import decode
from .writing import encode, fits, loses

__all__ = ["decode", "encode", "fits", "loses"]
