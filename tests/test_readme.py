"""The README: its examples run, and what it tells to type is what CI types."""

import re
from pathlib import Path

import numpy as np

import parconv

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.M | re.S)


def test_the_examples_run(capsys):
    """One after the other, in one session."""
    names = {}
    for code in _blocks("python"):
        exec(compile(code, "README.md", "exec"), names)
    assert "direct" in capsys.readouterr().out
    assert names["smooth"].shape == names["f"].shape
    assert names["smooth"].dtype == np.float32
    assert names["exact"].dtype == np.int64
    assert names["out"].tobytes() == names["smooth"].tobytes()
    assert names["slope"].dtype == np.int64
    assert names["blurred"].shape == names["photo"].shape
    assert names["blurred"].dtype == np.uint8
    assert names["blobs"].dtype == np.float32
    assert names["maps"].shape == (64, 32, 24, 24)
    assert names["deeper"].shape == (64, 48, 12, 12)
    np.testing.assert_allclose(names["same"].transpose(0, 3, 1, 2), names["deeper"], atol=1e-3)
    assert names["each"].shape == (64, 32, 22, 22)
    assert names["again"].tobytes() == parconv.gaussian(names["f"], 2).tobytes()


def test_ci_runs_the_readmes_test_command():
    install, run = re.search(
        r"python3 -m pip install (-e '\.\[test\]') && (pytest)", README
    ).groups()
    script = (ROOT / ".ci/run").read_text()
    assert f"{install}\n" in script
    assert script.rstrip().endswith(run)


def test_pictures_exist():
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures)


def test_commands_exist():
    from typer.main import get_command

    from parconv.cli import app

    told = set(re.findall(r"^parconv ([a-z]+)", "\n".join(_blocks("sh")), flags=re.M))
    assert told
    assert told <= set(get_command(app).commands)
