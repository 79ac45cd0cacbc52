"""What the user should know of a result that came without an error."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..problem.dtypes import Array
from ..problem.outer import Outer
from .filtering import Wish
from .formats import file_format, lost
from .picture import Picture

MOST = 8  # things that one line names


def remarks(
    source: Path,
    pictures: Sequence[Picture],
    target: Path,
    results: Sequence[Picture],
    wish: Wish,
    g: Array | Outer,
) -> Iterator[str]:
    """A line each: what was taken for granted, what became of negative sums, what is not kept."""
    for note in dict.fromkeys(picture.note for picture in pictures if picture.note):
        yield f"{source}: {note}"
    unsigned = [picture for picture in pictures if wish.loses_signs(picture, g)]
    if unsigned:
        yield _signs(target, wish.preview(unsigned[0]).pixels.dtype)
    names = lost(target, results)
    if names:
        more = [f"{len(names) - MOST} more"] if len(names) > MOST else []
        yield f"{target} does not keep of {source}: {', '.join(names[:MOST] + more)}"


def _signs(target: Path, dtype: np.dtype[np.unsignedinteger]) -> str:
    middle = (np.iinfo(dtype).max + 1) // 2
    place = "" if file_format(target).name in ("TIFF", "NPY") else " in a TIFF"
    return (
        f"negative sums became 0 in {dtype}: --abs, --offset {middle} (perhaps with --scale 0.5) "
        f"or --dtype float32{place} keep them"
    )
