"""Everything that is decided before a kernel runs, for questions of every kind, as lines of text.

What methods are thought to cost, which one ``auto`` takes, how the work is cut among threads, how
much memory that takes and what a kernel is told of tiles and of places in its scratch (a checksum
of it) depend on the vector unit alone.  `test_decisions.py` runs this once for
each kind of unit and compares the lines with those that were kept; after a change of a constant,
``python tests/decisions/questions.py`` keeps the new ones, and the difference shows what it moved.
Hardly anything is compiled, so it takes seconds.
"""

import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
PROCESSORS = {"AVX-512": "icelake-server", "AVX2": "haswell", "SSE": "nehalem"}
THREADS = 1, 8
ADDRESSES = 1 << 40  # at least, of what a layout names: a library's products
Question = tuple[str, tuple[int, ...], str, Any, dict[str, Any]]


def gaussian(taps: int) -> Any:
    bell = np.exp(-0.5 * (np.linspace(-4, 4, taps) ** 2))
    return (np.outer(bell, bell) / bell.sum() ** 2).astype(np.float32)


def dense(*shape: int) -> Any:
    return np.random.default_rng(shape).random(shape).astype(np.float32)


def product(taps: int) -> Any:
    return np.outer(dense(taps), dense(taps + 1)[1:])


FILTERS: dict[str, Any] = {
    "dense 3": dense(3, 3), "dense 7": dense(7, 7), "dense 15": dense(15, 15),
    "dense 31": dense(31, 31), "4x9": dense(4, 9), "1x9": dense(1, 9), "9x1": dense(9, 1),
    "product 9": product(9), "gaussian 5": gaussian(5), "gaussian 17": gaussian(17),
    "gaussian 61": gaussian(61), "box 3": np.ones((3, 3), np.int8),
    "box 15": np.ones((15, 15), np.int8), "box 31": np.ones((31, 31), np.int8),
    "sobel": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.int8),
    "bytes 5": np.arange(-12, 13, dtype=np.int8).reshape(5, 5), "61x3": dense(61, 3),
}  # fmt: skip
SIZES = (28, 28), (150, 201), (517, 1023), (2048, 2048), (64, 5000)
TYPES = "f4", "u1", "f8", "u2", "i2", "i4", "c8"
WORDS: tuple[dict[str, Any], ...] = (
    {}, {"boundary": "mirror"}, {"mode": "valid"}, {"boundary": "wrap"}, {"stride": 2},
    {"boundary": "edge", "dtype": "f4"}, {"tolerance": 1e-4},
)  # fmt: skip
MISSING: tuple[dict[str, Any], ...] = (
    {"nan_policy": "omit"}, {"where": True}, {"weights": True}, {"nan_policy": "raise"},
)  # fmt: skip


def images() -> Iterator[Question]:
    """Each filter with each type, in sizes and with words by turns."""
    n = 0
    for name, g in FILTERS.items():
        for dtype in TYPES:
            n += 1
            shape, words = SIZES[n % len(SIZES)], dict(WORDS[n % len(WORDS)])
            if n % 6 == 0:
                shape, words["axes"] = (*shape, 3), (0, 1)
            elif n % 6 == 3:
                shape = (4, *shape)
            if np.dtype(dtype).kind != "f":
                words.pop("tolerance", None)
            if np.dtype(dtype).kind == "c":
                words.pop("dtype", None)
            yield name, shape, dtype, g, {"mode": "same", **words}


def holes() -> Iterator[Question]:
    """Images of which pixels are missing."""
    means = {name: g for name, g in FILTERS.items() if name not in ("sobel", "bytes 5")}
    for n, (name, g) in enumerate(means.items()):
        for m, words in enumerate(MISSING):
            shape = SIZES[(n + m) % len(SIZES)]
            arrays = {
                word: np.ones(shape, bool if word == "where" else np.float32)
                for word in words
                if word in ("where", "weights")
            }
            dtype = ("f4", "f8")[(n + m) % 2]
            yield name, shape, dtype, g, {"mode": "same", "boundary": "edge", **words, **arrays}


SHAPES = (  # images, channels, rows, columns, filters, taps, words
    (8, 64, 56, 56, 64, 3, {}), (1, 3, 224, 224, 64, 7, {"stride": 2}),
    (32, 128, 28, 28, 128, 3, {}), (4, 256, 14, 14, 64, 1, {}), (2, 17, 33, 35, 5, 3, {}),
    (1, 512, 7, 7, 512, 3, {}), (16, 32, 40, 41, 48, 5, {"dilation": 2}),
    (1, 1, 300, 300, 8, 5, {}), (3, 266, 30, 36, 8, 1, {}),
    (8, 96, 56, 56, 96, 3, {"groups": 96}), (1, 40, 9, 10, 80, 5, {"groups": 40, "stride": 2}),
    (2, 24, 60, 62, 24, 3, {"groups": 24, "dilation": 2}), (4, 64, 28, 28, 32, 3, {"groups": 4}),
    (1, 2, 900, 700, 3, 15, {}), (64, 1, 28, 28, 32, 5, {}), (1, 8, 20, 21, 100, 1, {}),
    (8, 4, 60, 61, 100, 1, {}), (2, 64, 21, 33, 10, 3, {}), (8, 8, 90, 91, 100, 1, {}),
    (1, 30, 9, 10, 20, 1, {}), (2, 1, 30, 31, 24, 1, {}),
    (2, 24, 60, 62, 24, 3, {"groups": 24, "dilation": 2, "stride": 2}),
    (256, 32, 5, 6, 48, 3, {}), (4, 3, 41, 42, 6, 3, {"groups": 3}),
)  # fmt: skip


def layers() -> Iterator[Question]:
    """Channels first and last, in the types that networks have."""
    for n, (count, channels, rows, columns, filters, taps, words) in enumerate(SHAPES):
        for last in (False, True):
            dtype = ("f4", "f4", "f8", "i2", "u1")[(2 * n + last) % 5]
            shape = (count, rows, columns, channels) if last else (count, channels, rows, columns)
            g = dense(filters, channels // words.get("groups", 1), taps, taps)
            g = g if dtype[0] == "f" else (9 * g).astype(np.int8)
            axes = {"axes": (1, 2)} if last else {}
            kinds = {"padding": taps // 2, "correlate": True, **axes, **words}
            yield f"{filters} of {taps}x{taps}", shape, dtype, g, kinds


def complexes() -> Iterator[Question]:
    """Layers of which images, filters or both are complex."""
    for image, taps in ("c8", "f4"), ("f4", "c8"), ("c8", "c8"):
        words = {"padding": 1, "correlate": True}
        yield f"2 of 3x3 {taps}", (3, 6, 40, 41), image, dense(2, 6, 3, 3).astype(taps), words


VOLUMES: dict[str, tuple[tuple[int, ...], str, Any, dict[str, Any]]] = {
    "3x3x3": ((40, 50, 60), "f4", dense(3, 3, 3), {"mode": "same"}),
    "box of 5x5x5": ((64, 70, 66), "u1", np.ones((5, 5, 5), np.int8), {"boundary": "edge"}),
    "product": ((30, 200, 210), "f4", product(5) * dense(7, 1, 1), {"mode": "full"}),
    "large product": (
        (64, 900, 1000), "f4", np.outer(dense(5), dense(3)) * dense(9, 1, 1), {"mode": "same"}
    ),
    "every second": ((41, 52, 63), "f8", dense(4, 3, 5), {"stride": (2, 1, 2)}),
    "without NaN": ((64, 80, 90), "f4", dense(3, 4, 5), {"nan_policy": "omit", "mode": "same"}),
    "box without NaN": ((64, 80, 90), "f4", np.ones((3, 3, 3)), {"nan_policy": "omit"}),
}  # fmt: skip


def volumes() -> Iterator[str]:
    """Lines of plans over three axes."""
    import parconv

    for name, (shape, dtype, g, words) in VOLUMES.items():
        for threads in THREADS:
            asked = {"axes": (0, 1, 2), "threads": threads, **words}
            plan = parconv.plan2d((shape, dtype), g, **asked)
            yield f"{name}: {threads} of {plan}, {plan.workspace} bytes"


def decided(question: Question, threads: int) -> Any:
    """The plan, whose filter is not prepared."""
    from parconv.planner.answers import decide
    from parconv.problem.filter import filter_of
    from parconv.problem.missing import brings, without_arrays
    from parconv.problem.question import Question as Asked

    _, shape, dtype, g, words = question
    keywords = without_arrays(words, shape)[0] if brings(words) else dict(words)
    correlate = keywords.pop("correlate", False)
    found = filter_of(g)
    asked = Asked.of({**keywords, "threads": threads}, correlate)
    return decide((shape, np.dtype(dtype)), (g.shape, g.dtype), found.found, asked)


def lines(question: Question) -> Iterator[str]:
    """What is decided for one."""
    from parconv.planner.stages import stages

    name, shape, dtype, _, words = question
    told = {word: "given" if isinstance(v, np.ndarray) else v for word, v in words.items()}
    texts = ", ".join(f"{word}={value}" for word, value in sorted(told.items()))
    yield f"{name}, {'x'.join(map(str, shape))} {dtype}, {texts}"
    for threads in THREADS:
        plan = decided(question, threads)
        sizes = [stop - start for start, stop in plan.bands]
        yield (
            f"  {threads} of {plan.method}: {plan.strategy} by {plan.threads}, {len(sizes)} "
            f"bands of {min(sizes)} to {max(sizes)}, {plan.launch} a launch, "
            f"{plan.workspace} bytes"
        )
    for method, stage in stages(plan.problem).items():
        if stage.refusal is None:
            asked = ", if asked" if stage.unasked else ""
            scratch, numbers = stage.workspace(plan.bands), stage.layout(plan.bands)
            numbers = np.where(abs(numbers) < ADDRESSES, numbers, 0)
            yield (
                f"    {method} costs {stage.cost:.3g}{asked}, scratch of {scratch}, "
                f"layout {zlib.crc32(numbers.tobytes()):x}"
            )


def _as_it_is(kernels: Any, layout: Any) -> Any:
    """Without the addresses of what reads the image and writes the result."""
    return layout


def text() -> str:
    """All of it, for this process's vector unit."""
    from parconv.methods.kernels import Kernels
    from parconv.runtime import budget

    budget.usable_threads = int  # wherever it runs, as many cores as are asked for
    Kernels.address = 0  # of compiled code, which no decision depends on
    Kernels.told = _as_it_is
    every = [*images(), *holes(), *layers(), *complexes()]
    planes = (line for question in every for line in lines(question))
    return "".join(f"{line}\n" for line in (*planes, *volumes()))


def told(processor: str) -> str:
    """All of it, for another."""
    env = {**os.environ, "NUMBA_CPU_NAME": processor, "PARCONV_WISDOM": "off"}
    env["PYTHONPATH"] = str(HERE.parent.parent)
    env.pop("NUMBA_CPU_FEATURES", None)
    done = subprocess.run(
        [sys.executable, __file__, "-"], env=env, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    return done.stdout


if __name__ == "__main__":
    if sys.argv[1:] == ["-"]:
        sys.stdout.write(text())
    else:
        for unit, processor in PROCESSORS.items():
            (HERE / f"{unit}.txt").write_text(told(processor))
