"""The samples of a sweep in a file, a line of JSON each, so that it can be taken up again.

The first line says which machine and which sweep; what follows is replayed in place of runs.
"""

import json
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from parconv.runtime import records

from .search import FailedError
from .settings import Setting

NAME = "samples.jsonl"
Entry = dict[str, Any]


class Journal:
    """Appends what is measured; gives back, in order, what was measured before.

    Parameters
    ----------
    directory : Path
        Where the file lies.
    options : dict
        What must be the same for the samples to be worth the same.
    resume : bool
        Take up the samples that are there; otherwise there must be none.
    """

    def __init__(self, directory: Path, options: Entry, resume: bool) -> None:
        self.path = directory / NAME
        self._head = {"fingerprint": records.fingerprint(), "options": options}
        self._known: defaultdict[tuple[str, Setting], deque[Entry]] = defaultdict(deque)
        self._file: IO[str] | None = None
        if self.path.exists():
            if not resume:
                raise ValueError(
                    f"output {directory} holds the samples of an earlier run: pass --resume to go "
                    "on with it, or another --output"
                )
            self._load()

    def __enter__(self) -> "Journal":
        new = not self.path.exists()
        self._file = open(self.path, "a", encoding="utf-8")
        if new:
            self._append(self._head)
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()

    def _load(self) -> None:
        """Every whole line; half a line at the end, left by a kill, is cut off."""
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if not whole:
            self.path.unlink()
            return
        try:
            head, *entries = map(json.loads, whole.splitlines())
            for entry in entries:
                self._known[entry["subject"], Setting(**entry["setting"])].append(entry)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self.path} is damaged ({error}): pass another --output") from None
        self._check(head)
        if whole != content:
            with open(self.path, "r+b") as file:
                file.truncate(len(whole))

    def _check(self, head: Any) -> None:
        for name, mine in self._head.items():
            theirs = head.get(name) if isinstance(head, dict) else None
            if theirs != mine:
                changed = _differences(theirs, mine)
                raise ValueError(
                    f"{self.path} is of another {'machine' if name == 'fingerprint' else 'sweep'} "
                    f"({changed}): pass another --output"
                )

    def _append(self, entry: Entry) -> None:
        assert self._file is not None
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()

    def recorded(
        self, subject: str, measure: Callable[[Setting], float]
    ) -> Callable[[Setting], float]:
        """``measure``, with a memory."""

        def run(setting: Setting) -> float:
            known = self._known[subject, setting]
            entry = known.popleft() if known else self._fresh(subject, setting, measure)
            if "error" in entry:
                raise FailedError(entry["error"])
            return float(entry["seconds"])

        return run

    def _fresh(self, subject: str, setting: Setting, measure: Callable[[Setting], float]) -> Entry:
        entry: Entry = {"subject": subject, "setting": asdict(setting)}
        try:
            entry["seconds"] = measure(setting)
        except FailedError as error:
            entry["error"] = str(error)
        self._append(entry)
        return entry


def _differences(theirs: Any, mine: Entry) -> str:
    if not isinstance(theirs, dict):
        return "its first line says nothing"
    names = [name for name in mine if theirs.get(name) != mine[name]]
    return ", ".join(f"{name} {theirs.get(name)}, now {mine[name]}" for name in names)
