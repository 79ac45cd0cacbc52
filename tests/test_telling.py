"""Distrusts the log: every call told once, in words that are true, and nothing at all unasked."""

import re
from pathlib import Path

import pytest
from conftest import RunPython, soak

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
        "v = rng.random((5, 6, 7)); taps = rng.random((2, 2, 2))\n"
        "parconv.conv2d(v, taps, axes=(0, 1, 2), threads=1)",
        [
            "conv2d 5x6x7 float64 * 2x2x2 along axes 0, 1, 2 -> float64, valid, constant: "
            "planes, 1 thread"
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


@pytest.mark.parametrize("names", [[*CALLS], *soak(*([name] for name in CALLS))], ids=" ".join)
def test_each_call_is_one_line(run_python: RunPython, names: list[str]) -> None:
    """In one process after another's lines, which begin with its name; in one of its own."""
    source = BEGIN + "import sys\n" + "\n".join(
        f"print({name!r}, file=sys.stderr)\n{CALLS[name][0]}" for name in names
    )  # fmt: skip
    told = run_python(source, env={"PARCONV_VERBOSE": "1"}).stderr.splitlines()
    found = [line for line in told if not line.startswith("parconv: compiled ")]
    calls = [LINE.fullmatch(line) for line in found]
    said = [call["told"] if call else line for call, line in zip(calls, found, strict=True)]
    assert said == [line for name in names for line in (name, *CALLS[name][1])]
    assert all(0 < float(call["ms"]) < 600_000 for call in calls if call)


@pytest.mark.parametrize("value", ["", *soak(None, "0")])
def test_nothing_is_said_unasked(run_python: RunPython, value: str | None) -> None:
    source = f"{BEGIN}for _ in range(3): parconv.conv2d(f, g)\nparconv.box(f, 3)"
    assert run_python(source, env={"PARCONV_VERBOSE": value}).stderr == ""


def test_unasked_nothing_stands_between(run_python: RunPython) -> None:
    """The functions are themselves, compiled code answers what was asked before; the same bits."""
    source = """
from parconv import api
from parconv.problem.filter import calls
for _ in range(4): parconv.conv2d(f, g)
print(hasattr(api.run, "__wrapped__"), len(calls))
for _ in range(3): r = parconv.gaussian(f, 1.5)
print(r.tobytes().hex())"""
    quiet, told = (
        run_python(BEGIN + source, env={"PARCONV_VERBOSE": it}).stdout.split() for it in ("0", "1")
    )
    assert quiet[:2] == ["False", "1"]
    assert told[:2] == ["True", "0"]
    assert quiet[2] == told[2] != ""


def test_the_log_has_calls_and_events(run_python: RunPython, tmp_path: Path) -> None:
    """As a program's own logging has them, with their levels."""
    source = """
import logging, sys
form = "%(levelname)s|%(name)s|%(message)s"
logging.basicConfig(level=logging.DEBUG, format=form, stream=sys.stdout)
for other in ("numba", "asyncio"): logging.getLogger(other).setLevel(logging.ERROR)
"""
    cold = f"""
from numba.core import config
from parconv.codegen.kernel_cache import places
from parconv.runtime.crew import floats
usual, config.CACHE_DIR = config.CACHE_DIR, {str(tmp_path)!r}
places.base.cache_clear()
floats.current()
config.CACHE_DIR = usual
places.base.cache_clear()
"""
    lines = run_python(f"{source}{cold}{BEGIN}parconv.conv2d(f, g)").stdout.splitlines()
    compiled, call = lines[0].split("|"), lines[-1].split("|")
    assert compiled[:2] == ["INFO", "parconv"]
    assert re.fullmatch(
        rf"compiled parconv\.runtime\.crew\.floats\.\w+ in \d+\.\d\d s, kept in {tmp_path}/.+",
        compiled[2],
    )
    assert call[:2] == ["DEBUG", "parconv"]
    assert call[2].startswith("conv2d 40x50 float32 * 3x3 -> float32, valid, constant: direct")
