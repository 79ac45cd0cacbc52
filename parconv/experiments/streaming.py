"""What a stream costs beside the same bytes read and written in a plain loop, under a limit.

Both run in processes of their own, in turns.  The plain loop has blocks as large as a chunk, and
like a stream it waits until each lies on the device and has the system keep no copy, so the two
differ in what overlaps and in the convolution.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import parconv
from parconv.streaming import files, rates
from parconv.streaming.stores import store_of

from . import processes
from .screen import Announce, silent

MODULE = "parconv.experiments.streaming"  # not __name__, which is __main__ in a child
SIDE = 1024  # of an image
KEYWORDS: dict[str, Any] = {"mode": "same", "boundary": "mirror"}
PLAIN = ".npy"
SPARE = 1 << 30  # bytes to leave free on the disk
WAYS = ("plain", "stream")
DROP = "POSIX_FADV_DONTNEED"  # from what the system keeps of a file in memory

Record = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """Every round of both ways: ``seconds``, ``read`` and ``write`` (plain), ``peak`` in bytes."""

    nbytes: int
    memory: int
    limit: int
    enforced: bool
    rounds: dict[str, list[Record]]
    store: str = PLAIN

    def seconds(self, way: str, what: str = "seconds") -> float:
        """The median of the rounds."""
        return float(median(found[what] for found in self.rounds[way]))

    @property
    def ratio(self) -> float:
        """How many times as long a stream takes as the plain loop."""
        return self.seconds("stream") / self.seconds("plain")

    @property
    def peak(self) -> int:
        """Bytes that the streaming process held at most, its libraries included; 0: unknown."""
        return max(found["peak"] or 0 for found in self.rounds["stream"])

    def to_json(self) -> Record:
        from .race.report import machine_facts

        return {
            "machine": machine_facts(),
            "what": f"{self.nbytes} bytes in and as many out, 5x5 float32, same, mirror",
            "store": self.store,
            "memory": self.memory,
            "limit": self.limit,
            "limit enforced by": "RLIMIT_DATA" if self.enforced else None,
            "medians": {way: self.seconds(way) for way in WAYS},
            "ratio": self.ratio,
            "peak": self.peak,
            "rounds": self.rounds,
        }


def measure(
    nbytes: int, memory: int, limit: int, folder: Path | None = None, rounds: int = 3,
    announce: Announce = silent, store: str = PLAIN,
) -> Found:  # fmt: skip
    """Stream ``nbytes`` of float32 images through a 5x5 filter, beside the plain loop.

    Parameters
    ----------
    nbytes : int
        Size of the source, and of the result.
    memory : int
        Bytes that the stream's buffers may take.
    limit : int
        Bytes that the process may allocate in all, enforced where the system can (RLIMIT_DATA).
    folder : Path, optional
        Where the files go for the time being; by default where temporary files go.
    rounds : int
        How often each way is timed; medians count.
    announce : callable
        Told what runs next, the steps done, and their number.
    store : str
        The format that the stream reads and writes, by its suffix; the plain loop has .npy files.
    """
    if not store.startswith(".") or (store != PLAIN and store_of(f"f{store}") is None):
        raise ValueError(f"store={store!r}: pass the suffix of a format, such as .zarr")
    images = nbytes // (4 * SIDE * SIDE)
    if images < 1 or rounds < 1:
        raise ValueError(f"{nbytes} bytes and {rounds} rounds: at least 4 MiB and one, please")
    with tempfile.TemporaryDirectory(prefix="parconv-stream-", dir=folder) as name:
        place = Path(name)
        _check_space(place, (2 if store == PLAIN else 4) * nbytes)
        announce("making the images", 0, 2 * rounds + 1)
        _make(place / "f.npy", images)
        if store != PLAIN:
            _copy(place / "f.npy", place / f"f{store}")
        found: dict[str, list[Record]] = {way: [] for way in WAYS}
        for done in range(2 * rounds):
            way = WAYS[done % 2]
            announce(way, done + 1, 2 * rounds + 1)
            found[way].append(_child(way, place, memory, limit, PLAIN if way == "plain" else store))
        if store != PLAIN:
            _copy(place / f"out{store}", place / "out.npy")
        _check(place)
    result = Found(nbytes, memory, limit, found["stream"][0]["enforced"], found, store)
    size = images * 4 * SIDE * SIDE
    rates.remember(
        rates.Rates(size / result.seconds("plain", "read"), size / result.seconds("plain", "write"))
    )
    return result


def _check_space(place: Path, nbytes: int) -> None:
    free = shutil.disk_usage(place).free
    if free < nbytes + SPARE:
        raise OSError(f"{place.parent} has {free:,} bytes free, {nbytes + SPARE:,} are needed")


def _make(path: Path, images: int) -> None:
    rng = np.random.default_rng(1)
    content = {"descr": "<f4", "fortran_order": False, "shape": (images, SIDE, SIDE)}
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, content)
        for _ in range(images):
            rng.random((SIDE, SIDE), np.float32).tofile(file)


def _copy(source: Path, target: Path) -> None:
    """The same pixels in another format, a filter of one tap."""
    parconv.stream(source, np.ones((1, 1), np.float32), target)


def _taps() -> Any:
    return np.random.default_rng(2).random((5, 5), np.float32)


def _check(place: Path) -> None:
    """Compare the first, the middle and the last result with `conv2d`."""
    f, result = (np.load(place / f"{name}.npy", mmap_mode="r") for name in ("f", "out"))
    for at in {0, len(f) // 2, len(f) - 1}:
        if (result[at] != parconv.conv2d(f[at], _taps(), **KEYWORDS)).any():
            raise ArithmeticError(f"image {at} of the stream is wrong")


# --- in a process of its own ---------------------------------------------------------------------


def _child(way: str, place: Path, memory: int, limit: int, store: str) -> Record:
    done = processes.run(MODULE, [way, str(place), memory, limit, store])
    processes.check_status(way, done.returncode, done.stderr)
    answer: Record = json.loads(done.stdout)
    return answer


def _main(way: str, place: str, memory: int, limit: int, store: str) -> Record:
    enforced = _limit(limit)
    folder, g = Path(place), _taps()
    source, out = folder / f"f{store}", folder / f"out{store}"
    plan = parconv.plan_stream(source, g, memory=memory, **KEYWORDS)
    next(iter(parconv.stream([np.zeros((SIDE, SIDE), np.float32)], g, **KEYWORDS)))  # compiles
    _remove(out)
    for file in [source, *source.rglob("*")]:
        if file.is_file():
            _forget(file)
    start = time.perf_counter()
    if way == "plain":
        found = _plain(folder, plan.bytes_in // (plan.number or 1))
    else:
        parconv.stream(source, g, out, memory=memory, **KEYWORDS)
        found = {}
    return {**found, "seconds": time.perf_counter() - start, "peak": _peak(), "enforced": enforced}


def _limit(nbytes: int) -> bool:
    """Whether the system refuses this process more memory than that."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (nbytes, nbytes))
        return sys.platform == "linux"  # others do not count what is mapped
    return False


def _peak() -> int | None:
    """Bytes this process held at most; ``ru_maxrss`` would count its parent's too."""
    with suppress(OSError), open("/proc/self/status", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _forget(path: Path) -> None:
    """Have the system read the file from the device the next time."""
    with open(path, "rb", buffering=0) as file:
        os.fsync(file.fileno())
        files.advise(file, DROP, 0, 0)


def _plain(folder: Path, block: int) -> dict[str, float]:
    """Read a block, write it, until there is none; seconds of either."""
    buffer, at, times = np.empty(block, np.uint8).data, 0, {"read": 0.0, "write": 0.0}
    with (
        open(folder / "f.npy", "rb", buffering=0) as source,
        open(folder / "out.npy", "wb", buffering=0) as target,
    ):
        while True:
            start = time.perf_counter()
            count = source.readinto(buffer)
            files.advise(source, DROP, at, count)
            middle = time.perf_counter()
            if not count:
                return times
            target.write(buffer[:count])
            os.fsync(target.fileno())
            files.advise(target, DROP, at, count)
            times["read"] += middle - start
            times["write"] += time.perf_counter() - middle
            at += count


if __name__ == "__main__":
    print(json.dumps(_main(*json.loads(sys.argv[1]))))
