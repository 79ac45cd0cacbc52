"""Distrusts the doctor: every fact is there, every hazard is found, nothing missing stops it."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import threadpoolctl
from conftest import RunPython, soak
from typer.testing import CliRunner

import parconv
from parconv import cli, doctor
from parconv.codegen import kernel_cache, machine
from parconv.codegen.kernel_cache import survey
from parconv.doctor import facts, hazards
from parconv.runtime import budget
from parconv.runtime.budget import affinity, layer
from parconv.runtime.budget.quota import Quota

COMMAND = """
    import sys
    from parconv import cli
    sys.exit(cli.main(["doctor", *sys.argv[1:]]))
"""
# The environment may hold any of these where the tests run.
SILENT: dict[str, str | None] = dict.fromkeys(
    [
        *affinity.BINDING, *hazards.SPINNING, "NUMBA_DISABLE_JIT", "NUMBA_THREADING_LAYER",
        "PARCONV_NUM_THREADS", "PARCONV_WISDOM",
    ]
)  # fmt: skip


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SILENT:
        monkeypatch.delenv(name, raising=False)


def told(report: doctor.Report) -> str:
    return "\n".join(report.lines())


def found(part: str, report: doctor.Report | None = None) -> bool:
    """Whether a hazard's description, which its mend accompanies, has that part."""
    given = (report or doctor.examine()).hazards
    assert all(hazard.what and hazard.mend for hazard in given)
    return any(part in hazard.what for hazard in given)


def test_it_tells_what_is_here() -> None:
    report = doctor.examine()
    text = told(report)
    for part in (
        f"parconv              {parconv.__version__}",
        np.__version__,
        sys.version.split()[0],
        f"{8 * machine.VECTOR_BYTES} bits",
        str(kernel_cache.directory()),
        budget.threading_layer(),
    ):
        assert part in text, part
    assert "unknown" not in text
    assert report.status == 0
    assert report.facts["calls"]["a convolution"] == "right"
    assert report.budget == {
        "threads": budget.thread_budget(),
        "decided by": budget.decisive().name,
    }
    assert [row["name"] for row in report.limits] == [row.name for row in budget.limits()]
    assert all(f"  {row.name:<20} {row.threads or '-'}" in text for row in budget.limits())
    assert all(row.source in text for row in budget.limits())


def test_the_command_prints_and_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same every time, but for kernels that another process compiles meanwhile."""
    kernels = survey.survey()
    monkeypatch.setattr(survey, "survey", lambda: kernels)
    run = CliRunner().invoke
    shown = run(cli.app, ["doctor"])
    assert shown.exit_code == 0
    assert "limits of threads" in shown.output
    written = json.loads(run(cli.app, ["doctor", "--json", "-"]).output)
    target = tmp_path / "doctor.json"
    assert run(cli.app, ["doctor", "--json", str(target)]).output == shown.output
    for content in (written, json.loads(target.read_text(encoding="utf-8"))):
        assert content == json.loads(json.dumps(doctor.examine().to_json()))
        assert content["budget"]["threads"] == budget.thread_budget()
        assert {"versions", "machine", "threads", "directories", "limits", "hazards"} <= set(
            content
        )
    shown = run(cli.app, ["doctor", "--help"])
    assert "Example: parconv doctor" in shown.output


# --- hazards -------------------------------------------------------------------------------------

SHOWN = (
    ({"NUMBA_DISABLE_JIT": "1"}, "calls fail: NUMBA_DISABLE_JIT is set"),
    ({"NUMBA_CACHE_DIR": os.devnull}, "set NUMBA_CACHE_DIR"),
    ({"OMP_PROC_BIND": "close"}, "OpenMP binds threads to cores (OMP_PROC_BIND is set)"),
    ({"OMP_WAIT_POLICY": "active"}, "OMP_WAIT_POLICY=active: "),
    ({"PARCONV_WISDOM": "off"}, "PARCONV_WISDOM is off"),
    ({"PARCONV_NUM_THREADS": "1"}, "budget               1    PARCONV_NUM_THREADS"),
    ({"NUMBA_THREADING_LAYER": "workqueue"}, "Numba's threading layer is workqueue"),
    ({"NUMBA_THREADING_LAYER": "nonsense"}, "Numba has no threading layer here"),
    ({"OMP_PROC_BIND": "false"}, "no hazards"),
    ({"OMP_WAIT_POLICY": "passive"}, "no hazards"),
)
TOGETHER = SHOWN[:2], SHOWN[2:6], SHOWN[6:7], SHOWN[7:8], SHOWN[8:]


@pytest.mark.parametrize("shown", [*TOGETHER, *soak(*([row] for row in SHOWN))])
def test_hazards_of_the_environment(
    shown: list[tuple[dict[str, str], str]], run_python: RunPython
) -> None:
    """In processes of their own, as the command is; several at once, and each alone."""
    environment = {name: value for given, _ in shown for name, value in given.items()}
    outcome = run_python(COMMAND, env={**SILENT, **environment}, succeed=False)
    assert outcome.status == ("NUMBA_DISABLE_JIT" in environment)
    assert not outcome.stderr
    for _, line in shown:
        if line != "no hazards" or sys.version_info[:2] <= hazards.NEWEST_PYTHON:
            assert line in outcome.stdout


def test_openmp_that_another_library_has_loaded(run_python: RunPython) -> None:
    if sys.platform != "linux":
        pytest.skip("needs GNU OpenMP")
    outcome = run_python(f"    import ctypes; ctypes.CDLL('libgomp.so.1')\n{COMMAND}", env=SILENT)
    assert "OpenMP had been loaded before" in outcome.stdout


def test_several_openmp_runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"user_api": "openmp", "filepath": "libgomp.so"}
    blas = {"user_api": "blas", "filepath": "libopenblas.so"}
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: [one, blas])
    assert not found("OpenMP runtimes")
    other = {**one, "filepath": "libiomp5.so"}
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: [one, blas, other])
    assert found("2 OpenMP runtimes are loaded")
    assert found("libgomp.so, libiomp5.so")


def test_a_quota_below_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    from parconv.runtime.budget import quota, table

    monkeypatch.setattr(affinity, "count", lambda: 8)
    for cores, expected in ((3, True), (8, False)):
        for module in (quota, table):
            monkeypatch.setattr(module, "quota", lambda cores=cores: Quota(cores, Path("cpu.max")))
        assert found(f"grants the time of {cores} of 8 cores") == expected
    assert not found("grants")


def test_pythons_that_are_not_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hazards, "NEWEST_PYTHON", (3, 10))
    assert found("newer than 3.10")
    assert not found("free-threaded")
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    assert found("free-threaded")
    assert "free-threaded" in str(doctor.examine().facts["versions"]["python"])


def test_a_forked_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer, "_forked", True)
    assert found("was forked")
    assert "this process was forked" in told(doctor.examine())


@pytest.mark.parametrize("error", [RuntimeError("no such luck"), None])
def test_calls_that_fail_or_lie(error: Exception | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def conv2d(f: Any, g: Any, **options: Any) -> Any:
        if error:
            raise error
        return np.zeros(3)

    monkeypatch.setattr(parconv, "conv2d", conv2d)
    report = doctor.examine()
    assert report.status == 1
    assert found(str(error) if error else "its answer is wrong", report)
    assert cli.main(["doctor"]) == 1


# --- whatever is missing -------------------------------------------------------------------------


NEEDED = (
    "numba", "numpy", "llvmlite", "llvmlite.binding", "numba.misc", "ctypes", "threadpoolctl",
)  # fmt: skip
USEFUL = "joblib", "PIL", "rich"


@pytest.mark.parametrize(
    "missing",
    [["numba"], ["ctypes", "threadpoolctl"], USEFUL, *soak(*([it] for it in (*NEEDED, *USEFUL)))],
    ids=" ".join,
)
def test_a_library_that_is_missing_is_a_line(missing: Sequence[str], run_python: RunPython) -> None:
    hidden = f"sys.modules.update(dict.fromkeys({[*missing]}))"
    outcome = run_python(f"    import sys; {hidden}\n{COMMAND}", env=SILENT, succeed=False)
    assert outcome.status == any(name in NEEDED for name in missing), outcome
    assert not outcome.stderr
    assert "versions" in outcome.stdout
    assert "limits of threads" in outcome.stdout


def test_a_fact_and_a_judge_that_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Iterator[hazards.Hazard]:
        raise OSError("no\n such  file")

    for section in facts.FACTS:
        for name in facts.FACTS[section]:
            monkeypatch.setitem(facts.FACTS[section], name, broken)
    monkeypatch.setattr(hazards, "JUDGES", (broken, hazards._failing))
    monkeypatch.setattr(budget, "limits", broken)
    report = doctor.examine()
    assert "unknown: OSError: no such file" in told(report)
    assert report.status == 1
    assert report.limits == ()
