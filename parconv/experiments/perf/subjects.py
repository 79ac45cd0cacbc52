"""What can be measured, each time in a process of its own: an implementation, or any command."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from .. import processes
from . import stat, usage
from .child import Control, Order
from .events import Reading
from .report import TIME
from .stat import Counters


class Subject(Protocol):
    """Run by itself it tells its times, under ``perf stat`` its counters; totals of all calls."""

    @property
    def name(self) -> str: ...

    @property
    def calls(self) -> int: ...

    def timed(self) -> dict[str, float]: ...

    def counted(self, counters: Counters, names: Sequence[str]) -> dict[str, Reading]: ...

    def slots(self, counters: Counters) -> dict[str, float]: ...


@dataclass
class Implementation:
    """One of `baselines.BASELINES`; its first process finds how often to call it."""

    order: Order

    @property
    def name(self) -> str:
        return self.order.implementation

    @property
    def calls(self) -> int:
        return self.order.calls or 1

    def timed(self) -> dict[str, float]:
        processes.finish(self.name, self.order.command(), processes.environment())
        answer = json.loads(Path(self.order.answer).read_bytes())
        self.order = replace(self.order, calls=answer["calls"])
        return {TIME: answer["seconds"], **answer["usage"]}

    def counted(self, counters: Counters, names: Sequence[str]) -> dict[str, Reading]:
        return stat.count(counters, names, self._command, controlled=True)

    def slots(self, counters: Counters) -> dict[str, float]:
        """Where the slots of the pipeline went, in per cent."""
        return stat.measured_metrics(counters, self._command, controlled=True)

    def _command(self, control: Control | None) -> list[str]:
        return replace(self.order, control=control).command()


@dataclass(frozen=True)
class Command:
    """A whole command, start to end; what it prints is thrown away."""

    arguments: Sequence[str]
    calls: int = 1

    @property
    def name(self) -> str:
        return Path(self.arguments[0]).name

    def timed(self) -> dict[str, float]:
        before, start = usage.read(children=True), time.perf_counter()
        processes.finish(self.name, self.arguments)
        seconds = time.perf_counter() - start
        return {TIME: seconds, **usage.since(before, usage.read(children=True))}

    def counted(self, counters: Counters, names: Sequence[str]) -> dict[str, Reading]:
        return stat.count(counters, names, lambda _: self.arguments, controlled=False)

    def slots(self, counters: Counters) -> dict[str, float]:
        """Where the slots of the pipeline went, in per cent."""
        return stat.measured_metrics(counters, lambda _: self.arguments, controlled=False)
