"""A copy of the tree to put faults into, whose kernels come from the cache."""

import compileall
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from py_compile import PycInvalidationMode

from .faults import Fault

COPIED = ("parconv", "tests", "benchmarks", "pyproject.toml", "asv.conf.json", "README.md")
PLACES = "parconv/codegen/kernel_cache/places.py"
ASK = f"from {PLACES[:-3].replace('/', '.')} import source_hash, directory; print(directory())"
# Faults would change the hash; no kernel is made of what they are in.
PINNED = """

def source_hash() -> str:
    return {!r}
"""


def made(root: Path, folder: Path) -> Path:
    """The tree's copy below a folder, which processes import from."""
    from numba.core import config

    copy, kernels = folder / "tree", _kernels(root)
    for name in COPIED:
        if (root / name).is_dir():
            shutil.copytree(root / name, copy / name)
        elif (root / name).exists():
            shutil.copy(root / name, copy / name)
    with open(copy / PLACES, "a", encoding="utf-8") as file:
        file.write(PINNED.format(kernels.name.removeprefix("parconv-")))
    os.environ["PYTHONPATH"] = str(copy)
    os.environ["NUMBA_CACHE_DIR"] = str(folder / "kernels")
    config.reload_config()
    # By contents: a fault is put in and taken out within the same second.
    compileall.compile_dir(copy, quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
    return copy


def copy_kernels(root: Path, folder: Path) -> None:
    """The tree's kernels into a folder, for `renew`."""
    kernels = _kernels(root)
    (folder / kernels.name).mkdir(parents=True)
    if kernels.is_dir():
        shutil.copytree(kernels, folder / kernels.name, dirs_exist_ok=True)


def renew(copy: Path, kernels: Path | None) -> None:
    """A copy has these kernels and no others; what was compiled in it would be faulty elsewhere."""
    place = copy.parent / "kernels"
    shutil.rmtree(place, ignore_errors=True)
    if kernels is not None:  # links, for nobody writes into a file that is there
        shutil.copytree(kernels, place, copy_function=os.link)


def _kernels(root: Path) -> Path:
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=root, check=True, capture_output=True, text=True
    )
    return Path(done.stdout.strip())


@contextmanager
def faulty(copy: Path, fault: Fault) -> Iterator[None]:
    """The copy with a fault."""
    file = copy / fault.path
    right = file.read_bytes()
    file.write_bytes(fault.put_into(right))
    try:
        yield
    finally:
        file.write_bytes(right)
