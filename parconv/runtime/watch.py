"""Whether memory was written to since somebody last asked, as Linux keeps track of it.

Pages are protected from writes in a way that the kernel itself lifts at the first one, and notes
(``userfaultfd`` with ``UFFD_FEATURE_WP_ASYNC``, Linux 6.7).  So whoever writes is seen: by a
pointer, a view or a system call, from any thread.  Asking takes 20 ns for each page, the first
write to a page after that 4 microseconds (Sapphire Rapids VM, 2026-11).

Other processes' writes to memory that they share are not seen, so such memory is refused.  Nor is
what a device writes into pages that were pinned for it before: weights are watched that CPUs use.
"""

import ctypes
import os
import platform
import struct
import sys
import threading
from contextlib import suppress
from functools import cache
from weakref import WeakValueDictionary

import numpy as np

from ..problem.dtypes import Array

# --- what the kernel's headers have: linux/userfaultfd.h, linux/fs.h -----------------------------

CALLS = {"x86_64": 323, "aarch64": 282}  # the numbers of the system call
USER_MODE_ONLY = 1  # which asks for no privilege
API, REGISTER, UNREGISTER, SCAN = 0xC018AA3F, 0xC020AA00, 0x8010AA01, 0xC0606610
VERSION, FEATURES, WRITES = 0xAA, 1 << 13 | 1 << 15, 2  # of pages nobody touched, too; just noted
PROTECT, CHECK = 1, 2  # of a scan: protect again what is found; refuse other memory
WRITTEN = 2  # a category of pages
ARGUMENT = "12Q"  # size, flags, start, end, end of the walk, regions, how many, most pages, 4 masks
WALKED, REGIONS = 4, (8, 3)
_pack, _SIZE = struct.Struct(ARGUMENT).pack, struct.calcsize(ARGUMENT)

Span = tuple[int, int]  # addresses of pages


class _Kernel:
    """Files by which a process asks about its own memory; OSError or KeyError where it cannot."""

    def __init__(self) -> None:
        import fcntl  # which Windows lacks

        self._ask, call = fcntl.ioctl, ctypes.CDLL(None, use_errno=True).syscall
        call.restype = ctypes.c_long
        flags = os.O_CLOEXEC | os.O_NONBLOCK | USER_MODE_ONLY
        self.faults = call(ctypes.c_long(CALLS[platform.machine()]), ctypes.c_int(flags))
        if self.faults < 0:
            raise OSError(ctypes.get_errno(), "userfaultfd")
        try:
            self._ask(self.faults, API, bytearray(struct.pack("3Q", VERSION, FEATURES, 0)))
            self.pages = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.close(self.faults)
            raise

    def register(self, span: Span) -> None:
        given = span[0], span[1] - span[0], WRITES, 0
        self._ask(self.faults, REGISTER, bytearray(struct.pack("4Q", *given)))

    def unregister(self, span: Span) -> None:
        self._ask(self.faults, UNREGISTER, bytearray(struct.pack("2Q", span[0], span[1] - span[0])))

    def wrote(self, span: Span, regions: Array) -> bool:
        """Whether somebody wrote there since this was last asked; ``regions``: room for answers."""
        found, (start, stop) = False, span
        while start < stop:
            argument = bytearray(_pack(
                _SIZE, PROTECT | CHECK, start, stop, 0, regions.ctypes.data, len(regions), 0, 0,
                WRITTEN, 0, WRITTEN,
            ))  # fmt: skip
            count = self._ask(self.pages, SCAN, argument)
            if count < len(regions):  # the walk came to the end
                return found or count > 0
            found, start = True, struct.unpack(ARGUMENT, argument)[WALKED]
        return found


@cache
def _kernel(process: int) -> _Kernel | None:
    """That of a process: a forked child has memory of its own, and the parent's files."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return _Kernel()
    except (OSError, KeyError, AttributeError):  # old kernels, sandboxes, other processors
        return None


def _is_private(span: Span) -> bool:
    """Whether all of it is memory of this process alone, and of no file."""
    covered = 0
    with open("/proc/self/maps") as table:
        for line in table:
            place, kinds, _, _, inode, *_ = line.split()
            start, stop = (int(end, 16) for end in place.split("-"))
            if start < span[1] and span[0] < stop and kinds[3] == "p" and inode == "0":
                covered += min(stop, span[1]) - max(start, span[0])
    return covered == span[1] - span[0]


# --- spans of pages ------------------------------------------------------------------------------


class Watch:
    """A span of whole pages of an array's memory, and how often somebody found it written to."""

    def __init__(self, lying: Array, span: Span) -> None:
        self._lying, self.span = lying, span  # memory that is nobody else's while this is alive
        self._process, self._lock, self._times = os.getpid(), threading.Lock(), 0
        kernel = _kernel(self._process)
        if kernel is None:
            raise OSError("this system keeps no track of writes")
        self._regions = np.empty(REGIONS, np.uint64)
        if not _is_private(span):
            raise OSError("the memory may be written to by other processes")
        kernel.register(span)
        self._kernel = kernel  # to end what began: others' ranges are theirs
        if self.times() is None:
            raise OSError("this system does not tell of writes")

    def times(self) -> int | None:
        """How often it was written to between two calls of this; None where nobody can tell.

        What ends the call in between leaves it counted: an interrupt, or that somebody else ended
        the watch.
        """
        if os.getpid() != self._process:
            return None
        with self._lock:
            before = self._times
            self._times += 1
            try:
                if not self._kernel.wrote(self.span, self._regions):
                    self._times = before
            except OSError:
                return None
            return self._times

    def __del__(self) -> None:
        kernel = getattr(self, "_kernel", None)
        if kernel is not None and os.getpid() == self._process:
            with suppress(OSError):
                kernel.unregister(self.span)


_watches: WeakValueDictionary[Span, Watch] = WeakValueDictionary()
_making = threading.RLock()  # two watches of the same span: the end of one ends the other


def _forget() -> None:
    """In a forked child, where no thread is left that could let go of what it holds."""
    global _making
    _making = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def watch(lying: Array) -> Watch | None:
    """A watch over the whole pages inside an array that lies in one piece.

    The one there is, for all who ask; None where there are no pages, the system keeps no track, or
    some of the pages are another's.
    """
    with _making:
        return _watch(lying, inside(lying))


def _watch(lying: Array, span: Span) -> Watch | None:
    found = _watches.get(span)
    if found is not None or span[0] >= span[1]:
        return found
    others = tuple(_watches.keys())
    if any(start < span[1] and span[0] < stop for start, stop in others):
        return None
    try:
        found = _watches[span] = Watch(lying, span)
    except OSError:
        return None
    return found


def inside(lying: Array) -> Span:
    """Addresses between which all pages are the array's alone."""
    page, start = os.sysconf("SC_PAGESIZE"), lying.ctypes.data
    return -(-start // page) * page, (start + lying.nbytes) // page * page
