"""The studies' implementations: all right, all equal, and each says what it cannot do."""

import dataclasses
import itertools
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pytest
import threadpoolctl
from conftest import RunPython
from numpy.typing import NDArray

import parconv
from parconv.experiments import baselines, studies
from parconv.experiments.baselines import BASELINES, loops, ready
from parconv.experiments.studies import STUDIES, Study
from parconv.runtime import budget

PHOTO, BANK = STUDIES["photo3x3"], STUDIES["batch28"]
LARGE = STUDIES["image4100"]

# why each is here: integers, filters in a bank, planes, borders of odd and even filters
SMALL = (
    dataclasses.replace(PHOTO, image=(40, 37)),
    dataclasses.replace(PHOTO, image=(3, 3)),
    dataclasses.replace(BANK, image=(3, 12, 13), taps=(4, 5, 5)),
    dataclasses.replace(BANK, image=(1, 5, 5), taps=(2, 5, 5)),
    dataclasses.replace(STUDIES["batch516"], image=(2, 20, 23)),
    dataclasses.replace(LARGE, image=(50, 41)),
    *(
        dataclasses.replace(LARGE, image=(21, 19), taps=taps, mode=mode, boundary=boundary)
        for taps, mode, boundary in [
            ((7, 7), "same", "mirror"),
            ((4, 6), "same", "edge"),
            ((4, 6), "full", "constant"),
            ((3, 2), "same", "symmetric"),
            ((3, 3), "same", "wrap"),
        ]
    ),
)


def label(study: Study) -> str:
    return f"{study.name}-{study.image}-{study.taps}-{study.mode}"


def answer(study: Study, f: NDArray[Any], g: NDArray[Any]) -> list[tuple[Any, oracle.Expected]]:
    """The right planes, filter by filter, and where they stand in the output."""
    if len(study.taps) < 3:
        return [(..., oracle.expect(f, g, mode=study.mode, boundary=study.boundary))]
    return [((slice(None), o), oracle.expect(f, taps)) for o, taps in enumerate(g)]


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("study", SMALL, ids=label)
@pytest.mark.parametrize("threads", [1, 3])
def test_right(threads: int, study: Study, name: str) -> None:
    baseline = BASELINES[name]
    if threads > 1 and not baseline.threaded:
        return
    f, g = study.arrays()
    run = baseline.prepare(study, f, g, threads)
    if run is None:
        assert name in ("gather", "scatter")
        assert study.taps != (3, 3)
        return
    result = run()
    assert result.shape == study.problem.shape
    for where, expected in answer(study, f, g):
        oracle.assert_right(result[where], expected, study.problem.dtype, np.float32, name)


def test_a_bank_is_one_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of one for each filter, which reads the images as often."""
    asked: list[Any] = []
    plan2d = parconv.plan2d
    monkeypatch.setattr(
        parconv, "plan2d", lambda f, g, **options: asked.append(g.shape) or plan2d(f, g, **options)
    )
    study = SMALL[2]
    f, g = study.arrays()
    run = ready.ours(study, f, g, 1)
    assert asked == [study.taps]
    oracle.assert_same_bits(run(), parconv.conv2d(f, g), "bank")


@pytest.mark.parametrize("name", BASELINES)
def test_integers_round_and_saturate(name: str) -> None:
    sharpen = np.array([[0, -2, 0], [-2, 9.5, -2], [0, -2, 0]], np.float32)
    study = dataclasses.replace(SMALL[0], filter=lambda taps: sharpen)
    f = np.random.default_rng(3).integers(0, 256, study.image, np.uint8)
    run = BASELINES[name].prepare(study, f, sharpen, 1)
    assert run is not None
    expected = parconv.conv2d(f, sharpen, dtype="uint8")
    assert {0, 255} <= set(expected.ravel().tolist())
    oracle.assert_same_bits(run(), expected, name)


@pytest.mark.parametrize("name", BASELINES)
def test_a_second_call_gives_the_same_bits(name: str) -> None:
    study = SMALL[0]
    run = BASELINES[name].prepare(study, *study.arrays(), 2)
    assert run is not None
    oracle.assert_same_bits(run().copy(), run(), name)


@pytest.mark.parametrize("study", SMALL[:6], ids=label)
def test_check_passes(study: Study) -> None:
    able = [baseline for baseline in BASELINES.values() if baseline.obstacle(study) is None]
    baselines.check(study, *study.arrays(), able, threads=2)


@pytest.mark.parametrize("study", [SMALL[0], SMALL[2]], ids=label)
def test_check_finds_what_differs(study: Study) -> None:
    f, g = study.arrays()
    right = ready.naive(study, f, g, 1)()
    for wrong in (right + right.dtype.type(1), right.astype("float64"), right[..., :-1]):
        liar = baselines.Baseline("liar", "", lambda *_, wrong=wrong: lambda: wrong)
        with pytest.raises(ArithmeticError, match=f"liar differs from parconv on {study.name}"):
            baselines.check(study, f, g, [liar])


def test_check_names_what_cannot() -> None:
    study = SMALL[2]
    with pytest.raises(ValueError, match=r"scatter cannot run batch28: .*3x12x13 and 4x5x5"):
        baselines.check(study, *study.arrays(), baselines.chosen(["scatter"]))


def test_reasons() -> None:
    able = {
        name: {study.name for study in STUDIES.values() if baseline.obstacle(study) is None}
        for name, baseline in BASELINES.items()
    }
    assert able.pop("gather") == able.pop("scatter") == {"photo3x3", "photo6mp", "photo24mp"}
    assert all(found == set(STUDIES) for found in able.values())


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match=r"implementation 'gathr' .* choose from parconv, naive"):
        baselines.chosen(["gathr"])
    with pytest.raises(
        ValueError, match=r"workload 'photo' .* choose from photo3x3, photo6mp, photo24mp, batch28"
    ):
        studies.chosen("photo")


def test_columns_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last block is shorter than the others."""
    for study, rows in itertools.product([SMALL[2], SMALL[5]], [1, 3]):
        bytes_of_rows = rows * study.problem.shape[-1] * 25 * 4
        monkeypatch.setattr(ready, "COLUMN_BYTES", bytes_of_rows)
        baselines.check(study, *study.arrays(), [BASELINES["im2col"]])


def test_thread_limits_are_restored() -> None:
    study = SMALL[0]
    before = threadpoolctl.threadpool_info(), budget.get_num_threads()
    for name in ("im2col", "segments"):
        run = BASELINES[name].prepare(study, *study.arrays(), 1)
        assert run is not None
        run()
    assert (threadpoolctl.threadpool_info(), budget.get_num_threads()) == before


def test_an_edited_loop_never_runs_stale(run_python: RunPython, tmp_path: Path) -> None:
    """The cache keeps what an edited file defined before; the file is a part of the key."""
    copy = tmp_path / "loops.py"
    shutil.copy(Path(loops.__file__), copy)
    source = """
        import sys
        sys.path.insert(0, sys.argv[1])
        import loops
        import numpy as np
        out = np.empty((1, 1))
        loops.gather3(np.ones((3, 3)), np.ones((3, 3)), out)
        hits = sum(loops.gather3.stats.cache_hits.values())
        print(out[0, 0], hits)
    """
    env = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    assert run_python(source, tmp_path, env=env).stdout == "9.0 0\n"
    assert run_python(source, tmp_path, env=env).stdout == "9.0 1\n"
    text = copy.read_text(encoding="utf-8").replace("total = 0.0", "total = 100.0")
    copy.write_text(text, encoding="utf-8")
    assert run_python(source, tmp_path, env=env).stdout == "109.0 0\n"


# --- studies -------------------------------------------------------------------------------------


@pytest.mark.parametrize("study", STUDIES.values(), ids=lambda study: study.name)
def test_studies_describe_their_arrays(study: Study) -> None:
    assert study.problem.flops == 2 * math.prod(study.taps[-2:]) * math.prod(study.problem.shape)
    small = study.shortened(1)
    f, g = small.arrays()
    assert (f.shape, f.dtype, g.shape) == (small.image, study.dtype, study.taps)
    assert np.array_equal(f, small.arrays()[0])


def test_the_photograph_is_exact() -> None:
    f, g = SMALL[0].arrays()
    assert len(np.unique(f)) > 10
    assert g.sum() == 1
    assert np.array_equal(g * 16, np.outer([1, 2, 1], [1, 2, 1]))


def test_shortened() -> None:
    assert PHOTO.shortened(1e12) == PHOTO
    assert PHOTO.shortened(0).image == (12, 1024)
    half = BANK.shortened(BANK.problem.flops / 2)
    assert half.image == (256, 28, 28)
    assert half.problem.flops == BANK.problem.flops / 2
    assert LARGE.shortened(1e7).problem.flops <= 1e7
