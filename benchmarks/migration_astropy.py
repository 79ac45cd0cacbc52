"""``python -m benchmarks.migration_astropy``: astropy's calls, and the same by parconv.compat.

Prints rows of the table in docs/migration.md, after a look at whether the results agree.
"""

import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

PAUSE, ROUNDS = 0.005, 9  # seconds between calls, so that spinning threads are at rest


class Case(NamedTuple):
    """A call: its name, its arguments and what is told of them."""

    name: str
    told: str
    arguments: tuple[Any, ...]
    words: dict[str, Any] = {}  # noqa: RUF012 (nobody writes it)


def cases(gaussian: Any) -> Iterator[Case]:
    """Images, a volume and a spectrum of which 5 % are missing."""
    rng = np.random.default_rng(0)
    whole, volume, line = (rng.random(shape) for shape in ((1024, 1024), (64, 128, 128), 1_000_000))
    mask, g = rng.random(whole.shape) < 0.05, rng.random((7, 7))
    holed = np.where(mask, np.nan, whole)
    for array in (volume, line):
        array[rng.random(array.shape) < 0.05] = np.nan
    yield Case("convolve", "1024², 7 × 7, 5 % NaN", (holed, g))
    yield Case("convolve", "1024², 7 × 7, no NaN", (whole, g))
    yield Case("convolve", "1024², 7 × 7, 5 % masked", (whole, g), {"mask": mask})
    yield Case("convolve", "1024², Gaussian2DKernel(2), 5 % NaN", (holed, gaussian))
    yield Case("convolve", "64 × 128², 5 × 5 × 5, 5 % NaN", (volume, rng.random((5, 5, 5))))
    yield Case("convolve", "1,000,000, 31, 5 % NaN", (line, rng.random(31)))
    yield Case("convolve_fft", "1024², 7 × 7, 5 % NaN", (holed, g))
    yield Case("convolve_fft", "1024², 101 × 101, 5 % NaN", (holed, rng.random((101, 101))))
    yield Case("interpolate_replace_nans", "1024², 7 × 7, 5 % NaN", (holed, g))


def seconds(call: Callable[[], Any]) -> float:
    """Of one call after a pause."""
    time.sleep(PAUSE)
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(case: Case, modules: Sequence[Any]) -> tuple[float, float]:
    """Medians of theirs and ours, taken in turns; AssertionError where results differ."""
    calls = [
        partial(getattr(module, case.name), *case.arguments, **case.words) for module in modules
    ]
    right, found = (call() for call in calls)
    np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-12)
    del right, found
    times = [[seconds(call) for call in calls] for _ in range(ROUNDS)]
    first, second = (statistics.median(column) for column in zip(*times, strict=True))
    return first, second


def main() -> None:
    """A row for each case."""
    import astropy.convolution as theirs

    from parconv.compat import astropy as ours

    warnings.simplefilter("ignore")
    print("| call | on float64 | astropy | parconv | times as fast |\n|---|---|---|---|---|")
    for case in cases(theirs.Gaussian2DKernel(2)):
        peer, own = (1e3 * each for each in measure(case, (theirs, ours)))
        row = f"`{case.name}` | {case.told} | {peer:.0f} | {own:.1f} | {peer / own:.1f}"
        print(f"| {row} |", flush=True)


if __name__ == "__main__":
    main()
