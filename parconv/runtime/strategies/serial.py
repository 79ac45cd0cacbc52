"""The calling thread alone."""

from .work import Arrays, Band, Work, kept_scratch

LOOK_NS = 20_000_000  # a call that takes no longer need not look at the signals amid its work


def serial(work: Work, arrays: Arrays, bands: tuple[Band, ...] | None = None) -> None:
    """Bands in order, on the calling thread."""
    kernel, scratch = work.kernels.serial, kept_scratch(work, work.threads)[0]
    for start, stop in bands or work.bands:
        kernel(*arrays, scratch, start, stop)


def unhelped(work: Work, arrays: Arrays) -> None:
    """Bands that were cut for several threads, on the calling one: at once where that is short."""
    serial(work, arrays, work.runs if work.terms.takes < LOOK_NS else work.bands)
