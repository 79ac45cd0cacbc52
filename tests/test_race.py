"""The race and the demo on tiny images: their verdicts, arithmetic and files; never their times."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from rich.console import Console

from parconv import cli
from parconv.ceilings import Ceilings
from parconv.experiments import ceilings, demo, images, peers, race, report, workloads
from parconv.experiments.peers import PEERS, Peer
from parconv.experiments.report import FRESH, REUSED, Report, Result, Row, Timing
from parconv.experiments.workloads import WORKLOADS, Workload

TINY = (
    Workload("tiny", (40, 51), (3, 3)),
    Workload("tiny", (40, 51), (4, 6)),
    Workload("tiny", (40, 51), (4, 6), correlation=True),
    Workload("tiny", (40, 51), (5, 1), "float64", boundary="edge"),
    Workload("tiny", (33, 20), (5, 3), parent=(60, 70), offset=(13, 7)),
    Workload("tiny", (40, 51), (3, 5), boundary="constant"),
    Workload("tiny", (40, 51), (3, 5), boundary="wrap"),
    Workload("tiny", (40, 51), (5, 3), planned=True),
)
FIXED = Ceilings(1, 100.0, 50.0, 10.0)


@pytest.fixture(autouse=True)
def _quick_ceilings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceilings, "measure", lambda threads: Ceilings(threads, 100, 50, 10))


def fake_peer(name: str, change: Callable[[Any], Any]) -> Peer:
    """A competitor that changes the right answer."""

    def prepare(workload: Workload, f: Any, g: Any, threads: int) -> peers.Run:
        right = peers.OURS.prepare(workload, f, g, threads)
        assert right is not None
        return lambda out: change(right(None))

    return Peer(name, "numpy", prepare, reuses=False)


def test_installed_peers_agree_on_every_tiny_workload() -> None:
    found = race.race(TINY, [1], PEERS, repeats=2)
    installed = {peer.name for peer in PEERS if peer.installed}
    assert set(found.versions) == {"parconv", *installed}
    assert set(found.missing) == {peer.name for peer in PEERS} - installed
    for row in found.rows:
        assert {result.name for result in row.results} == {"parconv", *installed}
        assert all(result.status in ("raced", "cannot") for result in row.results), row
    raced = {result.name for row in found.rows for result in row.rivals}
    assert raced == installed


def test_a_peer_with_wrong_numbers_is_reported_and_not_raced() -> None:
    liars = (
        fake_peer("shifted", lambda result: np.roll(result, 1, axis=0)),
        fake_peer("nan", lambda result: result * np.nan),
        fake_peer("cropped", lambda result: result[1:]),
        fake_peer("double", lambda result: result.astype(np.float64)),
        fake_peer("honest", lambda result: result),
    )
    found = race.race(TINY[:1], [1], liars, repeats=2)
    (row,) = found.rows
    verdicts = {result.name: result.status for result in row.results[1:]}
    assert verdicts.pop("honest") == "raced"
    assert set(verdicts.values()) == {"differs"}
    best = row.best(REUSED)
    assert best is not None
    assert best.label == "honest*"
    text = shown(found)
    assert "differs: shifted in tiny 40x51 3x3 float32, threads 1" in text


def test_a_missing_peer_is_listed() -> None:
    ghost = Peer("ghost", "no_such_module_at_all", lambda *_: None, reuses=False)
    found = race.race(TINY[:1], [1], [ghost], repeats=1)
    assert found.missing == ("ghost",)
    assert "not installed: ghost" in shown(found)
    assert found.rows[0].best(REUSED) is None
    assert found.rows[0].ratio(FRESH) is None


def shown(found: Report) -> str:
    text = io.StringIO()
    report.show(found, Console(file=text, width=220))
    return text.getvalue()


def timed(name: str, reused: float, fresh: float) -> Result:
    return Result(
        name,
        "raced",
        reused=Timing(reused, reused, reused, 7, 1),
        fresh=Timing(fresh, fresh, fresh, 7, 1),
    )


def test_ratio_best_peer_and_percent_of_limit() -> None:
    results = (
        timed("parconv", 0.002, 0.004),
        timed("slow", 0.02, 0.005),
        timed("quick", 0.005, 0.006),
        Result("liar", "differs", 3.0),
    )
    compute = Row(WORKLOADS[0], FIXED, flops=1e8, nbytes=1e6, results=results)
    best = {regime: compute.best(regime) for regime in (REUSED, FRESH)}
    assert [peer.name if peer else None for peer in best.values()] == ["quick", "slow"]
    assert compute.ratio(REUSED) == pytest.approx(2.5)
    assert compute.ratio(FRESH) == pytest.approx(1.25)
    assert compute.ratio(REUSED, results[1]) == pytest.approx(10)
    assert compute.percent_of_limit(REUSED) == pytest.approx(50)  # 1 ms of flops
    memory = Row(WORKLOADS[0], FIXED, flops=1e6, nbytes=1e7, results=results)
    assert memory.percent_of_limit(FRESH) == pytest.approx(25)  # 1 ms of bytes


def test_timing_takes_quartiles_of_rounds() -> None:
    timing = Timing.of([3.0, 1.0, 2.0, 5.0, 4.0], calls=9)
    assert (timing.quartile1, timing.median, timing.quartile3) == (2, 3, 4)
    assert (timing.rounds, timing.calls) == (5, 9)


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5e-6, "0.00250"), (0.0123, "12.3"), (0.25, "250"), (2.5, "2500")]
)
def test_milliseconds(seconds: float, text: str) -> None:
    assert report.milliseconds(seconds) == text


def test_slow_peers_get_few_rounds_and_one_regime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "SLOW_SECONDS", 0.0)
    row = race.race_row(TINY[0], 1, [fake_peer("tortoise", lambda result: result)], repeats=7)
    tortoise = row.results[1]
    assert tortoise.label == "tortoise*†"
    assert tortoise.reused is not None
    assert tortoise.reused.rounds == race.SLOW_ROUNDS
    assert tortoise.fresh == tortoise.reused


def test_command_writes_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workloads, "WORKLOADS", TINY)
    target = tmp_path / "race.json"
    options = ("--only", "tiny 40x51 3x*", "--threads", "1,2", "--repeats", "3")
    assert cli.main(["race", *options, "--peers", "scipy", "--json", str(target)]) == 0
    output = capsys.readouterr().out
    assert "tiny 40x51 3x3 float32" in output
    found = json.loads(target.read_text())
    assert set(found) == {"machine", "versions", "missing", "ceilings", "rows"}
    assert [ceiling["threads"] for ceiling in found["ceilings"]] == [1, 2]
    names = [(row["workload"]["name"], row["threads"]) for row in found["rows"]]
    chosen = [workload for workload in TINY if workload.taps[0] == 3]
    assert names == [(workload.name, threads) for workload in chosen for threads in (1, 2)]
    for row in found["rows"]:
        check_json_row(row)
    assert list(tmp_path.iterdir()) == [target]


def check_json_row(row: dict[str, Any]) -> None:
    taps, shape = row["workload"]["taps"], row["workload"]["shape"]
    assert row["flops"] == 2 * np.prod(taps) * np.prod(shape)
    limit = max(row["flops"] / 100e9, row["nbytes"] / 10e9)
    assert row["limit_seconds"] == pytest.approx(limit)
    times = {result["name"]: result for result in row["results"]}
    for regime in (REUSED, FRESH):
        ours = times["parconv"][regime]
        assert ours["quartile1"] <= ours["median"] <= ours["quartile3"]
        assert ours["rounds"] >= 3
        assert row["percent_of_limit"][regime] == pytest.approx(100 * limit / ours["median"])
        if row["best"][regime] is not None:
            peer = times[row["best"][regime]][regime]
            assert row["ratio"][regime] == pytest.approx(peer["median"] / ours["median"])


def test_every_workload_has_a_name_of_its_own() -> None:
    names = [workload.name for workload in WORKLOADS]
    assert len(set(names)) == len(names)
    assert len(workloads.chosen(WORKLOADS, "float64")) == 5
    assert workloads.chosen(WORKLOADS, "odd * 4x4 *")[0].taps == (4, 4)
    assert workloads.chosen(WORKLOADS, None) == WORKLOADS


def test_a_crop_is_a_view_at_its_offset() -> None:
    crop = TINY[4]
    f, g = crop.arrays()
    whole, _ = Workload("tiny", (60, 70), (5, 3)).arrays()
    np.testing.assert_array_equal(f, whole[13:46, 7:27])
    assert not f.flags.c_contiguous
    assert g.dtype == f.dtype


def test_demo_verifies_shows_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "demo.png"
    assert cli.main(["demo", "--size", "256", "--output", str(target)]) == 0
    output = capsys.readouterr().out
    assert all(name in output for name in demo.FILTERS)
    assert "every result verified" in output
    with PIL.Image.open(target) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 200
    assert list(tmp_path.iterdir()) == [target]


def test_demo_runs_without_peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Peer, "installed", False)
    found = demo.run(64, tmp_path / "demo.png")
    assert {(line.scipy_ratio, line.opencv_ratio) for line in found.lines} == {(None, None)}
    assert all(line.seconds > 0 and line.gflops > 0 for line in found.lines)
    assert demo.table(found).row_count == len(found.lines)


@pytest.mark.parametrize("place", [(0, 0), (-1, -1), (300, 300)])
def test_demo_raises_on_a_wrong_pixel(place: tuple[int, int]) -> None:
    f = images.photograph(600)
    g = np.ones((3, 3), np.float32)
    padded = np.pad(f, 1, mode="reflect")
    out = demo.shift_and_add(padded, g).astype(np.float32)
    assert demo.check(f, g, out, "ones") < 1e-6
    out[place] += 1
    with pytest.raises(ArithmeticError, match="ones: error"):
        demo.check(f, g, out, "ones")


def test_a_wrong_result_is_exit_status_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "shift_and_add", lambda f, g: np.zeros(1))
    assert cli.main(["demo", "--size", "64", "--output", str(tmp_path / "demo.png")]) == 1
    assert capsys.readouterr().err.startswith("parconv: box:5: error")
    assert list(tmp_path.iterdir()) == []
