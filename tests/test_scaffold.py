"""`parconv bench init`: asv finds the cases in what it writes, and times one."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parconv import cli
from parconv.experiments import processes, scaffold

OWN = ("--shape", "9x40x37", "--kernel", "gaussian:1", "--dtype", "uint8", "--boundary", "wrap")


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "bench"


def module_of(directory: Path) -> Any:
    path = directory / scaffold.MODULE
    spec = importlib.util.spec_from_file_location("bench_cases", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_cases_can_be_timed(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "init", "bench", *OWN]) == 0
    told = capsys.readouterr().out
    assert "written: bench/asv.conf.json" in told
    assert "asv run --python=same" in told
    assert max(map(len, told.splitlines())) <= 80
    found = json.loads((directory / scaffold.CONFIGURATION).read_text())
    assert (found["repo"], found["benchmark_dir"]) == ("..", "benchmarks")
    module = module_of(directory)
    (name,) = module.Cases.params
    assert name == "own 9x40x37 gaussian:1 uint8 same wrap"
    cases = module.Cases()
    cases.setup(name)
    expected = cases.out.copy()
    for call in (cases.time_planned, cases.time_plain_call):
        cases.out.fill(0)
        call(name)
        assert (cases.out == expected).all()
    assert not hasattr(module, "Functions")


def test_without_a_case_there_are_examples(directory: Path) -> None:
    list(scaffold.write(directory))
    assert len(module_of(directory).CASES) == len(scaffold.USUAL)


def test_functions_of_the_users(directory: Path) -> None:
    list(scaffold.write(directory))
    path = directory / scaffold.MODULE
    text = path.read_text().replace("FUNCTIONS = {}", "FUNCTIONS = {'sum': lambda f, g: f.sum()}")
    path.write_text(text)
    module = module_of(directory)
    functions, (names, cases) = module.Functions(), module.Functions.params
    function, name = names[0], cases[0]
    functions.setup(function, name)
    functions.time_function(function, name)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["no/such/place"], "there is no directory no/such"),
        (["bench", "--shape", "9x9"], "pass both"),
        (["bench", "--threads", "2"], "asv takes all that there are"),
    ],
)
def test_what_is_refused(
    arguments: list[str], told: str, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["bench", "init", *arguments]) == 2
    assert told in capsys.readouterr().err
    assert not directory.exists()


def test_nothing_is_overwritten(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "init", "bench"]) == 0
    before = (directory / scaffold.MODULE).read_text()
    assert cli.main(["bench", "init", "bench", *OWN]) == 2
    assert "is there already: pass another directory" in capsys.readouterr().err
    assert (directory / scaffold.MODULE).read_text() == before


@pytest.mark.soak
def test_asv_runs_it(directory: Path) -> None:
    pytest.importorskip("asv")
    (directory.parent / ".git").rmdir()
    for command in (
        ["git", "init", "-q"],
        ["git", "-c", "user.name=n", "-c", "user.email=e@x", "commit", "-qm", "c", "--allow-empty"],
    ):
        subprocess.run(command, cwd=directory.parent, check=True)
    list(scaffold.write(directory, [scaffold.Own((40, 37), (3, 3))]))
    asv = [sys.executable, "-m", "asv"]
    environment = processes.environment()
    environment["ASV_PYTHONPATH"] = environment["PYTHONPATH"]  # else asv takes it from the path
    subprocess.run([*asv, "machine", "--yes"], cwd=directory, check=True, env=environment)
    done = subprocess.run(
        [*asv, "run", "--quick", "--python=same", "--dry-run", "--show-stderr"],
        cwd=directory, capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bench_cases.Cases.time_planned" in done.stdout
    assert "failed" not in done.stdout
