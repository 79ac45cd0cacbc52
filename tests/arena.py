"""Memory that ends, and starts, at pages that must not be touched: who does is killed."""

import ctypes
import mmap
from typing import Any

import numpy as np

PAGE, ROOM = mmap.PAGESIZE, 1 << 21


class Arena:
    """Writable memory between two pages that may not be touched."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self.memory = mmap.mmap(-1, ROOM + 2 * PAGE)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        for page in (base, base + PAGE + ROOM):
            assert libc.mprotect(page, PAGE, 0) == 0, ctypes.get_errno()

    def array(self, shape: Any, dtype: Any, at_end: bool, pitch: int = 0) -> np.ndarray:
        """Rows ``pitch`` elements longer than they are used."""
        size = np.dtype(dtype).itemsize
        strides = [size]
        for n, extra in zip(shape[:0:-1], [pitch] + [0] * 9, strict=False):
            strides.insert(0, strides[0] * n + extra * size)
        extent = sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + size
        assert extent <= ROOM, extent
        start = PAGE + (ROOM - extent if at_end else 0)
        return np.ndarray(shape, dtype, self.memory, start, strides)
