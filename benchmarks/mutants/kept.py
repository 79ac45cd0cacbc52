"""What a run leaves to the next one, which goes on with it: records, and what became of faults."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from .copies import COPIED
from .faults import Fault
from .recording import Record

Recorded = Callable[[list[str]], Iterable[Record]]


@dataclass(frozen=True)
class Kept:
    """In a folder, or nowhere; of one tree."""

    folder: Path | None

    @classmethod
    def of(cls, folder: Path | None, root: Path) -> "Kept":
        """A folder of another tree is refused: its lines and tests would be others."""
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            told, tree = folder / "tree", _hash(root)
            if told.exists() and told.read_text(encoding="utf-8") != tree:
                raise ValueError(f"--keep {folder} is of another tree: pass another folder")
            told.write_text(tree, encoding="utf-8")
        return cls(folder)

    def records(self, files: list[str], recorded: Recorded) -> list[Record]:
        """Of each file of tests: those that are there, others as they are made."""
        if self.folder is None:
            return list(recorded(files))
        places = [self.folder / f"record-{n}.json" for n in range(len(files))]
        wanted = [n for n, place in enumerate(places) if not place.exists()]
        made = recorded([files[n] for n in wanted])
        for n, record in zip(wanted, made, strict=True):
            _written(places[n], json.dumps(record.to_json()))
        return [Record.of_json(json.loads(place.read_bytes())) for place in places]

    def found(self, patience: float) -> dict[str, tuple[str, float]]:
        """By a fault's `key`: which test noticed it, and after how many seconds.

        Without those that no test noticed with less patience.
        """
        file = self.folder / "found.jsonl" if self.folder else None
        if file is None or not file.exists():
            return {}
        each = (json.loads(line) for line in _whole(file))
        return {key: (by, seconds) for key, by, seconds, waited in each if by or waited >= patience}

    def add(self, fault: Fault, by: str, seconds: float, patience: float) -> None:
        """What became of one more."""
        if self.folder:
            with open(self.folder / "found.jsonl", "a", encoding="utf-8") as file:
                print(json.dumps([fault.key, by, seconds, patience]), file=file)


def _whole(file: Path) -> list[str]:
    """Its lines, without a last one that a run was ended amid, which is removed."""
    text = file.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        _written(file, whole)
    return whole.splitlines()


def _written(file: Path, text: str) -> None:
    """Whole or not at all."""
    partial = file.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)


def _hash(root: Path) -> str:
    """Of all Python that is copied."""
    found = hashlib.sha256()
    for name in COPIED:
        for file in sorted((root / name).rglob("*.py")):
            found.update(str(file.relative_to(root)).encode() + file.read_bytes())
    return found.hexdigest()
