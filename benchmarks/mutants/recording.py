"""Which tests run which lines, and how long each takes."""

import json
import os
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any

from .children import OPTIONS, forked, function_of
from .faults import METHODS, Fault

EACH = 4  # parameters of a test function, at most
HOUR = 3600
LONG = 15.0  # seconds of a test that is left out
FEW = 12  # tests for one fault
KEPT = "tests/test_decisions.py::test_decisions_are_as_they_were_kept"  # asked of each that it runs
PATIENCE = 20.0  # seconds of whole functions, without what starting takes
# Processes that tests start are traced too; what pytest tells them is the test's name.
CONFIG = """[run]
parallel = true
data_file = {folder}/lines
source = {source}
context = ${{PYTEST_CURRENT_TEST-}}
disable_warnings = no-data-collected,module-not-imported,trace-changed,couldnt-parse
"""
STARTUP = """import os

if "COVERAGE_PROCESS_START" in os.environ:
    import coverage

    coverage.process_startup()
"""


@dataclass(frozen=True)
class Record:
    """What was recorded.

    Attributes
    ----------
    seconds : dict of str to float
        How long each test took.
    counts : dict of str to int
        How many parameters each test function has, of which `EACH` were run.
    lines : dict of str to dict of int to set of str
        By file and line, the tests that run it.
    """

    seconds: dict[str, float]
    counts: dict[str, int]
    lines: dict[str, dict[int, set[str]]]

    def to_json(self) -> list[Any]:
        """Plain values; tests are told by their place in one list."""
        names = [*self.seconds]
        places = {name: n for n, name in enumerate(names)}
        lines = {
            path: [[line, sorted(places[test] for test in tests)] for line, tests in each.items()]
            for path, each in self.lines.items()
        }
        return [self.seconds, self.counts, lines]

    @classmethod
    def of_json(cls, told: list[Any]) -> "Record":
        """The same again."""
        seconds, counts, lines = told
        names = [*seconds]
        by_file = {
            path: {line: {names[n] for n in tests} for line, tests in each}
            for path, each in lines.items()
        }
        return cls(seconds, counts, by_file)

    def interpreted(self, fault: Fault) -> bool:
        """Whether no compiled code can have it: methods are kernels, but for what tests ran."""
        lines = self.lines.get(fault.path, {}) if fault.path.startswith(METHODS) else None
        return lines is None or any(lines.get(n) for n in range(fault.first, fault.last + 1))

    def chosen(self, fault: Fault, patience: float = PATIENCE) -> tuple[list[str], list[str]]:
        """Tests that may notice a fault: a few cheap ones, then whole functions.

        Those that run it, then those that run its file: what is remembered is computed in the first
        of many tests only, and what is run by import in none.  Of whole functions first those that
        take little for what they run of the file: thousands run it in passing.
        """
        lines = self.lines.get(fault.path, {})
        own = set().union(*(lines.get(n, ()) for n in range(fault.first, fault.last + 1)))
        others = set().union(*lines.values()) - own
        here = Counter(chain.from_iterable(lines.values()))
        functions = [*self._functions(own, here), *self._functions(others, here)]
        few = islice(self._spread(own), FEW)
        kept = [KEPT] * any(function_of(name) == KEPT for name in own)
        return [*few, *kept], [*_within(functions, patience)]

    def _spread(self, tests: set[str]) -> Iterator[str]:
        """The cheapest of each function, cheapest first."""
        seen = set()
        for name in sorted(tests, key=lambda name: (self.seconds[name], name)):
            if function_of(name) not in seen:
                seen.add(function_of(name))
                yield name

    def _functions(self, tests: set[str], here: Mapping[str, int]) -> list[tuple[float, str]]:
        """Those of the tests, each with the seconds that all of it takes.

        ``here``: how many lines of the fault's file each test runs; of all that it runs they should
        be many, and the seconds of each of its parameters few.
        """
        took, shares = defaultdict[str, list[float]](list), defaultdict[str, float](float)
        for name in tests:
            function = function_of(name)
            took[function].append(self.seconds[name])
            shares[function] = max(shares[function], here[name] / self.run[name])
        mean = {name: sum(some) / len(some) for name, some in took.items()}
        order = sorted(mean, key=lambda name: (mean[name] / shares[name], name))
        return [(mean[name] * self.counts[name], name) for name in order]

    @cached_property
    def run(self) -> Mapping[str, int]:
        """How many lines each test runs."""
        every = (tests for lines in self.lines.values() for tests in lines.values())
        return Counter(chain.from_iterable(every))


def _within(functions: Iterable[tuple[float, str]], seconds: float) -> Iterator[str]:
    """The first that take no longer in all; each comes with its seconds."""
    spent = 0.0
    for took, name in functions:
        if spent + took <= seconds:
            spent += took
            yield name


class Recorder:
    """A plugin of pytest: the context of every line is its test, and the tests' seconds."""

    def __init__(self, coverage: Any) -> None:
        self.coverage, self.seconds = coverage, dict[str, float]()
        self.counts: dict[str, int] = {}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """A few of every function."""
        functions = defaultdict(list)
        for item in items:
            functions[function_of(item.nodeid)].append(item)
        self.counts = {name: len(every) for name, every in functions.items()}
        draw = random.Random(0)
        few = {
            id(item)
            for every in functions.values()
            for item in draw.sample(every, min(EACH, len(every)))
        }
        items[:] = [item for item in items if id(item) in few]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Before its fixtures."""
        self.coverage.switch_context(nodeid)
        self.began = _spent()

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Those that pass, with their fixtures."""
        if report.when == "call" and report.passed:
            self.seconds[report.nodeid] = _spent() - self.began


def _spent() -> float:
    """Seconds of processors that this process has had, and those that it started and awaited."""
    return sum(os.times()[:4])


def recorded(copy: Path, file: str) -> Record:
    """Fast tests of a file, run once; none where their process dies."""
    config, seconds = copy.parent / "coveragerc", copy.parent / "seconds.json"
    config.write_text(CONFIG.format(folder=copy.parent, source=copy / "parconv"), encoding="utf-8")
    (copy / "sitecustomize.py").write_text(STARTUP, encoding="utf-8")

    def run() -> int:
        import coverage
        import pytest

        os.environ.pop("PYTEST_CURRENT_TEST", None)  # of whoever tests this
        os.environ["COVERAGE_PROCESS_START"] = str(config)
        lines = coverage.Coverage(config_file=str(config))
        recorder = Recorder(lines)
        lines.start()
        pytest.main([*OPTIONS, "--maxfail=1000000", file], [recorder])
        lines.stop()
        lines.save()
        seconds.write_text(json.dumps([recorder.seconds, recorder.counts]), encoding="utf-8")
        return 0

    seconds.unlink(missing_ok=True)
    forked(run, copy, HOUR)
    if not seconds.exists():
        print(f"{file} did not end: its tests are asked of no fault", flush=True)
        return Record({}, {}, {})
    every, counts = json.loads(seconds.read_text(encoding="utf-8"))
    took = {name: each for name, each in every.items() if each <= LONG}
    return Record(took, counts, _lines(copy, config, took))


def merged(records: Iterable[Record]) -> Record:
    """Of several processes, each of other files."""
    whole = Record({}, {}, {})
    for record in records:
        whole.seconds.update(record.seconds)
        whole.counts.update(record.counts)
        for path, lines in record.lines.items():
            of = whole.lines.setdefault(path, {})
            for line, tests in lines.items():
                of[line] = of.get(line, set()) | tests
    return whole


def _lines(copy: Path, config: Path, tests: dict[str, float]) -> dict[str, dict[int, set[str]]]:
    """Read what all processes recorded."""
    import coverage

    reader = coverage.Coverage(config_file=str(config))
    reader.combine([str(copy.parent)])
    data, found = reader.get_data(), dict[str, dict[int, set[str]]]()
    for file in data.measured_files():
        by_line = data.contexts_by_lineno(file)
        found[str(Path(file).relative_to(copy))] = {
            line: {_test(context) for context in contexts} & tests.keys()
            for line, contexts in by_line.items()
        }
    return found


def _test(context: str) -> str:
    """Its name; a process that it started knows at what of it pytest was."""
    return re.sub(r" \((setup|call|teardown)\)$", "", context)
