"""Memory for the chunks of a stream."""

import itertools
import math
import threading
from typing import Any

from ..problem.dtypes import Array, DType
from ..runtime.outputs import on_page

BUFFERS = 2  # of each kind: one is filled or emptied while another computes
ALONE = 1  # of a worker, which reads, computes and writes one after the other


class Blocks(threading.local):
    """A few blocks of each thread, used in turns; each is as large as its largest chunk yet."""

    def __init__(self, count: int = BUFFERS) -> None:
        self._raw: list[Array] = [on_page(0)] * count
        self._turn = itertools.cycle(range(count))

    def __reduce__(self) -> Any:
        return Blocks, (len(self._raw),)

    def take(self, shape: tuple[int, ...], dtype: DType) -> Array:
        """The block that was used longest ago, as an uninitialised array."""
        turn, nbytes = next(self._turn), math.prod(shape) * dtype.itemsize
        if self._raw[turn].size < nbytes:
            self._raw[turn] = on_page(nbytes)
        return self._raw[turn][:nbytes].view(dtype).reshape(shape)
