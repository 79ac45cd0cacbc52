"""Processes that run these experiments on this very parconv, installed or not."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def environment() -> dict[str, str]:
    """Variables with which a process finds the parconv of this one."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def command(module: str, order: Any) -> list[str]:
    """A module, run with an order for its only argument, as JSON."""
    return [sys.executable, "-P", "-m", module, json.dumps(order)]


def run(
    module: str,
    order: Any,
    variables: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> "subprocess.CompletedProcess[str]":
    """The module's process at its end, with what it printed."""
    return subprocess.run(
        command(module, order), env={**environment(), **(variables or {})}, capture_output=True,
        text=True, timeout=timeout, check=False,
    )  # fmt: skip


def finish(name: str, command: Sequence[str], variables: Mapping[str, str] | None = None) -> None:
    """Run a command whose output nobody wants; ChildProcessError where it fails."""
    done = subprocess.run(
        command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        errors="replace", check=False,
    )  # fmt: skip
    check_status(name, done.returncode, done.stderr)


def check_status(name: str, status: int, errors: str) -> None:
    """Raise ChildProcessError with the last line of its messages unless a process succeeded."""
    if status:
        last = (errors.strip().splitlines() or ["it said nothing"])[-1]
        raise ChildProcessError(f"{name} ended with status {status}: {last}")
