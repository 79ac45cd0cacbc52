"""`parconv perf`: how it reads perf and callgrind, what it does without them, what it leaves."""

import dataclasses
import gc
import io
import json
import math
import os
import re
import shutil
import stat as modes
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import perf_recorded as recorded
import pytest
from conftest import soak
from rich.console import Console

from parconv import cli
from parconv.experiments import baselines, perf, processes
from parconv.experiments.baselines import foreign
from parconv.experiments.own import Own
from parconv.experiments.perf import child, events, page, report, rounds, simulate, stat, usage
from parconv.experiments.perf.lines import lines
from parconv.experiments.perf.report import Spread, Work
from parconv.experiments.studies import STUDIES

SMALL = dataclasses.replace(STUDIES["photo3x3"], image=(40, 37))
PIXELS = math.prod(SMALL.problem.shape)
BOTH = baselines.chosen(["gather", "scatter"])
LINUX = sys.platform == "linux"
linux = pytest.mark.skipif(not LINUX, reason="perf and valgrind are looked for on Linux only")

# perf 6.1 on a laptop, and what may stand around and between its lines
RECORDED = """\
# started on Fri Nov 20 10:00:00 2026

{"counter-value" : "123456789.000000", "unit" : "", "event" : "cycles:u", "event-runtime" : 5, \
"pcnt-running" : 100.00, "metric-value" : 0.9, "metric-unit" : "GHz"}
{"counter-value" : "<not supported>", "unit" : "", "event" : "LLC-loads:u", "event-runtime" : 0, \
"pcnt-running" : 100.00, "metric-value" : 0.000000, "metric-unit" : ""}
{"counter-value" : "<not counted>", "unit" : "", "event" : "branches:k", "event-runtime" : 0, \
"pcnt-running" : 0.00, "metric-value" : 0.000000, "metric-unit" : ""}
{"counter-value" : "4000.000000", "unit" : "", "event" : "dTLB-loads:u", "event-runtime" : 7, \
"pcnt-running" : 49.90, "metric-value" : 0.0, "metric-unit" : ""}
{"counter-value" : "250.5", "unit" : "msec", "event" : "task-clock", "event-runtime" : 250500000, \
"pcnt-running" : 100.00, "metric-value" : 0.337885, "metric-unit" : "CPUs utilized"}
{"metric-value" : "12.3", "metric-unit" : "of all branches"}
{"counter-value" : "5.0", "event" :
42
perf: warning: something else
"""

FAKE_PERF = """\
#!{python} -IS
# perf stat, as far as it is used: counts nothing, answers as FAKE_PERF says
import json, os, subprocess, sys, threading

kind = os.environ["FAKE_PERF"]
arguments = sys.argv[1:]
split = arguments.index("--")
options, command = arguments[:split], arguments[split + 1:]
value = lambda name: options[options.index(name) + 1]
names = value("-e").split(",")
if kind == "old":
    sys.exit("Error: unknown switch `j'")
if kind == "denied" or (kind == "user-only" and any(name.endswith(":k") for name in names)):
    sys.exit("Access to performance monitoring is limited: see perf_event_paranoid")
if any(name.partition(":")[0].startswith(("l2_", "l2d_")) for name in names):
    sys.exit("event syntax error: unknown event")
heard, inherited = [], ()
if "--control" in options:
    assert value("-D") == "-1"
    commands, acknowledged = map(int, value("--control").removeprefix("fd:").split(","))
    ends = [int(end) for end in json.loads(command[-1])["control"]]
    inherited = ends

    def listen():
        while word := os.read(commands, 16):
            heard.append(word.decode().strip())
            os.write(acknowledged, b"ack\\n\\0")

    if kind == "deaf":
        listen = lambda: None
    threading.Thread(target=listen, daemon=True).start()
process = subprocess.Popen(command, pass_fds=inherited)
if kind == "deaf":
    [os.close(end) for end in inherited]
status = process.wait()
counts = {{"cycles": 1000, "instructions": 3000, "LLC-load-misses": 7}}
software = {{"task-clock", "page-faults", "context-switches", "cpu-migrations"}}
with open(value("-o"), "w") as file:
    print("# started on Fri Nov 20 10:00:00 2026", file=file)
    for name in names:
        plain, _, modifier = name.partition(":")
        count = str(counts.get(plain, 50) // (10 if modifier == "k" else 1)) + ".000000"
        if plain not in software and kind == "software":
            count = "<not supported>"
        if plain == "iTLB-loads" and "--control" in options:
            count = "<not counted>"
        running = 40.0 if plain == "dTLB-loads" else 100.0
        unit = "msec" if plain == "task-clock" else ""
        print(json.dumps({{"counter-value": count, "unit": unit, "event": name,
                           "pcnt-running": running}}), file=file)
with open(os.environ["FAKE_PERF_LOG"], "a") as file:
    print(json.dumps([names, heard, status]), file=file)
sys.exit(status)
"""

Install = Callable[..., Path]

# two groups: a process of half a second counts each
FEW = {"cycles", "instructions", "LLC-load-misses", "L2-misses", "dTLB-loads", "iTLB-loads"} | {
    "task-clock", "page-faults",
}  # fmt: skip
# Fewer where less is looked at.
FEWER = {
    "software": {"cycles", "instructions", "L2-misses", "page-faults", "task-clock"},
    "denied": {"cycles", "page-faults"},
    "old": {"cycles", "page-faults"},
    "user-only": {"cycles"},
    "deaf": {"cycles"},
}


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No tool is found but what the returned directory holds; temporary files are watched."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tmp_path / "temporary").mkdir()
    for name in ("true", "false"):
        found = shutil.which(name)
        if found:
            (tools / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tools


@pytest.fixture
def install(hidden: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Install:
    """Put a script of that name where programs are looked for."""

    def put(name: str, source: str, kind: str = "") -> Path:
        path = hidden / name
        path.write_text(source.format(python=sys.executable), encoding="utf-8")
        path.chmod(path.stat().st_mode | modes.S_IXUSR)
        monkeypatch.setenv(f"FAKE_{name.upper()}", kind)
        monkeypatch.setenv("FAKE_PERF_LOG", str(tmp_path / "log"))
        few = [event for event in events.EVENTS if event.name in FEWER.get(kind, FEW)]
        monkeypatch.setattr(stat, "EVENTS", few)
        monkeypatch.setattr(page, "EVENTS", few)
        return tmp_path / "log"

    return put


def nothing_left(directory: Path) -> bool:
    return not list((directory.parent / "temporary").iterdir())


def measured(implementations: Any = BOTH, **options: Any) -> report.Report:
    return perf.measure(SMALL, implementations, **{"repeats": 1, "calls": 3, **options})


def printed(found: report.Report) -> str:
    console = Console(width=200, file=io.StringIO(), record=True)
    page.show(found, console)
    return console.export_text()


# --- what perf prints ----------------------------------------------------------------------------


def test_recorded_lines() -> None:
    found = {reading.event: reading for reading in events.parse(RECORDED)}
    assert list(found) == ["cycles:u", "LLC-loads:u", "branches:k", "dTLB-loads:u", "task-clock"]
    assert found["cycles:u"].value == 123456789
    assert found["LLC-loads:u"].value is None
    assert found["branches:k"].value is None
    assert found["dTLB-loads:u"].running == 49.9
    assert found["task-clock"].value == 0.2505  # seconds


def counts_of(text: str) -> dict[str, float]:
    """By our names, in the way of `stat.count`; user space alone is all of it."""
    ours = {f"{c}:u": f"{e.name}:u" for e in events.EVENTS for c in e.candidates}
    found = [dataclasses.replace(r, event=ours[r.event]) for r in events.parse(text)]
    named = {n: r.value for n, r in events.by_name(found).items() if r.value is not None}
    return {**named, **rounds._whole(named)}


def test_hybrid_processors_are_told_apart() -> None:
    """The slow cores ran for 0.29 % of the time: their count is no part of the fast ones'."""
    counts = counts_of(recorded.HYBRID)
    assert counts["cycles@cpu_core"] == 13.1e9
    assert counts["cycles@cpu_atom"] == 18.9e9
    assert "cycles" not in counts
    assert "branches@cpu_atom" not in counts
    rates = report.derived({**counts, "time": 4.0}, Work(flops=8, pixels=1_000_000))
    assert rates["instructions per cycle cpu_core"] == pytest.approx(3)
    assert rates["instructions per cycle cpu_atom"] == pytest.approx(1)
    assert rates["instructions per output pixel cpu_core"] == 39_300
    assert rates["branch miss rate, % cpu_core"] == 1
    assert "branch miss rate, % cpu_atom" not in rates
    assert rates["ns per output pixel"] == pytest.approx(4000)
    assert "instructions per cycle" not in rates
    running = {f"{name}:u@cpu_atom": 0.29 for name in ("cycles", "instructions")}
    told = lines({**counts, "task-clock": 3.5}, running, 4.0)
    assert told[0].split() == ["3,500", "msec", "task-clock", "#", "0.875", "CPUs", "utilized"]
    (core,) = [line for line in told if "instructions cpu_core" in line]
    (atom,) = [line for line in told if "instructions cpu_atom" in line]
    assert "3.00 insn per cycle" in core
    assert "(" not in core
    assert "1.00 insn per cycle  (0.29%)" in atom
    assert any("1.00% of all branches" in line for line in told)
    assert max(map(len, told)) <= 80


MACHINES = {
    "hybrid": (recorded.HYBRID_SLOTS, 4, "tma_retiring@cpu_core"),
    "Sapphire Rapids": (recorded.SAPPHIRE_RAPIDS_SLOTS, 4, "tma_retiring"),
    "Zen 4": (recorded.ZEN_4_SLOTS, 5, "retiring"),
    "Neoverse V1": (recorded.NEOVERSE_V1_SLOTS, 4, "retiring"),
}


@pytest.mark.parametrize("machine", MACHINES)
def test_slots_of_the_pipeline(machine: str) -> None:
    """Level 1 adds up to all slots; each pair of level 2 to its part of level 1."""
    text, parts, retiring = MACHINES[machine]
    found = events.metrics(text)
    level1 = list(found)[:parts]
    assert sum(found[name] for name in level1) == pytest.approx(100)
    assert retiring in level1
    assert "ipc" not in found
    if machine == "hybrid":
        assert found["tma_retiring@cpu_atom"] == 45
    if machine == "Sapphire Rapids":
        assert found["tma_memory_bound"] + found["tma_core_bound"] == found["tma_backend_bound"]
        fetch = found["tma_fetch_latency"] + found["tma_fetch_bandwidth"]
        assert fetch == found["tma_frontend_bound"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (recorded.SAPPHIRE_RAPIDS, {"FP-pipe-0": 1.9e6, "FP-pipe-2": 1.88e6, "page-walks": 120}),
        (
            recorded.ZEN_4,
            {
                "stalled-cycles-frontend": 5e4, "fills-from-L2": 3e4, "fills-from-memory": 400,
                "page-walks": 25, "vector-FP-ops": 1.6e7,
            },
        ),
        (
            recorded.NEOVERSE_V1,
            {"stalled-cycles-backend": 1e6, "page-walks": 64, "vector-FP-ops": 3.2e6},
        ),
    ],
    ids=["Sapphire Rapids", "Zen 4", "Neoverse V1"],
)  # fmt: skip
def test_counters_by_one_name(text: str, expected: dict[str, float]) -> None:
    """Whatever each processor calls them."""
    counts = counts_of(text)
    assert expected.items() <= counts.items()
    told = lines({**counts, "task-clock": 1e-3}, {}, 1e-3)
    assert len(told) == len([name for name in counts if ":" not in name]) + 1
    assert any("GHz" in line for line in told)


def test_a_machine_that_hides_its_counters_is_asked_once(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty processes of perf took ten seconds to say the same."""
    log = install("perf", FAKE_PERF, "software")
    monkeypatch.setattr(stat, "_processors", list)
    monkeypatch.setattr(Path, "is_dir", lambda path: True)
    found = stat.probe()
    assert found.missing["cycles"] == stat.HIDDEN
    asked = [json.loads(line)[0] for line in log.read_text().splitlines()]
    assert asked == [["cycles:u"], ["task-clock"], ["page-faults"]]
    assert found.metrics == ""


def test_groups_fit_the_counters() -> None:
    names = {event.name + m: event.name for event in events.EVENTS for m in event.modifiers}
    groups = stat.Counters(names, {}).groups()
    assert sorted(name for group in groups for name in group) == sorted(names)
    assert all(len(group) <= events.COUNTERS for group in groups)
    assert groups[0] == ("cycles:u", "cycles:k", "instructions:u", "instructions:k")
    assert "task-clock" in groups[-1]


# --- the ladder ----------------------------------------------------------------------------------


@linux
def test_hardware_counters(install: Install, hidden: Path) -> None:
    log = install("perf", FAKE_PERF, "hardware")
    gc.collect()  # what earlier tests left open
    open_before = {*os.listdir("/proc/self/fd")}
    found = measured(BOTH[:1])
    assert found.rung == "hardware"
    first = found.results[0]
    assert first.counters["cycles:u"].median == 1000 / 3  # per call
    assert first.counters["cycles"].median == 1100 / 3
    assert first.counters["cycles"].repeats == 1
    rates = found.to_json()["results"][0]["derived"]
    assert rates["instructions per cycle"] == 3
    assert rates["bytes per flop (LLC-load-misses)"] == pytest.approx(
        7 / 3 * 64 / SMALL.problem.flops
    )
    assert set(found.missing) == {"L2-misses", "iTLB-loads:u", "iTLB-loads:k"}
    assert found.missing["iTLB-loads:u"] == "perf could not schedule it"
    assert "iTLB-loads" not in first.counters
    assert any("dTLB-loads:u ran 40 % of the time" in note for note in found.notes)
    assert not any("--simulate" in note for note in found.notes)
    runs = [json.loads(line) for line in log.read_text().splitlines()]
    counting = [heard for _, heard, status in runs if heard and status == 0]
    assert counting
    assert all(heard == ["enable", "disable"] for heard in counting)
    assert {*os.listdir("/proc/self/fd")} <= open_before
    assert nothing_left(hidden)


@linux
def test_software_counters(install: Install) -> None:
    install("perf", FAKE_PERF, "software")
    found = measured(BOTH[:1])
    assert found.rung == "software"
    assert found.results[0].counters["page-faults"].median == 50 / 3
    text = " ".join(printed(found).split())
    assert "not available: cycles, instructions, L2-misses" in text
    assert "no hardware counters" in text
    assert "add --simulate (not now: valgrind is not installed" in text
    assert "cycles" not in found.results[0].counters


@linux
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("denied", "kernel.perf_event_paranoid is"),
        ("old", "this perf cannot print JSON: that of Linux 6.0 or later can"),
    ],
)
def test_perf_that_counts_nothing(install: Install, kind: str, reason: str) -> None:
    install("perf", FAKE_PERF, kind)
    found = measured(BOTH[:1])
    assert found.rung == "usage"
    assert reason in found.missing["cycles"]
    assert reason in found.missing["page-faults"]
    assert found.results[0].counters["user time"].repeats == 1


@linux
def test_user_space_only(install: Install) -> None:
    install("perf", FAKE_PERF, "user-only")
    found = measured(BOTH[:1])
    assert found.results[0].counters["cycles"] == found.results[0].counters["cycles:u"]
    assert "perf_event_paranoid" in found.missing["cycles:k"]
    assert "cycles:u" not in found.missing


@linux
def test_perf_that_dies_early(install: Install) -> None:
    """The measured process notices, and what was timed without perf stays."""
    install("perf", FAKE_PERF, "deaf")
    found = measured(BOTH[:1])
    assert found.rung == "usage"
    assert "did not acknowledge 'enable'" in found.missing["cycles:u"]


def test_without_perf(hidden: Path) -> None:
    found = measured(BOTH[:1])
    assert found.rung in ("usage", "clock")
    text = " ".join(printed(found).split())
    assert "not available: cycles, instructions" in text
    assert "perf is not installed" in text or "Linux only" in text
    assert "GFLOP/s" in text
    assert nothing_left(hidden)


def test_other_systems_have_no_perf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stat.sys, "platform", "darwin")
    found = stat.probe()
    assert not found.names
    assert set(found.missing.values()) == {"perf exists on Linux only"}


def test_without_getrusage(hidden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr(usage, "TASKS", hidden / "absent")
    assert usage.read() == {}
    found = perf.measure_command([sys.executable, "-c", "pass"], repeats=1)
    assert found.rung == "clock"
    assert set(found.results[0].counters) == {"time"}
    assert found.missing["user time"] == "this system has no getrusage"
    assert set(usage.NAMES) <= set(found.missing)


@linux
def test_waiting_for_a_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for task, line in (("1", "900 2000000000 5"), ("2", "100 500000000 7")):
        (tmp_path / task).mkdir()
        (tmp_path / task / "schedstat").write_text(line)
    monkeypatch.setattr(usage, "TASKS", tmp_path)
    assert usage.read()[usage.WAIT] == 2.5
    (tmp_path / "1" / "schedstat").write_text("")
    assert usage.WAIT not in usage.read()


# --- numbers and the page ------------------------------------------------------------------------


def test_spread() -> None:
    assert Spread.of([5.0, 1.0, 2.0]) == Spread(2.0, 3.0, 3)


def test_derived_values() -> None:
    counts = {
        "time": 2e-3, "task-clock": 4e-3, "cycles": 1e6, "instructions": 4e6, "branches": 1e5,
        "branch-misses": 1e3, "LLC-load-misses": 100.0, "dTLB-loads": 0.0, "dTLB-load-misses": 0.0,
    }  # fmt: skip
    found = report.derived(counts, Work(flops=6400, pixels=1000))
    assert found == {
        "ns per output pixel": pytest.approx(2000),
        "GFLOP/s": pytest.approx(0.0032),
        "cores busy": 2,
        "instructions per cycle": 4,
        "instructions per output pixel": 4000,
        "branch miss rate, %": 1,
        "bytes per flop (LLC-load-misses)": 1,
    }
    assert report.derived({"instructions": 1.0, "time": 1.0}, None) == {}


def test_page() -> None:
    results = [
        report.Result("one", 5, {"time": Spread(1e-3, 1e-5, 3), "page-faults": Spread(0, 0, 3)}),
        report.Result("two", 5, {"time": Spread(2e-3, 0, 3), "cycles": Spread(5e9, 0, 1)}),
    ]
    found = report.Report("title", 1, "software", results, {"a": "x", "b": "y", "c": "x"}, ["note"])
    told = [line.split() for line in printed(found).splitlines() if line.strip()]
    assert ["time", "1", "ms", "±", "1", "%", "2", "ms", "±", "0", "%", "2.00"] in told
    assert ["cycles", "–", "5", "G", "–"] in told
    assert ["page-faults", "0", "±", "0", "%", "–", "–"] in told
    assert ["not", "available:", "a,", "c", "(x)"] in told
    assert ["not", "available:", "b", "(y)"] in told
    assert told[-1] == ["note"]


def test_page_of_slots_and_of_perfs_lines() -> None:
    counters = {
        "time": Spread(1.0, 0, 3), "task-clock": Spread(0.5, 0, 3), "cycles": Spread(2e9, 0, 3),
        "branches": Spread(1e6, 0, 3), "branch-misses": Spread(1e4, 0, 3),
    }  # fmt: skip
    slots = {"tma_retiring": Spread(75.0, 1, 3)}
    result = report.Result("mine", 5, counters, {}, slots, {"cycles:u": 49.9})
    found = report.Report("title", 1, "hardware", [result], {})
    shown = printed(found)
    assert ["tma_retiring", "75"] in [line.split() for line in shown.splitlines()]
    assert "mine, per call, as perf stat has it:" in shown
    assert "# 4.000 GHz  (49.90%)" in shown
    assert "# 1.00% of all branches" in shown
    assert found.to_json()["results"][0]["slots"]["tma_retiring"]["median"] == 75


# --- commands ------------------------------------------------------------------------------------


def test_a_command(hidden: Path) -> None:
    found = perf.measure_command([sys.executable, "-c", "print(1)"], repeats=2)
    (result,) = found.results
    assert result.counters["time"].repeats == 2
    assert found.work is None
    assert nothing_left(hidden)


@linux
def test_a_command_under_perf(install: Install) -> None:
    log = install("perf", FAKE_PERF, "hardware")
    found = perf.measure_command(["true"], repeats=1)
    assert found.results[0].counters["cycles:u"].median == 1000
    assert all(heard == [] for _, heard, _ in map(json.loads, log.read_text().splitlines()))


def test_a_failing_command() -> None:
    fails = "import sys; print('begin', file=sys.stderr); sys.exit('no such photo')"
    with pytest.raises(OSError, match=r"ended with status 1: no such photo"):
        perf.measure_command([sys.executable, "-c", fails])
    with pytest.raises(OSError, match="no-such-command"):
        perf.measure_command(["no-such-command"])


# --- simulation ----------------------------------------------------------------------------------

FAKE_VALGRIND = """\
#!{python} -IS
import os, sys
if os.environ["FAKE_VALGRIND"] == "fails":
    sys.exit("valgrind: unknown instruction")
assert "--instr-atstart=no" in sys.argv or "true" in sys.argv
assert os.environ["NUMBA_CPU_NAME"] == "haswell" and "avx512" not in os.environ[
    "NUMBA_CPU_FEATURES"]
(out,) = [a.partition("=")[2] for a in sys.argv if a.startswith("--callgrind-out-file=")]
many = 3 if '"scatter"' in sys.argv[-1] else 1
with open(out, "w") as file:
    print("events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw Bc Bcm Bi Bim", file=file)
    print("summary: 18446744073696370516 1 1 1 1 1 1 1 1 1 1 1 1", file=file)
    print("totals:", *(many * n for n in (900, 60, 40, 1, 5, 5, 0, 1, 1, 8, 1, 2, 1)), file=file)
"""


@pytest.fixture
def x86(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate.platform, "machine", lambda: "x86_64")


@linux
def test_simulated(install: Install, hidden: Path, x86: None) -> None:
    install("valgrind", FAKE_VALGRIND)
    found = measured(simulated=True)
    gather, scatter = (result.simulated for result in found.results)
    assert gather == {
        "instructions": 900, "data reads": 60, "data writes": 40, "data accesses": 100,
        "first-level data misses": 10, "last-level misses": 2, "branches": 10,
        "mispredicted branches": 2,
    }  # fmt: skip
    assert scatter["data accesses"] == 300
    rates = found.to_json()["results"][1]["derived_simulated"]
    assert rates["instructions per output pixel"] == 2700 / PIXELS
    assert ["instructions", "900", "2.7", "k", "3.00"] in map(str.split, printed(found).split("\n"))
    assert nothing_left(hidden)


@linux
def test_a_simulated_command(install: Install, hidden: Path, x86: None) -> None:
    install("valgrind", FAKE_VALGRIND)
    found = perf.measure_command(["true"], repeats=1, simulated=True)
    assert found.results[0].simulated["instructions"] == 900
    assert nothing_left(hidden)


@linux
def test_a_simulation_that_fails(install: Install, hidden: Path, x86: None) -> None:
    install("valgrind", FAKE_VALGRIND, "fails")
    with pytest.raises(OSError, match="unknown instruction"):
        perf.measure_command(["true"], repeats=1, simulated=True)
    assert nothing_left(hidden)


def test_simulation_without_valgrind(hidden: Path) -> None:
    with pytest.raises(ValueError, match=r"valgrind is not installed.*the rest still works"):
        measured(simulated=True)


def test_simulation_elsewhere(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("valgrind", FAKE_VALGRIND)
    monkeypatch.setattr(simulate.platform, "machine", lambda: "aarch64")
    assert simulate.obstacle() == "the simulation is of x86-64 only, not of aarch64"


def test_callgrind_files_without_counts() -> None:
    with pytest.raises(ValueError, match="callgrind counted nothing"):
        simulate.parse("version: 1\nevents: Ir Dr Dw\nsummary: 1 2 3\n")


def test_simulated_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Powers of two sets only; a cache that is hidden is left to valgrind."""
    rows = [
        ("1", "Data", "48K", "12", "64"), ("1", "Instruction", "32K", "8", "64"),
        ("2", "Unified", "1024K", "16", "64"), ("3", "Unified", "36864K", "12", "64"),
        ("4", "Unified", "100K", "0", "64"),
    ]  # fmt: skip
    names = ("level", "type", "size", "ways_of_associativity", "coherency_line_size")
    for n, row in enumerate(rows):
        (tmp_path / f"index{n}").mkdir()
        for name, text in zip(names, row, strict=True):
            (tmp_path / f"index{n}" / name).write_text(f"{text}\n")
    monkeypatch.setattr(simulate, "SYSFS", tmp_path)
    assert simulate.caches() == ["--I1=32768,8,64", "--D1=49152,12,64", "--LL=25165824,12,64"]
    monkeypatch.setattr(simulate, "SYSFS", tmp_path / "absent")
    assert simulate.caches() == []
    assert simulate.caches(1000 * 2**10) == ["--LL=524288,16,64"]  # powers of two sets only


def test_the_simulated_last_level_holds_half_of_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "_own", lambda: {"LL": (2**24, 16, 64)})
    assert simulate.last_level(2**20) == 2**19
    assert simulate.last_level(24_000_000) == 2**23
    assert simulate.last_level(2**30) == 2**24  # no larger than this machine's
    assert simulate.last_level(1000) == simulate.LEAST_LAST
    monkeypatch.setattr(simulate, "_own", dict)
    assert simulate.last_level(2**30) == 2**29


@pytest.mark.parametrize(
    ("size", "expected"), [("1M", 2**20), ("512K", 2**19), ("300000", 300_000), ("1G", 2**30)]
)
def test_sizes_of_caches(size: str, expected: int) -> None:
    assert simulate.bytes_asked(size) == expected


@pytest.mark.parametrize("size", ["", "1 M", "M", "-1M", "1.5M", "1T", "k" * 500])
def test_what_is_no_size_of_a_cache(size: str) -> None:
    with pytest.raises(ValueError, match="pass a size such as 512K or 1M"):
        simulate.bytes_asked(size)


@pytest.mark.skipif(bool(simulate.obstacle()), reason=str(simulate.obstacle()))
@pytest.mark.parametrize("loops", soak((BOTH[:1],), (BOTH,)), ids=len)
def test_real_simulation(loops: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Python's own instructions, some hundred millions to start, must not be among the counts."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(rounds.stat, "probe", lambda: stat.Counters({}, {}))
    study = dataclasses.replace(SMALL, image=(120, 4400))  # 528 kB: four times the last level
    found = perf.measure(study, loops, repeats=1, calls=1, simulated=True, cache=128 * 2**10)
    assert "last-level cache 128 KiB, per call" in found.simulation
    assert "AVX2, 1 thread, " in printed(found)
    pixels = math.prod(study.problem.shape)
    gather, *others = (result.simulated for result in found.results)
    assert pixels < gather["instructions"] < 60 * pixels
    assert gather["last-level misses"] >= pixels / 64  # each line of the image, of bytes
    for scatter in others:
        assert scatter["instructions"] >= 3 * gather["instructions"]
        assert scatter["data accesses"] >= 8 * gather["data accesses"]
        assert scatter["last-level misses"] >= 2 * gather["last-level misses"]
    assert not list(tmp_path.iterdir())


# --- convolutions and functions of the user's ----------------------------------------------------

MINE = """\
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

def right(f, g):
    return np.einsum("yxvu,vu->yx", sliding_window_view(f, g.shape), g[::-1, ::-1])

def unreflected(f, g):
    return np.einsum("yxvu,vu->yx", sliding_window_view(f, g.shape), g)

def double(f, g):
    return right(f, g).astype(np.float64)

def twice(f, g):
    return 2 * right(f, g)

def whole(f, g):
    return f

def forgetful(f, g):
    right(f, g)
"""
OWN = Own.of((40, 37), "[[1, 2, 3], [4, 5, 6]]", mode="valid")


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("right", "gives parconv's result, within"),
        ("double", "as float64 for float32"),
        ("unreflected", "is rounding: it does not reflect the filter"),
        ("twice", "differs from parconv by up to"),
        ("whole", "differs: its result is 40x37, parconv's 39x35: --mode"),
    ],
)
def test_a_function_of_the_users_is_compared_with_ours(
    function: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    name = f"{tmp_path / 'mine.py'}:{function}"
    f, g = OWN.arrays()
    found = foreign.load(name)(f, g)
    assert told in foreign.remark(name, OWN, f, g, found)


def test_a_function_of_the_users_beside_ours(hidden: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    name = f"{tmp_path / 'mine.py'}:unreflected"
    found = perf.measure(OWN, baselines.chosen(["parconv", name]), repeats=1, calls=1)
    assert [result.name for result in found.results] == ["parconv", name]
    assert all(result.counters["time"].median > 0 for result in found.results)
    assert "does not reflect the filter" in found.notes[0]
    assert found.title.startswith("own 40x37 [[1, 2, 3], [4, 5, 6]] float32 valid mirror")
    assert nothing_left(hidden)


def test_a_function_that_returns_nothing(hidden: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    asked = baselines.chosen([f"{tmp_path / 'mine.py'}:forgetful"])
    with pytest.raises(ChildProcessError, match="returned NoneType: it must return its result"):
        perf.measure(OWN, asked, repeats=1, calls=1)
    assert nothing_left(hidden)


# --- errors and the command line -----------------------------------------------------------------


def test_counts_are_checked() -> None:
    for wrong in ("repeats", "calls", "threads"):
        with pytest.raises(ValueError, match=f"{wrong} is 0: pass at least 1"):
            measured(**{wrong: 0})


def test_interrupted(hidden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(perf.rounds, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        measured()
    assert nothing_left(hidden)


def test_a_child_that_fails(tmp_path: Path) -> None:
    order = child.Order(
        str(tmp_path), {"study": "photo3x3"}, "gather", 1, str(tmp_path / "answer.json")
    )
    done = subprocess.run(
        order.command(), env=processes.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "f.npy" in done.stderr


def run_cli(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.main(arguments)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_cli(
    capsys: pytest.CaptureFixture[str], hidden: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("parconv.experiments.studies.STUDIES", {"photo3x3": SMALL})
    target = tmp_path / "perf.json"
    status, out, err = run_cli(
        capsys, "perf", "gather", "scatter", "--calls", "2", "--repeats", "1",
        "--json", str(target),
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert "/ gather" in out
    assert "not available: cycles" in out
    assert "--simulate" in out
    content = json.loads(target.read_text())
    assert [result["name"] for result in content["results"]] == ["gather", "scatter"]
    assert content["results"][0]["calls"] == 2
    assert content["rung"] == "usage" or not LINUX
    assert content["missing"]["cycles"]
    assert content["machine"]["cpu"]


def test_cli_command(capsys: pytest.CaptureFixture[str], hidden: Path) -> None:
    status, out, _ = run_cli(
        capsys, "perf", "--repeats", "1", "--", sys.executable, "-c", "pass", "--help"
    )
    assert status == 0
    assert "user time" in out or not LINUX


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "pass some of parconv, naive"),
        (["gather", "--", "true"], "not both"),
        (["--"], "pass some of parconv"),
        (["gathr"], "implementation 'gathr' is not known"),
        (["gather", "--workload", "x"], "workload 'x' is not known"),
        (["gather", "--workload", "batch28"], "gather cannot run batch28"),
        (["gather", "--repeats", "0"], "repeats is 0"),
        (["gather", "--cache", "1M"], "--cache is of the machine that --simulate simulates"),
        (["gather", "--cache", "big"], "cache is 'big': pass a size such as 512K or 1M"),
        (["gather", "--dtype", "uint8"], "dtype is uint8: pass --shape"),
        (["gather", "--shape", "9x9"], "--shape and --kernel are one convolution: pass both"),
        (["naive", "--threads", "1,2"], "threads is 1,2: pass one number"),
        (["naive", "--shape", "9x9x3", "--kernel", "3x3"], "naive cannot run own 9x9x3"),
        (["--shape", "9x9", "--kernel", "3x3", "--workload", "big7x7"], "workload is big7x7: pass"),
        (["nowhere:f", "--shape", "9x9", "--kernel", "3x3"], "No module named 'nowhere'"),
        (["math:nothing", "--shape", "9x9", "--kernel", "3x3"], "math has no function 'nothing'"),
        (["gather", "--json", "no/such/place.json"], "there is no directory"),
        (["--", sys.executable, "-c", "raise SystemExit('broken')"], "status 1: broken"),
    ],
)
def test_cli_refuses(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    status, out, err = run_cli(capsys, "perf", *arguments)
    assert status == 2
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


# --- the example in the pages --------------------------------------------------------------------


def golden() -> dict[str, tuple[float, float, float]]:
    """Rows of the page's example: gather, scatter, and the ratio that it prints."""
    text = Path(__file__).parents[1] / "docs/experiments.md"
    block = text.read_text(encoding="utf-8").split("$ parconv perf gather scatter", 1)[1]
    number = r"([\d.]+) ?([GMkmµ]?)s?(?: ± \S+ %)?"
    row = re.compile(rf"^  (\S.*?)  +{number}  +{number}  +([\d.]+)$", re.MULTILINE)
    sizes = {"G": 1e9, "M": 1e6, "k": 1e3, "": 1.0, "m": 1e-3, "µ": 1e-6}
    return {
        name: (float(a) * sizes[unit], float(b) * sizes[other], float(ratio))
        for name, a, unit, b, other, ratio in row.findall(block.split("```", 1)[0])
    }


def test_the_example_in_the_pages_is_what_the_study_found() -> None:
    """Instructions 3 times, accesses 8 times, misses of the last level twice, and slower."""
    found = golden()
    least = {"instructions": 3, "data accesses": 8, "last-level misses": 2, "time": 1.5}
    assert set(least) <= set(found)
    for name, (gathered, scattered, ratio) in found.items():
        assert scattered / gathered == pytest.approx(ratio, rel=0.02), name
        assert ratio >= least.get(name, 0)
    reads, writes, both = (found[f"data {kind}"] for kind in ("reads", "writes", "accesses"))
    assert reads[0] + writes[0] == pytest.approx(both[0], rel=0.01)
    text = Path(__file__).parents[1] / "docs/experiments.md"
    block = text.read_text(encoding="utf-8").split("$ parconv perf gather scatter", 1)[1]
    assert max(map(len, block.split("```", 1)[0].splitlines())) <= 80
