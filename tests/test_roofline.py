"""The roofline of races made by hand: its arithmetic, its picture, and what it does without."""

import io
import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from parconv import cli
from parconv.experiments import ceilings, roofline
from parconv.experiments.ceilings import survey
from parconv.experiments.race import Workload, grid
from parconv.experiments.roofline import picture
from parconv.runtime import records
from parconv.runtime.ceilings import Ceilings

# 100 GFLOP/s in float32, half of it in float64, and 10 GB/s: the ridge is at 10 flops per byte
ONE = Ceilings(1, 100.0, 50.0, 10.0)
TWO = Ceilings(2, 200.0, 100.0, 15.0)
BUSY = Ceilings(2, 190.0, 95.0, 9.0)


@pytest.fixture(autouse=True)
def _empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "home", lambda: tmp_path / "records")


def row(
    taps: tuple[int, int],
    seconds: float,
    limits: Ceilings,
    dtype: str = "float32",
    side: int = 1000,
) -> dict[str, Any]:
    """What a race's JSON holds of a row, as far as it is read."""
    workload = Workload("group", (side, side), taps, dtype)
    nbytes = 2 * side**2 * (8 if dtype == "float64" else 4)
    return {
        "workload": {"name": workload.name, **vars(workload)},
        "ceilings": vars(limits),
        "flops": 2 * taps[0] * taps[1] * side**2,
        "nbytes": nbytes,
        "results": [{"name": "parconv", "reused": {"median": seconds}}],
    }


def report(**facts: str) -> dict[str, Any]:
    machine = {**records.fingerprint(), **facts}
    rows = [
        row((2, 2), 1e-3, ONE),
        row((10, 10), 2.5e-3, ONE),
        row((10, 10), 5e-3, ONE, "float64"),
        row((10, 10), 2e-3, TWO),
        row((3, 3), 1e-3, BUSY),
        row((2, 2), 4e-6, ONE, side=8),
    ]
    return json.loads(json.dumps({"machine": machine, "rows": rows}))


def test_a_dot_knows_its_place_and_its_limit() -> None:
    memory, compute, double, both, _, tiny = roofline.dots(report())
    assert (memory.intensity, memory.gflops) == (1, 8)
    assert memory.limit == pytest.approx(10)
    assert memory.resource == "memory bandwidth"
    assert compute.intensity == 25
    assert (compute.gflops, compute.limit) == (pytest.approx(80), pytest.approx(100))
    assert compute.resource == double.resource == "multiply-adds"
    assert (double.gflops, double.limit) == (pytest.approx(40), pytest.approx(50))
    assert both.threads == 2
    assert tiny.resource == "overhead of a call"
    assert [dot.double for dot in (compute, double)] == [False, True]


def test_roofs_are_the_best_of_the_fewest_and_of_the_most_threads() -> None:
    dots = roofline.dots(report())
    rates = {"L1": {"copy": 90.0}, "memory": {"copy": 8.0}}
    low, high = roofline.roofs(dots, [{"threads": n, "bandwidth": rates} for n in (1, 2)])
    assert (low.ceilings, low.lowest, low.slopes) == (ONE, 10, {})
    assert (high.ceilings, high.lowest, high.slopes) == (TWO, 9, {"L1": 90})
    (alone,) = roofline.roofs([dot for dot in dots if dot.threads == 1])
    assert (alone.ceilings, alone.slopes) == (ONE, {})


def test_the_picture_is_a_png_of_some_size() -> None:
    dots = roofline.dots(report())
    target = io.BytesIO()
    roofline.draw(dots, roofline.roofs(dots), target, "title")
    with PIL.Image.open(target) as image:
        assert image.format == "PNG"
        assert min(image.size) > 500


def test_one_dot_is_a_picture_too() -> None:
    dots = roofline.dots(report())[:1]
    target = io.BytesIO()
    roofline.draw(dots, roofline.roofs(dots), target)
    assert target.tell() > 10_000


def test_labels_keep_their_distance_and_their_order() -> None:
    wanted = [0.1, 0.101, 0.102, 0.5, 0.51]
    places = picture._spread(wanted)
    gaps = [b - a for a, b in pairwise(places)]
    assert min(gaps) >= picture.LABEL_GAP * 0.999
    assert max(abs(a - b) for a, b in zip(places, wanted, strict=True)) < 2 * picture.LABEL_GAP
    assert picture._spread([0.2, 0.7]) == pytest.approx([0.2, 0.7])


def test_filters_of_one_intensity_share_a_label() -> None:
    dots = roofline.dots(report())
    assert list(picture._merged(dots).values()) == [
        ["2×2"],
        ["3×3"],
        ["10×10 float64"],
        ["10×10"],
    ]


def test_many_filters_share_labels_that_have_room() -> None:
    rows = [row((n, n), 1e-3, ONE) for n in range(2, 90)]
    dots = roofline.dots({"rows": rows})
    same = picture.SAME_PLACE
    assert len(picture._merged(dots, same)) > picture.MOST_LABELS
    target = io.BytesIO()
    roofline.draw(dots, roofline.roofs(dots), target)
    assert target.tell() > 10_000
    assert picture._joined(["a", "b", "c"]) == "a, b, c"
    assert picture._joined(["a", "b", "c", "d"]) == "a, b, c, …"


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def race_file(tmp_path: Path) -> Path:
    path = tmp_path / "race.json"
    path.write_text(json.dumps(report()))
    return path


def run(*arguments: object) -> int:
    return cli.main(["roofline", *map(str, arguments)])


def test_command_draws_a_race(race_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = race_file.with_name("roofline.png")
    assert run("--race", race_file, "--output", target) == 0
    output = capsys.readouterr().out
    for words in ("group 1000x1000 10x10 float64", "overhead of a call", str(target)):
        assert words in output
    assert "no slopes of the caches: `parconv ceilings`" in output
    assert {path.name for path in target.parent.iterdir()} == {"race.json", "roofline.png"}


def test_command_chooses_rows(race_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = race_file.with_name("roofline.png")
    assert run("--race", race_file, "--only", "*64", "--threads", 1, "--output", target) == 0
    output = capsys.readouterr().out
    assert "10x10 float64" in output
    assert "float32" not in output
    assert run("--race", race_file, "--only", "nothing", "--output", target) == 2
    assert "holds no row of only='nothing'" in capsys.readouterr().err


@pytest.mark.parametrize("kin", [True, False])
def test_cache_slopes_come_from_a_survey_of_the_same_machine_only(
    tmp_path: Path, kin: bool
) -> None:
    rates = {"L1": {"copy": 90.0}, "memory": {"copy": 8.0}}
    names = ("threads", "gflops32", "gflops64", "gbytes")
    rows = [{**{name: getattr(TWO, name) for name in names}, "bandwidth": rates}]
    records.write(survey.ceilings.path(), {"threads": rows, "spread": 0.02})
    path = tmp_path / "race.json"
    path.write_text(json.dumps(report() if kin else report(cpu="another")))
    found = roofline.find(path)
    assert dict(found.roofs[-1].slopes) == ({"L1": 90} if kin else {})
    assert bool(found.note) != kin


def test_command_without_matplotlib(
    race_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [*sys.modules, "matplotlib", "matplotlib.figure"]:
        if name.partition(".")[0] == "matplotlib":
            monkeypatch.setitem(sys.modules, name, None)
    target = race_file.with_name("roofline.png")
    assert run("--race", race_file, "--output", target) == 0
    output = capsys.readouterr().out
    assert "group 1000x1000 2x2 float32" in output
    assert "no picture: matplotlib is not installed" in output
    assert "`pip install parconv[all]`" in output
    assert [path.name for path in target.parent.iterdir()] == ["race.json"]


def test_command_races_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = (Workload("tiny", (40, 51), (3, 3)), Workload("tiny", (40, 51), (4, 6)))
    rates = {"L1": {"copy": 90.0}, "memory": {"copy": 8.0}}
    monkeypatch.setattr(grid, "WORKLOADS", tiny)
    monkeypatch.setattr(grid, "LAYERS", ())
    monkeypatch.setattr(ceilings, "measure", lambda threads: Ceilings(threads, 100, 50, 10))
    monkeypatch.setattr(survey, "row", lambda threads, _: {"threads": threads, "bandwidth": rates})
    target = tmp_path / "roofline.png"
    assert run("--only", "3x3", "--threads", "1,2", "--output", target) == 0
    output = capsys.readouterr().out
    assert output.count("tiny 40x51 3x3 float32") == 2
    assert "4x6" not in output
    assert "no slopes" not in output
    assert [path.name for path in tmp_path.iterdir()] == ["roofline.png"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"rows": [{}]}', '{"rows": 3}'])
def test_a_file_of_something_else(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "race.json"
    path.write_text(content)
    assert run("--race", path, "--output", tmp_path / "roofline.png") == 2
    error = capsys.readouterr().err
    assert f"race is {path}, which is not what `parconv race --json FILE` writes" in error
    assert run("--race", tmp_path / "missing.json") == 2
    assert "missing.json" in capsys.readouterr().err
