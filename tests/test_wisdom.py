"""Wisdom: recorded choices are used where they fit, and ignored wherever they do not."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import RunPython

import parconv
from parconv import cli
from parconv.planner import choice as planner, wisdom, wisdom_records
from parconv.planner.plan import Plan
from parconv.planner.wisdom import Wisdom
from parconv.problem.problem import Problem
from parconv.runtime import budget, records
from parconv.runtime.strategies import STRATEGIES, is_automatic

AUTOMATIC = [*filter(is_automatic, STRATEGIES)]
IMAGE, TAPS = ((700, 640), "float32"), ((5, 5), "float32")
FOUND = Wisdom("threads", 2, 6, 1e-3, 2e-3, "2026-11-20", "direct")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of wisdom for each test, and no plans from tests before."""
    monkeypatch.setenv("PARCONV_WISDOM", str(tmp_path / "wisdom"))
    planner.forget()
    return tmp_path / "wisdom"


def problem(**options: Any) -> Problem:
    return parconv.plan2d(IMAGE, TAPS, strategy="serial", **options).problem


def plan(budget: int, strategy: str = "auto") -> Plan:
    return planner.make_plan(problem(), None, budget, strategy, "auto")


def test_what_was_saved_is_used() -> None:
    assert wisdom.recall(problem(), 2) is None
    assert not plan(2).wisdom
    path = wisdom.remember(problem(), 2, FOUND)
    assert path.is_file()
    assert wisdom.recall(problem(), 2) == FOUND
    tuned = plan(2)
    assert (tuned.strategy, tuned.threads, len(tuned.bands)) == ("threads", 2, 6)
    assert str(tuned).endswith(", by wisdom")
    assert "wisdom of 2026-11-20: 1 ms, by rule 2" in tuned.explain()
    assert "by wisdom" not in str(planner.by_rule(problem(), None, 2, "auto", "auto"))


def test_the_newest_is_used() -> None:
    newer = Wisdom("threads", 2, 4, 5e-4, 2e-3, "2026-11-21", "direct")
    assert wisdom.remember(problem(), 2, FOUND) == wisdom.remember(problem(), 2, newer)
    assert wisdom.recall(problem(), 2) == newer


def test_a_new_process_uses_it(run_python: RunPython) -> None:
    threads = budget.thread_budget()
    wisdom.remember(problem(), threads, Wisdom("threads", 1, 3, 1e-3, 2e-3, "2026-11-20", "direct"))
    source = """
        import parconv
        print(parconv.plan2d(((700, 640), "float32"), ((5, 5), "float32")))
        """
    assert run_python(source).stdout.strip().endswith("threads, 3 bands, 1 thread, by wisdom")
    off = run_python(source, env={"PARCONV_WISDOM": "off"}).stdout
    assert "by wisdom" not in off


@pytest.mark.parametrize("value", ["off", "OFF", "Off"])
def test_it_can_be_turned_off(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wisdom.remember(problem(), 2, FOUND)
    monkeypatch.setenv("PARCONV_WISDOM", value)
    assert wisdom.recall(problem(), 2) is None
    assert not plan(2).wisdom
    with pytest.raises(ValueError, match="PARCONV_WISDOM is off"):
        wisdom.remember(problem(), 2, FOUND)


def test_the_directory_may_be_missing_a_file_or_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    for name in ("nowhere", "file", "file/inside", "a\tname", "x" * 5000):
        monkeypatch.setenv("PARCONV_WISDOM", str(tmp_path / name))
        assert wisdom.recall(problem(), 2) is None
        assert not plan(2).wisdom
    monkeypatch.setenv("PARCONV_WISDOM", str(tmp_path / "file"))
    with pytest.raises(OSError, match="file"):
        wisdom.remember(problem(), 2, FOUND)


def test_a_directory_that_may_not_be_looked_at_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError("closed")

    monkeypatch.setattr("os.stat", refuse)
    assert wisdom.recall(problem(), 2) is None


def test_by_default_it_lies_with_the_other_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PARCONV_WISDOM")
    assert wisdom.directory() == records.home() / "wisdom"


def rewrite(change: Callable[[dict[str, Any]], Any]) -> None:
    """Save wisdom, then change its file."""
    path = wisdom.remember(problem(), 2, FOUND)
    record = json.loads(path.read_bytes())
    replaced = change(record)
    path.write_text(json.dumps(record if replaced is None else replaced), encoding="utf-8")


def test_a_fingerprint_has_the_bits_of_a_vector() -> None:
    assert records.fingerprint()["vector_bits"] in ("128", "256", "512")


@pytest.mark.parametrize("name", sorted(records.fingerprint()))
def test_another_machine_is_ignored(name: str) -> None:
    rewrite(lambda record: record["fingerprint"].update({name: "another"}))
    assert wisdom.recall(problem(), 2) is None
    assert not plan(2).wisdom


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        ("processor\t: 0\nmodel name\t: AMD EPYC\nprocessor\t: 1\nmodel name\t: AMD EPYC\n",
         "AMD EPYC"),
        ("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd05\n\n"
         "processor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n",
         "CPU implementer 0x41, CPU part 0xd05 0xd0b"),
    ],
    ids=["x86", "arm"],
)  # fmt: skip
def test_processors_are_told_apart(
    cpuinfo: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Linux has no names for them, by what it tells of every kind of core."""
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr(records, "_CPUINFO", tmp_path / "cpuinfo")
    assert records._cpu_name() == name


def test_a_mac_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_CPUINFO", tmp_path / "none")
    monkeypatch.setattr(records.sys, "platform", "darwin")
    assert records._cpu_name(), "where the function is missing, something plainer"

    def tell(name: bytes, text: Any, *_: Any) -> int:
        text.value = {b"machdep.cpu.brand_string": b"Apple M4"}[name]
        return 0

    monkeypatch.setattr(records.ctypes, "CDLL", lambda _: SimpleNamespace(sysctlbyname=tell))
    assert records._cpu_name() == "Apple M4"


def test_a_new_compiler_looks_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    before = wisdom.remember(problem(), 2, FOUND)
    other = {**records.fingerprint(), "numba": "99"}
    monkeypatch.setattr(records, "fingerprint", lambda: other)
    assert wisdom.recall(problem(), 2) is None
    assert wisdom.remember(problem(), 2, FOUND) != before


CONTENTS = (
    b"", b"{", b"null", b"[]", b"\xff\xfe\x00", b'"wisdom"', b"{}", b"[" * 100_000,
    b'{"wisdom": {}}', b"\x00" * 64, b"1e999",
)  # fmt: skip


@pytest.mark.parametrize("content", CONTENTS, ids=range(len(CONTENTS)))
def test_a_damaged_file_is_ignored_and_replaced(content: bytes) -> None:
    path = wisdom.remember(problem(), 2, FOUND)
    path.write_bytes(content)
    assert wisdom.recall(problem(), 2) is None
    assert not plan(2).wisdom
    wisdom.remember(problem(), 2, FOUND)
    assert wisdom.recall(problem(), 2) == FOUND


WRONG: tuple[dict[str, Any], ...] = (
    {"strategy": None}, {"strategy": ["prange"]}, {"strategy": 3},
    {"threads": 0}, {"threads": -1}, {"threads": 2.0}, {"threads": True}, {"threads": "2"},
    {"bands": 0}, {"bands": None}, {"bands": 1e9}, {"bands": False},
    {"seconds": "fast"}, {"seconds": None}, {"seconds": float("nan")}, {"seconds": -1.0},
    {"default_seconds": []}, {"default_seconds": float("inf")}, {"default_seconds": 0},
    {"measured": 20261120}, {"unheard": 1},
)  # fmt: skip


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_wrong_values_are_ignored(change: dict[str, Any]) -> None:
    rewrite(lambda record: record["wisdom"].update(change))
    assert wisdom.recall(problem(), 2) is None
    assert not plan(2).wisdom


@pytest.mark.parametrize("name", sorted(vars(FOUND)))
def test_missing_values_are_ignored(name: str) -> None:
    rewrite(lambda record: record["wisdom"].pop(name) and None)
    assert wisdom.recall(problem(), 2) is None


@pytest.mark.parametrize("content", [None, 5, "x", [], [1], {"a": {}}], ids=str)
def test_wisdom_that_is_no_table_is_ignored(content: Any) -> None:
    rewrite(lambda record: {**record, "wisdom": content})
    assert wisdom.recall(problem(), 2) is None


def test_an_unknown_strategy_is_ignored() -> None:
    rewrite(lambda record: record["wisdom"].update({"strategy": "quantum"}))
    assert plan(2) == planner.by_rule(problem(), None, 2, "auto", "auto")


def test_threads_stay_within_the_bound() -> None:
    wisdom.remember(problem(), 2, Wisdom("threads", 64, 128, 1e-3, 2e-3, "2026-11-20", "direct"))
    assert plan(2).threads == 2
    assert not plan(1).wisdom
    assert not plan(3).wisdom


def test_bands_are_bounded_by_the_rows() -> None:
    wisdom.remember(problem(), 2, Wisdom("threads", 2, 10**12, 1e-3, 2e-3, "2026-11-20", "direct"))
    assert 2 <= len(plan(2).bands) <= 700


def test_a_named_strategy_ignores_it() -> None:
    wisdom.remember(problem(), 2, FOUND)
    for strategy in STRATEGIES:
        named = plan(2, strategy)
        assert named.wisdom is None
        assert named.strategy == strategy
    with pytest.raises(ValueError, match="strategy='quantum'"):
        plan(2, "quantum")


@pytest.mark.parametrize("strategy", sorted(set(STRATEGIES) - set(AUTOMATIC)))
def test_what_waits_for_sleeping_threads_is_not_taken(strategy: str) -> None:
    """From a record of another version, say."""
    wisdom.remember(problem(), 2, Wisdom(strategy, 2, 8, 1e-3, 2e-3, "2026-11-20", "direct"))
    assert plan(2).wisdom is None
    assert plan(2).strategy in AUTOMATIC


def test_other_problems_ignore_it() -> None:
    wisdom.remember(problem(), 2, FOUND)
    for options in (
        {"mode": "same"}, {"mode": "same", "boundary": "wrap"}, {"stride": 2}, {"dilation": 2},
        {"dtype": "float64"}, {"accumulate": "float64"}, {"axes": (1, 0)},
    ):  # fmt: skip
        assert wisdom.recall(problem(**options), 2) is None, options
    assert wisdom.recall(problem(cval=3), 2) == FOUND
    assert wisdom.recall(problem(correlate=True), 2) == FOUND


@pytest.mark.parametrize(
    ("taps", "first", "second"),
    [
        ((5, 5), {"mode": "same"}, {"mode": "same", "origin": 1}),
        ((5, 5), {"padding": 1}, {"padding": ((1, 1), (2, 0))}),
        ((8, 2, 3, 3), {"groups": 4}, {"groups": 4, "accumulate": "float64"}),
        ((8, 2, 3, 3), {"groups": 4}, {"groups": 4, "padding": 1}),
    ],
    ids=["lead alone", "lead of padding", "type of sums", "plane"],
)
def test_each_fact_of_a_problem_counts(
    taps: tuple[int, ...], first: dict[str, Any], second: dict[str, Any]
) -> None:
    image = (IMAGE[0], "float32") if len(taps) == 2 else ((2, 8, 40, 40), "float32")

    def asked(options: dict[str, Any]) -> Problem:
        return parconv.plan2d(image, (taps, "float32"), strategy="serial", **options).problem

    wisdom.remember(asked(first), 2, FOUND)
    assert wisdom.recall(asked(first), 2) == FOUND
    assert wisdom.recall(asked(second), 2) is None


def test_banks_of_as_many_taps_are_told_apart() -> None:
    """Alike in image, filters' planes and result, but for their groups."""
    image = ((2, 8, 40, 40), "float32")
    wide, grouped = (
        parconv.plan2d(image, ((8, inputs, 3, 3), "float32"), groups=8 // inputs).problem
        for inputs in (8, 4)
    )
    wisdom.remember(wide, 2, FOUND)
    assert wisdom.recall(wide, 2) == FOUND
    assert wisdom.recall(grouped, 2) is None


def test_another_method_ignores_it() -> None:
    big = (((4096, 4096), "float32"), ((31, 31), "float32"))
    asked = parconv.plan2d(*big, strategy="serial", method="direct").problem
    wisdom.remember(asked, 2, FOUND)
    assert parconv.plan2d(*big, threads=2, method="direct").strategy == FOUND.strategy
    assert parconv.plan2d(*big, threads=2, method="fft").wisdom is None


@pytest.mark.parametrize("strategy", AUTOMATIC)
def test_the_bits_are_those_of_the_default(strategy: str) -> None:
    random = np.random.default_rng(0)
    f, g = random.random((700, 640), np.float32), random.random((5, 5), np.float32)
    by_rule = parconv.conv2d(f, g, threads=budget.thread_budget())
    for bands in (1, 2, 7, 64):
        tuned = Wisdom(strategy, 2, bands, 1e-3, 2e-3, "2026-11-20", "direct")
        wisdom.remember(problem(), budget.thread_budget(), tuned)
        planner.forget()
        found = parconv.plan2d(f, g)
        assert found.wisdom == tuned
        np.testing.assert_array_equal(found(f), by_rule)


def test_a_process_keeps_the_plans_it_made() -> None:
    before = parconv.plan2d(IMAGE, TAPS, threads=1)
    wisdom.remember(problem(), 1, Wisdom("serial", 1, 3, 1e-3, 2e-3, "2026-11-20", "direct"))
    assert parconv.plan2d(IMAGE, TAPS, threads=1) == before
    assert parconv.plan2d(IMAGE, TAPS, threads=1, mode="same").wisdom is None
    planner.forget()
    assert parconv.plan2d(IMAGE, TAPS, threads=1).wisdom


def test_writers_in_several_processes_leave_a_whole_record(run_python: RunPython) -> None:
    run_python(
        """
        import subprocess, sys
        write = '''
        import sys
        from parconv import plan2d
        from parconv.planner import wisdom
        problem = plan2d(((700, 640), "float32"), ((5, 5), "float32"), strategy="serial").problem
        me = int(sys.argv[1])
        for turn in range(50):
            measured = 1e-3, me * 1.0, "x" * me * 50, "direct"
            found = wisdom.Wisdom("threads", me, me * 1000 + turn, *measured)
            wisdom.remember(problem, 2, found)
            seen = wisdom.recall(problem, 2)
            assert seen is not None
            assert seen.bands // 1000 == seen.threads == seen.default_seconds
            assert seen.measured == "x" * seen.threads * 50
        '''
        import textwrap
        writers = [
            subprocess.Popen([sys.executable, "-c", textwrap.dedent(write), str(n)])
            for n in (1, 2, 3)
        ]
        assert [writer.wait() for writer in writers] == [0] * 3
        """
    )
    seen = wisdom.recall(problem(), 2)
    assert seen is not None
    assert seen.bands == seen.threads * 1000 + 49
    path = wisdom.remember(problem(), 2, FOUND)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


# --- all of it -----------------------------------------------------------------------------------


def test_wisdom_is_listed_forgotten_and_carried(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = parconv.plan2d(((70, 64), "uint8"), TAPS, strategy="serial").problem
    wisdom.remember(problem(), 2, FOUND)
    wisdom.remember(other, 2, FOUND, spread=0.5)
    assert cli.main(["wisdom", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert [line for line in lines if "busy" in line] == [line for line in lines if "uint8" in line]
    assert "threads, 2 threads, 6 bands, 1 ms, by rule 2" in lines[0]
    file = tmp_path / "all.json"
    assert cli.main(["wisdom", "export", str(file)]) == 0
    assert cli.main(["wisdom", "forget", "uint8"]) == 0
    assert "1 setting\n" in capsys.readouterr().out
    assert wisdom.recall(problem(), 2) == FOUND
    assert len(wisdom_records.entries()) == 1
    monkeypatch.setenv("PARCONV_WISDOM", str(tmp_path / "elsewhere"))
    assert wisdom.recall(problem(), 2) is None
    assert cli.main(["wisdom", "import", str(file)]) == 0
    assert "2 settings; of other kinds of machines, left out: 0" in capsys.readouterr().out
    assert wisdom.recall(problem(), 2) == FOUND
    assert wisdom.recall(other, 2) is None, "it was measured on a busy machine"
    assert [it.record for it in wisdom_records.entries()] == [
        it["record"] for it in json.loads(file.read_text())["entries"]
    ]


def test_what_another_machine_measured_is_not_taken_over() -> None:
    wisdom.remember(problem(), 2, FOUND)
    content = json.loads(wisdom_records.to_text(wisdom_records.entries()))
    content["entries"][0]["record"]["fingerprint"]["cpu"] = "another"
    wisdom_records.forget(wisdom_records.entries())
    assert wisdom_records.from_text(json.dumps(content)) == (0, 1)
    assert not wisdom_records.entries()


@pytest.mark.parametrize(
    "damage",
    [
        lambda it: [],
        lambda it: {**it, "format": "another"},
        lambda it: {**it, "entries": 3},
        lambda it: {**it, "entries": [*it["entries"], {}]},
        lambda it: {**it, "entries": [*it["entries"], {**it["entries"][0], "name": "../x.json"}]},
        lambda it: {**it, "entries": [*it["entries"], {**it["entries"][0], "record": {}}]},
    ],
)
def test_no_export_is_refused_whole(damage: Callable[[Any], Any], home: Path) -> None:
    wisdom.remember(problem(), 2, FOUND)
    content = damage(json.loads(wisdom_records.to_text(wisdom_records.entries())))
    wisdom_records.forget(wisdom_records.entries())
    with pytest.raises(ValueError, match="wisdom export"):
        wisdom_records.from_text(json.dumps(content))
    assert not [path for path in home.rglob("*") if path.is_file()]


def test_a_pattern_that_is_none() -> None:
    with pytest.raises(ValueError, match=r"pattern='\(' is no regular expression"):
        wisdom_records.entries("(")
