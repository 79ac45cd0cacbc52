"""The calling thread alone."""

from .work import Arrays, Work, kept_scratch


def serial(work: Work, arrays: Arrays) -> None:
    """Bands in order, on the calling thread."""
    scratch, kernel = kept_scratch(work, 1)[0], work.kernels.serial
    for start, stop in work.bands:
        kernel(*arrays, scratch, start, stop)
