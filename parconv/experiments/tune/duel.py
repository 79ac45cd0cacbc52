"""The default against the best that a search found, in turn: the default stays unless it loses.

Measures through the search alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .search import Search
from .settings import Setting

# The default stays unless its rival is faster by this and by twice the error of their median ratio.
LEAST_GAIN = 0.02
MEDIAN_ERROR = 1.2533 * 1.4826  # of n values: times their MAD / sqrt(n)
LEAST_DUELS = 3


@dataclass(frozen=True)
class Verdict:
    """The default against the fastest setting that could replace it, run in turn.

    ``gain`` is the median of default / rival less one, ``noise`` what it must exceed.
    """

    rival: Setting
    default_seconds: float
    rival_seconds: float
    gain: float
    noise: float

    @property
    def better(self) -> bool:
        return self.gain > self.noise

    @property
    def seconds(self) -> float:
        """Time of the setting that is to be used."""
        return self.rival_seconds if self.better else self.default_seconds

    @classmethod
    def of(
        cls, rival: Setting, default_samples: Sequence[float], samples: Sequence[float]
    ) -> "Verdict":
        """From samples taken in alternation: the first of one with the first of the other."""
        count = min(len(default_samples), len(samples))
        ours, theirs = np.array(samples[:count]), np.array(default_samples[:count])
        ratios = theirs / ours
        gain = float(np.median(ratios))
        spread = float(np.median(np.abs(ratios - gain)))
        noise = max(LEAST_GAIN, 2 * MEDIAN_ERROR * spread / math.sqrt(count))
        medians = float(np.median(theirs)), float(np.median(ours))
        return cls(rival, *medians, gain - 1, noise)


def duel(search: Search, ranking: Sequence[Setting], repeats: int) -> Verdict | None:
    """The default and its fastest rival in turn; None where there is nothing to compare."""
    rivals = [s for s in ranking if search.is_usual(s) and s != search.default]
    if not rivals:
        return None
    samples: dict[Setting, list[float]] = {search.default: [], rivals[0]: []}
    for turn in range(repeats):
        if turn >= LEAST_DUELS and search.late():
            break
        for setting in search.shuffled(samples):
            seconds = search.take(setting)
            samples[setting].extend(() if seconds is None else (seconds,))
    ours, theirs = samples.values()
    return Verdict.of(rivals[0], ours, theirs) if ours and theirs else None
