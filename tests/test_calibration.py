"""Distrusts what methods' costs are multiplied by: the fit, the record, and who obeys it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import parconv
from parconv.codegen import machine
from parconv.experiments.steadiness import UnsteadyError
from parconv.experiments.tune import methods
from parconv.experiments.tune.methods import Calibration, Row
from parconv.planner import calibration, choice

F, G = np.empty((600, 700), np.float32), np.outer([1, 4, 6, 4, 1, 2], [1.0, 3, 3, 1, 2, 4])
RAW = Calibration({"planes float32 direct": 2.0}, [1.2], [1.1], 9, 0.01)


@pytest.fixture(autouse=True)
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this test's records lie."""
    monkeypatch.setenv("PARCONV_WISDOM", str(tmp_path / "wisdom"))
    calibration.factors.cache_clear()
    choice.forget()
    yield tmp_path / "wisdom"
    calibration.factors.cache_clear()
    choice.forget()


def chosen(dtype: str = "f4") -> str:
    return parconv.plan2d(F.astype(dtype), G, threads=1).method


def save(factors: dict[str, float], **more: object) -> Path:
    path = calibration.remember(
        {"factors": factors, "measured": "2026-11-28", "spread": 0.01, "forced": False, **more}
    )
    choice.forget()
    return path


def rows(true: dict[str, float], number: int, noise: float = 0.0) -> list[Row]:
    """Problems whose costs are wrong by ``true``, and by something of each problem's own."""
    rng, found = np.random.default_rng(number), []
    for n in range(number):
        seconds = {name: float(rng.uniform(1, 2)) for name in true}
        own = float(np.exp(rng.normal()))
        off = {name: float(np.exp(noise * rng.normal())) for name in true}
        costs = {name: seconds[name] / true[name] * own * off[name] for name in true}
        found.append(
            Row(
                str(n),
                min(costs, key=costs.__getitem__),
                seconds,
                costs,
                dict(zip(true, true, strict=True)),
            )
        )
    return found


def test_the_fit_finds_what_costs_are_wrong_by() -> None:
    true = {"a": 1.0, "b": 2.0, "c": 0.5}
    found = methods.fitted(rows(true, 40))
    for name, value in true.items():
        assert found[name] / found["a"] == pytest.approx(value)
    noisy = methods.fitted(rows(true, 200, 0.2))
    assert noisy["b"] / noisy["a"] == pytest.approx(2, rel=0.15)


def test_what_is_far_from_the_best_does_not_count() -> None:
    near = rows({"a": 1.0, "b": 2.0}, 20)
    far = [
        Row(r.name, r.auto, r.seconds | {"c": 100.0}, r.costs | {"c": 1.0}, r.keys | {"c": "c"})
        for r in near
    ]
    assert methods.fitted(far) == methods.fitted(near)
    assert methods.fitted(near[:3]) == {}
    assert methods.fitted([]) == {}


def test_factors_decide_what_is_chosen() -> None:
    usual, of_doubles = chosen(), chosen("f8")
    assert "by times of" not in parconv.plan2d(F, G, threads=1).explain()
    path = save({f"planes float32 {usual}": 16.0})
    assert path.name == "methods.json"
    other = chosen()
    assert other != usual
    assert "rule, by times of 2026-11-28" in parconv.plan2d(F, G, threads=1).explain()
    assert parconv.plan2d(F, G, threads=1, method=usual).method == usual
    assert chosen("f8") == of_doubles  # of other sums


def test_what_is_known_of_a_processor_decides_too(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = chosen()
    monkeypatch.setattr(calibration, "SHIPPED", {machine.target(): {usual: 16.0}})
    choice.forget()
    assert chosen() != usual
    save({f"planes float32 {usual}": 1 / 16})  # what is measured comes on top
    assert chosen() == usual
    monkeypatch.setattr(calibration, "SHIPPED", {"another": {usual: 16.0}})
    save({})
    assert chosen() == usual


@pytest.mark.parametrize(
    "wrong",
    [{"factors": {"planes float32 rows": 1e9}}, {"factors": {"planes float32 rows": "2"}},
     {"factors": [2.0]}, {"factors": {"planes float32 rows": float("nan")}}, {"kernels": "others"},
     {"spread": 9.0}, {"spread": None}],
)  # fmt: skip
def test_a_record_that_cannot_be_is_none(wrong: dict[str, object]) -> None:
    usual = chosen()
    save(**{"factors": {f"planes float32 {usual}": 16.0}, **wrong})  # type: ignore[arg-type]
    assert chosen() == usual


def test_a_damaged_file_is_none() -> None:
    usual = chosen()
    path = save({f"planes float32 {usual}": 16.0})
    path.write_text(path.read_text()[:-9])
    calibration.factors.cache_clear()
    choice.forget()
    assert chosen() == usual


def test_it_is_turned_off_with_wisdom(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = chosen()
    save({f"planes float32 {usual}": 16.0})
    monkeypatch.setenv("PARCONV_WISDOM", "off")
    calibration.factors.cache_clear()
    choice.forget()
    assert chosen() == usual
    with pytest.raises(ValueError, match="PARCONV_WISDOM is off"):
        RAW.save(False)


def test_only_what_helps_is_saved(recorded: Path) -> None:
    worse = Calibration({"planes float32 direct": 2.0}, [1.0, 1.1], [1.2, 1.3], 9, 0.01)
    assert "not saved" in worse.save(False)
    assert not recorded.exists()
    assert "saved in" in RAW.save(False)
    assert calibration.factors() == RAW.factors


def faked(number: int) -> Callable[..., Iterator[Row]]:
    return lambda *_: iter(rows({"planes float32 direct": 1.0, "planes float32 rows": 3.0}, number))


def test_problems_that_took_no_part_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "rows", faked(80))
    monkeypatch.setattr(methods.steadiness, "spread", lambda threads: 0.01)
    found = methods.calibrate(["images"], 1, 80, 1.0, False, lambda *_: None)
    assert found.helps
    assert np.mean(found.after) == pytest.approx(1)
    assert found.problems == 80
    monkeypatch.setattr(methods, "rows", faked(3))
    with pytest.raises(ValueError, match="3 problems are too few"):
        methods.calibrate(["images"], 1, 3, 1.0, True, lambda *_: None)
    monkeypatch.setattr(methods, "rows", faked(80))
    monkeypatch.setattr(methods.steadiness, "spread", lambda threads: 9.0)
    with pytest.raises(UnsteadyError, match="too busy"):
        methods.calibrate(["images"], 1, 80, 1.0, False, lambda *_: None)


def test_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], recorded: Path
) -> None:
    from parconv.cli import main

    monkeypatch.setattr(methods, "rows", faked(80))
    monkeypatch.setattr(methods.steadiness, "spread", lambda threads: 0.01)
    assert main(["tune", "--methods", "--number", "80", "--save"]) == 0
    told = capsys.readouterr().out
    assert "direct" in told
    assert "p99" in told
    assert json.loads(next(recorded.rglob("methods.json")).read_text())["problems"] == 80
    assert main(["tune", "--methods", "small"]) == 2
    assert "one of the three" in capsys.readouterr().err
    assert main(["tune"]) == 2
