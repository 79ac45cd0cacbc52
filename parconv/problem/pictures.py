"""Images of Pillow's at the door: they know what their numbers mean."""

import sys
from typing import Any

PALETTES = ("P", "PA")


def check_picture(name: str, value: Any, axes: Any) -> None:
    """Refuse numbers of colours, and colours that would be filtered as if they were columns.

    ``axes`` are None where the door does not know them.
    """
    pillow = sys.modules.get("PIL.Image")
    if pillow is None or not isinstance(value, pillow.Image):
        return
    told = f"{name} is an image of mode {value.mode!r}"
    if value.mode in PALETTES:
        raise TypeError(
            f"{told}, numbers of colours in a palette: pass {name}.convert('L') or "
            f"{name}.convert('RGB')"
        )
    if len(value.getbands()) > 1 and not _are_rows_and_columns(axes):
        mend = "numpy.asarray of it, and axes" if axes is None else "axes=(0, 1)"
        raise ValueError(
            f"{told}, its last axis holds {', '.join(value.getbands())}: pass {mend}, or "
            f"{name}.convert('L')"
        )


def _are_rows_and_columns(axes: Any) -> bool:
    try:
        return {axis % 3 for axis in axes} == {0, 1}
    except TypeError:  # the check of axes will say so
        return False
