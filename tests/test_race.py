"""The race and the demo on tiny images: their verdicts, arithmetic and files; never their times."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from rich.console import Console

from parconv import cli, conv2d
from parconv.experiments import ceilings, demo, inputs, screen, timing
from parconv.experiments.race import (
    PEERS,
    WORKLOADS,
    Peer,
    Report,
    Workload,
    duel,
    entrants,
    grid,
    peers,
    summary,
    table,
    workloads,
)
from parconv.experiments.race.layers import Layer
from parconv.experiments.race.report import FRESH, PLAIN, PLANNED, REUSED, Result, Row
from parconv.experiments.race.volumes import Volume
from parconv.experiments.timing import Timing
from parconv.runtime.ceilings import Ceilings

TINY = (
    Workload("tiny", (40, 51), (3, 3)),
    Workload("tiny", (40, 51), (4, 6)),
    Workload("tiny", (40, 51), (4, 6), correlation=True),
    Workload("tiny", (40, 51), (5, 1), "float64", boundary="edge"),
    Workload("tiny", (33, 20), (5, 3), parent=(60, 70), offset=(13, 7)),
    Workload("tiny", (40, 51), (3, 5), boundary="constant"),
    Workload("tiny", (40, 51), (3, 5), boundary="wrap"),
    Workload("tiny", (40, 51), (5, 3), planned=True),
    Workload("tiny", (40, 51), (9, 9), method="auto", filter="gaussian:1"),
    Workload("tiny", (40, 51), (11, 12), method="auto"),
    Workload("tiny", (40, 51), (3, 5), "uint8", result="uint8", channels=3),
    Workload("tiny", (64, 64), (5, 5), method="auto", filter="box:5"),
    Workload("tiny", (40, 51), (5, 7), "float64", boundary="edge", method="auto", missing=0.1),
)
LAYERS = (
    Layer("tiny", (2, 3, 9, 11), (4, 3, 3, 3), padding=1),
    Layer("tiny", (2, 3, 9, 11), (4, 3, 1, 1)),
)
VOLUMES = (
    *(Volume("tiny", (9, 10, 11), text) for text in ("gaussian:1", "box:3", "random:3")),
    Volume("tiny", (9, 10, 11), "random:5", axes=(1,), dtype="float32", planned=True),
)
FIXED = Ceilings(1, 100.0, 50.0, 10.0)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duel, "REGIME_SECONDS", 0.0)
    monkeypatch.setattr(ceilings, "measure", lambda threads: Ceilings(threads, 100, 50, 10))


def fake_peer(name: str, change: Callable[[Any], Any]) -> Peer:
    """A competitor that changes the right answer."""

    def prepare(workload: Workload, f: Any, g: Any, threads: int) -> peers.Run:
        right = peers.OURS.prepare(workload, f, g, threads)
        assert right is not None
        return lambda out: change(right(None))

    return Peer(name, "numpy", prepare, reuses=False)


@pytest.mark.soak
def test_installed_peers_agree_on_every_tiny_workload() -> None:
    found = duel.race((*TINY, *LAYERS, *VOLUMES), [1], PEERS, repeats=2)
    installed = {peer.name for peer in PEERS if peer.installed}
    libraries = {peer.library for peer in PEERS if peer.installed}
    assert set(found.versions) == {"parconv", *libraries}
    assert set(found.missing) == {peer.library for peer in PEERS} - libraries
    for row in found.rows:
        assert {result.name for result in row.results} == {"parconv", *installed}
        assert all(result.status in ("raced", "cannot") for result in row.results), row
    raced = {result.name for row in found.rows for result in row.rivals}
    assert raced == installed
    for row in found.rows[-len(VOLUMES) :]:
        assert [result.name for result in row.rivals] == ["scipy"] * ("scipy" in installed)


def test_a_peer_with_wrong_numbers_is_reported_and_not_raced() -> None:
    liars = (
        fake_peer("shifted", lambda result: np.roll(result, 1, axis=0)),
        fake_peer("nan", lambda result: result * np.nan),
        fake_peer("cropped", lambda result: result[1:]),
        fake_peer("double", lambda result: result.astype(np.float64)),
        fake_peer("honest", lambda result: result),
        Peer("idle", "numpy", lambda *_: lambda out: out, reuses=True),
    )
    found = duel.race(TINY[:1], [1], liars, repeats=2)
    (row,) = found.rows
    verdicts = {result.name: result.status for result in row.results[1:]}
    assert verdicts.pop("honest") == "raced"
    assert set(verdicts.values()) == {"differs"}
    best = row.best(REUSED)
    assert best is not None
    assert table.label(best) == "honest*"
    text = shown(found)
    assert "differs: shifted in tiny 40x51 3x3 float32, threads 1" in text


def test_a_missing_peer_is_listed() -> None:
    ghost = Peer("ghost", "no_such_module_at_all", lambda *_: None, reuses=False)
    found = duel.race(TINY[:1], [1], [ghost], repeats=1)
    assert found.missing == ("ghost",)
    assert "not installed: ghost" in shown(found)
    assert found.rows[0].best(REUSED) is None
    assert found.rows[0].ratio(FRESH) is None


def shown(found: Report) -> str:
    text = io.StringIO()
    table.show(found, Console(file=text, width=220))
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
    compute = Row(WORKLOADS[0], FIXED, "direct", 1e8, 1e8, 1e6, 3e-3, results)
    best = {regime: compute.best(regime) for regime in (REUSED, FRESH)}
    assert [peer.name if peer else None for peer in best.values()] == ["quick", "slow"]
    assert compute.ratio(REUSED) == pytest.approx(2.5)
    assert compute.ratio(FRESH) == pytest.approx(1.25)
    assert compute.ratio(REUSED, results[1]) == pytest.approx(10)
    assert compute.percent_of_limit(REUSED) == pytest.approx(50)  # 1 ms of flops
    assert compute.prediction == pytest.approx(1.5)
    memory = Row(WORKLOADS[0], FIXED, "direct", 1e6, 1e6, 1e7, 3e-3, results)
    assert memory.percent_of_limit(FRESH) == pytest.approx(25)  # 1 ms of bytes
    assert (compute.bound_by_memory, memory.bound_by_memory) == (False, True)


def test_a_method_that_trades_precision_tells_its_error() -> None:
    torch = replace(timed("torch", 0.005, 0.005), error=2.5e-5)
    row = Row(WORKLOADS[0], FIXED, "winograd", 1e8, 1e8, 1e6, 3e-3, (timed("ours", 1, 1), torch))
    assert row.percent_of_peak == pytest.approx(0.1)  # 1 ms of flops in a second
    report = Report({}, {}, (), (row, replace(row, method="direct")))
    console = Console(file=io.StringIO(), width=300)
    table.show(report, console)
    assert console.file.getvalue().count("off by 2.5e-05") == 1


# --- planned and plain ---------------------------------------------------------------------------


@pytest.mark.parametrize("planned", [False, True])
def test_every_row_is_called_planned_and_plain(
    monkeypatch: pytest.MonkeyPatch, planned: bool
) -> None:
    """The result that history knows stays the first, whichever way the row names."""
    plans: list[bool] = []

    def noted(workload: Workload, *arguments: Any) -> peers.Run:
        plans.append(workload.planned)
        return peers.ours.prepare(workload, *arguments)

    monkeypatch.setattr(peers, "OURS", replace(peers.OURS, filter=noted))
    monkeypatch.setattr(duel, "OURS", peers.OURS)
    row = duel.race_row(replace(TINY[0], planned=planned), 1, (), repeats=2)
    assert plans == [planned, not planned]
    assert [result.name for result in row.results] == ["parconv"]
    assert list(row.ways) == [PLANNED, PLAIN]
    assert row.ways[PLANNED if planned else PLAIN] is row.ours
    assert all(way.reused and way.fresh and way.error == 0 for way in row.ways.values())


def test_ratios_of_the_planned_and_the_plain_call() -> None:
    asked, other = timed("parconv", 0.002, 0.004), timed("planned", 0.001, 0.003)
    results = (asked, timed("peer", 0.004, 0.006))
    plain = Row(WORKLOADS[0], FIXED, "direct", 1e8, 1e8, 1e6, 3e-3, results, other)
    assert (plain.ratio_of(PLAIN), plain.ratio_of(PLANNED)) == (pytest.approx(2), pytest.approx(4))
    assert plain.ratio_of(PLANNED, FRESH) == pytest.approx(2)
    planned = replace(plain, workload=replace(WORKLOADS[0], planned=True))
    assert planned.ratio_of(PLAIN) == pytest.approx(4)
    assert replace(plain, results=results[:1]).ratio_of(PLAIN) is None
    text = shown(Report({}, {}, (), (plain,)))
    assert all(f" {figure} │" in text for figure in ("1.00", "2.00", "4.00"))
    every = summary.summaries(Report({}, {}, (), (plain, planned)))["all"]
    assert every.mean_planned == every.mean_plain == pytest.approx(8**0.5)


def test_ours_with_other_numbers_another_way_is_told() -> None:
    wrong = Result("planned", "differs", 3.0, 0.5)
    results = (timed("parconv", 0.002, 0.004),)
    row = Row(WORKLOADS[0], FIXED, "direct", 1e8, 1e8, 1e6, 3e-3, results, wrong)
    assert "differs: planned in big" in shown(Report({}, {}, (), (row,)))


def test_nobody_always_follows_the_same_competitor() -> None:
    orders = [timing.in_turn("abc", turn) for turn in range(21)]
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)
    assert {order[0] for order in orders} == {"a", "b", "c"}
    followers = {order[order.index("a") + 1] for order in orders if order[-1] != "a"}
    assert followers == {"b", "c"}
    assert orders == [timing.in_turn("abc", turn) for turn in range(21)]


# --- many rows -----------------------------------------------------------------------------------


def raced(workload: Workload, threads: int, ours: float, ratio: float | None, **facts: Any) -> Row:
    """A row made by hand: 1 ms of flops with one thread, and a peer ``ratio`` times as slow."""
    peer = () if ratio is None else (timed("peer", ours * ratio, ours),)
    limits = Ceilings(threads, 100.0 * threads, 50.0, 10.0)
    numbers = {"flops": 1e8, "work": 1e8, "nbytes": 1e6, "predicted": ours, **facts}
    return Row(workload, limits, "direct", results=(timed("parconv", ours, ours), *peer), **numbers)


def together() -> Report:
    """Two threads that help, and do not; and a row that no rule is for, as it takes 10 us."""
    one, two, three, *_ = TINY
    small = Workload("smaller", (9, 9), (3, 3))
    rows = (
        raced(one, 1, 1.2e-3, 2.0),
        raced(one, 2, 0.6e-3, 8.0, predicted=1.2e-3),
        raced(two, 1, 2e-3, None),
        raced(two, 2, 2.5e-3, None, nbytes=1e9),
        raced(three, 2, 1e-3, 0.5, predicted=1.4e-3),
        raced(small, 1, 1e-5, 4.0, predicted=0.5e-5),
    )
    return Report({}, {}, (), rows)


def test_rows_together() -> None:
    found = summary.summaries(together())
    assert list(found) == ["all", "threads 1", "threads 2", "tiny", "smaller"]
    every = found["all"]
    assert every.rows == 6
    assert every.mean_ratio == pytest.approx((2 * 8 * 0.5 * 4) ** (1 / 4))
    assert every.least_ratio == summary.Least(0.5, f"{TINY[2].name}, threads 2")
    assert every.near_limit == pytest.approx(2 / 4)  # 83 and 50, 4000, and 50 %
    assert every.predicted == pytest.approx(4 / 6)
    assert every.least_speedup == summary.Least(2.0, f"{TINY[0].name}, threads 2")


def test_rows_without_peers_and_without_milliseconds() -> None:
    report = together()
    alone = summary.Summary.of(report, report.rows[2:3])
    assert (alone.mean_ratio, alone.least_ratio, alone.least_speedup) == (None, None, None)
    assert summary.summaries(report)["smaller"].near_limit is None
    assert "smaller" in shown(report)


def test_speedup_is_over_the_fewest_threads_that_were_raced() -> None:
    report = together()
    found = [report.speedup(row) for row in report.rows]
    assert found == [None, pytest.approx(2), None, pytest.approx(0.8), None, None]


@pytest.mark.parametrize(("prediction", "near"), [(1.49, True), (0.67, True), (1.6, False)])
def test_near_predictions(prediction: float, near: bool) -> None:
    assert summary.is_near(prediction) == near


def test_timing_takes_quartiles_of_rounds() -> None:
    timing = Timing.of([3.0, 1.0, 2.0, 5.0, 4.0], calls=9)
    assert (timing.quartile1, timing.median, timing.quartile3) == (2, 3, 4)
    assert (timing.rounds, timing.calls) == (5, 9)


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5e-6, "0.00250"), (0.0123, "12.3"), (0.25, "250"), (2.5, "2500")]
)
def test_milliseconds(seconds: float, text: str) -> None:
    assert screen.milliseconds(seconds) == text


def test_slow_peers_get_few_rounds_and_one_regime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrants, "SLOW_SECONDS", 0.0)
    row = duel.race_row(TINY[0], 1, [fake_peer("tortoise", lambda result: result)], repeats=7)
    tortoise = row.results[1]
    assert table.label(tortoise) == "tortoise*†"
    assert tortoise.reused is not None
    assert tortoise.reused.rounds == entrants.SLOW_ROUNDS
    assert tortoise.fresh == tortoise.reused


def test_command_writes_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(grid, "WORKLOADS", TINY)
    monkeypatch.setattr(grid, "LAYERS", ())
    monkeypatch.setattr(grid, "VOLUMES", ())
    target = tmp_path / "race.json"
    options = ("--only", "tiny 40x51 3x*", "--threads", "1,2", "--repeats", "3")
    assert cli.main(["race", *options, "--peers", "scipy", "--json", str(target)]) == 0
    output = capsys.readouterr().out
    assert "tiny 40x51 3x3 float32" in output
    found = json.loads(target.read_text())
    assert set(found) == {"machine", "versions", "missing", "ceilings", "summary", "rows"}
    assert [ceiling["threads"] for ceiling in found["ceilings"]] == [1, 2]
    names = [(row["workload"]["name"], row["threads"]) for row in found["rows"]]
    chosen = [workload for workload in TINY if "51 3x" in workload.name]
    assert names == [(workload.name, threads) for workload in chosen for threads in (1, 2)]
    for row in found["rows"]:
        check_json_row(row)
    assert list(tmp_path.iterdir()) == [target]


def test_command_races_a_convolution_of_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a filter of a file: what is timed is compared with SciPy's answer first."""
    monkeypatch.chdir(tmp_path)
    np.save("mine.npy", np.random.default_rng(3).standard_normal((3, 5)))
    options = ("--shape", "40x51x3", "--kernel", "mine.npy", "--boundary", "wrap", "--threads", "1")
    written = ("--repeats", "3", "--peers", "scipy", "--json", "race.json")
    assert cli.main(["race", *options, *written]) == 0
    assert "own 40x51x3 3x5 float32" in capsys.readouterr().out
    (row,) = json.loads((tmp_path / "race.json").read_text())["rows"]
    asked = row["workload"]
    assert (asked["boundary"], asked["filter"], asked["method"]) == ("wrap", "mine.npy", "auto")
    assert {"parconv", "scipy"} <= {result["name"] for result in row["results"]}


def check_json_row(row: dict[str, Any]) -> None:
    fields = row["workload"]
    pixels = np.prod(fields["shape"]) * max(1, fields["channels"])
    assert (row["flops"], row["method"]) == (2 * np.prod(fields["taps"]) * pixels, "direct")
    assert row["prediction"] == row["predicted"] / row["results"][0]["reused"]["median"]
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
            check_ways(row, regime, peer["median"])
    assert "other" not in row


def check_ways(row: dict[str, Any], regime: str, peer: float) -> None:
    assert list(row["ways"]) == ["planned", "plain"]
    assert row["ways"]["plain"][regime] == row["results"][0][regime]
    for way in row["ways"].values():
        assert way["ratio"][regime] == pytest.approx(peer / way[regime]["median"])


def test_rows_for_one_thread_are_raced_with_one() -> None:
    alone = Workload("tiny", (20, 20), (3, 3), serial=True)
    found = duel.race((alone, TINY[0]), [1, 2], (), repeats=1)
    counts = [(row.workload, row.threads) for row in found.rows]
    assert counts == [(alone, 1), (TINY[0], 1), (TINY[0], 2)]
    with pytest.raises(ValueError, match="are for one thread"):
        duel.race((alone,), [2], ())


def test_hopeless_peers_are_timed_by_their_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrants, "HOPELESS_SECONDS", 0.0)
    monkeypatch.setattr(entrants, "HOPELESS_RATIO", 0.0)
    row = duel.race_row(TINY[0], 1, [fake_peer("snail", lambda result: result)], repeats=7)
    assert row.results[1].reused is not None
    assert row.results[1].reused.rounds == 1


def test_every_workload_has_a_name_of_its_own() -> None:
    names = [workload.name for workload in WORKLOADS]
    assert len(set(names)) == len(names)
    assert len(workloads.chosen(WORKLOADS, "float64")) == 8
    assert workloads.chosen(WORKLOADS, "odd * 4x4 *")[0].taps == (4, 4)
    assert len(workloads.chosen(WORKLOADS, "gaussian:2")) == 3
    assert workloads.chosen(WORKLOADS, None) == WORKLOADS


INTEGER = [workload for workload in WORKLOADS if workload.result]


@pytest.mark.parametrize("row", INTEGER, ids=lambda workload: workload.name)
def test_integer_results_hardly_saturate(row: Workload) -> None:
    """What saturates agrees whatever is computed."""
    f, g = replace(row, shape=(90, 120)).arrays()
    found = conv2d(f, g, **row.question)
    limits = np.iinfo(found.dtype)
    assert np.mean((found == limits.min) | (found == limits.max)) < 0.05
    assert len(np.unique(found)) > 20
    assert (g.dtype.kind == "i") == (row.filter == "int8")


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


def test_the_demos_table_fits_80_columns() -> None:
    numbers = (9999.99, 15.95, 1234.4, 98.7, 123.4, 103.4, 1e-8)
    lines = [demo.Line(name, 16, numbers[0] / 1e3, *numbers[1:]) for name in demo.FILTERS]
    screen = Console(width=80, file=io.StringIO())
    screen.print(demo.table(demo.Demo(4096, tuple(lines), Path("demo.png"))))
    shown = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in shown
    for text in (*demo.FILTERS, "9999.99", "15.95", "1234", "99", "123.4", "103.4", "speed-up"):
        assert text in shown


@pytest.mark.parametrize("command", ["demo", "roofline"])
@pytest.mark.parametrize("name", ["picture.jpg", "picture.tiff", "picture"])
def test_a_png_has_the_name_of_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, name: str
) -> None:
    assert cli.main([command, "--output", str(tmp_path / name)]) == 2
    assert "will be a PNG: pass a name that ends in .png" in capsys.readouterr().err


@pytest.mark.parametrize("place", [(0, 0), (-1, -1), (300, 300)])
def test_demo_raises_on_a_wrong_pixel(place: tuple[int, int]) -> None:
    f = inputs.photograph(600)
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


def test_an_estimate_is_of_calls_that_find_all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our second call makes what later ones take: it is no reason to time single ones."""
    clock, took = [0.0], iter([0.3, 0.03, 1e-4, 0.03])

    def run(out: Any) -> None:
        clock[0] += next(took, 1e-4)

    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])
    found = timing.sample_seconds(run, np.zeros(1))
    assert found == pytest.approx(1e-4)
    assert timing.calls_of(found) == 50
