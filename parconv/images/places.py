"""Where files come from and go to: regular files only."""

import stat
from pathlib import Path


def check_source(path: Path) -> None:
    """Raise unless ``path`` is a file with a beginning and an end: a pipe is waited for forever."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"input {path} is no regular file: pass the name of a file")


def check_target(path: Path) -> None:
    """Raise ValueError unless a file can take the place ``path``: before the work, not after."""
    if path.is_dir():
        raise ValueError(f"output {path} is a directory: pass the name of a file")
    if path.exists() and not path.is_file():
        raise ValueError(f"output {path} is no regular file: pass the name of a file")
    if not path.parent.is_dir():
        raise ValueError(f"output {path}: there is no directory {path.parent}")


def check_png(path: Path) -> None:
    """Raise ValueError unless a PNG, which all drawn pictures are, can take the place ``path``."""
    check_target(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"output {path} will be a PNG: pass a name that ends in .png")
