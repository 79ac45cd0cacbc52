"""The race in bursts: what is sampled, beside whom, how it is judged; never how long it took."""

import gc
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from parconv import cli
from parconv.experiments import timing
from parconv.experiments.race import (
    Peer,
    Workload,
    burst_table,
    bursts,
    busy,
    entrants,
    grid,
    peers,
    race_bursts,
)
from parconv.experiments.race.burst_report import (
    BurstReport,
    BurstRow,
    Calls,
    Cell,
    standings,
    verdicts,
)
from parconv.experiments.race.report import Result

TINY = Workload("tiny", (40, 51), (3, 3), method="auto")
LARGE = Workload("large", (1024, 1024), (3, 3))
OURS = ("auto", "plain", "serial", "threads")
ALIVE = Path("/proc/self/stat").exists()
needs_proc = pytest.mark.skipif(not ALIVE, reason="asks /proc what other processes do")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "BETWEEN_SECONDS", 0.0)


def lasts(pid: int) -> bool:
    """Whether a process that we have not waited for is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def gone(pids: Sequence[int], seconds: float = 10) -> bool:
    """Whether all are within that time; one that its new parent has not buried yet is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(lasts(pid) and _state(pid) != "Z" for pid in pids):
            return True
        time.sleep(0.01)
    return False


def _stat(pid: int) -> list[str]:
    """What the system tells of a process after its name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _state(pid: int) -> str:
    try:
        return _stat(pid)[0]
    except OSError:
        return "Z"


# --- busy processes ------------------------------------------------------------------------------


@needs_proc
def test_busy_processes_compute_and_are_gone_afterwards() -> None:
    with busy.busy_processes(2) as pids:
        assert len(set(pids)) == 2
        before = [int(_stat(pid)[11]) for pid in pids]
        time.sleep(0.5)
        after = [int(_stat(pid)[11]) for pid in pids]
        assert all(late > early > 0 for early, late in zip(before, after, strict=True))
    assert not any(map(lasts, pids))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_busy_processes_are_gone_after_an_error(error: type[BaseException]) -> None:
    seen: list[int] = []

    def fail() -> None:
        with busy.busy_processes(1) as pids:
            seen.extend(pids)
            assert all(map(lasts, pids))
            raise error

    with pytest.raises(error):
        fail()
    assert len(seen) == 1
    assert not any(map(lasts, seen))


def test_no_busy_process_is_started_where_none_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    with busy.busy_processes(0) as pids:
        assert pids == ()


def test_the_first_ones_are_gone_where_a_later_one_cannot_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def second_fails(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        if started:
            raise OSError("no more processes")
        started.append(popen(*arguments, **options))
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", second_fails)
    with pytest.raises(OSError, match="no more processes"), busy.busy_processes(2):
        pytest.fail("the block began beside one process")
    assert started[0].returncode is not None


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="waits for another's child")
def test_a_busy_process_that_ends_early_spoils_the_cell() -> None:
    def end_it() -> None:
        with busy.busy_processes(1) as pids:
            os.kill(pids[0], signal.SIGTERM)
            os.waitid(os.P_PID, pids[0], os.WEXITED | os.WNOWAIT)

    with pytest.raises(ChildProcessError, match=r"ended with status .* before its time"):
        end_it()


def test_a_busy_process_that_cannot_begin_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(busy, "SPIN", "raise SystemExit(3)")
    with pytest.raises(ChildProcessError, match="status 3"), busy.busy_processes(1):
        pytest.fail("the block began without it")


HOLDER = """
import signal, sys, time
from parconv.experiments.race.busy import busy_processes
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background ignores
with busy_processes(2) as pids:
    print(*pids, flush=True)
    time.sleep(60)
"""


@needs_proc
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_busy_processes_die_with_their_parent(name: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        # as a terminal does for Ctrl-C: the whole group is told
        target = parent.pid if name != "SIGINT" else -parent.pid
        os.kill(target, getattr(signal, name))
        assert parent.wait(10) != 0
    assert gone(pids)


# --- sampling ------------------------------------------------------------------------------------


class Clock:
    """Sleeps and calls in the order in which they came."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[Any] = []
        monkeypatch.setattr(timing.time, "sleep", self.events.append)

    def run(self, out: Any) -> Any:
        self.events.append("call" if gc.isenabled() else "timed")
        return out


def test_every_timed_call_follows_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    samples = timing.single_calls(clock.run, None, 0.25, 4)
    untimed = [timing.BETWEEN_SECONDS, *["call"] * timing.UNTIMED_CALLS]
    assert clock.events == [*untimed, *[0.25, "timed"] * 4]
    assert len(samples) == 4
    assert all(seconds >= 0 for seconds in samples)


def test_calls_without_a_pause_follow_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    assert len(timing.single_calls(clock.run, None, 0, 5)) == 5
    assert clock.events[1:] == [*["call"] * timing.UNTIMED_CALLS, *["timed"] * 5]


def test_a_sample_is_the_time_of_one_call_without_its_pause() -> None:
    (short,) = timing.single_calls(lambda out: out, None, 0.2, 1)
    (long,) = timing.single_calls(lambda out: time.sleep(0.2), None, 0, 1)
    assert short < 0.2 <= long


def test_a_turn_of_slow_calls_ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "TURN_SECONDS", 0.0)
    clock = Clock(monkeypatch)
    assert len(timing.single_calls(clock.run, None, 0, 1000)) == 1


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_it_was(enabled: bool) -> None:
    def fail(out: Any) -> Any:
        if not gc.isenabled():
            raise ValueError("a peer's own")

    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(ValueError, match="own"):
            timing.single_calls(fail, None, 0, 1)
        assert gc.isenabled() == enabled
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("calls", "shares"),
    [(3, [1, 1, 1]), (4, [1] * 4), (60, [12] * 5), (202, [41, 41, 40, 40, 40])],
)
def test_calls_are_shared_by_rounds(calls: int, shares: list[int]) -> None:
    assert bursts.Setting(0.0, 0, calls).shares == shares


def test_many_calls_after_short_pauses_and_few_after_long_ones() -> None:
    found = [bursts._usual_calls(seconds) for seconds in (0, 0.02, 0.2)]
    assert found == [60, 60, 20]


# --- the race ------------------------------------------------------------------------------------


def raced(*others: Peer, **options: Any) -> BurstReport:
    asked = {"threads": [1], "calls": 3, **options}
    return race_bursts((TINY,), others=others, **asked)


def test_every_cell_holds_the_asked_samples_of_every_competitor() -> None:
    found = raced(*bursts.rivals("opencv,prange"), pauses=(0, 0.001), busy=(0, 1), calls=7)
    (row,) = found.rows
    cells = [(cell.busy, cell.pause) for cell in row.cells]
    assert cells == list(itertools.product((0, 1), (0, 0.001)))
    names = {*OURS, "prange"} | ({"opencv"} if peers.OPENCV.installed else set())
    for cell in row.cells:
        assert {calls.name for calls in cell.calls} == names
        assert all(len(calls.samples) == 7 for calls in cell.calls)
        assert all(min(calls.samples) > 0 for calls in cell.calls)
    assert "parconv" in found.versions
    assert "prange" not in found.versions


def test_every_competitor_is_the_one_that_its_name_says(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool, int]] = []

    def noted(workload: Workload, f: Any, g: Any, threads: int) -> peers.Run:
        asked.append((workload.strategy, workload.planned, threads))
        return peers.ours.prepare(workload, f, g, threads)

    monkeypatch.setattr(peers, "OURS", replace(peers.OURS, filter=noted))
    raced(*bursts.rivals("prange"), threads=[2])
    assert asked == [
        ("auto", True, 2),
        ("auto", False, 2),
        ("serial", True, 2),
        ("threads", True, 2),
        ("prange", True, 2),
    ]


def test_cells_are_measured_beside_as_many_processes_as_they_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[int] = []
    spinning = busy._spinning

    def counted() -> Any:
        begun.append(1)
        return spinning()

    monkeypatch.setattr(busy, "_spinning", counted)
    beside: list[int] = []
    single = timing.single_calls

    def noted(*arguments: Any) -> list[float]:
        beside.append(len(begun))
        return single(*arguments)

    monkeypatch.setattr(bursts, "single_calls", noted)
    raced(busy=(0, 1, 2))
    turns = 3 * len(OURS)
    assert beside == [*[0] * turns, *[1] * turns, *[3] * turns]


def fake(name: str, change: Callable[[Any], Any]) -> Peer:
    """A competitor that changes the right answer."""

    def prepare(workload: Workload, f: Any, g: Any, threads: int) -> peers.Run:
        right = peers.ours.prepare(workload, f, g, threads)
        return lambda out: change(right(None))

    return Peer(name, "numpy", prepare, reuses=False)


def test_a_competitor_with_wrong_numbers_is_told_and_not_raced() -> None:
    found = raced(fake("liar", lambda result: result + 1), fake("honest", np.copy))
    (row,) = found.rows
    assert {calls.name for calls in row.cells[0].calls} == {*OURS, "honest"}
    assert [(result.name, result.status) for result in row.absent] == [("liar", "differs")]
    text = shown(found)
    assert "differs: liar in tiny 40x51 3x3 float32 auto, threads 1" in text
    assert "honest*" in text


def test_who_cannot_who_is_not_installed_and_who_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrants, "HOPELESS_SECONDS", 0.05)
    snail = fake("snail", lambda result: (time.sleep(0.1), result)[1])
    ghost = Peer("ghost", "no_such_module_at_all")
    found = raced(Peer("mute", "numpy"), snail, ghost)
    text = shown(found)
    assert "cannot: mute: it takes layers only" in text
    assert "slow: snail, 1" in text
    assert "not installed: ghost" in text
    assert {calls.name for calls in found.rows[0].cells[0].calls} == set(OURS)


def test_the_announcements_come_to_their_total() -> None:
    told: list[tuple[str, int, int]] = []
    pauses = (0.001, 0.002)
    raced(pauses=pauses, threads=[1, 2], announce=lambda *news: told.append(news))
    steps = [done for _, done, _ in told]
    (total,) = {total for _, _, total in told}
    assert steps == sorted(steps)
    assert steps[0] == 0
    # three rounds a cell, and what is left is the last of them
    assert len(told) == 2 * len(pauses) * 3
    assert total - steps[-1] == bursts.Setting(pauses[1], 0, 3).step(len(OURS))
    assert told[0][0] == "tiny 40x51 3x3 float32 auto, threads 1, pause 1 ms, busy 0"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pauses": (0, -1)}, r"pauses is \(0, -1\): pass seconds of at least 0"),
        ({"pauses": (float("nan"),)}, "pauses is .*nan"),
        ({"pauses": (float("inf"),)}, "pauses is .*inf"),
        ({"pauses": ()}, r"pauses is \(\)"),
        ({"busy": (-1,)}, r"busy is \(-1,\): pass numbers of processes"),
        ({"busy": ()}, r"busy is \(\)"),
        ({"threads": [0]}, "threads is .*0.*: pass at least 1"),
        ({"calls": 2}, "calls is 2: pass at least 3"),
        ({"calls": 0}, "calls is 0"),
    ],
)
def test_wrong_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        raced(**options)


def test_rows_for_bursts_and_any_other_row() -> None:
    own = grid.burst_rows(None)
    assert own == grid.BURSTS
    assert {(row.shape, row.taps) for row in grid.BURSTS} == {
        ((512, 512), (5, 5)),
        ((1024, 1024), (7, 7)),
        ((2048, 2048), (7, 7)),
        ((4096, 4096), (3, 3)),
    }
    assert {(row.dtype, row.result) for row in grid.BURSTS} == {
        ("float32", None),
        ("uint8", "uint8"),
    }
    assert {row.group for row in grid.burst_rows("512")} == {"burst"}
    assert [row.name for row in grid.burst_rows("complex 1024*")] == [
        "complex 1024x1024 7x7 complex64 auto"
    ]
    assert all(row.strategy == "auto" for row in grid.burst_rows("big"))
    with pytest.raises(
        ValueError, match="'nothing' matches no workload: choose from burst 512x512"
    ):
        grid.burst_rows("nothing")


def test_names_of_burst_rows_are_their_own() -> None:
    names = [row.name for row in (*grid.rows(), *grid.BURSTS)]
    assert len(set(names)) == len(names)


def test_rivals_by_name() -> None:
    assert bursts.rivals(None) == (peers.OPENCV,)
    assert bursts.rivals("") == ()
    found = [peer.name for peer in bursts.rivals("torch, prange,opencv")]
    torch = ["torch", "torch-cl", "torch-blocked"]
    assert found == ["prange", "opencv", "opencv-sep", "opencv-own", "opencv-pair", *torch]
    with pytest.raises(ValueError, match="peer 'magic' is not known: choose from prange, joblib, "):
        bursts.rivals("magic")


# --- verdicts ------------------------------------------------------------------------------------


def cell(
    workload: Workload = LARGE, busy: int = 0, **milliseconds: float | Sequence[float]
) -> Cell:
    """A cell made by hand; an underscore stands for the hyphen of a peer's name."""
    calls = tuple(
        Calls(name.replace("_", "-"), tuple(1e-3 * float(ms) for ms in np.atleast_1d(samples)))
        for name, samples in milliseconds.items()
    )
    return Cell(workload, 2, 0.02, busy, calls)


def judged(found: Cell) -> dict[str, tuple[float, bool]]:
    return {
        verdict.name: (pytest.approx(verdict.value), verdict.held) for verdict in verdicts(found)
    }


def test_median_p95_and_maximum_of_single_calls() -> None:
    calls = Calls("auto", tuple(range(101)))
    assert (calls.median, calls.p95, calls.maximum) == (50, 95, 100)


def test_auto_against_the_better_of_serial_and_threads() -> None:
    assert judged(cell(auto=2.3, serial=2, threads=4))["vs own"] == (1.15, True)
    assert judged(cell(auto=2.4, serial=2, threads=4))["vs own"] == (1.2, False)
    assert judged(cell(auto=2.4, serial=4, threads=2.4))["vs own"] == (1, True)
    assert "vs own" not in judged(cell(auto=2.4, opencv=1))


def test_auto_is_below_opencv_where_the_image_is_large() -> None:
    assert judged(cell(auto=1.9, serial=9, opencv=2))["vs opencv"] == (0.95, True)
    assert judged(cell(auto=2, serial=9, opencv=2))["vs opencv"] == (1, False)
    assert "vs opencv" not in judged(cell(auto=2, serial=9))
    small = replace(LARGE, shape=(1023, 1024))
    assert "vs opencv" not in judged(cell(small, auto=2, serial=9, opencv=1))


def test_the_fastest_function_of_opencv_is_the_one_to_beat() -> None:
    found = cell(auto=(2, 2, 9), serial=1, opencv=(4, 4, 30), opencv_own=(3, 3, 3))
    assert judged(found)["vs opencv"] == (2 / 3, True)
    assert judged(found)["vs p95"] == (8.3 / 3, False)


def test_the_tail_against_the_larger_of_two() -> None:
    assert judged(cell(auto=2.4, serial=1, opencv=2))["vs p95"] == (1.2, True)
    assert judged(cell(auto=2.5, serial=2, opencv=1))["vs p95"] == (1.25, False)
    assert judged(cell(auto=2.5, serial=2.5))["vs p95"] == (1, True)


def test_the_maximum_alone_and_beside_busy_processes() -> None:
    samples = [1, 1, 1, 1, 4]
    alone = judged(cell(auto=samples, serial=1))
    assert alone["max alone"] == (1, True)
    assert "max busy" not in alone
    assert judged(cell(auto=[1, 1, 4.1], serial=1))["max alone"] == (4.1 / 4, False)
    beside = judged(cell(busy=2, auto=samples, serial=[1, 2]))
    assert beside["max busy"] == (2, False)
    assert "max alone" not in beside
    assert judged(cell(busy=1, auto=3, serial=[0.1, 2]))["max busy"] == (1.5, True)


def test_how_many_cells_hold_and_which_is_worst() -> None:
    cells = [
        cell(auto=2, serial=2, opencv=4),
        cell(TINY, auto=3, serial=2, opencv=4),
        cell(busy=1, auto=2.5, serial=1, opencv=1),
    ]
    found = {standing.name: standing for standing in standings(cells)}
    assert list(found) == ["vs own", "vs opencv", "vs p95", "max alone", "max busy"]
    counts = {name: (standing.held, standing.cells) for name, standing in found.items()}
    assert counts == {
        "vs own": (1, 3),
        "vs opencv": (1, 2),
        "vs p95": (2, 3),
        "max alone": (2, 2),
        "max busy": (0, 1),
    }
    assert found["vs own"].worst == pytest.approx(2.5)
    assert found["vs own"].worst_cell == (
        "large 1024x1024 3x3 float32, threads 2, pause 20 ms, busy 1"
    )
    assert found["max alone"].worst_cell == cells[1].label
    assert standings([]) == []


# --- shown and written ---------------------------------------------------------------------------


def shown(found: BurstReport) -> str:
    text = io.StringIO()
    burst_table.show(found, Console(file=text, width=220))
    return text.getvalue()


def made() -> BurstReport:
    cells = (
        cell(auto=[0.5, 0.5, 0.7], plain=0.6, serial=0.4, threads=0.6, opencv=2),
        cell(busy=1, auto=0.5, plain=0.6, serial=0.5, threads=0.6, opencv=2),
    )
    absent = (Result("liar", "differs", 3.0, 0.25),)
    return BurstReport({"cores": 2}, {"parconv": "1"}, (), (BurstRow(LARGE, 2, cells, absent),))


def test_the_table_shows_times_verdicts_and_the_worst() -> None:
    text = shown(made())
    assert "large 1024x1024 3x3 float32, threads 2" in text
    assert "0.500 0.680 0.700" in text
    assert "1.25!" in text  # auto over serial
    assert " 1.00 │" in text
    (line,) = (line for line in text.splitlines() if line.startswith("│ vs own"))
    assert [word.strip() for word in line.split("│")[3:7]] == ["<= 1.15", "2", "1", "1.25"]
    assert "differs: liar in large 1024x1024 3x3 float32, threads 2 (by up to 3, in 25 %" in text


def test_json_holds_every_call_and_every_verdict() -> None:
    found = json.loads(json.dumps(made().to_json()))
    assert set(found) == {"machine", "versions", "missing", "standings", "bursts"}
    (row,) = found["bursts"]
    assert (row["workload"]["name"], row["threads"]) == (LARGE.name, 2)
    assert row["absent"][0]["status"] == "differs"
    first, second = row["cells"]
    assert (first["pause"], first["busy"], second["busy"]) == (0.02, 0, 1)
    auto = first["calls"][0]
    assert auto["samples"] == [0.0005, 0.0005, 0.0007]
    assert (auto["name"], auto["median"], auto["maximum"]) == ("auto", 0.0005, 0.0007)
    assert auto["p95"] == pytest.approx(0.00068)
    held = {verdict["name"]: verdict["held"] for verdict in first["verdicts"]}
    assert held == {"vs own": False, "vs opencv": True, "vs p95": True, "max alone": True}
    assert found["standings"][0]["held"] == 1


# --- the command ---------------------------------------------------------------------------------


def test_command_runs_bursts_and_writes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid, "BURSTS", grid.BURSTS[:1])
    target = tmp_path / "bursts.json"
    options = ("--pause", "0,1", "--busy", "0", "--calls", "3", "--only", "512", "--threads", "1")
    assert cli.main(["race", *options, "--json", str(target)]) == 0
    output = capsys.readouterr().out
    assert "burst 512x512 5x5 float32 auto, threads 1" in output
    assert "cells that hold each criterion" in output
    found = json.loads(target.read_text())
    (row,) = found["bursts"]
    assert [(cell["pause"], cell["busy"]) for cell in row["cells"]] == [(0, 0), (0.001, 0)]
    for calls in (calls for cell in row["cells"] for calls in cell["calls"]):
        assert len(calls["samples"]) == 3
        assert min(calls["samples"]) <= calls["median"] <= calls["p95"] <= calls["maximum"]
    assert found["machine"]["cores"] == str(os.cpu_count())
    assert list(tmp_path.iterdir()) == [target]


def test_either_option_asks_for_bursts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def noted(*arguments: Any) -> BurstReport:
        asked.append(arguments[1:6])
        return made()

    monkeypatch.setattr(bursts, "race_bursts", noted)
    assert cli.main(["race", "--pause", "0.5,20", "--peers", ""]) == 0
    assert cli.main(["race", "--busy", "2,0", "--threads", "1,2", "--calls", "9"]) == 0
    assert asked == [
        ([0.0005, 0.02], [0], None, (), None),
        ([0.0], [2, 0], (1, 2), (peers.OPENCV,), 9),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--pause", "x"), "pause is 'x': pass milliseconds such as 0,20,200"),
        (("--pause", "-1"), "pause is '-1'"),
        (("--pause", "1,,2"), "pause is '1,,2'"),
        (("--pause", ""), "pause is ''"),
        (("--pause", "inf"), "pause is 'inf'"),
        (("--busy", "1.5"), "busy is '1.5': pass whole numbers such as 0,1,2"),
        (("--busy", "-1"), "busy is '-1'"),
        (("--pause", "0", "--calls", "2"), "calls is 2: pass at least 3"),
        (("--calls", "9"), "calls is 9: pass --pause or --busy beside it"),
        (("--pause", "0", "--repeats", "3"), "repeats is 3: pass --calls instead"),
        (("--pause", "0", "--only", "nothing"), "matches no workload"),
        (("--pause", "0", "--peers", "matlab"), "'matlab' is not known"),
        (("--pause", "0", "--json", "nowhere/bursts.json"), "no directory nowhere"),
    ],
)
def test_command_refuses_in_one_line(
    options: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["race", *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("parconv: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert list(tmp_path.iterdir()) == []
