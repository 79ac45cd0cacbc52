"""Experiments of memory: pages, strides, packing, prefetching."""

import mmap
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from parconv.problem.dtypes import Array

from ..asm.cpus import host_core
from ..asm.pages import LARGE, SMALL, Sweep
from ..screen import by
from . import kernel
from .experiment import Experiment, Row, Setting, best, compared
from .kernel import Knobs

TAPS = (5, 5)
SIDE = 4100  # of the studies' large image
PITCH = 4096  # floats: rows of four whole pages, whose first lines share a set of every cache
BLOCK, PANEL = 60, 1008  # rows and columns of result that a packed copy serves
DISTANCES = (0, 1, 2, 4, 8, 16, 32, 64)
ADVICE = {SMALL: "MADV_NOHUGEPAGE", LARGE: "MADV_HUGEPAGE"}
STACK, SMALL_SIDE = 64, 516
# The second study's look-ups of 64 images of 516 x 516: 920,588 in place, 377,796 packed.  Its text
# is not at hand; both are, to the digit, what its kernel calls of 8 results need if a call has so
# many pages (it speaks of 5 to 6), and all of them are looked up once in so many calls.
STUDY_PAGES, STUDY_CALLS, STUDY_LANES = {"in place": 5.97, "packed": 2.45}, 13.6, 8


def on_pages(array: Array, page: int) -> Array:
    """A copy, of rows as far apart, in fresh memory with pages of that size if the system can."""
    pitch = array.strides[0]
    memory = mmap.mmap(-1, -(-(array.shape[0] * pitch + LARGE) // LARGE) * LARGE)
    if hasattr(mmap, ADVICE[page]):
        memory.madvise(getattr(mmap, ADVICE[page]))
    raw = np.frombuffer(memory, np.uint8)
    start = -raw.ctypes.data % LARGE
    shape = (array.shape[0], pitch // array.itemsize)
    found = raw[start : start + array.shape[0] * pitch].view(array.dtype).reshape(shape)
    found = found[:, : array.shape[1]]
    found[...] = array
    return found


def sweep(knobs: Knobs, f: Array, out: Array) -> Sweep:
    """How the study's kernel goes over them."""
    return Sweep(out.shape[0], out.shape[1] * 4, knobs.rows, f.shape[0] - out.shape[0] + 1,
                 knobs.vectors * kernel.LANES * 4, f.strides[0], out.strides[0])  # fmt: skip


def study_walks(way: str) -> int:
    """What the study predicted: a share of its kernel calls, however large the buffer is.

    Examples
    --------
    >>> study_walks("in place"), study_walks("packed")
    (920588, 377796)
    """
    calls = STACK * (SMALL_SIDE - TAPS[0] + 1) * (SMALL_SIDE - TAPS[1] + 1) // STUDY_LANES
    return round(calls * STUDY_PAGES[way] / STUDY_CALLS)


def _walks(of: Sweep, page: int, images: int = 1) -> dict[str, float]:
    """Pages a kernel call needs, and look-ups: by the model, and counted on a simulated buffer."""
    entries = host_core().second if page == SMALL else host_core().large
    return {"pages a call": of.in_flight(page), "walks, model": images * of.misses(page, entries),
            "simulated": images * of.simulated(page, entries)}  # fmt: skip


def _in_place(knobs: Knobs, f: Array, w: Array, out: Array) -> Callable[[], object]:
    return partial(kernel.compiled(knobs, TAPS), f, w, out)


def _packed(knobs: Knobs, f: Array, w: Array, out: Array) -> Callable[[], object]:
    """Blocks of the image are copied side by side before the same kernel reads them."""
    fill = kernel.compiled(knobs, TAPS)
    rows, columns = knobs.whole(BLOCK, PANEL)
    scratch = np.empty((rows + TAPS[0] - 1, columns + TAPS[1] - 1), np.float32)

    def run() -> None:
        for y in range(0, out.shape[0], rows):
            for x in range(0, out.shape[1], columns):
                part = out[y : y + rows, x : x + columns]
                need = part.shape[0] + TAPS[0] - 1, part.shape[1] + TAPS[1] - 1
                copy = scratch[: need[0], : need[1]]
                copy[...] = f[y : y + need[0], x : x + need[1]]
                fill(copy, w, part)

    return run


def _page_settings() -> list[Setting]:
    found = []
    for pitch in (0, PITCH, PITCH + 16):
        for page, name in ((SMALL, "4 KiB"), (LARGE, "2 MiB")):
            side = SIDE if not pitch else PITCH - 8  # so that the rows fit the stride
            f, w, out = kernel.arrays(Knobs(), (side, side), TAPS, pitch)
            f, out = on_pages(f, page), on_pages(out, page)
            words = f"{name}, stride {f.strides[0] // 4}"
            scale = SIDE**2 / side**2
            told = _walks(sweep(Knobs(), f, out), page)
            found.append(Setting(words, _in_place(Knobs(), f, w, out), told, scale))
    return found + _study_settings()


def _study_settings() -> list[Setting]:
    """The study's images, by a kernel call as its own: one vector of results."""
    one, found = Knobs(rows=1, vectors=1), list[Setting]()
    f, w, out = kernel.arrays(one, (SMALL_SIDE, SMALL_SIDE), TAPS)
    way = sweep(one, f, out)
    packed = float(STACK * way.packed_misses(SMALL, host_core().second, BLOCK, 4 * PANEL))
    for name, run, told in (("in place", _in_place, _walks(way, SMALL, STACK)),
                            ("packed", _packed, {"walks, model": packed})):  # fmt: skip
        words = f"{name}, {STACK} x {by((SMALL_SIDE, SMALL_SIDE))}"
        figures = {**told, "study's walks": float(study_walks(name))}
        found.append(Setting(words, run(one, f, w, out), figures, STACK))
    return found


def _conclude_pages(rows: Sequence[Row]) -> str:
    small, large, aliased, _, apart, _, study, _ = rows
    counted = [row.told for row in rows if "simulated" in row.told]
    agree = max(abs(told["walks, model"] / told["simulated"] - 1) for told in counted)
    ratio = study.told["study's walks"] / study.told["walks, model"]
    return (
        f"{compared(large, small)}; {compared(aliased, apart)}; the page model is within "
        f"{100 * agree:.0f} % of the look-ups counted on a simulated buffer; the study predicts "
        f"{ratio:.0f} times as many for its images."
    )


def _packing_settings() -> list[Setting]:
    found = []
    for side, pitch in ((SIDE, 0), (PITCH - 8, PITCH)):
        f, w, out = kernel.arrays(Knobs(), (side, side), TAPS, pitch)
        for name, way in (("in place", _in_place), ("packed", _packed)):
            told = _walks(sweep(Knobs(), f, out), SMALL) if way is _in_place else {}
            words = f"{name}, stride {f.strides[0] // 4}"
            found.append(Setting(words, way(Knobs(), f, w, out), told, SIDE**2 / side**2))
    return found + _study_settings()


def _conclude_packing(rows: Sequence[Row]) -> str:
    return "; ".join(compared(rows[n + 1], rows[n]) for n in range(0, len(rows), 2)) + "."


def _prefetch_settings() -> list[Setting]:
    f, w, out = kernel.arrays(Knobs(), (SIDE, SIDE), TAPS)
    names = {rows: f"{rows} rows ahead" if rows else "none" for rows in DISTANCES}
    return [Setting(name, _in_place(Knobs(ahead=rows), f, w, out)) for rows, name in names.items()]


def _conclude_prefetch(rows: Sequence[Row]) -> str:
    found = best(rows[1:])
    return f"{compared(found, rows[0])}; {compared(rows[-1], rows[0])}."


PAGES = Experiment(
    "size of pages, bytes between rows", "5x5 on 4100x4100 and on the study's images",
    "2 MiB against 4 KiB, 4096 floats a row against 16 more, model, count and study",
    _page_settings, _conclude_pages,
)  # fmt: skip
PACKING = Experiment(
    "pixels read in place or from a packed copy", "5x5 on 4100x4100 and on 64 images 516x516",
    "packed against in place, for each image", _packing_settings, _conclude_packing,
)  # fmt: skip
PREFETCH = Experiment(
    "rows ahead that are prefetched", "5x5 on 4100x4100, 0 to 64 rows",
    "the best distance against none", _prefetch_settings, _conclude_prefetch,
)  # fmt: skip
