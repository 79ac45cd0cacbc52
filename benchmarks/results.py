"""Reads what asv recorded."""

import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A benchmark with its parameters as asv writes them: ``bench_big.Big.time_x('7x7', 'float32')``.
Case = str


@dataclass(frozen=True)
class Value:
    """One number, and its samples where they were recorded; not measured is None."""

    params: tuple[str, ...]
    number: float | None
    samples: tuple[float, ...] = ()


@dataclass(frozen=True)
class Commit:
    """All results of one commit on one machine."""

    commit: str
    date: int  # milliseconds
    machine: str
    values: dict[Case, Value]

    def series(self, benchmark: str) -> list[tuple[tuple[str, ...], float]]:
        """Parameters and number of each case of one benchmark that was measured."""
        return [
            (value.params, value.number)
            for case, value in self.values.items()
            if case.split("(")[0] == benchmark and value.number is not None
        ]


def commits(folder: Path) -> list[Commit]:
    """Every commit with results in ``folder``, oldest first."""
    files = (path for path in folder.glob("*/*.json") if path.name != "machine.json")
    return sorted(map(_read, files), key=lambda commit: commit.date)


def _read(path: Path) -> Commit:
    record = json.loads(path.read_text(encoding="utf-8"))
    values: dict[Case, Value] = {}
    for name, row in record["results"].items():
        fields = dict(zip(record["result_columns"], row, strict=False))
        values |= dict(_values(name, fields))
    return Commit(record["commit_hash"], record["date"], record["params"]["machine"], values)


def _values(name: str, fields: dict[str, Any]) -> Iterator[tuple[Case, Value]]:
    params = list(itertools.product(*fields["params"]))
    numbers = fields["result"] or [None] * len(params)
    samples = fields.get("samples") or [None] * len(params)
    for chosen, number, taken in zip(params, numbers, samples, strict=True):
        case = f"{name}({', '.join(chosen)})" if chosen else name
        missing = number is None or math.isnan(number)
        plain = tuple(text.strip("'") for text in chosen)
        yield case, Value(plain, None if missing else number, tuple(taken or ()))
