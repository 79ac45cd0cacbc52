"""Image files to pictures and back: PNG, JPEG, TIFF and .npy.

A reader finds out what a file says of its pixels, in one frozen `Picture`; `filtering` changes its
light; a writer takes it, and `lost` tells what the new file will not say.  Start reading at
`picture`, then `formats`.
"""

from ..runtime.replacing import replacing
from .filtering import Wish, filtered, scaled
from .formats import check_writable, file_format, lost, read, write
from .picture import Picture
from .places import check_png, check_source, check_target
from .remarks import remarks

__all__ = [
    "Picture",
    "Wish",
    "check_png",
    "check_source",
    "check_target",
    "check_writable",
    "file_format",
    "filtered",
    "lost",
    "read",
    "remarks",
    "replacing",
    "scaled",
    "write",
]
