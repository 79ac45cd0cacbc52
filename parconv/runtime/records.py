"""Small JSON files that hold what was measured on this machine, for later processes.

A file carries the fingerprint of the machine that wrote it; read on any other, after an update of
the compiler, or damaged, it counts as absent.  Knows nothing of what the files tell.
"""

import contextlib
import ctypes
import hashlib
import json
import math
import os
import platform
import stat
import sys
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba

from ..codegen import kernel_cache, machine
from .replacing import replacing
from .telling import log

Record = dict[str, Any]

MOST_BYTES = 1 << 20  # the ceilings of 128 threads take 100 kB

# The largest spread, `parconv.experiments.steadiness`, under which a measurement is believed.
STEADY = 0.25


@cache
def fingerprint() -> dict[str, str]:
    """What a measurement depends on: processor, cores, vectors, compiler."""
    return {
        "cpu": _cpu_name(),
        "target": machine.target(),
        "vector_bits": str(8 * machine.VECTOR_BYTES),
        "cores": str(os.cpu_count()),
        "numba": numba.__version__,
        "llvm": ".".join(map(str, llvm.llvm_version_info)),
    }


_CPUINFO = Path("/proc/cpuinfo")
_BRAND = b"machdep.cpu.brand_string"
# What ARM's Linux tells in place of a name, for each core: cores may differ.
_ARM = ("CPU implementer", "CPU variant", "CPU part", "CPU revision")


def _cpu_name() -> str:
    plain = platform.processor() or platform.machine()
    return _from_cpuinfo() or (_brand() if sys.platform == "darwin" else "") or plain


def _from_cpuinfo() -> str:
    """Empty where there is none."""
    facts: dict[str, dict[str, None]] = {}  # the values of each name, in order
    with contextlib.suppress(OSError), _CPUINFO.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            name, _, value = (part.strip() for part in line.partition(":"))
            facts.setdefault(name, {})[value] = None
    if "model name" in facts:
        return next(iter(facts["model name"]))
    return ", ".join(f"{name} {' '.join(facts[name])}" for name in _ARM if name in facts)


def _brand() -> str:
    """Of a Mac, such as Apple M4; empty where the system does not tell."""
    text, size = ctypes.create_string_buffer(256), ctypes.c_size_t(256)
    with contextlib.suppress(OSError, AttributeError):
        system = ctypes.CDLL(None)
        if system.sysctlbyname(_BRAND, text, ctypes.byref(size), None, ctypes.c_size_t(0)) == 0:
            return text.value.decode(errors="replace")
    return ""


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
    """Of a regular file of some size: a pipe would keep the caller waiting, a device never ends."""
    with open(path, "rb", opener=_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is no file")
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path} has more than {MOST_BYTES} bytes")
    return content


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def is_steady(record: Record) -> bool:
    """Whether it says that what it holds was measured on a quiet machine, or taken all the same."""
    found, most = record.get("spread"), math.inf if record.get("forced") is True else STEADY
    return isinstance(found, float) and 0 <= found <= most


def write(path: Path, record: Record) -> None:
    """Replace the record at once: a reader sees the old one or the new one, whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = json.dumps({"fingerprint": fingerprint(), **record}, indent=1)
    with replacing(path) as file:
        file.write(content.encode())
    log.info("recorded %s", path)
