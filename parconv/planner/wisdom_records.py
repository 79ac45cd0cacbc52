"""All wisdom of this machine: listed, forgotten, carried to another installation on its like."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..runtime import records
from . import wisdom
from .wisdom import Wisdom

_NAME = re.compile(r"[0-9a-f]{20}\.json")  # as `records.digest` makes them
_FORMAT = "parconv wisdom 1"


@dataclass(frozen=True)
class Entry:
    """One record.

    Attributes
    ----------
    name : str
        Of its file.
    record : dict
        What the file holds, this machine's fingerprint included.
    wisdom : Wisdom
        The setting it tells of.
    """

    name: str
    record: records.Record
    wisdom: Wisdom

    def __str__(self) -> str:
        found = self.wisdom
        doubt = "" if records.is_steady(self.record) else "; not used: measured on a busy machine"
        return (
            f"{self.record.get('problem')}, up to {self.record.get('threads')} threads: "
            f"{found.strategy}, {found.threads} threads, {found.bands} bands, "
            f"{found.seconds * 1e3:.3g} ms, by rule {found.default_seconds * 1e3:.3g}, "
            f"{found.measured}{doubt}"
        )


def entries(pattern: str = "") -> list[Entry]:
    """Those of this machine whose problem matches the regular expression, by problem."""
    wanted, base = _compiled(pattern), wisdom.directory()
    folder = None if base is None else records.local(base)
    if folder is None or not folder.is_dir():
        return []
    found = (_entry(path.name, records.read(path)) for path in folder.iterdir())
    return sorted((it for it in found if it and wanted.search(str(it))), key=str)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"pattern={pattern!r} is no regular expression: {error}") from None


def _entry(name: str, record: Any) -> Entry | None:
    try:
        assert _NAME.fullmatch(name)
        return Entry(name, record, Wisdom(**record["wisdom"]))
    except (AssertionError, KeyError, TypeError, ValueError):
        return None


def forget(found: Sequence[Entry]) -> None:
    """Remove their files."""
    folder = records.local(wisdom.place())
    for entry in found:
        (folder / entry.name).unlink(missing_ok=True)


def to_text(found: Sequence[Entry]) -> str:
    """JSON that `from_text` reads."""
    listed = [{"name": entry.name, "record": entry.record} for entry in found]
    return json.dumps({"format": _FORMAT, "entries": listed}, indent=1)


def from_text(text: str) -> tuple[int, int]:
    """Take over what was exported; how many, and how many another kind of machine measured.

    The latter are left out, as is what this version of the kernels cannot ask for.  ValueError
    where the text is no export; nothing is written then.
    """
    found = list(_parsed(text))
    mine = [it for it in found if it.record.get("fingerprint") == records.fingerprint()]
    folder = records.local(wisdom.place())
    for entry in mine:
        records.write(folder / entry.name, entry.record)
    return len(mine), len(found) - len(mine)


def _parsed(text: str) -> Iterator[Entry]:
    try:
        content = json.loads(text)
        assert content["format"] == _FORMAT
        listed = [_entry(it["name"], it["record"]) for it in content["entries"]]
    except (ValueError, RecursionError, KeyError, TypeError, AssertionError):
        listed = [None]
    for entry in listed:
        if entry is None:
            raise ValueError("this is no export of wisdom: pass what `parconv wisdom export` wrote")
        yield entry
