"""What the history pages list: benchmarks with a description, and only what was ever measured."""

import ast
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .results import Commit, commits

HERE = Path(__file__).parent
BENCHMARKS = "benchmarks.json"


def prepared(results: Path, target: Path) -> Path:
    """A copy of the results of which asv's pages show nothing that no commit has."""
    shutil.copytree(results, target)
    path = target / BENCHMARKS
    known = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(listed(known, commits(results))), encoding="utf-8")
    return target


def listed(known: dict[str, Any], history: Sequence[Commit]) -> dict[str, Any]:
    """asv's table of benchmarks without values of parameters that were never measured."""
    told, found = descriptions(), dict[str, Any]()
    for name, row in known.items():
        if not isinstance(row, dict):  # the table's version
            found[name] = row
            continue
        measured = [params for commit in history for params, _ in commit.series(name)]
        if measured:
            axes = [set(values) for values in zip(*measured, strict=True)]
            params = [
                [value for value in values if value.strip("'") in axis]
                for values, axis in zip(row["params"], axes, strict=True)
            ]
            short = name.partition(".")[2]
            text = f"{short}: {told[name]}" if name in told else short
            found[name] = {**row, "params": params, "pretty_name": text}
    return found


def descriptions(folder: Path = HERE) -> dict[str, str]:
    """What every benchmark here measures, by its name: what its module and its class say.

    Examples
    --------
    >>> descriptions()["bench_big.Big.time_reused_output"].startswith("One big image")
    True
    """
    found: dict[str, str] = {}
    for path in sorted(folder.glob("bench_*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        for each in module.body:
            if isinstance(each, ast.ClassDef):
                text = f"{_first(module)}  {_first(each)}".strip()
                for name in _timed(each):
                    found[f"{path.stem}.{each.name}.{name}"] = text
    return found


def _timed(each: ast.ClassDef) -> list[str]:
    """The functions of a class, and names that it gives to others' functions."""
    names = [it.name for it in each.body if isinstance(it, ast.FunctionDef)]
    kinds = "time_", "track_", "peakmem_", "mem_", "timeraw_"
    return [name for name in names if name.startswith(kinds)]


def _first(node: ast.Module | ast.ClassDef) -> str:
    """The first paragraph of what it says, without brackets, at which asv cuts names."""
    text = (ast.get_docstring(node) or "").partition("\n\n")[0]
    return " ".join(text.split()).replace("(", "").replace(")", "")
