"""What is tuned: a row of the race or a study, as a problem, as arrays and as plain values.

Runs nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from parconv import plan2d
from parconv.planner.plan import Plan
from parconv.problem.dtypes import Array
from parconv.problem.problem import Problem

from ...problem.lazily import lazily
from ..race.grid import WORKLOADS
from ..race.workloads import Workload, chosen
from ..studies import STUDIES, Study

Record = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """One convolution to tune for.

    ``options`` are keywords of `parconv.plan2d`; ``make`` gives image and filter, ``filter`` the
    latter alone; ``record`` is the subject as JSON, for a worker.
    """

    name: str
    shape: tuple[int, ...]
    taps: tuple[int, ...]
    dtype: str
    options: Mapping[str, Any]
    make: Callable[[], tuple[Array, Array]]
    filter: Callable[[], Array]
    record: Record

    @classmethod
    def of_workload(cls, row: Workload) -> "Subject":
        options = {**row.question, "correlate": row.correlation}
        record, make = {"workload": asdict(row)}, (row.arrays, row.weighting)
        return cls(row.name, row.image, row.taps, row.dtype, options, *make, record)

    @classmethod
    def of_study(cls, study: Study) -> "Subject":
        options = {"mode": study.mode, "boundary": study.boundary, "dtype": study.dtype}
        record = {"study": study.name}
        shapes, make = (study.shape, study.taps), (study.make, lambda: study.filter(study.taps))
        return cls(study.name, *shapes, study.image_dtype, options, *make, record)

    @classmethod
    def of_record(cls, record: Record) -> "Subject":
        """The subject that a worker was told of."""
        if "study" in record:
            return cls.of_study(STUDIES[record["study"]])
        fields: Any = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in record["workload"].items()
        }
        return cls.of_workload(Workload(**fields))

    @lazily
    def plan(self) -> Plan:
        """The plan for one thread, with its problem and its method, which the filter decides."""
        image = self.shape, self.dtype
        return plan2d(image, self.filter(), threads=1, strategy="serial", **self.options)

    @property
    def problem(self) -> Problem:
        return self.plan.problem

    @property
    def study(self) -> Study:
        """The subject as the baselines of the studies are told it."""
        if "study" in self.record:
            return STUDIES[self.record["study"]]
        if "axes" in self.options:
            raise ValueError(f"{self.name} is colour, which the studies' implementations lack")
        return Study(
            self.name, self.name, self.shape, self.taps, lambda shape: self.make()[0],
            lambda shape: self.make()[1], self.dtype, self.problem.mode,
            self.problem.boundary[0], self.options.get("dtype"),
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
        yield Subject.of_study(STUDIES[pattern])
        return
    exact = [row for row in WORKLOADS if row.name == pattern]
    usual = tuple(row for row in WORKLOADS if row.strategy == "auto" and not row.planned)
    for row in exact or chosen(usual, pattern):
        yield Subject.of_workload(row)
