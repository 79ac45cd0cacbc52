"""`parconv tune`: which settings exist, the search on synthetic costs, processes, files, models."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from parconv import cli
from parconv.experiments.baselines import BASELINES
from parconv.experiments.race import WORKLOADS, Workload
from parconv.experiments.tune import (
    models,
    outcome,
    pool,
    report,
    scaling,
    search as searches,
    settings,
    sweep,
)
from parconv.experiments.tune.duel import Verdict, duel
from parconv.experiments.tune.journal import NAME, Journal
from parconv.experiments.tune.search import FailedError, Search, Tally
from parconv.experiments.tune.settings import Setting
from parconv.experiments.tune.subjects import Subject, subjects
from parconv.planner import wisdom
from parconv.runtime import budget, ceilings
from parconv.runtime.strategies import STRATEGIES

TINY = Subject(Workload("tiny", (150, 90), (3, 3)))
MEDIUM = Subject(Workload("medium", (1024, 1024), (7, 7)))


# --- axes ----------------------------------------------------------------------------------------


@pytest.fixture
def medium() -> tuple[Setting, ...]:
    return settings.settings(MEDIUM, (1, 2, 3, 4), ("omp", "workqueue"))


def test_every_axis_is_swept(medium: tuple[Setting, ...]) -> None:
    assert {s.strategy for s in medium} == set(STRATEGIES)
    assert {s.threads for s in medium} == {1, 2, 3, 4}
    assert {s.layer for s in medium} == {None, "omp", "workqueue"}
    assert {s.backend for s in medium} == {None, "threading", "loky"}
    assert {s.bands for s in medium if s.threads == 2} == {2, 4, 8, 16, 32}
    assert {s.bands for s in medium if s.strategy == "serial"} == {1, 2, 4, 8, 16}


def test_no_setting_is_meaningless_or_twice_the_same(medium: tuple[Setting, ...]) -> None:
    assert len(set(medium)) == len(medium)
    for setting in medium:
        assert (setting.layer is not None) == (setting.strategy == "prange"), setting
        assert (setting.backend is not None) == (setting.strategy == "joblib"), setting
        assert setting.strategy != "serial" or setting.threads == 1
        assert setting.blas is None
        plan = settings.plan_of(MEDIUM, setting)
        assert (plan.strategy, plan.threads, len(plan.bands)) == (
            setting.strategy,
            setting.threads,
            setting.bands,
        )


def test_few_rows_make_few_settings() -> None:
    rows = Subject(Workload("flat", (7, 4000), (3, 3)))
    found = settings.settings(rows, (1, 2, 8), ("omp",))
    assert {s.bands for s in found} == {1}
    assert {s.threads for s in found} == {1}


def test_a_missing_layer_has_no_settings() -> None:
    found = settings.settings(MEDIUM, (1, 2), ())
    assert {s.strategy for s in found} == set(STRATEGIES) - {"prange"}


@pytest.mark.parametrize("cores", [1, 2, 3, 6, 16, 96, 128])
def test_thread_counts_reach_twice_the_cores(cores: int) -> None:
    counts = settings.thread_counts(cores)
    assert {1, cores, 2 * cores} <= set(counts)
    assert max(counts) == 2 * cores
    assert len(counts) <= 30
    assert len([n for n in counts if n <= cores]) >= min(cores, 6)


def test_baselines_are_swept_by_what_they_use() -> None:
    def of(name: str) -> tuple[Setting, ...]:
        return settings.baseline_settings(BASELINES[name], (1, 2, 4), ("omp", "workqueue"))

    assert of("naive") == (Setting("naive", 1),)
    assert {(s.threads, s.blas, s.layer) for s in of("im2col")} == {(n, n, None) for n in (1, 2, 4)}
    assert {s.layer for s in of("segments")} == {"omp", "workqueue"}
    assert max(s.threads for s in of("segments")) <= budget.usable_threads(4)


def test_the_default_is_what_the_planner_does_without_wisdom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wisdom, "recall", lambda *_: pytest.fail("wisdom was asked"))
    default = settings.default_setting(MEDIUM)
    assert default.threads <= budget.thread_budget()
    assert settings.is_usual(default)


def test_only_what_auto_may_take_becomes_wisdom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what waits for threads that sleep, however fast it is back to back."""
    monkeypatch.setattr(budget, "thread_budget", lambda: 4)
    usual = [Setting("threads", 4, 8), Setting("serial", 1, 1)]
    unusual = [
        Setting("threads", 5, 8), Setting("prange", 2, 8, "omp"),
        Setting("joblib", 2, 4, None, "threading"),
    ]  # fmt: skip
    assert all(map(settings.is_usual, usual))
    assert not any(map(settings.is_usual, unusual))


def test_subjects_are_rows_studies_and_never_the_same_question_twice() -> None:
    found = subjects(["big 4096x4096 7x7 float32", "photo3x3", "big 4096x4096 7x7 float32"])
    assert [s.name for s in found] == ["big 4096x4096 7x7 float32", "photo3x3"]
    for subject in (*found, TINY):
        again = Subject.of_record(json.loads(json.dumps(subject.record)))
        assert again.problem == subject.problem
        assert again.study.problem.shape == subject.problem.shape
    with pytest.raises(ValueError, match="matches no workload"):
        subjects(["nothing like it"])


# --- the search ----------------------------------------------------------------------------------


class Synthetic:
    """A machine of two cores: costs with an optimum, noise, spikes and drift."""

    def __init__(self, seed: int, noise: float = 0.03) -> None:
        self._random = np.random.default_rng(seed)
        self._noise, self._clock = noise, 0
        best = 2 ** self._random.integers(0, 5)
        kinds = {"serial": 1.0, "prange": 1.0, "threads": 1.03, "joblib": 2.0}
        self.true: dict[Setting, float] = {}
        for setting in self.settings():
            used, share = min(setting.threads, 2), (setting.bands or 1) / setting.threads
            cost = 4e-3 * (0.1 + 0.9 / used) * kinds[setting.strategy]
            cost *= 1 + 0.04 * abs(np.log2(share / best)) + 0.1 * (setting.threads > 2)
            cost *= {"loky": 12.0, "workqueue": 1.05}.get(setting.backend or setting.layer or "", 1)
            self.true[setting] = cost * np.exp(self._random.normal(0, 0.02))

    @staticmethod
    def settings() -> tuple[Setting, ...]:
        return settings.settings(MEDIUM, (1, 2, 3, 4), ("omp", "workqueue"))

    def measure(self, setting: Setting) -> float:
        self._clock += 1
        seconds = self.true[setting] * np.exp(self._random.normal(0, self._noise))
        if self._random.random() < 0.05:
            seconds *= 1 + self._random.exponential(1)
        return float(seconds * (1 + 0.1 * np.sin(self._clock / 40)))

    def search(self, seed: int = 0, **options: Any) -> Search:
        default = Setting("threads", 2, 8)
        return Search(list(self.true), default, usual, self.measure, seed=seed, **options)


def usual(setting: Setting) -> bool:
    return setting.layer in (None, "omp") and setting.backend != "loky" and setting.threads <= 2


def test_racing_is_as_good_as_exhaustive_in_a_quarter_of_its_runs() -> None:
    good, seeds, repeats = 0, 60, 7
    for seed in range(seeds):
        machine_ = Synthetic(seed)
        search = machine_.search(seed)
        ranking = searches.racing(search, repeats)
        duel(search, ranking, repeats)
        assert search.runs <= len(search.tallies) * repeats / 4
        good += machine_.true[ranking[0]] <= 1.05 * min(machine_.true.values())
    assert good >= 0.93 * seeds


def test_without_noise_racing_finds_the_best_itself() -> None:
    for seed in range(10):
        machine_ = Synthetic(seed)
        search = Search(
            list(machine_.true),
            Setting("threads", 2, 8),
            usual,
            machine_.true.__getitem__,
            seed=seed,
        )
        assert searches.racing(search, 7)[0] == min(machine_.true, key=lambda s: machine_.true[s])


@pytest.mark.parametrize("repeats", [1, 2, 3, 5])
def test_few_repeats_keep_the_bound_on_runs(repeats: int) -> None:
    search = Synthetic(3).search()
    ranking = searches.racing(search, repeats)
    duel(search, ranking, repeats)
    assert ranking
    assert search.runs <= searches.allowance(len(search.tallies), repeats)


def test_exhaustive_runs_everything_as_often() -> None:
    search = Synthetic(1).search()
    ranking = searches.exhaustive(search, 3)
    assert {len(tally.samples) for tally in search.tallies.values()} == {3}
    assert len(ranking) == len(search.tallies)


def test_the_default_is_measured_as_often_as_the_finalists() -> None:
    search = Synthetic(5).search()
    ranking = searches.racing(search, 7)
    duel(search, ranking, 7)
    counts = {s: len(search.tallies[s].samples) for s in ranking}
    # the winner's kind has passes of its own, for the models
    assert counts[search.default] + searches.CURVE_PASSES >= max(counts.values())


def test_hopeless_groups_are_left_and_say_so() -> None:
    search = Synthetic(2).search()
    searches.racing(search, 7)
    left = [tally for tally in search.tallies.values() if not tally.samples]
    assert {tally.setting.backend for tally in left} >= {"loky"}
    assert all("others of its kind" in tally.note for tally in left)
    assert {s.group for s in search.tallies} == {
        s.group for s, tally in search.tallies.items() if len(tally.samples) > 0
    }


def test_a_failing_setting_is_asked_once_and_the_search_goes_on() -> None:
    machine_, asked = Synthetic(4), []

    def measure(setting: Setting) -> float:
        if setting.strategy == "prange":
            asked.append(setting)
            raise FailedError("no such layer")
        return machine_.measure(setting)

    search = Search(list(machine_.true), Setting("threads", 2, 8), usual, measure)
    ranking = searches.racing(search, 7)
    assert asked
    assert len(asked) == len(set(asked))
    assert ranking[0].strategy == "threads"
    assert {search.tallies[s].note for s in asked} == {"no such layer"}


def test_all_settings_may_fail() -> None:
    def measure(setting: Setting) -> float:
        raise FailedError("nothing works")

    search = Search(list(Synthetic(0).true), Setting("threads", 2, 8), usual, measure)
    ranking = searches.racing(search, 7)
    assert ranking == []
    assert duel(search, ranking, 7) is None


def test_time_bounds_the_search_but_not_the_duel() -> None:
    machine_ = Synthetic(6)

    def slow(setting: Setting) -> float:
        time.sleep(2e-3)
        return machine_.measure(setting)

    search = Search(list(machine_.true), Setting("threads", 2, 8), usual, slow, seconds=0.06)
    ranking = searches.racing(search, 7)
    verdict = duel(search, ranking, 7)
    assert search.late()
    assert search.runs < 60
    assert verdict is not None


def test_a_rival_replaces_the_default_only_beyond_the_noise() -> None:
    rival = Setting("prange", 2, 8, "omp")
    steady = Verdict.of(rival, [1.2, 1.21, 1.2], [1.0, 1.0, 1.01])
    assert steady.better
    assert steady.seconds == 1.0
    noisy = Verdict.of(rival, [1.2, 0.7, 1.9, 1.1, 0.9], [1.0] * 5)
    assert not noisy.better
    assert noisy.seconds == noisy.default_seconds == 1.1
    close = Verdict.of(rival, [1.01] * 9, [1.0] * 9)
    assert not close.better
    drifting = Verdict.of(rival, [1.2, 2.4, 3.6, 1.2], [1.0, 2.0, 3.0, 1.0])
    assert drifting.better
    assert drifting.gain == pytest.approx(0.2)


def test_the_default_is_kept_where_all_are_alike() -> None:
    kept = 0
    for seed in range(30):
        random = np.random.default_rng(seed)
        search = Search(
            Synthetic.settings(), Setting("threads", 2, 8), usual,
            lambda setting, random=random: float(np.exp(random.normal(0, 0.05))), seed=seed,
        )  # fmt: skip
        verdict = duel(search, searches.racing(search, 7), 7)
        kept += verdict is None or not verdict.better
    assert kept >= 27


# --- models --------------------------------------------------------------------------------------

COUNTS = (1, 2, 3, 4, 6, 8, 12, 16)


def law(a: float, b: float, n: int) -> float:
    return n / (1 + a * (n - 1) + b * n * (n - 1))


@pytest.mark.parametrize(("a", "b"), [(0.0, 0.0), (0.1, 0.0), (0.05, 0.002), (0.3, 0.01)])
def test_the_models_recover_their_own_parameters(a: float, b: float) -> None:
    speedups = [law(a, b, n) for n in COUNTS]
    fit = models.usl(COUNTS, speedups)
    assert (fit.a, fit.b) == (pytest.approx(a, abs=1e-9), pytest.approx(b, abs=1e-9))
    assert [fit.speedup(n) for n in COUNTS] == pytest.approx(speedups)
    if b:
        assert fit.peak == pytest.approx(np.sqrt((1 - a) / b))
    else:
        assert models.amdahl(COUNTS, speedups).a == pytest.approx(a, abs=1e-9)
        assert fit.peak > 1e3


def test_the_models_bear_noise() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        speedups = [law(0.08, 0.004, n) * np.exp(random.normal(0, 0.02)) for n in COUNTS[1:]]
        fit = models.usl(COUNTS, [1, *speedups])
        assert fit.a == pytest.approx(0.08, abs=0.04)
        assert fit.b == pytest.approx(0.004, abs=0.003)


def test_no_model_has_negative_parameters() -> None:
    better_than_linear = [1, 2.2, 3.5, 4.9]
    fit = models.usl([1, 2, 3, 4], better_than_linear)
    assert (fit.a, fit.b) == (0, 0)
    assert models.amdahl([1, 2, 3, 4], better_than_linear).a == 0


def test_too_few_points_are_said() -> None:
    """As many points as numbers fit exactly, whatever the truth: that is no law."""
    for counts in ([1, 2], [1, 2, 3]):
        with pytest.raises(models.UnderdeterminedError, match="3 thread counts above one are need"):
            models.usl(counts, counts)
    for counts in ([1], [1, 2]):
        with pytest.raises(models.UnderdeterminedError, match="2 thread counts above one are need"):
            models.amdahl(counts, counts)
    with pytest.raises(models.UnderdeterminedError, match="3 thread counts"):
        models.knee([1, 2], [1, 2])
    assert "3 points only" in models.usl([1, 2, 3, 4], [1, 1.9, 2.7, 3.4]).note
    assert models.usl(COUNTS, COUNTS).note == ""


def test_karp_and_flatt_find_the_serial_share() -> None:
    for n in COUNTS[1:]:
        assert models.karp_flatt(n, law(0.07, 0, n)) == pytest.approx(0.07)


def test_the_knee_is_found() -> None:
    found = models.knee(COUNTS, [min(10.0 * n, 35) for n in COUNTS])
    assert (found.single, found.ceiling) == (pytest.approx(10), pytest.approx(35))
    assert found.threads == pytest.approx(3.5)
    assert np.isinf(models.knee(COUNTS, [10.0 * n for n in COUNTS]).ceiling)
    shuffled = models.knee([8, 1, 4, 2], [20, 10, 20, 20])
    assert shuffled.threads == pytest.approx(2)


def test_curves_leave_oversubscribed_points_to_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = {1: 1.0, 2: 0.55, 3: 0.8, 4: 0.9}
    curve = scaling.Curve("threads", 2, seconds)
    assert set(curve.inside) == {1, 2}
    assert [row["oversubscribed"] for row in curve.points()] == [False, False, True, True]
    assert curve.points()[1]["efficiency"] == pytest.approx(1 / 1.1)
    monkeypatch.setattr(ceilings, "load", lambda threads: None)
    told = [law.text for law in curve.laws(MEDIUM.problem)]
    assert told[0] == "Amdahl: 2 thread counts above one are needed, there is 1"
    assert told[1] == "USL: 3 thread counts above one are needed, there is 1"
    assert "`parconv ceilings`" in told[3]
    fast = ceilings.Ceilings(2, 1.0, 1.0, 1e-9 * MEDIUM.problem.bytes * 3)
    monkeypatch.setattr(ceilings, "load", lambda threads: fast)
    assert curve.laws(MEDIUM.problem)[3].text == "measured bandwidth: at 3.0 threads"


def test_curves_tell_the_slow_calls_of_the_best_bands() -> None:
    samples = {(1, 1): [4.0] * 20, (2, 2): [2.0] * 15 + [9.0] * 5, (2, 8): [3.0] * 20}
    tallies = {
        setting: Tally(setting, each)
        for (threads, bands), each in samples.items()
        for setting in [Setting("threads", threads, bands)]
    }
    (curve,) = scaling.curves(tallies, 2)
    assert (curve.seconds, curve.slow) == ({1: 4.0, 2: 2.0}, {1: 4.0, 2: 9.0})
    assert [row["p95"] for row in curve.points()] == [4.0, 9.0]


def test_without_scipy_the_law_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    monkeypatch.setitem(sys.modules, "scipy", None)
    laws = scaling.Curve("threads", 4, {1: 1.0, 2: 0.6, 3: 0.5, 4: 0.4}).laws(MEDIUM.problem)
    assert "scipy" in laws[1].text
    assert "pip install" in laws[1].text
    assert laws[0].speedup is not None


# --- the journal ---------------------------------------------------------------------------------


def count(calls: list[Setting]) -> Callable[[Setting], float]:
    def measure(setting: Setting) -> float:
        calls.append(setting)
        if setting.threads == 3:
            raise FailedError("three is unlucky")
        return float(len(calls))

    return measure


def test_a_journal_gives_back_what_it_holds(tmp_path: Path) -> None:
    first, second, unlucky = (Setting("threads", n, 8) for n in (1, 2, 3))
    calls: list[Setting] = []
    with Journal(tmp_path, {"seed": 1}, resume=False) as journal:
        run = journal.recorded("a", count(calls))
        assert [run(first), run(second), run(first)] == [1, 2, 3]
        with pytest.raises(FailedError, match="unlucky"):
            run(unlucky)
    with open(tmp_path / NAME, "a", encoding="utf-8") as file:
        file.write('{"subject": "a", "sett')  # a kill in the middle of a line
    again: list[Setting] = []
    with Journal(tmp_path, {"seed": 1}, resume=True) as journal:
        run = journal.recorded("a", count(again))
        assert [run(second), run(first), run(first)] == [2, 1, 3]
        with pytest.raises(FailedError, match="unlucky"):
            run(unlucky)
        assert again == []
        assert journal.recorded("b", count(again))(first) == 1
        assert run(first) == 2
    assert len(again) == 2
    lines = (tmp_path / NAME).read_text(encoding="utf-8").splitlines()
    assert len(list(map(json.loads, lines))) == 1 + 4 + 2


def test_a_journal_is_not_mixed_with_another(tmp_path: Path) -> None:
    with Journal(tmp_path, {"seed": 1}, resume=False):
        pass
    with pytest.raises(ValueError, match="--resume"):
        Journal(tmp_path, {"seed": 1}, resume=False)
    with pytest.raises(ValueError, match=r"another sweep .*seed 1, now 2"):
        Journal(tmp_path, {"seed": 2}, resume=True)
    lines = (tmp_path / NAME).read_text(encoding="utf-8").replace('"cores": "', '"cores": "9')
    (tmp_path / NAME).write_text(lines, encoding="utf-8")
    with pytest.raises(ValueError, match="another machine"):
        Journal(tmp_path, {"seed": 1}, resume=True)
    (tmp_path / NAME).write_text("[]\n{}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="damaged"):
        Journal(tmp_path, {"seed": 1}, resume=True)
    (tmp_path / NAME).write_text("", encoding="utf-8")
    with Journal(tmp_path, {"seed": 1}, resume=True) as journal:
        assert journal.recorded("a", lambda setting: 2.0)(Setting("serial", 1, 1)) == 2


# --- processes -----------------------------------------------------------------------------------

ECHO = """
import json, os, sys, time
print(json.dumps({"layer": os.environ["NUMBA_THREADING_LAYER"]}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    bands = request.get("setting", {}).get("bands")
    if bands == 7:
        print("bad luck", file=sys.stderr)
        os._exit(3)
    if bands == 8:
        time.sleep(60)
    answer = {"error": "ValueError: no"} if bands == 9 else {"seconds": os.getpid()}
    print(json.dumps({} if "subject" in request else answer), flush=True)
"""


def echo(layers: tuple[str, ...] = ("omp", "tbb"), timeout: float = 30.0) -> pool.Pool:
    return pool.Pool(layers, 4, "omp", timeout, ECHO)


def test_settings_run_in_the_process_of_their_layer() -> None:
    with echo() as workers:
        workers.introduce({}, "parconv")
        found = {
            layer: workers.measure(Setting("prange", 2, 1, layer)) for layer in ("omp", "tbb", None)
        }
        assert found["omp"] == found[None] != found["tbb"]
        assert workers.absent == {}


def test_a_dead_or_silent_process_is_a_failed_setting_and_replaced() -> None:
    with echo(("omp",), timeout=2.0) as workers:
        workers.introduce({}, "parconv")
        first = workers.measure(Setting("threads", 2, 1))
        with pytest.raises(FailedError, match="status 3: bad luck"):
            workers.measure(Setting("threads", 2, 7))
        second = workers.measure(Setting("threads", 2, 1))
        with pytest.raises(FailedError, match="no answer within 2 s"):
            workers.measure(Setting("threads", 2, 8))
        with pytest.raises(FailedError, match="ValueError: no"):
            workers.measure(Setting("threads", 2, 9))
        third = workers.measure(Setting("threads", 2, 1))
        assert len({first, second, third}) == 3
    for pid in (first, second, third):
        assert not running(int(pid))


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_absent_layer_is_named_with_its_reason_and_the_mend() -> None:
    with echo(("omp", "tbb")) as workers:
        assert workers.layers == ("omp", "tbb")
    refusing = 'print(\'{"error": "No threading layer could be loaded."}\', flush=True)'
    with pool.Pool(("tbb",), 2, "omp", 30.0, refusing) as workers:
        assert workers.layers == ()
        assert "No threading layer" in workers.absent["tbb"]
        assert workers.absent["tbb"].endswith("loaded: `pip install tbb`")
        with pytest.raises(FailedError, match="tbb"):
            workers.measure(Setting("prange", 2, 4, "tbb"))
    with pool.Pool(("omp",), 2, "omp", 30.0, "raise SystemExit('cannot start')") as workers:
        assert "cannot start" in workers.absent["omp"]


# --- a whole sweep -------------------------------------------------------------------------------


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A table of one tiny workload, and a directory to work in."""
    monkeypatch.setattr(
        "parconv.experiments.tune.subjects.WORKLOADS",
        (Workload("tiny", (150, 90), (3, 3)), *WORKLOADS),
    )
    monkeypatch.setattr(sweep, "LAYERS", (budget.threading_layer(),))
    monkeypatch.setattr("parconv.experiments.steadiness.spread", lambda threads: 0.01)
    monkeypatch.setenv("PARCONV_WISDOM", str(tmp_path / "wisdom"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


TUNE = ("tune", "tiny 150x90 3x3 float32", "--threads", "1,2", "--repeats", "2")


def test_a_sweep_from_the_command_line(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*TUNE, "--output", "out", "--save", "--force"]) == 0
    told = capsys.readouterr().out
    results = json.loads((tiny / "out/results.json").read_text(encoding="utf-8"))
    (found,) = results["workloads"]
    assert found["runs"] <= found["exhaustive_runs"] / 4
    assert not [row for row in found["settings"] if row["status"] == "failed"], told
    assert {row["strategy"] for row in found["settings"]} == set(STRATEGIES)
    assert found["chosen"]["strategy"] in STRATEGIES
    assert [law["text"] for curve in found["scaling"] for law in curve["laws"].values()]
    with open(tiny / "out/results.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(found["settings"])
    assert {"median", "quartile1", "quartile3", "p95", "mad", "status"} <= set(rows[0])
    assert "  95th percentile: 1: " in told
    assert (tiny / "out/tiny-150x90-3x3-float32.png").read_bytes().startswith(b"\x89PNG")
    assert "wisdom for conv2d 150x90" in told
    saved = wisdom.recall(TINY.problem, budget.thread_budget())
    assert saved is not None
    assert saved.strategy == found["chosen"]["strategy"]
    assert not list(tiny.glob("parconv-tune-*"))

    before = (tiny / "out" / NAME).read_bytes()
    assert cli.main([*TUNE, "--output", "out"]) == 2
    assert "--resume" in capsys.readouterr().err
    assert cli.main([*TUNE, "--output", "out", "--resume"]) == 0
    assert (tiny / "out" / NAME).read_bytes() == before


def test_what_a_sweep_refuses(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tiny / "file").touch()
    for arguments, told in (
        (["tune", "no such row"], "matches no workload"),
        ([*TUNE, "--repeats", "0"], "repeats is 0"),
        ([*TUNE, "--budget", "0"], "budget is 0"),
        ([*TUNE, "--threads", "0"], "threads is '0'"),
        ([*TUNE, "--implementation", "magic"], "implementation 'magic' is not known"),
        ([*TUNE, "--implementation", "naive", "--save"], "--save is for parconv"),
        ([*TUNE, "--force"], "--force is for --save"),
        ([*TUNE, "--output", "file"], "output file is a file"),
        ([*TUNE, "--output", "no/where"], "there is no directory"),
        (["tune", "medium 1024x1024 7x7", "--implementation", "gather"], "3x3"),
    ):
        assert cli.main(arguments) == 2, arguments
        assert told in capsys.readouterr().err
    assert [path.name for path in tiny.iterdir()] == ["file"]


def test_saving_needs_wisdom_turned_on(
    tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARCONV_WISDOM", "off")
    assert cli.main([*TUNE, "--save"]) == 2
    assert "PARCONV_WISDOM is off" in capsys.readouterr().err
    assert not (tiny / "parconv-tune").exists()


def test_loops_on_numba_threads_are_swept_by_layer(tiny: Path) -> None:
    assert cli.main([*TUNE, "--implementation", "segments", "--output", "out"]) == 0
    (found,) = json.loads((tiny / "out/results.json").read_text(encoding="utf-8"))["workloads"]
    assert {row["layer"] for row in found["settings"]} == {budget.threading_layer()}
    assert {row["status"] for row in found["settings"]} == {"measured"}


def test_a_baseline_is_swept_too(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*TUNE, "--implementation", "im2col", "--output", "out"]) == 0
    (found,) = json.loads((tiny / "out/results.json").read_text(encoding="utf-8"))["workloads"]
    assert {(row["threads"], row["blas"]) for row in found["settings"]} == {(1, 1), (2, 2)}
    assert {row["status"] for row in found["settings"]} == {"measured"}
    assert "BLAS limit" in capsys.readouterr().out


def synthetic_outcome(fastest: Setting | None = None) -> outcome.Outcome:
    tallies = {
        s: Tally(s, [1e-3 / s.threads, 1.1e-3 / s.threads])
        for s in (Setting("threads", n, 8) for n in (1, 2, 3, 4))
    }
    best = fastest or Setting("threads", 2, 8)
    tallies.setdefault(best, Tally(best, [1e-4]))
    default = Setting("threads", 2, 8)
    return outcome.Outcome(TINY, "parconv", tallies, default, [best], None, 8, 28, 2, False, 0.0)


def test_wisdom_of_a_small_problem_serves_calls_that_name_no_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARCONV_WISDOM", str(tmp_path))
    found = synthetic_outcome()
    assert found.save() is None  # nothing was compared
    two = Verdict.of(Setting("threads", 2, 8), [2.0] * 5, [1.0] * 5)
    assert replace(found, verdict=two).save() is not None
    assert wisdom.recall(TINY.problem, 1) is None
    one = Verdict.of(Setting("serial", 1, 4), [2.0] * 5, [1.0] * 5)
    replace(found, verdict=one).save()
    for threads in (1, 2):
        saved = wisdom.recall(TINY.problem, threads)
        assert saved is not None
        assert (saved.strategy, saved.bands) == ("serial", 4)
        assert (saved.seconds, saved.default_seconds) == (1.0, 2.0)


@pytest.mark.parametrize(
    ("around", "ratios", "saved"),
    [(0.1, [2.0] * 5, True), (0.9, [2.0] * 5, False), (0.1, [2.0, 20.0, 3.0, 40.0, 9.0], False)],
    ids=["steady", "busy machine", "noisy verdict"],
)
def test_wisdom_of_a_busy_machine_is_not_saved(
    around: float, ratios: list[float], saved: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later processes would follow it: it was, with a noise of 263 %."""
    monkeypatch.setenv("PARCONV_WISDOM", str(tmp_path))
    verdict = Verdict.of(Setting("threads", 2, 8), ratios, [1.0] * 5)
    found = replace(synthetic_outcome(), verdict=verdict, around=around)
    lines = report.save(sweep.Sweep((found,), {}))
    told = next(lines)
    assert (wisdom.recall(TINY.problem, 2) is not None) == saved
    if saved:
        assert list(lines) == []
        return
    assert "not saved: times of the same work differ by" in told
    with pytest.raises(ValueError, match=r"25 % at most are believed.*; .*--force"):
        next(lines)
    assert not list(tmp_path.iterdir())
    assert "not saved" not in next(report.save(sweep.Sweep((found,), {}), force=True))
    assert wisdom.recall(TINY.problem, 2) is not None


def test_wisdom_of_a_truncated_search_is_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was, from 19 of 315 runs."""
    monkeypatch.setenv("PARCONV_WISDOM", str(tmp_path))
    verdict = Verdict.of(Setting("threads", 2, 8), [2.0] * 5, [1.0] * 5)
    found = replace(synthetic_outcome(), verdict=verdict, truncated=True)
    lines = report.save(sweep.Sweep((found,), {}))
    assert "not saved: time ran out after 8 of 28 runs: --budget gives more" in next(lines)
    with pytest.raises(ValueError, match=r"time ran out .* --force saves it all the same"):
        next(lines)
    assert not list(tmp_path.iterdir())
    assert "not saved" not in next(report.save(sweep.Sweep((found,), {}), force=True))


@pytest.mark.parametrize("find", [searches.racing, searches.exhaustive])
def test_a_search_knows_that_it_was_cut_short(find: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("parconv.experiments.tune.search.time.monotonic", lambda: now[0])

    def measure(setting: Setting) -> float:
        now[0] += 1
        return 1.0

    settings = [Setting("threads", n, 8) for n in range(1, 9)]
    for seconds, truncated in ((3.0, True), (1e6, False), (None, False)):
        found = Search(settings, settings[0], lambda _: True, measure, seconds=seconds)
        find(found, 3)
        assert found.truncated is truncated


def test_without_matplotlib_there_is_no_picture_but_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "parconv.experiments.tune.plot", raising=False)
    found = sweep.Sweep((synthetic_outcome(),), {"tbb": "not here"})
    lines = list(report.write(found, tmp_path))
    assert [line.split()[0] for line in lines] == ["written:", "written:", "no"]
    assert "pip install parconv[all]" in lines[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.csv", "results.json"]


def test_the_table_names_what_is_missing() -> None:
    text = io.StringIO()
    found = sweep.Sweep((synthetic_outcome(),), {"tbb": "not here"})
    report.show(found, Console(file=text, width=200))
    told = text.getvalue()
    assert "threading layer tbb: not here" in told
    assert "threads, 2 threads, 8 bands (default)" in told
    assert "fastest of all" not in told


def test_a_winner_that_no_ordinary_process_is_like_is_named() -> None:
    told = io.StringIO()
    fastest = Setting("joblib", 2, 4, None, "loky")
    report.show(sweep.Sweep((synthetic_outcome(fastest),), {}), Console(file=told, width=200))
    assert "fastest of all" in told.getvalue()
    assert "joblib loky, 2 threads, 4 bands" in told.getvalue()


@pytest.mark.skipif(os.name != "posix", reason="signals a process group")
def test_an_interrupt_leaves_nothing_but_the_samples(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "parconv", "tune", "small 512x512", "--output"]
    process = subprocess.Popen(
        [*command, str(tmp_path / "out")], env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        # what a shell runs in its background is deaf to interrupts, and so are its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    samples = tmp_path / "out" / NAME
    deadline = time.monotonic() + 60
    while not (samples.exists() and samples.read_bytes().count(b"\n") > 3):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == cli.INTERRUPTED
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [NAME]
