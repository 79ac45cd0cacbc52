"""A convolution of the user's own: its arrays, what peers are asked, one set of options for all."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parconv
from parconv import cli
from parconv.experiments.own import Own, record_of, row_of
from parconv.experiments.race import owned
from parconv.experiments.race.layers import Layer
from parconv.experiments.race.workloads import Workload
from parconv.experiments.studies import STUDIES
from parconv.experiments.tune.subjects import Subject

CASES = {
    "image": Own.of((30, 20), "7x5"),
    "bytes": Own.of((30, 20), "gaussian:1", dtype="uint8", boundary="wrap"),
    "bool": Own.of((30, 20), "box:3", dtype="bool"),
    "half": Own.of((30, 20), "3x3", dtype="float16"),
    "colour": Own.of((30, 20, 3), "box:5", mode="valid"),
    "stack": Own.of((7, 30, 20), "3x3"),
    "strided": Own.of((30, 20), "sobel-x", stride=(2, 1)),
    "complex": Own.of((30, 20), "[[1, 2j]]", dtype="complex64"),
    "bank": Own.of((30, 20), "6x3x3"),
    "layer": Own.of((2, 8, 9, 9), "6x4x3x3", groups=2),
    "last": Own.of((2, 9, 9, 8), "6x8x3x3", (1, 2), stride=(2, 2)),
}


@pytest.mark.parametrize("own", CASES.values(), ids=CASES)
def test_it_is_what_a_caller_would_ask(own: Own) -> None:
    """Its arrays, its problem and its record; the row of peers asks the same of the same shapes."""
    f, g = own.arrays()
    assert (f.shape, f.dtype, g.shape) == (own.image, np.dtype(own.dtype), own.taps)
    convolve = parconv.correlate2d if own.correlation else parconv.conv2d
    expected = convolve(f, g, **own.question)
    assert (own.problem.shape, own.problem.dtype) == (expected.shape, expected.dtype)
    assert np.isfinite(expected).all()
    assert np.array_equal(f, own.arrays()[0])
    assert row_of(json.loads(json.dumps(record_of(own)))) == own
    row = owned.entry(own)
    image, taps = row.arrays()
    again = (parconv.correlate2d if row.correlation else parconv.conv2d)(
        image, taps, **row.question
    )
    assert again.shape == expected.shape
    assert again.dtype == expected.dtype


def test_peers_are_asked_what_they_know() -> None:
    kinds = {name: type(owned.entry(own)) for name, own in CASES.items()}
    assert {name for name, kind in kinds.items() if kind is Layer} == {"last", "layer"}
    assert {name for name, kind in kinds.items() if kind is Own} == {"stack", "strided", "bank"}
    colour = owned.entry(CASES["colour"])
    assert isinstance(colour, Workload)
    assert (colour.channels, colour.shape) == (3, (30, 20))


def test_a_study_is_another_kind_of_row() -> None:
    assert row_of(record_of(STUDIES["batch28"])) is STUDIES["batch28"]
    assert Subject.of_record(Subject(CASES["stack"]).record).row == CASES["stack"]


def test_filters_from_files(tmp_path: Path) -> None:
    """Filters, banks and layers; a text that is none is refused as `apply` does."""
    for shape in ((3, 5), (4, 3, 3), (4, 2, 3, 3)):
        np.save(tmp_path / "g.npy", np.arange(math.prod(shape)).reshape(shape))
        own = Own.of((2, 2, 9, 9), str(tmp_path / "g.npy"))
        assert own.taps == shape
        assert own.weighting().dtype == np.float32
        assert own.weighting().max() == math.prod(shape) - 1
    np.save(tmp_path / "g.npy", np.ones(3))
    with pytest.raises(ValueError, match="pass two, three or four sizes"):
        Own.of((9, 9), str(tmp_path / "g.npy"))
    with pytest.raises(ValueError, match="filter 'gauss' is not known"):
        Own.of((9, 9), "gauss")


@pytest.mark.parametrize("own", CASES.values(), ids=CASES)
def test_the_first_part_of_it(own: Own) -> None:
    short = own.shortened(1)
    rows = own.axes[0] % len(own.image)
    for axis, (some, every) in enumerate(zip(short.image, own.image, strict=True)):
        assert 0 < some <= every
        assert some == every or axis in (0, rows)
    assert short.problem.shape[0] > 0
    assert own.shortened(math.inf) == own


@pytest.mark.parametrize(
    ("image", "kernel", "axes", "short"),
    [
        ((4, 64, 224, 224), "64x64x3x3", None, (1, 64, 12, 224)),
        ((4, 224, 224, 64), "64x64x3x3", (1, 2), (1, 12, 224, 64)),
        ((1, 512, 28, 28), "512x512x3x3", None, (1, 512, 12, 28)),
        ((2, 64, 28, 28), "64x64x1x1", None, (2, 64, 28, 28)),
        ((9, 3000, 200), "5x5", None, (1, 3000, 200)),
        ((9, 9, 20), "5x5", None, (9, 9, 20)),
    ],
)
def test_what_is_simulated_is_a_few_planes_or_rows_of_one(
    image: tuple[int, ...], kernel: str, axes: Any, short: tuple[int, ...]
) -> None:
    """Of so many flops at most, but for the rows of a few tiles; by the same method."""
    own = Own.of(image, kernel, axes)
    found = own.shortened(5e7)
    assert found.image == short
    assert found.problem.flops <= 5e7 or found.image[own.axes[0]] <= own.taps[-2] + 9
    assert dataclasses.replace(found, image=image) == own


# --- the options ---------------------------------------------------------------------------------

COMMANDS = ("explain", "perf", "race", "roofline", "tune")
OPTIONS = ("shape", "kernel", "dtype", "mode", "boundary", "axes", "stride", "groups", "threads")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.main(arguments)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_the_same_options(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = run(capsys, command, "--help")
    assert status == 0
    assert all(f"--{option} " in out for option in OPTIONS)
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--shape", "9x9"), "--shape and --kernel are one convolution"),
        (("--kernel", "3x3"), "--shape and --kernel are one convolution"),
        (("--axes", "0,1"), "axes is 0,1: pass --shape and --kernel"),
        (("--shape", "9x9", "--kernel", "3x3", "--stride", "2,1,1"), "pass one or two integers"),
        (("--shape", "9x9", "--kernel", "3x3", "--stride", "0"), "stride is '0': pass positive"),
        (("--shape", "9x9", "--kernel", "3x3", "--axes", "0"), "axes is '0': pass two integers"),
        (("--shape", "9", "--kernel", "3x3"), "shape is '9'"),
        (("--shape", "9x9", "--kernel", "3"), "kernel is '3'"),
        (("--shape", "9x9", "--kernel", "1x1x1x1x1"), "pass two, three or four sizes"),
        (("--shape", "9x9", "--kernel", "3x3", "--mode", "sane"), "mode='sane'"),
        (("--shape", "9x9", "--kernel", "3x3", "--dtype", "int7"), "int7"),
    ],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_options(
    command: str, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, command, *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_explain_of_everything(capsys: pytest.CaptureFixture[str]) -> None:
    layer = ("--shape", "2x8x9x9", "--kernel", "6x4x3x3", "--groups", "2", "--stride", "2")
    status, out, err = run(capsys, "explain", *layer, "--threads", "1")
    assert (status, err) == (0, "")
    assert "output     2x6x5x5 float32" in out
    assert "boundary constant" in out or "constant" in out
    status, out, _ = run(capsys, "explain", "--shape", "30x20x3", "--kernel", "box:5")
    assert status == 0
    assert "output     30x20x3" in out


@pytest.mark.parametrize("shape", ["30x20", "7x30x20", "2x8x9x9"])
def test_a_race_of_ones_own(
    shape: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On peers that are there in any case: SciPy's, which know no stack."""
    from parconv.experiments import timing
    from parconv.experiments.race import duel
    from parconv.runtime.ceilings import Ceilings

    monkeypatch.setattr(timing, "SAMPLE_SECONDS", 1e-4)
    monkeypatch.setattr(duel, "REGIME_SECONDS", 1e-3)
    monkeypatch.setattr(duel.ceilings, "measure", lambda n: Ceilings(n, 100.0, 50.0, 10.0))
    kernel = "8x8x3x3" if shape.count("x") == 3 else "3x3"
    target = tmp_path / "race.json"
    status, out, err = run(
        capsys, "race", "--shape", shape, "--kernel", kernel, "--threads", "1", "--repeats", "1",
        "--peers", "scipy", "--json", str(target),
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert f"own {shape}" in " ".join(out.split())
    (row,) = json.loads(target.read_text())["rows"]
    assert row["workload"]["group"] == "own"
    raced = {result["name"] for result in row["results"] if result["status"] == "raced"}
    assert "parconv" in raced
    assert ("scipy" in raced) == (shape == "30x20")


def test_what_is_not_asked_is_a_default() -> None:
    assert Own((9, 9), (3, 3)).question == {
        "mode": "same", "boundary": "mirror", "axes": (-2, -1), "stride": (1, 1), "groups": 1,
        "method": "auto",
    }  # fmt: skip
