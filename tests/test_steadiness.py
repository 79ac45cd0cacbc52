"""Whether the machine is steady: time is told by a false clock, so that no load decides a test."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import soak

from parconv import plan2d
from parconv.experiments import steadiness
from parconv.experiments.asm.study import study
from parconv.experiments.ceilings import pipes, survey
from parconv.experiments.ceilings.arithmetic import clock_chain
from parconv.experiments.ceilings.gate import new_gate
from parconv.runtime import budget, records
from parconv.runtime.records import STEADY


@pytest.fixture
def _pauses_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steadiness, "PAUSE", 0.0)


def spreads(monkeypatch: pytest.MonkeyPatch, values: Iterable[float]) -> None:
    told = iter(values)
    monkeypatch.setattr(steadiness, "spread", lambda threads: next(told))


@pytest.mark.parametrize(
    ("seconds", "expected"), [([2.0], 0.0), ([2.0, 4.0], 0.5), ([1.0, 1.0, 1.0, 5.0], 1.0)], ids=str
)
def test_the_mean_is_held_against_the_best(
    seconds: list[float], expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]

    def durations() -> Iterator[float]:
        while True:
            yield from seconds

    lasts = durations()

    def chain(*_: Any) -> None:
        now[0] += next(lasts)

    clock = SimpleNamespace(perf_counter=lambda: now[0], sleep=lambda _: None)
    monkeypatch.setattr(steadiness, "time", clock)
    monkeypatch.setattr(steadiness, "clock_chain", lambda: chain)
    assert steadiness.spread(1) == pytest.approx(expected)


def test_every_thread_is_looked_at() -> None:
    clock_chain()(new_gate(1), 1, 3, 1)  # compiled
    assert steadiness.spread(3) >= 0


@pytest.mark.usefixtures("_pauses_are_short")
def test_what_was_measured_on_a_busy_machine_is_measured_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spreads(monkeypatch, [0.1, 0.9, 2.0, 0.1, 0.02, 0.04])
    results = iter("abc")
    assert steadiness.steadily(lambda: next(results), 2) == ("c", 0.04)


@pytest.mark.usefixtures("_pauses_are_short")
def test_a_machine_that_stays_busy_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    spreads(monkeypatch, [0.1, 0.9] * 3)
    with pytest.raises(steadiness.UnsteadyError, match=r"differ by 90 %, 25 % at most .*--force"):
        steadiness.steadily(lambda: None, 2)


@pytest.mark.usefixtures("_pauses_are_short")
def test_force_takes_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    spreads(monkeypatch, [0.1, 0.9])
    results = iter("a")
    assert steadiness.steadily(lambda: next(results), 2, force=True) == ("a", 0.9)


@pytest.mark.parametrize("spread", [float("nan"), float("inf"), STEADY * 1.001])
def test_what_is_no_small_number_is_refused(spread: float) -> None:
    with pytest.raises(ValueError, match="--force"):
        steadiness.check(spread)


def test_the_load_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(steadiness.os, "getloadavg", lambda: (12.3, 0, 0), raising=False)
    monkeypatch.setattr(steadiness, "STAT", tmp_path / "stat")
    (tmp_path / "stat").write_text("cpu  50 0 20 10 0 0 0 20 0 0\ncpu0 1 2\n")
    with pytest.raises(
        steadiness.UnsteadyError, match=r"load 12\.3 on \d+ cores, 20 % of their ti"
    ):
        steadiness.check(0.9)
    (tmp_path / "stat").unlink()
    with pytest.raises(steadiness.UnsteadyError, match=r"are believed; stop what"):
        steadiness.check(0.9)


# --- busy loops, really --------------------------------------------------------------------------


@pytest.fixture
def busy(request: pytest.FixtureRequest) -> Iterator[int]:
    """So many processes that only compute, as many cores as there are being in use beside them."""
    loops = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(request.param)
    ]
    time.sleep(0.3)
    try:
        yield request.param
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


@pytest.mark.parametrize("busy", [1, *soak(2)], indirect=True)
@pytest.mark.usefixtures("_pauses_are_short")
def test_beside_busy_loops_nothing_is_believed(busy: int) -> None:
    """A thread on each core, and a loop more or two: whoever shares a core takes twice as long."""
    cores = budget.thread_budget()
    with pytest.raises(steadiness.UnsteadyError, match="too busy to measure"):
        steadiness.steadily(lambda: None, cores)


@pytest.mark.soak
@pytest.mark.parametrize("busy", [1, 2], indirect=True)
def test_no_ceilings_are_recorded_beside_busy_loops(
    busy: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "home", lambda: tmp_path)
    with pytest.raises(steadiness.UnsteadyError):
        survey.survey()
    assert survey.recorded() is None
    assert not list(tmp_path.iterdir())


@pytest.mark.soak
@pytest.mark.parametrize("busy", [1, 2], indirect=True)
def test_no_wisdom_is_saved_beside_busy_loops(
    busy: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARCONV_WISDOM", str(tmp_path))
    plan = plan2d(((1024, 1024), "float32"), np.ones((7, 7)))
    with pytest.raises(steadiness.UnsteadyError):
        plan.tune(seconds=30, save=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.soak
@pytest.mark.parametrize("busy", [1, 2], indirect=True)
def test_asm_beside_busy_loops_is_right_or_refuses(busy: int) -> None:
    """It needs one core: beside one loop it may have that of another."""
    facts = records.fingerprint()
    with contextlib.suppress(steadiness.UnsteadyError):
        found = study("float32", (5, 5))
        assert pipes.doubt(found.rate, pipes.host(), int(facts["vector_bits"])) is None
