"""Distrusts what the race says of peers that do not race, and the processes that some run in."""

import io
import itertools
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from parconv.experiments import ceilings, timing
from parconv.experiments.race import Peer, Report, Workload, duel, peers, table
from parconv.experiments.race.layers import Layer
from parconv.experiments.race.peers import child, limits
from parconv.experiments.race.peers.apart import Apart
from parconv.experiments.race.units import MARK
from parconv.runtime.ceilings import Ceilings

TINY = Workload("tiny", (20, 21), (3, 3))
POINTS = Layer("tiny", (2, 5, 12, 14), (6, 5, 1, 1))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duel, "REGIME_SECONDS", 0.0)
    monkeypatch.setattr(ceilings, "measure", lambda threads: Ceilings(threads, 100, 50, 10))


def raced(*rivals: Peer) -> Report:
    return duel.race([TINY], [1], rivals, repeats=2)


def shown(found: Report) -> str:
    text = io.StringIO()
    table.show(found, Console(file=text, width=220))
    return text.getvalue()


def right(workload: Workload, f: Any, g: Any, threads: int) -> Any:
    return peers.OURS.prepare(workload, f, g, threads)


# --- reasons -------------------------------------------------------------------------------------


def test_limits_say_what_is_in_the_way() -> None:
    asked = Workload("tiny", (20, 21), (3, 4), "float64")
    assert limits.only("dtype", "float32", "uint8")(asked) == (
        "dtype is float64: it takes float32, uint8"
    )
    assert limits.only("dtype", "float64")(asked) == ""
    assert limits.ODD(asked) == "it takes filters of odd sizes only"
    assert (limits.ODD(TINY), limits.OUTER(Workload("tiny", (20, 21), (1, 4)))) == ("", "")


def test_who_cannot_be_held_to_a_vector_unit_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert limits.any_unit(TINY) == ""
    monkeypatch.setenv(MARK, "avx2")
    assert limits.any_unit(TINY) == "it cannot be held to avx2"


def test_nothing_is_prepared_beyond_a_limit() -> None:
    def never(*arguments: Any) -> Any:
        raise AssertionError("it was prepared")

    picky = Peer("picky", "numpy", never, limits=(limits.only("mode", "valid"),), apart=True)
    assert picky.prepare(TINY, *TINY.arrays(), 1) == "mode is same: it takes valid"
    assert picky.prepare(POINTS, *POINTS.arrays(), 1) == "it takes no layers"
    assert Peer("none", "numpy", layer=never).refusal(TINY) == "it takes layers only"


def test_a_race_tells_the_reasons_of_peers_without_a_row() -> None:
    picky = Peer("picky", "numpy", right, limits=(limits.only("dtype", "float64"),))
    found = raced(
        picky, Peer("other", "numpy", right, limits=picky.limits), Peer("good", "numpy", right)
    )
    results = {result.name: (result.status, result.reason) for result in found.rows[0].results[1:]}
    reason = "dtype is float32: it takes float64"
    assert results == {
        "picky": ("cannot", reason), "other": ("cannot", reason), "good": ("raced", None),
    }  # fmt: skip
    assert f"no row for picky, other: {reason}" in shown(found)
    assert found.to_json()["rows"][0]["results"][2]["reason"] is not None


def test_a_module_or_a_distribution_is_what_brings_a_peer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imp_of_the_race.py").write_text("__version__ = '7.1'\n")
    record = tmp_path / "shade_of_the_race-2.5.dist-info"
    record.mkdir()
    (record / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: shade-of-the-race\nVersion: 2.5\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    imp, shade = Peer("imp", "imp_of_the_race.part"), Peer("shade", "shade_of_the_race")
    assert (imp.installed, imp.version) == (True, "7.1")
    assert (shade.installed, shade.version) == (True, "2.5")
    halves = [
        Peer("half", "imp_of_the_race", also=(name,)) for name in ("shade_of_the_race", "no_such")
    ]
    assert [peer.installed for peer in halves] == [True, False]
    report = raced(halves[1], imp)
    assert (report.missing, report.versions["imp"]) == (("half",), "7.1")
    assert "not installed: half (the extras bench and peers bring them)" in shown(report)


def test_a_library_that_breaks_costs_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying:
        """Its process ends as it is timed for the second time."""

        calls = 0

        def __call__(self, out: Any) -> Any:
            return right(TINY, *TINY.arrays(), 1)(None)

        def timed(self, how: str, out: Any, *arguments: Any) -> float:
            self.calls += 1
            if self.calls > 2:
                raise ChildProcessError("its process ended with status -11")
            return 1e-3

    def unloadable(*arguments: Any) -> Any:
        raise OSError("libmagic.so: cannot open shared object file")

    found = raced(Peer("dying", "numpy", lambda *_: Dying()), Peer("broken", "numpy", unloadable))
    statuses = [result.status for result in found.rows[0].results]
    assert statuses == ["raced", "failed", "failed"]
    text = shown(found)
    assert f"failed: dying in {TINY.name}, threads 1: its process ended with status -11" in text
    assert f"failed: broken in {TINY.name}, threads 1: libmagic.so: cannot open" in text


# --- timed where they run ------------------------------------------------------------------------


class Noted:
    """A competitor elsewhere that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def __call__(self, out: Any) -> Any:
        raise AssertionError("it was called here")

    def timed(self, how: str, out: Any, *arguments: Any) -> Any:
        self.asked.append((how, out, *arguments))
        return 1.5


def test_competitors_elsewhere_are_timed_there() -> None:
    run = Noted()
    assert timing.sample(run, None, 0.1, 2) == 1.5
    timing.sample_seconds(run, np.zeros(0))
    timing.single_calls(run, None, 0.0, 3)
    assert [asked[0] for asked in run.asked] == ["sample", "sample_seconds", "single_calls"]
    assert (run.asked[0], run.asked[2]) == (
        ("sample", None, 0.1, 2),
        ("single_calls", None, 0.0, 3),
    )


def test_a_peer_apart_answers_and_is_timed() -> None:
    (peer,) = peers.chosen("numpy-gemm")
    f, g = POINTS.arrays()
    run = peer.prepare(POINTS, f, g, 1)
    assert isinstance(run, Apart)
    expected = np.asarray(peers.OURS.prepare(POINTS, f, g, 1)(None))  # type: ignore[operator]
    np.testing.assert_allclose(run(None), expected, atol=1e-5)
    assert 0 < timing.sample(run, expected, 1e-5, 1) < 1
    assert len(timing.single_calls(run, None, 0.0, 3)) == 3
    run._process.kill()
    with pytest.raises(ChildProcessError, match="its process ended with status -9"):
        run(None)


def test_the_process_ends_with_its_competitor() -> None:
    run = peers.chosen("numpy-gemm")[0].prepare(POINTS, *POINTS.arrays(), 1)
    assert isinstance(run, Apart)
    process = run._process
    assert process.poll() is None
    del run
    assert process.poll() is not None


# --- the other end -------------------------------------------------------------------------------


def served(peer: Peer, monkeypatch: pytest.MonkeyPatch, *orders: Sequence[Any]) -> list[Any]:
    """The answers to orders, in this process."""
    monkeypatch.setattr(child, "PEERS", (peer,))
    asked = b"".join(map(pickle.dumps, [(peer.name, TINY, 1), *orders]))
    answers = io.BytesIO()
    child.serve(io.BytesIO(asked), answers)
    answers.seek(0)
    found = []
    while answers.tell() < len(answers.getvalue()):
        found.append(pickle.load(answers))
    return found


def test_orders_are_answered_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    f, g = TINY.arrays()
    like = (f.shape, f.dtype.str)
    begun, fresh, reused, timed, unknown = served(
        Peer("good", "numpy", right),
        monkeypatch,
        ("answer", None), ("answer", like), ("sample", like, 1e-3, 1), ("magic", None),
    )  # fmt: skip
    assert begun == (False, "")
    assert [answer[1][1] for answer in (fresh, reused)] == [False, True]
    expected = right(TINY, f, g, 1)(None)
    for _, (result, _) in (fresh, reused):
        np.testing.assert_array_equal(result, expected)
    assert timed[0] is False
    assert timed[1] > 0
    assert unknown[0]
    assert unknown[1].startswith("AttributeError: ")


def test_refusals_and_failures_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> Any:
        raise RuntimeError("no kernel\nfor this")

    mute = Peer("mute", "numpy", lambda *_: "it takes nothing")
    assert served(mute, monkeypatch, ("answer", None)) == [(False, "it takes nothing")]
    failed = served(Peer("broken", "numpy", broken), monkeypatch, ("answer", None))
    assert failed == [(True, "RuntimeError: no kernel")]


def test_settling_outlasts_threads_that_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    used = itertools.accumulate([0, 4e-3, 0, 6e-3, 0, 1e-3, 0, 1e-4, 0, 9e9])
    slept: list[float] = []
    monkeypatch.setattr(child.time, "process_time", lambda: next(used))
    monkeypatch.setattr(child.time, "sleep", slept.append)
    child.settle()
    assert slept == [child.LOOK_SECONDS] * 4


def test_settling_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(child.time, "process_time", itertools.count().__next__)
    monkeypatch.setattr(child.time, "sleep", slept.append)
    child.settle()
    assert 0.2 < sum(slept) < 2
