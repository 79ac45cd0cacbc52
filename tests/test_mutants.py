"""Distrusts the faults put into the source: that they are made, found by tests, and taken out."""

import ast
import json
from pathlib import Path

import pytest
from conftest import RunPython

from benchmarks import mutants
from benchmarks.mutants import faults
from benchmarks.mutants.kept import Kept
from benchmarks.mutants.recording import Record

SOURCE = '''"""As others."""

from functools import lru_cache

COST = 3


@lru_cache(maxsize=8, typed=True)
def larger(a: int = 2, low: bool = False) -> bool:
    """Nothing in é or in f-strings counts."""
    told = f"{a + 1}"
    return a > 2 and not low
'''
TINY = """
def larger(a):
    return a > 2


def unseen(n):
    return n + 1
"""
TESTS = """
from parconv.problem.sums import larger, unseen

def test_larger():
    assert not larger(2) and larger(3) is True

def test_unseen():
    assert unseen(3)
"""
COMPILED = """
def width():
    return 2 * 3
"""
# What is made of a width is kept, as numba keeps machine code.
COMPILED_TESTS = """
import os
from pathlib import Path
from parconv.methods.sums import width

def test_kernel():
    kernel, made = Path(os.environ["NUMBA_CACHE_DIR"], "parconv-0/width.kernel"), str(width())
    if not kernel.exists():
        kernel.parent.mkdir(parents=True)
        kernel.write_text(made)
    assert kernel.read_text() == "6"
"""
CHANGES = {
    ("True", "False"), ("2", "3"), ("False", "True"), ("a > 2", "(a >= 2)"),
    ("not low", "(low)"), ("a > 2 and not low", "(a > 2 or not low)"),
    ("return a > 2 and not low", "return None"),
}  # fmt: skip


def package(
    root: Path, source: str, module: str = "parconv/problem/sums.py", tests: str = TESTS
) -> Path:
    """A tree with one module and its tests."""
    kernels = f"{str(root / 'parconv-0')!r}"
    files = {
        "parconv/__init__.py": "",
        "parconv/codegen/kernel_cache/places.py": f"source_hash = directory = lambda: {kernels}\n",
        module: source,
        "pyproject.toml": "[tool.pytest.ini_options]\nfilterwarnings = ['error']\n",
        "tests/test_sums.py": tests,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_faults_are_one_change_each_to_what_runs(tmp_path: Path) -> None:
    """None in annotations, texts, measured constants and sizes of caches."""
    found = faults.possible(package(tmp_path, SOURCE))
    assert {(fault.old, fault.new) for fault in found} == CHANGES
    for fault in found:
        faulty = fault.put_into(SOURCE.encode()).decode()
        ast.parse(faulty)
        assert faulty != SOURCE
        assert fault.old in SOURCE.splitlines()[fault.last - 1]


def test_no_fault_lies_in_compiled_code() -> None:
    crew = mutants.ROOT / "parconv/runtime/crew"
    files = set(faults.files(mutants.ROOT))
    assert crew / "__init__.py" in files
    assert not files & {crew / f"{name}.py" for name in faults.COMPILED}
    assert all((crew / f"{name}.py").exists() for name in faults.COMPILED)


def test_those_that_no_test_notices_are_told(tmp_path: Path, run_python: RunPython) -> None:
    root = package(tmp_path, TINY)
    before = {path: path.read_bytes() for path in root.rglob("*.py")}
    source = """
    import sys
    from pathlib import Path
    from benchmarks import mutants

    root, keep, number = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    found = mutants.measure(number, 1, root, keep=keep)
    print(mutants.told(sorted(found)))
    """
    run_python(source, root, tmp_path / "kept", 2)
    kept = (tmp_path / "kept/found.jsonl").read_text().splitlines(keepends=True)
    assert len(kept) == 2
    (tmp_path / "kept/found.jsonl").write_text("".join(kept) + kept[0][:9])  # ended amid a line
    lines = run_python(source, root, tmp_path / "kept", 100).stdout.splitlines()
    found = (tmp_path / "kept/found.jsonl").read_text().splitlines(keepends=True)
    assert found[:2] == kept
    assert len({json.loads(line)[0] for line in found}) == len(found) == 6
    assert lines[-3:] == [
        "4 of 6 faults were noticed; these were not:",
        "  parconv/problem/sums.py:7: n + 1 -> (n - 1)",
        "  parconv/problem/sums.py:7: 1 -> 2",
    ]
    assert sum("tests/test_sums.py::test_larger" in line for line in lines) == 3
    assert {path: path.read_bytes() for path in before} == before


def test_those_in_what_kernels_are_made_with_are_tried_without_kernels(
    tmp_path: Path, run_python: RunPython
) -> None:
    """One that was made with a fault is kept for nobody else."""
    root = package(tmp_path / "tree", COMPILED, "parconv/methods/sums.py", COMPILED_TESTS)
    kernel = root / "parconv-0/width.kernel"
    kernel.parent.mkdir()
    kernel.write_text("6")
    source = """
    import sys
    from pathlib import Path
    from benchmarks import mutants

    for fault, by in mutants.measure(9, 1, Path(sys.argv[1])):
        print(fault.new, "by", by)
    """
    lines = run_python(source, root).stdout.splitlines()
    news = "(2 // 3)", "3", "4", "return None"
    assert sorted(lines[-4:]) == [f"{new} by tests/test_sums.py::test_kernel" for new in news]
    assert kernel.read_text() == "6"


def test_what_was_kept_of_another_tree_is_refused(tmp_path: Path) -> None:
    root = package(tmp_path / "a", SOURCE)
    for source, refused in ((SOURCE, False), (TINY, True)):
        package(tmp_path / "a", source)
        if refused:
            with pytest.raises(ValueError, match="another tree"):
                Kept.of(tmp_path / "kept", root)
        else:
            assert Kept.of(tmp_path / "kept", root).found(1) == {}


def test_what_no_test_noticed_is_asked_again_with_more_patience(tmp_path: Path) -> None:
    kept = Kept.of(tmp_path / "kept", package(tmp_path / "a", SOURCE))
    first, second = faults.possible(tmp_path / "a")[:2]
    kept.add(first, "a test", 0.5, 20)
    kept.add(second, "", 1.5, 20)
    assert kept.found(20) == {first.key: ("a test", 0.5), second.key: ("", 1.5)}
    assert kept.found(60) == {first.key: ("a test", 0.5)}


def test_longer_tests_are_chosen_with_more_patience(tmp_path: Path) -> None:
    fault = next(f for f in faults.possible(package(tmp_path, TINY)) if f.first == 7)
    tests = {"t.py::a": 1.0, "t.py::b[1]": 9.0, "t.py::c": 50.0, "t.py::d": 0.5}
    lines = {fault.path: {7: {"t.py::a", "t.py::b[1]", "t.py::c"}, 3: {"t.py::d"}}}
    counts = {"t.py::a": 1, "t.py::b": 2, "t.py::c": 1, "t.py::d": 1}
    record = Record(tests, counts, lines)
    few = ["t.py::a", "t.py::b[1]", "t.py::c"]
    assert record.chosen(fault, 10) == (few, ["t.py::a", "t.py::d"])
    assert record.chosen(fault, 100) == (few, ["t.py::a", "t.py::b", "t.py::c", "t.py::d"])


def test_tests_of_the_file_come_before_those_that_pass_through_it(tmp_path: Path) -> None:
    fault = next(f for f in faults.possible(package(tmp_path, TINY)) if f.first == 7)
    seconds = {"t.py::passing": 0.1, "t.py::own[1]": 0.2, "t.py::own[2]": 0.4}
    lines = {fault.path: {7: set(seconds)}, "x.py": {n: {"t.py::passing"} for n in range(9)}}
    record = Record(seconds, {"t.py::passing": 1, "t.py::own": 30}, lines)
    assert record.chosen(fault, 10) == (
        ["t.py::passing", "t.py::own[1]"],
        ["t.py::own", "t.py::passing"],
    )
    assert record.chosen(fault, 8)[1] == ["t.py::passing"]


FORKS = """
    import sys, time
    from pathlib import Path
    from benchmarks.mutants import children

    def busy(seconds=3600.0):
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass
        return 3

    def started():
        import subprocess
        words = "import time\\nwhile time.process_time() < 1.5: pass"
        return subprocess.run([sys.executable, "-c", words]).returncode

    copy = Path(sys.argv[1])
    print(children.forked(lambda: busy(0.2), copy, 60, 60))
    print(children.forked(busy, copy, 0.7, 3600))
    print(children.forked(lambda: time.sleep(3600), copy, 60, 1))
    print(children.forked(lambda: time.sleep(1) or 4, copy, 0.5, 60))
    print(children.forked(started, copy, 0.8, 3600))
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="nobody tells of others' time")
def test_time_is_that_of_processors(tmp_path: Path, run_python: RunPython) -> None:
    """Of what tests start as well; and who waits for ever is ended."""
    (tmp_path / "copy").mkdir()
    told = run_python(FORKS, tmp_path / "copy").stdout.split()
    assert told == ["3", "None", "None", "4", "None"]


def test_a_record_is_read_as_it_was_written() -> None:
    record = Record({"a": 0.5, "b": 2.0}, {"a": 1, "b": 3}, {"x.py": {3: {"b", "a"}, 4: set()}})
    assert Record.of_json(json.loads(json.dumps(record.to_json()))) == record


def test_parconv_must_not_be_imported_before() -> None:
    with pytest.raises(ValueError, match="parconv is imported"):
        mutants.measure(1, 1)
