"""The bands of one call as Python hands them out, to threads that Python started."""

from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

from ...problem.dtypes import Array
from .work import Arrays, Work


class Shift:
    """The bands of one call, which several workers take one after another.

    An interrupt may strike the calling thread between any two instructions, and one that strikes
    inside a lock written in Python leaves it locked.  So nothing here is shared but containers
    whose operations are atomic.
    """

    def __init__(self, work: Work, arrays: Arrays) -> None:
        self._kernel = work.kernels.serial  # compiled here, once, before any worker asks
        self._arrays = arrays
        self._bands = deque(work.bands)
        self._begun: list[None] = []
        self._ended: list[None] = []
        self._errors: list[BaseException] = []
        self._wake: SimpleQueue[None] = SimpleQueue()

    def drain(self, scratch: Array) -> None:
        """Bands until there are none."""
        while True:
            try:
                band = self._bands.popleft()
            except IndexError:
                return
            self._kernel(*self._arrays, scratch, *band)

    def help(self, scratch: Array) -> None:
        """What another thread does: errors are kept for the caller, who waits for the end."""
        self._begun.append(None)
        try:
            self.drain(scratch)
        except BaseException as error:
            self._errors.append(error)
            self._bands.clear()
        finally:
            self._ended.append(None)
            self._wake.put(None)

    def run(self, labour: Callable[[], object]) -> None:
        """``labour``, then the end of every band under way; raises what a helper raised.

        An interrupt may strike inside any ``finally`` too: the next one around it waits again.
        """
        try:
            try:
                labour()
            finally:
                self._wait()
        finally:
            self._wait()
        if self._errors:
            raise self._errors[0]

    def _wait(self, patience: int = 8) -> None:
        """Hand out no more bands; return when nobody computes one any more.

        A helper that begins later finds nothing, so it need not be waited for.
        """
        try:
            if patience:
                self._wait(patience - 1)
        finally:
            self._bands.clear()
            while len(self._ended) < len(self._begun):
                self._wake.get()
