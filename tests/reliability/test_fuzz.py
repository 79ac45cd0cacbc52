"""Distrusts files and texts: thousands of damaged ones, each read or refused with a word."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import fuzz
import pytest

SECONDS = int(os.environ.get("PARCONV_FUZZ_SECONDS", "120"))


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "FOLDER", tmp_path / "fuzz")
    fuzz._left.cache_clear()
    monkeypatch.setenv("PARCONV_WISDOM", "off")


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_mutations(name: str) -> None:
    amount = 30 if name == "journal" else 120
    tried, taken = fuzz.blindly(name, amount)
    assert tried == amount
    if name == "journal":  # what it says is checked, and no reason to refuse
        assert taken == tried
    else:
        assert taken < tried, "no mutation was refused: the target does not look"


@pytest.mark.soak
@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_for_long(name: str, ledger: Any) -> None:
    """As many as there is time for, led by the lines they reach where atheris is installed."""
    told = subprocess.run(
        [sys.executable, fuzz.__file__, name, str(SECONDS)], capture_output=True, text=True
    )
    output = told.stdout + told.stderr
    assert told.returncode == 0, output[-3000:]
    count = re.search(r"number_of_executed_units: (\d+)|^(\d+)$", output, re.MULTILINE)
    assert count, output[-3000:]
    tried = int(count[1] or count[2])
    assert tried > 100
    ledger("fuzz", f"{name} {tried:,} in {SECONDS} s", name)
