"""The ceilings: what the loops compute, what a survey records and reads back; never how fast."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import soak
from rich.console import Console

import parconv
from parconv import cli
from parconv.codegen import machine
from parconv.experiments import steadiness
from parconv.experiments.ceilings import (
    arithmetic,
    caches,
    launches,
    measure,
    moves,
    pages,
    pipes,
    survey,
    tables,
    thread_counts,
)
from parconv.experiments.ceilings.arithmetic import CHAINS, DOT_PRODUCTS, MULTIPLY_ADDS
from parconv.experiments.ceilings.gate import meet, new_gate
from parconv.experiments.ceilings.moves import STEP
from parconv.runtime import ceilings, records
from parconv.runtime.ceilings import Ceilings
from parconv.runtime.outputs import on_page

FIXED = Ceilings(1, 100.0, 50.0, 10.0)
ABLE = [kind for kind in (*MULTIPLY_ADDS, *DOT_PRODUCTS) if not arithmetic.obstacle(kind)]
QUICK = {"steps": 2000, "nbytes": 2**20}
SMALL = caches.Cache("L1", 2**15, 1), caches.Cache("L2", 2**18, 1), caches.Cache("L3", 2**21, 2)
LAUNCHED = {"median_us": 1234.5, "p90_us": 2.5, "samples": 9}


@pytest.fixture(autouse=True)
def _empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "home", lambda: tmp_path / "records")


@pytest.fixture(autouse=True)
def around(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The spread that is found while something is measured: the machine's load decides no test."""
    found = [0.01]
    monkeypatch.setattr(steadiness, "spread", lambda threads: found[0])
    monkeypatch.setattr(steadiness, "PAUSE", 0.0)
    monkeypatch.setattr(survey, "_doubts", lambda rows, looks: [])  # of loops as short as these
    return found


@pytest.fixture
def _no_launches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor caches of a server's size, which take seconds to fill."""
    monkeypatch.setattr(caches, "sizes", lambda: (SMALL, None))
    absent = {"absent": launches.LAYERS["tbb"]}
    monkeypatch.setattr(
        launches, "measure", lambda name, threads: absent if name == "tbb" else LAUNCHED
    )


# --- the quick measurement -----------------------------------------------------------------------


def test_ceilings_are_positive_and_limit_both_flops_and_bytes() -> None:
    measured = measure(2, steps=20_000, nbytes=2**21)
    assert measured.threads == 2
    assert min(measured.gflops32, measured.gflops64, measured.gbytes) > 0
    assert FIXED.limit_seconds(2e11, 1, np.float32) == pytest.approx(2)
    assert FIXED.limit_seconds(2e11, 1, np.float64) == pytest.approx(4)
    assert FIXED.limit_seconds(1, 2e10, np.float64) == pytest.approx(2)
    assert FIXED.best(Ceilings(1, 90, 60, 10)) == Ceilings(1, 100, 60, 10)
    assert FIXED.mean(FIXED) == FIXED
    assert FIXED.mean(Ceilings(1, 90, 60, 10)).gflops32 == 95
    with pytest.raises(ValueError, match="threads is 0"):
        measure(0)


@pytest.mark.parametrize(("budget", "counts"), [(1, (1,)), (2, (1, 2)), (6, (1, 2, 3, 4, 5, 6))])
def test_thread_counts(budget: int, counts: tuple[int, ...]) -> None:
    assert thread_counts(budget) == counts
    assert thread_counts(40) == (*range(1, 9), 16, 32, 40)


# --- the loops -----------------------------------------------------------------------------------


def arrays() -> tuple[Any, Any]:
    """Three steps of x and out, of which the last is out of bounds."""
    x, out = (on_page(4 * 3 * STEP).view(np.float32) for _ in range(2))
    x[:], out[:] = np.arange(1, x.size + 1), -1
    return x, out


@pytest.mark.parametrize("loop", [moves.copy, moves.stream])
def test_copies_double_every_element(loop: Any) -> None:
    x, out = arrays()
    loop(new_gate(1), x, out, 2, 3)
    np.testing.assert_array_equal(out[: 2 * STEP], 2 * x[: 2 * STEP])
    np.testing.assert_array_equal(out[2 * STEP :], -1)


def test_a_store_repeats_the_first_vector() -> None:
    x, out = arrays()
    moves.store(new_gate(1), x, out, 2, 1)
    lanes = machine.lanes(4)
    np.testing.assert_array_equal(
        out[: 2 * STEP].reshape(-1, lanes), [x[:lanes]] * 2 * moves.UNROLL
    )
    np.testing.assert_array_equal(out[2 * STEP :], -1)


def test_a_load_reads_every_element() -> None:
    x, out = arrays()
    moves.load(new_gate(1), x, out, 2, 1)
    digest = np.bitwise_or(*x[: 2 * STEP].view(np.uint32).reshape(2, STEP))
    np.testing.assert_array_equal(out[:STEP].view(np.uint32), digest)


@pytest.mark.parametrize("kind", ABLE, ids=lambda kind: kind.name)
def test_multiply_adds_compute(kind: arithmetic.Arithmetic) -> None:
    operands = kind.operands()
    arithmetic.chains(kind)(new_gate(1), operands, 100)
    floating = kind in MULTIPLY_ADDS[:2]
    sums = operands[: machine.VECTOR_BYTES].view(kind.dtype if kind.terms == 1 else np.int32)
    assert sums.size == kind.lanes
    expected = CHAINS if floating else CHAINS * 100 * kind.terms
    np.testing.assert_allclose(sums, expected, rtol=1e-6)
    assert kind.operations == 2 * kind.terms * kind.lanes


def test_the_clock_counts_operations_that_wait_for_each_other() -> None:
    value, mask, steps = 5, 0x5DEECE66D, 3
    found = arithmetic.clock_chain()(new_gate(1), value, mask, steps)
    for _ in range(steps * arithmetic.LINKS // 2):
        value = ((value ^ mask) + mask) % 2**64
    assert found % 2**64 == value


def test_the_gate_opens_when_all_have_come() -> None:
    gate = new_gate(2)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(meet, gate)
        pool.submit(meet, gate).result(timeout=60)
        first.result(timeout=60)
    assert list(gate) == [2, 2]


# --- what a machine may lack ---------------------------------------------------------------------


@pytest.mark.parametrize("x86", [True, False])
def test_dot_products_are_absent_with_a_reason(monkeypatch: pytest.MonkeyPatch, x86: bool) -> None:
    monkeypatch.setattr(machine, "IS_X86", x86)
    monkeypatch.setattr(machine, "assembly", lambda source: "no such instruction")
    reasons = {kind.name: arithmetic.obstacle.__wrapped__(kind) for kind in DOT_PRODUCTS}
    own = "AVX-512 VNNI nor AVX-VNNI" if x86 else "dotprod"
    other = "ARM" if x86 else "x86"
    assert any(own in reason for reason in reasons.values())
    assert any(f"an instruction of {other} processors" in reason for reason in reasons.values())
    assert all(reasons.values())
    assert [arithmetic.obstacle.__wrapped__(kind) for kind in MULTIPLY_ADDS] == [None] * 4


@pytest.mark.parametrize("name", ["tbb", "omp"])
def test_an_absent_layer_says_what_to_install(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    error = "ValueError: No threading layer could be loaded.\nHINT:\nsomething"
    monkeypatch.setattr(
        subprocess, "run", lambda *_, **__: subprocess.CompletedProcess(_, 1, "", error)
    )
    found = launches.measure(name, 2)
    assert found == {"absent": launches.LAYERS[name]}
    assert "install" in found["absent"]


def test_a_launch_that_fails_or_hangs_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: Any, **_: Any) -> None:
        raise subprocess.TimeoutExpired(command, 1)

    done = subprocess.CompletedProcess((), 1, "", "Traceback\nOSError: no more threads\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    assert launches.measure("joblib loky", 2) == {"absent": "OSError: no more threads"}
    monkeypatch.setattr(subprocess, "run", hang)
    assert "no answer" in launches.measure("omp", 2)["absent"]


@pytest.mark.parametrize("name", ["threads", *soak("workqueue", "joblib threading")])
def test_a_launch_is_measured_in_a_process_of_its_own(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(parconv.__file__).parent.parent))
    found = launches.measure(name, 2)
    assert 0 <= found["median_us"] <= found["p90_us"]
    assert found["samples"] > 0


def test_caches_as_linux_tells_them(tmp_path: Path) -> None:
    listed = (
        ("1", "Data", "48K", "0"),
        ("1", "Instruction", "32K", "0"),
        ("2", "Unified", "1024K", "0,64"),
        ("3", "Unified", "32M", "0-7,64-71"),
    )
    for number, values in enumerate(listed):
        (tmp_path / f"index{number}").mkdir()
        for name, value in zip(("level", "type", "size", "shared_cpu_list"), values, strict=True):
            (tmp_path / f"index{number}" / name).write_text(value + "\n")
    found = caches._from_sysfs(tmp_path)
    assert found == (
        caches.Cache("L1", 48 * 2**10, 1),
        caches.Cache("L2", 2**20, 2),
        caches.Cache("L3", 2**25, 16),
    )
    assert [found[2].share(threads) for threads in (1, 2, 100)] == [2**25, 2**24, 2**21]


APPLE = """hw.perflevel0.l1dcachesize: 131072
hw.l1dcachesize: 65536
hw.perflevel0.l2cachesize: 12582912
hw.l2cachesize: 4194304
hw.perflevel0.cpusperl2: 4
"""


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (APPLE, [("L1", 2**17, 1), ("L2", 12 * 2**20, 4)]),
        ("hw.l1dcachesize: 32768\nhw.l2cachesize: 262144\nhw.l3cachesize: 8388608\n",
         [("L1", 2**15, 1), ("L2", 2**18, 8), ("L3", 2**23, 8)]),
        ("hw.l1dcachesize: none\n", []),
    ],
    ids=["fast and slow cores", "cores of one kind", "nothing"],
)  # fmt: skip
def test_caches_as_macos_tells_them(
    told: str, expected: list[tuple[str, int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the fast cores, where there are slow ones too; names that are missing fail the command."""
    done = subprocess.CompletedProcess((), 1, told, "sysctl: unknown oid")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    monkeypatch.setattr(caches.os, "cpu_count", lambda: 8)
    assert caches._from_sysctl() == tuple(caches.Cache(*cache) for cache in expected)


def test_unknown_caches_are_assumed_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "SYSFS", tmp_path)
    monkeypatch.setattr(caches.sys, "platform", "win32")
    levels, note = caches.sizes()
    assert levels == caches.FALLBACK
    assert note is not None
    assert "L1 32 KiB, L2 512 KiB assumed" in note


def test_a_cache_too_small_beside_the_one_before_is_left_out() -> None:
    levels = (
        caches.Cache("L1", 2**15, 1),
        caches.Cache("L2", 2**20, 1),
        caches.Cache("L3", 2**21, 2),
    )
    row = survey.row(1, levels, **QUICK)
    assert list(row["bandwidth"]) == ["L1", "L2", "memory"]


def test_fresh_pages_cost_more_than_none() -> None:
    for found in pages.measure(2**20).values():
        assert found["fresh_gbytes"] > 0
        assert found["reused_gbytes"] > 0
        assert found["ns_per_page"] >= 0


# --- the survey ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("_no_launches")
def test_a_survey_is_read_back_and_predicts() -> None:
    plan = parconv.plan2d(((512, 512), "float32"), ((5, 5), "float32"), threads=1)
    assert plan.predict() is None
    heard: list[tuple[str, int, int]] = []
    record = survey.survey((1, 2), announce=lambda *event: heard.append(event), **QUICK)
    known = survey.recorded()
    assert known is not None
    assert known == json.loads(json.dumps(record))
    assert [event[1] for event in heard] == list(range(heard[0][2]))
    row = known["threads"][1]
    rates = [row[name] for name in ("gflops32", "gflops64", "gbytes")]
    assert ceilings.load(2) == Ceilings(2, *rates)
    assert row["gbytes"] == max(row["bandwidth"]["memory"][move] for move in ("copy", "stream"))
    for kind in DOT_PRODUCTS:
        assert (kind.name in known["absent"]) == (row["gops"][kind.name] is None)
    assert plan.predict() is not None
    assert "limited by" in plan.explain()
    assert "measures this machine" not in plan.explain()
    ceilings.path().write_text(json.dumps(record | {"threads": record["threads"][1:]}))
    assert ceilings.load(1) == Ceilings(2, *rates)  # fewer than any that were measured


@pytest.mark.usefixtures("_no_launches")
def test_a_survey_of_another_machine_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    survey.survey((1,), **QUICK)
    record = json.loads(ceilings.path().read_text())
    record["fingerprint"]["numba"] = "0.1"
    ceilings.path().write_text(json.dumps(record))
    assert survey.recorded() is None
    assert ceilings.load(1) is None


@pytest.mark.usefixtures("_no_launches")
def test_a_busy_machine_is_not_recorded(
    around: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """138 GFLOP/s were, of 264, beside twelve other processes."""
    around[0] = 0.9
    whole = survey.survey
    monkeypatch.setattr(survey, "survey", lambda **options: whole((1,), **QUICK, **options))
    assert cli.main(["ceilings"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "differ by 90 %, 25 % at most are believed" in captured.err
    assert "--force" in captured.err
    assert survey.recorded() is None
    assert cli.main(["ceilings", "--force"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "measured on a busy machine, by force: times of the same work differ by 90 %" in told
    record = survey.recorded()
    assert record is not None
    assert (record["spread"], record["forced"]) == (0.9, True)
    assert ceilings.load(1) is not None


@pytest.mark.usefixtures("_no_launches")
def test_predictions_ignore_what_was_measured_on_a_busy_machine() -> None:
    record = survey.survey((1,), **QUICK)
    assert (record["spread"], record["forced"]) == (0.01, False)
    assert ceilings.load(1) is not None
    assert ceilings.waking() is not None
    others = {name: value for name, value in record.items() if name != "spread"}
    spreads = [{"spread": value} for value in (0.26, None, -1, "0", float("nan"), [])]
    for spread in (*spreads, {}):
        records.write(ceilings.path(), record)
        assert ceilings.load(1) is not None
        records.write(ceilings.path(), others | spread)
        assert ceilings.load(1) is None, spread
        assert ceilings.waking() is None, spread


def test_threads_without_cores_are_noted() -> None:
    rows = [{"threads": n, "gflops32": rate} for n, rate in ((1, 100), (2, 199), (4, 210))]
    (note,) = survey._crowded(rows)
    assert note.startswith("4 threads reach 2.1 times the FMA peak of one")


@pytest.mark.usefixtures("_no_launches")
def test_tables_show_rates_reasons_and_no_zero(capsys: pytest.CaptureFixture[str]) -> None:
    record = survey.survey((1, 2), **QUICK)
    tables.show(record, Console(width=160))
    text = capsys.readouterr().out
    for words in ("float64", "np.empty", "memory", "1,234", "`pip install tbb`", *record["absent"]):
        assert words in text
    for kind, reason in record["absent"].items():
        assert f"no {kind}: {reason}" in text
    assert tables._figure(1999.6) == "2,000"
    assert tables._figure(3.14159) == "3.14"


@pytest.mark.usefixtures("_no_launches")
def test_command_measures_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = survey.survey
    times: list[int] = []

    def quick(**options: Any) -> Any:
        times.append(1)
        return whole((1,), **QUICK, **options)

    monkeypatch.setattr(survey, "survey", quick)
    target = tmp_path / "ceilings.json"
    assert cli.main(["ceilings", "--json", str(target)]) == 0
    assert "recorded for this machine" in capsys.readouterr().out
    assert json.loads(target.read_text()) == survey.recorded()
    assert cli.main(["ceilings"]) == 0
    assert "`parconv ceilings --fresh` measures again" in capsys.readouterr().out
    assert len(times) == 1
    assert cli.main(["ceilings", "--fresh", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == survey.recorded()
    assert len(times) == 2
    assert cli.main(["ceilings", "--json", str(tmp_path)]) == 2
    assert "is a directory" in capsys.readouterr().err


# --- what a core cannot have ---------------------------------------------------------------------

_doubts = survey._doubts  # as they are


@pytest.mark.parametrize(
    ("rate", "target", "bits", "doubtful"),
    [
        (1.97, "sapphirerapids", 512, False),
        (1.55, "sapphirerapids", 512, False),  # wide vectors lower the clock
        (0.98, "sapphirerapids", 512, True),  # a neighbour on the other thread of the core
        (2.42, "sapphirerapids", 512, True),  # the clock was measured amid other work
        (0.98, "znver5", 512, False),
        (0.98, "znver4", 512, False),
        (0.98, "znver4", 256, True),
        (3.9, "apple-m1", 128, False),
        (0.1, "somebody-elses", 128, False),
    ],
)
def test_the_rate_of_a_core(rate: float, target: str, bits: int, doubtful: bool) -> None:
    assert (pipes.doubt(rate, target, bits) is not None) == doubtful


@pytest.mark.parametrize("shown", ["rocketlake", "emeraldrapids"])
def test_a_virtual_machine_with_another_model_s_number(
    shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rate was refused as none of that model's, which has half of the pipes."""
    monkeypatch.setattr(pipes.llvm, "get_host_cpu_name", lambda: shown)
    for tiles, name in ((True, "sapphirerapids"), (False, shown)):
        monkeypatch.setattr(pipes.llvm, "get_host_cpu_features", lambda t=tiles: {"amx-tile": t})
        assert pipes.host() == name
    monkeypatch.setattr(pipes.llvm, "get_host_cpu_features", lambda: {"amx-tile": True})
    facts = {"target": shown, "vector_bits": "512"}
    monkeypatch.setattr(survey.records, "fingerprint", lambda: facts)
    look = {"threads": 1, "fmas_per_cycle": 1.9, "gigahertz": 3.0}
    assert list(_doubts([look], [look])) == []


def test_the_table_of_rates_knows_the_ports_table() -> None:
    """Whoever is in one of the two tables of cores is in the other."""
    from parconv.experiments.asm.cpus import CORES

    names = [name for core in CORES for name in core.names]
    assert all(pipes.known(name, 512) or pipes.known(name, 256) or pipes.known(name, 128)
               for name in names if name not in ("neoverse", "cortex"))  # fmt: skip


def test_a_clock_that_comes_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "doubt", lambda *_: None)
    row = {"threads": 1, "fmas_per_cycle": 2.0}
    looks = [{"gigahertz": clock} for clock in (3.0, 2.9, 3.1)]
    assert list(_doubts([row], looks)) == []
    (told,) = _doubts([row], [*looks, {"gigahertz": 2.0}])
    assert told == "the clock was 2.00 to 3.10 GHz, seconds apart"


@pytest.mark.usefixtures("_no_launches")
def test_another_rate_than_the_cores_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "_doubts", _doubts)
    monkeypatch.setattr(pipes, "doubt", lambda *_: "0.98 multiply-adds a cycle were measured")
    with pytest.raises(steadiness.UnsteadyError, match=r"0\.98 .* pass --force"):
        survey.survey((1,), **QUICK)
    assert survey.recorded() is None
    record = survey.survey((1,), **QUICK, force=True)
    assert "0.98 multiply-adds a cycle were measured" in record["notes"]
