"""Files under a stream: taken, shared, replaced, lost, killed; and what other libraries offer."""

import errno
import mmap
import os
import stat
import subprocess
import sys
import threading
import time
import types
from contextlib import suppress

import numpy as np
import pytest
from test_stream import SAME, Stop, Stored, for_items, image, same_bits, saved, taps

import parconv
from parconv import cli
from parconv.streaming import calls, helper, journal, mapped, newfile

G = taps(3, 3)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="a name is kept by whoever uses it")


@pytest.fixture
def path(tmp_path):
    """Where results go."""
    return tmp_path / "out.npy"


def right(f, g=G, **others):
    return parconv.conv2d(np.asarray(f), g, **SAME, **others)


def beside(path, suffix):
    return path.with_name(path.name + suffix)


def streamed(f, path, dtype="f4", **others):
    """Item by item."""
    limit = for_items(image((4, 30, 20), dtype), G, 1, **SAME)
    return parconv.stream(f, G, path, memory=limit, **SAME, **others)


def cut_short(f, path, **others):
    with pytest.raises(KeyboardInterrupt):
        streamed(f, path, progress=Stop(3), **others)


# --- a source that is the target, in disguise ----------------------------------------------------


def _buffer(path):
    with open(path, "rb") as file:
        whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(whole, "f4", offset=128).reshape(6, 30, 20)


def _map(path):
    return np.load(path, mmap_mode="r")


DISGUISES = {
    "map": _map,
    "array": lambda path: np.asarray(_map(path)),
    "view": lambda path: _map(path).view(np.ndarray),
    "part": lambda path: np.asarray(_map(path))[1:],
    "columns": lambda path: _map(path).view(np.ndarray)[:, ::2],
    "backwards": lambda path: np.asarray(_map(path)[::-1, :, ::-1]),
    "read by others": lambda path: np.ndarray((6, 30, 20), "f4", memoryview(_map(path))),
    "copy on write": lambda path: np.asarray(np.load(path, mmap_mode="c")),
    "buffer": lambda path: memoryview(np.asarray(_map(path))),
    "tensor": lambda path: Tensor(np.asarray(_map(path))),
    "items": lambda path: list(np.asarray(_map(path))),
    "no memmap": _buffer,
}
HIDDEN = ("no memmap",)  # where the system does not tell what is mapped


@pytest.mark.parametrize("told", ["by the system", "by the owner", "by nobody"])
@pytest.mark.parametrize("name", DISGUISES)
def test_a_source_that_is_the_target(path, monkeypatch, name, told):
    """Refused; and if nobody finds out, read to its end before the result takes its name."""
    np.save(path, before := image((6, 30, 20)))
    if told != "by the system" or not mapped.Maps().are_known:
        monkeypatch.setattr(mapped, "_MAPS", path / "nothing")
    if told == "by nobody":
        if sys.platform == "win32":
            pytest.skip("the map keeps the name")
        monkeypatch.setattr(calls, "check_apart", lambda *pair: None)
    source = DISGUISES[name](path)
    known = told == "by the system" and sys.platform == "linux"
    if known or (told == "by the owner" and name not in HIDDEN):
        with pytest.raises(ValueError, match="out is the file of source"):
            parconv.stream(source, G, path, **SAME)
        assert np.load(path).tobytes() == before.tobytes()
        assert os.listdir(path.parent) == [path.name]
    else:
        held = np.array(source)
        same_bits(parconv.stream(source, G, path, **SAME), right(held))
        same_bits(np.array(source), held)
        same_bits(np.load(path), right(held))


@pytest.mark.parametrize("kind", ["map", "plain"])
def test_a_map_that_is_written_is_no_source(path, kind):
    np.save(path, before := image((6, 30, 20)))
    out = np.load(path, mmap_mode="r+")
    out = out if kind == "map" else np.asarray(out)
    for source in (str(path), _map(path), np.asarray(_map(path))[::-1], list(_map(path))):
        with pytest.raises(ValueError, match="out is the file of source"):
            parconv.stream(source, G, out, **SAME)
    assert np.load(path).tobytes() == before.tobytes()


@pytest.mark.parametrize("told", ["by the system", "by nobody"])
def test_parts_of_a_file_that_lie_apart(path, monkeypatch, told):
    """Of shared memory, of a raw file."""
    if told == "by nobody":
        monkeypatch.setattr(mapped, "_MAPS", path / "nothing")
    np.save(path, image((6, 30, 20)))
    whole = np.load(path, mmap_mode="r+").view(np.ndarray)
    expected = right(whole[:3])
    if sys.platform == "linux" and told == "by the system":
        same_bits(parconv.stream(whole[:3], G, whole[3:], **SAME), expected)
        same_bits(np.load(path)[3:], expected)
    else:
        with pytest.raises(ValueError, match="file of source"):
            parconv.stream(whole[:3], G, whole[3:], **SAME)


def test_memory_that_is_written_is_no_source():
    f = image((6, 30, 20))
    for source in (f, f[::-1], Tensor(f), memoryview(f), list(f)):
        with pytest.raises(ValueError, match="shares its memory"):
            parconv.stream(source, G, f, **SAME)
    same_bits(f, image((6, 30, 20)))


def test_a_dataset_is_not_its_own_source():
    f = Stored(image((3, 30, 20)))
    with pytest.raises(ValueError, match="out is source"):
        parconv.stream(f, G, f, **SAME)


@POSIX
def test_other_names_of_the_source(tmp_path, path):
    np.save(path, image((3, 30, 20)))
    os.link(path, tmp_path / "hard.npy")
    os.symlink(path, tmp_path / "soft.npy")
    for name in ("hard.npy", "soft.npy"):
        with pytest.raises(ValueError, match="out is the file of source"):
            parconv.stream(path, G, tmp_path / name)


# --- earlier results -----------------------------------------------------------------------------


@POSIX
def test_an_earlier_result_stays_what_it_was(path):
    """Under the same name a larger one, and a smaller one, which cut off the pages of a map."""
    f = image((6, 30, 20))
    first = parconv.stream(f, G, path, **SAME)
    expected = np.array(first)
    for other in (image((9, 30, 20), seed=1), image((2, 30, 20), seed=2)):
        same_bits(parconv.stream(other, G, path, **SAME), right(other))
        same_bits(first, expected)


@POSIX
def test_a_source_whose_name_another_file_has_taken(tmp_path, path):
    """The map is read then, however alike both files' ends are."""
    f = np.zeros((40, 30, 20), "f4")
    f[20] = image((30, 20))
    np.save(path, f)
    source = _map(path)
    np.save(tmp_path / "other.npy", np.zeros_like(f))
    os.replace(tmp_path / "other.npy", path)
    same_bits(streamed(source, tmp_path / "result.npy"), right(f))


@POSIX
def test_a_source_that_is_replaced_before_it_is_opened(tmp_path):
    source = saved(tmp_path, image((6, 30, 20)))
    results = parconv.stream(source, G, **SAME)
    np.save(tmp_path / "other.npy", image((6, 30, 20), seed=1))
    os.replace(tmp_path / "other.npy", source.filename)
    with pytest.raises(OSError, match="another file has taken its name"):
        next(results)


@POSIX
def test_a_new_result_is_as_open_as_the_old_one(path):
    np.save(path, 0)
    path.chmod(0o640)
    parconv.stream(image((3, 30, 20)), G, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@POSIX
def test_links_are_followed(tmp_path, path):
    (tmp_path / "link.npy").symlink_to(path)
    f = image((3, 30, 20))
    for _ in range(2):  # where nothing is, and where something is
        same_bits(parconv.stream(f, G, tmp_path / "link.npy", **SAME), right(f))
        assert (tmp_path / "link.npy").is_symlink()
        same_bits(np.load(path), right(f))


# --- two writers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("resume", [True, False])
def test_the_second_writer_is_refused(path, resume):
    f, refused = image((6, 30, 20)), []

    def again(done, total):
        for keep in (True, False):
            with pytest.raises(OSError, match="another stream is writing") as caught:
                parconv.stream(f + 1, G, path, resume=keep)
            refused.append(caught.value.errno)

    same_bits(streamed(f, path, progress=again, resume=resume), right(f))
    assert refused == [errno.EBUSY] * 12
    same_bits(parconv.stream(f + 1, G, path, **SAME), right(f + 1))
    assert os.listdir(path.parent) == [path.name]


def test_the_second_writer_to_a_callers_map_is_refused(path):
    f = image((6, 30, 20))
    out = np.lib.format.open_memmap(path, "w+", "f4", f.shape)

    def again(done, total):
        for keep in (True, False):
            with suppress(OSError):
                parconv.stream(f + 1, G, _map_again(path), resume=keep, **SAME)
                raise AssertionError

    same_bits(streamed(f, out, progress=again), right(f))


def _map_again(path):
    return np.load(path, mmap_mode="r+")


def test_parts_of_a_callers_map_have_several_writers(path):
    """Who waives going on needs no journal."""
    f = image((6, 30, 20))
    out = np.lib.format.open_memmap(path, "w+", "f4", f.shape)

    def rest(done, total):
        parconv.stream(f[4:], G, out[4:], resume=False, **SAME)

    streamed(f[:4], out[:4], resume=False, progress=rest)
    same_bits(out, right(f))
    assert os.listdir(path.parent) == [path.name]


WRITER = """
import sys, time
import numpy as np, parconv
def wait(done, total):
    print("ready", flush=True)
    time.sleep(100)
f = np.ones((6, 30, 20), "f4")
parconv.stream(f, np.ones((3, 3)), sys.argv[1], memory=30_000, mode="same", progress=wait)
"""


@POSIX
def test_another_process_is_refused_until_the_first_is_killed(path):
    command = [sys.executable, "-c", WRITER, str(path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as first:
        assert first.stdout.readline() == "ready\n"
        with pytest.raises(OSError, match="another stream is writing"):
            parconv.stream(np.ones((6, 30, 20), "f4"), G, path)
        first.kill()
    assert not path.exists()
    same_bits(parconv.stream(image((6, 30, 20)), G, path, **SAME), right(image((6, 30, 20))))
    assert os.listdir(path.parent) == [path.name]


@POSIX
def test_a_forked_child_holds_no_lock(path, run_python):
    """Of a stream whose process was killed, or went on without it."""
    run_python(
        """
        import os, signal, sys, warnings
        import numpy as np, parconv
        warnings.simplefilter("ignore")
        path, children = sys.argv[1], []
        def fork(done, total):
            if child := os.fork():
                children.append(child)
                raise KeyboardInterrupt
            signal.pause()
        f = np.ones((6, 30, 20), "f4")
        try:
            parconv.stream(f, np.ones((3, 3)), path, memory=30_000, mode="same", progress=fork)
        except KeyboardInterrupt:
            pass
        try:
            assert parconv.stream(f, np.ones((3, 3)), path, mode="same")[0, 1, 1] == 9
        finally:
            os.kill(*children, signal.SIGKILL)
        """,
        path,
    )


@POSIX
def test_without_locks_a_file_that_was_taken_away_is_noticed(path, monkeypatch):
    """A second writer makes a file of its own; the first finds that at the end."""

    def none(descriptor):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(journal, "_lock_at_once", none)
    f, told = image((6, 30, 20)), []

    def again(done, total):
        told.append(done)
        if len(told) == 3:
            parconv.stream(f + 1, G, path, **SAME)

    with pytest.raises(OSError, match=r"another file has taken its name|No such file"):
        streamed(f, path, progress=again)
    same_bits(np.load(path), right(f + 1))


@POSIX
def test_a_journal_that_is_not_ours_stays(path):
    f, other = image((6, 30, 20)), beside(path, journal.SUFFIX)

    def replace(done, total):
        other.with_name("new").write_text("of somebody else")
        os.replace(other.with_name("new"), other)

    same_bits(streamed(f, path, progress=replace), right(f))
    assert other.read_text() == "of somebody else"


@POSIX
@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_a_journal_that_is_no_file_is_refused(tmp_path, path, kind):
    other, victim = beside(path, journal.SUFFIX), tmp_path / "victim"
    victim.write_text("precious")
    make = {"link": lambda: other.symlink_to(victim), "pipe": lambda: os.mkfifo(other)}
    make.get(kind, other.mkdir)()
    with pytest.raises((OSError, ValueError), match=r"out\.npy\.progress"):
        parconv.stream(image((6, 30, 20)), G, path)
    assert victim.read_text() == "precious"
    assert not path.exists()


class _Msvcrt(types.ModuleType):
    """Windows' locks: of bytes, per open file; none can be read meanwhile."""

    LK_NBLCK = 2

    def __init__(self):
        super().__init__("msvcrt")
        self.locked = {}

    def locking(self, descriptor, mode, count):
        at = os.fstat(descriptor).st_ino, os.lseek(descriptor, 0, os.SEEK_CUR)
        assert (mode, count) == (self.LK_NBLCK, 1)
        assert at[1] > journal.MOST
        holder = self.locked.setdefault(at, descriptor)
        if holder != descriptor and _is_open(holder):
            raise PermissionError(errno.EACCES, "Permission denied")
        self.locked[at] = descriptor


def _is_open(descriptor):
    with suppress(OSError):
        os.fstat(descriptor)
        return True
    return False


def test_locks_of_windows(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", _Msvcrt())
    test_the_second_writer_is_refused(path, True)


# --- names that cannot be taken ------------------------------------------------------------------


def _user_mapped(source, target):
    raise PermissionError(errno.EACCES, "The process cannot access the file")


@pytest.mark.parametrize("resume", [True, False])
def test_a_target_in_use_keeps_nothing_from_being_whole(path, monkeypatch, resume):
    """As on Windows, where a map of an earlier result keeps its name."""
    f, old = image((6, 30, 20)), image((2, 3), seed=3)
    np.save(path, old)
    with monkeypatch.context() as patched:
        patched.setattr(newfile.os, "replace", _user_mapped)
        with pytest.raises(PermissionError, match=r"whole result is in .*out\.npy\.partial"):
            streamed(f, path, resume=resume)
    same_bits(np.load(path), old)
    same_bits(np.load(beside(path, newfile.SUFFIX)), right(f))
    calls_of_plan = []
    monkeypatch.setattr(
        "parconv.planner.plan.Plan.__call__", lambda *rest, **more: calls_of_plan.append(rest)
    )
    if resume:
        same_bits(streamed(f, path), right(f))
        assert not calls_of_plan
        assert os.listdir(path.parent) == [path.name]


# --- arguments -----------------------------------------------------------------------------------


def _npy(path, header):
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64))


def _bad_sources(folder):
    """File names, and what their errors tell to do."""
    f = image((3, 30, 20))
    np.savez(folder / "a.npz", a=f)
    (folder / "zip.npy").write_bytes((folder / "a.npz").read_bytes())
    (folder / "a.tif").write_bytes(b"II*\0" + bytes(64))
    (folder / "a.png").write_bytes(b"\x89PNG" + bytes(64))
    (folder / "empty.npy").touch()
    np.save(folder / "object.npy", np.array([[1, "x"]], object), allow_pickle=True)
    np.save(folder / "row.npy", np.zeros(5))
    np.save(folder / "text.npy", np.array([["a"]]))
    np.save(folder / "cut.npy", f)
    os.truncate(folder / "cut.npy", 1000)
    _npy(folder / "token.npy", b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 30, 20")
    _npy(folder / "huge.npy", str({"descr": "<f4", "fortran_order": False,
                                   "shape": (1 << 40, 1 << 40, 1 << 40)}).encode())  # fmt: skip
    (folder / "store.zarr").mkdir()
    (folder / "array").mkdir()
    (folder / "array" / "zarr.json").touch()
    (folder / "folder").mkdir()
    return {
        "a.npz": r"numpy\.load\(.*\)\[name\]", "zip.npy": "is no .npy file",
        "a.tif": "is no TIFF that can be read", "a.png": "library of its format",
        "empty.npy": "is no .npy file", "object.npy": "Python objects", "row.npy": "two axes",
        "text.npy": "convert it", "cut.npy": "7,328 bytes, it has 1,000",
        "token.npy": "is no .npy file of numbers", "huge.npy": "its header tells of",
        "store.zarr": "is no array of Zarr", "array": "is no file",
        "folder": "is no file",
    }  # fmt: skip


def test_files_that_are_no_arrays(tmp_path, path, capsys):
    for name, told in _bad_sources(tmp_path).items():
        source = str(tmp_path / name)
        for call, rest in ((parconv.stream, (path,)), (parconv.plan_stream, ())):
            with pytest.raises((ValueError, TypeError), match=told) as caught:
                call(source, G, *rest)
            assert "source" in str(caught.value), name
            assert "allow_pickle" not in str(caught.value), name
        assert cli.main(["stream", source, str(path), "--kernel", "box:3"]) == 2, name
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1, name
        assert "source" in lines[0], name
        assert not path.exists()


@POSIX
def test_pipes_are_not_waited_for(tmp_path, path, capsys):
    os.mkfifo(tmp_path / "pipe.npy")
    np.save(tmp_path / "f.npy", image((3, 30, 20)))
    for names in (("pipe.npy", "out.npy"), ("f.npy", "pipe.npy")):
        found = [str(tmp_path / name) for name in names]
        assert cli.main(["stream", *found, "--kernel", "box:3"]) == 2
        assert "file" in capsys.readouterr().err


def test_an_end_that_comes_early_is_told_on_the_command_line(tmp_path, path, capsys, monkeypatch):
    np.save(tmp_path / "f.npy", image((3, 30, 20)))
    found = calls.source_of

    def shrinking(*rest):
        result = found(*rest)
        os.truncate(tmp_path / "f.npy", 1000)
        return result

    monkeypatch.setattr(calls, "source_of", shrinking)
    assert cli.main(["stream", str(tmp_path / "f.npy"), str(path), "--kernel", "box:3"]) == 2
    assert "bytes early" in capsys.readouterr().err
    assert not list(path.parent.glob("out*"))


class Shaped(Stored):
    """Tells another shape or dtype than it has."""

    def __init__(self, array, **others):
        super().__init__(array)
        vars(self).update(others)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"a": image((3, 30, 20))}, r"source is a dict: .* source\['a'\]"),
        (b"abc", "source is a bytes"),
        (iter("abc"), "source's item has dtype"),
        (range(5), "source's item has shape"),
        (zip(image((3, 30, 20)), image((3, 30, 20)), strict=True), "source's result has shape"),
        (np.zeros(5), "source has shape"),
        (Shaped(image((3, 30, 20)), shape=(np.nan, 30, 20)), "sizes are known"),
        (Shaped(image((3, 30, 20)), dtype=np.dtype("O")), "source's slice|source has dtype"),
    ],
    ids=["dict", "bytes", "text", "numbers", "pairs", "row", "unknown size", "objects"],
)
def test_sources_that_are_no_images(source, told):
    out = np.empty((3, 28, 18), "f4")
    if isinstance(source, Shaped) and source.dtype == object:
        source._array = source._array.astype(object)
    with pytest.raises((TypeError, ValueError), match=told):
        parconv.stream(source, G, out)


class Lazy:
    """What dask's arrays do: assignment keeps the block until it is computed."""

    shape, dtype = (3, 28, 18), np.dtype("f4")

    def __getitem__(self, index):
        return self

    def __setitem__(self, index, block):
        """Later."""

    def __dask_graph__(self):
        return {}


@pytest.mark.parametrize(
    ("asked", "kind", "told"),
    [
        ({"out": ""}, ValueError, "out=''"),
        ({"out": "o.png"}, ValueError, r"'\.png'.* \.npy, \.zarr"),
        ({"out": "nowhere/o.npy"}, ValueError, "there is no directory"),
        ({"out": "."}, ValueError, "no regular file"),
        ({"out": b"o.npy"}, TypeError, "out is a bytes"),
        ({"out": Lazy()}, TypeError, "dask"),
        ({"out": np.float32(1)}, TypeError, "out is a float32"),
        ({"g": "gaussian:2"}, TypeError, r"g='gaussian:2' is a name: .*gaussian_taps"),
        ({"progress": 5}, TypeError, r"progress=5: pass a function of \(done, total\)"),
        ({"foo": 5}, TypeError, "foo=5 is unknown: pass one of mode,.* correlate"),
        ({"foo": "x" * 500}, TypeError, "foo='x{37} ... x{36}' is unknown"),
    ],
    ids=lambda value: None,
)
def test_wrong_arguments_leave_no_trace(tmp_path, path, monkeypatch, asked, kind, told):
    monkeypatch.chdir(tmp_path)
    np.save(path, before := image((2, 3)))
    with pytest.raises(kind, match=told):
        parconv.stream(image((3, 30, 20)), **{"g": G, "out": path, **asked})
    same_bits(np.load(path), before)
    assert os.listdir() == [path.name]


def test_plans_know_their_keywords_too():
    with pytest.raises(TypeError, match="foo=5 is unknown"):
        parconv.plan_stream(((3, 30, 20), "f4"), G, foo=5)


def test_a_result_that_may_not_be_written_stays(path, monkeypatch):
    np.save(path, before := image((2, 3)))
    monkeypatch.setattr(os, "access", lambda name, mode: (name, mode) != (path, os.W_OK))
    with pytest.raises(PermissionError, match="may not be written"):
        parconv.stream(image((3, 30, 20)), G, path)
    same_bits(np.load(path), before)


# --- arrays of other libraries -------------------------------------------------------------------


class Sliced(Stored):
    """Slices that are not what shape and dtype tell, as those of netCDF's variables."""

    def __init__(self, array, change, **others):
        super().__init__(array)
        self._change = change
        vars(self).update(others)

    def __getitem__(self, index):
        return self._change(super().__getitem__(index), index)


def test_unpacked_slices_are_taken_as_they_are(path):
    packed = image((6, 30, 20), "int16")
    source = Sliced(packed, lambda part, index: np.ma.array(0.25 * part, mask=False))
    same_bits(streamed(source, path, "f8"), right(0.25 * packed))
    assert parconv.plan_stream(source, G).question.dtype == np.float64


def _masked_later(part, index):
    return np.ma.array(part, mask=part == part[0, 0, 0]) if index[0].start == 4 else part


CHANGES = {
    "masked": (lambda part, index: np.ma.array(part, mask=True), "missing pixels"),
    "masked later": (_masked_later, "missing pixels"),
    "wider later": (lambda part, index: part.astype("f8") if index[0].start else part, "float64"),
    "complex later": (lambda part, index: part * 1j if index[0].start else part, "complex"),
    "broadcast": (lambda part, index: part[:, :1], r"shape \(1, 1, 20\)"),
    "squeezed": (lambda part, index: part[0], r"shape \(30, 20\)"),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("to", ["file", "array", "nobody"])
def test_other_slices_are_refused(path, name, to):
    change, told = CHANGES[name]
    source = Sliced(image((6, 30, 20)), change)
    out = {"file": path, "array": np.zeros((6, 30, 20), "f4"), "nobody": None}[to]
    with pytest.raises(ValueError, match=f"source's slice.*{told}"):
        list(streamed(source, out))
    assert not path.exists()


def test_items_without_holes_are_taken(path):
    f = image((6, 30, 20))
    same_bits(streamed(iter(np.ma.array(f, mask=False)), path), right(f))
    with pytest.raises(ValueError, match="source's item has missing pixels"):
        streamed(iter(np.ma.array(f, mask=f == f[4, 5, 6])), path)


class Tensor:
    """Of a dtype that NumPy does not know, but an array to who asks."""

    dtype = "torch.float32"

    def __init__(self, array):
        self._array, self.shape = array, array.shape

    def __getitem__(self, index):
        return Tensor(self._array[index])

    def __array__(self, dtype=None, copy=None):
        return self._array


def test_whatever_conv2d_takes(path):
    f = image((6, 30, 20))
    for source in (Tensor(f), memoryview(f), Tensor(f[0])):
        same_bits(parconv.stream(source, G, path, **SAME), right(np.asarray(source)))


def test_tensors(path):
    torch = pytest.importorskip("torch")
    f = torch.from_numpy(image((6, 30, 20)))
    same_bits(parconv.stream(f, G, path, **SAME), right(f.numpy()))
    same_bits(parconv.stream(list(f), G, path, **SAME), right(f.numpy()))
    with pytest.raises(TypeError, match="out is a Tensor"):
        parconv.stream(f.numpy(), G, torch.empty(6, 28, 18))


# chunks and shards that fit the stream's chunks, and that do not
LAYOUTS = {
    "planes": {"chunks": (1, 30, 20)},
    "across": {"chunks": (4, 7, 20)},
    "shards": {"chunks": (2, 5, 10), "shards": (4, 15, 20)},
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_zarr(tmp_path, name):
    zarr = pytest.importorskip("zarr", "3")
    f = image((6, 30, 20))
    source, target = (
        zarr.create_array(tmp_path / one, shape=f.shape, dtype="f4", **LAYOUTS[name])
        for one in "ab"
    )
    source[...] = f
    for given in (source, f, iter(f), list(f)):
        target[...] = 0
        assert streamed(given, target) is target
        same_bits(target[...], right(f))
    with pytest.raises(ValueError, match="out is source"):
        parconv.stream(source, G, zarr.open_array(tmp_path / "a"), **SAME)


def test_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    f = image((6, 30, 20))
    with h5py.File(tmp_path / "f.h5", "w") as file:
        source = file.create_dataset("f", data=f, chunks=(4, 7, 20), compression="gzip")
        target = file.create_dataset("out", f.shape, ">f4")
        assert streamed(source, target) is target
        np.testing.assert_array_equal(target[...], right(f))
        for group in (file, file["/"]):
            with pytest.raises(TypeError, match=r"pass one of its arrays, such as source\['f'\]"):
                parconv.stream(group, G, target)
        with pytest.raises(ValueError, match="out is source"):
            parconv.stream(source, G, file["f"], **SAME)


class Variable(Stored):
    """Of a library that fails where two threads enter it at once, whatever the files."""

    __module__, inside = "netCDF4._netCDF4", threading.Lock()

    def _enter(self, method, *rest):
        assert self.inside.acquire(blocking=False), "NetCDF: HDF error"
        time.sleep(0.001)
        try:
            return getattr(super(), method)(*rest)
        finally:
            self.inside.release()

    def __getitem__(self, index):
        return self._enter("__getitem__", index)

    def __setitem__(self, index, block):
        self._enter("__setitem__", index, block)


def test_threads_take_turns_in_libraries_that_want_it():
    f = image((20, 30, 20))
    out = np.zeros_like(f)
    for source in (Variable(f), (Variable(one)[...] for one in f)):
        out[...] = 0
        streamed(source, Variable(out))
        same_bits(out, right(f))


def test_netcdf(tmp_path):
    """Packed values are unpacked, missing ones refused."""
    netcdf = pytest.importorskip("netCDF4")
    celsius = image((40, 30, 20), "float32") / 8
    with (
        netcdf.Dataset(tmp_path / "f.nc", "w") as file,
        netcdf.Dataset(tmp_path / "g.nc", "w") as to,
    ):
        for one in (file, to):
            for axis, size in zip("tyx", celsius.shape, strict=True):
                one.createDimension(axis, size)
        packed = file.createVariable("packed", "i2", ("t", "y", "x"), fill_value=-1)
        packed.scale_factor = 0.25
        packed[:] = np.rint(4 * celsius) / 4
        target = to.createVariable("out", "f8", ("t", "y", "x"), zlib=True)
        expected = right(np.asarray(packed[:]))
        for given in (packed, (part.filled(0) for part in packed)):
            assert streamed(given, target, "f8") is target
            np.testing.assert_array_equal(np.asarray(target[:]), expected)
        packed[30, 3:5, 3:5] = np.ma.masked
        with pytest.raises(ValueError, match="missing pixels"):
            streamed(packed, target, "f8")


# --- killed --------------------------------------------------------------------------------------

KILLED = """
import os, random, signal, sys, time, warnings
import numpy as np, parconv
from parconv.streaming import run
warnings.simplefilter("ignore")  # of forks beside threads
run.SETTLED = 1  # each chunk is recorded
folder, asked = sys.argv[1] + "/", dict(mode="same", boundary="mirror", threads=1)
source, out, g = folder + "f.npy", folder + "out.npy", np.load(folder + "g.npy")
right = parconv.conv2d(np.load(source), g, **asked)
old, moments, most, resumed = np.load(out), random.Random(1), 0, 0
def lines():
    try:
        return len(open(out + ".progress").readlines())
    except FileNotFoundError:
        return 0
for round in range(12):
    if not (child := os.fork()):
        parconv.stream(source, g, out, memory=200_000, **asked)
        os._exit(0)
    wanted = most + moments.randrange(5)
    while lines() < wanted and not os.waitpid(child, os.WNOHANG)[0]:
        time.sleep(0.001)
    time.sleep(moments.uniform(0, 0.003))
    try:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # it was faster
    found = np.load(out)  # whole, whenever one looks
    assert np.array_equal(found, old) or np.array_equal(found, right)
    done = lines()
    assert done >= most or not done, "what was done is done again"
    resumed, most = resumed + (done > most > 1), done
result = parconv.stream(source, g, out, memory=200_000, **asked)
assert np.array_equal(result, right)
assert sorted(os.listdir(folder)) == ["f.npy", "g.npy", "out.npy"]
print(resumed)
"""


@POSIX
def test_killed_at_any_moment(tmp_path, path, run_python):
    """What lies under the name is whole; repeated, the call goes on and gives the right bits."""
    np.save(tmp_path / "f.npy", image((150, 60, 40)))
    np.save(tmp_path / "g.npy", G)
    np.save(path, image((2, 3)))
    assert int(run_python(KILLED, tmp_path).stdout) > 0


# --- without a thread ----------------------------------------------------------------------------


@pytest.fixture
def _no_threads(monkeypatch):
    start = threading.Thread.start

    def refused(self):
        if self.name == helper.NAME:
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", refused)


@pytest.mark.usefixtures("_no_threads")
def test_where_no_thread_can_be_had(tmp_path, path):
    f = saved(tmp_path, image((10, 30, 20)))
    cut_short(f, path)
    same_bits(streamed(f, path), right(f))
    same_bits(streamed(iter(f), path), right(f))
    same_bits(np.array(list(parconv.stream(iter(f), G, **SAME))), right(f))


@pytest.mark.usefixtures("_no_threads")
def test_errors_without_a_thread(path):
    def frames():
        yield from image((4, 30, 20))
        raise RuntimeError("no signal")

    with pytest.raises(RuntimeError, match="no signal"):
        streamed(frames(), path)
    with pytest.raises(RuntimeError, match="no signal"):
        list(parconv.stream(frames(), G))


def test_a_map_that_begins_pages_into_its_file(tmp_path):
    f, g, offset = image((3, 30, 20)), taps(3, 3), 2 * mmap.ALLOCATIONGRANULARITY + 64
    (tmp_path / "f.raw").write_bytes(bytes(offset) + f.tobytes())
    part = np.memmap(tmp_path / "f.raw", f.dtype, "r", offset, f.shape)
    same_bits(parconv.stream(part, g, tmp_path / "o.npy", **SAME), parconv.conv2d(f, g, **SAME))
