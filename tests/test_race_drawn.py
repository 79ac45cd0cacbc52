"""Distrusts the race over workloads drawn at random: what is counted, and what runs."""

import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RunPython
from rich.console import Console

from parconv import cli
from parconv.codegen import machine
from parconv.experiments import ceilings
from parconv.experiments.race import Report, Workload, drawn, duel, shares, units
from parconv.experiments.race.layers import Layer
from parconv.experiments.race.peers import OURS
from parconv.experiments.race.report import PLAIN, PLANNED, Result, Row
from parconv.experiments.timing import Timing
from parconv.runtime.ceilings import Ceilings

FIXED = Ceilings(1, 100.0, 50.0, 10.0)


def result(name: str, seconds: float) -> Result:
    timing = Timing.of([seconds], 1)
    return Result(name, "raced", 0, 0, False, False, timing, timing)


def row(workload: Any, plain: float, planned: float, *peers: float) -> Row:
    """Seconds of ours in both ways, and of peers."""
    rivals = (result(f"peer{n}", seconds) for n, seconds in enumerate(peers))
    results = (result("parconv", plain), *rivals)
    return Row(workload, FIXED, "direct", 1, 1, 1, 1, results, result("planned", planned))


IMAGE = Workload("random", (9, 9), (3, 3))
LAYERS = {
    "NCHW dense": Layer("random", (1, 4, 9, 9), (6, 4, 3, 3)),
    "NHWC dense": Layer("random", (1, 4, 9, 9), (6, 4, 3, 3), last=True),
    "NCHW depthwise": Layer("random", (1, 4, 9, 9), (8, 1, 3, 3), groups=4),
    "NHWC depthwise": Layer("random", (1, 4, 9, 9), (4, 1, 3, 3), groups=4, last=True),
    "banks": Layer("random", (2, 1, 9, 9), (4, 1, 3, 3)),
}
ROWS = (
    row(IMAGE, 2.0, 1.0, 4.0, 9.0), row(IMAGE, 2.0, 1.0, 1.0), row(IMAGE, 1.0, 1.0),
    row(IMAGE, 1.0, 4.0, 2.0),
)  # fmt: skip


def test_ratios_are_to_the_best_peer_and_rows_without_any_do_not_count() -> None:
    plain, planned = shares.shares(ROWS)
    assert (plain.way, planned.way, plain.rows, planned.rows) == (PLAIN, PLANNED, 3, 3)
    assert plain.mean == pytest.approx((2 * 0.5 * 2) ** (1 / 3))
    assert planned.mean == pytest.approx((4 * 1 * 0.5) ** (1 / 3))
    assert (plain.below, planned.below) == ((1 / 3, 1 / 3), (1 / 3, 2 / 3))
    assert (plain.least, planned.least) == (0.5, 0.5)
    assert [ratio for ratio, _ in shares.worst(ROWS)] == [0.5, 1, 4]


@pytest.mark.parametrize("kind", LAYERS)
def test_layers_are_counted_apart(kind: str) -> None:
    assert shares.kind_of(row(LAYERS[kind], 1, 1, 1)) == kind
    assert shares.kind_of(ROWS[0]) == "images"


def test_all_is_told() -> None:
    console = Console(file=io.StringIO(), width=200)
    shares.show(Report({"cpu": "none"}, {}, ("torch",), ROWS), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(word in text for word in ("not installed: torch", "33 %", "67 %", "peer0"))


@pytest.mark.parametrize("kind", ["images", "layers", "banks"])
def test_shares_of_choices_are_as_stated(kind: str) -> None:
    every = drawn.drawn([kind], 7, 400)
    if kind == "images":
        bytes_ = np.mean([one.dtype == "uint8" for one in every])  # type: ignore[union-attr]
        assert abs(bytes_ - drawn.DTYPES["uint8"] / sum(drawn.DTYPES.values())) < 0.08
        sides = np.array([one.shape for one in every])  # type: ignore[union-attr]
        assert sides.min() < 30
        assert sides.max() > 3000
        assert (sides.prod(1) <= drawn.MOST_PIXELS).all()
    else:
        assert all(2 * one.filters[0] < 2**20 for one in every)  # type: ignore[union-attr]
        assert len({one.image for one in every}) > 300


def test_ways_to_call_us_agree_on_the_results_type() -> None:
    """Of small crops of what is drawn: the plan, and the function that a filter is named after."""
    for one in drawn.drawn(["images"], 5, 60):
        assert isinstance(one, Workload)
        small = replace(one, shape=tuple(min(n, 70) for n in one.shape))
        f, g = small.arrays()
        found = [
            OURS.prepare(replace(small, planned=planned), f, g, 1)(None)  # type: ignore[misc]
            for planned in (False, True)
        ]
        assert [result.dtype.name for result in found] == [one.kind] * 2


@pytest.mark.parametrize(("kinds", "number"), [(["image"], 3), ([], 3), (["images"], 0)])
def test_what_cannot_be_drawn_is_refused(kinds: list[str], number: int) -> None:
    with pytest.raises(ValueError, match="pass some of"):
        drawn.drawn(kinds, 1, number)


def test_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = tuple(Workload("random", (12, 14), (n, n), method="auto") for n in (3, 5))
    monkeypatch.setattr(drawn, "drawn", lambda kinds, seed, number: tiny[:number])
    monkeypatch.setattr(duel, "REGIME_SECONDS", 0.0)
    monkeypatch.setattr(ceilings, "measure", lambda threads: Ceilings(threads, 100, 50, 10))
    target = tmp_path / "race.json"
    options = ["--random", "2", "--seed", "4", "--peers", "scipy", "--threads", "1"]
    assert cli.main(["race", *options, "--json", str(target)]) == 0
    found = json.loads(target.read_text())
    assert found["seed"] == 4
    assert [(one["kind"], one["way"], one["rows"]) for one in found["shares"]] == [
        ("images", "plain", 2), ("images", "planned", 2),
    ]  # fmt: skip
    assert "worst, planned" in capsys.readouterr().out
    for wrong in (
        ["--only", "big"], ["--pause", "20"], ["--busy", "1"], ["--calls", "9"], ["--repeats", "0"],
    ):  # fmt: skip
        assert cli.main(["race", "--random", "2", *wrong]) == 2
    assert cli.main(["race", "--only", "big", "--isa", "avx2"]) == 2
    assert cli.main(["race", "--random", "2", "--isa", "sse9"]) == 2
    assert "pass one of avx2" in capsys.readouterr().err


def test_a_process_of_another_vector_unit_is_one_in_which_all_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *given: started.append(given))
    assert not units.restarted("avx2")
    ((_, _, environment),) = started
    assert units.ISAS["avx2"].items() <= environment.items()
    monkeypatch.setenv(units.MARK, "avx2")
    assert units.restarted("avx2")


@pytest.mark.skipif(not machine.IS_X86, reason="asks for AVX2")
def test_that_process_computes_with_it(run_python: RunPython) -> None:
    found = run_python(
        "from parconv.experiments.race import units; print(units.told()[0])",
        env=units.environment("avx2"),
    )
    assert "256 bits" in found.stdout
