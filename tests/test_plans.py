"""What plans find out about themselves: times, threads, code.  No time decides a test."""

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import RunPython, soak

import parconv
from parconv.experiments import plans, steadiness
from parconv.experiments.timing import Timing
from parconv.experiments.tune import sweep
from parconv.experiments.tune.settings import Setting
from parconv.experiments.tune.subjects import Planned, Subject
from parconv.experiments.tune.worker import Service
from parconv.planner.wisdom import Wisdom
from parconv.runtime.ceilings import Ceilings

G = np.random.default_rng(3).random((5, 4)).astype(np.float32)
KINDS: dict[str, Any] = {
    "image": {"image": ((40, 37), "float32"), "g": G},
    "bytes": {"image": ((40, 37), "uint8"), "g": G, "dtype": "uint8"},
    "omitting": {"image": ((40, 37), "float32"), "g": G, "nan_policy": "omit"},
    "layer": {"image": ((2, 4, 9, 9), "float32"), "g": np.ones((6, 4, 3, 3), np.float32)},
    "volume": {
        "image": ((6, 9, 9), "float32"), "g": np.ones((3, 3, 3)), "axes": (0, 1, 2), "mode": "same"
    },
    "sides": {"image": ((40, 37), "float32"), "g": G, "mode": "same", "boundary": ("edge", "wrap")},
    "nothing": {"image": ((0, 37), "float32"), "g": G, "mode": "same"},
}  # fmt: skip


def plan_of(kind: str, **options: Any) -> Any:
    asked = dict(KINDS[kind])
    return parconv.plan2d(asked.pop("image"), asked.pop("g"), threads=1, **asked, **options)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the machine's load nor its ceilings are looked at."""
    monkeypatch.setattr(plans.ceilings, "measure", lambda n: Ceilings(n, 100.0, 50.0, 10.0))
    monkeypatch.setattr(steadiness, "spread", lambda threads: 0.125)
    monkeypatch.setattr(plans, "calls_of", lambda estimate: 1)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", KINDS)
def test_every_plan_can_be_timed(kind: str) -> None:
    plan = plan_of(kind)
    found = plan.measure(seconds=1e-6)
    assert found.rounds == plans.LEAST_ROUNDS
    assert 0 < found.quartile1 <= found.median <= found.quartile3
    assert found.gflops == pytest.approx(plan.problem.flops / found.median / 1e9)
    assert found.gbytes == pytest.approx(plan.problem.bytes / found.median / 1e9)
    assert found.spread == 0.125
    assert found.steady


def test_the_share_of_the_ceiling() -> None:
    """Of the nearer of two limits: 2 ms of additions for 1 GFLOP/s, memory in no time."""
    plan = plan_of("image", method="direct")
    timing = Timing(4 * plan.cost / 1e9, 0.0, 1.0, 9, 1)
    found = plans._measurement(plan, timing, Ceilings(1, 1.0, 0.5, 1e6), 0.0)
    assert found.share == pytest.approx(0.25)
    assert found.bound == "multiply-adds"
    found = plans._measurement(plan, timing, Ceilings(1, 1e6, 0.5, 1.0), 0.3)
    assert found.bound == "memory bandwidth"
    assert found.share == pytest.approx(plan.problem.bytes / 1e9 / timing.median)
    assert not found.steady
    assert "the machine is busy: times of the same work differ by 30 %" in str(found)


@pytest.mark.usefixtures("quick")
def test_the_callers_own_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pixels are what is convolved; another shape is refused."""
    plan, seen = plan_of("image"), []
    f = np.full((40, 37), 2, np.float32)
    timed = plans._timed

    def looking(call: Any, *rest: Any) -> Timing:
        seen.append(call().copy())
        return timed(call, *rest)

    monkeypatch.setattr(plans, "_timed", looking)
    plan.measure(f, seconds=1e-6)
    assert np.array_equal(seen[0], plan(f))
    with pytest.raises(ValueError, match=r"shape"):
        plan.measure(f[1:])
    with pytest.raises(ValueError, match="seconds is 0: pass more than 0"):
        plan.measure(seconds=0)
    unknown = parconv.plan2d(((9, 9), "float32"), ((3, 3), "float32"))
    with pytest.raises(ValueError, match="made from a filter's shape: pass the filter"):
        unknown.measure()


# --- tune ----------------------------------------------------------------------------------------


def outcome(spread: float, wisdom: Wisdom | None, saved: list[bool]) -> Any:
    return SimpleNamespace(
        doubtful=spread > 0.25,
        spread=spread,
        doubt="time ran out" if spread == 0.2 else None,
        wisdom=wisdom,
        save=lambda force: saved.append(force),
    )


BEST = Wisdom("threads", 2, 3, 0.5, 1.0, "2026-11-29", "direct")


@pytest.mark.parametrize("save", [False, True])
def test_a_tuned_plan_is_what_was_measured(
    save: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PARCONV_WISDOM", str(tmp_path))
    plan, saved = plan_of("image", method="direct"), list[bool]()
    found = SimpleNamespace(outcomes=(outcome(0.1, BEST, saved),))
    monkeypatch.setattr(sweep, "sweep", lambda *_: found)
    best = plan.tune(save=save)
    assert (best.strategy, len(best.bands), best.wisdom) == ("threads", 3, BEST)
    assert "500 ms, by rule 1e+03" in best.explain()
    f = np.random.default_rng(0).random((40, 37), np.float32)
    assert np.array_equal(best(f), plan(f))
    assert saved == [False] * save
    found.outcomes = (outcome(0.1, None, saved),)
    assert plan.tune() == plan


def test_a_busy_machine_tunes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PARCONV_WISDOM", str(tmp_path))
    plan, saved = plan_of("image", method="direct"), list[bool]()
    found = SimpleNamespace(outcomes=(outcome(0.9, BEST, saved),))
    monkeypatch.setattr(sweep, "sweep", lambda *_: found)
    with pytest.raises(ValueError, match=r"too busy to measure: .* 90 %"):
        plan.tune(save=True)
    assert saved == []
    assert plan.tune(save=True, force=True).wisdom == BEST
    assert saved == [True]


def test_a_truncated_search_is_not_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PARCONV_WISDOM", str(tmp_path))
    plan, saved = plan_of("image", method="direct"), list[bool]()
    found = SimpleNamespace(outcomes=(outcome(0.2, BEST, saved),))
    monkeypatch.setattr(sweep, "sweep", lambda *_: found)
    assert plan.tune().wisdom == BEST
    with pytest.raises(ValueError, match="nothing is saved: time ran out"):
        plan.tune(save=True)
    assert saved == []


@pytest.mark.parametrize("kind", ["omitting", "nothing"])
def test_what_is_not_tuned(kind: str) -> None:
    with pytest.raises(ValueError, match="that plan is tuned"):
        plan_of(kind).tune()


def test_a_process_runs_a_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by a file; every setting's result is compared with the plan's own."""
    monkeypatch.setattr("parconv.experiments.tune.worker.sample_seconds", lambda run, out: 0.25)
    plan = plan_of("bytes", scale=0.5)
    (tmp_path / "plan").write_bytes(pickle.dumps(plan))
    subject = Subject(Planned(str(tmp_path / "plan")))
    assert subject.problem == plan.problem
    assert subject.name == str(plan.problem)
    service = Service()
    assert service.answer({"subject": subject.record, "implementation": "parconv"}) == {}
    asked = {"setting": vars(Setting("serial", 1))}
    assert service.answer(asked) == {"seconds": 0.25}


# --- asm -----------------------------------------------------------------------------------------


def test_the_code_of_a_plan() -> None:
    code = plan_of("image", method="direct").asm()
    assert code.loop.fused > 0
    assert not code.loop.spills
    assert all(each.text in code.listing for each in code.loop.instructions)
    assert str(code).startswith(f"direct: a loop of {len(code.loop.instructions)} instructions (")
    assert "no vectors go to the stack" in str(code)


RISING = [1, 2, 4, 8, 16, 32]


@pytest.mark.parametrize(
    ("line", "ends"),
    [([*RISING, 9, *RISING[::-1]], "odd"),
     *soak((RISING, "plain"), (RISING + RISING[::-1], "even"),
           ([*RISING, 0, *(-tap for tap in RISING[::-1])], "odd.opposite"))],
)  # fmt: skip
def test_the_loop_is_that_of_the_filter_s_taps(line: list[int], ends: str) -> None:
    """Of pairs of equal or opposite ones another function's than of others."""
    g = np.outer(line, line).astype("f4")
    plan = parconv.plan2d(np.zeros((40, 50), "f4"), g, method="separable", threads=1)
    assert plan.asm().loop.function == f"parconv.line.float.{ends}"


def test_nothing_to_read() -> None:
    with pytest.raises(ValueError, match="no code of its own to be read"):
        plan_of("nothing").asm()


def test_experiments_are_imported_when_they_are_asked(run_python: RunPython) -> None:
    run_python(
        "import sys, numpy as np, parconv\n"
        "plan = parconv.plan2d(((9, 9), 'float32'), np.ones((3, 3)))\n"
        "plan(np.ones((9, 9), np.float32)); plan.explain()\n"
        "assert not [name for name in sys.modules if name.startswith('parconv.experiments')]\n"
    )
