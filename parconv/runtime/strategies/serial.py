"""The calling thread alone."""

from collections.abc import Callable
from functools import partial

from .work import Arrays, Band, Work, alone

LOOK_NS = 20_000_000  # a call that takes no longer need not look at the signals amid its work


def serial(work: Work, arrays: Arrays, bands: tuple[Band, ...] | None = None) -> None:
    """Bands in order, on the calling thread."""
    try:
        own = work.spare.pop()  # at one stroke: other threads run the plan too
    except IndexError:
        own = None  # an interrupt of what makes it shall not show this error, too
    kernel, scratch = own = own or alone(work)
    for start, stop in bands or work.bands:
        kernel(*arrays, scratch, start, stop)
    work.spare.append(own)


def bound(work: Work, arrays: Arrays) -> Callable[[], object]:
    """The call ``serial(work, arrays)``, for one caller at a time: the kernel's own if possible."""
    if len(work.bands) > 1:
        return partial(serial, work, arrays)
    scratch = work.new_scratch(1)[0]
    return partial(work.kernels.serial, *arrays, scratch, *work.bands[0])


def unhelped(work: Work, arrays: Arrays) -> None:
    """Bands that were cut for several threads, on the calling one: at once where that is short."""
    serial(work, arrays, work.runs if work.terms.takes < LOOK_NS else work.bands)
