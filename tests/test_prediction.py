"""Predicted times: arithmetic on hand-made ceilings, and what `explain` says with and without."""

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import parconv
from parconv.planner import choice as planner, wisdom
from parconv.planner.prediction import Prediction
from parconv.planner.wisdom import Wisdom
from parconv.runtime import ceilings, records
from parconv.runtime.ceilings import Ceilings
from parconv.runtime.strategies import STRATEGIES

# 1 GFLOP/s float32, half of it float64, 10 GB/s
SLOW = Ceilings(1, 1, 0.5, 10)
STEADILY = {"spread": 0.02}  # measured


@pytest.fixture(autouse=True)
def _empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "home", lambda: tmp_path)


def plan(dtype="float32", side=1000, taps=(5, 5), **options):
    spec = ((side, side), dtype)
    return parconv.plan2d(spec, (taps, dtype), mode="same", threads=1, **options)


def survey(*rows: Ceilings) -> None:
    names = ("threads", "gflops32", "gflops64", "gbytes")
    record = {"threads": [{name: getattr(row, name) for name in names} for row in rows]}
    records.write(ceilings.path(), record | STEADILY)


def test_seconds_are_the_sum_and_the_limit_is_the_larger_part():
    found = Prediction.of(plan().problem, "serial", SLOW)
    assert found.arithmetic == pytest.approx(2 * 25 * 1e6 / 1e9)
    assert found.memory == pytest.approx(8e6 / 1e10)
    assert found.seconds == found.arithmetic + found.memory + STRATEGIES["serial"].overhead
    assert found.limit == found.arithmetic


def test_double_precision_has_its_own_peak_and_twice_the_bytes():
    single, double = (Prediction.of(plan(kind).problem, "serial", SLOW) for kind in
                      ("float32", "float64"))  # fmt: skip
    assert double.arithmetic == 2 * single.arithmetic
    assert double.memory == 2 * single.memory


@pytest.mark.parametrize(
    ("side", "taps", "resource"),
    [
        (1000, (5, 5), "multiply-adds"),
        (1000, (1, 1), "multiply-adds"),
        (4, (1, 1), "overhead of a call"),
    ],
)
def test_the_resource_that_takes_longest_is_named(side, taps, resource):
    assert Prediction.of(plan(side=side, taps=taps).problem, "serial", SLOW).resource == resource


def test_bandwidth_is_named_where_it_is_short():
    starved = Ceilings(1, 1000, 1000, 1)
    assert Prediction.of(plan().problem, "serial", starved).resource == "memory bandwidth"


def test_explain_without_a_survey_says_how_to_get_one():
    assert plan().predict() is None
    assert "predicted  unknown: `parconv ceilings`" in plan().explain()


def test_explain_with_a_survey():
    survey(SLOW)
    lines = plan(side=1024).explain().splitlines()  # whole vectors on every machine
    line = next(line for line in lines if line.startswith("predicted"))
    # by definition 52.4 ms, and what the method does beside, more with AVX-512
    said = (
        r"predicted  [58]\d\.\d ms, limited by multiply-adds; 9[89] % of the limit \(\d\d\.. ms\)"
    )
    assert re.fullmatch(said, line)


def test_rates_of_thread_counts_in_between_lie_on_a_line():
    survey(Ceilings(4, 40, 20, 12), Ceilings(1, 10, 5, 9))
    assert ceilings.load(1) == Ceilings(1, 10, 5, 9)
    assert ceilings.load(2) == Ceilings(2, 20, 10, 10)
    assert ceilings.load(4) == ceilings.load(64) == Ceilings(4, 40, 20, 12)


def test_fewer_threads_than_were_measured():
    survey(Ceilings(2, 20, 10, 10))
    assert ceilings.load(1) == Ceilings(2, 20, 10, 10)


GOOD = {"threads": 1, "gflops32": 100.0, "gflops64": 50.0, "gbytes": 10.0}
HOSTILE = (
    0, -1, 10**400, -(10**400), float("inf"), float("nan"), None, "x", [], True, 1e-320, 1e308,
)  # fmt: skip


@pytest.mark.parametrize("rows", [None, 3, [{"threads": 1}], [{"threads": "x"}], []])
def test_a_survey_that_makes_no_sense_counts_as_none(rows):
    records.write(ceilings.path(), {"threads": rows} | STEADILY)
    assert ceilings.load(1) is None


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: str(value)[:9])
def test_no_survey_breaks_an_explanation(name, value):
    for rows in ([GOOD | {name: value}], [GOOD, GOOD | {"threads": 2, name: value}]):
        records.write(ceilings.path(), {"threads": rows} | STEADILY)
        found = plan()
        assert found.predict() is None or found.predict().seconds > 0
        assert "predicted" in found.explain()


@pytest.mark.parametrize("value", [10**400, 1e308, 5e-324, 1], ids=lambda value: str(value)[:9])
def test_no_wisdom_breaks_an_explanation(value, tmp_path, monkeypatch):
    monkeypatch.setenv("PARCONV_WISDOM", str(tmp_path))
    planner.forget()
    for name in ("seconds", "default_seconds", "threads", "bands"):
        times = {"seconds": 1e-3, "default_seconds": 1e-3, "threads": 1, "bands": 3}
        good = Wisdom("serial", *(times[key] for key in ("threads", "bands", "seconds",
                      "default_seconds")), "2026-11-20", "direct")  # fmt: skip
        path = wisdom.remember(plan().problem, 1, good)
        record = json.loads(path.read_text())
        record["wisdom"][name] = value
        path.write_text(json.dumps(record))
        planner.forget()
        assert "chosen by" in plan().explain()
    planner.forget()


# --- records -------------------------------------------------------------------------------------


def test_a_record_comes_back(tmp_path: Path):
    path = tmp_path / "deep" / "record.json"
    records.write(path, {"value": [1, "two"]})
    records.write(path, {"value": [3]})
    assert records.read(path) == {"fingerprint": records.fingerprint(), "value": [3]}
    assert [file.name for file in path.parent.iterdir()] == ["record.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"value": 1}', b"\xff"])
def test_a_damaged_record_is_absent(tmp_path: Path, content: bytes):
    path = tmp_path / "record.json"
    path.write_bytes(content)
    assert records.read(path) is None
    assert records.read(tmp_path / "none.json") is None


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(20 << 30)  # no block of it is on the disk


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes and devices with names")
@pytest.mark.parametrize("make", [_pipe, _endless, _huge, Path.mkdir])
def test_what_is_no_small_file_is_absent(make, run_python, tmp_path: Path):
    """In a process of its own: one that reads a pipe waits for ever, or has no memory left."""
    make(tmp_path / "record.json")
    run_python(
        """
        import pathlib, resource, signal, sys
        from parconv.runtime import records
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        signal.alarm(20)
        assert records.read(pathlib.Path(sys.argv[1])) is None
        """,
        tmp_path / "record.json",
    )


@pytest.mark.parametrize("name", ["cpu", "cores", "numba", "llvm", "vector_bits"])
def test_a_record_of_another_machine_is_absent(tmp_path: Path, name: str):
    path = tmp_path / "record.json"
    records.write(path, {"value": 1})
    record = json.loads(path.read_text())
    record["fingerprint"][name] += "!"
    path.write_text(json.dumps(record))
    assert records.read(path) is None


def test_a_failed_write_leaves_the_old_record(tmp_path: Path):
    path = tmp_path / "record.json"
    records.write(path, {"value": 1})
    with pytest.raises(TypeError):
        records.write(path, {"value": object()})
    assert records.read(path)["value"] == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_a_streams_seconds_are_those_of_its_chunks():
    """Of one chunk where nobody knows how many there are."""
    asked = ((8, 100, 90), "float32"), ((5, 5), "float32")
    found = parconv.plan_stream(*asked, mode="same", memory=1 << 20)
    assert found.compute_seconds() is None
    survey(SLOW)
    found = parconv.plan_stream(*asked, mode="same", memory=1 << 20)
    one = found.question.plan(next(iter(found.chunks()))).predict()
    assert found.number > 1
    assert one is not None
    assert found.compute_seconds() == found.number * one.seconds
    assert replace(found, items=None).compute_seconds() == one.seconds
