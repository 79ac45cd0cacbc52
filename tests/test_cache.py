"""Distrusts the cache of compiled kernels: private, never stale, never fatal when damaged."""

import os
import pickle
import shutil
import stat
from pathlib import Path

import pytest
from conftest import RunPython

import parconv

SERIAL = """
    import numpy as np
    import parconv
    f = np.arange(600, dtype=np.float32).reshape(20, 30)
    assert (parconv.conv2d(f, [[1, -1]], threads=1) == 1).all()
"""
BOTH = (
    SERIAL
    + """
    assert (parconv.conv2d(f, [[1], [-1]], threads=2, strategy="prange") == 30).all()
"""
)
PLACE = """
    from parconv import jit
    print(jit.cache_directory())
"""


def directory(base: Path) -> Path:
    found = [path for path in base.iterdir() if path.name.startswith("parconv-")]
    assert len(found) == 1, found
    return found[0]


@pytest.fixture(scope="module")
def _filled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"base": tmp_path_factory.mktemp("filled")}


@pytest.fixture
def cache(_filled: dict[str, Path], tmp_path: Path, run_python: RunPython) -> Path:
    """A copy of a filled cache."""
    base = _filled["base"]
    if not any(base.iterdir()):
        run_python(BOTH, env={"NUMBA_CACHE_DIR": str(base)})
    copy = tmp_path / "cache"
    shutil.copytree(base, copy)
    return copy


def test_filled_and_private(cache: Path) -> None:
    home = directory(cache)
    assert any(home.rglob("*.nbi"))
    assert any(home.rglob("*.nbc"))
    if os.name == "posix":
        assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_used_again(cache: Path, run_python: RunPython) -> None:
    """A second process compiles nothing: no file is written."""
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()}
    run_python(BOTH, env={"NUMBA_CACHE_DIR": str(cache)})
    after = {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()}
    assert after == before


class Planted:
    """A pickle that leaves a mark when read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.skipif(os.name != "posix", reason="needs modes")
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_refused_when_others_may_write(
    mode: int, cache: Path, tmp_path: Path, run_python: RunPython
) -> None:
    """What they planted is not read; the answer is computed without a cache."""
    home, mark = directory(cache), tmp_path / "mark"
    for path in home.rglob("*.nb?"):
        path.write_bytes(pickle.dumps(Planted(mark)))
    before = sorted(home.rglob("*"))
    home.chmod(mode)
    done = run_python(SERIAL + PLACE, env={"NUMBA_CACHE_DIR": str(cache)})
    assert done.stdout.strip() == "None"
    assert not mark.exists(), "a planted pickle was read"
    assert sorted(home.rglob("*")) == before
    assert stat.S_IMODE(home.stat().st_mode) == mode, "somebody else's directory was changed"


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", ["half", "bit"])
def test_damaged_kernels(damage: str, suffix: str, cache: Path, run_python: RunPython) -> None:
    """Right answers from the process that meets the damage, and from the next."""
    damaged = list(cache.rglob(f"*.{suffix}"))
    assert damaged
    for path in damaged:
        whole, middle = path.read_bytes(), path.stat().st_size // 2
        rest = bytes([whole[middle] ^ 1]) + whole[middle + 1 :] if damage == "bit" else b""
        path.write_bytes(whole[:middle] + rest)
    run_python(SERIAL, env={"NUMBA_CACHE_DIR": str(cache)})
    run_python(SERIAL, env={"NUMBA_CACHE_DIR": str(cache)})


DAMAGED = """
    import pickle, sys
    from pathlib import Path
    import numba
    from parconv import jit

    damages = {
        "empty": lambda data: b"",
        "one byte": lambda data: data[:1],
        "half": lambda data: data[: len(data) // 2],
        "less one byte": lambda data: data[:-1],
        "text": lambda data: b"not a pickle" * 20,
        "zeros": lambda data: bytes(len(data)),
        "another pickle": lambda data: pickle.dumps(["unexpected"]),
        "number": lambda data: pickle.dumps(7),
        "missing module": lambda data: b"cno_such_module_here\\nname\\n.",
        "missing name": lambda data: b"cos\\nno_such_name_here\\n.",
        "deep": lambda data: b"(" * 100000,
    }
    for part in range(8):  # one bit, which LLVM would not survive
        def flip(data, part=part):
            place = (2 * part + 1) * len(data) // 16
            return data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :]
        damages[f"bit {part}"] = flip

    def double(x):
        return 2 * x

    def compiled():
        jit._made.clear()
        return jit.compiled(double, (numba.int64,))

    assert compiled()(21) == 42
    for suffix in ("nbi", "nbc"):
        for name, damage in damages.items():
            paths = list(Path(sys.argv[1]).rglob(f"*.{suffix}"))
            assert paths, (suffix, name)
            for path in paths:
                path.write_bytes(damage(path.read_bytes()))
            try:
                assert compiled()(21) == 42
                again = compiled()
                assert again(21) == 42
                assert again.stats.cache_hits, "the damaged entry was not replaced"
            except BaseException:
                print(suffix, name)
                raise
"""


def test_damaged_files_of_every_kind(tmp_path: Path, run_python: RunPython) -> None:
    """On a small function, by the same path as the kernels; the next process has a whole cache."""
    run_python(DAMAGED, tmp_path, env={"NUMBA_CACHE_DIR": str(tmp_path)})


def test_missing_data(cache: Path, run_python: RunPython) -> None:
    for path in cache.rglob("*.nbc"):
        path.unlink()
    run_python(SERIAL, env={"NUMBA_CACHE_DIR": str(cache)})
    assert any(cache.rglob("*.nbc"))


@pytest.mark.parametrize("place", ["in a file", "below a file", "nowhere", "read-only"])
def test_no_place_for_a_cache(place: str, tmp_path: Path, run_python: RunPython) -> None:
    """No exception, neither at import nor at the first call; nothing in a shared directory."""
    file, closed = tmp_path / "file", tmp_path / "closed"
    file.write_text("not a directory")
    closed.mkdir(mode=0o500)
    where = {
        "in a file": file, "below a file": file / "below", "nowhere": "/proc/nowhere",
        "read-only": closed,
    }[place]  # fmt: skip
    done = run_python(SERIAL + PLACE, env={"NUMBA_CACHE_DIR": str(where), "TMPDIR": str(tmp_path)})
    if place != "read-only" or (hasattr(os, "getuid") and os.getuid()):  # root writes everywhere
        assert done.stdout.strip() == "None"
        assert sorted(tmp_path.rglob("*")) == [closed, file]


@pytest.mark.skipif(os.name != "posix", reason="needs HOME")
def test_no_home(tmp_path: Path, run_python: RunPython) -> None:
    env = {"NUMBA_CACHE_DIR": None, "XDG_CACHE_HOME": None, "HOME": "/proc/nowhere"}
    done = run_python(SERIAL + PLACE, env={**env, "TMPDIR": str(tmp_path)})
    assert done.stdout.strip() == "None"
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="needs XDG directories")
def test_the_users_own_directory(tmp_path: Path, run_python: RunPython) -> None:
    env = {"NUMBA_CACHE_DIR": None, "XDG_CACHE_HOME": str(tmp_path)}
    done = run_python(
        "from parconv import jit; print(jit.cache_directory())", env={**env, "HOME": "/proc"}
    )
    home = Path(done.stdout.strip())
    assert tmp_path in home.parents
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_processes_starting_at_once(tmp_path: Path, run_python: RunPython) -> None:
    run_python(
        """
        import subprocess, sys
        code = (
            "import numpy as np, parconv; f = np.arange(600, dtype=np.float32).reshape(20, 30);"
            "assert (parconv.conv2d(f, [[1, -1]]) == 1).all()"
        )
        running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
        assert [process.wait() for process in running] == [0] * 4
        """,
        env={"NUMBA_CACHE_DIR": str(tmp_path)},
    )
    assert any(tmp_path.rglob("*.nbc"))


SOURCES = (
    "simd.py", "borders.py", "machine.py", "jit.py", "methods/direct/kernel.py",
    "methods/direct/tile.py", "methods/direct/elements.py", "methods/direct/__init__.py",
)  # fmt: skip


def test_an_edited_source_is_another_cache(tmp_path: Path, run_python: RunPython) -> None:
    """Every file that compiled code is made of; a stale kernel is impossible."""
    package = tmp_path / "parconv"
    shutil.copytree(
        Path(parconv.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )

    def stamp() -> str:
        env = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)}
        source = "from parconv import jit; print(jit.__file__, jit.cache_directory())"
        file, home = run_python(source, env=env).stdout.split()
        assert Path(file).parent == package
        return home

    seen = [stamp()]
    assert stamp() == seen[0]
    for name in SOURCES:
        path = package / name
        path.write_text(path.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
        seen.append(stamp())
    assert len(set(seen)) == len(SOURCES) + 1, "an edit went unnoticed"
