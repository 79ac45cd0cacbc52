"""Distrusts the crew: who claims which band, who waits for whom, and what threads do to others.

Whatever can hang runs in a process of its own.
"""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from conftest import Poisoned, RunPython, soak
from numba import types
from numpy.testing import assert_array_equal
from oracle import assert_same_bits

import parconv
from parconv.codegen import jit, machine
from parconv.codegen.machine import IS_ARM64
from parconv.planner.plan import Plan
from parconv.problem.bands import split_rows
from parconv.runtime import budget, ceilings, crew, records
from parconv.runtime.crew import BANDS, board as b, code, floats
from parconv.runtime.crew.record import FIELDS, MAPS, PLANES, WORDS, arrays, write
from parconv.runtime.strategies import STRATEGIES

RNG = np.random.default_rng(7)
F = RNG.standard_normal((900, 700), np.float32)
G = RNG.standard_normal((7, 7), np.float32)
several = pytest.mark.skipif(budget.usable_threads(2) < 2, reason="needs two cores")
moves = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs affinity")
# A setting of MXCSR or FPCR, without which the mode cannot be told from the usual one.
FLUSH = 0x8040 if machine.IS_X86 else (1 << 24) * IS_ARM64


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[crew.Crew]:
    """A crew without members in place of the process's own; its workers end with the test."""
    mine = crew.Crew()
    monkeypatch.setattr(crew, "_crews", {"mine": mine})
    yield mine
    mine.board[b.STOP] = 1
    for member in mine._members.values():
        number = int(member.name.rpartition("-")[2])
        _wake(mine.board, number)
        member.join(30)
        assert not member.is_alive()


def _wake(board: Any, number: int) -> None:
    """As a call does, which rings and then wakes."""
    at = b.FIRST_MEMBER + number * b.MEMBER
    board[b.BELL] += 1
    if board[at + b.STATE] == b.RESTING:
        board[at + b.STATE] = b.UP
        b._release(int(board[at + b.BED]))


def planned(strategy: str = "threads", bands: int = 40, **options: Any) -> Plan:
    """A plan of many bands, so that every worker gets some."""
    plan = parconv.plan2d(F, G, method="direct", strategy=strategy, threads=2, **options)
    return replace(plan, threads=2, bands=split_rows(plan.problem.plane[0], bands, 6))


@cache
def right_result() -> np.ndarray:
    return parconv.conv2d(F, G, method="direct", strategy="serial")


# --- bands ---------------------------------------------------------------------------------------


@several
@pytest.mark.parametrize(
    ("dtype", "bank"),
    [("float32", False), ("uint8", True), ("complex64", False),
     *soak(("float64", False), ("uint8", False), ("float32", True), ("float64", True),
           ("complex64", True))],
)  # fmt: skip
def test_a_worker_fills_bands_with_the_callers_bits(
    dtype: str, bank: bool, fresh: crew.Crew
) -> None:
    """Planes and maps, of any dtype: only the number of axes tells compiled callers apart."""
    f = (RNG.random((3, 500, 400)) * 200).astype(dtype)
    g = RNG.standard_normal((4, 3, 5, 5) if bank else (5, 5)).astype(np.float32)
    plan = parconv.plan2d(f, g, strategy="threads", threads=2)
    serial = parconv.plan2d(f, g, strategy="serial")(f)
    helped = 0
    for _ in range(20):
        given = Poisoned(plan.problem.shape, plan.problem.dtype)
        assert_same_bits(plan(f, given.out), serial, str(plan))
        given.check()
        helped += fresh.board[b.FIRST_SLOT + b.TAKEN] > 0
    assert helped, "no worker ever took a seat"


@several
def test_a_call_never_waits_for_a_worker_that_has_not_come(
    fresh: crew.Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The member counts, but does not claim: as one that the system does not let run."""
    leave = threading.Event()
    monkeypatch.setattr(crew.Crew, "_live", lambda *_: leave.wait(60))
    try:
        assert_same_bits(planned()(F), right_result())
        assert fresh.board[b.STARTED] == 1
        assert fresh.board[b.FIRST_SLOT + b.TAKEN] == 0
    finally:
        leave.set()


@several
def test_a_call_waits_for_a_band_under_way(fresh: crew.Crew) -> None:
    """Until the worker inside leaves; then the caller, which sleeps meanwhile, is woken."""
    plan, slot = planned(), b.FIRST_SLOT
    plan(F)
    fresh.board[slot + b.INSIDE] += 1  # a worker that the system has put aside inside a band
    done: list[bytes] = []
    caller = threading.Thread(target=lambda: done.append(plan(F).tobytes()))
    caller.start()
    caller.join(0.3)
    assert caller.is_alive(), "returned with a band under way"
    assert fresh.board[slot + b.WAITS] == 1, "spins while it might sleep"
    fresh.board[slot + b.INSIDE] -= 1
    fresh.board[slot + b.WAITS] = 0
    b._release(int(fresh.board[slot + b.DOOR]))
    caller.join(30)
    assert done == [right_result().tobytes()]
    assert fresh.board[slot + b.INSIDE] == 0


def test_calls_find_no_free_slot_and_compute_alone(fresh: crew.Crew) -> None:
    fresh.board[b.FIRST_SLOT + b.OWNED : b.FIRST_MEMBER : b.SLOT] = 1
    assert_same_bits(planned()(F), right_result())


@several
def test_callers_in_flight_share_the_cores(fresh: crew.Crew) -> None:
    """With as many calls as cores nobody is helped, and the count comes back to nought."""
    plan = planned()
    plan(F)
    board, slot = fresh.board, b.FIRST_SLOT
    board[slot + b.TAKEN] = 0
    board[b.CALLERS] += board[b.CORES] - 1
    assert_same_bits(plan(F), right_result())
    assert board[slot + b.TAKEN] == 0
    board[b.CALLERS] -= board[b.CORES] - 1
    assert board[b.CALLERS] == 0


# --- auto ----------------------------------------------------------------------------------------


@several
def test_a_short_call_wakes_nobody_and_a_long_one_does(fresh: crew.Crew) -> None:
    plan = planned("auto")
    assert plan.strategy == "threads"
    assert not plan.eager
    fresh.grow(1)
    _until(lambda: fresh.board[b.FIRST_MEMBER + b.STATE] == b.RESTING)
    fresh.board[b.LATE] = 10**12
    assert_same_bits(plan(F), right_result())
    assert fresh.board[b.FIRST_MEMBER + b.STATE] == b.RESTING
    called = fresh.board[b.FIRST_MEMBER + b.CALLED]
    fresh.board[b.LATE] = 1
    assert_same_bits(plan(F), right_result())
    assert fresh.board[b.FIRST_MEMBER + b.CALLED] != called


def test_as_many_workers_start_as_are_asked_for(fresh: crew.Crew) -> None:
    fresh.grow(3)
    assert sorted(fresh._members) == [0, 1, 2][: int(fresh.board[b.MEMBERS])]
    for number, member in fresh._members.items():
        place = b.FIRST_MEMBER + number * b.MEMBER + b.THREAD
        _until(lambda place=place, member=member: fresh.board[place] == member.native_id)


def test_a_call_that_wakes_nobody_takes_those_that_are_up(fresh: crew.Crew) -> None:
    terms = planned("auto").terms
    fresh.board[b.LATE] = 10**12
    for awake, who in ((0, crew.NOBODY), (1, crew.THOSE_UP), (2, crew.THOSE_UP)):
        fresh.board[b.AWAKE] = awake
        assert fresh.offers(terms) == who


@several
def test_calls_back_to_back_are_worth_together_what_one_is_not(
    fresh: crew.Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned("auto")
    fresh.grow(1)
    _until(lambda: fresh.board[b.FIRST_MEMBER + b.STATE] == b.RESTING)
    monkeypatch.setattr(b, "SPIN_NS", 10**10)  # what counts as back to back
    before = fresh.board[b.FIRST_MEMBER + b.CALLED]
    fresh.board[b.LATE] = fresh._usual = 5 * plan.terms.takes
    plan(F)
    assert fresh.board[b.FIRST_MEMBER + b.CALLED] == before
    for _ in range(6):
        plan(F)
    assert fresh.board[b.FIRST_MEMBER + b.CALLED] != before


@several
def test_workers_that_lose_their_cores_are_left_alone_for_a_while(fresh: crew.Crew) -> None:
    """And tried again once the loss is forgotten; who names the strategy gets them always."""
    auto, named = planned("auto"), planned("threads")
    named(F)
    board, slot = fresh.board, b.FIRST_SLOT
    board[b.LATE] = fresh._usual = 1
    board[b.LOSS] = 2 * auto.terms.takes
    board[slot + b.TAKEN] = board[slot + b.SEATS] = 0
    assert_same_bits(auto(F), right_result())
    assert board[slot + b.SEATS] == 0, "helped"
    assert 0 < board[b.LOSS] < 2 * auto.terms.takes
    assert_same_bits(named(F), right_result())
    assert board[slot + b.SEATS] == 1
    board[slot + b.SEATS] = 0
    for _ in range(crew.FORGIVES):
        auto(F)
    assert board[slot + b.SEATS] == 1


@several
@pytest.mark.parametrize("order", ["reversed", "halves swapped", "shuffled"])
@pytest.mark.parametrize("alone", ["nobody to ask", "no core to spare", "in one turn"])
def test_bands_in_any_order_where_nobody_helps(
    fresh: crew.Crew, order: str, alone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever fills several at once must not take them for neighbours."""
    bands = list(split_rows(len(right_result()), 40))
    swapped = bands[20:] + bands[:20]
    shuffled = [bands[n] for n in np.random.default_rng(3).permutation(40)]
    given = {"reversed": bands[::-1], "halves swapped": swapped, "shuffled": shuffled}[order]
    plan = replace(planned("auto" if alone == "nobody to ask" else "threads"), bands=tuple(given))
    if alone == "nobody to ask":
        monkeypatch.setattr(crew.Crew, "offers", lambda *_: crew.NOBODY)
    elif alone == "in one turn":
        plan = replace(plan, launch=1000)
    plan(F)
    fresh.board[b.CORES] = 1
    assert_same_bits(plan(F, np.full_like(right_result(), np.nan)), right_result())
    assert fresh.board[b.CALLERS] == 0


@several
def test_a_band_under_way_for_long_is_a_loss(fresh: crew.Crew) -> None:
    plan, slot = planned(), b.FIRST_SLOT
    plan(F)
    board, before = fresh.board, fresh.board[b.LOSS]
    board[slot + b.INSIDE] += 1
    caller = threading.Thread(target=lambda: plan(F))
    caller.start()
    _until(lambda: board[slot + b.WAITS] == 1)
    time.sleep(0.05)
    board[slot + b.TAKEN] += 1  # whether the real worker came or not
    board[slot + b.INSIDE] -= 1
    board[slot + b.WAITS] = 0
    b._release(int(board[slot + b.DOOR]))
    caller.join(30)
    assert board[b.LOSS] - before > 0.8 * code.MOST_LOSS / code.REMEMBERS
    assert board[b.LOSS] <= before + code.MOST_LOSS / code.REMEMBERS  # however long it was


@several
def test_short_calls_start_workers_for_those_to_come(fresh: crew.Crew) -> None:
    """A crew begins without any; a call too short to wait for its first threads asks for them."""
    plan = planned("auto")
    assert plan.terms.takes < crew.LONG_NS
    fresh.board[b.LATE] = fresh._usual = 1
    assert_same_bits(plan(F), right_result())
    assert len(fresh._members) == 1
    for _ in range(200):
        assert_same_bits(plan(F), right_result())
        if fresh.board[b.FIRST_SLOT + b.TAKEN]:
            return
    raise AssertionError("no worker ever took a seat")


def test_auto_never_launches_openmp(run_python: RunPython) -> None:
    run_python(
        """
        import numpy as np, parconv
        f, g = np.ones((1500, 1500), np.float32), np.ones((9, 9))
        for _ in range(3):
            parconv.conv2d(f, g, threads=2)
            parconv.correlate2d(np.ones((4, 16, 60, 60), "f4"), np.ones((32, 16, 3, 3)), threads=2)
        from numba.np.ufunc import parallel
        assert not parallel._is_initialized
        assert parconv.plan2d(f, g, threads=2).strategy == "threads"
        """
    )


def _until(holds: Any) -> None:
    for _ in range(30_000):
        if holds():
            return
        time.sleep(0.001)
    raise AssertionError("never happened")


@pytest.mark.parametrize(
    "median", [float("inf"), float("nan"), 10**400, 1.5e6, -1, 0, None, "long"]
)
def test_no_record_of_waking_breaks_a_call(median: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"median_us": 50.0}
    record = {"launches": {ceilings.ASLEEP: row}, "spread": 0.0}
    monkeypatch.setattr(records, "read", lambda _: record)
    assert ceilings.waking() == pytest.approx(50e-6)
    row["median_us"] = median
    assert ceilings.waking() is None
    assert crew.Crew().board[b.LATE] == int(1e9 * crew.COMING * crew.WAKING)


# --- threads -------------------------------------------------------------------------------------


def test_a_thread_that_cannot_start_is_done_without(
    fresh: crew.Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    cores = getattr(os, "sched_getaffinity", lambda _: None)
    mine, plan = cores(0), planned()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        for _ in range(3):
            assert_same_bits(plan(F), right_result())
    assert not fresh._members
    assert cores(0) == mine
    assert_same_bits(plan(F), right_result())
    assert len(fresh._members) == 1


def test_a_member_that_another_caller_starts_is_no_refusal(fresh: crew.Crew) -> None:
    """Two callers may find the same number free; the later one goes on to the next."""
    assert fresh._start(0)
    member = fresh._members[0]
    assert fresh._start(0)
    assert fresh._members == {0: member}


@pytest.mark.parametrize("started", [False, True])
def test_an_interrupted_start_leaves_no_dead_member(
    started: bool, fresh: crew.Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        if started:
            real(thread)
        raise KeyboardInterrupt

    plan = planned()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            plan(F)
    assert len(fresh._members) == started
    assert_same_bits(plan(F), right_result())
    assert all(member.is_alive() for member in fresh._members.values())


@pytest.mark.skipif(os.name != "posix", reason="needs rlimits")
def test_a_system_without_threads_to_give(run_python: RunPython) -> None:
    """RLIMIT_NPROC is reached; root has no such limit, so the refusal comes from the soft one."""
    run_python(
        """
        import threading, _thread
        import numpy as np, parconv
        f, g = np.ones((700, 900), np.float32), np.ones((7, 7))
        right = parconv.conv2d(f, g, threads=1)
        def refuse(*_, **__):
            raise RuntimeError("can't start new thread")
        threading._start_new_thread = refuse
        if hasattr(threading, "_start_joinable_thread"):
            threading._start_joinable_thread = refuse
        for strategy in ("auto", "threads"):
            for _ in range(3):
                assert (parconv.conv2d(f, g, threads=2, strategy=strategy) == right).all()
        assert threading.active_count() == 1
        """
    )


STORM = """
    import faulthandler, os, sys, threading
    import numba, numpy as np, parconv
    from parconv.runtime import budget
    faulthandler.dump_traceback_later(60, exit=True)
    callers, strategy = int(sys.argv[1]), sys.argv[2]
    f = np.random.default_rng(0).random((300, 900), np.float32)
    g = np.random.default_rng(1).standard_normal((7, 7))
    cores = getattr(os, "sched_getaffinity", lambda _: None)
    before, barrier, seen = cores(0), threading.Barrier(callers), []

    def call():
        mask = numba.get_num_threads()
        barrier.wait()
        for _ in range(5):
            result = parconv.conv2d(f, g, threads=2, strategy=strategy)
        seen.append((result.tobytes(), cores(0) == before, numba.get_num_threads() == mask))

    threads = [threading.Thread(target=call) for _ in range(callers)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    ours = [t for t in threading.enumerate() if t.name.startswith(budget.WORKER_NAME)]
    right = parconv.conv2d(f, g, threads=1).tobytes()
    assert len(seen) == callers and set(seen) == {(right, True, True)}, set(s[1:] for s in seen)
    assert cores(0) == before
    assert len(ours) <= budget.usable_threads(10**6) - 1, ours
"""


@pytest.mark.parametrize(
    ("strategy", "callers"), [("threads", 2), ("auto", 8), *soak(("threads", 8), ("auto", 2))]
)
def test_first_calls_at_once_change_nothing_of_their_callers(
    strategy: str, callers: int, run_python: RunPython
) -> None:
    """Affinity, Numba's mask; and no more threads than cores."""
    run_python(STORM, str(callers), strategy)


@several
@moves
def test_a_woken_worker_may_run_wherever_its_caller_may(fresh: crew.Crew) -> None:
    """It was barred from the caller's core while it slept."""
    plan, mine = planned(), os.sched_getaffinity(0)
    for _ in range(5):
        plan(F)
        (member,) = fresh._members.values()
        _until(lambda: fresh.board[b.FIRST_MEMBER + b.STATE] == b.RESTING)
        assert os.sched_getaffinity(member.native_id or 0) == mine
        assert os.sched_getaffinity(0) == mine


@several
def test_a_worker_sleeps_soon_after_the_last_call(fresh: crew.Crew) -> None:
    planned()(F)
    _until(lambda: fresh.board[b.FIRST_MEMBER + b.STATE] == b.RESTING)
    before = time.thread_time_ns(), time.process_time_ns()
    time.sleep(0.2)
    spent = (time.process_time_ns() - before[1]) - (time.thread_time_ns() - before[0])
    assert spent < 50e6, "a worker spins on"


# --- the floating-point mode ---------------------------------------------------------------------


@pytest.mark.skipif(not FLUSH, reason="this processor's mode is not known")
@pytest.mark.parametrize("strategy", ["threads", "prange", *soak("joblib", "auto")])
def test_bands_are_computed_in_the_callers_mode(strategy: str) -> None:
    """Denormal pixels vanish where the caller flushes them, on whatever thread, and only there.

    Set after the pools have started, as ``torch.set_flush_denormal`` does.
    """
    tiny, plan = (F * np.float32(1e-39)).astype(np.float32), planned(strategy)
    serial = planned("serial")
    plain = serial(tiny)
    assert_same_bits(plan(tiny), plain)
    with floats.like(floats.current() | FLUSH):
        flushed = serial(tiny)
        answers = {plan(tiny).tobytes() for _ in range(20)}
    assert flushed.tobytes() != plain.tobytes()
    assert answers == {flushed.tobytes()}
    assert {plan(tiny).tobytes() for _ in range(20)} == {plain.tobytes()}
    assert floats.current() & FLUSH == 0


# --- processes -----------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_between_two_looks_at_the_signals(run_python: RunPython) -> None:
    """A signal's handler forks while workers fill bands: the child computes them itself."""
    run_python(
        """
        import dataclasses, faulthandler, os, signal, time
        import numpy as np, parconv
        faulthandler.dump_traceback_later(60, exit=True)
        f = np.random.default_rng(0).random((3000, 1000), np.float32)
        g = np.random.default_rng(1).standard_normal((9, 9))
        plan = parconv.plan2d(f, g, threads=2, strategy="threads", method="direct")
        plan = dataclasses.replace(plan, launch=2)
        right = plan(f).tobytes()
        children = []

        def fork(number, frame):
            child = os.fork()
            if child:
                children.append(child)
            else:
                signal.alarm(30)
                parent.clear()

        parent = [True]
        signal.signal(signal.SIGALRM, fork)
        out = np.full_like(plan(f), np.nan)
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        while parent and not children:
            plan(f, out)
        assert out.tobytes() == right, "in the parent" if parent else "in the child"
        if not parent:
            assert plan(f).tobytes() == right
            os._exit(0)
        for child in children:
            assert os.waitpid(child, 0)[1] == 0
        """
    )


def test_a_signals_handler_that_calls_us_gets_scratch_of_its_own(run_python: RunPython) -> None:
    """Workers go on in theirs while it runs."""
    run_python(
        """
        import dataclasses, faulthandler, signal
        import numpy as np, parconv
        faulthandler.dump_traceback_later(60, exit=True)
        if not hasattr(signal, "setitimer"):
            raise SystemExit
        f = np.random.default_rng(0).random((2000, 1000), np.float32).astype("uint8")
        g = np.random.default_rng(1).standard_normal((9, 9))
        plan = parconv.plan2d(f, g, threads=2, strategy="threads", method="direct")
        plan = dataclasses.replace(plan, launch=2)
        right, inside = plan(f).tobytes(), []
        signal.signal(signal.SIGALRM, lambda *_: inside.append(plan(f).tobytes()))
        while len(inside) < 20:
            signal.setitimer(signal.ITIMER_REAL, 0.001)
            assert plan(f).tobytes() == right
        assert set(inside) == {right}
        """
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_is_right_at_many_bands(strategy: str) -> None:
    for bands in (1, 2, 3, 149):
        assert_same_bits(planned(strategy, bands)(F), right_result(), f"{bands} bands")


# --- compiled code -------------------------------------------------------------------------------


def test_a_lock_that_waits_hands_on_exactly_one_token() -> None:
    """Spin, sleep and wake through the words of a board, without any Python between."""
    board = b.new_board(1)
    serve = jit.compiled(code.serve, (crew.WORDS, types.int64))
    worker = threading.Thread(target=serve, args=(board, 0), daemon=True)
    worker.start()
    at = b.FIRST_MEMBER
    for _ in range(200):
        _until(lambda: board[at + b.STATE] == b.RESTING)
        assert board[b.AWAKE] == 0
        board[b.AWAKE] = 1
        _wake(board, 0)
        _until(lambda: board[at + b.STATE] == b.RESTING)
    board[b.STOP] = 1
    board[b.AWAKE] = 1
    _wake(board, 0)
    worker.join(30)
    assert not worker.is_alive()
    assert board[at + b.STATE] == b.ABSENT
    assert board[b.AWAKE] == 0


def test_a_worker_of_a_number_that_is_taken_leaves() -> None:
    board = b.new_board(1)
    board[b.FIRST_MEMBER + b.STATE] = b.UP
    jit.compiled(code.serve, (crew.WORDS, types.int64))(board, 0)
    assert board[b.AWAKE] == 0


@pytest.mark.parametrize("axes", [PLANES, MAPS])
def test_the_arguments_of_a_call_fill_their_own_words_alone(axes: int) -> None:
    def put(f, taps, fill, out, layout, scratch, bands, board, at):  # type: ignore[no-untyped-def]
        write(board, at, f, taps, fill, out, layout, scratch, bands)

    signature = (*arrays(axes), BANDS, types.int64[::1], types.int64)
    dispatcher = jit.jit(called=True)(put)
    dispatcher.compile(signature)
    image, line, rows = np.ones((1,) * axes, np.float32), np.ones(3), np.ones((2, 3))
    bands, board, at = np.ones((1, 2), np.int64), np.full(3 * WORDS, 7), WORDS + 1
    given = image, line, line, image, line, rows, bands
    dispatcher.overloads[signature].entry_point(*given, board, at)
    used = sum(FIELDS + 2 * array.ndim for array in given)
    changed = np.flatnonzero(board != 7)
    assert {int(n) for n in changed} <= set(range(at, at + used))
    assert board[at + FIELDS - 1] == image.ctypes.data
    assert_array_equal(board[at + used - 2 :][:2], bands.strides)
