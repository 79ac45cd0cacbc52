"""How long a problem will take here, and what keeps it from being faster."""

from dataclasses import dataclass

from ..codegen import machine
from ..problem.problem import Problem
from ..runtime.ceilings import Ceilings
from ..runtime.strategies import STRATEGIES

# What one thread does in a nanosecond where nobody measured the machine: operations for each byte
# of its vectors, and bytes in and out.
USUAL_RATE, USUAL_BYTES = 4, 16


def usual_seconds(problem: Problem, cost: float) -> float:
    """Of one thread, on a machine that nobody measured."""
    return 1e-9 * (cost / (USUAL_RATE * machine.VECTOR_BYTES) + problem.bytes / USUAL_BYTES)


@dataclass(frozen=True)
class Prediction:
    """Seconds of arithmetic, of memory traffic, and of handing out the work.

    Tiles hardly overlap the three: their sum lies within a factor 1.25 of the measured time on 40
    of a race's 50 rows and within 1.5 on 47 (Zen 5, 2026-11); the larger of the first two, the
    limit, is 8 to 50 % short of it.
    """

    arithmetic: float
    memory: float
    overhead: float

    @classmethod
    def of(
        cls, problem: Problem, strategy: str, ceilings: Ceilings, cost: float | None = None
    ) -> "Prediction":
        """For image and output in memory, at the machine's ceilings for that many threads.

        ``cost`` in operations; those of the definition where nobody knows better.
        """
        return cls(
            (problem.flops if cost is None else cost) / ceilings.gflops(problem.sums) / 1e9,
            problem.bytes / ceilings.gbytes / 1e9,
            STRATEGIES[strategy].overhead,
        )

    @property
    def seconds(self) -> float:
        return self.arithmetic + self.memory + self.overhead

    @property
    def limit(self) -> float:
        """The shortest time the machine allows."""
        return max(self.arithmetic, self.memory)

    @property
    def resource(self) -> str:
        """What takes longest."""
        times = {
            "multiply-adds": self.arithmetic,
            "memory bandwidth": self.memory,
            "overhead of a call": self.overhead,
        }
        return max(times, key=lambda name: times[name])

    def __str__(self) -> str:
        return (
            f"{1e3 * self.seconds:.3g} ms, limited by {self.resource}; "
            f"{100 * self.limit / self.seconds:.0f} % of the limit ({1e3 * self.limit:.3g} ms)"
        )
