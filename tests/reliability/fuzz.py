"""What comes from outside, by target: bytes in, and nothing out but an answer or a refusal.

Run alone under atheris, which is led by the lines that a mutation reaches:
``python tests/reliability/fuzz.py png 1800``; without atheris mutations are blind.
"""

import os
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(tempfile.gettempdir()) / f"fuzz-{os.getpid()}"
REFUSALS = (ValueError, TypeError, OSError, ModuleNotFoundError)


def _picture(suffix: str) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        from parconv.images.formats import read

        path = FOLDER / f"in{suffix}"
        path.write_bytes(data)
        read(path)

    return target


def _kernel(data: bytes) -> None:
    from parconv.images.filter_text import named

    text = data.decode("latin-1")
    if any(int(run) > 999 for run in _numbers(text)):
        return  # a filter of a million taps is right, and slow
    named(text)


def _numbers(text: str) -> Iterator[str]:
    yield from "".join(c if c.isdecimal() and c.isascii() else " " for c in text).split()


def _wisdom(data: bytes) -> None:
    import parconv
    from parconv.planner import wisdom, wisdom_records

    os.environ["PARCONV_WISDOM"] = str(FOLDER / "wisdom")
    wisdom_records.from_text(data.decode("latin-1"))
    wisdom_records.entries()
    plan = parconv.plan2d(((9, 9), "float32"), ((3, 3), "float32"))
    path = wisdom._path(wisdom.place(), plan.problem, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    wisdom.recall(plan.problem, 1)


class _StopError(Exception):
    """Ends a stream amid its chunks."""


@cache
def _left() -> dict[str, bytes]:
    """The files that a stream left which was stopped after two of its chunks."""
    import parconv
    from parconv.streaming import run

    class Progress:
        def __init__(self) -> None:
            self.calls = 0

        def __call__(self, *_: Any) -> None:
            self.calls += 1
            if self.calls > 2:
                raise _StopError

    run.SETTLED = 1  # each chunk is recorded
    folder = FOLDER / "stopped"
    folder.mkdir(parents=True)
    try:
        parconv.stream(_IMAGES, _TAPS, folder / "out.npy", progress=Progress(), memory=60_000)
    except _StopError:
        return {path.name: path.read_bytes() for path in folder.iterdir()}
    raise AssertionError("the stream was not stopped")


_IMAGES = np.random.default_rng(5).random((40, 30, 40), np.float32)
_TAPS = np.ones((3, 3), np.float32)


def _journal(data: bytes) -> None:
    """A damaged journal beside what a stream had written: the next one is right all the same."""
    import parconv

    folder = FOLDER / "again"
    folder.mkdir(exist_ok=True)
    for name, content in _left().items():
        (folder / name).write_bytes(data if name.endswith(".progress") else content)
    parconv.stream(_IMAGES, _TAPS, folder / "out.npy", memory=60_000)
    assert np.array_equal(np.load(folder / "out.npy"), parconv.conv2d(_IMAGES, _TAPS))
    for path in folder.iterdir():
        path.unlink()


def _array(data: bytes) -> None:
    import parconv

    path = FOLDER / "source.npy"
    path.write_bytes(data)
    if path.stat().st_size < 1 << 20:
        parconv.stream(path, np.ones((1, 1)), FOLDER / "copy.npy")


def _made(save: Callable[[Any], object]) -> bytes:
    file = BytesIO()
    save(file)
    return file.getvalue()


def _seeds(kind: str) -> list[bytes]:
    """Whole files, which mutations begin with."""
    from PIL import Image

    pixels = np.arange(12 * 10, dtype=np.uint8).reshape(12, 10)
    colour = np.stack([pixels] * 3, axis=-1)
    if kind in ("PNG", "JPEG"):
        return [
            _made(lambda file, x=x: Image.fromarray(x).save(file, kind)) for x in (pixels, colour)
        ]
    if kind == "TIFF":
        import tifffile

        words: tuple[dict[str, Any], ...] = (
            {}, {"tile": (16, 16)}, {"compression": "deflate"}, {"bigtiff": True}, {"imagej": True},
        )  # fmt: skip
        return [_made(lambda file, w=w: tifffile.imwrite(file, pixels, **w)) for w in words]
    images = pixels, colour, pixels.astype("f4")[None], np.asfortranarray(pixels), pixels > 7
    return [_made(lambda file, x=x: np.save(file, x)) for x in images]


TEXTS = (b"gaussian:2", b"box:5", b"random:15", b"sobel-x", b"[[1, 0, -1]]", b"[[1.5e3, -2j]]",
         b"gaussian:1e2", b"mean:3", b"[[1], [2, 3]]", b"x.npy")  # fmt: skip
EXPORT = b'{"format": "parconv wisdom 1", "entries": [{"name": "a", "record": {"problem": "x", "threads": 1, "wisdom": {}, "fingerprint": "y", "spread": 0.1}}]}'  # noqa: E501
TARGETS: dict[str, tuple[Callable[[bytes], None], Callable[[], list[bytes]]]] = {
    "png": (_picture(".png"), lambda: _seeds("PNG")),
    "jpeg": (_picture(".jpg"), lambda: _seeds("JPEG")),
    "tiff": (_picture(".tif"), lambda: _seeds("TIFF")),
    "npy": (_picture(".npy"), lambda: _seeds("NPY")),
    "source": (_array, lambda: _seeds("NPY")),
    "kernel": (_kernel, lambda: list(TEXTS)),
    "wisdom": (_wisdom, lambda: [EXPORT, b"{}", b"[]"]),
    "journal": (_journal, lambda: [x for name, x in _left().items() if "progress" in name]),
}


def attempt(name: str, data: bytes) -> bool:
    """Whether it was taken; every exception but a refusal is a fault, and goes on."""
    FOLDER.mkdir(exist_ok=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            TARGETS[name][0](data)
    except REFUSALS as error:
        if not str(error):
            raise AssertionError(f"{type(error).__name__} without a word") from error
        return False
    return True


def mutated(rng: random.Random, seeds: list[bytes]) -> bytes:
    """A whole file in which a few bytes were changed, cut, doubled or put in."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice([1, 1, 2, 4, 9])):
        at, size = rng.randrange(len(data) + 1), rng.choice([1, 1, 2, 4, 30])
        change = rng.randrange(5)
        if change == 0:
            data[at : at + size] = rng.randbytes(size)
        elif change == 1:
            del data[at : at + size]
        elif change == 2:
            data[at:at] = data[at : at + size]
        elif change == 3:
            data[at:at] = rng.choice([b"\xff" * 4, b"\0" * 4, b"\x7f", b"9" * 30, b"[" * 99, b'"'])
        elif at < len(data):
            data[at] ^= 1 << rng.randrange(8)
    return bytes(data)


def blindly(name: str, amount: int, seed: int = 0, until: float = float("inf")) -> tuple[int, int]:
    """So many mutations; how many were tried, and taken."""
    rng, seeds, taken = random.Random(seed), TARGETS[name][1](), 0
    for count in range(amount):
        if time.monotonic() > until:
            return count, taken
        data = mutated(rng, seeds)
        try:
            taken += attempt(name, data)
        except BaseException as error:
            raise AssertionError(f"{name}: {data!r}") from error
    return amount, taken


def main(name: str, seconds: int) -> None:
    try:
        import atheris
    except ModuleNotFoundError:
        print(blindly(name, sys.maxsize, int(time.time()), time.monotonic() + seconds)[0])
        return
    with atheris.instrument_imports(include=["parconv.images", "parconv.streaming", "tifffile"]):
        pass
    corpus = FOLDER / "corpus"
    corpus.mkdir(parents=True)
    for number, seed in enumerate(TARGETS[name][1]()):
        (corpus / str(number)).write_bytes(seed)
    words = [f"-max_total_time={seconds}", "-timeout=60", "-rss_limit_mb=4096", "-verbosity=0"]
    atheris.Setup(
        [sys.argv[0], *words, "-print_final_stats=1", str(corpus)], lambda data: attempt(name, data)
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
