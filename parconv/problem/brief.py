"""bfloat16, which NumPy lacks and `ml_dtypes` brings: float32 with fewer digits.

Nothing here computes with it: images go in as float32, results are rounded to it at the end.
"""

from typing import Any

import numpy as np

from .dtypes import FLOAT32, Array, quietly


def is_brief(kind: Any) -> bool:
    """Whether a dtype, or what stands for one, is bfloat16."""
    try:
        found = None if kind is None else np.dtype(kind)
        # NumPy's own types, whose names take a microsecond, are 1
        return found is not None and found.isbuiltin == 2 and found.name == "bfloat16"
    except Exception:  # a stranger's class may raise anything, which others will tell
        return False


@quietly
def lengthened(array: Array) -> Array:
    """Of bfloat16 as float32, exactly; others as they are."""
    return array.astype(FLOAT32) if is_brief(array.dtype) else array
