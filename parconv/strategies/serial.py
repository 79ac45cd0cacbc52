"""The calling thread alone."""

from .work import Arrays, Work, kept_scratch


def serial(work: Work, arrays: Arrays) -> None:
    """Bands in order, on the calling thread; at once those between two looks at the signals."""
    scratch, kernel = kept_scratch(work, work.threads)[0], work.kernels.serial
    step, bands = max(1, work.launch // work.threads), work.bands
    for first in range(0, len(bands), step):
        last = bands[min(first + step, len(bands)) - 1]
        kernel(*arrays, scratch, bands[first][0], last[1])
