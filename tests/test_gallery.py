"""The gallery's scripts: each runs as it stands, draws a picture and tells something."""

import ast
import runpy
from pathlib import Path

import pytest

plt = pytest.importorskip("matplotlib.pyplot", reason="matplotlib is not installed")

SCRIPTS = sorted((Path(__file__).parent.parent / "docs" / "examples").glob("*.py"))
NEEDS = {"streaming_zarr": "zarr"}
LONGEST = 90  # lines

every_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)


def test_there_are_enough() -> None:
    assert len(SCRIPTS) >= 16


@every_script
def test_a_script_runs(
    script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if script.stem in NEEDS:
        pytest.importorskip(NEEDS[script.stem])
    plt.switch_backend("agg")
    plt.close("all")
    monkeypatch.setenv("PARCONV_WISDOM", "off")
    runpy.run_path(str(script), run_name="__main__")
    pictures = [plt.figure(number) for number in plt.get_fignums()]
    plt.close("all")
    assert capsys.readouterr().out.strip()
    assert len(pictures) == 1
    assert all(axes.has_data() for axes in pictures[0].axes)


@every_script
def test_a_script_begins_as_the_gallery_reads_it(script: Path) -> None:
    """A title and a sentence; short, and in cells."""
    text = script.read_text(encoding="utf-8")
    title, rule, gap, sentence, *_ = (ast.get_docstring(ast.parse(text)) or "").splitlines()
    assert len(rule) == len(title)
    assert set(rule) == {"="}
    assert not gap
    assert sentence[0].isupper()
    assert "\n# %%\n" in text
    assert len(text.splitlines()) <= LONGEST
