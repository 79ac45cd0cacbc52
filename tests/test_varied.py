"""Distrusts the experiments: their kernel's results, their model of pages, what they conclude.

Times of a run of one round are shown and never asserted.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import parconv
from parconv import cli
from parconv.experiments import ceilings, steadiness
from parconv.experiments.asm import rates
from parconv.experiments.asm.pages import LARGE, SMALL, Sweep
from parconv.experiments.timing import Timing
from parconv.experiments.varied import EXPERIMENTS, experiment, kernel, maximum, memory, tiles
from parconv.experiments.varied.experiment import Row
from parconv.experiments.varied.kernel import Knobs
from parconv.runtime.ceilings import Ceilings

TAPS = (5, 5)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """One round on a machine said to be steady; an empty folder."""
    monkeypatch.setattr(ceilings, "measure", lambda threads: Ceilings(1, 256.0, 128.0, 40.0))
    monkeypatch.setattr(steadiness, "spread", lambda threads: 0.01)
    monkeypatch.setattr(experiment, "ROUNDS", 1)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("knobs", [Knobs(), Knobs(rows=2, vectors=1, unroll=5, ahead=8)])
@pytest.mark.parametrize("pitch", [0, 400])
def test_the_study_s_kernel_is_right(knobs: Knobs, pitch: int) -> None:
    f, w, out = kernel.arrays(knobs, (40, 300), TAPS, pitch)
    out[...] = np.nan
    kernel.compiled(knobs, TAPS)(f, w, out)
    expected = parconv.correlate2d(np.ascontiguousarray(f, np.float64), w.astype(np.float64))
    np.testing.assert_allclose(out, expected, rtol=1e-5)
    again = np.full_like(out, np.nan)
    memory._packed(knobs, f, w, again)()
    np.testing.assert_array_equal(out, again)


def test_memory_of_a_size_of_pages_holds_the_same_pixels() -> None:
    f, *_ = kernel.arrays(Knobs(), (40, 300), TAPS, 400)
    for page in (SMALL, LARGE):
        copy = memory.on_pages(f, page)
        np.testing.assert_array_equal(copy, f)
        assert (copy.strides, copy.ctypes.data % LARGE) == (f.strides, 0)


@pytest.mark.parametrize("entries", [4, 17, 64, 2048])
@pytest.mark.parametrize(
    ("height", "width", "pitch"), [(96, 4096, 4096), (60, 16384, 16384), (64, 2048, 2064)]
)
def test_the_page_model_against_what_is_counted(
    height: int, width: int, pitch: int, entries: int
) -> None:
    """Near what is counted; the same where a strip stays in the buffer."""
    sweep = Sweep(height, width, 6, 5, 192, pitch, width)
    counted, told = sweep.simulated(SMALL, entries), sweep.misses(SMALL, entries)
    assert sweep.touched(SMALL) <= counted <= 1.5 * told
    if sweep.strip(SMALL) <= entries:
        assert counted == pytest.approx(told, rel=0.03)


def _rows(*seconds: float, noise: float = 0.0) -> list[Row]:
    return [
        Row(f"way {n}", Timing(s, s * (1 - noise), s * (1 + noise), 9, 1), {})
        for n, s in enumerate(seconds)
    ]


def test_a_difference_counts_beyond_the_noise_alone() -> None:
    first, second = _rows(1.0, 1.3, noise=0.05)
    assert "1.30 times the time of way 0 (noise 10 %)" in experiment.compared(second, first)
    first, second = _rows(1.0, 1.3, noise=0.2)
    assert "within the noise (noise 40 %)" in experiment.compared(second, first)
    assert experiment.noise([first, second]) == pytest.approx(0.2)
    assert experiment.fastest_against_first(_rows(1.0, 0.5)).startswith("way 1 takes 0.50 times")
    assert experiment.fastest_against_first(_rows(1.0, 2.0)).startswith("way 0 is not beaten")


def test_the_study_s_figures() -> None:
    """Of its theoretical maximum and its chains, as the issue that asked for them has them."""
    small, large = (maximum.study_seconds(*batch) for batch in ((512, 28), (512, 4100)))
    assert [round(1e3 * small[name], 3) for name in ("2 FMA", "1 FMA")] == [0.144, 0.240]
    assert [round(large[name], 2) for name in ("2 FMA", "1 FMA")] == [4.20, 7.00]
    assert small["32-byte loads"] / small["1 FMA"] == 1.25
    assert [round(ipc, 2) for ipc in tiles.STUDY_IPC.values()] == [0.74, 1.47, 1.28, 2.38]


def test_loads_and_multiply_adds_overlap_in_part() -> None:
    together = rates._together(8, 5)
    assert 8 < together < 13
    assert rates._alone(together, 8) == pytest.approx(5)
    assert rates._alone(7, 8) == 0


def test_unrolling_is_told_with_spills_picture_and_json(
    quick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tiles, "UNROLLED", (1, 2))
    monkeypatch.setattr(tiles, "LONG", (3, 4))
    assert cli.main(["experiment", "unroll", "--json", "unroll.json"]) == 0
    out = capsys.readouterr().out
    found = json.loads((quick / "unroll.json").read_text())
    one, two = found["rows"]
    assert one["told"]["registers"] == Knobs().registers
    assert one["told"]["instructions"] < two["told"]["instructions"]
    assert found["conclusion"] in out.replace("\n", " ")
    assert set(found) >= {"experiment", "varies", "noise", "spread", "machine"}
    assert (quick / "unroll.png").read_bytes().startswith(b"\x89PNG")


def test_the_maximum_of_a_convolution_of_the_user_s(
    quick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--shape", "3x64x72", "--kernel", "3x5", "--json", "maximum.json"]
    assert cli.main(["experiment", "maximum", *arguments]) == 0
    (row,) = json.loads((quick / "maximum.json").read_text())["rows"]
    told = row["told"]
    assert told["calls"] == pytest.approx(3 * 62 * 68 / kernel.LANES, abs=1)
    assert told["memory"] == 0  # it stays in the caches
    assert told["% of maximum"] == pytest.approx(100 * told["arithmetic"] / told["cycles a call"])
    assert "of what arithmetic allows" in capsys.readouterr().out


def test_the_study_s_look_ups_stand_beside_ours() -> None:
    """Ours: each page of image and result once, for a strip of calls stays in the buffer."""
    place, packed = memory._study_settings()
    assert [one.told["study's walks"] for one in (place, packed)] == [920_588, 377_796]
    side, result = memory.SMALL_SIDE, memory.SMALL_SIDE - 4
    pages = -(-4 * side**2 // 4096) + 4 * result**2 // 4096
    assert place.told["walks, model"] == place.told["simulated"] == memory.STACK * pages
    assert 3 <= place.told["pages a call"] <= 6
    assert place.told["walks, model"] < packed.told["walks, model"]  # which copies once more


def test_all_experiments_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["experiment"]) == 0
    out = capsys.readouterr().out
    assert all(f"{name:10} {one.varies}" in out for name, one in EXPERIMENTS.items())
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("nothing",), "experiment is 'nothing': choose from pages,"),
        (("maximum", "--shape", "9x9"), "--shape and --kernel are one convolution"),
        (("tiles", "--shape", "9x9", "--kernel", "3x3"), "--shape is for maximum alone"),
        (("maximum", "--shape", "9x9", "--kernel", "3x3x3"), "kernel is 3x3x3"),
        (("tiles", "--output", "tiles.pdf"), "tiles.pdf"),
    ],
)
def test_bad_arguments_are_refused(
    arguments: tuple[str, ...], fragment: str, quick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["experiment", *arguments]) == 2
    assert fragment in capsys.readouterr().err


def test_a_busy_machine_is_refused(
    quick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(steadiness, "spread", lambda threads: 0.9)
    monkeypatch.setattr(steadiness, "PAUSE", 0.0)
    assert cli.main(["experiment", "maximum", "--shape", "20x20", "--kernel", "3x3"]) == 2
    assert "25 % at most are believed" in capsys.readouterr().err
    assert not list(quick.iterdir())
