"""A plugin of pytest's: a peer's own tests with our functions in the peer's place, counted.

``PARCONV_HOOK`` names the peer, ``PARCONV_HOOK_LOG`` a file for the counts: of calls by name.
`run` does it all in a process of its own; ``PARCONV_PEERS`` may name a folder with releases
that bring their tests along.
"""

import collections
import functools
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from parconv import compat
from parconv.compat.patching import PEERS

TESTS = Path(__file__).parent
counts: collections.Counter[str] = collections.Counter()


class Suite(NamedTuple):
    """Tests of a peer's: files, which of them, the fewest calls of ours, and what may fail."""

    peer: str
    file: str  # or several with spaces between
    which: str
    calls: int
    expected: dict[str, str]  # by a part of the test's name: whose fault it is, and why


def run(suite: Suite, folder: Path) -> dict[str, Any]:
    """With our functions in the peer's module before the tests import them; what was counted."""
    log = folder / "log.json"
    path = os.pathsep.join([str(TESTS.parent), str(TESTS), os.environ.get("PARCONV_PEERS", "")])
    environment = {
        **os.environ, "PYTHONPATH": path, "PARCONV_HOOK": suite.peer, "PARCONV_HOOK_LOG": str(log),
    }  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-q", "-p", "hooked", "-p", "no:cacheprovider",
               "--pyargs", *suite.file.split(), "-k", suite.which, "--tb=line", "-rf"]  # fmt: skip
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    if "module or package not found" in done.stdout + done.stderr:
        pytest.skip(f"this {suite.peer} has no tests: PARCONV_PEERS may name a folder with one")
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    strange = [line for line in failed if not any(name in line for name in suite.expected)]
    assert not strange, "\n".join(strange) + done.stdout[-3000:]
    found: dict[str, Any] = json.loads(log.read_text(encoding="utf-8"))
    assert found["tests"] > 10, done.stdout + done.stderr
    assert sum(found["calls"].values()) >= suite.calls, found
    return found


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


def _fallbacks() -> dict[str, int]:
    """How often the peer answered itself, by what was asked."""
    ours = importlib.import_module(f"parconv.compat.{PEERS[os.environ['PARCONV_HOOK']]}")
    return dict(getattr(ours, "fallbacks", {}))


def pytest_sessionfinish(session: pytest.Session) -> None:
    log = {
        "calls": dict(counts),
        "fallbacks": _fallbacks(),
        "tests": session.testscollected,
        "failed": session.testsfailed,
    }
    Path(os.environ["PARCONV_HOOK_LOG"]).write_text(json.dumps(log), encoding="utf-8")
