"""Whose line a warning is about: the caller's, however many functions of ours lie between."""

import sys

OURS = f"{__package__.partition('.')[0]}."


def stacklevel() -> int:
    """Frames up to the first one that is not ours, as `warnings.warn` counts them."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(OURS):
        level, frame = level + 1, frame.f_back
    return level
