"""parconv itself, by the call that a user of it would write."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import parconv

from ...own import Own
from ..layers import Layer
from ..volumes import Volume
from ..workloads import Array, Workload
from . import scipy
from .peer import Run

LIMIT = "PARCONV_NUM_THREADS"
NAMED = "gaussian", "box", "sobel-x"


def layer(workload: Layer, f: Array, g: Array, threads: int) -> Run:
    """`correlate2d` with a layer's filters, or a plan."""
    return _asked(workload, f, g, threads)


def volume(workload: Volume, f: Array, g: Array, threads: int) -> Run:
    """`correlate2d` along one axis or three, or a plan."""
    return _asked(workload, f, g, threads)


def own(workload: Own, f: Array, g: Array, threads: int) -> Run:
    """`conv2d`, of layers `correlate2d`, or a plan."""
    return _asked(workload, f, g, threads)


def _asked(workload: Layer | Volume | Own, f: Array, g: Array, threads: int) -> Run:
    options = {**workload.question, "strategy": workload.strategy, "threads": threads}
    if workload.planned:
        plan = parconv.plan2d(f, g, correlate=workload.correlation, **options)
        return lambda out: plan(f, out=out)
    convolve = parconv.correlate2d if workload.correlation else parconv.conv2d
    return lambda out: convolve(f, g, out=out, **options)


def prepare(workload: Workload, f: Array, g: Array, threads: int) -> Run:
    """`conv2d` or `correlate2d`, or the function that the filter is named after; or a plan."""
    options = {**workload.question, "strategy": workload.strategy, "threads": threads}
    if workload.planned:
        plan = parconv.plan2d(f, g, correlate=workload.correlation, **options)
        return lambda out: plan(f, out=out)
    if workload.drop_in:
        return _dropped_in(workload, f, g, threads)
    if workload.named[0] in NAMED:
        return _named(workload, f, options)
    convolve = parconv.correlate2d if workload.correlation else parconv.conv2d
    return lambda out: convolve(f, g, out=out, **options)


def _dropped_in(workload: Workload, f: Array, g: Array, threads: int) -> Run:
    """A function of `parconv.compat`, called as the library's own, within so many threads."""
    prepare = scipy.own if workload.named[0] in NAMED else scipy.correlate
    call = prepare(workload, f, g, threads, f"parconv.compat.{workload.drop_in}")
    if isinstance(call, str):
        raise ValueError(f"{workload.name}: {call}")

    def run(out: Array | None) -> Any:
        with within(threads):
            return call(out)

    return run


@contextmanager
def within(threads: int) -> Iterator[None]:
    """Calls that cannot say so take no more threads."""
    before = os.environ.get(LIMIT)
    os.environ[LIMIT] = str(threads)
    try:
        yield
    finally:
        del os.environ[LIMIT]
        os.environ.update({} if before is None else {LIMIT: before})


def _named(workload: Workload, f: Array, options: dict[str, Any]) -> Run:
    if options.pop("mode") != "same":
        raise ValueError(f"{workload.name}: filters with a name answer with images of one size")
    kind, size = workload.named
    functions: dict[str, Run] = {
        "gaussian": lambda out: parconv.gaussian(f, size, out=out, **options),
        "box": lambda out: parconv.box(f, int(size), out=out, **options),
        "sobel-x": lambda out: parconv.sobel(f, 1, out=out, **options),
    }
    return functions[kind]
