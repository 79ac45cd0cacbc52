"""Distrusts beginnings: processes that find no kernels, and all compile them at once."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import soak

SCRIPT = """
import hashlib, numpy as np, parconv
f = np.arange(6000.0).reshape(60, 100)
told = hashlib.sha256()
for dtype in ("float32", "uint8"):
    g = np.array([[1, 2, 3], [4, 5, 7], [1, 1, 2]], dtype)
    told.update(parconv.conv2d((f % 13).astype(dtype), g, threads=1).tobytes())
print(told.hexdigest())
"""


@pytest.mark.parametrize(("processes", "rounds"), soak((16, 20)))
def test_all_at_once(processes: int, rounds: int, tmp_path: Path, ledger: Any) -> None:
    """All right, whoever writes and whoever reads; and so is the next one."""
    right = None
    for number in range(rounds):
        env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / str(number))}
        words = [sys.executable, "-c", SCRIPT]
        started = [
            subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(processes)
        ]
        told = [process.communicate(timeout=600) for process in started]
        told.append((subprocess.run(words, env=env, capture_output=True, check=True).stdout, b""))
        assert not any(error for _, error in told), told
        right = right or told[0][0]
        assert {output for output, _ in told} == {right}
    ledger("cold", f"{processes} x {rounds}, 0 wrong")
