"""Distrusts stores past the caches, made where a vector fills a line: here all vectors say so."""

from pathlib import Path

import pytest
from conftest import RunPython

from parconv.codegen import machine

TESTS = Path(__file__).parent
RUN = """
    import sys
    import pytest
    from parconv.codegen import machine
    machine.FILLS_LINES = True
    sys.exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""
# Of every kernel that stores so, the tests at any alignment.
STREAMED = (
    "test_windows.py::test_streamed",
    "test_depthwise_last.py::test_streamed_and_fetched_ahead",
)


@pytest.mark.skipif(machine.FILLS_LINES, reason="a vector fills a line here, in all other tests")
def test_every_result_is_stored(run_python: RunPython, tmp_path: Path) -> None:
    """Bytes between the first vector and the first aligned line were left as they were."""
    tests = [TESTS / name for name in STREAMED]
    done = run_python(RUN, *tests, env={"NUMBA_CACHE_DIR": str(tmp_path)}, timeout=500)
    assert " passed" in done.stdout
    assert any(tmp_path.rglob("*.kernel")), "compiled elsewhere"
