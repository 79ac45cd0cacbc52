"""Streams into stores that are killed, that find the disk full, that have little memory."""

import os
import shutil
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import soak
from test_stream import SAME, Stop, image, same_bits, taps

import parconv
from parconv.streaming import run, stores
from parconv.streaming.stores import encoded, folders, hdf5, zarrs

zarr = pytest.importorskip("zarr", "3", reason="the stores need zarr")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits are POSIX's")
G = taps(5, 3)
MEMORY = 400_000  # bytes

CHILD = """
import concurrent.futures, json, os, signal, sys, threading, time
import numpy as np, parconv
from parconv.streaming import run
source, out, asked = json.loads(sys.argv[1])
run.SETTLED = 1  # each chunk is recorded
if asked.get("limit"):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (asked["limit"], asked["limit"]))
if asked.get("die") is not None:
    def die():
        while not os.path.exists(out + ".progress"):
            time.sleep(0.0005)
        time.sleep(asked["die"])
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Thread(target=die, daemon=True).start()
words = {"mode": "same", "boundary": "mirror", "memory": asked["memory"], "threads": 1}
g = np.load(asked["g"])
try:
    if asked.get("pool"):
        with concurrent.futures.ThreadPoolExecutor(2) as executor:
            parconv.stream(source, g, out, executor=executor, **words)
    else:
        parconv.stream(source, g, out, **words)
except Exception as error:
    print(type(error).__name__, getattr(error, "errno", ""), error)
    sys.exit(3)
print("done")
"""


def _read(path):
    found = stores.store_of(str(path)).opened(str(path))
    try:
        return found[(slice(None),) * len(found.shape)]
    finally:
        found.close()


def _child(tmp_path, out, **asked):
    import json

    words = {"memory": MEMORY, "g": str(tmp_path / "g.npy"), **asked}
    return subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps([str(tmp_path / "f.zarr"), str(out), words])],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def _stream(tmp_path, out):
    return parconv.stream(tmp_path / "f.zarr", G, out, memory=MEMORY, threads=1, **SAME)


def _here(tmp_path, out, limit=None):
    """The same call in this process, which is faster to begin."""
    try:
        with _limited(limit):
            _stream(tmp_path, out)
    except Exception as error:
        told = f"{type(error).__name__} {getattr(error, 'errno', '')} {error}"
        return subprocess.CompletedProcess([], 3, told, "")
    return subprocess.CompletedProcess([], 0, "done\n", "")


@contextmanager
def _limited(nbytes):
    """No file of this process may be larger."""
    if nbytes is None:
        yield
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


@pytest.fixture(autouse=True)
def _each_chunk_is_recorded(monkeypatch):
    monkeypatch.setattr(run, "SETTLED", 1)


@pytest.fixture
def case(tmp_path):
    """A source in a folder, and what is right."""
    f = image((24, 128, 128))
    layout = {"chunks": (1, 32, 32), "shards": (1, 128, 128)}
    zarr.create_array(tmp_path / "f.zarr", shape=f.shape, dtype="f4", **layout)[...] = f
    np.save(tmp_path / "g.npy", G)
    return parconv.conv2d(f, G, **SAME)


def _old(out):
    """A result of before, which stays until the new one is whole."""
    parconv.stream(image((2, 20, 20), seed=3), G, out, **SAME)
    return _read(out)


@POSIX
@pytest.mark.parametrize("name", ["o.zarr", *soak("o.tif", "o.h5")])
@pytest.mark.parametrize("pool", [False, *soak(True)])
@pytest.mark.parametrize("rounds", [2, *soak(20)])
def test_killed_at_any_moment(tmp_path, case, name, pool, rounds):
    """What lies under the name is whole; repeated, the call gives the right bits."""
    out, moments = tmp_path / name, np.random.default_rng(rounds)
    old = _old(out)
    for _ in range(rounds):
        done = _child(tmp_path, out, die=float(moments.uniform(0, 0.35)), pool=pool)
        assert done.returncode in (0, -9), done.stderr
        found = _read(out)
        assert any(np.array_equal(found, whole) for whole in (old, case))
        if done.returncode == 0:
            assert np.array_equal(found, case)
    done = _child(tmp_path, out, pool=pool)
    assert done.stdout == "done\n", done.stdout + done.stderr
    same_bits(_read(out), case)
    assert sorted(os.listdir(tmp_path)) == ["f.zarr", "g.npy", name]
    assert not [*out.rglob("*.partial")]


class Killed(BaseException):
    """As far as a process in which nothing runs any more."""


@contextmanager
def _killed(monkeypatch, steps):
    """Before a folder is renamed or removed, after so many of these steps."""

    def step(call, *given, **words):
        nonlocal steps
        if not steps:
            raise Killed
        steps -= 1
        return call(*given, **words)

    with monkeypatch.context() as patched, suppress(Killed):
        for module, name in (("shutil", "rmtree"), ("os", "replace")):
            found = vars(getattr(folders, module))
            counted = {name: partial(step, found[name])}
            patched.setattr(folders, module, SimpleNamespace(**{**found, **counted}))
        yield


TAKEN = {  # what the name leads to after so many steps
    "exchanged": ["old", "new", "new", "new", "new"],
    "one by one": ["old", "old", "nothing", "new", "new"],
}


@pytest.mark.parametrize("how", TAKEN)
def test_killed_as_a_folder_takes_its_name(tmp_path, monkeypatch, how):
    """The name leads to the old one or the new one, always where the system exchanges the two."""
    if how == "one by one":
        monkeypatch.setattr(folders, "CALLS", {})
    elif sys.platform not in folders.CALLS:
        pytest.skip("folders cannot be exchanged here")
    for steps, expected in enumerate(TAKEN[how]):
        new, old = tmp_path / f"{steps}.partial", tmp_path / str(steps)
        for folder, told in ((new, "new"), (old, "old")):
            folder.mkdir()
            (folder / "told").write_text(told)
        with _killed(monkeypatch, steps):
            folders.take_place(new, old)
        assert (expected == "nothing") == (not old.exists())
        assert expected == "nothing" or (old / "told").read_text() == expected


def test_a_name_that_was_lost_comes_back(tmp_path, case, monkeypatch):
    """Who reads meanwhile is told why, and the call that is repeated gives the result."""
    monkeypatch.setattr(folders, "CALLS", {})
    out = tmp_path / "o.zarr"
    _old(out)
    with _killed(monkeypatch, 2):
        _stream(tmp_path, out)
    with pytest.raises(FileNotFoundError, match=r"was killed.*o\.zarr\.partial\.old"):
        _read(out)
    same_bits(_stream(tmp_path, out)[...], case)
    assert sorted(os.listdir(tmp_path)) == ["f.zarr", "g.npy", "o.zarr"]


@POSIX
@pytest.mark.parametrize("name", ["o.tif", "o.h5"])
@pytest.mark.parametrize(("places", "call"), [(5, _here), *soak((20, _child))])
def test_files_that_may_not_grow(tmp_path, case, name, places, call):
    """Wherever the limit strikes: an error that names it, and nothing that looks like a result."""
    out = tmp_path / name
    old = _old(out)
    whole = case.nbytes + 4096
    for limit in np.random.default_rng(1).integers(1000, whole, places).tolist():
        done = call(tmp_path, out, limit=limit)
        assert done.returncode == 3, done.stderr
        assert "27" in done.stdout or "Error" in done.stdout  # EFBIG
        np.testing.assert_array_equal(_read(out), old)
    assert call(tmp_path, out).stdout == "done\n"
    same_bits(_read(out), case)
    assert sorted(os.listdir(tmp_path)) == ["f.zarr", "g.npy", name]


@pytest.fixture
def small_disk(tmp_path):
    """Makes a file system of so many bytes."""
    made = []

    def make(nbytes):
        folder = tmp_path / "disk"
        folder.mkdir(exist_ok=True)
        words = ["mount", "-t", "tmpfs", "-o", f"size={nbytes}", "tmpfs", str(folder)]
        if not shutil.which("mount") or subprocess.run(words, capture_output=True).returncode:
            pytest.skip("nothing can be mounted here")
        made.append(folder)
        return folder

    def grow(nbytes):
        words = ["mount", "-o", f"remount,size={nbytes}", str(made[0])]
        subprocess.run(words, check=True, capture_output=True)

    yield make, grow
    for folder in made:
        subprocess.run(["umount", str(folder)], check=True)


@POSIX
@pytest.mark.parametrize("name", ["o.zarr", "o.tif", "o.h5", "o.npy"])
@pytest.mark.parametrize(("places", "call"), [(5, _here), *soak((20, _child))])
def test_disk_full(tmp_path, case, small_disk, name, places, call):
    """Wherever the space ends; with more of it the call goes on, to the right bits."""
    make, grow = small_disk
    folder = make(1 << 20)
    out = folder / name
    most = case.nbytes * (1 if name in ("o.zarr", "o.npy") else 2)
    for size in sorted(np.random.default_rng(2).integers(1 << 16, most * 9 // 10, places).tolist()):
        grow(size)
        done = call(tmp_path, out)
        assert done.returncode == 3, done.stdout + done.stderr
        assert "space" in done.stdout or "disk" in done.stdout or "bytes" in done.stdout
        assert not out.exists()
    grow(4 * case.nbytes)
    done = call(tmp_path, out)
    assert done.stdout == "done\n", done.stdout + done.stderr
    found = np.load(out) if name == "o.npy" else _read(out)
    same_bits(found, case)
    assert os.listdir(folder) == [name]


@POSIX
@pytest.mark.parametrize("layout", [{}, {"compression": "gzip"}])
def test_others_fill_the_disk_as_hdf5_is_written(small_disk, layout):
    """Room for all of it was taken before: the library would end the process."""
    make, _ = small_disk
    folder, f = make(1 << 20), image((6, 80, 90))

    def part(index):
        with open(folder / "theirs", "ab", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        return f[index]

    about = {"unit": (1, 16, 16), "layout": layout, "attributes": {"told": "much " * 1000}}
    hdf5.encode(folder / "o.h5", encoded.Result(f.shape, f.dtype, part, about, None, ""))
    assert (folder / "theirs").stat().st_size
    same_bits(_read(folder / "o.h5"), f)


UNITS = {"shards": {"chunks": (128, 128), "shards": (512, 512)}, "chunks": {"chunks": (512, 512)}}


@pytest.mark.parametrize(
    ("unit", "workers"), [("shards", 2), *soak(("chunks", 0), ("shards", 0), ("chunks", 2))]
)
def test_arrays_that_are_held(tmp_path, monkeypatch, unit, workers):
    """Ours and Zarr's together: four units a thread, and 3 MB of objects.

    12 to 20 units of shards were held where all that a chunk meets was read at once, 22 to 40 of
    chunks, of which those around it are decoded for a few rows; and workers had two blocks of each
    kind.
    """
    monkeypatch.setattr(zarrs.source, "AT_ONCE", 1)  # half of a chunk, as with large ones
    f, g = image((2048, 2048)), np.ones((15, 15), "f4")

    def stored(name, pixels):
        made = zarr.create_array(tmp_path / name, shape=pixels.shape, dtype="f4", **UNITS[unit])
        made[...] = pixels
        return made

    source, few = stored("f.zarr", f), stored("few.zarr", f[:1536, :1536])
    chunk = 4 * (512 + 14) ** 2
    asked = {**SAME, "memory": 5 * chunk, "threads": 1}
    parconv.stream(few, g, tmp_path / "first.zarr", **asked)  # imports, kernels, plans
    tracemalloc.start()
    try:
        if workers:
            with ThreadPoolExecutor(workers) as executor:
                made = parconv.stream(source, g, tmp_path / "o.zarr", executor=executor, **asked)
        else:
            made = parconv.stream(source, g, tmp_path / "o.zarr", **asked)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 4 * chunk * max(2, workers + 1) + 3_000_000, peak / chunk
    np.testing.assert_allclose(made[...], parconv.conv2d(f, g, **SAME), rtol=3e-6)


def _anew(folder):
    """Removed and made again, where the system gives the file the inode that was free."""
    shutil.rmtree(folder / "c")
    told = (folder / "zarr.json").read_bytes()
    (folder / "zarr.json").write_bytes(told)


CHANGES = {  # and how many of 24 chunks are computed where ten are done
    "nothing": (lambda out: None, 14),
    "made anew": (lambda out: _anew(out.store.root), 24),
    "written": (lambda out: out.__setitem__(4, -1), 20),
    "cleared": (lambda out: out.__setitem__(6, out.fill_value), 18),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_callers_array_that_changed_meanwhile(tmp_path, case, monkeypatch, name):
    """A script that began anew had the fill value where an earlier run was done."""
    change, expected = CHANGES[name]
    made = zarr.create_array(
        tmp_path / "o.zarr", shape=case.shape, dtype="f4", chunks=(1, 128, 128)
    )
    with pytest.raises(KeyboardInterrupt):
        parconv.stream(
            tmp_path / "f.zarr", G, made, memory=MEMORY, threads=1, progress=Stop(10), **SAME
        )
    done = (tmp_path / "o.zarr.progress").read_text().count("\n") - 1
    assert 10 <= done < 20
    written, write = [], zarrs.ZarrTarget.write
    monkeypatch.setattr(
        zarrs.ZarrTarget, "write", lambda self, *rest: (written.append(rest), write(self, *rest))
    )
    change(made)
    same_bits(_stream(tmp_path, made)[...], case)
    assert len(written) == (24 - done if name == "nothing" else expected)


PEAK = """
import concurrent.futures, json, resource, sys, threading
import numpy as np, parconv, zarr
source, out, memory, workers, most = json.loads(sys.argv[1])
g = np.ones((15, 15), "f4")
words = {"mode": "same", "boundary": "mirror", "memory": memory, "threads": 1}
threading.stack_size(1 << 20)
def held(what):
    with open("/proc/self/status") as lines:
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(what))
warm = np.ones((300, 300), "f4")
tiny = zarr.create_array("memory://w.zarr", shape=warm.shape, chunks=(100, 100), dtype="f4")
tiny[...] = warm
parconv.stream(tiny, g, "memory://v.zarr", **words)  # what libraries hold themselves
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before = held("VmHWM")
# and no more than that can be had; of addresses threads that begin later take some for their stacks
resource.setrlimit(resource.RLIMIT_AS, (held("VmSize") + most + (128 << 20),) * 2)
if workers:
    with concurrent.futures.ThreadPoolExecutor(workers) as executor:
        parconv.stream(source, g, out, executor=executor, **words)
else:
    parconv.stream(source, g, out, **words)
print(held("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is told by Linux")
@pytest.mark.parametrize(
    ("side", "unit", "parts"), soak((6144, 1024, 4), (22528, 2048, 4), (10240, 2048, 1))
)
@pytest.mark.parametrize("workers", [0, 2])
def test_memory_is_a_few_chunks(tmp_path, side, unit, parts, workers):
    """An image of any size: no more than four chunks, in and out, of each thread.

    The larger one has a fiftieth of 100 GB.  More memory cannot be had: the system refuses it.
    """
    import json

    pytest.importorskip("fsspec")
    layout = {"chunks": (unit // parts,) * 2, "shards": (unit, unit) if parts > 1 else None}
    source = zarr.create_array(tmp_path / "f.zarr", dtype="f4", shape=(side, side), **layout)
    rng = np.random.default_rng(0)
    for at in range(0, side, unit):
        source[at : at + unit] = rng.random((min(unit, side - at), side), np.float32)
    chunk = 4 * (unit + 14) ** 2
    threads = max(2, workers + 1)  # one reads or writes beside the one that computes
    most = 4 * chunk * threads + (64 << 20)
    given = [str(tmp_path / "f.zarr"), str(tmp_path / "o.zarr"), 5 * chunk, workers, most]
    done = subprocess.run(
        [sys.executable, "-c", PEAK, json.dumps(given)], capture_output=True, text=True,
        env={**os.environ, "MALLOC_ARENA_MAX": "2"},  # each of which takes 64 MiB of addresses
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = zarr.open_array(tmp_path / "o.zarr")
    part = slice(side // 2 - 100, side // 2 + 100)
    around = source[part.start - 7 : part.stop + 7, part.start - 7 : part.stop + 7]
    right = parconv.conv2d(around, np.ones((15, 15), "f4"))
    np.testing.assert_allclose(made[part, part], right, rtol=3e-6)
    assert int(done.stdout) <= most, int(done.stdout) / chunk


def test_a_folder_that_cannot_be_written(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("root may write everywhere")
    with pytest.raises(OSError, match="denied"):
        parconv.stream(image((30, 20)), G, Path(folder) / "o.zarr", **SAME)
