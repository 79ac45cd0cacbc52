"""Arrays of Zarr, version 2 and 3, in folders and behind URLs."""

from .source import ZarrArray, check_replaced, is_array, opened
from .target import NewZarr, ZarrTarget
from .told import KIND, folder_of, unit_of

__all__ = [
    "KIND",
    "NewZarr",
    "ZarrArray",
    "ZarrTarget",
    "check_replaced",
    "folder_of",
    "is_array",
    "opened",
    "unit_of",
]
