"""Distrusts the power supply: streams that are killed, that find no room, that meet another."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import soak

import parconv

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals and mounts are POSIX's"),
    pytest.mark.timeout(3000),
]
CHILD = """
import os, signal, sys, threading, time
import numpy as np, parconv
from parconv.streaming import run
source, out, die = sys.argv[1], sys.argv[2], float(sys.argv[3])
run.SETTLED = 1  # each chunk is recorded
def end():
    while not os.path.exists(out + ".progress"):
        time.sleep(0.0002)
    time.sleep(die)
    os.kill(os.getpid(), signal.SIGKILL)
if die >= 0:
    threading.Thread(target=end, daemon=True).start()
try:
    parconv.stream(source, np.ones((5, 5), "f4"), out, memory=150_000, threads=1)
except OSError as error:
    print(error)
    sys.exit(3)
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "f.npy"
    np.save(path, np.random.default_rng(4).random((300, 60, 70), np.float32))
    return path


def begun(source: Path, out: Path, die: float = -1) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", CHILD, str(source), str(out), str(die)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its status, and what it said."""
    told, trace = process.communicate()
    return process.returncode, told + trace


def right(source: Path) -> np.ndarray:
    return parconv.conv2d(np.load(source), np.ones((5, 5), np.float32))


@pytest.mark.parametrize("kills", [2, *soak(200)])
def test_killed_and_repeated(kills: int, source: Path, ledger: Any) -> None:
    """The name appears when all is right, however often the stream was killed before."""
    rng, whole, resumed = np.random.default_rng(kills), right(source), 0
    out = source.with_name("o.npy")
    for _ in range(kills):
        status, told = ended(begun(source, out, float(rng.uniform(0, 0.03))))
        assert status in (0, -9), told
        assert out.exists() == (status == 0)
        resumed += status == -9
        if out.exists():
            assert np.array_equal(np.load(out), whole)
            out.unlink()
    assert ended(begun(source, out)) == (0, "")
    assert np.array_equal(np.load(out), whole)
    assert sorted(os.listdir(source.parent)) == ["f.npy", "o.npy"]
    assert resumed
    ledger("kills", f"{kills} streams, {resumed} killed amid, 0 wrong")


@pytest.mark.parametrize("places", [2, *soak(50)])
def test_no_room(places: int, source: Path, ledger: Any) -> None:
    """An error that says so and no file by that name; with room the stream goes on."""
    whole, folder = right(source), source.parent / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        for size in np.random.default_rng(places).integers(1 << 16, whole.nbytes, places).tolist():
            for path in folder.iterdir():
                path.unlink()
            grow = ["mount", "-o", f"remount,size={size}", str(folder)]
            subprocess.run(grow, check=True, capture_output=True)
            status, told = ended(begun(source, folder / "o.npy"))
            assert status == 3, told
            assert "[Errno 28]" in told
            assert not (folder / "o.npy").exists()
            grow[2] = f"remount,size={2 * whole.nbytes}"
            subprocess.run(grow, check=True, capture_output=True)
            assert ended(begun(source, folder / "o.npy")) == (0, "")
            assert np.array_equal(np.load(folder / "o.npy"), whole)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    ledger("full disks", f"{places} places, 0 wrong")


@pytest.mark.parametrize("pairs", [1, *soak(50)])
def test_two_into_one(pairs: int, source: Path, ledger: Any) -> None:
    """One is refused, or comes when the other is done; the file is right."""
    whole, out, refused = right(source), source.with_name("o.npy"), 0
    for _ in range(pairs):
        both = [begun(source, out) for _ in range(2)]
        told = sorted(map(ended, both))
        codes = [status for status, _ in told]
        assert codes in ([0, 0], [0, 3]), told
        refused += codes[1] == 3
        assert np.array_equal(np.load(out), whole)
        out.unlink()
    ledger("two writers", f"{pairs} pairs, {refused} refused, 0 wrong")
