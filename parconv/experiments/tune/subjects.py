"""What is tuned, a row of the race, a study or the user's own: as problem, arrays, plain values.

Runs nothing.
"""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from parconv import plan2d
from parconv.planner.choice import arrange
from parconv.planner.plan import Plan
from parconv.problem.dtypes import Array
from parconv.problem.problem import Problem

from ...problem.lazily import lazily
from ..inputs import uniform
from ..own import Own, record_of, row_of
from ..race.grid import WORKLOADS
from ..race.workloads import Workload, chosen
from ..studies import STUDIES, Study

Record = dict[str, Any]


@dataclass(frozen=True)
class Planned:
    """A plan as a row: ``file`` holds it for the processes that run its settings."""

    file: str

    @lazily
    def plan(self) -> Plan:
        """For one thread."""
        with open(self.file, "rb") as file:
            found: Plan = pickle.load(file)
        serial = arrange(found.problem, found.method, "serial", 1, 1, 1)
        return replace(serial, filter=found.filter)

    @property
    def name(self) -> str:
        return str(self.plan.problem)

    def arrays(self) -> tuple[Array, Any]:
        """Random pixels, and the filter."""
        problem = self.plan.problem
        return uniform(problem.image, problem.image_dtype.name), self.plan.filter


@dataclass(frozen=True)
class Subject:
    """One convolution to tune for: a row of the race, a study, the user's own, or a plan."""

    row: Workload | Study | Own | Planned

    @property
    def name(self) -> str:
        return self.row.name

    @property
    def record(self) -> Record:
        """As JSON, for a worker."""
        if isinstance(self.row, Workload):
            return {"workload": asdict(self.row)}
        if isinstance(self.row, Planned):
            return {"plan": self.row.file}
        return record_of(self.row)

    @classmethod
    def of_record(cls, record: Record) -> "Subject":
        """The subject that a worker was told of."""
        if "plan" in record:
            return cls(Planned(record["plan"]))
        if "workload" not in record:
            return cls(row_of(record))
        fields: Any = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in record["workload"].items()
        }
        return cls(Workload(**fields))

    @lazily
    def plan(self) -> Plan:
        """The plan for one thread, with its problem and its method, which the filter decides."""
        row = self.row
        if isinstance(row, Planned):
            return row.plan
        return plan2d(
            (row.image, row.dtype), row.weighting(), correlate=row.correlation, threads=1,
            strategy="serial", **row.question,
        )  # fmt: skip

    @property
    def problem(self) -> Problem:
        return self.plan.problem

    @property
    def study(self) -> Study | Own:
        """The subject as the baselines of the studies are told it."""
        row = self.row
        if not isinstance(row, Workload):
            return row  # type: ignore[return-value]  # a plan's needs none
        if row.channels:
            raise ValueError(f"{self.name} is colour, which the studies' implementations lack")
        return Study(
            self.name, self.name, row.image, row.taps, lambda shape: row.arrays()[0],
            lambda shape: row.weighting(), row.dtype, row.mode, row.boundary, row.result,
        )  # fmt: skip


def subjects(patterns: Sequence[str]) -> tuple[Subject, ...]:
    """The studies of those names and the race's rows that match, each question once.

    Examples
    --------
    >>> [subject.name for subject in subjects(["medium 1024x1024 3x3 float32"])]
    ['medium 1024x1024 3x3 float32']
    """
    every = (subject for pattern in patterns for subject in _matching(pattern))
    return tuple({(subject.problem, subject.plan.method): subject for subject in every}.values())


def _matching(pattern: str) -> Iterator[Subject]:
    if pattern in STUDIES:
        yield Subject(STUDIES[pattern])
        return
    exact = [row for row in WORKLOADS if row.name == pattern]
    usual = tuple(row for row in WORKLOADS if row.strategy == "auto" and not row.planned)
    for row in exact or chosen(usual, pattern):
        yield Subject(row)
