"""Quotients that users are promised: what a mask costs, what a store, how far ahead of a peer.

Every row has a base and others, called in turns on the same arrays; the least times are divided,
other by base.  A row's arrays are made when its turn comes, and its first calls compile.
"""

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

PARTS = ("masks", "stores", "volumes", "transposed", "networks", "missing",
         "boxes", "gaussians", "small", "chains")  # fmt: skip
# Seconds: in which calls follow one another before the next side's turn, of rest before each turn
# where a peer's threads spin after its calls, and of a row, beside which all have two turns.
TURN, REST, ROW = 0.01, 0.02, 1.0
LEAST_TURNS = 2

Call = Callable[[], Any]


@dataclass(frozen=True)
class Row:
    """What is compared: ``make(threads)`` answers the base's call, and those of the others.

    ``wanted`` is what their quotients must be, at least, or at most where ``most``; ``rests``:
    whether somebody's threads spin.
    """

    name: str
    wanted: float
    most: bool
    make: Callable[[int], tuple[Call, Mapping[str, Call]]]
    rests: bool = False

    def holds(self, quotient: float) -> bool:
        return quotient <= self.wanted if self.most else quotient >= self.wanted


def rows(parts: list[str], match: str = "") -> Iterator[tuple[str, Row]]:
    """Rows of these parts whose names the pattern is found in; ValueError for a part unknown."""
    for part in parts:
        if part not in PARTS:
            raise ValueError(f"--only {part!r}: the parts are {', '.join(PARTS)}")
        module = import_module(f"{__name__}.{part}")
        yield from ((part, row) for row in module.rows() if re.search(match, row.name))


def measure(
    parts: list[str], match: str, threads: int, seconds: float, path: Path | None
) -> Iterator[dict[str, Any]]:
    """Of every row and other: both times, their quotient, and whether it is as wanted."""
    found = []
    for part, row in rows(parts, match):
        base, others = row.make(threads)
        least, *times = least_times([base, *others.values()], row.rests, seconds)
        for other, taken in zip(others, times, strict=True):
            quotient = taken / least
            line = {
                "part": part, "name": row.name, "other": other, "threads": threads, "base": least,
                "time": taken, "quotient": quotient, "wanted": row.wanted, "most": row.most,
                "holds": row.holds(quotient),
            }  # fmt: skip
            found.append(line)
            yield line
    if path:
        path.write_text(json.dumps(found, indent=1), encoding="utf-8")


def least_times(calls: list[Call], rests: bool, seconds: float) -> list[float]:
    """Seconds of each, in turns, of several calls each where they are short."""
    for call in calls * 2:  # a second call may plan anew, knowing the first
        call()
    least, end = [float("inf")] * len(calls), time.perf_counter() + seconds
    for turn in itertools.count():
        if turn >= LEAST_TURNS and time.perf_counter() > end:
            return least
        for n, call in enumerate(calls):
            time.sleep(REST if rests else 0)
            least[n] = min(least[n], _least_of_a_turn(call))
    raise AssertionError("turns end")


def _least_of_a_turn(call: Call) -> float:
    least, over = float("inf"), time.perf_counter() + TURN
    while True:
        begun = time.perf_counter()
        call()
        now = time.perf_counter()
        least = min(least, now - begun)
        if now > over:
            return least


def told(line: Mapping[str, Any]) -> str:
    """One line for the reader."""
    sign, word = "<=" if line["most"] else ">=", "" if line["holds"] else "  SHORT"
    times = f"{_shown(line['base'])} {_shown(line['time'])}"
    name = f"{line['part']}: {line['name']}: {line['other']}"
    return f"{name:60} {times} {line['quotient']:6.2f} {sign} {line['wanted']:g}{word}"


def opencv(threads: int) -> Any:
    """The module, on so many threads."""
    import cv2

    cv2.setNumThreads(threads)
    return cv2


def _shown(seconds: float) -> str:
    return f"{1e3 * seconds:9.4g} ms"
