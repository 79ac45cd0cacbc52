"""Distrusts the cache of compiled kernels: private, never another's, never stale, never fatal."""

import errno
import gc
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from compileall import compile_dir
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from conftest import RunPython, soak
from numba.core import config
from typer.testing import CliRunner

import parconv
from parconv import cli
from parconv.codegen import jit, kernel_cache
from parconv.codegen.kernel_cache import entries, places, private, results, survey
from parconv.methods import direct, planes
from parconv.runtime import records

POSIX = hasattr(os, "geteuid")
ROOT = POSIX and os.geteuid() == 0
INT = (numba.int64,)

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
# Small functions go the same way as kernels: this one is compiled in a moment.
TINY = """
    from parconv.runtime.crew import floats
    floats.current()
"""


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process: warnings are told once, and here every one is an error."""
    for name in ("_reasons", "_warned", "_announced"):
        monkeypatch.setattr(kernel_cache, name, [])


@pytest.fixture
def move(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path | str], None]]:
    """Move the cache elsewhere, as NUMBA_CACHE_DIR does for a new process."""

    def moved(base: Path | str) -> None:
        monkeypatch.setattr(config, "CACHE_DIR", str(base))
        places.base.cache_clear()

    yield moved
    places.base.cache_clear()


@pytest.fixture
def home(tmp_path: Path, move: Callable[[Path], None]) -> Path:
    """The directory of entries, which is not there yet."""
    move(tmp_path / "cache")
    return kernel_cache.directory()


def made(value: str = "x + x", signature: tuple[Any, ...] = INT) -> Any:
    """A new function, the same for the cache as others of that value, compiled or loaded."""
    names: dict[str, Any] = {}
    exec(compile(f"def double(x):\n    return {value}\n", "<double>", "exec"), globals(), names)
    return jit.compiled(names["double"], signature)


def is_loaded(compiled: Any) -> bool:
    """Whether it came from the cache."""
    assert compiled(21) == 42
    return sum(compiled.stats.cache_hits.values()) == 1


def entry(home: Path) -> Path:
    (found,) = home.iterdir()
    assert found.suffix == entries.SUFFIX
    return found


# --- kept and used -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def _filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("filled")


@pytest.fixture
def filled(_filled: Path, tmp_path: Path, run_python: RunPython) -> Path:
    """A copy of the tests' own cache, which holds what BOTH needs and is compiled once."""
    if not any(_filled.iterdir()):
        run_python(BOTH)
        home = kernel_cache.directory()
        (_filled / home.name).mkdir(0o700)
        for path in home.glob(f"*{entries.SUFFIX}"):
            shutil.copy2(path, _filled / home.name)
    return Path(shutil.copytree(_filled, tmp_path / "filled"))


def stamps(base: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in base.rglob("*") if path.is_file()}


def test_a_second_process_compiles_nothing(filled: Path, run_python: RunPython) -> None:
    """No file is written; nor is Numba's compiler set up, which takes 0.5 s and imports SciPy."""
    before = stamps(filled)
    assert {path.suffix for path in before} == {entries.SUFFIX}
    if POSIX:
        assert {stat.S_IMODE(path.parent.stat().st_mode) for path in before} == {0o700}
        assert {stat.S_IMODE(path.stat().st_mode) for path in before} == {0o600}
    source = f"{SERIAL}\n    import sys\n    assert 'numba.np.linalg' not in sys.modules\n"
    run_python(source, env={"NUMBA_CACHE_DIR": str(filled)})
    run_python(BOTH, env={"NUMBA_CACHE_DIR": str(filled)})
    assert stamps(filled) == before


DTYPES = "i4", "i8", "u4", "u8", "f4", "f8", "c8", "c16"
KINDS = tuple(numba.from_dtype(np.dtype(name))[::1] for name in DTYPES)


def check(compiled: Any, kind: Any) -> None:
    """That it is the code for arrays of that kind: of another's, bits would be misread."""
    assert [*compiled.overloads] == [(kind,)]
    dtype = np.dtype(str(kind.dtype))
    assert compiled(np.array([9, 21, 9], dtype)) == 42


def test_every_signature_has_an_entry_of_its_own(home: Path) -> None:
    for hits in (0, 1):
        for kind in KINDS:
            compiled = made("x[1] + x[1]", (kind,))
            assert sum(compiled.stats.cache_hits.values()) == hits
            check(compiled, kind)
    assert len(list(home.iterdir())) == len(KINDS)


ROUNDS = int(os.environ.get("PARCONV_CACHE_ROUNDS", "1"))  # 50 take minutes
STORM = """
    import os, sys, time
    from numba.core import config
    from parconv.codegen import jit
    from parconv.codegen.kernel_cache import places
    import test_cache

    assert not test_cache.made().stats.cache_hits  # sets the compiler up, for all children
    replace, (rounds, delay, base) = os.replace, sys.argv[1:]

    def slow(*names, **where):
        time.sleep(float(delay))
        replace(*names, **where)

    def start(first, hits):
        child = os.fork()
        if child:
            return child
        status = 1
        try:
            os.replace = slow
            for turn in range(8):
                kind = test_cache.KINDS[(first + turn) % 8]
                compiled = test_cache.made("x[1] + x[1]", (kind,))
                assert hits is None or sum(compiled.stats.cache_hits.values()) == hits
                test_cache.check(compiled, kind)
            status = 0
        finally:
            os._exit(status)

    for number in range(int(rounds)):
        config.CACHE_DIR = f"{base}/{number}"
        places.base.cache_clear()
        children = [start(first, None) for first in range(8)]
        assert {os.waitpid(child, 0)[1] for child in children} == {0}, number
        assert os.waitpid(start(0, 1), 0)[1] == 0, number
        assert len(os.listdir(places.directory())) == 8, number
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("delay", [0.02, *soak(0)])
def test_eight_cold_processes_of_eight_signatures(
    delay: float, tmp_path: Path, run_python: RunPython
) -> None:
    """All compile all, each in another order; then every entry is there, and right.

    Renames of 20 ms are those of a network's file system.
    """
    env = {"NUMBA_CACHE_DIR": str(tmp_path / "first")}
    run_python(STORM, ROUNDS, delay, tmp_path, env=env, timeout=60 + 30 * ROUNDS)


# --- damaged -------------------------------------------------------------------------------------


def flipped(content: bytes, bit: int) -> bytes:
    place, bit = divmod(bit, 8)
    return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


def damages(content: bytes, others: list[bytes], seed: int) -> Iterator[bytes]:
    """A thousand of them."""
    rng = np.random.default_rng(seed)
    for bit in rng.integers(8 * len(content), size=500):
        yield flipped(content, int(bit))
    for size in rng.integers(len(content), size=200):
        yield content[: int(size)]
    for size in rng.integers(1, 2 * len(content), size=200):
        yield rng.bytes(int(size))
    for start, size in rng.integers(1, len(content) - 1, size=(94, 2)):
        yield content[:start] + bytes(len(content[start : start + size])) + content[start + size :]
    yield from (b"", b"not an entry" * 99, bytes(len(content)), 2 * content, *others)


@pytest.mark.parametrize("seed", [1, *soak(2)])
def test_a_thousand_damages_are_never_an_entry(seed: int, home: Path, ledger: Any) -> None:
    """Nor an exception; a file of zeros where there were zeros is no damage."""
    kind, *others = KINDS[4:7]
    made("x[1] + x[1]", (kind,))
    path = entry(home)
    whole = path.read_bytes()
    for other in others:
        made("x[1] + x[1]", (other,))
    rest = [it.read_bytes() for it in home.iterdir() if it != path]
    given = [content for content in damages(whole, rest, seed) if content != whole]
    assert len(given) >= 990
    compiled = made("x[1] + x[1]", (kind,))
    store, target = compiled._cache, compiled.targetctx
    for content in given:
        path.write_bytes(content)
        assert store.load_overload((kind,), target) is None
    path.write_bytes(whole)
    assert store.load_overload((kind,), target).signature.args == (kind,)
    ledger("damage", f"{len(given)} damages, 0 loaded")


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "another's", "missing"])
def test_a_damaged_entry_is_replaced(damage: str, home: Path) -> None:
    assert not is_loaded(made())
    path = entry(home)
    whole = path.read_bytes()
    made("x + 1")
    (other,) = {*home.iterdir()} - {path}
    content = {
        "cut": whole[:-1], "bit": flipped(whole, 4 * len(whole)), "empty": b"",
        "another's": other.read_bytes(), "missing": None,
    }[damage]  # fmt: skip
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert not is_loaded(made())
    assert is_loaded(made())


def test_code_of_another_signature_is_not_loaded(home: Path) -> None:
    """Whatever the key says: the code's own name tells what it takes."""
    compiled = made()
    facts, parts = results.reduce(compiled.overloads[INT])
    arguments = compiled.targetctx, compiled.py_func
    assert results.rebuild(*arguments, INT, facts, parts).signature.args == INT
    with pytest.raises(ValueError, match="another signature"):
        results.rebuild(*arguments, (numba.float64,), facts, parts)
    with pytest.raises(KeyError):
        jit.address(compiled, (numba.float64,))
    assert jit.address(compiled, INT)


def test_what_is_more_than_code_is_not_kept(home: Path) -> None:
    """A function of variables of its surroundings; one whose result is no number."""
    for number in (1, 2):
        assert jit.compiled(lambda x: x + number, INT)(40) == 40 + number  # noqa: B023
    assert not home.exists()
    with pytest.warns(kernel_cache.CacheWarning, match=r"array.* cannot be kept; report it"):
        made("x", (numba.float64[::1],))
    assert not home.exists()


def test_options_settings_and_code_are_parts_of_the_key(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names() -> set[str]:
        return {path.name for path in home.iterdir()}

    made()
    made("x * 2")  # differs in a constant
    assert len(names()) == 2
    monkeypatch.setattr(config, "OPT", 1)
    assert not is_loaded(made())
    assert len(names()) == 3


# --- planted -------------------------------------------------------------------------------------


@cache
def wrong() -> tuple[str, bytes]:
    """The name and content of an entry that is whole and answers 666, as only an enemy makes it."""
    compiled = made()
    key = compiled._cache._key(INT, compiled.targetctx)
    return entries.name(key), entries.pack(key, *results.reduce(made("x - x + 666").overloads[INT]))


def plant(directory: Path) -> Path:
    """The wrong entry, in a directory that is as it should be."""
    name, content = wrong()
    directory.mkdir(parents=True, exist_ok=True)
    for parent in (directory, directory.parent):
        parent.chmod(0o700)
    path = directory / name
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def is_deceived() -> bool:
    return bool(made()(21) == 666)


needs_modes = pytest.mark.skipif(not POSIX, reason="needs modes")
needs_root = pytest.mark.skipif(not ROOT, reason="needs other users")
quietly = pytest.mark.filterwarnings("ignore::parconv.codegen.kernel_cache.CacheWarning")


def test_a_plant_would_deceive_where_nothing_refuses_it(home: Path) -> None:
    plant(home)
    assert is_deceived()


def make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def make_link(path: Path) -> None:
    """To the plant, which lies elsewhere."""
    os.symlink(path.rename(path.parent.parent / "elsewhere"), path)


FILES: dict[str, Callable[[Path], Any]] = {
    "mode_666": lambda path: path.chmod(0o666),
    "mode_620": lambda path: path.chmod(0o620),
    "pipe": make_pipe,
    "link": make_link,
}
DIRECTORIES: dict[str, Callable[[Path], Any]] = {
    "mode_777": lambda home: home.chmod(0o777),
    "mode_1777": lambda home: home.chmod(0o1777),
    "mode_770": lambda home: home.chmod(0o770),
    "mode_702": lambda home: home.chmod(0o702),
    "parent_777": lambda home: home.parent.chmod(0o777),
    "parent_707": lambda home: home.parent.chmod(0o707),
    "grandparent_777": lambda home: home.parent.parent.chmod(0o777),
}
OTHERS: dict[str, Callable[[Path], Any]] = {
    "directory": lambda home: os.chown(home, 1234, 1234),
    "parent": lambda home: os.chown(home.parent, 1234, 1234),
    "group_of_parent": lambda home: (os.chown(home.parent, 0, 1234), home.parent.chmod(0o770)),
}


@needs_modes
@pytest.mark.parametrize("case", FILES)
def test_planted_files_are_replaced(case: str, home: Path) -> None:
    path = plant(home)
    FILES[case](path)
    assert not is_deceived()
    assert is_loaded(made())
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600


@needs_root
def test_files_of_other_users_are_replaced(home: Path) -> None:
    path = plant(home)
    os.chown(path, 1234, 1234)
    assert not is_deceived()
    assert is_loaded(made())
    assert path.stat().st_uid == 0


def refused(home: Path, spoil: Callable[[Path], Any]) -> None:
    """Nothing planted there runs, nothing is written, and the reason is told, once."""
    plant(home)
    spoil(home)
    before = {path: path.lstat() for path in (home, *home.iterdir())}
    with pytest.warns(kernel_cache.CacheWarning, match="set NUMBA_CACHE_DIR") as told:
        assert not any(is_deceived() for _ in range(2))
    assert len(told) == 1
    assert str(home.parent.parent) in str(told[0].message)
    assert {path: path.lstat() for path in (home, *home.iterdir())} == before


@needs_modes
@pytest.mark.parametrize("case", DIRECTORIES)
def test_directories_that_others_may_write_are_refused(case: str, home: Path) -> None:
    refused(home, DIRECTORIES[case])


@needs_root
@pytest.mark.parametrize("case", OTHERS)
def test_directories_of_other_users_are_refused(case: str, home: Path) -> None:
    refused(home, OTHERS[case])


@needs_modes
def test_a_parent_with_the_sticky_bit_is_no_danger(home: Path) -> None:
    """As that of temporary directories: others cannot exchange ours."""
    home.parent.mkdir()
    home.parent.chmod(0o1777)
    assert not is_loaded(made())
    assert is_loaded(made())


@needs_modes
def test_a_parent_of_the_users_own_group_is_no_danger(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As some systems make one for each user, with umask 002."""
    import grp
    import pwd

    home.parent.mkdir()
    home.parent.chmod(0o770)
    user = pwd.getpwuid(os.geteuid())
    group = grp.struct_group((user.pw_name, "x", home.parent.stat().st_gid, []))
    monkeypatch.setattr(
        pwd, "getpwuid", lambda _: pwd.struct_passwd((*user[:3], group[2], *user[4:]))
    )
    monkeypatch.setattr(grp, "getgrgid", lambda _: group)
    assert not is_loaded(made())
    assert is_loaded(made())
    group = grp.struct_group((user.pw_name, "x", group[2], ["another"]))
    with pytest.warns(kernel_cache.CacheWarning, match="others may write"):
        assert not is_loaded(made())


def test_a_relative_directory_stays_where_it_was(
    tmp_path: Path, move: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    move("cache")
    assert not is_loaded(made())
    name = kernel_cache.directory().name
    plant(tmp_path / "there" / "cache" / name)
    entry(tmp_path / "here" / "cache" / name)
    monkeypatch.chdir(tmp_path / "there")
    assert is_loaded(made())


@quietly
@pytest.mark.parametrize("place", ["no home", "relative XDG_CACHE_HOME", "literal ~"])
def test_no_home_is_no_directory_named_tilde(
    place: str, tmp_path: Path, move: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What expanduser leaves as it is would be a directory of wherever the process goes to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    move(tmp_path / "elsewhere")
    name = kernel_cache.directory().name
    for home in ("~/.cache/parconv", "cache/parconv", "~/cache"):
        plant(tmp_path / home / name)
    before = sorted(tmp_path.rglob("*"))
    if place == "relative XDG_CACHE_HOME":
        monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    move("~/cache" if place == "literal ~" else "")
    places.user_directory.cache_clear()
    try:
        assert not is_deceived()
        with pytest.raises(FileNotFoundError):
            places.base()
        if place != "literal ~":
            assert records.read(records.home() / "any.json") is None
            with pytest.raises(OSError, match="directory"):
                records.write(records.home() / "any.json", {})
    finally:
        places.user_directory.cache_clear()
    assert sorted(tmp_path.rglob("*")) == before


@needs_modes
def test_a_pipe_for_a_record_is_none(tmp_path: Path) -> None:
    """It would wait for a writer."""
    os.mkfifo(tmp_path / "record.json")
    assert records.read(tmp_path / "record.json") is None


# --- places --------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["in a file", "below a file", "nowhere", "full"])
def test_no_place_is_told_once_and_costs_no_answer(
    place: str, tmp_path: Path, move: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("not a directory")
    where = {"in a file": file, "below a file": file / "below", "nowhere": Path("/proc/nowhere")}
    move(where.get(place, tmp_path / "cache"))
    if place == "full":

        def full(*_: Any, **__: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "replace", full)
    with pytest.warns(kernel_cache.CacheWarning, match="set NUMBA_CACHE_DIR") as told:
        assert not any(is_loaded(made()) for _ in range(2))
    assert len(told) == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


READ_ONLY = """
    import os, sys
    from parconv.codegen import jit, kernel_cache
    from parconv.runtime.crew import floats
    from parconv.codegen.kernel_cache.survey import survey
    import numba
    assert (lambda one: jit.compiled(lambda x: x + one, (numba.int64,))(41))(1) == 42
    if os.geteuid() == 0:  # the compiler was set up: other users may not import it
        os.setgroups([])
        os.setgid(1234)
        os.setuid(1234)
    assert not os.access(kernel_cache.directory(), os.W_OK)
"""


@needs_modes
def test_a_filled_cache_that_is_read_only_is_used(run_python: RunPython) -> None:
    """Whose owner is the user or root; a kernel that it lacks is compiled, and that is told."""
    base = Path(tempfile.mkdtemp(prefix="parconv-test-"))  # pytest's own is closed to others
    env = {"NUMBA_CACHE_DIR": str(base), "PYTHONWARNINGS": "error"}
    try:
        run_python(TINY, env=env)
        base.chmod(0o755)
        (home,) = base.iterdir()
        entry(home).chmod(0o444)
        home.chmod(0o555)
        before = stamps(base)
        told = run_python(f"{READ_ONLY}{TINY}    print(survey())\n", env=env).stdout
        assert f"obstacle='{home} is read-only', readable=True" in told
        missing = f"{READ_ONLY}{TINY}    floats.like(0).__enter__()\n"
        told = run_python(missing, env=env, succeed=False).stderr
        assert "CacheWarning" in told
        assert "Permission denied" in told
        assert stamps(base) == before
    finally:
        for path in (base, *base.iterdir()):
            path.chmod(0o700)
        shutil.rmtree(base)


WINDOWS = """
    import os, stat, sys
    for name in ("getuid", "geteuid", "O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY"):
        delattr(os, name)
    os.supports_dir_fd.clear()
    look, name = os.stat, os.name

    def windows(*given, **keywords):
        status = look(*given, **keywords)
        mode = 0o40777 if stat.S_ISDIR(status.st_mode) else 0o100666
        return os.stat_result((mode, *status[1:4], 0, 0, *status[6:]))

    os.stat = windows
    from parconv.codegen import jit
    from parconv.codegen.kernel_cache import private
    assert not private.HAS_MODES and not private.RELATIVE
"""


@needs_modes
def test_windows_has_no_modes_to_refuse(tmp_path: Path, run_python: RunPython) -> None:
    """os.stat tells 777 of every directory there, and files cannot be opened relative to one."""
    env = {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONWARNINGS": "error"}
    run_python(WINDOWS + TINY, env=env)
    (home,) = tmp_path.iterdir()
    before = stamps(tmp_path)
    assert entry(home) in before
    for path in (home, entry(home)):
        path.chmod(0o777)
    run_python(WINDOWS + TINY, env=env)
    assert stamps(tmp_path) == before


def test_windows_replaces_no_file_that_is_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is there is as good."""
    monkeypatch.setattr(private, "HAS_MODES", False)
    monkeypatch.setattr(private, "RELATIVE", False)

    def busy(*_: Any, **__: Any) -> None:
        raise PermissionError("another process reads it")

    made()
    path = entry(home)
    monkeypatch.setattr(os, "replace", busy)
    with private.opened(home) as directory:
        directory.write(path.name, b"newer")
        with pytest.raises(PermissionError):
            directory.write("another", b"newer")
    assert entry(home) == path
    assert is_loaded(made())


# --- sources -------------------------------------------------------------------------------------

SOURCES = (
    "codegen/simd.py", "codegen/borders.py", "codegen/jit.py", "problem/borders.py",
    "runtime/crew/code.py", "methods/direct/kernel.py", "methods/direct/__init__.py",
)  # fmt: skip
STAMP = "from parconv.codegen import jit; print(jit.__file__, jit.source_hash())"
EDITS = """
from pathlib import Path
from parconv.codegen import jit

package, seen = Path(jit.__file__).parents[1], [jit.source_hash()]
for name in sys.argv[1:]:
    jit.source_hash.cache_clear()
    assert jit.source_hash() == seen[-1]
    path = package / name
    path.write_text(path.read_text(encoding="utf-8") + "# edited", encoding="utf-8")
    jit.source_hash.cache_clear()
    seen.append(jit.source_hash())
print(*seen)
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the sources."""
    ignored = shutil.ignore_patterns("__pycache__")
    copy = shutil.copytree(Path(parconv.__file__).parent, tmp_path / "copy/parconv", ignore=ignored)
    return Path(copy)


def run_copy(run_python: RunPython, where: Path, source: str, *given: str, **env: str) -> str:
    before = f"import sys; sys.path.insert(0, {str(where)!r})\n"
    return run_python(before + source, *given, env={"PYTHONPATH": None, **env}).stdout


def stamp(run_python: RunPython, where: Path) -> str:
    file, found = run_copy(run_python, where, STAMP).split()
    assert file.startswith(str(where))
    return found


def test_an_edited_source_is_another_cache(package: Path, run_python: RunPython) -> None:
    """Every file that compiled code is made of; a stale kernel is impossible."""
    seen = run_copy(run_python, package.parent, EDITS, *SOURCES).split()
    assert seen[0] == jit.source_hash()
    assert len(set(seen)) == len(SOURCES) + 1, "an edit went unnoticed"


def test_an_archive_has_the_same_cache(
    package: Path, filled: Path, tmp_path: Path, run_python: RunPython
) -> None:
    """As Spark and zipapp import it."""
    archive = tmp_path / "package.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in package.rglob("*"):
            file.write(path, path.relative_to(package.parent))
    before = stamps(filled)
    source = "import textwrap; exec(textwrap.dedent({!r}))\nprint(parconv.__file__)"
    env = {"NUMBA_CACHE_DIR": str(filled), "PYTHONWARNINGS": "error"}
    assert "package.zip" in run_copy(run_python, archive, source.format(BOTH), **env)
    assert stamps(filled) == before


def test_without_sources_compiled_files_are_hashed(package: Path, run_python: RunPython) -> None:
    assert compile_dir(package, quiet=1, legacy=True)
    for path in package.rglob("*.py"):
        path.unlink()
    found = stamp(run_python, package.parent)
    assert len(found) == 16
    assert found != jit.source_hash()
    assert run_copy(run_python, package.parent, TINY.replace("\n    ", "\n")) == ""


def test_without_files_the_version_stands_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_: str) -> None:
        raise NotImplementedError("a frozen application")

    whole = jit.source_hash()
    monkeypatch.setattr(places.resources, "files", nothing)
    try:
        places.source_hash.cache_clear()
        found = places.source_hash()
        assert len(found) == 16
        assert found != whole
    finally:
        places.source_hash.cache_clear()


# --- addresses -----------------------------------------------------------------------------------


def test_a_layout_with_an_address_outlives_all_caches() -> None:
    """What it points to belongs to the process."""
    f = np.random.default_rng(3).standard_normal((30, 40)).astype(np.float32)
    g = np.random.default_rng(4).standard_normal((3, 3, 3)).astype(np.float32)
    plan = parconv.plan2d(f, g, method="planes")
    before = plan(f)
    direct.kernels.cache_clear()
    planes.kernels.cache_clear()
    gc.collect()
    address = planes.layout(plan.problem)[planes.L.address]
    np.testing.assert_array_equal(plan(f), before)
    planes.layout.cache_clear()
    assert planes.layout(plan.problem)[planes.L.address] == address
    np.testing.assert_array_equal(parconv.plan2d(f, g, method="planes")(f), before)


# --- the command line ----------------------------------------------------------------------------


def shown(*arguments: str) -> str:
    done = CliRunner().invoke(cli.app, arguments)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("command", ["info", "clear"])
def test_help_shows_an_example(command: str) -> None:
    assert command in shown("cache")
    assert f"Example: parconv cache {command}" in shown("cache", command, "--help")


def test_the_command_tells_and_clears(home: Path) -> None:
    assert shown("cache", "info") == f"{home}: 0 entries, 0.0 MiB\n"
    assert shown("cache", "clear") == "removed 0 entries, 0.0 MiB\n"
    assert not home.exists()
    made()
    old, foreign = home.parent / f"parconv-{'0' * 16}", home.parent / "parconv-of-others"
    for path in (
        old / "kernel-157.py311.1.nbc",
        old / "kernel-157.py311.nbi",
        foreign / "a.kernel",
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"from an earlier version")
    (home / "0123456789abcdef.tmp").write_bytes(b"of a process that was killed")
    (home / "notes.txt").write_text("of the user's")
    told = shown("cache", "info")
    assert f"{home}: 2 entries, 0.0 MiB\n" in told
    assert "stale, of 1 other state of the source: 2 entries, 0.0 MiB" in told
    assert "others" not in told
    assert shown("cache", "clear") == "removed 4 entries, 0.0 MiB\n"
    left = {home, home / "notes.txt", foreign, foreign / "a.kernel"}
    assert {*home.parent.rglob("*")} == left
    assert not is_loaded(made())


@needs_modes
def test_the_command_tells_why_nothing_is_kept(home: Path) -> None:
    plant(home)
    home.parent.chmod(0o777)
    told = shown("cache", "info")
    assert f"kernels cannot be kept: others may write {home.parent}, whose mode is 777" in told
    assert "set NUMBA_CACHE_DIR" in told
    shutil.rmtree(home)
    assert "kernels cannot be kept: others may write" in shown("cache", "info")


def test_the_command_tells_that_there_is_no_place(move: Callable[[str], None]) -> None:
    move("~/cache")
    told = shown("cache", "info")
    assert told.startswith("kernels cannot be kept: NUMBA_CACHE_DIR is '~/cache'")
    assert survey.survey().own is None
    assert cli.main(["cache", "clear"]) == 2


TERMINAL = """
    import os, sys
    import numba
    from parconv.codegen import jit
    from parconv.runtime.crew import floats

    floats.current()
    with floats.like(0):
        pass
"""


@needs_modes
def test_a_terminal_is_told_once_what_takes_so_long(tmp_path: Path, run_python: RunPython) -> None:
    """Where something is compiled; a file is not told at all."""
    import pty

    ours, theirs = pty.openpty()
    source = f"    import os\n    os.dup2({theirs}, 2)\n{TERMINAL}"
    path = os.pathsep.join(sys.path)
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": path}
    lines = []
    for _ in range(2):
        command = [sys.executable, "-c", f"if 1:\n{source}"]
        subprocess.run(command, env=env, pass_fds=[theirs], check=True)
        os.write(theirs, b"end\n")
        told = b""
        while b"end\r\n" not in told:
            told += os.read(ours, 999)
        lines.append(told.decode().splitlines())
    assert [len(told) for told in lines] == [2, 1]
    assert "`parconv warmup`" in lines[0][0]
    assert run_python(TERMINAL, env={"NUMBA_CACHE_DIR": str(tmp_path / "cold")}).stderr == ""


# --- ahead ---------------------------------------------------------------------------------------


def test_warmup_names_what_is_wrong() -> None:
    for wrong in ("float31", ["float32", "U3"], [object]):
        with pytest.raises(TypeError, match="dtypes"):
            parconv.warmup(wrong)


def test_after_a_warmup_usual_calls_compile_nothing() -> None:
    """Of other sizes and filters than its own."""
    told: list[str] = []
    found = parconv.warmup("float32", progress=lambda name, _: told.append(name))
    assert [*found] == told == [*dict.fromkeys(told)]
    assert {"float32, gaussian", "float32, 1 x 1 layer"} <= {*found}
    assert all(seconds > 0 for seconds in found.values())
    before = {*jit._made}
    rng = np.random.default_rng(5)
    for shape in ((33, 65), (1500, 1800)):
        f = rng.standard_normal(shape, np.float32)
        for size in (5, 7, 41):
            parconv.conv2d(f, rng.standard_normal((size, size)), mode="same", boundary="edge")
        parconv.gaussian(f, 1.2)
        parconv.box(f, 9)
        parconv.sobel(f, axis=1)
        parconv.laplace(f)
        parconv.prewitt(f, axis=0)
    for taps in ((128, 32, 3, 3), (128, 32, 1, 1)):
        g = rng.standard_normal(taps, np.float32)
        parconv.correlate2d(rng.standard_normal((2, 32, 28, 28), np.float32), g)
        parconv.correlate2d(rng.standard_normal((2, 28, 28, 32), np.float32), g, axes=(1, 2))
    assert {*jit._made} == before


def test_the_command_warms_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def warmup(dtypes: list[str], layers: bool, progress: Any) -> dict[str, float]:
        assert (dtypes, layers) == (["uint8", "float32"], False)
        progress("uint8, box", 1.5)
        return {"uint8, box": 1.5, "float32, box": 2.25}

    with monkeypatch.context() as patched:
        patched.setattr(parconv, "warmup", warmup, raising=False)
        told = shown("warmup", "--dtypes", "uint8,float32", "--no-layers")
    assert told == "  1.50 s  uint8, box\n  3.75 s in all\n"
    assert cli.main(["warmup", "--dtypes", "float31"]) == 2
    assert "dtypes='float31'" in capsys.readouterr().err
