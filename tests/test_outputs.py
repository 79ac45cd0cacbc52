"""Distrusts memory that is used again: never while anybody can see it, never more than allowed."""

import gc
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

import parconv
from parconv.runtime.outputs import new_output, on_page

SIDE = 1024  # float32: 4 MiB
F = np.random.default_rng(0).random((SIDE, SIDE), np.float32)
G = np.random.default_rng(1).random((3, 3), np.float32)
NBYTES = SIDE * SIDE * 4


@pytest.fixture(autouse=True)
def _afterwards() -> Iterator[None]:
    yield
    parconv.recycle_outputs(0)


def address(array: np.ndarray) -> int:
    return int(array.ctypes.data)


def result() -> np.ndarray:
    return parconv.conv2d(F, G, mode="same")


def new(side: int = SIDE) -> np.ndarray:
    return new_output((side, side), np.dtype("f4"))


def test_results_that_are_gone_give_their_memory() -> None:
    parconv.recycle_outputs(4 * NBYTES)
    first = result()
    right, before = first.copy(), address(first)
    del first
    second = result()
    assert address(second) == before
    np.testing.assert_array_equal(second, right)


HOLDERS = {
    "itself": lambda array: array,
    "a view": lambda array: array[3:5, ::2],
    "a view of another type": lambda array: array.view(np.uint8)[::3],
    "a buffer": lambda array: memoryview(array),
    "an array of a buffer": lambda array: np.frombuffer(memoryview(array).cast("B"), np.uint8),
    "a subclass": lambda array: array.view(np.ma.MaskedArray).data,
    "an iterator": lambda array: array.flat,
    "its base": lambda array: array.base,
    "part of a reshaped view": lambda array: array.reshape(-1)[10:20],
}


@pytest.mark.parametrize("hold", HOLDERS)
def test_nothing_is_taken_from_somebody(hold: str) -> None:
    parconv.recycle_outputs(8 * NBYTES)
    first = result()
    before, holder = address(first), HOLDERS[hold](first)
    del first
    seen = np.array(holder)
    others = [result() for _ in range(3)]
    assert before not in [address(other) for other in others]
    for other in others:
        other[...] = -1
    np.testing.assert_array_equal(np.array(holder), seen)


@pytest.mark.parametrize("missing", [0, 1], ids=["as counted", "one less"])
def test_references_are_not_counted(monkeypatch: pytest.MonkeyPatch, missing: int) -> None:
    """Python 3.14 counts none for a local name: a result alive looked as if nobody held it."""
    count = sys.getrefcount
    monkeypatch.setattr(sys, "getrefcount", lambda thing: count(thing) - 1 - missing)
    parconv.recycle_outputs(8 * NBYTES)
    first, second = result(), result()
    assert not np.shares_memory(first, second)
    place = address(first)
    del first
    assert address(result()) == place


def test_a_cycle_that_holds_a_result_is_waited_for() -> None:
    parconv.recycle_outputs(8 * NBYTES)
    gc.disable()
    try:
        cycle: list[object] = [result()]
        place = address(cycle[0])  # type: ignore[arg-type]
        cycle.append(cycle)
        del cycle
        others = [result() for _ in range(2)]
        assert place not in [address(other) for other in others]
        gc.collect()
        assert address(result()) == place
    finally:
        gc.enable()


def test_a_result_outlives_what_is_kept() -> None:
    parconv.recycle_outputs(8 * NBYTES)
    first = result()
    right = first.copy()
    parconv.recycle_outputs(0)
    others = [result() for _ in range(3)]
    np.testing.assert_array_equal(first, right)
    assert all(not np.shares_memory(first, other) for other in others)


def test_the_limit_counts_and_can_be_taken_back() -> None:
    parconv.recycle_outputs(2 * (NBYTES + 4096))
    kept = [new() for _ in range(3)]
    places = [address(array) for array in kept]
    kept.clear()
    again = [new() for _ in range(2)]
    assert {address(array) for array in again} == set(places[1:])
    again.clear()
    parconv.recycle_outputs(0)
    held = on_page(NBYTES)  # so that the allocator cannot hand out the same place by chance
    assert address(new()) != 0
    assert held.size == NBYTES


def test_another_size_is_another_memory() -> None:
    parconv.recycle_outputs(8 * NBYTES)
    small = new(SIDE)
    place = address(small)
    del small
    large = new(SIDE + 16)
    assert not place <= address(large) < place + NBYTES


@pytest.mark.parametrize("limit", [0, 8 * NBYTES])
def test_results_lie_otherwise_in_their_pages(limit: int) -> None:
    """Than NumPy's large arrays, and than those made just before: else they evict each other."""
    parconv.recycle_outputs(limit)
    places = [address(array) % 4096 for array in [new() for _ in range(5)]]
    assert all(place % 64 == 0 and 512 <= place <= 3584 for place in places)
    assert all(512 <= (one - other) % 4096 <= 3584 for one, other in pairwise(places))


def test_threads_never_share_a_result() -> None:
    parconv.recycle_outputs(8 * NBYTES)
    wrong = []

    def work(number: int) -> None:
        for _ in range(60):
            array = new()
            array[::64] = number
            if not (array[::64] == number).all():
                wrong.append(number)

    crew = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for member in crew:
        member.start()
    for member in crew:
        member.join()
    assert not wrong


@pytest.mark.parametrize("nbytes", [-1, 1.5, True, "1 GB"])
def test_bad_limits(nbytes: object) -> None:
    with pytest.raises((TypeError, ValueError), match="nbytes="):
        parconv.recycle_outputs(nbytes)
