"""Runs tests on an emulated ARM processor, as root on Debian or Ubuntu.

``python tests/platforms/aarch64.py ROOT [--cpu cortex-a72] [TEST ...]`` makes in the folder
``ROOT``, where it is not there yet, a Debian for arm64 with the wheels that a user gets (0.9 GB),
and runs pytest in it by qemu-user.  Emulated, the compiler takes a minute for a kernel, so this
machine compiles for it (`compiler`): a first call takes 46 s, so 9 s.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from shutil import which

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
TRIPLE, SUITE, MIRROR = "aarch64-unknown-linux-gnu", "bookworm", "http://deb.debian.org/debian"
DEBS = {"debootstrap": "debootstrap", "qemu-aarch64-static": "qemu-user-static"}
SAME = ("numba", "llvmlite", "numpy")  # versions: what is compiled here is run there
WHEELS = (
    "scipy",
    "joblib",
    "threadpoolctl",
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "hypothesis",
)
TAGS = [f"manylinux_2_{minor}_aarch64" for minor in (28, 27, 17)]
# As qemu calls a processor, and as LLVM calls one that it can be: all that qemu knows has also
# products of bytes and vectors of any length.
CORES = {"cortex-a72": "cortex-a72", "max": "neoverse-v1"}
SOCKET = "run/parconv-compiler"
ENTER = """
mount --bind -o ro "$CHECKOUT" "$ROOT/parconv"
mount -t proc proc "$ROOT/proc"
mount -t tmpfs tmpfs "$ROOT/dev/shm"
exec chroot "$ROOT" /bin/sh -c 'cd /parconv && exec /venv/bin/python "$@"' sh "$@"
"""


def make(root: Path) -> None:
    """The system and its wheels; nothing where they are there."""
    _install()
    if not (root / "venv/bin/pytest").exists():
        words = ("--arch=arm64", "--variant=minbase", "--include=python3-venv,libgomp1")
        _run("debootstrap", *words, SUITE, str(root), MIRROR)
        for folder in ("parconv", "wheels", "dev/shm"):
            (root / folder).mkdir(exist_ok=True)
        _fetch(root / "wheels", _python(root))
        _run("chroot", str(root), "python3", "-m", "venv", "/venv")
        words = ("--no-index", "--find-links", "/wheels", *SAME, *WHEELS)
        _run("chroot", str(root), "/venv/bin/pip", "install", "--quiet", *words)


def _install() -> None:
    missing = [deb for program, deb in DEBS.items() if which(program) is None]
    if missing:
        _run("apt-get", "update", "--quiet")
        _run("apt-get", "install", "--yes", "--no-install-recommends", *missing, "binfmt-support")
    kernel = Path("/proc/sys/fs/binfmt_misc")
    if not (kernel / "status").exists():
        _run("mount", "-t", "binfmt_misc", "binfmt_misc", str(kernel))
    if not (kernel / "qemu-aarch64").exists():
        _run("update-binfmts", "--enable", "qemu-aarch64")


def _python(root: Path) -> str:
    """Its version there."""
    source = "import sys; print(*sys.version_info[:2], sep='.')"
    command = ["chroot", str(root), "python3", "-c", source]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _fetch(folder: Path, python: str) -> None:
    """By this machine's pip, which knows the way to the index."""
    platforms = [f"--platform={tag}" for tag in TAGS]
    pinned = [f"{name}=={metadata.version(name)}" for name in SAME]
    words = ("--only-binary=:all:", f"--python-version={python}", *platforms, f"--dest={folder}")
    _run(sys.executable, "-m", "pip", "download", "--quiet", *words, *pinned, *WHEELS)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


@contextmanager
def compiling(root: Path, core: str) -> Iterator[None]:
    """Kernels for that processor are compiled here while this lasts."""
    socket = root / SOCKET
    socket.unlink(missing_ok=True)
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT), **_named(core)}
    command = [sys.executable, str(HERE / "compiler.py"), TRIPLE, str(socket)]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", "the compiler did not start"
            yield
        finally:
            process.terminate()


def _named(core: str) -> dict[str, str]:
    return {"NUMBA_CPU_NAME": core, "NUMBA_CPU_FEATURES": ""}


def emulated(root: Path, cpu: str, *arguments: str) -> tuple[int, list[str]]:
    """Status and lines of Python in the emulator, each shown too; mounts are its own alone."""
    env = {
        "PATH": "/venv/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "QEMU_CPU": cpu,
        "ROOT": str(root), "CHECKOUT": str(CHECKOUT), "PARCONV_COMPILER": f"/{SOCKET}",
        "NUMBA_CACHE_DIR": "/kernels", "PYTHONDONTWRITEBYTECODE": "1",
        "HYPOTHESIS_STORAGE_DIRECTORY": "/tmp",
        "PYTHONPATH": "/parconv/tests/platforms", **_named(CORES[cpu]),
    }  # fmt: skip
    command = ["unshare", "--mount", "/bin/sh", "-e", "-c", ENTER, "sh", *arguments]
    lines = []
    with subprocess.Popen(command, env=env, text=True, stdout=subprocess.PIPE) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    return process.returncode, lines


def tested(root: Path, cpu: str, tests: Sequence[str]) -> tuple[int, list[str]]:
    """What pytest says of tests, named as seen from the checkout; kernels are compiled here."""
    words = ("-m", "pytest", "-p", "served", "-p", "no:cacheprovider", "-v", "--timeout=1800")
    with compiling(root, CORES[cpu]):
        return emulated(root, cpu, *words, *tests)


def main() -> int:
    """Make what is missing, and test."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("root", type=Path, help="folder of the emulated system")
    parser.add_argument("--cpu", choices=CORES, default="cortex-a72")
    parser.add_argument("tests", nargs="*", default=["tests/test_methods.py"])
    asked = parser.parse_intermixed_args()  # tests may stand behind --cpu
    make(asked.root.resolve())
    return tested(asked.root.resolve(), asked.cpu, asked.tests)[0]


if __name__ == "__main__":
    sys.exit(main())
