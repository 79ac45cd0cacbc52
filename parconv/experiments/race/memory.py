"""What the C library does with memory that is given back: part of the time of an output."""

import contextlib
import ctypes
from collections.abc import Iterator

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -2, -3, -4
# Where glibc's own adjustment ends for programs that free large arrays, and its default.
_ADJUSTED, _MAPPINGS = 32 << 20, 65536


@contextlib.contextmanager
def warm(on: bool) -> Iterator[None]:
    """Keep freed memory in the process, so that results of a peer that allocates touch no new page.

    Libraries that cannot write into an array are timed so where others reuse an output.  glibc
    only; elsewhere the allocator does as it likes.
    """
    library = _glibc() if on else None
    if library is None:
        yield
        return
    library.mallopt(_MMAP_MAX, 0)
    library.mallopt(_TRIM_THRESHOLD, -1)
    try:
        yield
    finally:
        library.mallopt(_MMAP_MAX, _MAPPINGS)
        library.mallopt(_MMAP_THRESHOLD, _ADJUSTED)
        library.mallopt(_TRIM_THRESHOLD, 2 * _ADJUSTED)
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libc.so.6")
    except OSError:
        return None
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
