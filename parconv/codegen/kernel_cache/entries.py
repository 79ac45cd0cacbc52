"""An entry of the cache: one file, named by its key, which holds the key and a checksum of all.

There is no index, so processes that start at once have nothing to disagree about: of those that
compile the same the last one's file stays.  LLVM aborts the process on a flipped bit, so nothing
is handed to it before the checksum was right and the key the asked one.

JSON and machine code, no pickle: reading an entry runs nothing.
"""

import hashlib
import json
import linecache
import sys
from collections.abc import Sequence
from types import CodeType
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import config

from .places import source_hash

FORMAT = 1
SUFFIX = ".kernel"
_CHECKSUM, _LENGTH = 32, 8  # bytes
_SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "DEBUGINFO_DEFAULT")

Facts = dict[str, Any]


def key(function: Any, signature: Sequence[Any], options: dict[str, Any], target: Any) -> str:
    """All that the machine code depends on, as text."""
    versions = numba.__version__, llvmlite.__version__, np.__version__, sys.version
    return json.dumps(
        {
            "format": FORMAT,
            "function": [function.__module__, function.__qualname__],
            "code": [function.__code__.co_firstlineno, _digest(function.__code__)],
            "source": [source_hash(), _file(function)],
            "signature": [str(kind) for kind in signature],
            "options": sorted(options.items()),
            "settings": [str(getattr(config, name, None)) for name in _SETTINGS],
            "target": target.codegen().magic_tuple(),
            "versions": [*versions, getattr(sys, "abiflags", "")],
        }
    )


def _file(function: Any) -> str:
    """Hash of the file it stands in, which may define what it calls: not all are hashed anyway."""
    lines = linecache.getlines(function.__code__.co_filename, function.__globals__)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _digest(code: CodeType) -> str:
    """Of the function's own code, which may stand in no file."""
    parts = [code.co_code.hex(), *code.co_names, *code.co_varnames]
    parts += [_digest(it) if isinstance(it, CodeType) else repr(it) for it in code.co_consts]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def name(key: str) -> str:
    """Of the file."""
    return hashlib.sha256(key.encode()).hexdigest()[:40] + SUFFIX


def pack(key: str, facts: Facts, parts: Sequence[bytes]) -> bytes:
    """The content of the file."""
    head = json.dumps({"key": key, "sizes": [*map(len, parts)], "facts": facts}).encode()
    content = b"".join([len(head).to_bytes(_LENGTH, "little"), head, *parts])
    return hashlib.sha256(content).digest() + content


def unpack(raw: bytes, key: str) -> tuple[Facts, list[bytes]]:
    """What was packed under that key; ValueError where it is damaged or another's."""
    content = raw[_CHECKSUM:]
    if hashlib.sha256(content).digest() != raw[:_CHECKSUM]:
        raise ValueError("damaged")
    start = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    head = json.loads(content[_LENGTH:start])
    if head["key"] != key:
        raise ValueError("the entry of another key")
    parts = []
    for size in head["sizes"]:
        parts.append(content[start : start + size])
        start += size
    return head["facts"], parts
