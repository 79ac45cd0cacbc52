"""Distrusts constants: what is decided for three hundred questions is as it was kept.

No test holds whether a cost or the size of a tile is right: results do not depend on it, and
times are measured by the benchmarks.  A number that was changed by mistake would be seen by nobody.
"""

import difflib
import platform

import pytest
from decisions import questions

IS_X86 = platform.machine().lower() in ("x86_64", "amd64")


@pytest.mark.skipif(not IS_X86, reason="LLVM knows no such processor here")
@pytest.mark.parametrize("unit", questions.PROCESSORS)
def test_decisions_are_as_they_were_kept(unit: str) -> None:
    kept = (questions.HERE / f"{unit}.txt").read_text(encoding="utf-8").splitlines()
    now = questions.told(questions.PROCESSORS[unit]).splitlines()
    moved = list(difflib.unified_diff(kept, now, "kept", "now", lineterm="", n=2))
    assert not moved, "\n".join(
        [f"{len(moved)} lines; if they should move: python {questions.__file__}", *moved[:60]]
    )
