"""Distrusts what is said of memory that is watched: every way to write to it must be told."""

import ctypes
import gc
import mmap
import os
import sys
import threading
from typing import Any

import numpy as np
import pytest

from parconv.runtime import watch as w

PAGE = mmap.PAGESIZE


@pytest.fixture
def numbers() -> np.ndarray:
    """An array of many pages; skipped where the system keeps no track."""
    found = np.arange(1 << 20, dtype=np.float32)
    if w.watch(found) is None:
        assert w._kernel(os.getpid()) is None
        pytest.skip("this system keeps no track of writes")
    return found


def _by_pipe(array: np.ndarray) -> None:
    """The system itself writes."""
    out, into = os.pipe()
    os.write(into, bytes(PAGE))
    os.readv(out, [memoryview(array).cast("B")[5 * PAGE : 6 * PAGE]])
    os.close(out)
    os.close(into)


def _by_thread(array: np.ndarray) -> None:
    thread = threading.Thread(target=array.__setitem__, args=(77_777, 1))
    thread.start()
    thread.join()


def _by_tensor(array: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    torch.from_numpy(array).data[300_000] = 4


WRITERS: dict[str, Any] = {
    "an index": lambda a: a.__setitem__(5000, 1),
    "the same number": lambda a: a.__setitem__(5000, a[5000]),
    "a view": lambda a: np.negative(a[::3], out=a[::3]),
    "every page": lambda a: a.__iadd__(1),
    "pages far apart": lambda a: a[:: 7 * PAGE // 4].__iadd__(1),
    "a pointer": lambda a: ctypes.memset(a.ctypes.data + 9 * PAGE, 1, 1),
    "the system": _by_pipe,
    "another thread": _by_thread,
    "torch, past its count": _by_tensor,
}


@pytest.mark.parametrize("writer", WRITERS)
def test_every_write_is_told_once(numbers: np.ndarray, writer: str) -> None:
    found = w.watch(numbers)
    assert found
    before = found.times()
    assert found.times() == before
    for turn in (1, 2):
        WRITERS[writer](numbers)
        assert found.times() == before + turn
        assert numbers.sum() == numbers.sum()  # reading is none
        assert found.times() == before + turn


def test_all_who_ask_share_one(numbers: np.ndarray) -> None:
    """Each sees a write that another has asked about; other spans of the same pages are refused."""
    found, other = w.watch(numbers), w.watch(numbers)
    assert found is other
    assert w.watch(numbers[PAGE:]) is None
    assert w.watch(numbers[: 2 * PAGE]) is None
    del found, other
    gc.collect()
    part = w.watch(numbers[PAGE:])
    assert part
    before = part.times()
    numbers[0] = 3  # no page of its own
    assert part.times() == before
    numbers[-PAGE] = 3
    assert part.times() == before + 1


def test_neighbours_have_watches_of_their_own(numbers: np.ndarray) -> None:
    first, last = w.inside(numbers)
    half = ((first + last) // 2 // PAGE * PAGE - numbers.ctypes.data) // 4
    for parts in (numbers[:half], numbers[half:]), (numbers[half:], numbers[:half]):
        one, other = map(w.watch, parts)
        assert one
        assert other
        before = one.times(), other.times()
        parts[0][half // 2] = 1
        assert (one.times(), other.times()) == (before[0] + 1, before[1])
        del one, other
        gc.collect()


def test_whole_pages_alone() -> None:
    raw = np.zeros(4 * PAGE, np.uint8)
    start = -raw.ctypes.data % PAGE
    first, last = w.inside(raw[start + 1 : start + 2 * PAGE + 1])
    assert (first - raw.ctypes.data - start, last - first) == (PAGE, PAGE)
    assert w.watch(raw[start + 1 : start + PAGE]) is None


def test_shared_memory_is_refused(numbers: np.ndarray) -> None:
    """Which other processes may write to."""
    with mmap.mmap(-1, 8 * PAGE) as memory:
        shared = np.frombuffer(memory, np.uint8)
        assert w.watch(shared) is None
        del shared


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forked_children_know_nothing(numbers: np.ndarray) -> None:
    """Nor do they take from their parent what it has not seen yet."""
    found = w.watch(numbers)
    assert found
    before = found.times()
    numbers[4000] = 1
    child = os.fork()
    if child == 0:
        numbers[9 * PAGE] = 1
        os._exit(0 if found.times() is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert found.times() == before + 1
    assert found.times() == before + 1
    numbers[4000] = 1
    assert found.times() == before + 2


def test_interrupts_leave_it_counted(numbers: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    found = w.watch(numbers)
    assert found
    before, asked = found.times(), w._Kernel.wrote

    def interrupted(*given: Any) -> bool:
        asked(*given)
        raise KeyboardInterrupt

    numbers[4000] = 1
    with monkeypatch.context() as patch:
        patch.setattr(w._Kernel, "wrote", interrupted)
        with pytest.raises(KeyboardInterrupt):
            found.times()
    assert found.times() == before + 1


def test_threads_that_ask_at_once_share_one() -> None:
    """Of two that were made, the end of one would end the other."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(30):
            array, found, start = np.ones(1 << 18), list[Any](), threading.Barrier(3)

            def ask(array: Any = array, found: Any = found, start: Any = start) -> None:
                start.wait()
                found.append(w.watch(array))

            threads = [threading.Thread(target=ask) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(found) == 3
            assert found[0] is found[1] is found[2]
            if found[0]:
                before_writing = found[0].times()
                array[9 * PAGE] = 3
                assert found[0].times() == before_writing + 1
    finally:
        sys.setswitchinterval(before)


def test_what_others_end_is_told_no_more(numbers: np.ndarray) -> None:
    """And what was written until somebody watches again counts as a write."""
    found = w.watch(numbers)
    assert found
    before = found.times()
    found._kernel.unregister(found.span)
    numbers[4000] = 1
    assert found.times() is None
    found._kernel.register(found.span)
    assert found.times() != before


def test_what_never_began_ends_nothing(numbers: np.ndarray) -> None:
    """A watch that is refused leaves alone the one that is there."""
    found = w.watch(numbers)
    assert found
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(w, "_is_private", lambda span: False)
        with pytest.raises(OSError, match="other processes"):
            w.Watch(numbers, found.span)
    gc.collect()
    before = found.times()
    numbers[4000] = 1
    assert found.times() == before + 1


def test_what_a_system_tells_is_asked() -> None:
    try:
        w._Kernel()
    except (OSError, KeyError, AttributeError, ImportError):
        pytest.skip("this system keeps no track of writes")
    assert w._kernel(os.getpid()) is not None


def test_systems_that_keep_no_track(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(w, "CALLS", {})
    w._kernel.cache_clear()
    try:
        assert w.watch(np.zeros(1 << 20, np.float32)) is None
    finally:
        w._kernel.cache_clear()


@pytest.mark.parametrize("lacking", ["CALLS", "FEATURES"])
def test_refusals_leave_no_file_open(lacking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a sandbox that refuses the call, and of a kernel that lacks what is asked of it."""
    refused = {"CALLS": dict.fromkeys(w.CALLS, -1), "FEATURES": 1 << 62}[lacking]
    monkeypatch.setattr(w, lacking, refused)
    before = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []
    for _ in range(3):
        with pytest.raises((OSError, KeyError, AttributeError, ImportError)):
            w._Kernel()
    assert not before or len(os.listdir("/proc/self/fd")) == len(before)
