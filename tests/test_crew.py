"""Distrusts the crew: tasks begin away from the caller's core and may then run anywhere."""

import os
import threading
from typing import Any

import pytest

from parconv import crew

MOVES = (
    crew._current_core is not None and len(getattr(os, "sched_getaffinity", dict.fromkeys)(0)) > 1
)
moves = pytest.mark.skipif(not MOVES, reason="threads cannot be moved to another core here")


class Tasks:
    """Tasks that tell what they see, and an end to wait for."""

    def __init__(self, count: int) -> None:
        self.seen: list[Any] = []
        self._done = threading.Semaphore(0)
        self.all = [self._one] * count

    def _one(self) -> None:
        cores = getattr(os, "sched_getaffinity", lambda _: None)(0)
        self.seen.append((threading.get_native_id(), cores))
        self._done.release()

    def wait(self) -> None:
        for _ in self.all:
            assert self._done.acquire(timeout=30)


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, set[int]]]:
    """What the crew asks of the system."""
    asked: list[tuple[int, set[int]]] = []
    real = crew._move

    def record(thread: int, cores: set[int]) -> None:
        asked.append((thread, set(cores)))
        real(thread, cores)

    monkeypatch.setattr(crew, "_move", record)
    return asked


@pytest.mark.parametrize("count", [1, 3])
def test_every_task_runs_once_and_where_its_caller_may(count: int) -> None:
    members, mine = crew.Crew(), getattr(os, "sched_getaffinity", lambda _: None)(0)
    for _ in range(5):
        tasks = Tasks(count)
        members.begin(tasks.all)
        tasks.wait()
        assert [cores for _, cores in tasks.seen] == [mine] * count
    assert len(members._threads) == count


@moves
def test_waiting_members_are_barred_from_the_callers_core(
    attempts: list[tuple[int, set[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = os.sched_getaffinity(0)
    core = min(mine)
    monkeypatch.setattr(crew, "_current_core", lambda: core)
    members, tasks = crew.Crew(), Tasks(2)
    members.begin(tasks.all)
    tasks.wait()
    barred = [(member.native_id, mine - {core}) for member in members._threads]
    assert attempts[:2] == barred
    assert attempts[2:] == [(0, mine)] * 2


@moves
def test_a_caller_with_one_core_shares_it(
    attempts: list[tuple[int, set[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "_current_core", lambda: 7)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {7})
    tasks = Tasks(1)
    crew.Crew().begin(tasks.all)
    tasks.wait()
    assert not attempts


@moves
def test_a_system_that_forbids_moves_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    tasks = Tasks(2)
    crew.Crew().begin(tasks.all)
    tasks.wait()


def test_a_system_without_moves_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "_current_core", None)
    tasks = Tasks(2)
    crew.Crew().begin(tasks.all)
    tasks.wait()
