"""Distrusts the table of threads: curves are those of the record, laws are told or refused."""

import json
from pathlib import Path

import pytest

from benchmarks import scaling, tables
from parconv.experiments import ceilings
from parconv.experiments.race import duel
from parconv.runtime.ceilings import Ceilings

RECORD = tables.TABLES["threads"]


def test_rows_are_measured_with_all_threads_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaling, "ROWS", ("small 256x256 5x5 float32",))
    monkeypatch.setattr(scaling, "IMAGES", "scipy")
    monkeypatch.setattr(duel, "REGIME_SECONDS", 0.0)
    monkeypatch.setattr(ceilings, "measure", lambda threads: Ceilings(threads, 100, 50, 10))
    kept = tmp_path / "scaling.json"
    record = scaling.measure([1, 2], 1, kept)
    assert json.loads(kept.read_text()) == json.loads(json.dumps(record))
    assert [row["threads"] for row in record["rows"]] == [1, 2]
    assert "USL: 3 thread counts above one are needed, there is 1" in scaling.told(record)


def test_curves_are_the_records() -> None:
    record = tables.record_of(RECORD)
    found = list(scaling.curves(record))
    assert tuple(curve.label for _, curve in found) == scaling.ROWS
    for rows, curve in found:
        assert list(curve.seconds) == [row["threads"] for row in rows] == [1, 2, 4, 6, 8, 12, 16]
        assert curve.speedups[1] == 1
        for row in rows[1:]:  # the race's own arithmetic, of the same times
            assert curve.speedups[row["threads"]] == pytest.approx(row["speedup"])
    text = scaling.told(record)
    assert text.count("USL: a ") == text.count("bandwidth knee: at ") == len(found)
