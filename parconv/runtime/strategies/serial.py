"""The calling thread alone."""

from .work import Arrays, Work, kept_scratch

LOOK_NS = 20_000_000  # a call that takes no longer need not look at the signals amid its work


def serial(work: Work, arrays: Arrays) -> None:
    """Bands in order, on the calling thread."""
    _fill(work, arrays, work.bands)


def unhelped(work: Work, arrays: Arrays) -> None:
    """Bands that were cut for several threads, on the calling one: at once where that is short."""
    _fill(work, arrays, work.runs if work.terms.takes < LOOK_NS else work.bands)


def _fill(work: Work, arrays: Arrays, bands: tuple[tuple[int, int], ...]) -> None:
    scratch, kernel = kept_scratch(work, work.threads)[0], work.kernels.serial
    for start, stop in bands:
        kernel(*arrays, scratch, start, stop)
