"""Wisdom: who should compute a problem here, as `parconv tune --save` measured it.

One small file for each problem and number of threads, so that processes may write at the same time.
``PARCONV_WISDOM`` names another directory, or is ``off``.
"""

import os
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ..codegen import jit
from ..problem.problem import Problem
from ..runtime import records


@dataclass(frozen=True)
class Wisdom:
    """The best setting that was measured for one problem.

    Attributes
    ----------
    strategy : str
        Who computes which band.
    threads, bands : int
        How many threads, and into how many bands the rows are cut.
    seconds, default_seconds : float
        Time per call so, and as planned by rule, in the same minutes.
    measured : str
        Date.
    method : str
        The algorithm that ran: another one's plan does not follow it.
    """

    strategy: str
    threads: int
    bands: int
    seconds: float
    default_seconds: float
    measured: str
    method: str

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            kinds = (int, float) if field.type is float else (field.type,)
            if type(value) not in kinds:
                raise TypeError(f"wisdom's {field.name} is {value!r}")
        if self.threads < 1 or self.bands < 1:
            raise ValueError(f"wisdom of {self.threads} threads and {self.bands} bands")
        for seconds in (self.seconds, self.default_seconds):
            if not 0 < seconds <= sys.float_info.max:  # an int may be larger
                raise ValueError(f"wisdom of {seconds} seconds")


def directory() -> Path | None:
    """Where wisdom lies, or None where it is turned off."""
    chosen = os.environ.get("PARCONV_WISDOM", "")
    if chosen.lower() == "off":
        return None
    return Path(chosen) if chosen else records.home() / "wisdom"


def place() -> Path:
    """Where wisdom is saved; ValueError where it is turned off."""
    found = directory()
    if found is None:
        raise ValueError("PARCONV_WISDOM is off: unset it to save wisdom")
    return found


def recall(problem: Problem, threads: int) -> Wisdom | None:
    """What was measured for this problem with at most ``threads`` threads, on this machine."""
    base = directory()
    if base is None or not os.path.isdir(base):  # Path.is_dir raises where it may not look
        return None
    record = records.read(_path(base, problem, threads))
    try:
        return Wisdom(**record["wisdom"]) if record and records.is_steady(record) else None
    except (KeyError, TypeError, ValueError):
        return None


def remember(
    problem: Problem, threads: int, wisdom: Wisdom, *, spread: float = 0.0, forced: bool = False
) -> Path:
    """Record it, in place of what was recorded for the problem before.

    ``spread``: of the machine while it was measured, as `runtime.records.is_steady` judges it;
    ``forced``: to be believed whatever that is.
    """
    path = _path(place(), problem, threads)
    found = {"problem": str(problem), "threads": threads, "spread": spread, "forced": forced}
    records.write(path, {**found, "wisdom": asdict(wisdom)})
    return path


def _path(base: Path, problem: Problem, threads: int) -> Path:
    return records.local(base) / f"{records.digest(f'{_key(problem)} {threads}')}.json"


def _key(problem: Problem) -> str:
    """What the time depends on, the kernels' source included; not ``cval`` nor g's precision."""
    names = "image filter bank axes image_dtype compute dtype boundary lead plane stride dilation"
    names += " missing" * bool(problem.missing)
    complexes = problem.filter_dtype.kind == "c"
    facts = [getattr(problem, name) for name in names.split()]
    store = problem.store
    facts += [store.rounding, store.overflow, store.scale is None, store.bias is None]
    traits = problem.traits._replace(error=0.0, known=True)
    return repr([jit.source_hash(), complexes, traits, *facts])
