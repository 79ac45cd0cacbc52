"""Distrusts tables on narrow terminals: every number must stand there, in one piece."""

import contextlib
import io
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from parconv.experiments.screen import table

ROOT = Path(__file__).parents[1]
NAMES = ("medium 1024x1024 7x7 float32", "small 28x28 3x3", "study 512x516x516 5x5 of float64")


def printed(width: int, columns: int) -> str:
    screen = Console(file=io.StringIO(), width=width)
    printed_to(screen, columns)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def printed_to(screen: Console, columns: int) -> None:
    found = table(("workload", *(f"peer {n}" for n in range(columns))), ("workload",), title="ms")
    for row, name in enumerate(NAMES):
        found.add_row(name, *(f"{number(row, n):.3f}" for n in range(columns)))
    screen.print(found)


def number(row: int, column: int) -> float:
    return 1000 * row + column + 0.125 * (column % 8)


@pytest.mark.parametrize("width", [60, 80, 120, 400])
@pytest.mark.parametrize("columns", [1, 3, 14])
def test_every_number_is_whole(width: int, columns: int) -> None:
    text = printed(width, columns)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    shown = re.findall(r"\d+\.\d{3}", text)
    wanted = [f"{number(row, n):.3f}" for row in range(len(NAMES)) for n in range(columns)]
    assert sorted(shown) == sorted(wanted)
    assert all(text.count(f"peer {n} ") == 1 for n in range(columns))
    assert text.count("ms") == 1


def test_every_block_names_its_rows() -> None:
    blocks = printed(80, 14).count("workload")
    assert blocks > 1
    assert printed(80, 14).count(NAMES[0]) == blocks
    assert printed(400, 14).count("workload") == 1


def test_what_is_too_wide_by_itself_is_folded_at_words() -> None:
    screen = Console(file=io.StringIO(), width=40)
    found = table(("name", "time", "limited by"), ("name", "limited by"))
    found.add_row("direct", "12.5", "the loads of a tile, of which two go at a time")
    screen.print(found)
    assert isinstance(screen.file, io.StringIO)
    text = screen.file.getvalue()
    assert max(map(len, text.splitlines())) <= 40
    assert "12.5" in text
    for word in ("loads", "which", "time"):
        assert word in text


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
@pytest.mark.parametrize("columns", [80, 120])
def test_a_commands_table_on_a_terminal(columns: int) -> None:
    """As a shell starts it: the width is the terminal's own."""
    import fcntl
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    code = (
        "import sys; sys.path.insert(0, 'tests'); import test_screen; "
        "from parconv.cli.app import console; test_screen.printed_to(console(), 14)"
    )
    env = {**os.environ, "TERM": "dumb"}
    for name in ("COLUMNS", "LINES"):
        env.pop(name, None)
    subprocess.run([sys.executable, "-c", code], stdout=theirs, env=env, check=True, cwd=ROOT)
    os.close(theirs)
    text = read_all(ours)
    assert max(map(len, text.splitlines())) <= columns
    assert max(map(len, text.splitlines())) > columns // 2
    wanted = [f"{number(row, n):.3f}" for row in range(len(NAMES)) for n in range(14)]
    assert sorted(re.findall(r"\d+\.\d{3}", text)) == sorted(wanted)


def read_all(descriptor: int) -> str:
    """What a terminal was told; Linux ends it by an error."""
    parts = []
    with contextlib.suppress(OSError):
        while part := os.read(descriptor, 65536):
            parts.append(part)
    os.close(descriptor)
    return b"".join(parts).decode()
