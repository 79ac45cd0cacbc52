"""What ``parconv bench init`` writes: asv's configuration, and a benchmark of the user's cases.

Writes files; times nothing.
"""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from parconv import images

from .own import Own

CONFIGURATION, MODULE = "asv.conf.json", "benchmarks/bench_cases.py"
USUAL = (Own((1024, 1024), (7, 7)), Own.of((1080, 1920, 3), "gaussian:2", dtype="uint8"))

TEXT = '''"""Convolutions of this project, timed at every commit: edit CASES and FUNCTIONS."""

import parconv
from parconv.experiments.own import Own

CASES = [
{cases}
]
FUNCTIONS = {{}}  # functions of yours, called as function(f, g): {{"blur": mypackage.blur}}


def case_of(name):
    return next(case for case in CASES if case.name == name)


class Cases:
    """Each case as a plan that is called again, as a plain call, and against the machine."""

    param_names = ["case"]
    params = [case.name for case in CASES]

    def setup(self, name):
        case = case_of(name)
        self.f, self.g = case.arrays()
        self.convolve = parconv.correlate2d if case.correlation else parconv.conv2d
        self.question = case.question
        self.plan = parconv.plan2d(self.f, self.g, correlate=case.correlation, **self.question)
        self.out = self.plan(self.f)

    def time_planned(self, name):
        self.plan(self.f, out=self.out)

    def time_plain_call(self, name):
        self.convolve(self.f, self.g, out=self.out, **self.question)

    def track_percent_of_limit(self, name):
        return 100 * self.plan.measure(self.f, seconds=0.1).share

    track_percent_of_limit.unit = "%"


if FUNCTIONS:

    class Functions:
        """Each function on each case."""

        param_names = ["function", "case"]
        params = (list(FUNCTIONS), [case.name for case in CASES])

        def setup(self, function, name):
            self.f, self.g = case_of(name).arrays()

        def time_function(self, function, name):
            FUNCTIONS[function](self.f, self.g)
'''


def write(directory: Path, cases: Sequence[Own] = ()) -> Iterator[str]:
    """A new directory, or files added to one; lines that say what is there and what to type.

    Examples
    --------
    >>> list(write(Path("bench"), [Own.of((300, 200), "gaussian:2")]))  # doctest: +SKIP
    """
    target = directory / CONFIGURATION
    for path in (target, directory / MODULE):
        if path.exists():
            raise ValueError(f"{path} is there already: pass another directory")
    if not directory.absolute().parent.is_dir():
        raise ValueError(f"directory {directory}: there is no directory {directory.parent}")
    (directory / MODULE).parent.mkdir(parents=True, exist_ok=True)
    root = _repository(directory)
    texts = {
        (directory / MODULE).with_name("__init__.py"): "",  # asv wants one
        target: json.dumps(_configuration(directory, root), indent=4) + "\n",
        directory / MODULE: TEXT.format(cases="\n".join(f"    {c!r}," for c in cases or USUAL)),
    }
    for path, text in texts.items():
        with images.replacing(path) as file:
            file.write(text.encode())
        yield f"written: {path}"
    yield from _next(directory, root)


def _repository(directory: Path) -> Path | None:
    """Whose commits are tracked."""
    above = directory.resolve()
    return next((path for path in (above, *above.parents) if (path / ".git").exists()), None)


def _configuration(directory: Path, root: Path | None) -> dict[str, Any]:
    """For the interpreter that runs it: what is installed there is measured."""
    return {
        "version": 1,
        "project": (root or directory.resolve()).name,
        "repo": "." if root is None else os.path.relpath(root, directory.resolve()),
        "branches": ["HEAD"],
        "environment_type": "existing",
        "benchmark_dir": "benchmarks",
        "results_dir": ".asv/results",
        "html_dir": ".asv/html",
        "env_dir": ".asv/env",
    }


def _next(directory: Path, root: Path | None) -> Iterator[str]:
    if root is None:
        yield "asv tracks commits, and this is no git repository yet: `git init` makes one"
    yield f"at every commit, in {directory}:"
    yield "  asv run --python=same --set-commit-hash=$(git rev-parse HEAD)"
    yield "all of them as pages: asv publish && asv preview"
