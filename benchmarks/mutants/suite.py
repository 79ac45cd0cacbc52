"""Which files of tests are asked."""

from pathlib import Path

from .faults import PACKAGES

FOLDERS = "tests", "tests/reliability"
# Tests of other parts: of assembly, of the laboratory, of pages, of peers' own suites.
APART = (
    "arm_tiles", "asm", "asm_compared", "assembly", "baselines", "benchmarks", "bursts",
    "cache", "ceilings", "cli", "cold", "compat_astropy", "compat_networks", "compat_opencv",
    "compat_scipy", "compat_skimage", "compat_torch", "dask_cluster", "docs", "doctor",
    "emitted", "excerpts", "fork_matrix", "gallery", "history", "isa", "migration", "mutants",
    "onnx", "peers", "perf", "prediction", "race", "race_apart", "race_drawn", "race_peers",
    "roofline", "scaffold", "screen", "signals", "site", "steadiness", "storms", "studies_page",
    "tune", "vectors",
)  # fmt: skip


def files(root: Path) -> list[str]:
    """Their paths."""
    every = (file for folder in FOLDERS for file in sorted((root / folder).glob("test_*.py")))
    found = [
        str(file.relative_to(root))
        for file in every
        if file.stem.removeprefix("test_") not in APART
    ]
    return found + [f"parconv/{name}" for name in PACKAGES if (root / "parconv" / name).is_dir()]
