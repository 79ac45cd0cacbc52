"""Distrusts S3: results that nobody can rename, interrupted and killed, read again by others.

The server is moto's, in a thread of this process.
"""

import concurrent.futures
import itertools
import signal
import sys
import warnings

import numpy as np
import pytest
from conftest import soak
from test_stream import SAME, Stop, image, same_bits, taps

import parconv

zarr = pytest.importorskip("zarr", "3", reason="the stores need zarr")
pytest.importorskip("s3fs")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    server = pytest.importorskip("moto.server", reason="moto is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # of the server's and the client's own
G = taps(5, 3)
MEMORY = 240_000  # bytes: eight pieces of the images here, in whole units
NUMBERS = itertools.count()  # of buckets


@pytest.fixture(scope="module")
def files():
    """What is in the server's buckets, which children find, too."""
    import s3fs
    from zarr.core.sync import loop

    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
        }.items():  # fmt: skip
            patched.setenv(name, value)
        yield s3fs.S3FileSystem()
        for client in s3fs.S3FileSystem._cache.values():
            if client._s3 is not None:
                client.close_session(client.loop or loop[0], client._s3)
        s3fs.S3FileSystem.clear_instance_cache()
    running.stop()


@pytest.fixture
def bucket(files, tmp_path, monkeypatch):
    """An empty one; what is done of results there is told in another folder."""
    monkeypatch.setenv("PARCONV_WISDOM", str(tmp_path / "home"))
    name = f"pixels-{next(NUMBERS)}"
    files.mkdir(name)
    return f"s3://{name}"


@pytest.fixture
def written(monkeypatch):
    """Objects of results, as they are written."""
    from zarr.storage import FsspecStore

    found, put = [], FsspecStore.set

    async def counted(self, key, value, *rest):
        found.append(f"{self.path}/{key}")
        await put(self, key, value, *rest)

    monkeypatch.setattr(FsspecStore, "set", counted)
    return found


def _source(bucket, f, **layout):
    made = zarr.create_array(f"{bucket}/a.zarr", shape=f.shape, dtype=f.dtype, **layout)
    made[...] = f
    return f"{bucket}/a.zarr"


def _units(written):
    """Those that are chunks or shards of the result."""
    return [key for key in written if "b.zarr" in key and key.rpartition("/")[2][0].isdigit()]


LAYOUTS = {
    "version 2": {"zarr_format": 2, "chunks": (1, 70, 60)},
    "chunks": {"chunks": (1, 40, 40)},
    "shards": {"chunks": (1, 20, 20), "shards": (2, 40, 60)},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("pool", [False, True])
def test_interrupted_from_bucket_to_bucket(bucket, written, tmp_path, layout, pool):
    """What is unfinished says so; the call that is repeated writes the rest, to one call's bits."""
    f = image((8, 70, 60))
    source, out = _source(bucket, f, **LAYOUTS[layout]), f"{bucket}/b.zarr"
    words = {"memory": MEMORY, **SAME}
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        words |= {"executor": executor} if pool else {}
        with pytest.raises(KeyboardInterrupt):
            parconv.stream(source, G, out, progress=Stop(3), **words)
        with pytest.raises(ValueError, match="not finished"):
            parconv.stream(out, G, tmp_path / "o.npy", **SAME)
        before = len(_units(written))
        made = parconv.stream(source, G, out, **words)
    units = _units(written)
    assert 0 < before < len({*units})
    assert len({*units[before:]}) == len(units) - before < len({*units}), (
        "written in parts, or anew"
    )
    same_bits(made[...], parconv.conv2d(f, G, **SAME))
    same_bits(parconv.stream(out, np.ones((1, 1), "f4"), tmp_path / "o.npy"), made[...])
    assert made.chunks == zarr.open_array(source).chunks
    assert not [*tmp_path.rglob("*.progress")]


CHILD = """
import os, signal, sys, threading, time
import numpy as np, parconv
from parconv.streaming import run
run.SETTLED = 1
bucket, g, after = sys.argv[1], np.load(sys.argv[2]), int(sys.argv[3])
def told(done, total):
    told.count += 1
    if told.count == after:
        os.kill(os.getpid(), signal.SIGKILL)
told.count = 0
words = {"mode": "same", "boundary": "mirror", "memory": 240_000, "threads": 1}
parconv.stream(f"{bucket}/a.zarr", g, f"{bucket}/b.zarr", progress=told, **words)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("rounds", [2, *soak(20)])
def test_killed_from_bucket_to_bucket(bucket, tmp_path, run_python, rounds):
    """Whatever was written: goes on, and ends with the bits of one call."""
    f = image((8, 70, 60))
    source = _source(bucket, f, chunks=(1, 70, 60))
    np.save(tmp_path / "g.npy", G)
    for after in np.random.default_rng(rounds).integers(1, 8, rounds).tolist():
        done = run_python(CHILD, bucket, tmp_path / "g.npy", after, succeed=False)
        assert done.status == -signal.SIGKILL, done.stderr
        with pytest.raises(ValueError, match="not finished"):
            parconv.stream(f"{bucket}/b.zarr", G, tmp_path / "o.npy", **SAME)
    words = {"memory": MEMORY, "threads": 1, **SAME}
    made = parconv.stream(source, G, f"{bucket}/b.zarr", **words)
    same_bits(made[...], parconv.conv2d(f, G, **SAME))


def test_a_source_that_changes_in_its_bucket(bucket):
    """What was done of the other pixels is done again."""
    f, other = image((8, 70, 60)), image((8, 70, 60), seed=5)
    source = _source(bucket, f, chunks=(1, 70, 60))
    words = {"memory": MEMORY, **SAME}
    with pytest.raises(KeyboardInterrupt):
        parconv.stream(source, G, f"{bucket}/b.zarr", progress=Stop(4), **words)
    zarr.open_array(source, mode="r+")[...] = other
    made = parconv.stream(source, G, f"{bucket}/b.zarr", **words)
    same_bits(made[...], parconv.conv2d(other, G, **SAME))


def test_files_in_a_bucket(bucket, files, tmp_path):
    """Of which a stream asks for parts."""
    h5py, tifffile = pytest.importorskip("h5py"), pytest.importorskip("tifffile")
    f = image((3, 70, 60), "uint8")
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["f"] = f
    tifffile.imwrite(tmp_path / "f.tif", f, tile=(16, 16), photometric="minisblack")
    np.save(tmp_path / "f.npy", f)
    for name in ("f.h5", "f.tif", "f.npy"):
        files.put_file(tmp_path / name, f"{bucket}/{name}")
        out = parconv.stream(f"{bucket}/{name}", G, tmp_path / "o.npy", memory=MEMORY, **SAME)
        same_bits(out, parconv.conv2d(f, G, **SAME))
