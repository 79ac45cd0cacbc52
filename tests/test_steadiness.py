"""Whether the machine is steady: time is told by a false clock, so that no load decides a test."""

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from parconv.experiments import steadiness
from parconv.experiments.ceilings.arithmetic import clock_chain
from parconv.experiments.ceilings.gate import new_gate
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
