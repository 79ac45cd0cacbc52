"""Rates: what a pixel costs, what threads lose, and how near the limit a call stays.

All values of a commit come from one process, in which thread counts take turns.  asv calls every
rise a regression, so the rates that should rise are only shown (`asv.conf.json` says which).
"""

import math
from statistics import median
from time import perf_counter

from .common import BIG, FILTERS, THREADS, Convolution, require_threads, sizes

ROUNDS = 7
NEVER = math.nan  # what asv shows as a gap
PIXELS = math.prod(BIG)


def _usable(threads):
    try:
        require_threads(threads)
    except NotImplementedError:
        return False
    return True


def _seconds(convolution):
    start = perf_counter()
    convolution.plan(convolution.f, out=convolution.out)
    return perf_counter() - start


def _medians(kernel, counts):
    """Seconds of each thread count; they take turns, for the clock of a shared machine drifts."""
    convolutions = {threads: Convolution() for threads in counts}
    for threads, convolution in convolutions.items():
        convolution.prepare(BIG, kernel, threads=threads)
    samples = {threads: [] for threads in counts}
    for _ in range(ROUNDS):
        for threads, convolution in convolutions.items():
            convolution.plan(convolution.f, out=convolution.out)  # warm after the other's turn
            samples[threads].append(_seconds(convolution))
    return {threads: median(times) for threads, times in samples.items()}


def _rates(threads):
    """FMA peak and stream bandwidth in 1e9 a second; NaN on commits that cannot measure them."""
    try:
        from parconv.experiments import ceilings

        found = ceilings.measure(threads)
        return found.gflops32, found.gbytes
    except (ImportError, AttributeError):
        return NEVER, NEVER


class Rates:
    """4096 x 4096 float32, same, mirror, reused output."""

    param_names = ("threads", "filter")
    params = (THREADS, FILTERS)
    version = "1"

    def setup_cache(self):
        counts = [threads for threads in THREADS if _usable(threads)]
        seconds = {kernel: _medians(kernel, counts) for kernel in FILTERS}
        return seconds, {threads: _rates(threads) for threads in counts}

    setup_cache.timeout = 120

    def setup(self, measured, threads, kernel):
        if threads not in measured[1]:
            raise NotImplementedError(f"{threads} threads need {threads} cores")
        seconds, rates = measured
        self.serial, self.seconds = seconds[kernel][1], seconds[kernel][threads]
        self.gflops, self.gbytes = rates[threads]
        self.flops = 2 * math.prod(sizes(kernel)) * PIXELS

    def track_ns_per_pixel(self, measured, threads, kernel):
        return 1e9 * self.seconds / PIXELS

    track_ns_per_pixel.unit = "ns"

    def track_inefficiency(self, measured, threads, kernel):
        """Percent of the threads' time that is lost: 100 (1 - speed-up / threads)."""
        return 100 * (1 - self.serial / self.seconds / threads)

    track_inefficiency.unit = "%"

    def track_gflops(self, measured, threads, kernel):
        return self.flops / self.seconds / 1e9

    track_gflops.unit = "GFLOP/s"

    def track_percent_of_limit(self, measured, threads, kernel):
        limit = max(self.flops / self.gflops, 2 * 4 * PIXELS / self.gbytes) / 1e9
        return 100 * limit / self.seconds

    track_percent_of_limit.unit = "%"
