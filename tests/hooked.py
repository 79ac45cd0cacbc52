"""A plugin of pytest's: a peer's own tests with our functions in the peer's place, counted.

``PARCONV_HOOK`` names the peer, ``PARCONV_HOOK_LOG`` a file for the counts: of calls by name.
"""

import collections
import functools
import importlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parconv import compat
from parconv.compat.patching import PEERS

counts: collections.Counter[str] = collections.Counter()


def _counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any, **words: Any) -> Any:
        counts[name] += 1
        return function(*arguments, **words)

    return call


def pytest_configure() -> None:
    """Before any test module is imported."""
    peer = os.environ["PARCONV_HOOK"]
    ours = importlib.import_module(f"parconv.compat.{PEERS[peer]}")
    theirs, known = importlib.import_module(peer), _arrays_known()
    for name in ours.__all__:
        value = getattr(ours, name)
        if callable(value) and not isinstance(value, type):
            setattr(ours, name, _counted(name, value))
            original = getattr(theirs, name, None)
            if original in known:
                known[getattr(ours, name)] = known[original]
    compat.install(peer)


def _arrays_known() -> dict[Any, Any]:
    """SciPy's table of which arrays each function takes, by which its tests are made."""
    table: dict[Any, Any] = importlib.import_module("scipy._lib._array_api").xp_capabilities_table
    return table


def pytest_sessionfinish(session: pytest.Session) -> None:
    log = {"calls": dict(counts), "tests": session.testscollected, "failed": session.testsfailed}
    Path(os.environ["PARCONV_HOOK_LOG"]).write_text(json.dumps(log), encoding="utf-8")
