"""Distrusts the log: every call told once, in words that are true, and nothing at all unasked."""

import re
from pathlib import Path

import pytest
from conftest import RunPython

LINE = re.compile(r"parconv: (?P<told>.+): (?P<ms>\d+\.\d{3}) ms")
BEGIN = """
import numpy as np, parconv
rng = np.random.default_rng(0)
f, g = rng.random((40, 50), np.float32), rng.random((3, 3), np.float32)
"""
ENDS = "direct, serial, 1 band, 1 thread"
VALID = f"conv2d 40x50 float32 * 3x3 -> float32, valid, constant: {ENDS}"
SAME = f"2d 40x50 float32 * 3x3 -> float32, same, symmetric: {ENDS}"
CALLS = {
    "conv2d": ("parconv.conv2d(f, g)", [VALID]),
    "repeated": ("for _ in range(4): parconv.conv2d(f, g)", [VALID] * 4),
    "named": ("parconv.box(f, 3, method='direct')", [f"box: conv{SAME}"]),
    "plan": (
        "plan = parconv.plan2d(f, g); out = plan(f); plan(f, out); plan.bind(f, out)()",
        [f"Plan: {VALID}", f"Plan: {VALID}", f"Bound: {VALID}"],
    ),
    "chain": (
        "a = parconv.plan2d(f, g); b = parconv.plan2d(a, g); parconv.chain(a, b)(f)",
        [f"Chain: {VALID} | {VALID.replace('40x50', '38x48')}"],
    ),
    "stream": (
        "parconv.stream(np.stack([f, f]), g, np.empty((2, 38, 48), 'f4'), threads=1)",
        [
            "stream: conv2d 2x40x50 float32 * 3x3 -> float32, valid, constant: direct, 1 chunk of "
            "2 items"
        ],
    ),
    "volume": (
        "v = rng.random((5, 6, 7)); g = rng.random((2, 2, 2))\n"
        "parconv.conv2d(v, g, axes=(0, 1, 2), threads=1)",
        [
            "conv2d 5x6x7 float64 * 2x2x2 along axes 0, 1, 2 -> float64, valid, constant: "
            "direct, 1 thread"
        ],
    ),
    "transposed": (
        "parconv.conv_transpose2d(f[None], g[None, None], stride=2, threads=1)",
        ["conv_transpose2d: 1x40x50 float32 * 1x1x3x3 float32"],
    ),
    "another library's": (
        "from parconv.compat import ndimage; ndimage.convolve(f, g)",
        [f"convolve: correlate{SAME}"],
    ),
    "refused": (
        "try: parconv.conv2d(f, g, mode='none')\nexcept ValueError: parconv.conv2d(f, g)",
        [VALID],
    ),
}


@pytest.mark.parametrize(("source", "expected"), CALLS.values(), ids=CALLS)
def test_each_call_is_one_line(run_python: RunPython, source: str, expected: list[str]) -> None:
    told = run_python(BEGIN + source, env={"PARCONV_VERBOSE": "1"}).stderr.splitlines()
    calls = [LINE.fullmatch(line) for line in told if not line.startswith("parconv: compiled ")]
    assert [call and call["told"] for call in calls] == expected
    assert all(call and 0 < float(call["ms"]) < 600_000 for call in calls)


@pytest.mark.parametrize("value", [None, "", "0"])
def test_nothing_is_said_unasked(run_python: RunPython, value: str | None) -> None:
    source = f"{BEGIN}for _ in range(3): parconv.conv2d(f, g)\nparconv.box(f, 3)"
    assert run_python(source, env={"PARCONV_VERBOSE": value}).stderr == ""


def test_unasked_nothing_stands_between(run_python: RunPython) -> None:
    """The functions are themselves, and compiled code answers what was asked before."""
    source = """
from parconv import api
from parconv.problem.filter import calls
for _ in range(4): parconv.conv2d(f, g)
print(hasattr(api.run, "__wrapped__"), len(calls))"""
    quiet, told = (run_python(BEGIN + source, env={"PARCONV_VERBOSE": it}) for it in ("0", "1"))
    assert quiet.stdout.split() == ["False", "1"]
    assert told.stdout.split() == ["True", "0"]


def test_the_log_has_calls_and_events(run_python: RunPython, tmp_path: Path) -> None:
    """As a program's own logging has them, with their levels."""
    source = """
import logging, sys
form = "%(levelname)s|%(name)s|%(message)s"
logging.basicConfig(level=logging.DEBUG, format=form, stream=sys.stdout)
for other in ("numba", "asyncio"): logging.getLogger(other).setLevel(logging.ERROR)
"""
    lines = run_python(
        f"{source}{BEGIN}parconv.conv2d(f, g)", env={"NUMBA_CACHE_DIR": str(tmp_path)}
    ).stdout.splitlines()
    compiled, call = lines[0].split("|"), lines[-1].split("|")
    assert compiled[:2] == ["INFO", "parconv"]
    assert re.fullmatch(
        rf"compiled parconv\.methods\.direct\.kernel\.kernel in \d+\.\d\d s, kept in {tmp_path}/.+",
        compiled[2],
    )
    assert call[:2] == ["DEBUG", "parconv"]
    assert call[2].startswith("conv2d 40x50 float32 * 3x3 -> float32, valid, constant: direct")


def test_results_are_the_same_bits(run_python: RunPython) -> None:
    source = f"{BEGIN}for _ in range(3): r = parconv.gaussian(f, 1.5)\nprint(r.tobytes().hex())"
    one, other = (run_python(source, env={"PARCONV_VERBOSE": it}).stdout for it in ("0", "1"))
    assert one == other != ""
