"""Small JSON files that hold what was measured on this machine, for later processes.

A file carries the fingerprint of the machine that wrote it; read on any other, after an update of
the compiler, or damaged, it counts as absent.  Knows nothing of what the files tell.
"""

import contextlib
import hashlib
import json
import os
import platform
import stat
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core import config

from . import kernel_cache, machine

Record = dict[str, Any]


@cache
def fingerprint() -> dict[str, str]:
    """What a measurement depends on: processor, cores, vectors, compiler."""
    return {
        "cpu": _cpu_name(),
        "target": config.CPU_NAME or llvm.get_host_cpu_name(),
        "vector_bits": str(8 * machine.VECTOR_BYTES),
        "cores": str(os.cpu_count()),
        "numba": numba.__version__,
        "llvm": ".".join(map(str, llvm.llvm_version_info)),
    }


def _cpu_name() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def home() -> Path:
    """The user's own directory of records; it need not exist."""
    try:
        return kernel_cache.user_directory() / "records"
    except OSError:
        return Path(os.devnull, "records")  # where nothing is and nothing can be made


def digest(text: str) -> str:
    """A short name for any text."""
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def local(directory: Path) -> Path:
    """The part of a directory of records that belongs to this machine's fingerprint."""
    return directory / digest(json.dumps(fingerprint(), sort_keys=True))


def read(path: Path) -> Record | None:
    """The record, or None where there is none of this machine."""
    try:
        record = json.loads(_content(path))
    except (OSError, ValueError, RecursionError):
        return None
    mine = isinstance(record, dict) and record.get("fingerprint") == fingerprint()
    return record if mine else None


def _content(path: Path) -> bytes:
    """Of a file, and of nothing that somebody would have to write to first, such as a pipe."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{path} is no file")
        return file.read()


def write(path: Path, record: Record) -> None:
    """Replace the record at once: a reader sees the old one or the new one, whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = json.dumps({"fingerprint": fingerprint(), **record}, indent=1)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
