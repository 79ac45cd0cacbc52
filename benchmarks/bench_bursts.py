"""What does a call cost after a pause, as users call?  asv's own timing calls back to back.

All values of a commit come from one process, in which strategies take turns, a pause between two of
them: threads that still spin for one must not share the next one's time.
"""

import time
from statistics import median, quantiles

from .common import Convolution, image, sizes, taps

PAUSES = [0, 20]  # milliseconds
STRATEGIES = ["auto", "serial", "threads", "prange"]
CASES = ["512x512 5x5", "1024x1024 7x7"]
ROUNDS, CALLS, UNTIMED = 5, 8, 3
BETWEEN = 0.05


def _planned(case, strategy):
    """With all threads that the machine lends."""
    shape, kernel = map(sizes, case.split())
    convolution = Convolution()
    convolution.use(image(shape), taps(kernel), strategy=strategy, method="auto")
    return convolution


def _microseconds(convolution, pause):
    """Times of single calls."""
    time.sleep(BETWEEN)
    for _ in range(UNTIMED):
        convolution.plan(convolution.f, out=convolution.out)
    return [_single(convolution, pause / 1e3) for _ in range(CALLS)]


def _single(convolution, pause):
    if pause:
        time.sleep(pause)
    start = time.perf_counter()
    convolution.plan(convolution.f, out=convolution.out)
    return 1e6 * (time.perf_counter() - start)


def _samples(case, pause):
    """Those of every strategy; the order swaps, so that nobody always follows the same one."""
    convolutions = {strategy: _planned(case, strategy) for strategy in STRATEGIES}
    samples = {strategy: [] for strategy in STRATEGIES}
    for turn in range(ROUNDS):
        for strategy in STRATEGIES[:: -1 if turn % 2 else 1]:
            samples[strategy] += _microseconds(convolutions[strategy], pause)
    return samples


class Bursts:
    """float32, same, mirror, reused output, all threads."""

    param_names = ("pause", "strategy", "case")
    params = (PAUSES, STRATEGIES, CASES)
    version = "1"

    def setup_cache(self):
        return {
            (pause, strategy, case): times
            for case in CASES
            for pause in PAUSES
            for strategy, times in _samples(case, pause).items()
        }

    setup_cache.timeout = 120

    def setup(self, measured, pause, strategy, case):
        self.times = measured[pause, strategy, case]

    def track_median(self, measured, pause, strategy, case):
        return median(self.times)

    track_median.unit = "us"

    def track_p95(self, measured, pause, strategy, case):
        return quantiles(self.times, n=20, method="inclusive")[-1]

    track_p95.unit = "us"
