"""The theoretical maximum of the second study: its batches, ours measured, and the user's.

A *kernel call* makes one vector of results.  The study's processor makes 8 at 4.6 GHz; its figures
are those of a call whose multiply-adds, two or one in a cycle, are followed by the latency of the
last one.
"""

import atexit
import math
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

import parconv
from parconv import plan2d
from parconv.codegen import machine
from parconv.problem.dtypes import Array

from ..asm import clock, study as machine_study
from ..inputs import mnist_bytes, study_weights
from ..screen import by
from ..timing import Timing
from .experiment import Experiment, Row, Setting

TAPS = (5, 5)
BATCHES = ((512, 28), (64, 516), (512, 4100))
STREAMED = 3  # images of the largest batch that go from file to file
SPARE = 4 << 30  # bytes of the disk that must be free


@dataclass(frozen=True)
class Machine:
    """Floats in a vector, cycles of a multiply-add, and a clock."""

    lanes: int
    latency: int
    gigahertz: float

    def call(self, taps: int, fused: float) -> float:
        """Cycles of a kernel call by itself, so many multiply-adds in each.

        Examples
        --------
        >>> STUDY.call(25, 2), STUDY.call(25, 1)
        (18, 30)
        """
        return math.ceil(taps / fused) + self.latency

    def seconds(self, outputs: int, cycles: float) -> float:
        """Of so many results."""
        return outputs / self.lanes * cycles / self.gigahertz / 1e9


STUDY = Machine(lanes=8, latency=5, gigahertz=4.6)
# Multiply-adds in a cycle, and cycles for each of the study's: where a load brings 32 bytes in
# place of 64, one cycle in four more.
SIDES = {"2 FMA": (2, 1.0), "1 FMA": (1, 1.0), "32-byte loads": (1, 1.25)}


def study_seconds(planes: int, side: int) -> dict[str, float]:
    """What the study says of a batch of square images under a 5x5 filter.

    Examples
    --------
    >>> {name: round(1e3 * s, 3) for name, s in study_seconds(512, 28).items()}
    {'2 FMA': 0.144, '1 FMA': 0.24, '32-byte loads': 0.301}
    >>> {name: round(s, 2) for name, s in study_seconds(512, 4100).items()}
    {'2 FMA': 4.2, '1 FMA': 7.0, '32-byte loads': 8.75}
    """
    outputs = planes * (side - TAPS[0] + 1) * (side - TAPS[1] + 1)
    return {name: factor * STUDY.seconds(outputs, STUDY.call(math.prod(TAPS), fused))
            for name, (fused, factor) in SIDES.items()}  # fmt: skip


def _named(planes: int, side: int, measured: int, how: str = "") -> Setting:
    """A batch of the study, of which some images are made, in memory or from file to file."""
    shape = (measured, side, side)
    f, g = mnist_bytes(shape), study_weights(TAPS)
    scale = planes / measured
    part = f" ({measured}{how} x {scale:.0f})" if scale > 1 else ""
    run = _from_file_to_file(f, g) if how else _in_memory(f, g)
    study = {f"{name}, ms": 1e3 * s for name, s in study_seconds(planes, side).items()}
    told = {**_sides(shape, TAPS, "float32", scale), **study}
    return Setting(f"{planes} of {by((side, side))}{part}", run, told, scale)


def _in_memory(f: Array, g: Array) -> Callable[[], object]:
    plan = plan2d(f, g, threads=1)
    return plan.bind(f, plan(f))


def _from_file_to_file(f: Array, g: Array) -> Callable[[], object]:
    folder = Path(tempfile.mkdtemp(prefix="parconv-maximum-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if shutil.disk_usage(folder).free < SPARE:
        raise OSError(f"{folder} has less than {SPARE >> 30} GiB free")
    np.save(folder / "f.npy", f)
    target = folder / "out.npy"

    def run() -> None:
        target.unlink(missing_ok=True)
        parconv.stream(folder / "f.npy", g, target, threads=1)

    return run


@cache
def _rates(dtype: str) -> tuple[float, float]:
    return machine_study.rates(dtype)


def _sides(
    shape: tuple[int, ...], taps: tuple[int, int], dtype: str, scale: float
) -> dict[str, float]:
    """Kernel calls, and cycles of each by arithmetic and by memory."""
    fused, nbytes = _rates(dtype)
    itemsize = np.dtype(dtype).itemsize
    outputs = math.prod(shape[:-2]) * math.prod(
        n - k + 1 for n, k in zip(shape[-2:], taps, strict=True)
    )
    calls = outputs / machine.lanes(itemsize)
    moved = (math.prod(shape) + outputs) * itemsize
    memory = moved / nbytes / calls if moved > 2 * machine.STREAM_BYTES else 0.0
    return {"calls": calls * scale, "arithmetic": math.prod(taps) / fused, "memory": memory}


def _derived(setting: Setting, timing: Timing) -> Mapping[str, float]:
    """Measured cycles of a call, and what share of them the slower side needs."""
    told = dict(setting.told)
    calls = round(told.pop("calls"))
    cycles = timing.median * 1e9 * clock.best(3) / calls
    share = 100 * max(told["arithmetic"], told["memory"]) / cycles
    return {"calls": calls, "cycles a call": cycles, "% of maximum": share, **told}


def _settings() -> list[Setting]:
    (small, middle, large) = BATCHES
    return [_named(*small, small[0]), _named(*middle, middle[0]), _named(*large, 1),
            _named(*large, STREAMED, " streamed")]  # fmt: skip


def _conclude(rows: Sequence[Row]) -> str:
    return " ".join(_sentence(row) for row in rows)


def _sentence(row: Row) -> str:
    side = max(("arithmetic", "memory"), key=lambda name: row.told[name])
    beside = {"2 FMA, ms", "1 FMA, ms"} <= set(row.told)
    ratio = row.told["2 FMA, ms"] / 1e3 / row.timing.median if beside else 0.0
    told = f", {ratio:.2f} times as fast as the study's maximum" if beside else ""
    return (f"{row.name}: {row.told['% of maximum']:.0f} % of what {side} allows in one "
            f"thread{told}.")  # fmt: skip


MAXIMUM = Experiment(
    "batches, beside the study's maximum at 4.6 GHz", "5x5 float32 in one thread",
    "the share of the maximum of each batch, and what bounds it", _settings, _conclude, _derived,
)  # fmt: skip


def of_user(shape: tuple[int, ...], taps: tuple[int, int], dtype: str) -> Experiment:
    """The same of a convolution of the user's."""

    def settings() -> list[Setting]:
        f = mnist_bytes(shape).astype(dtype)
        g = study_weights(taps).astype(dtype)
        name = f"{by(shape)} {dtype}, {by(taps)}"
        return [Setting(name, _in_memory(f, g), _sides(shape, taps, dtype, 1.0))]

    return Experiment(
        "nothing: one convolution against its maximum", f"{by(taps)} on {by(shape)} {dtype}",
        MAXIMUM.reads, settings, _conclude, _derived,
    )  # fmt: skip
