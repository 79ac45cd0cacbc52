"""What arrays larger than memory cost: dask's, beside dask-image's filter and by two workers.

Every figure is of a process of its own, on the same chunks and by the same scheduler.  Pixels are
made where they are asked for, and results thrown away, so no disk is measured.
"""

import json
import subprocess
import sys
import threading
import time
from typing import Any

WAYS = ("parconv", "dask-image")
TAPS = 15
WORDS: dict[str, Any] = {"mode": "same", "boundary": "mirror"}
WORKERS = {"side": 8000, "rows": 1000, "taps": 31}  # a filter that computes longer than it reads


class Made:
    """An image of any size, of which each part is made anew; counts the bytes of them."""

    ndim = 2

    def __init__(self, side: int) -> None:
        import numpy as np

        self.shape, self.dtype, self.read = (side, side), np.dtype("f4"), 0
        self._line = np.random.default_rng(0).random(side, np.float32)
        self._lock = threading.Lock()

    def __getitem__(self, index: Any) -> Any:
        import numpy as np

        rows, columns = (range(*one.indices(self.shape[0])) for one in index)
        found = np.multiply.outer(self._line[rows], self._line[columns])
        with self._lock:
            self.read += found.nbytes
        return found


class Nowhere:
    """Where results go."""

    def __init__(self, side: int) -> None:
        self.shape, self.ndim = (side, side), 2

    def __setitem__(self, index: Any, block: Any) -> None:
        pass


def one(way: str, side: int, chunk: int) -> dict[str, float]:
    """Seconds, peak of memory beyond the start's, and bytes read, of one way on two threads."""
    import dask.array as da
    import numpy as np

    source, g = Made(side), np.random.default_rng(1).standard_normal((TAPS, TAPS)).astype("f4")
    x = da.from_array(source, chunks=chunk, asarray=False, fancy=False)
    result = _filtered(way, x, g)
    _filtered(way, da.ones((chunk, chunk), chunks=-1, dtype="f4"), g).compute(scheduler="sync")
    before, begun = _memory(anew=True), time.perf_counter()
    da.store(result, Nowhere(side), lock=False, scheduler="threads", num_workers=2)
    seconds = time.perf_counter() - begun
    keys = len(dict(result.__dask_graph__())) / np.prod(x.numblocks)
    read = source.read / (4 * side * side)
    return {"seconds": seconds, "peak": _memory() - before, "read": read, "keys": keys}


def _filtered(way: str, x: Any, g: Any) -> Any:
    if way == "parconv":
        import parconv

        return parconv.conv2d(x, g, **WORDS)
    from dask_image import ndfilters

    return ndfilters.convolve(x, g, mode=WORDS["boundary"])


def _memory(anew: bool = False) -> int:
    """The most that this process had so far, in bytes; ``anew``: from now on."""
    if anew:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    with open("/proc/self/status") as lines:
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def workers(number: int) -> dict[str, float]:
    """Seconds of so many processes of one thread each, the best of three."""
    import dask
    import dask.array as da
    import numpy as np
    from distributed import Client, LocalCluster

    import parconv

    dask.config.set({"distributed.worker.daemon": True})
    side, rows, taps = WORKERS.values()
    g = np.random.default_rng(0).standard_normal((taps, taps)).astype("f4")
    with (
        LocalCluster(n_workers=number, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.run(parconv.warmup, ["float32"], layers=False)
        x = da.ones((side, side), chunks=(rows, side), dtype="f4")
        total = parconv.conv2d(x, g, mode="same", method="direct", threads=1).sum()
        total.compute()
        return {"seconds": min(_seconds(total.compute) for _ in range(3))}


def _seconds(call: Any) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def measure(side: int, chunk: int, peer: bool) -> dict[str, dict[str, float]]:
    """Of each way and number of workers, one after another."""
    orders = {way: ["one", way, side, chunk] for way in WAYS[: 1 + peer]}
    orders |= {f"{number} workers": ["workers", number] for number in (1, 2)}
    return {name: one_apart(order) for name, order in orders.items()}


def one_apart(order: list[Any]) -> dict[str, float]:
    """What a function here, by its name and arguments, finds in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", __name__, json.dumps(order)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise OSError(f"{order}: {last}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def told(found: dict[str, dict[str, float]]) -> str:
    """A line for each, and what they are to one another."""
    lines = []
    for name, row in found.items():
        lines.append(f"{name:12} {row['seconds']:8.2f} s")
        if "peak" in row:
            lines[-1] += f", peak {row['peak'] / 1e6:.0f} MB, image read {row['read']:.2f} times"
            lines[-1] += f", {row['keys']:.1f} keys a chunk"
    if WAYS[1] in found:
        ratio = found[WAYS[1]]["seconds"] / found[WAYS[0]]["seconds"]
        lines.append(f"{WAYS[1]} takes {ratio:.1f} times as long as {WAYS[0]}")
    alone, both = (found[f"{number} workers"]["seconds"] for number in (1, 2))
    lines.append(f"two workers have {alone / both / 2:.2f} of twice one worker's throughput")
    return "\n".join(lines)


if __name__ == "__main__":
    name, *given = json.loads(sys.argv[1])
    print(json.dumps({"one": one, "workers": workers}[name](*given)))
