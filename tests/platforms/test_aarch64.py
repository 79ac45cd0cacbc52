"""Distrusts the kernels of ARM processors: compiled here, run in an emulator, asked as all are."""

import os
import re
import sys
from pathlib import Path
from typing import Any

import aarch64
import pytest
from test_vectors import BYTES, MORE_BYTES, SELECTION, of_dot

ROOT = os.environ.get("PARCONV_AARCH64")
WHOLE = ("test_methods.py", "test_identity.py", "test_isa.py", "reliability/test_drawn.py")
REST = tuple(name for name in SELECTION if not name.startswith(WHOLE))
# What every method promises in all types, what each instruction does, and questions drawn; on the
# processor that multiplies bytes all of those, and of other methods what needs few kernels.
FEW = (
    "test_methods.py::test_filters_of_every_shape",
    *(name for name in REST if name.endswith(("vector_unit", "test_widths", "edges_of_tiles"))),
)  # fmt: skip
ROWS = {"cortex-a72": "aarch64", "max": "aarch64 bytes"}
TESTS = {
    "cortex-a72": (*WHOLE, *REST, *of_dot("test_reasons")),
    "max": ("test_isa.py", *of_dot(*BYTES, *MORE_BYTES), *FEW),
}


@pytest.mark.soak
@pytest.mark.skipif(ROOT is None, reason="PARCONV_AARCH64 names no folder for a Debian of 0.9 GB")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Debian is installed by Linux")
@pytest.mark.timeout(10_000)
@pytest.mark.parametrize("cpu", TESTS)
def test_the_contract(cpu: str, ledger: Any) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root enters another system")
    root = Path(ROOT or "").resolve()
    aarch64.make(root)
    status, lines = aarch64.tested(root, cpu, [f"tests/{name}" for name in TESTS[cpu]])
    passed = re.search(r"(\d+) passed", lines[-1])
    assert status == 0, "\n".join(lines[-200:])
    assert passed is not None, lines[-1]
    ledger(ROWS[cpu], f"{cpu}: {int(passed[1]):,} passed")
