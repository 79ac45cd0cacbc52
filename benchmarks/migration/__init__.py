"""``python -m benchmarks.migration PEER``: a library's calls, and the same by `parconv.compat`.

Each peer's module is a list of calls; results are compared before anything is timed.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

PAUSE, ROUNDS = 0.005, 9  # seconds between calls, so that spinning threads are at rest


class Case(NamedTuple):
    """A call: its name, what is told of its arguments, and those.

    ``within`` is what results may differ by, as a part of the largest; ``units`` of integers.
    """

    name: str
    told: str
    arguments: tuple[Any, ...]
    words: dict[str, Any] = {}  # noqa: RUF012 (nobody writes it)
    within: float = 1e-9
    units: int = 0


class Library(NamedTuple):
    """A library: the module that has its calls, ours of the same names, and where they are listed.

    ``called`` is what people call it.
    """

    called: str
    theirs: str
    ours: str
    cases: str

    def listed(self) -> Iterator[Case]:
        """Its calls."""
        return import_module(f"{__name__}.{self.cases}").cases()  # type: ignore[no-any-return]


LIBRARIES = {
    "ndimage": Library("scipy.ndimage", "scipy.ndimage", "parconv.compat.ndimage", "ndimage"),
    "signal": Library("scipy.signal", "scipy.signal", "parconv.compat.signal", "signal"),
    "skimage": Library("skimage", "skimage.filters", "parconv.compat.skimage", "skimage"),
    "opencv": Library("OpenCV", "cv2", "parconv.compat.opencv", "opencv"),
    "torch": Library("torch", "torch.nn.functional", "parconv.compat.torch", "torch"),
    "astropy": Library("astropy", "astropy.convolution", "parconv.compat.astropy", "astropy"),
}


def rows(name: str) -> Iterator[str]:
    """A table of one library's calls, line by line."""
    library = LIBRARIES[name]
    yield f"| call | on | {library.called} | parconv | ratio |\n|---|---|---|---|---|"
    for case in library.listed():
        peer, own = (1e3 * each for each in measure(case, library))
        times = f"{shown(peer)} | {shown(own)} | {peer / own:.1f}"
        yield f"| `{case.name}` | {case.told} | {times} |"


def shown(milliseconds: float) -> str:
    """Two digits, or as many as come before the point."""
    places = 2 if milliseconds < 1 else 1 if milliseconds < 10 else 0
    return f"{milliseconds:.{places}f}"


def measure(case: Case, library: Library) -> tuple[float, float]:
    """Medians of theirs and ours, taken in turns; AssertionError where results differ."""
    theirs, ours = calls(case, library)
    check(case, theirs(), ours())
    times = [[seconds(call) for call in (theirs, ours)] for _ in range(ROUNDS)]
    first, second = (statistics.median(column) for column in zip(*times, strict=True))
    return first, second


def calls(case: Case, library: Library) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The same call, theirs and ours."""
    theirs, ours = (
        partial(getattr(import_module(module), case.name), *case.arguments, **case.words)
        for module in (library.theirs, library.ours)
    )
    return theirs, ours


def check(case: Case, right: Any, found: Any) -> None:
    """AssertionError where results differ by more than the case allows."""
    right, found = np.asarray(right), np.asarray(found)
    assert found.shape == right.shape, f"{case.name}: shape {found.shape}, not {right.shape}"
    assert found.dtype == right.dtype, f"{case.name}: dtype {found.dtype}, not {right.dtype}"
    largest = float(np.nanmax(np.abs(right.astype(found.dtype)), initial=0))
    allowed = case.units if found.dtype.kind in "iu" else case.within * largest
    wide = np.int64 if found.dtype.kind in "iu" else found.dtype
    np.testing.assert_allclose(
        found.astype(wide), right.astype(wide), rtol=0, atol=allowed, err_msg=case.told
    )


def seconds(call: Callable[[], Any]) -> float:
    """Of one call after a pause."""
    time.sleep(PAUSE)
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
